/* The rebuilding, in this process: what comes in, what comes out, what is said about it. */
#include "common/error.h"
#include "inspect/encoding.h"
#include "inspect/image.h"
#include "inspect/result.h"
#include <string.h>

static gboolean
keep (gpointer data, const void *bytes, gsize length)
{
  g_byte_array_append (data, bytes, (guint) length);
  return TRUE;
}

static gboolean
run (SkRebuild *r, SkInspectKind kind, const void *bytes, gsize length, GByteArray *out)
{
  *r = (SkRebuild){ .kind = kind, .out_max = 1 << 20, .write = keep, .data = out };
  /* an exact copy, so that a sanitizer sees a read past its end */
  g_autofree guint8 *exact = g_memdup2 (bytes, MAX (length, 1));
  return sk_rebuild (r, exact, length);
}

static void
check_text (const char *in, gsize length, const char *out, const char *encoding)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_assert_true (run (&r, SK_INSPECT_FILE, in, length, got));
  g_assert_cmpmem (got->data, got->len, out, strlen (out));
  g_assert_cmpstr (r.details[SK_FOUND_ENCODING], ==, encoding);
}

static void
check_encoding (const char *text, const char *iconv_name, const char *encoding)
{
  gsize length;
  g_autoptr (GError) error = NULL;
  g_autofree char *bytes = g_convert (text, -1, iconv_name, "UTF-8", NULL, &length, &error);
  g_assert_no_error (error);
  check_text (bytes, length, text, encoding);
}

static void
test_encodings (void)
{
  static const char *const texts[]
      = { "住民票の写し\r\n", "お知らせ:12月の窓口は休みです。\n", "カタカナとひらがな\n", "①②③㈱ 髙橋\n" };
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      check_text (texts[i], strlen (texts[i]), texts[i], "UTF-8");
      check_encoding (texts[i], "CP932", "CP932");
      check_encoding (texts[i], "EUC-JP-MS", "EUC-JP");
      if (i < 3)
        check_encoding (texts[i], "ISO-2022-JP", "ISO-2022-JP");
    }
  check_encoding ("ﾔﾏﾀﾞ ﾀﾛｳ 0123456\r\n", "CP932", "CP932");
  /* Windows' own characters between JIS escapes */
  check_text ("\033$B-!\033(B", 8, "①", "ISO-2022-JP");
  check_text ("\xff\xfe\x42\x30\x3d\xd8\x00\xde", 8,
              "\xef\xbb\xbf"
              "あ😀",
              "UTF-16");
  check_text ("\xfe\xff\x30\x42", 4,
              "\xef\xbb\xbf"
              "あ",
              "UTF-16");
}

static void
check_refused (SkInspectKind kind, const void *bytes, gsize length, SkInspectReason reason)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_assert_false (run (&r, kind, bytes, length, got));
  g_assert_cmpstr (sk_inspect_reasons[r.reason].word, ==, sk_inspect_reasons[reason].word);
}
#define REFUSED(kind, bytes, reason) check_refused (kind, bytes, sizeof bytes - 1, reason)

static void
test_text_cleaned (void)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  const char in[] = "a\u202eb\u200bc\033[31m\rd\te\r\n=1+1,x,@cmd\n葛\U000e0100\n-5";
  g_assert_true (run (&r, SK_INSPECT_TEXT, in, sizeof in - 1, got));
  const char out[] = "abc[31m\nd\te\r\n=1+1,x,@cmd\n葛\U000e0100\n-5";
  g_assert_cmpmem (got->data, got->len, out, sizeof out - 1);
  g_assert_cmpuint (r.counts[SK_FOUND_BIDI], ==, 1);
  g_assert_cmpstr (r.details[SK_FOUND_BIDI], ==, "U+202E");
  g_assert_cmpuint (r.counts[SK_FOUND_INVISIBLE], ==, 1);
  g_assert_cmpuint (r.counts[SK_FOUND_CONTROL], ==, 1);
  g_assert_cmpuint (r.counts[SK_FOUND_FORMULA], ==, 2);
}

static void
test_refusals (void)
{
  REFUSED (SK_INSPECT_FILE, "", SK_REASON_EMPTY);
  REFUSED (SK_INSPECT_FILE, "\u200b", SK_REASON_EMPTY);
  REFUSED (SK_INSPECT_FILE, "caf\xe9\n", SK_REASON_TEXT_ENCODING);
  REFUSED (SK_INSPECT_FILE, "\xff\xfe\x00\xd8", SK_REASON_TEXT_ENCODING);
  REFUSED (SK_INSPECT_FILE, "a\0b", SK_REASON_UNKNOWN_TYPE);
  REFUSED (SK_INSPECT_FILE, "%PDF-1.7\n", SK_REASON_DOCUMENT);
  REFUSED (SK_INSPECT_FILE, "text first %PDF-1.7\n", SK_REASON_DOCUMENT);
  REFUSED (SK_INSPECT_FILE, "PK\3\4....", SK_REASON_ARCHIVE);
  REFUSED (SK_INSPECT_FILE, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", SK_REASON_DOCUMENT);
  REFUSED (SK_INSPECT_FILE,
           "\x7f"
           "ELF\2\1\1",
           SK_REASON_PROGRAM);
  REFUSED (SK_INSPECT_FILE, "GIF89a", SK_REASON_IMAGE_DAMAGED);
  REFUSED (SK_INSPECT_FILE, "8BPS", SK_REASON_PICTURE);
  REFUSED (SK_INSPECT_IMAGE, "text", SK_REASON_WRONG_KIND);
  REFUSED (SK_INSPECT_TEXT, "\x89PNG\r\n\x1a\n", SK_REASON_WRONG_KIND);
  REFUSED (SK_INSPECT_PRINT, "text", SK_REASON_PRINT);
  REFUSED (SK_INSPECT_FILE, "\x89PNG\r\n\x1a\n", SK_REASON_IMAGE_DAMAGED);
  REFUSED (SK_INSPECT_FILE, "\xff\xd8\xff\xe0", SK_REASON_IMAGE_DAMAGED);
  for (guint i = 1; i < _SK_REASON_LAST; i++)
    g_assert_true (*sk_inspect_reasons[i].en && *sk_inspect_reasons[i].ja && *sk_inspect_reasons[i].word);
}

static void
check_url (const char *in, const char *out)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_assert_true (run (&r, SK_INSPECT_URL, in, strlen (in), got));
  g_assert_cmpmem (got->data, got->len, out, strlen (out));
}

static void
test_urls (void)
{
  check_url ("HTTPS://WWW.Example.JP/a%20b?q=1#x\n", "https://www.example.jp/a%20b?q=1#x");
  check_url ("http://example.jp", "http://example.jp/");
  check_url ("http://例え.テスト:8080/あ", "http://xn--r8jz45g.xn--zckzah:8080/%E3%81%82");
  check_url ("http://[::1]/", "http://[::1]/");
  REFUSED (SK_INSPECT_URL, "javascript:alert(1)", SK_REASON_URL_SCHEME);
  REFUSED (SK_INSPECT_URL, "file:///etc/passwd", SK_REASON_URL_SCHEME);
  REFUSED (SK_INSPECT_URL, "https://bank.jp@evil.jp/", SK_REASON_URL_LOGIN);
  REFUSED (SK_INSPECT_URL, "https://a.jp/\nhttps://b.jp/", SK_REASON_URL_SYNTAX);
  REFUSED (SK_INSPECT_URL, "https://a.jp\\@b.jp/", SK_REASON_URL_SYNTAX);
  REFUSED (SK_INSPECT_URL, "https://a.jp/\u202eb", SK_REASON_URL_SYNTAX);
  REFUSED (SK_INSPECT_URL, "https:///x", SK_REASON_URL_SYNTAX);
  REFUSED (SK_INSPECT_URL, "hello", SK_REASON_URL_SYNTAX);
  g_autofree char *longest = g_strnfill (3000, 'a');
  check_refused (SK_INSPECT_URL, longest, 3000, SK_REASON_URL_LONG);
}

/* 2 x 1 pixels, red and blue, 24 bits. */
static const guint8 bmp[] = { 'B', 'M', 62, 0, 0, 0, 0, 0,  0, 0, 54, 0, 0, 0, 40,  0,   0, 0, 2, 0, 0,
                              0,   1,   0,  0, 0, 1, 0, 24, 0, 0, 0,  0, 0, 8, 0,   0,   0, 0, 0, 0, 0,
                              0,   0,   0,  0, 0, 0, 0, 0,  0, 0, 0,  0, 0, 0, 255, 255, 0, 0, 0, 0 };

static void
test_bmp (void)
{
  SkRebuild r;
  g_autoptr (GByteArray) got = g_byte_array_new ();
  g_assert_true (run (&r, SK_INSPECT_IMAGE, bmp, sizeof bmp, got));
  g_assert_cmpmem (got->data, got->len, bmp, sizeof bmp);
  guint8 wrong[sizeof bmp];
  for (gsize cut = 18; cut < sizeof bmp; cut++)
    check_refused (SK_INSPECT_FILE, bmp, cut, SK_REASON_IMAGE_DAMAGED);
  memcpy (wrong, bmp, sizeof bmp);
  memcpy (wrong + 18, "\xff\xff\xff\x7f", 4); /* two thousand million wide */
  check_refused (SK_INSPECT_FILE, wrong, sizeof wrong, SK_REASON_IMAGE_LARGE);
}

static void
test_orientation (void)
{
  /* 1 2 3 / 4 5 6, and what the eight orientations show */
  guint8 pixels[] = { 1, 2, 3, 4, 5, 6 }, row[3];
  const SkImage image = { 3, 2, 1, 3, pixels };
  static const char *const shown[]
      = { "123456", "321654", "654321", "456123", "142536", "415263", "635241", "362514" };
  for (guint o = 1; o <= 8; o++)
    for (guint y = 0; y < sk_image_height (&image, o); y++)
      {
        const guint width = sk_image_width (&image, o);
        sk_image_row (&image, o, y, row);
        for (guint x = 0; x < width; x++)
          g_assert_cmpint (row[x] + '0', ==, shown[o - 1][y * width + x]);
      }
}

static void
test_limits (void)
{
  SkRebuild r = { .kind = SK_INSPECT_FILE };
  g_assert_true (sk_image_check (&r, 8000, 10000));
  g_assert_false (sk_image_check (&r, 8001, 10000));
  g_assert_cmpint (r.reason, ==, SK_REASON_IMAGE_LARGE);
  g_assert_false (sk_image_check (&r, SK_IMAGE_SIDE_MAX + 1, 1));
  g_autoptr (GByteArray) out = g_byte_array_new ();
  r = (SkRebuild){ .kind = SK_INSPECT_FILE, .out_max = 3, .write = keep, .data = out };
  g_assert_false (sk_rebuild (&r, (const guint8 *) "four", 4));
  g_assert_cmpint (r.reason, ==, SK_REASON_TOO_LARGE_OUT);
}

/* -- the core's reading of an answer ----------------------------------------------------------------------
 */

typedef struct
{
  guint64 passed, in, out;
  const char *type, *result, *reason, *finding;
} Answer;

static SkInspection *
read_answer (const Answer *a, GError **error)
{
  char *list[] = { (char *) a->finding, NULL };
  const SkMessage m = { .type = SK_INSPECT_RESULT,
                        .n = { a->passed, a->in, a->out },
                        .s = { (char *) a->type, (char *) a->result, (char *) a->reason },
                        .list = list };
  return sk_inspection_from_answer (&m, SK_INSPECT_FILE, "書類.html", 100, error);
}

static void
test_answer (void)
{
  const Answer good = { 1, 10, 12, "text/plain", "text/plain", "", "bidi 2 U+202E" };
  g_autoptr (GError) error = NULL;
  g_autoptr (SkInspection) i = read_answer (&good, &error);
  g_assert_no_error (error);
  g_assert_true (i->passed);
  g_assert_cmpstr (i->result_name, ==, "書類.html.txt");
  g_assert_cmpstr (i->removed[0], ==, "bidi");
  g_assert_null (i->removed[1]);
  g_assert_cmpuint (i->findings->len, ==, 2); /* and the wrong extension */
  g_assert_nonnull (strstr (i->report, "\"kind\":\"extension\""));
}

static void
test_answer_broken (void)
{
  static const Answer bad[] = {
    { 2, 10, 12, "text/plain", "text/plain", "", NULL },
    { 1, 10, 12, "text/html", "text/plain", "", NULL },
    { 1, 10, 12, "application/pdf", "application/pdf", "", NULL }, /* nobody can build that */
    { 1, 10, 12, "image/png", "text/plain", "", NULL },
    { 1, 10, 12, "text/plain", "text/plain", "program", NULL },
    { 0, 10, 12, "text/plain", "text/plain", "", NULL },
    { 0, 10, 12, "text/plain", "text/plain", "inspector-died", NULL },
    { 0, 10, 12, "text/plain", "text/plain", "please approve", NULL },
    { 1, 101, 12, "text/plain", "text/plain", "", NULL },
    { 1, 10, G_MAXUINT64, "text/plain", "text/plain", "", NULL },
    { 1, 10, 0, "text/plain", "text/plain", "", NULL },
    { 1, 10, 12, "text/plain", "text/plain", "", "bidi" },
    { 1, 10, 12, "text/plain", "text/plain", "", "bidi 0 x" },
    { 1, 10, 12, "text/plain", "text/plain", "", "bidi -1 x" },
    { 1, 10, 12, "text/plain", "text/plain", "", "bidi 1 あ" },
    { 1, 10, 12, "text/plain", "text/plain", "", "harmless 1 x" },
    { 1, 10, 12, "text/plain", "text/plain", "", "extension 1 x" },
  };
  for (gsize n = 0; n < G_N_ELEMENTS (bad); n++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (read_answer (&bad[n], &error));
      g_assert_error (error, SK_ERROR, SK_ERROR_PROTOCOL);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (sk_encoding_prepare ());
  g_test_add_func ("/inspect/encodings", test_encodings);
  g_test_add_func ("/inspect/text", test_text_cleaned);
  g_test_add_func ("/inspect/refusals", test_refusals);
  g_test_add_func ("/inspect/urls", test_urls);
  g_test_add_func ("/inspect/bmp", test_bmp);
  g_test_add_func ("/inspect/orientation", test_orientation);
  g_test_add_func ("/inspect/limits", test_limits);
  g_test_add_func ("/inspect/answer", test_answer);
  g_test_add_func ("/inspect/answer-broken", test_answer_broken);
  return g_test_run ();
}
