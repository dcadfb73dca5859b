#include "desktop/transfer-text.h"
#include "common/i18n.h"
#include "desktop/names.h"
#include <string.h>

static const struct
{
  const char *word, *en, *ja;
  gboolean lost;
} states[] = {
  { "receiving", "being sent", "送信中", FALSE },
  { "quarantined", "waiting for inspection", "検査待ち", FALSE },
  { "inspecting", "being inspected", "検査中", FALSE },
  { "refused", "refused", "送れません", TRUE },
  { "held", "waiting for approval", "承認待ち", FALSE },
  { "approved", "approved", "承認済み", FALSE },
  { "denied", "denied", "否認", TRUE },
  { "releasing", "being handed over", "受け渡し中", FALSE },
  { "delivered", "delivered", "届きました", FALSE },
  { "purged", "finished, deleted", "完了（削除済み）", FALSE },
  { "cancelled", "withdrawn", "取り下げ", TRUE },
  { "expired", "expired", "期限切れ", TRUE },
};

const char *
sk_transfer_state_text (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (strcmp (states[i].word, state) == 0)
      return SK_TR (states[i].en, states[i].ja);
  return state;
}

gboolean
sk_transfer_is_lost (const SkTransferInfo *info)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    if (strcmp (states[i].word, info->state) == 0)
      return states[i].lost;
  return FALSE;
}

char *
sk_transfer_bytes_text (guint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
  double size = (double) bytes;
  gsize unit = 0;
  for (; size >= 1024 && unit + 1 < G_N_ELEMENTS (units); unit++)
    size /= 1024;
  return g_strdup_printf (unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

char *
sk_transfer_time_text (gint64 microseconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (microseconds / G_USEC_PER_SEC);
  return time && microseconds > 0 ? g_date_time_format (time, "%Y-%m-%d %H:%M") : g_strdup ("-");
}

/* NULL: it is none. The name it has, "clipboard.txt", is not its user's. */
static const char *
copy_text (const SkTransferInfo *info)
{
  return strcmp (info->kind, "text") == 0    ? SK_TR ("a copied text", "コピーした文章")
         : strcmp (info->kind, "image") == 0 ? SK_TR ("a copied picture", "コピーした画像")
                                             : NULL;
}

char *
sk_transfer_names_text (const SkTransferInfo *info)
{
  if (copy_text (info))
    return g_strdup (copy_text (info));
  const SkTransferInfoItem *first = info->items->len ? info->items->pdata[0] : NULL;
  const guint count = MAX (info->count, info->items->len);
  if (!first)
    return g_strdup_printf (SK_TR ("%u files", "%u 件"), count);
  const char *untrusted = *first->untrusted_name ? first->untrusted_name : first->untrusted_result_name;
  g_autofree char *name = sk_names_for_people (untrusted);
  if (count <= 1)
    return g_steal_pointer (&name);
  return g_strdup_printf (SK_TR ("%s and %u more", "%s ほか %u 件"), name, count - 1);
}

/* -- what happens next ----------------------------------------------------------------------------------- */

static char *
left_text (gint64 until)
{
  const gint64 minutes = MAX (0, (until - g_get_real_time ()) / G_USEC_PER_SEC / 60);
  if (minutes >= 24 * 60)
    return g_strdup_printf (SK_TR ("%d days %d hours left", "残り %d日%d時間"), (int) (minutes / 60 / 24),
                            (int) (minutes / 60 % 24));
  return minutes >= 60 ? g_strdup_printf (SK_TR ("%d hours left", "残り %d時間"), (int) (minutes / 60))
                       : g_strdup_printf (SK_TR ("%d minutes left", "残り %d分"), (int) minutes);
}

static char *
held_text (const SkTransferInfo *info)
{
  GString *text = g_string_new (NULL);
  g_autofree char *people = info->who ? g_strjoinv (SK_TR (", ", "、"), info->who) : g_strdup ("");
  g_autofree char *who = sk_names_for_people (people);
  g_autofree char *until = sk_transfer_time_text (info->until);
  if (*who)
    g_string_append_printf (
        text,
        SK_TR ("It waits for approval. Who can approve it now: %s", "承認を待っています。承認できる人: %s"),
        who);
  else
    g_string_append (text,
                     SK_TR ("It waits for approval. Nobody can approve it just now; tell your administrator.",
                            "承認を待っています。いま承認できる人がいません。管理者に相談してください。"));
  if (info->stages > 1)
    g_string_append_printf (text, SK_TR (" (step %u of %u)", "（%u/%u 段階目）"), info->stage, info->stages);
  if (info->need > 1)
    g_string_append_printf (text, SK_TR (" (%u of %u have approved)", "（%u/%u 人が承認）"), info->given,
                            info->need);
  if (info->until > 0)
    {
      g_autofree char *left = left_text (info->until);
      g_string_append_printf (text, SK_TR (", until %s (%s)", "（期限 %s、%s）"), until, left);
    }
  if (info->escalated > 0)
    g_string_append (text, SK_TR ("; it was passed on, because nobody decided in time",
                                  "。期限内に判断されなかったため上申されました"));
  else if (info->escalates > 0)
    {
      g_autofree char *when = sk_transfer_time_text (info->escalates);
      g_string_append_printf (
          text, SK_TR ("; from %s on others are asked too", "。%s を過ぎると上申されます"), when);
    }
  return g_string_free (text, FALSE);
}

static char *
refused_text (const SkTransferInfo *info)
{
  g_autofree char *reason = sk_names_for_people (info->refusal ? info->refusal : "");
  if (*reason)
    return g_strdup_printf (SK_TR ("It was refused: %s", "送れません: %s"), reason);
  return g_strdup (
      SK_TR ("It was refused. Ask your administrator why.", "送れません。理由は管理者に確認してください。"));
}

static char *
denied_text (const SkTransferInfo *info)
{
  const guint n = info->decisions->len;
  g_autofree char *last = sk_names_for_people (n ? info->decisions->pdata[n - 1] : "");
  if (*last)
    return g_strdup_printf (SK_TR ("It was not approved (%s).", "承認されませんでした（%s）。"), last);
  return g_strdup (SK_TR ("It was not approved.", "承認されませんでした。"));
}

static const struct
{
  const char *state, *en, *ja;
} next[] = {
  { "receiving", "It is not yet sent completely.", "まだ送信が終わっていません。" },
  { "quarantined", "It waits for its inspection.", "検査の順番を待っています。" },
  { "inspecting", "It is being inspected; the rest happens by itself. See: sekisho sent",
    "検査しています。このあとは自動で進みます。状況は sekisho sent で確認できます。" },
  { "approved", "It is approved and is being handed over.", "承認されました。まもなく届きます。" },
  { "releasing", "It is allowed and is being handed over.", "許可されました。まもなく届きます。" },
  { "delivered", "It has arrived.", "届きました。" },
  { "purged", "It had arrived, and its copy here has been deleted.", "届いたあと、控えは削除されました。" },
};

/* Why: the broker's own sentence, where there is one. */
static char *
over_text (const SkTransferInfo *info)
{
  g_autofree char *why = sk_names_for_people (info->refusal ? info->refusal : "");
  if (*why)
    return g_steal_pointer (&why);
  return g_strdup (strcmp (info->state, "expired") == 0
                       ? SK_TR ("Nobody decided in time. Send it again.",
                                "期限までに承認されませんでした。もう一度送ってください。")
                       : SK_TR ("It was withdrawn.", "取り下げられました。"));
}

/* Lines of a kind: as it waits, as it is lost, as it was approved. */
static const struct
{
  const char *kind, *en[3], *ja[3];
} titles[] = {
  { "file",
    { "Your files are not sent yet", "Your files were not sent", "Your files were approved" },
    { "ファイルはまだ送られていません", "ファイルは送られませんでした", "ファイルの送信が承認されました" } },
  { "text",
    { "The text you copied does not cross yet", "The text you copied does not cross",
      "The text you copied was approved" },
    { "コピーした文章はまだ渡せません", "コピーした文章は渡せません", "コピーした文章が承認されました" } },
  { "image",
    { "The picture you copied does not cross yet", "The picture you copied does not cross",
      "The picture you copied was approved" },
    { "コピーした画像はまだ渡せません", "コピーした画像は渡せません", "コピーした画像が承認されました" } },
  { "url",
    { "The link is not opened yet", "The link is not opened", "The link was approved" },
    { "リンクはまだ開けません", "リンクは開けません", "リンクが承認されました" } },
};

const char *
sk_transfer_news_title (const SkTransferInfo *info)
{
  const guint which = strcmp (info->state, "held") == 0 ? 0 : sk_transfer_is_lost (info) ? 1 : 2;
  guint i = 0;
  for (guint k = 0; k < G_N_ELEMENTS (titles); k++)
    if (strcmp (titles[k].kind, info->kind) == 0)
      i = k;
  return SK_TR (titles[i].en[which], titles[i].ja[which]);
}

char *
sk_transfer_news_text (const SkTransferInfo *info)
{
  const guint n = info->decisions->len;
  g_autofree char *names = sk_transfer_names_text (info);
  g_autofree char *last = sk_names_for_people (n ? info->decisions->pdata[n - 1] : "");
  g_autofree char *said = sk_transfer_next_text (info);
  const gboolean approved = strcmp (info->state, "approved") == 0 || strcmp (info->state, "releasing") == 0
                            || strcmp (info->state, "delivered") == 0;
  if (copy_text (info))
    return approved ? g_strdup (SK_TR ("It can be pasted now.", "貼り付けられます。"))
                    : g_steal_pointer (&said);
  return g_strdup_printf (SK_TR ("%s: %s", "%s：%s"), names, approved && *last ? last : said);
}

char *
sk_transfer_next_text (const SkTransferInfo *info)
{
  if (strcmp (info->state, "held") == 0)
    return held_text (info);
  if (strcmp (info->state, "refused") == 0)
    return refused_text (info);
  if (strcmp (info->state, "denied") == 0)
    return denied_text (info);
  if (strcmp (info->state, "expired") == 0 || strcmp (info->state, "cancelled") == 0)
    return over_text (info);
  for (gsize i = 0; i < G_N_ELEMENTS (next); i++)
    if (strcmp (next[i].state, info->state) == 0)
      return g_strdup (SK_TR (next[i].en, next[i].ja));
  return g_strdup (info->state);
}

/* -- sending --------------------------------------------------------------------------------------------- */

static char *
bytes_of_bytes (const SkSendProgress *progress)
{
  g_autofree char *bytes = sk_transfer_bytes_text (progress->bytes);
  g_autofree char *all = sk_transfer_bytes_text (progress->bytes_all);
  const double part = progress->bytes_all ? (double) progress->bytes / (double) progress->bytes_all : 1;
  return g_strdup_printf ("%s / %s (%d %%)", bytes, all, (int) (part * 100));
}

char *
sk_send_progress_text (const SkSendProgress *progress)
{
  g_autofree char *bytes = bytes_of_bytes (progress);
  switch (progress->phase)
    {
    case SK_SEND_CONNECTING:
      return g_strdup (SK_TR ("Connecting…", "接続しています…"));
    case SK_SEND_UPLOADING:
      return g_strdup_printf (SK_TR ("Sending… %s", "送信しています… %s"), bytes);
    case SK_SEND_WAITING:
      return g_strdup_printf (SK_TR ("Sekisho does not answer; it goes on by itself… %s",
                                     "Sekisho が応答しません。自動で再開します… %s"),
                              bytes);
    case SK_SEND_INSPECTING:
      return g_strdup (SK_TR ("Inspecting…", "検査しています…"));
    case SK_SEND_DONE:
    case SK_SEND_FAILED:
      return g_strdup ("");
    }
  return g_strdup ("");
}

char *
sk_gathering_text (const SkGathering *gathering)
{
  g_autofree char *bytes = sk_transfer_bytes_text (gathering->bytes);
  GString *text = g_string_new (NULL);
  const guint n = gathering->files->len;
  g_string_append_printf (
      text, n == 1 ? SK_TR ("%u file, %s", "%u ファイル、%s") : SK_TR ("%u files, %s", "%u ファイル、%s"), n,
      bytes);
  if (gathering->links)
    g_string_append_printf (text, SK_TR ("; %u links are left out", "。リンク %u 件は送りません"),
                            gathering->links);
  return g_string_free (text, FALSE);
}
