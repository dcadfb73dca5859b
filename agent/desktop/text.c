#include "desktop/text.h"
#include "common/error.h"
#include "common/i18n.h"
#include <string.h>

void
sk_text_clear (SkText *text)
{
  g_free (text->detail);
  *text = (SkText){ 0 };
}

const char *
sk_text_side (void)
{
  return SK_TR ("Internet side", "インターネット側");
}

const char *
sk_text_title (void)
{
  return SK_TR ("インターネット側 (internet side) — Sekisho", "インターネット側 — Sekisho");
}

const char *
sk_text_connect_again (void)
{
  return SK_TR ("Connect again", "もう一度つなぐ");
}

const char *
sk_text_close (void)
{
  return SK_TR ("Close", "閉じる");
}

static SkText
queued (const SkLinkView *view)
{
  SkText text = { .title = SK_TR ("Waiting for your turn", "順番を待っています"), .busy = TRUE };
  g_autoptr (GString) detail = g_string_new (NULL);
  if (view->position > 0)
    g_string_append_printf (detail, SK_TR ("You are number %u in the queue.", "あなたは %u 番目です。"),
                            view->position);
  if (view->eta_seconds > 0)
    g_string_append_printf (detail, SK_TR (" About %u minutes.", "あと約 %u 分です。"),
                            (view->eta_seconds + 59) / 60);
  g_string_append (detail, detail->len ? "\n" : "");
  g_string_append (
      detail,
      SK_TR ("All browsers are in use. Leave this window open; it connects by itself.",
             "ただいますべて使用中です。この画面のままお待ちください。順番が来ると自動でつながります。"));
  text.detail = g_string_free (g_steal_pointer (&detail), FALSE);
  return text;
}

static SkText
broker_is_gone (const SkLinkView *view)
{
  const char *advice = SK_TR (
      "The service of this PC does not answer. It is tried again every few seconds. If it goes on for more "
      "than a few minutes, tell your system administrator the following:",
      "このパソコンのサービスが応答しません。数秒ごとに自動でつなぎ直します。"
      "数分待ってもつながらないときは、次の内容をシステム担当者に伝えてください。");
  return (SkText){
    .title = SK_TR ("The internet side cannot be reached", "インターネット側につながりません"),
    .detail = g_strconcat (advice, "\n\n", view->error->message, NULL),
    .busy = TRUE,
    .offer_again = TRUE,
  };
}

static SkText
waiting (const SkLinkView *view)
{
  if (g_error_matches (view->error, SK_ERROR, SK_ERROR_UNAVAILABLE))
    return broker_is_gone (view);
  return (SkText){
    .title = SK_TR ("Connecting again…", "つなぎ直しています…"),
    .detail
    = g_strdup (SK_TR ("The connection was interrupted. Your pages are still open on the internet side.",
                       "接続が途切れました。開いていたページはインターネット側に残っています。")),
    .busy = TRUE,
    .offer_again = view->tries > 1,
  };
}

/* The core's reasons carry both languages: "English\nJapanese"; names and values stand for both. */
static char *
pick_language (const char *reason)
{
  const char *line_break = reason ? strchr (reason, '\n') : NULL;
  if (!line_break)
    return g_strdup (reason);
  return sk_locale_is_japanese () ? g_strdup (line_break + 1) : g_strndup (reason, line_break - reason);
}

static SkText
ended (const SkLinkView *view)
{
  g_autofree char *reason = pick_language (view->reason);
  SkText text = { .title = SK_TR ("The internet side was closed", "インターネット側を終了しました"),
                  .offer_again = TRUE };
  if (reason && *reason)
    text.detail = g_strdup_printf (SK_TR ("Reason: %s", "理由: %s"), reason);
  else
    text.detail = g_strdup (SK_TR ("Connect again to start with a new browser.",
                                   "もう一度つなぐと、新しいブラウザーで始まります。"));
  return text;
}

static SkText
failed (const SkLinkView *view)
{
  SkText text
      = { .title = SK_TR ("The internet side could not be opened", "インターネット側を開けませんでした"),
          .offer_again = TRUE };
  const SkErrorInfo *info = sk_error_info (view->error);
  const char *detail = view->error ? view->error->message : "";
  /* The broker's sentence is already in the user's language; an empty one stands for its code. */
  text.detail = g_strdup (*detail ? detail : SK_TR (info->en, info->ja));
  return text;
}

SkText
sk_text_for_broken (const char *words)
{
  return (SkText){
    .title
    = SK_TR ("The program is not installed completely", "プログラムが正しくインストールされていません"),
    .detail = g_strdup_printf (SK_TR ("Tell your system administrator the following:\n\n%s",
                                      "次の内容をシステム担当者に伝えてください。\n\n%s"),
                               words),
    .offer_again = TRUE,
  };
}

SkText
sk_text_for_link (const SkLinkView *view)
{
  switch (view->state)
    {
    case SK_LINK_OPENING:
      return (SkText){ .title = SK_TR ("Opening the internet side…", "インターネット側を開いています…"),
                       .busy = TRUE };
    case SK_LINK_QUEUED:
      return queued (view);
    case SK_LINK_STARTING:
      if (view->again)
        return waiting (view);
      return (SkText){ .title = SK_TR ("Preparing the browser…", "ブラウザーを準備しています…"),
                       .busy = TRUE };
    case SK_LINK_STREAM:
      if (view->again)
        return waiting (view);
      return (SkText){ .title = SK_TR ("Connecting…", "接続しています…"), .busy = TRUE };
    case SK_LINK_WAITING:
      return waiting (view);
    case SK_LINK_ENDED:
      return ended (view);
    case SK_LINK_TAKEN:
      return (SkText){ .title = SK_TR ("Opened in another window", "別の画面で使われています"),
                       .detail = g_strdup (
                           SK_TR ("You are using the internet side on another screen now.",
                                  "インターネット側は別の画面に移りました。この画面に戻すこともできます。")),
                       .offer_again = TRUE };
    case SK_LINK_FAILED:
      return failed (view);
    }
  return (SkText){ 0 };
}
