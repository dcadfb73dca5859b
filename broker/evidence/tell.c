/* What a bundle says, in words. Texts of guests and people are printed without control characters. */
#include "common/i18n.h"
#include "evidence/evidence-private.h"
#include <string.h>

typedef struct
{
  SkEvidence *evidence;
  gboolean japanese;
  void (*line) (const char *, gpointer);
  gpointer data;
} Teller;

#define SAY(en, ja) (t->japanese ? (ja) : (en))

static const struct
{
  const char *action, *en, *ja;
} words[] = {
  { "transfer.receiving", "began to send", "送信を開始" },
  { "transfer.quarantined", "arrived", "受領" },
  { "transfer.inspecting", "inspection began", "検査を開始" },
  { "transfer.held", "waits for approval", "承認待ち" },
  { "transfer.approved", "approved by the rules", "規則により承認" },
  { "transfer.refused", "refused by the rules", "規則により拒否" },
  { "transfer.denied", "denied", "却下" },
  { "approval.approved", "approved", "承認" },
  { "approval.denied", "denied", "却下" },
  { "transfer.releasing", "released", "引渡しを許可" },
  { "transfer.delivered", "delivered", "引渡し完了" },
  { "transfer.cancelled", "withdrawn", "取下げ" },
  { "transfer.expired", "expired", "期限切れ" },
  { "transfer.purged", "contents deleted", "内容を消去" },
  { "transfer.commented", "commented", "コメント" },
  { "audit.held", "legal hold", "保全を開始" },
  { "audit.released", "end of the legal hold", "保全を終了" },
  { "audit.exported", "evidence was exported", "証拠一式を書き出し" },
};

static const char *
word_of (const Teller *t, const char *action)
{
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    if (strcmp (words[i].action, action) == 0)
      return SAY (words[i].en, words[i].ja);
  return action;
}

static char *
clean (const char *untrusted_text)
{
  GString *text = g_string_new (NULL);
  for (const char *c = untrusted_text; *c; c = g_utf8_next_char (c))
    {
      const gunichar u = g_utf8_get_char (c);
      if (g_unichar_isprint (u) && g_unichar_type (u) != G_UNICODE_FORMAT)
        g_string_append_unichar (text, u);
      else
        g_string_append_c (text, '?');
    }
  return g_string_free (text, FALSE);
}

static void say (const Teller *t, const char *format, ...) G_GNUC_PRINTF (2, 3);
static void
say (const Teller *t, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_autofree char *printable = clean (text);
  t->line (printable, t->data);
}

static char *
time_of (gint64 microseconds)
{
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (microseconds / G_USEC_PER_SEC);
  g_autoptr (GDateTime) local = utc ? g_date_time_to_local (utc) : NULL;
  return local ? g_date_time_format (local, "%Y-%m-%d %H:%M:%S %z") : g_strdup ("?");
}

static void
tell_items (const Teller *t, JsonObject *transfer)
{
  JsonArray *items = json_object_get_array_member (transfer, "items");
  for (guint i = 0; i < json_array_get_length (items); i++)
    {
      JsonObject *item = json_array_get_object_element (items, i);
      const char *result = json_object_get_string_member (item, "result_name");
      say (t,
           SAY ("  file: %s, %" G_GINT64_FORMAT " bytes, SHA-256 %s",
                "  ファイル: %s、%" G_GINT64_FORMAT " バイト、SHA-256 %s"),
           json_object_get_string_member (item, "name"), json_object_get_int_member (item, "bytes"),
           json_object_get_string_member (item, "sha256"));
      if (*result)
        say (t,
             SAY ("    after inspection: %s, %" G_GINT64_FORMAT " bytes, SHA-256 %s",
                  "    検査後: %s、%" G_GINT64_FORMAT " バイト、SHA-256 %s"),
             result, json_object_get_int_member (item, "result_bytes"),
             json_object_get_string_member (item, "result_sha256"));
    }
}

static void
tell_rows (const Teller *t, const char *id)
{
  for (guint i = 0; i < t->evidence->rows->len; i++)
    {
      const SkEvidenceRow *row = t->evidence->rows->pdata[i];
      g_autofree char *when = time_of (row->time);
      if (strcmp (row->object, id) != 0)
        continue;
      JsonNode *comment = row->parsed ? json_object_get_member (row->parsed, "comment") : NULL;
      const char *text = comment && JSON_NODE_HOLDS_VALUE (comment) ? json_node_get_string (comment) : NULL;
      say (t, "  %s  #%" G_GINT64_FORMAT "  %s  %s%s%s", when, row->seq, word_of (t, row->action), row->actor,
           text && *text ? ": " : "", text && *text ? text : "");
      if (!row->parsed && *row->details == '\0' && g_str_has_prefix (row->action, "transfer."))
        say (t, "%s",
             SAY ("    (its details were let go of after their time)",
                  "    （詳細は保存期間の終了により消去済み）"));
    }
}

static void
tell_transfer (const Teller *t, JsonObject *transfer)
{
  const char *id = json_object_get_string_member (transfer, "id");
  const char *purpose = json_object_get_string_member (transfer, "purpose");
  const gboolean out = strcmp (json_object_get_string_member (transfer, "direction"), "export") == 0;
  say (t, SAY ("Transfer %s: %s, by %s (%s)", "転送 %s: %s、利用者 %s（%s）"), id,
       out ? SAY ("from LGWAN to the internet side", "LGWAN からインターネット側へ")
           : SAY ("from the internet side to LGWAN", "インターネット側から LGWAN へ"),
       json_object_get_string_member (transfer, "user"), json_object_get_string_member (transfer, "section"));
  if (*purpose)
    say (t, SAY ("  reason: %s", "  理由: %s"), purpose);
  tell_items (t, transfer);
  tell_rows (t, id);
}

void
sk_evidence_tell (SkEvidence *self, gboolean japanese, void (*line) (const char *, gpointer), gpointer data)
{
  const Teller teller = { self, japanese, line, data }, *t = &teller;
  JsonArray *transfers = json_object_get_array_member (self->object, "transfers");
  g_autofree char *when = time_of (json_object_get_int_member (self->object, "created"));
  say (t, SAY ("Exported by %s at %s; %u rows of the audit trail.", "%s が %s に書き出し。監査記録 %u 行。"),
       json_object_get_string_member (self->object, "by"), when, self->rows->len);
  for (guint i = 0; i < json_array_get_length (transfers); i++)
    tell_transfer (t, json_array_get_object_element (transfers, i));
}
