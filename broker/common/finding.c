#include "common/finding.h"
#include "common/i18n.h"
#include <string.h>

static const struct
{
  const char *word, *en, *ja;
} findings[] = {
  { "encoding", "encoding", "文字コード" },
  { "encoding-unsure", "encoding is a guess", "文字コードは推定" },
  { "control", "control characters", "制御文字" },
  { "bidi", "characters that change the reading order", "表示順を変える文字" },
  { "invisible", "invisible characters", "見えない文字" },
  { "formula", "cells that calculate", "計算式になるセル" },
  { "metadata", "metadata", "付加情報" },
  { "location", "place where it was taken", "撮影場所" },
  { "animation", "animation", "動画の続き" },
  { "trailing-data", "data behind the end", "末尾に付いたデータ" },
  { "hidden-pixels", "hidden pixels", "見えない画素" },
  { "colour-depth", "fine shades of colour", "細かい色の階調" },
  { "damaged", "damage", "破損" },
  { "idn", "name with letters of other scripts", "紛らわしい文字の宛先" },
  { "numeric-address", "address of numbers", "数字の宛先" },
  { "extension", "ending changed", "拡張子の変更" },
  { "my-number", "My Number", "個人番号" },
  { "phone", "phone numbers", "電話番号" },
};

const char *
sk_finding_text (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (findings); i++)
    if (strcmp (findings[i].word, word) == 0)
      return SK_TR (findings[i].en, findings[i].ja);
  return word;
}
