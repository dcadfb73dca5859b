/* The core as the API sees it: checks who asks and what for, then lets the live objects act. */
#include "common/error.h"
#include "common/log.h"
#include "core/manager-private.h"
#include "core/trail.h"
#include <grp.h>
#include <pwd.h>
#include <string.h>

struct _SkManager
{
  GObject parent;
  SkCore *core;
};
G_DEFINE_FINAL_TYPE (SkManager, sk_manager, G_TYPE_OBJECT)

static guint event_signal;

static void
sk_manager_dispose (GObject *object)
{
  SkManager *self = SK_MANAGER (object);
  g_clear_pointer (&self->core, sk_core_free);
  G_OBJECT_CLASS (sk_manager_parent_class)->dispose (object);
}

static void
sk_manager_class_init (SkManagerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = sk_manager_dispose;
  event_signal = g_signal_new ("event", SK_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                               4, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
}

static void
sk_manager_init (SkManager *self)
{
}

SkManager *
sk_manager_new (const SkCoreParts *parts, GError **error)
{
  g_autoptr (SkManager) self = g_object_new (SK_TYPE_MANAGER, NULL);
  self->core = sk_core_new (parts, self);
  return sk_adopt_start (self->core, error) ? g_steal_pointer (&self) : NULL;
}

SkCore *
sk_manager_core (SkManager *self)
{
  return self->core;
}

void
sk_manager_emit (SkManager *self, const char *type, const char *id, const char *state, const char *text)
{
  g_signal_emit (self, event_signal, 0, type, id, state, text);
}

/* -- who asks ---------------------------------------------------------------------------------------------
 */

void
sk_identity_free (SkIdentity *who)
{
  if (!who)
    return;
  g_free (who->user);
  g_free (who);
}

/* By the user database, so also for users that are not logged in; a group that does not exist has no members.
 */
gboolean
sk_identity_in_group (const SkIdentity *who, const char *group)
{
  struct group *entry = getgrnam (group);
  gid_t wanted = entry ? entry->gr_gid : 0;
  struct passwd *user = entry ? getpwuid (who->uid) : NULL;
  int n = 64;
  g_autofree gid_t *groups = g_new (gid_t, n);
  if (!user)
    return FALSE;
  if (getgrouplist (user->pw_name, user->pw_gid, groups, &n) < 0)
    {
      groups = g_renew (gid_t, groups, n);
      if (getgrouplist (user->pw_name, user->pw_gid, groups, &n) < 0)
        return FALSE;
    }
  for (int i = 0; i < n; i++)
    if (groups[i] == wanted)
      return TRUE;
  return FALSE;
}

static gboolean
may_use (const SkIdentity *who, SkLivePool *pool)
{
  return who->admin || !*pool->row->group || sk_identity_in_group (who, pool->row->group);
}

static gboolean
is_own (const SkIdentity *who, const SkSession *row)
{
  return row->uid == who->uid && g_strcmp0 (row->user, who->user) == 0;
}

static void
not_found (GError **error, const char *what, const char *name)
{
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no %s %s", what, name ? name : "");
}

/* A session that is not one's own does not exist. */
static SkLiveSession *
find_session (SkManager *self, const SkIdentity *who, const char *id, gboolean own, GError **error)
{
  SkLiveSession *session = sk_core_session (self->core, id);
  if (session && ((who->admin && !own) || is_own (who, session->row)))
    return session;
  not_found (error, "session", id);
  return NULL;
}

/* -- images -----------------------------------------------------------------------------------------------
 */

GPtrArray *
sk_manager_images (SkManager *self)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_image_free);
  for (guint i = 0; i < self->core->images->len; i++)
    g_ptr_array_add (copy, sk_image_copy (self->core->images->pdata[i]));
  return copy;
}

static gboolean
reload_images (SkCore *core, GError **error)
{
  GPtrArray *images = sk_store_images (core->parts.store, error);
  if (!images)
    return FALSE;
  g_ptr_array_unref (core->images);
  core->images = images;
  return TRUE;
}

/* Pools of the image that was replaced follow to the new one; their VMs of the old one drain. */
static gboolean
move_pools (SkCore *core, const char *old_id, const char *new_id, GError **error)
{
  for (guint i = 0; i < core->pools->len; i++)
    {
      SkLivePool *pool = core->pools->pdata[i];
      g_autoptr (SkPool) row = NULL;
      if (g_strcmp0 (pool->row->image, old_id) != 0)
        continue;
      row = sk_pool_copy (pool->row);
      g_free (row->image);
      row->image = g_strdup (new_id);
      if (!sk_store_put_pool (core->parts.store, row, error))
        return FALSE;
      sk_live_pool_set_row (pool, row);
      sk_core_emit (core, "pool", row->name, "edited", "");
    }
  return TRUE;
}

/* The same name, or the same folder with something else in it: the newer takes the older's place. */
static SkImage *
find_replaced (SkCore *core, const SkImage *row)
{
  for (guint i = 0; i < core->images->len; i++)
    {
      SkImage *image = core->images->pdata[i];
      if (strcmp (image->id, row->id) != 0
          && (strcmp (image->name, row->name) == 0 || strcmp (image->path, row->path) == 0))
        return image;
    }
  return NULL;
}

/* The old row gives its name up before the new one takes it, and goes when no pool needs it any more. */
static gboolean
replace_image (SkCore *core, SkImage *old, const SkImage *row, GError **error)
{
  g_autofree char *id = g_strdup (old->id);
  g_autoptr (SkImage) renamed = sk_image_copy (old);
  g_free (renamed->name);
  renamed->name = g_strdup (old->id);
  return sk_store_put_image (core->parts.store, renamed, error)
         && sk_store_put_image (core->parts.store, row, error) && reload_images (core, error)
         && move_pools (core, id, row->id, error) && sk_store_delete_image (core->parts.store, id, error)
         && reload_images (core, error);
}

static gboolean
write_import (SkCore *core, const SkImage *row, GError **error)
{
  SkImage *old = find_replaced (core, row);
  g_autofree char *replaced = g_strdup (old ? old->id : "");
  if (!sk_trail_begin (core, error))
    return FALSE;
  if ((old ? replace_image (core, old, row, error)
           : sk_store_put_image (core->parts.store, row, error) && reload_images (core, error))
      && sk_trail_commit (core,
                          &(SkTrailRow){ .action = "image.imported",
                                         .object = row->id,
                                         .details = sk_trail_details ("name", row->name, "path", row->path,
                                                                      "replaces", replaced, NULL) },
                          error))
    return TRUE;
  sk_trail_rollback (core);
  /* What was read back in between may not be there any more. */
  if (!reload_images (core, NULL))
    sk_err (SK_FIELDS ("image", row->id), "the store does not give its images");
  return FALSE;
}

SkImage *
sk_manager_import_image (SkManager *self, const char *name, const char *dir, GError **error)
{
  SkCore *core = self->core;
  g_autoptr (SkImage) row = sk_image_read (name, dir, sk_core_wall (core), error);
  if (!row || !write_import (core, row, error))
    return NULL;
  sk_notice (SK_FIELDS ("image", row->id), "imported as %s", row->name);
  sk_core_emit (core, "image", row->id, "imported", row->name);
  sk_core_pump_soon (core);
  return g_steal_pointer (&row);
}

gboolean
sk_manager_delete_image (SkManager *self, const char *name_or_id, GError **error)
{
  SkCore *core = self->core;
  SkImage *image = sk_core_image (core, name_or_id);
  g_autofree char *id = NULL;
  if (!image)
    {
      not_found (error, "image", name_or_id);
      return FALSE;
    }
  id = g_strdup (image->id);
  for (guint i = 0; i < core->pools->len; i++)
    if (strcmp (((SkLivePool *) core->pools->pdata[i])->row->image, id) == 0)
      {
        g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "the pool %s uses it",
                     ((SkLivePool *) core->pools->pdata[i])->row->name);
        return FALSE;
      }
  if (!sk_trail_begin (core, error))
    return FALSE;
  if (!sk_store_delete_image (core->parts.store, id, error)
      || !sk_trail_commit (core,
                           &(SkTrailRow){ .action = "image.deleted",
                                          .object = id,
                                          .details = sk_trail_details ("name", image->name, NULL) },
                           error))
    {
      sk_trail_rollback (core);
      return FALSE;
    }
  if (!reload_images (core, error))
    return FALSE;
  sk_core_emit (core, "image", id, "deleted", "");
  return TRUE;
}

/* -- pools ------------------------------------------------------------------------------------------------
 */

GPtrArray *
sk_manager_pools (SkManager *self)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_pool_free);
  for (guint i = 0; i < self->core->pools->len; i++)
    g_ptr_array_add (copy, sk_pool_copy (((SkLivePool *) self->core->pools->pdata[i])->row));
  return copy;
}

static SkLivePool *
find_pool (SkManager *self, const char *name, GError **error)
{
  SkLivePool *pool = sk_core_pool (self->core, name);
  if (!pool)
    not_found (error, "pool", name);
  return pool;
}

SkPool *
sk_manager_pool (SkManager *self, const char *name, GError **error)
{
  SkLivePool *pool = find_pool (self, name, error);
  return pool ? sk_pool_copy (pool->row) : NULL;
}

SkPoolStatus *
sk_manager_pool_status (SkManager *self, const char *name, GError **error)
{
  SkLivePool *pool = find_pool (self, name, error);
  return pool ? sk_live_pool_status (pool) : NULL;
}

void
sk_pool_status_free (SkPoolStatus *status)
{
  if (!status)
    return;
  g_free (status->reason);
  g_free (status);
}

/* What it is from now on. */
static JsonObject *
describe_pool (const SkPool *row)
{
  JsonObject *object = sk_trail_details ("image", row->image, "network", row->network, "group", row->group,
                                         "border", row->border, "home_url", row->home_url, NULL);
  json_object_set_int_member (object, "memory_mib", row->memory_mib);
  json_object_set_int_member (object, "vcpus", row->vcpus);
  json_object_set_int_member (object, "warm", row->warm);
  json_object_set_int_member (object, "stored", row->stored);
  json_object_set_int_member (object, "maximum", row->maximum);
  json_object_set_int_member (object, "detached_minutes", row->detached_minutes);
  json_object_set_boolean_member (object, "sound", row->sound);
  json_object_set_boolean_member (object, "watermark", row->watermark);
  json_object_set_boolean_member (object, "recording", row->recording);
  return object;
}

static gboolean
write_pool (SkCore *core, const SkPool *row, const char *action, GError **error)
{
  if (!sk_trail_begin (core, error))
    return FALSE;
  if (sk_store_put_pool (core->parts.store, row, error)
      && sk_trail_commit (
          core, &(SkTrailRow){ .action = action, .object = row->name, .details = describe_pool (row) },
          error))
    return TRUE;
  sk_trail_rollback (core);
  return FALSE;
}

gboolean
sk_manager_put_pool (SkManager *self, const SkPool *pool, gboolean create, GError **error)
{
  SkCore *core = self->core;
  SkLivePool *old = pool->name ? sk_core_pool (core, pool->name) : NULL;
  g_autoptr (SkPool) row = sk_pool_copy (pool);
  SkImage *image = sk_core_image (core, row->image);
  if (!sk_check_pool (row, error))
    return FALSE;
  if (create ? old != NULL : old == NULL)
    {
      g_set_error (error, SK_ERROR, create ? SK_ERROR_CONFLICT : SK_ERROR_NOT_FOUND,
                   create ? "the pool %s exists" : "there is no pool %s", row->name);
      return FALSE;
    }
  if (!image)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "image: there is no image %s", row->image);
      return FALSE;
    }
  g_free (row->image);
  row->image = g_strdup (image->id);
  row->created = old ? old->row->created : sk_core_wall (core);
  if (!write_pool (core, row, old ? "pool.edited" : "pool.created", error))
    return FALSE;
  if (old)
    sk_live_pool_set_row (old, row);
  else
    sk_live_pool_new (core, row);
  sk_notice (SK_FIELDS ("pool", row->name), "%s", old ? "edited" : "created");
  sk_core_emit (core, "pool", row->name, old ? "edited" : "created", "");
  sk_core_pump_soon (core);
  return TRUE;
}

static void
end_sessions (SkCore *core, const char *pool, const char *reason)
{
  for (guint i = core->sessions->len; i-- > 0;)
    {
      SkLiveSession *session = core->sessions->pdata[i];
      if (!pool || strcmp (session->row->pool, pool) == 0)
        sk_live_session_end (session, reason);
    }
}

static gboolean
has_sessions (SkCore *core, const char *pool)
{
  for (guint i = 0; i < core->sessions->len; i++)
    if (strcmp (((SkLiveSession *) core->sessions->pdata[i])->row->pool, pool) == 0)
      return TRUE;
  return FALSE;
}

static void
retire_all (SkCore *core, const char *pool, const char *reason)
{
  for (guint i = core->vms->len; i-- > 0;)
    {
      SkLiveVm *vm = core->vms->pdata[i];
      if (strcmp (vm->row->pool, pool) == 0)
        sk_live_vm_retire (vm, reason);
    }
}

gboolean
sk_manager_delete_pool (SkManager *self, const char *name, gboolean force, GError **error)
{
  static const char reason[] = SK_BOTH ("The pool was deleted.", "プールが削除されました。");
  SkCore *core = self->core;
  SkLivePool *pool = find_pool (self, name, error);
  g_autofree char *keep = g_strdup (name);
  if (!pool)
    return FALSE;
  if (!force && has_sessions (core, keep))
    {
      g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "sessions of the pool %s run", keep);
      return FALSE;
    }
  if (!sk_trail_begin (core, error))
    return FALSE;
  if (!sk_store_delete_pool (core->parts.store, keep, error)
      || !sk_trail_commit (core, &(SkTrailRow){ .action = "pool.deleted", .object = keep }, error))
    {
      sk_trail_rollback (core);
      return FALSE;
    }
  end_sessions (core, keep, reason);
  retire_all (core, keep, reason);
  g_ptr_array_remove (core->pools, pool);
  sk_notice (SK_FIELDS ("pool", keep), "deleted");
  sk_core_emit (core, "pool", keep, "deleted", "");
  return TRUE;
}

/* -- VMs --------------------------------------------------------------------------------------------------
 */

GPtrArray *
sk_manager_vms (SkManager *self)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_vm_free);
  for (guint i = 0; i < self->core->vms->len; i++)
    g_ptr_array_add (copy, sk_vm_copy (((SkLiveVm *) self->core->vms->pdata[i])->row));
  return copy;
}

gboolean
sk_manager_retire_vm (SkManager *self, const char *id, const char *reason, GError **error)
{
  SkLiveVm *vm = sk_core_vm (self->core, id);
  if (!vm)
    {
      not_found (error, "VM", id);
      return FALSE;
    }
  const SkTrailRow row = { .action = "vm.retired",
                           .object = vm->row->id,
                           .details = sk_trail_details ("pool", vm->row->pool, "user", vm->row->owner,
                                                        "reason", reason ? reason : "", NULL) };
  if (!sk_trail_add (self->core, &row, error))
    return FALSE;
  sk_live_vm_retire (
      vm, reason && *reason ? reason : SK_BOTH ("An administrator ended it.", "管理者が終了しました。"));
  return TRUE;
}

/* -- sessions ---------------------------------------------------------------------------------------------
 */

GPtrArray *
sk_manager_sessions (SkManager *self, const SkIdentity *who)
{
  GPtrArray *copy = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  for (guint i = 0; i < self->core->sessions->len; i++)
    {
      SkLiveSession *session = self->core->sessions->pdata[i];
      if (who->admin || is_own (who, session->row))
        g_ptr_array_add (copy, sk_session_copy (session->row));
    }
  return copy;
}

/* One that ended is in the store only: its reason is what people want to see. */
SkSession *
sk_manager_session (SkManager *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveSession *session = sk_core_session (self->core, id);
  g_autoptr (SkSession) row
      = session ? sk_session_copy (session->row) : sk_store_session (self->core->parts.store, id, error);
  if (!row)
    return NULL;
  if (who->admin || is_own (who, row))
    return g_steal_pointer (&row);
  not_found (error, "session", id);
  return NULL;
}

static SkLivePool *
choose_pool (SkManager *self, const SkIdentity *who, const char *name, GError **error)
{
  if (name && *name)
    {
      SkLivePool *pool = find_pool (self, name, error);
      if (!pool || may_use (who, pool))
        return pool;
      g_set_error (error, SK_ERROR, SK_ERROR_FORBIDDEN, "the pool %s is for the group %s", name,
                   pool->row->group);
      return NULL;
    }
  for (guint i = 0; i < self->core->pools->len; i++)
    if (may_use (who, self->core->pools->pdata[i]))
      return self->core->pools->pdata[i];
  g_set_error_literal (error, SK_ERROR, SK_ERROR_NOT_FOUND, "there is no pool that you may use");
  return NULL;
}

static SkLiveSession *
find_live (SkManager *self, const SkIdentity *who, SkLivePool *pool)
{
  for (guint i = 0; i < self->core->sessions->len; i++)
    {
      SkLiveSession *session = self->core->sessions->pdata[i];
      if (is_own (who, session->row) && strcmp (session->row->pool, pool->row->name) == 0)
        return session;
    }
  return NULL;
}

/* A window of a minute for each user. */
static gboolean
opens_too_often (SkCore *core, const SkIdentity *who)
{
  gint64 now = sk_core_monotonic (core);
  GArray *times = g_hash_table_lookup (core->opens, GUINT_TO_POINTER (who->uid));
  if (!times)
    {
      times = g_array_new (FALSE, FALSE, sizeof (gint64));
      g_hash_table_insert (core->opens, GUINT_TO_POINTER (who->uid), times);
    }
  while (times->len > 0 && g_array_index (times, gint64, 0) <= now - SK_USER_OPENS_SECONDS * G_USEC_PER_SEC)
    g_array_remove_index (times, 0);
  if (times->len >= SK_USER_OPENS_MAX)
    return TRUE;
  g_array_append_val (times, now);
  return FALSE;
}

static gboolean
check_limits (SkManager *self, const SkIdentity *who, SkLivePool *pool, GError **error)
{
  guint own = 0;
  for (guint i = 0; i < self->core->sessions->len; i++)
    own += is_own (who, ((SkLiveSession *) self->core->sessions->pdata[i])->row);
  if (own >= SK_USER_SESSIONS_MAX)
    g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "%u sessions are the most one user can have", own);
  else if (sk_live_pool_queue_length (pool) >= SK_QUEUE_MAX)
    g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "%d people wait already", SK_QUEUE_MAX);
  else if (opens_too_often (self->core, who))
    g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "more than %d new sessions in a minute", SK_USER_OPENS_MAX);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_open (SkManager *self, const char *url, guint width, guint height, GError **error)
{
  if (self->core->draining)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "the broker is being stopped");
      return FALSE;
    }
  return (!*url || sk_check_url (url, error))
         && ((!width && !height) || sk_check_size (width, height, error));
}

/* A link crosses as everything does. Only the simulated world of tests has no crossings: there the address of
 * a session that still waits waits with it; the row need not say so before it is used. */
static gboolean
open_in (SkLiveSession *session, const SkIdentity *who, const char *url, GError **error)
{
  SkTransfers *transfers = session->core->parts.transfers;
  if (!*url)
    return TRUE;
  if (transfers)
    {
      g_autoptr (GBytes) content = g_bytes_new (url, strlen (url));
      g_autofree char *id = sk_transfers_submit (transfers, who, session->row, SK_CROSS_EXPORT, SK_KIND_URL,
                                                 "link.txt", content, error);
      return id != NULL;
    }
  if (session->vm)
    sk_live_vm_open_url (session->vm, url);
  else
    {
      g_free (session->row->url);
      session->row->url = g_strdup (url);
    }
  return TRUE;
}

SkSession *
sk_manager_open_session (SkManager *self, const SkIdentity *who, const char *pool_name, const char *url,
                         guint width, guint height, SkTicket **ret_ticket, guint *ret_position,
                         GError **error)
{
  SkLivePool *pool;
  SkLiveSession *session;
  url = url ? url : "";
  if (!check_open (self, url, width, height, error) || !(pool = choose_pool (self, who, pool_name, error)))
    return NULL;
  session = find_live (self, who, pool);
  if (!session
      && (!check_limits (self, who, pool, error)
          || !(session = sk_live_session_new (self->core, pool, who, error))))
    return NULL;
  if (!open_in (session, who, url, error))
    return NULL;
  session->width = width;
  session->height = height;
  sk_live_pool_pump (pool);
  *ret_ticket = session->vm ? sk_live_session_ticket (session, NULL) : NULL;
  *ret_position = sk_manager_queue_position (self, session->row->id);
  return sk_session_copy (session->row);
}

void
sk_ticket_free (SkTicket *ticket)
{
  if (!ticket)
    return;
  g_free (ticket->token);
  g_free (ticket->fingerprint);
  g_free (ticket);
}

SkTicket *
sk_manager_ticket (SkManager *self, const SkIdentity *who, const char *id, GError **error)
{
  SkLiveSession *session = find_session (self, who, id, TRUE, error);
  return session ? sk_live_session_ticket (session, error) : NULL;
}

guint
sk_manager_queue_position (SkManager *self, const char *id)
{
  SkLiveSession *session = sk_core_session (self->core, id);
  guint position = 1;
  if (!session || session->row->state != SK_SESSION_QUEUED)
    return 0;
  for (guint i = 0; i < self->core->sessions->len && self->core->sessions->pdata[i] != session; i++)
    {
      SkLiveSession *other = self->core->sessions->pdata[i];
      position
          += other->row->state == SK_SESSION_QUEUED && strcmp (other->row->pool, session->row->pool) == 0;
    }
  return position;
}

/* Boots go on max_boots at a time, each as long as the last ones; the first of them has been under way for a
 * while. */
guint
sk_manager_queue_estimate (SkManager *self, const char *id)
{
  guint position = sk_manager_queue_position (self, id);
  SkLiveSession *session = position ? sk_core_session (self->core, id) : NULL;
  SkLivePool *pool = session ? sk_core_pool (self->core, session->row->pool) : NULL;
  gint64 under_way = 0, rounds, left;
  guint living = 0, wait;
  if (!pool || !pool->boot_us)
    return 0;
  for (guint i = 0; i < self->core->vms->len; i++)
    {
      SkLiveVm *vm = self->core->vms->pdata[i];
      if (strcmp (vm->row->pool, pool->row->name) != 0)
        continue;
      living++;
      if (vm->row->state == SK_VM_BOOTING && vm->boot_began)
        under_way = MAX (under_way, sk_core_monotonic (self->core) - vm->boot_began);
    }
  if (living >= pool->row->maximum && !under_way)
    return 0; /* until somebody leaves */
  wait = (position + self->core->parts.max_boots - 1) / self->core->parts.max_boots;
  rounds = (gint64) wait * pool->boot_us;
  left = rounds - MIN (under_way, pool->boot_us);
  return (guint) MAX (left / G_USEC_PER_SEC, 1);
}

gboolean
sk_manager_open_url (SkManager *self, const SkIdentity *who, const char *id, const char *url, GError **error)
{
  SkLiveSession *session = find_session (self, who, id, TRUE, error);
  if (!session || !sk_check_url (url ? url : "", error))
    return FALSE;
  return open_in (session, who, url, error);
}

gboolean
sk_manager_end_session (SkManager *self, const SkIdentity *who, const char *id, const char *reason,
                        GError **error)
{
  SkLiveSession *session = find_session (self, who, id, FALSE, error);
  if (!session)
    return FALSE;
  if (!reason || !*reason)
    reason = is_own (who, session->row) ? SK_BOTH ("The user ended it.", "利用者が終了しました。")
                                        : SK_BOTH ("An administrator ended it.", "管理者が終了しました。");
  sk_live_session_end (session, reason);
  return TRUE;
}

gboolean
sk_manager_check_token (SkManager *self, const SkIdentity *who, const char *id, const char *token,
                        GError **error)
{
  SkLiveSession *session = find_session (self, who, id, TRUE, error);
  return session && sk_live_session_check_token (session, token, error);
}

gboolean
sk_manager_attach (SkManager *self, const SkIdentity *who, const char *id, const char *token, int viewer_fd,
                   GError **error)
{
  SkLiveSession *session = find_session (self, who, id, TRUE, error);
  g_autoptr (SkLiveSession) keep = session ? sk_live_session_ref (session) : NULL;
  return session && sk_live_session_check_token (session, token, error)
         && sk_live_session_attach (session, viewer_fd, error);
}

/* -- the whole --------------------------------------------------------------------------------------------
 */

void
sk_manager_drain (SkManager *self, gboolean sessions)
{
  SkCore *core = self->core;
  core->draining = TRUE;
  core->drain_sessions = core->drain_sessions || sessions;
  core->drained = FALSE;
  sk_notice (NULL, "draining%s", sessions ? ", ending all sessions" : "");
  if (sessions)
    end_sessions (core, NULL, SK_BOTH ("The broker is being stopped.", "ブローカーを停止しています。"));
  sk_spares_end (core);
  sk_core_pump_soon (core);
}

gboolean
sk_manager_is_drained (SkManager *self)
{
  return self->core->drained;
}

guint
sk_manager_spare_views (SkManager *self)
{
  return sk_spares_ready (self->core);
}
