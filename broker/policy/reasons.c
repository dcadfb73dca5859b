/* Refusals that have their texts built in: what happened, and what to do. */
#include "policy/policy-private.h"

static const struct
{
  const char *code, *en, *ja;
} reasons[] = {
  { "no-rule", "No rule allows this. Ask your administrator which way there is for it.",
    "許可する規則がありません。方法を管理者に確認してください。" },
  { "not-inspected", "The content could not be examined, so it was not let through. Try again.",
    "内容を確認できなかったため通しませんでした。もう一度試してください。" },
  { "infected", "Malware was found. Do not open the original; tell your administrator.",
    "マルウェアが見つかりました。元のファイルを開かず、管理者に連絡してください。" },
  { "not-scanned", "It could not be checked for malware. Try again later or tell your administrator.",
    "ウイルス検査ができませんでした。時間をおくか、管理者に連絡してください。" },
  { "too-large", "It is larger than allowed. Send less, or in parts.",
    "許可された大きさを超えています。減らすか、分けて送ってください。" },
  { "too-many", "There are more items than allowed. Send them in parts.",
    "許可された件数を超えています。分けて送ってください。" },
  { "my-number", "It seems to hold Individual Numbers (My Number), which must not leave. Remove them.",
    "マイナンバー（個人番号）らしきものが含まれ、持ち出せません。取り除いてください。" },
  { "personal-data", "It seems to hold personal data. Remove it and send it again.",
    "個人情報らしきものが含まれています。取り除いて送り直してください。" },
  { "type-not-allowed", "This kind of file may not cross. Use another format.",
    "この種類のファイルは通せません。別の形式にしてください。" },
  { "not-allowed", "The rules do not allow this. Ask your administrator.",
    "規則により許可されていません。管理者に確認してください。" },
  { "outside-hours", "This is possible during office hours only.", "この操作は業務時間内だけ可能です。" },
  { "telework", "This is not possible from outside the office.", "庁外からはこの操作はできません。" },
};

gboolean
sk_policy_reason_find (const char *code, const char **ret_en, const char **ret_ja)
{
  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (g_strcmp0 (reasons[i].code, code) == 0)
      {
        *ret_en = reasons[i].en;
        *ret_ja = reasons[i].ja;
        return TRUE;
      }
  return FALSE;
}
