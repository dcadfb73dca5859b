#include "ctl/ctl.h"
#include <string.h>

static void
offer (const char *word)
{
  g_print ("%s\n", word);
}

/* Names of rows, as "PATH MEMBER" of the API says. Silent when the broker does not answer. */
static void
offer_names (const char *where)
{
  g_auto (GStrv) parts = g_strsplit (where, " ", 2);
  g_autoptr (SkClient) client = sk_client_new (NULL);
  g_autoptr (JsonNode) answer = sk_client_call (client, "GET", parts[0], NULL, NULL, NULL);
  JsonArray *rows = answer && JSON_NODE_HOLDS_ARRAY (answer) ? json_node_get_array (answer) : NULL;
  for (guint i = 0; rows && parts[1] && i < json_array_get_length (rows); i++)
    {
      JsonNode *row = json_array_get_element (rows, i);
      const char *name = JSON_NODE_HOLDS_OBJECT (row)
                             ? sk_json_get_string (json_node_get_object (row), parts[1], NULL)
                             : NULL;
      if (name && !strpbrk (name, " \t\n'\"\\$`"))
        offer (name);
    }
}

static void
offer_source (const char *source)
{
  g_auto (GStrv) words = NULL;
  if (!source)
    return;
  if (source[0] == '/')
    {
      offer_names (source);
      return;
    }
  words = g_strsplit (source, ",", 0);
  for (char **word = words; *word; word++)
    offer (*word);
}

static void
offer_options (const SkOption *options)
{
  for (const SkOption *option = options; option && option->name; option++)
    {
      g_autofree char *word = g_strdup_printf ("--%s", option->name);
      offer (word);
    }
}

static void
offer_commands (const SkNoun *noun)
{
  for (const SkNoun *const *each = sk_ctl_nouns; !noun && *each; each++)
    offer ((*each)->name);
  for (const SkVerb *verb = noun ? noun->verbs : NULL; verb && verb->run; verb++)
    if (verb->name)
      offer (verb->name);
}

/* The words before the last, without options and their values. */
static GPtrArray *
plain_words (int argc, char **argv, const SkOption **ret_open)
{
  GPtrArray *words = g_ptr_array_new ();
  *ret_open = NULL;
  for (int i = 0; i < argc; i++)
    {
      const SkNoun *noun = words->len > 0 ? sk_ctl_find_noun (g_ptr_array_index (words, 0)) : NULL;
      const SkVerb *verb
          = noun ? sk_ctl_find_verb (noun, words->len > 1 ? g_ptr_array_index (words, 1) : NULL) : NULL;
      const SkOption *option
          = g_str_has_prefix (argv[i], "--") ? sk_ctl_find_option (verb, argv[i] + 2) : NULL;
      if (option && option->type != SK_OPTION_FLAG)
        {
          if (i + 1 == argc)
            *ret_open = option;
          else if (strcmp (option->name, "socket") == 0)
            g_setenv ("SEKISHO_SOCKET", argv[i + 1], TRUE);
          i++;
        }
      else if (!g_str_has_prefix (argv[i], "--"))
        g_ptr_array_add (words, argv[i]);
    }
  return words;
}

void
sk_ctl_complete (int argc, char **argv)
{
  const SkOption *open = NULL;
  const char *last = argc > 0 ? argv[argc - 1] : "";
  g_autoptr (GPtrArray) words = plain_words (MAX (argc - 1, 0), argv, &open);
  const SkNoun *noun = words->len > 0 ? sk_ctl_find_noun (g_ptr_array_index (words, 0)) : NULL;
  const SkVerb *verb
      = noun ? sk_ctl_find_verb (noun, words->len > 1 ? g_ptr_array_index (words, 1) : NULL) : NULL;
  guint used = verb && verb->name ? 2 : 1;

  if (open)
    offer_source (open->complete);
  else if (g_str_has_prefix (last, "-"))
    {
      offer_options (verb ? verb->options : NULL);
      offer_options (sk_ctl_global_options);
    }
  else if (!verb)
    {
      if (words->len == (noun ? 1 : 0))
        offer_commands (noun);
    }
  else if (words->len == used && verb->most > 0)
    offer_source (verb->complete);
}
