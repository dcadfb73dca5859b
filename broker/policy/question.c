/* Questions: from the core's own knowledge, or described word by word by an administrator. */
#include "policy/policy-private.h"
#include <string.h>

static void
free_finding (gpointer data)
{
  SkPolicyFinding *finding = data;
  g_free (finding->kind);
  g_free (finding);
}

SkPolicyQuestion *
sk_policy_question_new (void)
{
  SkPolicyQuestion *q = g_new0 (SkPolicyQuestion, 1);
  q->bytes = 1;
  q->count = 1;
  q->channel = SK_CHANNEL_LAN;
  q->minute = 10 * 60;
  q->weekday = 1;
  return q;
}

void
sk_policy_question_free (SkPolicyQuestion *q)
{
  g_strfreev (q->types);
  g_free (q->user);
  g_strfreev (q->groups);
  g_free (q->section);
  g_free (q->organisation);
  g_clear_pointer (&q->findings, g_ptr_array_unref);
  g_free (q->antivirus);
  g_free (q);
}

void
sk_policy_question_add_finding (SkPolicyQuestion *q, const char *kind, guint count)
{
  SkPolicyFinding *finding = g_new0 (SkPolicyFinding, 1);
  finding->kind = g_strdup (kind);
  finding->count = count;
  if (!q->findings)
    q->findings = g_ptr_array_new_with_free_func (free_finding);
  g_ptr_array_add (q->findings, finding);
}

void
sk_policy_question_set_time (SkPolicyQuestion *q, GDateTime *local)
{
  q->minute = (guint) (g_date_time_get_hour (local) * 60 + g_date_time_get_minute (local));
  q->weekday = (guint) g_date_time_get_day_of_week (local);
}

/* -- described
 * ----------------------------------------------------------------------------------------------- */

static gboolean
set_direction (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return sk_cross_from_word (value, &q->direction)
         || sk_policy_trouble (trouble, "write import or export", "import か export を書いてください");
}

static gboolean
set_kind (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return sk_kind_from_word (value, &q->kind)
         || sk_policy_trouble (trouble, "write file, text, image, url or print",
                               "file、text、image、url、print のどれかを書いてください");
}

static gboolean
no_such_word (SkPolicyTrouble *trouble)
{
  return sk_policy_trouble (trouble, "there is no such word for this key; see the key reference",
                            "このキーに使えない語です。キーの一覧を確認してください");
}

static gboolean
append (char ***list, const char *value, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  if (!items)
    return FALSE;
  if (*list)
    g_strv_builder_addv (builder, (const char **) *list);
  g_strv_builder_addv (builder, (const char **) items);
  g_strfreev (*list);
  *list = g_strv_builder_end (builder);
  return TRUE;
}

static gboolean
set_type (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  for (char **item = items; item && *item; item++)
    if (!sk_policy_value_type (*item, FALSE, trouble))
      return FALSE;
  return items && append (&q->types, value, trouble);
}

static gboolean
set_bytes (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_bytes (value, &q->bytes, trouble);
}

static gboolean
set_count (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  guint64 count;
  if (!sk_policy_value_number (value, 0, G_MAXUINT32 - 1, &count, trouble))
    return FALSE;
  q->count = (guint) count;
  return TRUE;
}

static gboolean
set_text (char **text, const char *value)
{
  g_free (*text);
  *text = g_strdup (value);
  return TRUE;
}

static gboolean
set_user (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return set_text (&q->user, value);
}

static gboolean
set_group (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return append (&q->groups, value, trouble);
}

static gboolean
set_section (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return set_text (&q->section, value);
}

static gboolean
set_organisation (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return set_text (&q->organisation, value);
}

static gboolean
set_channel (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  guint index = 0;
  if (!sk_policy_find_word (sk_channel_words, value, &index))
    return no_such_word (trouble);
  q->channel = (SkChannel) index;
  return TRUE;
}

static gboolean
set_hour (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  return sk_policy_value_clock (value, &q->minute, trouble);
}

static gboolean
set_weekday (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  guint index = 0;
  if (!sk_policy_find_word (sk_policy_weekday_words, value, &index))
    return no_such_word (trouble);
  q->weekday = index + 1;
  return TRUE;
}

static gboolean
set_one_finding (SkPolicyQuestion *q, const char *text, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) parts = g_strsplit (text, "=", 2);
  guint64 count = 1;
  if (!parts[0] || !sk_policy_name_is_valid (parts[0]))
    return sk_policy_trouble (
        trouble, "not a finding; write my-number or my-number=3, or none",
        "検出の名前ではありません。my-number、my-number=3、none のように書いてください");
  if (parts[1] && !sk_policy_value_number (parts[1], 1, G_MAXUINT32, &count, trouble))
    return FALSE;
  sk_policy_question_add_finding (q, parts[0], (guint) count);
  return TRUE;
}

static gboolean
set_finding (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  for (char **item = items; item && *item; item++)
    if (strcmp (value, "none") != 0 && !set_one_finding (q, *item, trouble))
      return FALSE;
  q->findings_known = items != NULL;
  return q->findings_known;
}

static gboolean
set_antivirus (SkPolicyQuestion *q, const char *value, SkPolicyTrouble *trouble)
{
  guint index = 0;
  if (!sk_policy_find_word (sk_policy_antivirus_words, value, &index))
    return no_such_word (trouble);
  return set_text (&q->antivirus, value);
}

const char *const sk_policy_question_keys[]
    = { "direction",    "kind",    "type", "bytes",   "count",   "user",      "group", "section",
        "organisation", "channel", "hour", "weekday", "finding", "antivirus", NULL };

static gboolean (*const setters[]) (SkPolicyQuestion *, const char *, SkPolicyTrouble *)
    = { set_direction, set_kind,         set_type,    set_bytes, set_count,   set_user,    set_group,
        set_section,   set_organisation, set_channel, set_hour,  set_weekday, set_finding, set_antivirus };
G_STATIC_ASSERT (G_N_ELEMENTS (setters) + 1 == G_N_ELEMENTS (sk_policy_question_keys));

gboolean
sk_policy_question_put (SkPolicyQuestion *q, const char *untrusted_key, const char *untrusted_value,
                        SkPolicyTrouble *trouble)
{
  for (guint i = 0; sk_policy_question_keys[i]; i++)
    if (strcmp (sk_policy_question_keys[i], untrusted_key) == 0)
      {
        sk_policy_trouble (trouble, "the value is not valid", "値が正しくありません");
        return g_utf8_validate (untrusted_value, -1, NULL) && setters[i](q, untrusted_value, trouble);
      }
  return sk_policy_trouble (trouble, "a question has no such key; see the key reference",
                            "質問にないキーです。キーの一覧を確認してください");
}

gboolean
sk_policy_question_set (SkPolicyQuestion *q, const char *untrusted_key, const char *untrusted_value,
                        GError **error)
{
  SkPolicyTrouble trouble;
  return sk_policy_question_put (q, untrusted_key, untrusted_value, &trouble)
         || sk_policy_fail (error, SK_ERROR_INVALID, untrusted_key, 0, trouble.en, trouble.ja,
                            untrusted_value);
}

void
sk_policy_question_complete (SkPolicyQuestion *q)
{
  static const char *const usual[] = {
    [SK_KIND_FILE] = NULL,           [SK_KIND_TEXT] = "text/plain",       [SK_KIND_IMAGE] = "image/png",
    [SK_KIND_URL] = "text/uri-list", [SK_KIND_PRINT] = "application/pdf",
  };
  if (!q->types && usual[q->kind])
    q->types = g_strdupv ((char *[]){ (char *) usual[q->kind], NULL });
  q->findings_known = TRUE;
  if (!q->antivirus)
    q->antivirus = g_strdup ("unscanned");
}

/* -- written down
 * ------------------------------------------------------------------------------------------------- */

/* What a list of a rule cannot name, no rule can ask for. */
static gboolean
can_be_named (const char *item)
{
  SkPolicyTrouble trouble;
  g_auto (GStrv) items = sk_policy_value_list (item, &trouble);
  return items && g_strv_length (items) == 1 && strcmp (items[0], item) == 0 && !strchr (item, '\n');
}

static void
add_each (GString *text, const char *key, char **items)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (char **item = items; item && *item; item++)
    if (g_hash_table_add (seen, *item) && can_be_named (*item))
      g_string_append_printf (text, "%s = %s\n", key, *item);
}

static void
add_text (GString *text, const char *key, const char *value)
{
  if (value && *value && !strchr (value, '\n'))
    g_string_append_printf (text, "%s = %s\n", key, value);
}

/* One line a kind: rules count all of it. */
static void
add_findings (GString *text, const SkPolicyQuestion *q)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; q->findings && i < q->findings->len; i++)
    {
      const char *kind = ((const SkPolicyFinding *) q->findings->pdata[i])->kind;
      guint64 n = 0;
      for (guint k = i; k < q->findings->len && !g_hash_table_contains (seen, kind); k++)
        if (strcmp (((const SkPolicyFinding *) q->findings->pdata[k])->kind, kind) == 0)
          n += ((const SkPolicyFinding *) q->findings->pdata[k])->count;
      if (g_hash_table_add (seen, (gpointer) kind))
        g_string_append_printf (text, "finding = %s=%" G_GUINT64_FORMAT "\n", kind,
                                CLAMP (n, 1, (guint64) G_MAXUINT32));
    }
  if (q->findings_known && (!q->findings || q->findings->len == 0))
    g_string_append (text, "finding = none\n");
}

char *
sk_policy_question_to_text (const SkPolicyQuestion *q)
{
  GString *text = g_string_new (NULL);
  add_text (text, "direction", sk_cross_word (q->direction));
  add_text (text, "kind", sk_kind_word (q->kind));
  add_each (text, "type", q->types);
  g_string_append_printf (text, "bytes = %" G_GUINT64_FORMAT "\ncount = %u\n", q->bytes, q->count);
  add_text (text, "user", q->user);
  add_each (text, "group", q->groups);
  add_text (text, "section", q->section);
  add_text (text, "organisation", q->organisation);
  add_text (text, "channel", sk_channel_words[q->channel]);
  g_string_append_printf (text, "hour = %02u:%02u\n", q->minute / 60, q->minute % 60);
  add_text (text, "weekday", sk_policy_weekday_words[q->weekday - 1]);
  add_findings (text, q);
  add_text (text, "antivirus", q->antivirus);
  return g_string_free (text, FALSE);
}

SkPolicyQuestion *
sk_policy_question_from_text (const char *text, GError **error)
{
  g_autoptr (SkPolicyQuestion) q = sk_policy_question_new ();
  g_auto (GStrv) lines = g_strsplit (text, "\n", 0);
  for (char **line = lines; *line; line++)
    {
      char *equals = strstr (*line, " = ");
      if (!**line)
        continue;
      if (equals)
        *equals = '\0';
      if (!sk_policy_question_set (q, *line, equals ? equals + strlen (" = ") : "", error))
        return NULL;
    }
  return g_steal_pointer (&q);
}
