/* Which rules are in force: read at the start and when an administrator says so, all of them or none.
 *
 * STATE/policies/VERSION/ is a copy of each set that ever was in force, so that what decided about a transfer
 * can be read years later; STATE/policies/current is a link to the one that is. Order: the copy, the row in
 * the audit trail, the link, then it counts. Where the directory is bad at a start, the link's set counts. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/transfer-private.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CURRENT "current"
/* Descriptors that the walk through a copy may use: its depth. */
#define WALK_FDS 8

const char *
sk_transfers_policy_version (SkTransfers *self)
{
  return self->policy ? sk_policy_version (self->policy) : "";
}

void
sk_transfers_policy_status (SkTransfers *self, SkPolicyStatus *ret_status)
{
  *ret_status = (SkPolicyStatus){
    .version = sk_transfers_policy_version (self),
    .since = self->policy ? self->policy_since : 0,
    .files = self->policy ? sk_policy_set_files (self->policy) : 0,
    .rules = self->policy ? sk_policy_set_rules (self->policy) : 0,
    .directory = self->policy_dir,
    .from_copy = self->policy_from_copy,
    .error = self->policy_error,
    .error_since = self->policy_error ? self->policy_error_since : 0,
  };
}

static void
set_error (SkTransfers *self, const char *message)
{
  if (g_strcmp0 (message, self->policy_error) != 0)
    self->policy_error_since = sk_transfers_now (self);
  sk_set_text (&self->policy_error, message);
}

/* -- copies -------------------------------------------------------------------------------------------------
 */

static gboolean
cannot_keep (GError **error, const char *path)
{
  g_set_error (
      error, SK_ERROR, SK_ERROR_STORE,
      SK_BOTH ("%s: %s; the rules before stay in force, make room and reload",
               "規則の控えを書けないため、以前の規則が有効なままです。空きを作って再読み込みしてください"),
      path, g_strerror (errno));
  return FALSE;
}

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *place)
{
  return remove (path);
}

static gboolean
is_kept (const char *path, const char *version)
{
  g_autoptr (SkPolicySet) set = sk_policy_load (path, NULL);
  return set && g_strcmp0 (sk_policy_version (set), version) == 0;
}

/* Whole and under its name, or not at all. */
static gboolean
keep (SkTransfers *self, const SkPolicySet *set, GError **error)
{
  const char *version = sk_policy_version (set);
  g_autofree char *path = self->policy_copies ? g_build_filename (self->policy_copies, version, NULL) : NULL;
  g_autofree char *part = path ? g_strconcat (path, ".part", NULL) : NULL;
  if (!path || is_kept (path, version))
    return TRUE;
  nftw (part, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
  nftw (path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
  if (!sk_policy_save (set, part, error))
    return FALSE;
  return g_rename (part, path) == 0 || cannot_keep (error, path);
}

static gboolean
point_to (SkTransfers *self, const SkPolicySet *set, GError **error)
{
  if (!self->policy_copies)
    return TRUE;
  g_autofree char *link = g_build_filename (self->policy_copies, CURRENT, NULL);
  g_autofree char *part = g_strconcat (link, ".part", NULL);
  sk_autofd int dir = open (self->policy_copies, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_unlink (part);
  return (dir >= 0 && symlink (sk_policy_version (set), part) == 0 && g_rename (part, link) == 0
          && fsync (dir) == 0)
         || cannot_keep (error, link);
}

/* NULL: there is none, or it is not what its name says. ret_since: when it came into force. */
static SkPolicySet *
load_copy (SkTransfers *self, gint64 *ret_since)
{
  g_autofree char *link = self->policy_copies ? g_build_filename (self->policy_copies, CURRENT, NULL) : NULL;
  g_autofree char *version = link ? g_file_read_link (link, NULL) : NULL;
  g_autoptr (SkPolicySet) set = version ? sk_policy_load (link, NULL) : NULL;
  struct stat info;
  if (!set || g_strcmp0 (sk_policy_version (set), version) != 0 || lstat (link, &info) < 0)
    return NULL;
  *ret_since = (gint64) info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000;
  return g_steal_pointer (&set);
}

/* -- the audit trail ----------------------------------------------------------------------------------------
 */

static gboolean
append_row (SkTransfers *self, const char *by, const char *action, JsonObject *take_details, GError **error)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), take_details);
  g_autofree char *details = json_to_string (node, FALSE);
  json_object_unref (take_details);
  const SkAuditEvent event = {
    .organisation = self->organisation, .actor = by, .action = action, .object = "policy", .details = details
  };
  return sk_audit_append (self->parts.audit, &event, error);
}

static gboolean
record_load (SkTransfers *self, const char *by, const char *before, const SkPolicySet *set, GError **error)
{
  JsonObject *details = json_object_new ();
  json_object_set_string_member (details, "before", before);
  json_object_set_string_member (details, "version", sk_policy_version (set));
  json_object_set_int_member (details, "files", sk_policy_set_files (set));
  json_object_set_int_member (details, "rules", sk_policy_set_rules (set));
  json_object_set_string_member (details, "directory", self->policy_dir);
  return append_row (self, by, "policy.loaded", details, error);
}

/* That it could not be recorded changes nothing: it is refused anyway. */
static void
record_refusal (SkTransfers *self, const char *by, const char *message)
{
  g_autoptr (GError) error = NULL;
  JsonObject *details = json_object_new ();
  json_object_set_string_member (details, "version", sk_transfers_policy_version (self));
  json_object_set_string_member (details, "error", message);
  if (!append_row (self, by, "policy.refused", details, &error))
    sk_warn (NULL, "policy: %s", error->message);
}

/* -- in force -----------------------------------------------------------------------------------------------
 */

static void
put_in_force (SkTransfers *self, SkPolicySet *take_set, gint64 since, gboolean from_copy)
{
  g_clear_pointer (&self->policy, sk_policy_set_free);
  self->policy = take_set;
  self->policy_since = since;
  self->policy_from_copy = from_copy;
  sk_notice (SK_FIELDS ("policy", sk_policy_version (take_set)), "policy: %u rules%s",
             sk_policy_set_rules (take_set), from_copy ? " (the last good ones)" : "");
}

/* Takes the set, in any case. */
static gboolean
adopt (SkTransfers *self, SkPolicySet *take_set, const char *by, const char *before, GError **error)
{
  g_autoptr (SkPolicySet) set = take_set;
  const gboolean same = g_strcmp0 (before, sk_policy_version (set)) == 0;
  if (!keep (self, set, error) || !record_load (self, by, before, set, error)
      || (!same && !point_to (self, set, error)))
    return FALSE;
  put_in_force (self, g_steal_pointer (&set), same ? self->policy_since : sk_transfers_now (self), FALSE);
  return TRUE;
}

gboolean
sk_transfers_reload_policy (SkTransfers *self, const char *by, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  g_autofree char *before = g_strdup (sk_transfers_policy_version (self));
  SkPolicySet *set = sk_policy_load (self->policy_dir, &wrong);
  if (!set)
    record_refusal (self, by, wrong->message);
  else if (adopt (self, set, by, before, &wrong))
    {
      g_clear_pointer (&self->policy_error, g_free);
      return TRUE;
    }
  set_error (self, wrong->message);
  sk_err (NULL, "policy: %s", wrong->message);
  g_propagate_error (error, g_steal_pointer (&wrong));
  return FALSE;
}

/* The same set as before the restart is no change. */
void
sk_transfers_load_policy (SkTransfers *self)
{
  g_autoptr (GError) wrong = NULL;
  gint64 since = 0;
  SkPolicySet *kept = load_copy (self, &since);
  SkPolicySet *set = sk_policy_load (self->policy_dir, &wrong);
  const gboolean same = set && kept && g_strcmp0 (sk_policy_version (set), sk_policy_version (kept)) == 0;
  if (kept)
    put_in_force (self, kept, since, !same);
  if (same)
    sk_policy_set_free (set);
  else if (!set)
    record_refusal (self, "broker", wrong->message);
  else
    adopt (self, set, "broker", sk_transfers_policy_version (self), &wrong);
  if (wrong)
    {
      set_error (self, wrong->message);
      sk_err (NULL, "policy: %s", wrong->message);
    }
}

SkAntivirus *
sk_transfers_antivirus (SkTransfers *self)
{
  return self->parts.antivirus;
}
