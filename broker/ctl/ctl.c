#include "ctl/ctl.h"
#include "ctl/output.h"
#include <locale.h>
#include <stdarg.h>
#include <string.h>

#define PROGRAM "sekishoctl"

const SkOption sk_ctl_global_options[] = {
  { "socket", SK_OPTION_FILE, "PATH", NULL,
    "the broker's socket (default: $SEKISHO_SOCKET, /run/sekisho/api.sock)",
    "ブローカーのソケット（省略時: $SEKISHO_SOCKET、/run/sekisho/api.sock）", ":file" },
  { "format", SK_OPTION_TEXT, "table|json|csv", NULL, "how to print", "表示の形式", "table,json,csv" },
  { "columns", SK_OPTION_TEXT, "NAME,...", NULL, "which columns, in this order", "表示する列とその順番",
    NULL },
  { "help", SK_OPTION_FLAG, NULL, NULL, "show help", "使い方を表示", NULL },
  { NULL },
};

const SkNoun *const sk_ctl_nouns[] = { &sk_pool_noun,
                                       &sk_vm_noun,
                                       &sk_session_noun,
                                       &sk_image_noun,
                                       &sk_doctor_noun,
                                       &sk_operation_noun,
                                       &sk_transfer_noun,
                                       &sk_approval_noun,
                                       &sk_matter_noun,
                                       &sk_people_noun,
                                       &sk_audit_noun,
                                       &sk_policy_noun,
                                       &sk_monitor_noun,
                                       &sk_query_noun,
                                       &sk_shutdown_noun,
                                       &sk_version_noun,
                                       NULL };

void
sk_ctl_say (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *clean = sk_output_clean (text);
  g_printerr (PROGRAM ": %s\n", clean);
}

/* -- tables --------------------------------------------------------------------------------------------- */

const SkNoun *
sk_ctl_find_noun (const char *name)
{
  for (const SkNoun *const *noun = sk_ctl_nouns; *noun; noun++)
    if (g_strcmp0 ((*noun)->name, name) == 0)
      return *noun;
  return NULL;
}

const SkVerb *
sk_ctl_find_verb (const SkNoun *noun, const char *name)
{
  for (const SkVerb *verb = noun->verbs; verb->run; verb++)
    if (!verb->name || g_strcmp0 (verb->name, name) == 0)
      return verb;
  return NULL;
}

static const SkOption *
find_in (const SkOption *options, const char *name)
{
  for (const SkOption *option = options; option && option->name; option++)
    if (strcmp (option->name, name) == 0)
      return option;
  return NULL;
}

const SkOption *
sk_ctl_find_option (const SkVerb *verb, const char *name)
{
  const SkOption *option = verb ? find_in (verb->options, name) : NULL;
  return option ? option : find_in (sk_ctl_global_options, name);
}

gboolean
sk_ctl_flag (SkCtl *ctl, const char *name)
{
  return g_hash_table_contains (ctl->options, name);
}

const char *
sk_ctl_text (SkCtl *ctl, const char *name)
{
  GPtrArray *values = g_hash_table_lookup (ctl->options, name);
  return values ? g_ptr_array_index (values, values->len - 1) : NULL;
}

/* -- help ----------------------------------------------------------------------------------------------- */

static void
help_options (const SkOption *options)
{
  for (const SkOption *option = options; option && option->name; option++)
    {
      g_autofree char *left = g_strdup_printf ("--%s%s%s", option->name, option->value ? " " : "",
                                               option->value ? option->value : "");
      g_autofree char *padded = sk_output_pad (left, 26, FALSE);
      g_print ("  %s  %s\n", padded, SK_TR (option->en, option->ja));
    }
}

static char *
usage_of (const SkNoun *noun, const SkVerb *verb)
{
  return g_strdup_printf ("%s%s%s%s%s", noun->name, verb->name ? " " : "", verb->name ? verb->name : "",
                          verb->arguments ? " " : "", verb->arguments ? verb->arguments : "");
}

static void
help_noun (const SkNoun *noun)
{
  for (const SkVerb *verb = noun->verbs; verb->run; verb++)
    {
      g_autofree char *usage = usage_of (noun, verb);
      g_autofree char *padded = sk_output_pad (usage, 32, FALSE);
      g_print ("  %s  %s\n", padded, SK_TR (verb->en, verb->ja));
    }
}

void
sk_ctl_help (const SkNoun *noun, const SkVerb *verb)
{
  g_autofree char *usage = noun && verb ? usage_of (noun, verb) : NULL;
  g_print ("%s: " PROGRAM " %s%s\n\n", SK_TR ("Usage", "使い方"),
           usage ? usage : SK_TR ("NOUN VERB [ARGUMENT...]", "対象 操作 [引数...]"),
           SK_TR (" [OPTION...]", " [オプション...]"));
  if (verb)
    g_print ("%s\n\n", SK_TR (verb->en, verb->ja));
  else if (noun)
    help_noun (noun);
  else
    for (const SkNoun *const *each = sk_ctl_nouns; *each; each++)
      help_noun (*each);
  if (verb && verb->options)
    {
      g_print ("%s:\n", SK_TR ("Options", "オプション"));
      help_options (verb->options);
      g_print ("\n");
    }
  g_print ("%s%s:\n", verb ? "" : "\n", SK_TR ("For all commands", "共通のオプション"));
  help_options (sk_ctl_global_options);
}

/* -- command line --------------------------------------------------------------------------------------- */

static gboolean
usage_error (GError **error, const char *en, const char *ja, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s%s%s", SK_TR (en, ja), *what ? ": " : "", what);
  return FALSE;
}

static void
add_value (SkCtl *ctl, const char *name, const char *value)
{
  GPtrArray *values = g_hash_table_lookup (ctl->options, name);
  if (!values)
    {
      values = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (ctl->options, g_strdup (name), values);
    }
  g_ptr_array_add (values, g_strdup (value));
}

/* "--name", "--name=value", "--name value". */
static gboolean
parse_option (SkCtl *ctl, const SkVerb *verb, char ***at, GError **error)
{
  const char *word = **at + 2;
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals ? g_strndup (word, (gsize) (equals - word)) : g_strdup (word);
  const SkOption *option = sk_ctl_find_option (verb, name);

  if (!option)
    return usage_error (error, "unknown option", "知らないオプションです", **at);
  if (option->type == SK_OPTION_FLAG)
    {
      if (equals)
        return usage_error (error, "this option takes no value", "このオプションに値はありません", name);
      add_value (ctl, name, "");
      return TRUE;
    }
  if (!equals && !(*at)[1])
    return usage_error (error, "this option needs a value", "このオプションには値が必要です", name);
  add_value (ctl, name, equals ? equals + 1 : *++*at);
  return TRUE;
}

/* Words that are not options go to `arguments`. "--" ends the options. */
static gboolean
parse_words (SkCtl *ctl, const SkVerb *verb, char **words, GPtrArray *arguments, GError **error)
{
  gboolean only_arguments = FALSE;
  for (char **at = words; *at; at++)
    {
      if (only_arguments || !g_str_has_prefix (*at, "--"))
        g_ptr_array_add (arguments, *at);
      else if (strcmp (*at, "--") == 0)
        only_arguments = TRUE;
      else if (!parse_option (ctl, verb, &at, error))
        return FALSE;
    }
  return TRUE;
}

/* The command's words may stand behind global options: finds the first two words that are none. */
static void
find_command (char **words, const SkNoun **ret_noun, const SkVerb **ret_verb, const char **ret_first)
{
  const char *found[2] = { NULL };
  gsize n = 0;
  for (char **at = words; *at && n < 2; at++)
    {
      const SkOption *option = g_str_has_prefix (*at, "--") ? find_in (sk_ctl_global_options, *at + 2) : NULL;
      if (option && option->type != SK_OPTION_FLAG && at[1])
        at++;
      else if (!g_str_has_prefix (*at, "--"))
        found[n++] = *at;
    }
  *ret_first = found[0];
  *ret_noun = found[0] ? sk_ctl_find_noun (found[0]) : NULL;
  *ret_verb = *ret_noun ? sk_ctl_find_verb (*ret_noun, found[1]) : NULL;
}

/* A verb may have formats of its own. */
static gboolean
apply_globals (SkCtl *ctl, const SkVerb *verb, GError **error)
{
  static const char *const formats[] = { "table", "json", "csv" };
  const char *format = find_in (verb->options, "format") ? NULL : sk_ctl_text (ctl, "format");
  ctl->client = sk_client_new (sk_ctl_text (ctl, "socket"));
  ctl->columns = g_strdup (sk_ctl_text (ctl, "columns"));
  for (gsize i = 0; format && i < G_N_ELEMENTS (formats); i++)
    if (strcmp (formats[i], format) == 0)
      {
        ctl->format = (SkFormat) i;
        format = NULL;
      }
  return !format || usage_error (error, "unknown format", "知らない形式です", format);
}

static gboolean
run_words (SkCtl *ctl, char **words, GError **error)
{
  const SkNoun *noun;
  const SkVerb *verb;
  const char *first;
  g_autoptr (GPtrArray) arguments = g_ptr_array_new ();

  find_command (words, &noun, &verb, &first);
  if (!parse_words (ctl, verb, words, arguments, error))
    return FALSE;
  if (sk_ctl_flag (ctl, "help"))
    {
      sk_ctl_help (noun, verb);
      return TRUE;
    }
  if (!first)
    return usage_error (error, "what to do is missing; see: " PROGRAM " --help",
                        "操作がありません。" PROGRAM " --help で確認してください", "");
  if (!noun || !verb)
    return usage_error (error, "unknown command; see: " PROGRAM " --help",
                        "知らない操作です。" PROGRAM " --help で確認してください", first);
  g_ptr_array_remove_range (arguments, 0, verb->name ? 2 : 1);
  if (arguments->len < verb->least || arguments->len > verb->most)
    return usage_error (error, "arguments", "引数",
                        verb->arguments ? verb->arguments : SK_TR ("none", "なし"));
  g_ptr_array_add (arguments, NULL);
  return apply_globals (ctl, verb, error) && verb->run (ctl, (char **) arguments->pdata, error);
}

/* glibc would turn Japanese into question marks where the locale is not installed; our texts are UTF-8. */
static void
print_utf8 (const char *text)
{
  fputs (text, stdout);
}

static void
print_error_utf8 (const char *text)
{
  fputs (text, stderr);
}

/* Faults of the connection are told by the table's sentence; all others bring their own. */
static void
say_error (const GError *error)
{
  const SkErrorInfo *info = sk_error_info (error);
  g_autofree char *text = sk_both_pick (error->message, sk_locale_is_japanese ());
  gboolean bare
      = info->code == SK_ERROR_PROTOCOL || info->code == SK_ERROR_LIMIT || info->code == SK_ERROR_INTERNAL;
  if (bare && !g_str_has_prefix (text, SK_TR (info->en, info->ja)))
    sk_ctl_say (SK_TR ("error: %s (%s)", "エラー: %s（%s）"), SK_TR (info->en, info->ja), text);
  else
    sk_ctl_say (SK_TR ("error: %s", "エラー: %s"), text);
}

int
sk_ctl_main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  SkCtl ctl = { .options = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                                  (GDestroyNotify) g_ptr_array_unref) };

  setlocale (LC_ALL, "");
  g_set_print_handler (print_utf8);
  g_set_printerr_handler (print_error_utf8);
  if (argc > 1 && strcmp (argv[1], "_complete") == 0)
    sk_ctl_complete (argc - 2, argv + 2);
  else if (!run_words (&ctl, argv + 1, &error))
    {
      say_error (error);
      ctl.exit_status = sk_error_info (error)->exit_status;
    }
  fflush (stdout);
  g_clear_pointer (&ctl.client, sk_client_free);
  g_free (ctl.columns);
  g_hash_table_unref (ctl.options);
  return ctl.exit_status;
}
