#include "inspect/words.h"
#include <string.h>

const char *const sk_inspect_kinds[_SK_INSPECT_KIND_LAST]
    = { "file", "text", "image", "url", "print", "preview" };

/* A text keeps only endings that nothing executes or renders: no html, svg, bat, js. */
const SkInspectTypeInfo sk_inspect_types[_SK_TYPE_LAST] = {
  [SK_TYPE_UNKNOWN] = { "application/octet-stream", "::", SK_REASON_UNKNOWN_TYPE },
  [SK_TYPE_TEXT] = { "text/plain", ":txt:csv:tsv:log:md:json:", SK_REASON_NONE },
  [SK_TYPE_PNG] = { "image/png", ":png:", SK_REASON_NONE },
  [SK_TYPE_JPEG] = { "image/jpeg", ":jpg:jpeg:jpe:jfif:", SK_REASON_NONE },
  [SK_TYPE_BMP] = { "image/bmp", ":bmp:dib:", SK_REASON_NONE },
  [SK_TYPE_URL] = { "text/uri-list", ":txt:", SK_REASON_NONE },
  [SK_TYPE_PDF] = { "application/pdf", ":pdf:", SK_REASON_DOCUMENT },
  [SK_TYPE_RTF] = { "application/rtf", ":rtf:", SK_REASON_DOCUMENT },
  [SK_TYPE_OLE] = { "application/x-ole-storage", ":doc:xls:ppt:", SK_REASON_DOCUMENT },
  [SK_TYPE_ZIP] = { "application/zip", ":zip:docx:xlsx:pptx:", SK_REASON_ARCHIVE },
  [SK_TYPE_ARCHIVE] = { "application/x-archive", "::", SK_REASON_ARCHIVE },
  [SK_TYPE_PROGRAM] = { "application/x-executable", "::", SK_REASON_PROGRAM },
  [SK_TYPE_GIF] = { "image/gif", ":gif:", SK_REASON_NONE },
  [SK_TYPE_WEBP] = { "image/webp", ":webp:", SK_REASON_NONE },
  [SK_TYPE_TIFF] = { "image/tiff", ":tiff:tif:", SK_REASON_NONE },
  [SK_TYPE_PICTURE] = { "image/x-other", "::", SK_REASON_PICTURE },
  [SK_TYPE_MEDIA] = { "application/x-media", "::", SK_REASON_MEDIA },
};

const SkInspectReasonInfo sk_inspect_reasons[_SK_REASON_LAST] = {
  [SK_REASON_NONE] = { "", "", "" },
  [SK_REASON_EMPTY]
  = { "empty", "There is nothing in it. Check that it was saved completely, then send it again.",
      "中身が空です。保存が終わっているか確認して、もう一度送ってください。" },
  [SK_REASON_NAME]
  = { "name", "Its name cannot be used on the other side. Give it a short, plain name, then send it again.",
      "この名前は相手側で使えません。短く普通の名前に変えて、もう一度送ってください。" },
  [SK_REASON_TOO_LARGE] = { "too-large", "It is larger than what may cross. Send it in smaller parts.",
                            "送れる大きさを超えています。小さく分けて送ってください。" },
  [SK_REASON_TOO_LARGE_OUT]
  = { "too-large-rebuilt", "Built anew it is larger than what may cross. Send it in smaller parts.",
      "無害化した後の大きさが上限を超えました。小さく分けて送ってください。" },
  [SK_REASON_UNKNOWN_TYPE]
  = { "unknown-type",
      "Its type is not known, so it cannot be made safe. Save it as plain text, PNG or JPEG, then send that.",
      "種類が分からないため無害化できません。テキスト、PNG、JPEG のどれかで保存して送ってください。" },
  [SK_REASON_DOCUMENT]
  = { "document",
      "Documents (PDF, Office) cannot be made safe here. Save the text as a .txt file or the pages as "
      "PNG pictures, then send those.",
      "文書(PDF、Office)はここでは無害化できません。文章はテキスト、ページは PNG "
      "画像として保存して送ってください。" },
  [SK_REASON_ARCHIVE]
  = { "archive",
      "Archives and Office files cannot be made safe here. Take the files out and send texts and "
      "pictures one by one.",
      "圧縮ファイルと Office "
      "文書はここでは無害化できません。中身を取り出し、テキストや画像を個別に送ってください。" },
  [SK_REASON_PROGRAM] = { "program", "Programs do not cross. Ask your administrator if you need one.",
                          "プログラムは送れません。必要な場合は管理者に相談してください。" },
  [SK_REASON_PICTURE]
  = { "picture-type",
      "This kind of picture cannot be made safe here. Save it as PNG or JPEG, then send that.",
      "この種類の画像はここでは無害化できません。PNG か JPEG で保存し直して送ってください。" },
  [SK_REASON_MEDIA]
  = { "media", "Sound and video cannot be made safe here. Watch it where it is, or ask your administrator.",
      "音声と動画はここでは無害化できません。元の画面で再生するか、管理者に相談してください。" },
  [SK_REASON_WRONG_KIND]
  = { "wrong-kind", "It is not what it was sent as. Copy it again, or send it as a file.",
      "送り方と中身の種類が合っていません。もう一度コピーするか、ファイルとして送ってください。" },
  [SK_REASON_PRINT]
  = { "print", "Print-outs cannot be made safe here. Send the text or a picture of the page instead.",
      "印刷データはここでは無害化できません。文章か、ページの画像を送ってください。" },
  [SK_REASON_TEXT_ENCODING]
  = { "text-encoding",
      "The text is in no encoding that we know. Save it as UTF-8 or Shift_JIS, then send it again.",
      "文字コードを判別できません。UTF-8 か Shift_JIS で保存し直して送ってください。" },
  [SK_REASON_TEXT_LARGE] = { "text-large", "The text is larger than 32 MiB. Send it in smaller parts.",
                             "テキストが 32 MiB を超えています。小さく分けて送ってください。" },
  [SK_REASON_IMAGE_LARGE]
  = { "image-large",
      "The picture has too many pixels (over 80 million). Make it smaller, then send it again.",
      "画像の画素数が多すぎます(8000万画素まで)。縮小してから送ってください。" },
  [SK_REASON_IMAGE_DAMAGED]
  = { "image-damaged", "The picture is damaged. Open it, save it again as PNG, then send that.",
      "画像が壊れています。開いて PNG で保存し直し、それを送ってください。" },
  [SK_REASON_IMAGE_VARIANT]
  = { "image-variant", "This rare form of picture cannot be read. Open it, save it as PNG, then send that.",
      "この特殊な形式の画像は読めません。開いて PNG で保存し直し、それを送ってください。" },
  [SK_REASON_URL_SYNTAX]
  = { "url-syntax", "It is not one web address. Copy the whole address from the browser's address bar.",
      "Web アドレスとして読めません。ブラウザーのアドレス欄から全体をコピーしてください。" },
  [SK_REASON_URL_SCHEME]
  = { "url-scheme", "Only addresses that start with http:// or https:// cross. Send such an address.",
      "送れるのは http:// か https:// で始まるアドレスだけです。そのようなアドレスを送ってください。" },
  [SK_REASON_URL_LOGIN]
  = { "url-login",
      "The address has a user name or password in it. Remove the part before \"@\", then send it again.",
      "アドレスにユーザー名かパスワードが入っています。「@」より前を消して送ってください。" },
  [SK_REASON_URL_LONG] = { "url-long", "The address is longer than 2048 characters. Send it in a text file.",
                           "アドレスが2048文字を超えています。テキストファイルに入れて送ってください。" },
  [SK_REASON_CUT_OFF]
  = { "cut-off",
      "It could not be passed on completely. Send it again; tell your administrator if that fails too.",
      "最後まで処理できませんでした。もう一度送ってください。続く場合は管理者に連絡してください。" },
  [SK_REASON_DIED]
  = { "inspector-died",
      "The inspection of it broke down, so it may be harmful. Save it in another form, then send that.",
      "検査が途中で止まりました。有害な可能性があります。別の形式で保存し直して送ってください。" },
  [SK_REASON_SLOW]
  = { "inspector-slow", "Its inspection took too long. Send it in smaller parts or in another form.",
      "検査に時間がかかりすぎました。小さく分けるか、別の形式で送ってください。" },
  [SK_REASON_BROKEN]
  = { "inspector-broken",
      "Its inspection gave no usable answer, so it may be harmful. Save it in another form, then send that.",
      "検査の結果が正しくありません。有害な可能性があります。別の形式で保存し直して送ってください。" },
};

const SkInspectFoundInfo sk_inspect_found[_SK_FOUND_LAST] = {
  [SK_FOUND_ENCODING] = { "encoding", FALSE },
  [SK_FOUND_ENCODING_UNSURE] = { "encoding-unsure", FALSE },
  [SK_FOUND_CONTROL] = { "control", TRUE },
  [SK_FOUND_BIDI] = { "bidi", TRUE },
  [SK_FOUND_INVISIBLE] = { "invisible", TRUE },
  [SK_FOUND_FORMULA] = { "formula", FALSE },
  [SK_FOUND_METADATA] = { "metadata", TRUE },
  [SK_FOUND_LOCATION] = { "location", TRUE },
  [SK_FOUND_ANIMATION] = { "animation", TRUE },
  [SK_FOUND_TRAILING] = { "trailing-data", TRUE },
  [SK_FOUND_HIDDEN_PIXELS] = { "hidden-pixels", TRUE },
  [SK_FOUND_DEPTH] = { "colour-depth", TRUE },
  [SK_FOUND_DAMAGED] = { "damaged", FALSE },
  [SK_FOUND_IDN] = { "idn", FALSE },
  [SK_FOUND_ADDRESS] = { "numeric-address", FALSE },
  [SK_FOUND_EXTENSION] = { "extension", FALSE },
};

#define FIND(table, n, member)                                                                               \
  for (int i = 0; i < (int) (n); i++)                                                                        \
    if (strcmp ((table)[i] member, untrusted) == 0)                                                          \
      return i;                                                                                              \
  return -1

int
sk_inspect_kind_from_word (const char *untrusted)
{
  FIND (sk_inspect_kinds, _SK_INSPECT_KIND_LAST, );
}

int
sk_inspect_type_from_mime (const char *untrusted)
{
  FIND (sk_inspect_types, _SK_TYPE_LAST, .mime);
}

int
sk_inspect_reason_from_word (const char *untrusted)
{
  FIND (sk_inspect_reasons, _SK_REASON_LAST, .word);
}

int
sk_inspect_found_from_word (const char *untrusted)
{
  FIND (sk_inspect_found, _SK_FOUND_LAST, .word);
}
