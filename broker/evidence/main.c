/* sekisho-audit-verify BUNDLE: for auditors, on any computer. */
#include "api/json.h"
#include "common/i18n.h"
#include "audit/chain.h"
#include "evidence/evidence.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct
{
  gboolean json;
  GString *faults; /* JSON */
} Output;

static void
print_line (const char *text, gpointer data)
{
  printf ("%s\n", text);
}

static void
on_fault (SkEvidenceFault fault, const char *where, gpointer data)
{
  Output *output = data;
  if (output->json)
    g_string_append_printf (output->faults, "%s{\"fault\":\"%s\",\"where\":\"%s\"}",
                            output->faults->len ? "," : "", sk_evidence_word (fault), where);
  else
    printf (SK_TR ("NOT PROVEN: %s (%s)\n", "証明できません: %s（%s）\n"),
            sk_evidence_sentence (fault, sk_locale_is_japanese ()), where);
}

static gboolean
fail (GError **error, const char *text)
{
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, text);
  return FALSE;
}

/* A file with 64 hex digits, as STATE/audit.pub is, or the digits themselves. */
static gboolean
read_key (const char *argument, char **ret_key, GError **error)
{
  g_autofree char *text = NULL;
  if (!argument)
    return TRUE;
  if (!g_file_get_contents (argument, &text, NULL, NULL))
    text = g_strdup (argument);
  g_strstrip (text);
  if (!sk_chain_is_hash (text))
    return fail (error, SK_TR ("--key: neither a file with a public key (audit.pub) nor its 64 digits",
                               "--key: 公開鍵のファイル（audit.pub）か、その 64 桁を指定してください"));
  *ret_key = g_steal_pointer (&text);
  return TRUE;
}

static SkEvidence *
read_bundle (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) failed = NULL;
  gsize length = 0;
  struct stat about;
  if (stat (path, &about) == 0 && about.st_size > SK_EVIDENCE_BYTES_MAX)
    g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "%s: > %d MiB", path, SK_EVIDENCE_BYTES_MAX >> 20);
  else if (!g_file_get_contents (path, &text, &length, &failed))
    g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND, failed->message);
  else
    {
      SkEvidence *evidence = sk_evidence_parse (text, length, &failed);
      if (evidence)
        return evidence;
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                   SK_TR ("%s is no evidence bundle, or it is damaged (%s). Ask for it again.",
                          "%s は証拠一式ではないか、壊れています（%s）。もう一度受け取ってください。"),
                   path, failed->message);
    }
  return NULL;
}

static void
say_good (SkEvidence *evidence, const char *key)
{
  printf (
      "%s\n",
      SK_TR (
          "PROVEN: the file is as the broker signed it, its rows are rows of the audit trail, unchanged, "
          "and files, decisions and comments are those of the rows.",
          "証明されました: このファイルはブローカーが署名したままで、行は監査記録の行から変更されておらず、"
          "ファイル・判断・コメントも記録と一致します。"));
  if (!key)
    printf (SK_TR ("The key came with the file. Compare it with the one that you keep (audit.pub), or give "
                   "--key:\n  %s\n",
                   "公開鍵はこのファイルに付属のものです。保管している鍵（audit.pub）と見比べるか、--key "
                   "で指定してください:\n  %s\n"),
            sk_evidence_public_key (evidence));
}

static int
verify (const char *path, const char *key, gboolean json, GError **error)
{
  g_autoptr (SkEvidence) evidence = read_bundle (path, error);
  g_autoptr (GString) text = g_string_new (NULL);
  Output output = { json, text };
  if (!evidence)
    return sk_error_info (error ? *error : NULL)->exit_status;
  const guint faults = sk_evidence_check (evidence, key, on_fault, &output);
  if (json)
    printf ("{\"proven\":%s,\"public_key\":\"%s\",\"faults\":[%s]}\n", faults ? "false" : "true",
            sk_evidence_public_key (evidence), text->str);
  else if (faults == 0)
    {
      say_good (evidence, key);
      sk_evidence_tell (evidence, sk_locale_is_japanese (), print_line, NULL);
    }
  return faults ? 1 : 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *key_argument = NULL, *key = NULL;
  gboolean json = FALSE, version = FALSE;
  const GOptionEntry entries[] = {
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &key_argument,
      SK_TR ("The public key that you keep (audit.pub, or its digits)",
             "保管している公開鍵（audit.pub またはその数字）"),
      "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, SK_TR ("For programs", "プログラム用の形式で表示"), NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, SK_TR ("Print the version", "バージョンを表示"), NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (SK_TR ("BUNDLE", "証拠一式"));
  setlocale (LC_ALL, "");
  g_option_context_set_summary (
      context, SK_TR ("Checks an evidence bundle of Sekisho, without the broker and its database.",
                      "関所の証拠一式を、ブローカーとデータベースなしで確かめます。"));
  g_option_context_add_main_entries (context, entries, NULL);
  int status = 64;
  if (!g_option_context_parse (context, &argc, &argv, &error))
    status = 64;
  else if (version)
    {
      printf ("sekisho-audit-verify %s\n", SK_VERSION);
      return 0;
    }
  else if (argc != 2)
    fail (&error,
          SK_TR ("one bundle is needed; see --help", "証拠一式を一つ指定してください（--help 参照）"));
  else if (read_key (key_argument, &key, &error))
    status = verify (argv[1], key, json, &error);
  if (error)
    fprintf (stderr, SK_TR ("sekisho-audit-verify: error: %s\n", "sekisho-audit-verify: エラー: %s\n"),
             error->message);
  return status;
}
