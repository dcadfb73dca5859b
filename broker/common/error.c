#include "common/error.h"

G_DEFINE_QUARK (sk - error - quark, sk_error)

static const SkErrorInfo table[] = {
  { SK_ERROR_INTERNAL, "internal", 500, 70,
    "Something went wrong inside Sekisho. Tell your administrator the time it happened.",
    "Sekisho の内部で問題が起きました。起きた時刻を管理者に伝えてください。" },
  { SK_ERROR_INVALID, "invalid", 400, 64, "The request is not valid. Check the value named in the details.",
    "指定に誤りがあります。詳細に示された値を確認してください。" },
  { SK_ERROR_NOT_FOUND, "not-found", 404, 66, "There is no such thing. Check the name with the list command.",
    "見つかりません。一覧で名前を確認してください。" },
  { SK_ERROR_FORBIDDEN, "forbidden", 403, 77, "You are not allowed to do this. Ask your administrator.",
    "この操作は許可されていません。管理者に相談してください。" },
  { SK_ERROR_CONFLICT, "conflict", 409, 73,
    "This cannot be done in its present state. Look at it again and retry.",
    "現在の状態ではできません。状態を確認してからやり直してください。" },
  { SK_ERROR_FULL, "full", 503, 75,
    "There is no room for it now. The details say what is full and what helps; then try again.",
    "いまは受け付けられません。何が上限に達しているかと対処は詳細のとおりです。その後やり直してください。" },
  { SK_ERROR_LIMIT, "limit", 413, 65, "This is over the limit named in the details.",
    "詳細に示された上限を超えています。" },
  { SK_ERROR_PROTOCOL, "protocol", 502, 76,
    "The other side sent something that is not allowed. The connection was closed; open it again.",
    "相手側から許可されない通信があったため接続を閉じました。もう一度開いてください。" },
  { SK_ERROR_PEER_LOST, "peer-lost", 502, 69,
    "The connection to the internet side was lost. Open the browser again.",
    "インターネット側との接続が切れました。ブラウザーをもう一度開いてください。" },
  { SK_ERROR_TIMEOUT, "timeout", 504, 75,
    "There was no answer in time. Try again; if it goes on, tell your administrator.",
    "時間内に応答がありませんでした。もう一度試し、続く場合は管理者に伝えてください。" },
  { SK_ERROR_UNAVAILABLE, "unavailable", 503, 69,
    "A service that is needed does not run. An administrator can run: sekishoctl doctor",
    "必要なサービスが動いていません。管理者は sekishoctl doctor を実行してください。" },
  { SK_ERROR_CANCELLED, "cancelled", 409, 75, "It was cancelled.", "取り消されました。" },
  { SK_ERROR_STORE, "store", 500, 74,
    "The record could not be written, so nothing was done. Check the free disk space.",
    "記録を書き込めなかったため、何も行いませんでした。ディスクの空き容量を確認してください。" },
};
G_STATIC_ASSERT (G_N_ELEMENTS (table) == _SK_ERROR_LAST);

const SkErrorInfo *
sk_error_info_for_code (SkErrorCode code)
{
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (table[i].code == code)
      return &table[i];
  return &table[SK_ERROR_INTERNAL];
}

const SkErrorInfo *
sk_error_info (const GError *error)
{
  if (error && error->domain == SK_ERROR)
    return sk_error_info_for_code ((SkErrorCode) error->code);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return sk_error_info_for_code (SK_ERROR_CANCELLED);
  return sk_error_info_for_code (SK_ERROR_INTERNAL);
}

SkErrorCode
sk_error_code_from_word (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_strcmp0 (table[i].word, word) == 0)
      return table[i].code;
  return SK_ERROR_INTERNAL;
}
