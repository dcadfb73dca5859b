/* One value of a line. Strict: what has two readings is refused. */
#include "policy/policy-private.h"
#include <string.h>

#define MINUTES_PER_DAY (24 * 60)
/* Of users, groups, sections: as long as a folder's name may be. */
#define ITEM_BYTES_MAX 255

gboolean
sk_policy_trouble (SkPolicyTrouble *trouble, const char *en, const char *ja)
{
  trouble->en = en;
  trouble->ja = ja;
  return FALSE;
}

static gboolean
check_item (char **items, guint index, SkPolicyTrouble *trouble)
{
  if (index >= SK_POLICY_LIST_MAX)
    return sk_policy_trouble (trouble, "more than 64 elements; use a group or several rules",
                              "要素が 64 個を超えています。グループか複数の規則を使ってください");
  if (!*items[index] || strlen (items[index]) > ITEM_BYTES_MAX)
    return sk_policy_trouble (trouble, "an element of the list is empty or too long; write: one, two",
                              "空か長すぎる要素があります。「一, 二」のように書いてください");
  for (guint i = 0; i < index; i++)
    if (strcmp (items[i], items[index]) == 0)
      return sk_policy_trouble (trouble, "an element stands twice; remove one",
                                "同じ要素が二つあります。片方を消してください");
  return TRUE;
}

char **
sk_policy_value_list (const char *value, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = g_strsplit (value, ",", SK_POLICY_LIST_MAX + 2);
  for (guint i = 0; items[i]; i++)
    {
      g_strstrip (items[i]);
      if (!check_item (items, i, trouble))
        return NULL;
    }
  return g_steal_pointer (&items);
}

gboolean
sk_policy_find_word (const char *const *words, const char *word, guint *ret_index)
{
  for (guint i = 0; words[i]; i++)
    if (g_strcmp0 (words[i], word) == 0)
      {
        *ret_index = i;
        return TRUE;
      }
  return FALSE;
}

gboolean
sk_policy_value_words (const char *value, const char *const *words, guint *ret_bits, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  guint bits = 0, index;
  for (char **item = items; item && *item; item++)
    {
      if (!sk_policy_find_word (words, *item, &index))
        return sk_policy_trouble (trouble, "there is no such word for this key; see the key reference",
                                  "このキーに使えない語です。キーの一覧を確認してください");
      bits |= 1u << index;
    }
  *ret_bits = bits;
  return items != NULL;
}

gboolean
sk_policy_value_number (const char *value, guint64 least, guint64 most, guint64 *ret,
                        SkPolicyTrouble *trouble)
{
  guint64 number;
  if (!g_ascii_string_to_unsigned (value, 10, least, most, &number, NULL))
    return sk_policy_trouble (trouble, "not a whole number, or outside what is possible",
                              "整数でないか、範囲の外です");
  *ret = number;
  return TRUE;
}

typedef struct
{
  const char *suffix;
  guint64 factor;
} Unit;

/* Digits and a unit, with or without a blank between. */
static gboolean
parse_with_unit (const char *value, const Unit *units, guint64 most, guint64 *ret)
{
  gsize digits = strspn (value, "0123456789");
  g_autofree char *number_text = g_strndup (value, digits);
  g_autofree char *suffix = g_strstrip (g_strdup (value + digits));
  guint64 number;
  for (const Unit *unit = units; unit->suffix; unit++)
    if (strcmp (unit->suffix, suffix) == 0
        && g_ascii_string_to_unsigned (number_text, 10, 0, most / unit->factor, &number, NULL))
      {
        *ret = number * unit->factor;
        return TRUE;
      }
  return FALSE;
}

gboolean
sk_policy_value_bytes (const char *value, guint64 *ret, SkPolicyTrouble *trouble)
{
  static const Unit units[] = {
    { "", 1 },
    { "KiB", 1 << 10 },
    { "MiB", 1 << 20 },
    { "GiB", 1 << 30 },
    { "TiB", G_GUINT64_CONSTANT (1) << 40 },
    { NULL },
  };
  if (!parse_with_unit (value, units, SK_POLICY_BYTES_MAX, ret))
    return sk_policy_trouble (
        trouble, "not a size up to 1TiB; write bytes, or KiB, MiB, GiB: 10MiB",
        "1TiB までの大きさではありません。バイト数か KiB、MiB、GiB で書いてください（例: 10MiB）");
  return TRUE;
}

gboolean
sk_policy_value_minutes (const char *value, guint *ret, SkPolicyTrouble *trouble)
{
  static const Unit units[] = { { "m", 1 }, { "h", 60 }, { "d", MINUTES_PER_DAY }, { NULL } };
  guint64 minutes;
  if (!parse_with_unit (value, units, SK_POLICY_MINUTES_MAX, &minutes) || minutes == 0)
    return sk_policy_trouble (trouble, "not a time from 1m to 90d; write 30m, 4h or 3d",
                              "1m から 90d までの時間ではありません。30m、4h、3d のように書いてください");
  *ret = (guint) minutes;
  return TRUE;
}

gboolean
sk_policy_value_seconds (const char *value, guint most, guint *ret, SkPolicyTrouble *trouble)
{
  static const Unit units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { NULL } };
  guint64 seconds;
  if (!parse_with_unit (value, units, most, &seconds) || seconds == 0)
    return sk_policy_trouble (trouble, "not a time from 1s to 1h; write 30s or 5m",
                              "1s から 1h までの時間ではありません。30s、5m のように書いてください");
  *ret = (guint) seconds;
  return TRUE;
}

gboolean
sk_policy_value_days (const char *value, guint most, guint *ret, SkPolicyTrouble *trouble)
{
  static const Unit units[] = { { "d", 1 }, { NULL } };
  guint64 days;
  if (!parse_with_unit (value, units, most, &days))
    return sk_policy_trouble (trouble, "not a number of days up to 3653d; write 90d",
                              "3653d までの日数ではありません。90d のように書いてください");
  *ret = (guint) days;
  return TRUE;
}

gboolean
sk_policy_value_switch (const char *value, gboolean *ret, SkPolicyTrouble *trouble)
{
  if (strcmp (value, "yes") != 0 && strcmp (value, "no") != 0)
    return sk_policy_trouble (trouble, "write yes or no", "yes か no を書いてください");
  *ret = *value == 'y';
  return TRUE;
}

gboolean
sk_policy_value_range (const char *value, gboolean bytes, SkPolicyRange *ret, SkPolicyTrouble *trouble)
{
  SkPolicyRange range = { 0, G_MAXUINT64 };
  g_auto (GStrv) ends = g_strsplit (value, "..", 3);
  guint64 *targets[] = { &range.least, &range.most };
  if (g_strv_length (ends) != 2 || (!*ends[0] && !*ends[1]))
    return sk_policy_trouble (
        trouble, "not a range; write 1KiB..10MiB, ..10MiB or 10MiB.. (ends included)",
        "範囲ではありません。1KiB..10MiB、..10MiB、10MiB.. のように書いてください（両端を含む）");
  for (guint i = 0; i < 2; i++)
    {
      const char *end = g_strstrip (ends[i]);
      if (*end
          && !(bytes ? sk_policy_value_bytes (end, targets[i], trouble)
                     : sk_policy_value_number (end, 0, SK_POLICY_COUNT_MAX, targets[i], trouble)))
        return FALSE;
    }
  if (range.least > range.most)
    return sk_policy_trouble (trouble, "the range ends before it begins; swap the ends",
                              "範囲の始まりが終わりより大きいです。入れ替えてください");
  *ret = range;
  return TRUE;
}

gboolean
sk_policy_value_clock (const char *value, guint *ret_minute, SkPolicyTrouble *trouble)
{
  guint hour, minute;
  gboolean shaped = strlen (value) == 5 && g_ascii_isdigit (value[0]) && g_ascii_isdigit (value[1])
                    && value[2] == ':' && g_ascii_isdigit (value[3]) && g_ascii_isdigit (value[4]);
  hour = shaped ? (guint) (value[0] - '0') * 10 + (guint) (value[1] - '0') : 0;
  minute = shaped ? (guint) (value[3] - '0') * 10 + (guint) (value[4] - '0') : 0;
  if (!shaped || hour > 23 || minute > 59)
    return sk_policy_trouble (trouble, "not a time of day; write 08:30",
                              "時刻ではありません。08:30 のように書いてください");
  *ret_minute = hour * 60 + minute;
  return TRUE;
}

/* RFC 6838's characters; a star only as the whole second half, or both. */
gboolean
sk_policy_value_type (const char *value, gboolean pattern, SkPolicyTrouble *trouble)
{
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-";
  const char *slash = strchr (value, '/');
  gsize first = slash ? (gsize) (slash - value) : 0;
  if (pattern && strcmp (value, "*") == 0)
    return TRUE;
  if (first == 0 || strspn (value, allowed) != first || !slash[1]
      || (strspn (slash + 1, allowed) != strlen (slash + 1) && !(pattern && strcmp (slash, "/*") == 0)))
    return sk_policy_trouble (trouble, "not a type; write image/png, or image/* in a rule",
                              "種類ではありません。image/png（規則では image/* も可）のように書いてください");
  return TRUE;
}

gboolean
sk_policy_value_weekdays (const char *value, guint *ret_bits, SkPolicyTrouble *trouble)
{
  g_auto (GStrv) items = sk_policy_value_list (value, trouble);
  guint bits = 0;
  for (char **item = items; item && *item; item++)
    {
      g_auto (GStrv) ends = g_strsplit (*item, "-", 3);
      guint from, to;
      if (g_strv_length (ends) > 2 || !sk_policy_find_word (sk_policy_weekday_words, ends[0], &from)
          || !sk_policy_find_word (sk_policy_weekday_words, ends[1] ? ends[1] : ends[0], &to) || to < from)
        return sk_policy_trouble (trouble, "not days of the week; write mon-fri, sun",
                                  "曜日ではありません。mon-fri, sun のように書いてください");
      for (guint day = from; day <= to; day++)
        bits |= 1u << day;
    }
  *ret_bits = bits;
  return items != NULL;
}
