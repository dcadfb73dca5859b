/* Runs a harness without libFuzzer: every corpus file as it is, then a fixed number of mutations of each with
 * a fixed seed, so that an ordinary test run covers the parsers and a failure can be repeated. FUZZ_ROUNDS
 * raises the number (default 300 a file), FUZZ_SEED changes the seed. Prints TAP, one point a file. */
#include "fuzz.h"
#include <glib.h>
#include <string.h>

#define ROUNDS_DEFAULT 300
/* Longer than any message, to go over every limit. */
#define INPUT_MAX (256 * 1024)

static gsize
mutate (GRand *rand, guint8 *data, gsize length)
{
  guint edits = (guint) g_rand_int_range (rand, 1, 8);
  for (guint i = 0; i < edits; i++)
    {
      gsize at = length ? (gsize) g_rand_int_range (rand, 0, (gint32) length) : 0;
      switch (g_rand_int_range (rand, 0, 6))
        {
        case 0: /* flip */
          if (length)
            data[at] ^= (guint8) (1 << g_rand_int_range (rand, 0, 8));
          break;
        case 1: /* set to an edge value */
          if (length)
            data[at] = "\x00\xff\x7f\x80\x01"[g_rand_int_range (rand, 0, 5)];
          break;
        case 2: /* cut */
          length = at;
          break;
        case 3: /* double a piece */
          {
            gsize n = MIN (length - at, INPUT_MAX - length);
            memmove (data + length, data + at, n);
            length += n;
          }
          break;
        case 4: /* remove one byte: shifts all lengths */
          if (length)
            {
              memmove (data + at, data + at + 1, length - at - 1);
              length--;
            }
          break;
        default: /* random bytes at the end */
          for (guint k = 0; k < 16 && length < INPUT_MAX; k++)
            data[length++] = (guint8) g_rand_int (rand);
        }
    }
  return length;
}

static void
run_file (const char *path, GRand *rand, guint rounds)
{
  g_autofree char *content = NULL;
  gsize length = 0;
  g_autoptr (GError) error = NULL;
  if (!g_file_get_contents (path, &content, &length, &error))
    g_error ("%s", error->message);
  length = MIN (length, INPUT_MAX);
  LLVMFuzzerTestOneInput ((const uint8_t *) content, length);
  g_autofree guint8 *work = g_malloc (INPUT_MAX);
  for (guint i = 0; i < rounds; i++)
    {
      memcpy (work, content, length);
      gsize n = mutate (rand, work, length);
      /* An exact-size copy, so that a sanitizer sees a read past the end. */
      g_autofree guint8 *exact = g_memdup2 (work, n ? n : 1);
      LLVMFuzzerTestOneInput (exact, n);
    }
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

int
main (int argc, char **argv)
{
  const char *rounds_text = g_getenv ("FUZZ_ROUNDS"), *seed_text = g_getenv ("FUZZ_SEED");
  guint rounds = rounds_text ? (guint) g_ascii_strtoull (rounds_text, NULL, 10) : ROUNDS_DEFAULT;
  guint32 seed = seed_text ? (guint32) g_ascii_strtoull (seed_text, NULL, 10) : 20261121;
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = argc == 2 ? g_dir_open (argv[1], 0, &error) : NULL;
  const char *name;

  if (!dir)
    g_error ("usage: %s CORPUS_DIR (%s)", argv[0], error ? error->message : "one folder");
  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_build_filename (argv[1], name, NULL));
  g_ptr_array_sort (names, compare_names);
  g_assert_cmpuint (names->len, >, 0);
  g_print ("1..%u\n", names->len);
  for (guint i = 0; i < names->len; i++)
    {
      run_file (names->pdata[i], rand, rounds);
      g_autofree char *base = g_path_get_basename (names->pdata[i]);
      g_print ("ok %u - %s, %u mutations\n", i + 1, base, rounds);
    }
  return 0;
}
