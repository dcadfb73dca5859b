#include "common/error.h"
#include "common/name.h"
#include <string.h>

typedef struct
{
  const char *from, *to;
} Case;

static void
test_safe (void)
{
  static const Case cases[] = {
    { "報告書.txt", "報告書.txt" },
    { "令和8年度/予算/内訳 (案).xlsx", "令和8年度/予算/内訳 (案).xlsx" },
    { "山田　太郎.png", "山田　太郎.png" },
    { "a//b/./c/", "a/b/c" },
    { "か\u3099き\u3099.txt", "がぎ.txt" },       /* NFD, as macOS makes it */
    { "invoice\u202egpj.exe", "invoicegpj.exe" }, /* seems to end in exe.jpg */
    { "a\u200bb\u200dc\ufeffd\u2066e", "abcde" }, /* zero width, isolate */
    { "a\nb\tc\x7f\xc2\x85", "abc" },             /* controls */
    { "葛\U000e0100城", "葛\U000e0100城" },       /* a person's own shape of a kanji */
    { "a\U000e0100\ufe0f.txt", "a.txt" },         /* hides data behind a letter */
    { "\U000e0041\U000e0042x", "x" },             /* tags: invisible text */
    { ".bashrc", "_bashrc" },
    { "d/.ssh/authorized_keys", "d/_ssh/authorized_keys" },
    { "\u200b.profile", "_profile" },
    { "...", "_" },
    { "a\\..\\b", "a_.._b" },
    { "a<b>c:d\"e|f?g*h", "a_b_c_d_e_f_g_h" },
    { "C:evil", "C_evil" },
    { "file.txt::$DATA", "file.txt__$DATA" },
    { "x.exe. . ", "x.exe" },
    { "  x ", "x" },
    { "a\u00a0b", "a b" },
    { "con", "_con" },
    { "NUL.txt", "_NUL.txt" },
    { "nul .txt", "_nul .txt" },
    { "com1", "_com1" },
    { "LPT¹.log", "_LPT¹.log" },
    { "CLOC\u212a$", "_CLOCK$" }, /* the Kelvin sign is a K in NFC */
    { "console.txt", "console.txt" },
    { "COM", "COM" },
    { "COM12", "COM12" },
    { "a\ufdd0", "a_" },
    { "\ue000", "\ue000" }, /* a gaiji of the town's own */
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *to = sk_name_sanitise (cases[i].from, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (to, ==, cases[i].to);
      g_autofree char *again = sk_name_sanitise (to, NULL);
      g_assert_cmpstr (again, ==, to);
    }
}

static void
check_refused (const char *path, SkErrorCode code)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *to = sk_name_sanitise (path, &error);
  g_assert_null (to);
  g_assert_error (error, SK_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, " / ")); /* both languages */
}

static void
test_invalid (void)
{
  static const char *const paths[]
      = { "",     "/",     ".",          "./",     "/etc/passwd", "..",   "../x",      "a/../../x",
          "a/..", ".. /x", ".\u200b./x", "\u200b", "\u202e..",    "\xff", "a\xc0\xaf", "x\xed\xa0\x80",
          " ",    "//" };
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    check_refused (paths[i], SK_ERROR_INVALID);
}

static char *
times (const char *text, guint n)
{
  GString *all = g_string_new (NULL);
  while (n--)
    g_string_append (all, text);
  return g_string_free (all, FALSE);
}

static void
check_limit (const char *fits, const char *longer)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *to = sk_name_sanitise (fits, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (to, ==, fits);
  check_refused (longer, SK_ERROR_LIMIT);
}

static void
test_limits (void)
{
  g_autofree char *kanji = times ("字", SK_NAME_COMPONENT_MAX / 3);
  g_autofree char *one_more = g_strconcat (kanji, "x", NULL);
  check_limit (kanji, one_more);

  g_autofree char *deep = times ("d/", SK_NAME_DEPTH_MAX - 1);
  g_autofree char *file = g_strconcat (deep, "f", NULL);
  g_autofree char *below = g_strconcat (deep, "d/f", NULL);
  check_limit (file, below);

  g_autofree char *folder = g_strnfill (SK_NAME_COMPONENT_MAX, 'x');
  g_autofree char *over = g_strjoin ("/", folder, folder, folder, folder + 2, "yy", NULL);
  g_assert_cmpuint (strlen (over), ==, SK_NAME_PATH_MAX);
  g_autofree char *too_long = g_strconcat (over, "y", NULL);
  check_limit (over, too_long);
  g_autofree char *nothing = times ("\u200b", SK_NAME_UNTRUSTED_MAX / 3 + 1);
  check_refused (nothing, SK_ERROR_LIMIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/name/safe", test_safe);
  g_test_add_func ("/name/invalid", test_invalid);
  g_test_add_func ("/name/limits", test_limits);
  return g_test_run ();
}
