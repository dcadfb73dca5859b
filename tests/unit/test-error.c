#include "common/error.h"
#include <string.h>

static void
test_every_code_is_complete (void)
{
  g_autoptr (GHashTable) words = g_hash_table_new (g_str_hash, g_str_equal);
  for (int code = 0; code < _SK_ERROR_LAST; code++)
    {
      const SkErrorInfo *info = sk_error_info_for_code (code);
      g_assert_cmpint (info->code, ==, code);
      g_assert_true (g_hash_table_add (words, (gpointer) info->word));
      g_assert_cmpint (info->http, >=, 400);
      g_assert_cmpint (info->http, <, 600);
      g_assert_cmpint (info->exit_status, >, 0);
      g_assert_cmpint (info->exit_status, <, 126);
      g_assert_true (strlen (info->en) > 10 && strlen (info->ja) > 10);
      g_assert_cmpint (sk_error_code_from_word (info->word), ==, code);
    }
}

/* Transfers, streams, previews, the disk: the sentence before the details has to fit all of them. */
static void
test_full_is_of_anything (void)
{
  const SkErrorInfo *info = sk_error_info_for_code (SK_ERROR_FULL);
  g_assert_null (strstr (info->en, "rowser"));
  g_assert_null (strstr (info->ja, "ブラウザー"));
  g_assert_null (strstr (info->ja, "順番"));
  g_assert_nonnull (strstr (info->en, "try again"));
  g_assert_nonnull (strstr (info->ja, "やり直してください"));
}

static void
test_foreign_errors (void)
{
  g_autoptr (GError) io = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "x");
  g_autoptr (GError) other = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "x");
  g_assert_cmpint (sk_error_info (io)->code, ==, SK_ERROR_CANCELLED);
  g_assert_cmpint (sk_error_info (other)->code, ==, SK_ERROR_INTERNAL);
  g_assert_cmpint (sk_error_info (NULL)->code, ==, SK_ERROR_INTERNAL);
  g_assert_cmpint (sk_error_code_from_word ("no-such-word"), ==, SK_ERROR_INTERNAL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/error/complete", test_every_code_is_complete);
  g_test_add_func ("/error/full", test_full_is_of_anything);
  g_test_add_func ("/error/foreign", test_foreign_errors);
  return g_test_run ();
}
