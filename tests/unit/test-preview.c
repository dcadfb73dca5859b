/* What an approver is shown: numbers of people are masked wherever they stand, a long text ends between two
 * characters, pictures are made small, and nothing but a preview comes out of the job. */
#include "common/error.h"
#include "inspect/image.h"
#include "inspect/result.h"
#include <string.h>

static gboolean
take (gpointer data, const void *bytes, gsize length)
{
  g_byte_array_append (data, bytes, (guint) length);
  return TRUE;
}

static SkRebuild
preview_of (const void *bytes, gsize length, GByteArray *out)
{
  SkRebuild r = { .kind = SK_INSPECT_PREVIEW, .out_max = SK_INSPECT_PREVIEW_MAX, .write = take, .data = out };
  const gboolean ok = sk_rebuild (&r, bytes, length);
  g_assert_cmpint (ok, ==, r.reason == SK_REASON_NONE);
  return r;
}

static void
text_becomes (const char *text, const char *expected)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const SkRebuild r = preview_of (text, strlen (text), out);
  g_assert_cmpint (r.reason, ==, SK_REASON_NONE);
  g_assert_cmpint (r.result_type, ==, SK_TYPE_TEXT);
  g_byte_array_append (out, (const guint8 *) "", 1);
  g_assert_cmpstr ((const char *) out->data, ==, expected);
}

static void
test_masked (void)
{
  text_becomes ("番号 123456789018 です\n", "番号 ********9018 です\n");
  text_becomes ("1234-5678-9018", "****-****-9018");
  text_becomes ("1234 5678 9018,123456789018", "**** **** 9018,********9018");
  text_becomes ("１２３４－５６７８－９０１８", "****－****－９０１８");
  text_becomes ("123456789018 123456789018", "********9018 ********9018");
  text_becomes ("x123456789018x", "x********9018x");
  /* other numbers stay: a wrong check digit, more digits, other groups */
  text_becomes ("123456789012", "123456789012");
  text_becomes ("1234567890180", "1234567890180");
  text_becomes ("0123456789018", "0123456789018");
  text_becomes ("03-1234-5678 090-1234-5678", "03-1234-5678 090-1234-5678");
  text_becomes ("1234--5678-9018", "1234--5678-9018");
}

/* Believed no more than any other content. */
static void
test_cleaned (void)
{
  text_becomes ("a\033[31mb\342\200\256c", "a[31mbc");
  text_becomes ("\001", "\n");
}

static void
test_cut (void)
{
  g_autoptr (GString) text = g_string_new ("a");
  while (text->len < 3 * SK_PREVIEW_TEXT_MAX)
    g_string_append (text, "漢");
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const SkRebuild r = preview_of (text->str, text->len, out);
  g_assert_cmpint (r.reason, ==, SK_REASON_NONE);
  g_assert_cmpuint (out->len, <=, SK_PREVIEW_TEXT_MAX);
  g_assert_cmpuint (out->len, >, SK_PREVIEW_TEXT_MAX - 3);
  g_assert_true (g_utf8_validate ((const char *) out->data, out->len, NULL));
}

static GByteArray *
picture (guint width, guint height, guint channels)
{
  GByteArray *png = g_byte_array_new ();
  SkRebuild r = { .out_max = 1 << 28, .write = take, .data = png };
  g_auto (SkImage) image = { 0 };
  g_assert_true (sk_image_init (&image, &r, width, height, channels));
  for (gsize i = 0; i < image.stride * image.height; i++)
    image.pixels[i] = i % channels == 3 ? 254 : 200;
  g_assert_true (sk_png_encode (&r, &image));
  return png;
}

static void
picture_becomes (guint width, guint height, guint channels, guint width_then, guint height_then)
{
  g_autoptr (GByteArray) png = picture (width, height, channels), out = g_byte_array_new ();
  SkRebuild back = { 0 };
  g_auto (SkImage) image = { 0 };
  const SkRebuild r = preview_of (png->data, png->len, out);
  g_assert_cmpint (r.reason, ==, SK_REASON_NONE);
  g_assert_cmpint (r.result_type, ==, SK_TYPE_PNG);
  g_assert_true (sk_png_decode (&back, out->data, out->len, &image));
  g_assert_cmpuint (image.width, ==, width_then);
  g_assert_cmpuint (image.height, ==, height_then);
  g_assert_cmpuint (image.channels, ==, channels);
  g_assert_cmpuint (image.pixels[0], ==, 200);
  g_assert_cmpuint (image.pixels[image.stride * image.height - channels], ==, 200);
}

static void
test_picture (void)
{
  picture_becomes (10, 20, 3, 10, 20);
  picture_becomes (3200, 100, 3, 1600, 50);
  picture_becomes (100, 3201, 1, 49, 1600);
  picture_becomes (2000, 2000, 4, 1600, 1600);
  picture_becomes (30000, 1, 3, 1600, 1);
}

static void
test_damaged (void)
{
  g_autoptr (GByteArray) png = picture (100, 100, 3), out = g_byte_array_new ();
  SkRebuild r = preview_of (png->data, png->len / 2, out);
  g_assert_cmpint (r.reason, ==, SK_REASON_IMAGE_DAMAGED);
  r = preview_of ("%PDF-1.7", 8, out);
  g_assert_cmpint (r.reason, ==, SK_REASON_DOCUMENT);
  g_assert_cmpuint (out->len, ==, 0);
}

static gboolean
answers (const char *type, const char *result, guint64 written)
{
  const SkMessage m
      = { .type = SK_INSPECT_RESULT, .n = { 1, 10, written }, .s = { (char *) type, (char *) result, "" } };
  g_autoptr (SkInspection) i = sk_inspection_from_answer (&m, SK_INSPECT_PREVIEW, "a", 10, NULL);
  return i != NULL;
}

/* A worker that was taken over says one of these, or it is not believed. */
static void
test_answer (void)
{
  g_assert_true (answers ("image/jpeg", "image/png", SK_INSPECT_PREVIEW_MAX));
  g_assert_true (answers ("text/plain", "text/plain", 5));
  g_assert_false (answers ("image/jpeg", "image/jpeg", 5));
  g_assert_false (answers ("text/plain", "image/png", 5));
  g_assert_false (answers ("application/pdf", "text/plain", 5));
  g_assert_false (answers ("image/png", "image/png", SK_INSPECT_PREVIEW_MAX + 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/preview/masked", test_masked);
  g_test_add_func ("/preview/cleaned", test_cleaned);
  g_test_add_func ("/preview/cut", test_cut);
  g_test_add_func ("/preview/picture", test_picture);
  g_test_add_func ("/preview/damaged", test_damaged);
  g_test_add_func ("/preview/answer", test_answer);
  return g_test_run ();
}
