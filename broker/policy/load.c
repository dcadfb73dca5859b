/* The folder. What lies there and is not understood is an error as well: a misspelt "org/" or "export.policy"
 * would tighten nothing, and nobody would notice. */
#include "policy/policy-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".policy"

static gboolean
cannot_read (GError **error, const char *path, int reason)
{
  SkErrorCode code = reason == ENOENT || reason == ENOTDIR ? SK_ERROR_NOT_FOUND : SK_ERROR_UNAVAILABLE;
  return sk_policy_fail (error, code, path, 0, "cannot be read; check that it is there and its permissions",
                         "読み取れません。存在と権限を確認してください", g_strerror (reason));
}

/* -- one file ---------------------------------------------------------------------------------------------
 */

static gboolean
is_policy_name (const char *name)
{
  g_autofree char *stem = NULL;
  if (!g_str_has_suffix (name, SUFFIX) || !g_ascii_isdigit (name[0]) || !g_ascii_isdigit (name[1])
      || name[2] != '-')
    return FALSE;
  stem = g_strndup (name, strlen (name) - strlen (SUFFIX));
  return stem[3] && sk_policy_name_is_valid (stem);
}

static gboolean
check_file (const struct stat *info, const char *path, GError **error)
{
  if (!S_ISREG (info->st_mode))
    return sk_policy_fail (error, SK_ERROR_INVALID, path, 0, "not a file; put a file there or remove it",
                           "ファイルではありません。取り除いてください", "");
  if (info->st_mode & S_IWOTH)
    return sk_policy_fail (error, SK_ERROR_INVALID, path, 0, "everybody may write to it; run chmod o-w",
                           "誰でも書き換えられます。chmod o-w を実行してください", "");
  return TRUE;
}

/* One byte more than allowed is read, for the parser to refuse it. */
static GByteArray *
read_all (int fd, const char *path, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gssize n = 1;
  while (n > 0 && bytes->len <= SK_POLICY_FILE_BYTES_MAX)
    {
      guint8 piece[4096];
      n = read (fd, piece, sizeof piece);
      if (n > 0)
        g_byte_array_append (bytes, piece, (guint) n);
      else if (n < 0 && errno == EINTR)
        n = 1;
    }
  if (n < 0)
    {
      cannot_read (error, path, errno);
      return NULL;
    }
  return g_steal_pointer (&bytes);
}

static gboolean
load_file (SkPolicySet *set, const char *scope, const char *dir, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autoptr (GByteArray) bytes = NULL;
  struct stat info;
  if (fd < 0)
    return cannot_read (error, path, errno);
  if (fstat (fd, &info) < 0)
    cannot_read (error, path, errno);
  else if (check_file (&info, path, error))
    bytes = read_all (fd, path, error);
  close (fd);
  return bytes && sk_policy_set_add_file (set, scope, name, (const char *) bytes->data, bytes->len, error);
}

/* -- folders ----------------------------------------------------------------------------------------------
 */

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Without hidden ones, which are editors' and version control's. */
static GPtrArray *
list_names (const char *dir, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) open_dir = NULL;
  const char *name;
  errno = 0;
  open_dir = g_dir_open (dir, 0, NULL);
  if (!open_dir)
    {
      cannot_read (error, dir, errno);
      return NULL;
    }
  while ((name = g_dir_read_name (open_dir)))
    if (*name != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

static gboolean
load_scope (SkPolicySet *set, const char *scope, const char *dir, const char *child, GError **error);

/* DIR/orgs or DIR/sections: one folder a scope. */
static gboolean
load_children (SkPolicySet *set, const char *scope, const char *dir, const char *word, GError **error)
{
  g_autofree char *parent = g_build_filename (dir, word, NULL);
  g_autoptr (GPtrArray) names = list_names (parent, error);
  for (guint i = 0; names && i < names->len; i++)
    {
      const char *name = names->pdata[i];
      g_autofree char *path = g_build_filename (parent, name, NULL);
      g_autofree char *normal = NULL, *child = NULL;
      if (!g_file_test (path, G_FILE_TEST_IS_DIR))
        return sk_policy_fail (error, SK_ERROR_INVALID, path, 0,
                               "only folders belong here; move or remove it",
                               "ここにはフォルダーだけを置けます。移すか取り除いてください", "");
      if (!sk_policy_scope_name_is_valid (name))
        return sk_policy_fail (error, SK_ERROR_INVALID, path, 0,
                               "no organisation or section can be called so; rename the folder",
                               "組織や課の名前に使えません。フォルダーの名前を変えてください", "");
      normal = g_utf8_normalize (name, -1, G_NORMALIZE_NFC);
      child = g_strdup_printf ("%s%s%s/%s", scope, *scope ? "/" : "", word, normal);
      if (!load_scope (set, child, path, *scope ? NULL : "sections", error))
        return FALSE;
    }
  return names != NULL;
}

static gboolean
load_entry (SkPolicySet *set, const char *scope, const char *dir, const char *name, const char *child,
            GError **error)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_strcmp0 (name, child) == 0
           || sk_policy_fail (
               error, SK_ERROR_INVALID, path, 0,
               "this folder means nothing here; there are orgs/ORG and orgs/ORG/sections/SECTION",
               "ここに意味のないフォルダーです。orgs/組織 と orgs/組織/sections/課 だけを置けます", "");
  if (!g_str_has_suffix (name, SUFFIX))
    return TRUE;
  if (!is_policy_name (name))
    return sk_policy_fail (
        error, SK_ERROR_INVALID, path, 0,
        "call it NN-name.policy (two digits, then a-z, 0-9, -) or take it away",
        "NN-name.policy（数字二桁、続けて a-z、0-9、-）という名前にするか、取り除いてください", "");
  return load_file (set, scope, dir, name, error);
}

/* child: the folder that may lie among the files; NULL: none. */
static gboolean
load_scope (SkPolicySet *set, const char *scope, const char *dir, const char *child, GError **error)
{
  g_autoptr (GPtrArray) names = list_names (dir, error);
  gboolean has_child = FALSE;
  for (guint i = 0; names && i < names->len; i++)
    {
      has_child |= g_strcmp0 (names->pdata[i], child) == 0;
      if (!load_entry (set, scope, dir, names->pdata[i], child, error))
        return FALSE;
    }
  return names && (!has_child || load_children (set, scope, dir, child, error));
}

SkPolicySet *
sk_policy_load (const char *dir, GError **error)
{
  g_autoptr (SkPolicySet) set = sk_policy_set_new ();
  if (!load_scope (set, "", dir, "orgs", error))
    return NULL;
  sk_policy_set_seal (set);
  return g_steal_pointer (&set);
}
