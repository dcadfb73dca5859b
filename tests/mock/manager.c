#include "mock/manager.h"
#include "common/error.h"
#include <json-glib/json-glib.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* 2023-11-14 22:13:20 UTC: rows of golden files must not change. */
#define LONG_AGO (G_GINT64_CONSTANT (1700000000) * G_USEC_PER_SEC)

struct _SkManager
{
  GObject parent;
  GPtrArray *images, *pools, *vms, *sessions, *ended;
  guint no_views; /* so many requests for a ticket find no view */
  guint ready;
  char *token, *token_session;
  int attached_fd;
  char *doctor, *canary;
  gboolean draining, drained;
};
G_DEFINE_FINAL_TYPE (SkManager, sk_manager, G_TYPE_OBJECT)

static const char *const *mock_groups;

void
sk_mock_set_groups (const char *const *groups)
{
  mock_groups = groups;
}

void
sk_identity_free (SkIdentity *who)
{
  if (who)
    g_free (who->user);
  g_free (who);
}

gboolean
sk_identity_in_group (const SkIdentity *who, const char *group)
{
  return mock_groups && g_strv_contains (mock_groups, group);
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

static void
sk_manager_init (SkManager *m)
{
  m->images = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_image_free);
  m->pools = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_pool_free);
  m->vms = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_vm_free);
  m->sessions = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  m->ended = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  m->attached_fd = -1;
  m->doctor = g_strdup ("{\"green\":true,\"checks\":[]}");
}

static void
sk_manager_finalize (GObject *object)
{
  SkManager *m = SK_MANAGER (object);
  g_ptr_array_unref (m->images);
  g_ptr_array_unref (m->pools);
  g_ptr_array_unref (m->vms);
  g_ptr_array_unref (m->sessions);
  g_ptr_array_unref (m->ended);
  g_free (m->token);
  g_free (m->token_session);
  g_free (m->doctor);
  g_free (m->canary);
  if (m->attached_fd >= 0)
    close (m->attached_fd);
  G_OBJECT_CLASS (sk_manager_parent_class)->finalize (object);
}

static void
sk_manager_class_init (SkManagerClass *class)
{
  G_OBJECT_CLASS (class)->finalize = sk_manager_finalize;
  g_signal_new ("event", SK_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
}

SkManager *
sk_mock_manager_new (void)
{
  return g_object_new (SK_TYPE_MANAGER, NULL);
}

void
sk_mock_manager_emit (SkManager *m, const char *type, const char *id, const char *state, const char *text)
{
  g_signal_emit_by_name (m, "event", type, id, state, text);
}

void
sk_mock_manager_set_session_state (SkManager *m, const char *id, SkSessionState state)
{
  for (guint i = 0; i < m->sessions->len; i++)
    {
      SkSession *session = g_ptr_array_index (m->sessions, i);
      if (g_strcmp0 (session->id, id) == 0)
        session->state = state;
    }
}

static gpointer
not_found (const char *what, GError **error)
{
  g_set_error (error, SK_ERROR, SK_ERROR_NOT_FOUND, "%s", what);
  return NULL;
}

static GPtrArray *
copy_all (GPtrArray *rows, gpointer (*copy) (gconstpointer), GDestroyNotify free_row)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (free_row);
  for (guint i = 0; i < rows->len; i++)
    g_ptr_array_add (all, copy (g_ptr_array_index (rows, i)));
  return all;
}

/* -- images --------------------------------------------------------------------------------------------- */

GPtrArray *
sk_manager_images (SkManager *m)
{
  return copy_all (m->images, (gpointer (*) (gconstpointer)) sk_image_copy, (GDestroyNotify) sk_image_free);
}

static char *
manifest_id (const char *path)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  JsonObject *manifest = json_parser_load_from_file (parser, path, NULL) && json_parser_get_root (parser)
                             ? json_node_get_object (json_parser_get_root (parser))
                             : NULL;
  if (manifest && json_object_has_member (manifest, "id"))
    return g_strdup (json_object_get_string_member (manifest, "id"));
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, path, -1);
}

SkImage *
sk_manager_import_image (SkManager *m, const char *name, const char *dir, GError **error)
{
  g_autofree char *manifest = g_build_filename (dir, "manifest.json", NULL);
  if (!g_file_test (manifest, G_FILE_TEST_EXISTS))
    return not_found (manifest, error);
  SkImage *image = g_new0 (SkImage, 1);
  image->id = manifest_id (manifest);
  image->name = g_strdup (name ? name : "from-manifest");
  image->path = g_strdup (dir);
  image->cmdline = g_strdup ("quiet");
  image->created = LONG_AGO;
  image->size = 3 * 1024 * 1024 * (gint64) 1024 / 2;
  g_ptr_array_add (m->images, image);
  return sk_image_copy (image);
}

gboolean
sk_manager_delete_image (SkManager *m, const char *name_or_id, GError **error)
{
  for (guint i = 0; i < m->images->len; i++)
    {
      const SkImage *image = g_ptr_array_index (m->images, i);
      if (!g_str_equal (image->name, name_or_id) && !g_str_equal (image->id, name_or_id))
        continue;
      g_ptr_array_remove_index (m->images, i);
      return TRUE;
    }
  return not_found (name_or_id, error) != NULL;
}

/* -- pools ---------------------------------------------------------------------------------------------- */

GPtrArray *
sk_manager_pools (SkManager *m)
{
  return copy_all (m->pools, (gpointer (*) (gconstpointer)) sk_pool_copy, (GDestroyNotify) sk_pool_free);
}

static SkPool *
find_pool (SkManager *m, const char *name)
{
  for (guint i = 0; i < m->pools->len; i++)
    if (g_str_equal (((SkPool *) g_ptr_array_index (m->pools, i))->name, name))
      return g_ptr_array_index (m->pools, i);
  return NULL;
}

SkPool *
sk_manager_pool (SkManager *m, const char *name, GError **error)
{
  SkPool *pool = find_pool (m, name);
  return pool ? sk_pool_copy (pool) : not_found (name, error);
}

SkPoolStatus *
sk_manager_pool_status (SkManager *m, const char *name, GError **error)
{
  if (!find_pool (m, name))
    return not_found (name, error);
  SkPoolStatus *status = g_new0 (SkPoolStatus, 1);
  status->warm = m->ready;
  status->attached = m->sessions->len;
  status->reason = g_strdup ("");
  return status;
}

void
sk_pool_status_free (SkPoolStatus *status)
{
  if (status)
    g_free (status->reason);
  g_free (status);
}

gboolean
sk_manager_put_pool (SkManager *m, const SkPool *pool, gboolean create, GError **error)
{
  SkPool *present = find_pool (m, pool->name);
  if (create && present)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "%s", pool->name);
      return FALSE;
    }
  if (pool->memory_mib < 256)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "memory_mib: 256 or more");
      return FALSE;
    }
  if (present)
    g_ptr_array_remove (m->pools, present);
  SkPool *copy = sk_pool_copy (pool);
  if (copy->created == 0)
    copy->created = LONG_AGO;
  g_ptr_array_add (m->pools, copy);
  sk_mock_manager_emit (m, "pool", pool->name, create ? "created" : "changed", "");
  return TRUE;
}

gboolean
sk_manager_delete_pool (SkManager *m, const char *name, gboolean force, GError **error)
{
  SkPool *pool = find_pool (m, name);
  if (!pool)
    return not_found (name, error) != NULL;
  if (m->sessions->len > 0 && !force)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT, "%u sessions", m->sessions->len);
      return FALSE;
    }
  g_ptr_array_remove (m->pools, pool);
  return TRUE;
}

/* -- VMs ------------------------------------------------------------------------------------------------ */

static SkVm *
add_vm (SkManager *m, SkVmState state)
{
  SkVm *vm = g_new0 (SkVm, 1);
  vm->id = g_strdup_printf ("00000000-0000-4000-8000-%012u", m->vms->len + 1);
  vm->pool = g_strdup ("internet");
  vm->image = g_strdup ("trixie");
  vm->state = state;
  vm->owner = g_strdup ("");
  vm->session = g_strdup ("");
  vm->reason = g_strdup ("");
  vm->created = vm->changed = LONG_AGO;
  g_ptr_array_add (m->vms, vm);
  return vm;
}

GPtrArray *
sk_manager_vms (SkManager *m)
{
  return copy_all (m->vms, (gpointer (*) (gconstpointer)) sk_vm_copy, (GDestroyNotify) sk_vm_free);
}

gboolean
sk_manager_retire_vm (SkManager *m, const char *id, const char *reason, GError **error)
{
  for (guint i = 0; i < m->vms->len; i++)
    {
      SkVm *vm = g_ptr_array_index (m->vms, i);
      if (!g_str_equal (vm->id, id))
        continue;
      vm->state = SK_VM_RETIRING;
      g_free (vm->reason);
      vm->reason = g_strdup (reason);
      sk_mock_manager_emit (m, "vm", id, "retiring", reason);
      return TRUE;
    }
  return not_found (id, error) != NULL;
}

void
sk_mock_manager_set_ready (SkManager *m, guint ready)
{
  for (; m->ready < ready; m->ready++)
    add_vm (m, SK_VM_WARM);
  m->ready = ready;
}

/* -- sessions ------------------------------------------------------------------------------------------- */

GPtrArray *
sk_manager_sessions (SkManager *m, const SkIdentity *who)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  for (guint i = 0; i < m->sessions->len; i++)
    {
      const SkSession *session = g_ptr_array_index (m->sessions, i);
      if (who->admin || session->uid == who->uid)
        g_ptr_array_add (all, sk_session_copy (session));
    }
  return all;
}

static SkSession *
find_session (SkManager *m, const SkIdentity *who, const char *id, GError **error)
{
  for (guint i = 0; i < m->sessions->len; i++)
    {
      SkSession *session = g_ptr_array_index (m->sessions, i);
      if (g_str_equal (session->id, id) && (who->admin || session->uid == who->uid))
        return session;
    }
  return not_found (id, error);
}

GPtrArray *
sk_manager_all_sessions (SkManager *m, const SkIdentity *who, GError **error)
{
  GPtrArray *all = sk_manager_sessions (m, who);
  for (guint i = 0; i < m->ended->len; i++)
    g_ptr_array_insert (all, (int) i, sk_session_copy (g_ptr_array_index (m->ended, i)));
  return all;
}

SkSession *
sk_manager_session (SkManager *m, const SkIdentity *who, const char *id, GError **error)
{
  SkSession *session = find_session (m, who, id, NULL);
  for (guint i = 0; !session && i < m->ended->len; i++)
    {
      SkSession *ended = g_ptr_array_index (m->ended, i);
      if (g_str_equal (ended->id, id) && (who->admin || ended->uid == who->uid))
        session = ended;
    }
  return session ? sk_session_copy (session) : not_found (id, error);
}

guint
sk_manager_queue_position (SkManager *m, const char *id)
{
  guint position = 0;
  for (guint i = 0; i < m->sessions->len; i++)
    {
      const SkSession *session = g_ptr_array_index (m->sessions, i);
      position += session->state == SK_SESSION_QUEUED;
      if (g_str_equal (session->id, id))
        return session->state == SK_SESSION_QUEUED ? position : 0;
    }
  return 0;
}

static SkTicket *
new_ticket (SkManager *m, const char *session)
{
  SkTicket *ticket = g_new0 (SkTicket, 1);
  g_autofree char *seed = g_uuid_string_random ();
  ticket->token = g_compute_checksum_for_string (G_CHECKSUM_SHA256, seed, -1);
  ticket->fingerprint = g_strnfill (64, 'f');
  ticket->width = 1280;
  ticket->height = 800;
  g_free (m->token);
  g_free (m->token_session);
  m->token = g_strdup (ticket->token);
  m->token_session = g_strdup (session);
  return ticket;
}

static void
give_vm (SkManager *m, SkSession *session)
{
  m->ready--;
  session->state = SK_SESSION_STARTING;
  g_free (session->vm);
  session->vm = g_strdup_printf ("00000000-0000-4000-8000-%012u", m->ready + 1);
}

guint
sk_manager_queue_estimate (SkManager *m, const char *id)
{
  return 30 * sk_manager_queue_position (m, id);
}

SkSession *
sk_manager_open_session (SkManager *m, const SkIdentity *who, const char *pool, const char *url, guint width,
                         guint height, SkTicket **ret_ticket, guint *ret_position, GError **error)
{
  SkSession *session;
  const char *name = pool ? pool : "internet";
  if (!find_pool (m, name))
    return not_found (name, error);
  session = g_new0 (SkSession, 1);
  session->id = g_strdup_printf ("11111111-0000-4000-8000-%012u", m->sessions->len + 1);
  session->pool = g_strdup (name);
  session->vm = g_strdup ("");
  session->user = g_strdup (who->user);
  session->uid = who->uid;
  session->url = g_strdup (url ? url : "");
  session->reason = g_strdup ("");
  session->created = session->changed = LONG_AGO;
  session->state = SK_SESSION_QUEUED;
  g_ptr_array_add (m->sessions, session);
  if (m->ready > 0)
    {
      give_vm (m, session);
      if (m->no_views == 0)
        *ret_ticket = new_ticket (m, session->id);
    }
  else
    *ret_position = sk_manager_queue_position (m, session->id);
  return sk_session_copy (session);
}

void
sk_mock_manager_serve_queue (SkManager *m)
{
  for (guint i = 0; i < m->sessions->len; i++)
    {
      SkSession *session = g_ptr_array_index (m->sessions, i);
      if (session->state != SK_SESSION_QUEUED || m->ready == 0)
        continue;
      give_vm (m, session);
      sk_mock_manager_emit (m, "session", session->id, "starting", "");
    }
}

SkTicket *
sk_manager_ticket (SkManager *m, const SkIdentity *who, const char *id, GError **error)
{
  SkSession *session = find_session (m, who, id, error);
  if (!session)
    return NULL;
  if (session->state == SK_SESSION_QUEUED)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT, "queued");
      return NULL;
    }
  if (m->no_views > 0)
    {
      m->no_views--;
      g_set_error_literal (error, SK_ERROR, SK_ERROR_TIMEOUT, "no view");
      return NULL;
    }
  return new_ticket (m, id);
}

gboolean
sk_manager_open_url (SkManager *m, const SkIdentity *who, const char *id, const char *url, GError **error)
{
  SkSession *session = find_session (m, who, id, error);
  if (!session)
    return FALSE;
  g_free (session->url);
  session->url = g_strdup (url);
  return TRUE;
}

gboolean
sk_manager_end_session (SkManager *m, const SkIdentity *who, const char *id, const char *reason,
                        GError **error)
{
  SkSession *session = find_session (m, who, id, error);
  if (!session)
    return FALSE;
  session->state = SK_SESSION_ENDED;
  g_free (session->reason);
  session->reason = g_strdup (reason ? reason : "The user ended it. / 利用者が終了しました。");
  g_ptr_array_add (m->ended, sk_session_copy (session));
  g_ptr_array_remove (m->sessions, session);
  sk_mock_manager_emit (m, "session", id, "ended", reason);
  return TRUE;
}

gboolean
sk_manager_check_token (SkManager *m, const SkIdentity *who, const char *id, const char *token,
                        GError **error)
{
  if (!find_session (m, who, id, error))
    return FALSE;
  if (g_strcmp0 (m->token, token) == 0 && g_strcmp0 (m->token_session, id) == 0)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN, "token");
  return FALSE;
}

gboolean
sk_manager_attach (SkManager *m, const SkIdentity *who, const char *id, const char *token, int viewer_fd,
                   GError **error)
{
  if (!sk_manager_check_token (m, who, id, token, error))
    return FALSE;
  g_clear_pointer (&m->token, g_free);
  if (m->attached_fd >= 0)
    close (m->attached_fd);
  m->attached_fd = fcntl (viewer_fd, F_DUPFD_CLOEXEC, 3);
  return TRUE;
}

int
sk_mock_manager_attached_fd (SkManager *m)
{
  return m->attached_fd;
}

void
sk_mock_manager_set_no_views (SkManager *m, guint times)
{
  m->no_views = times;
}

/* -- doctor, drain -------------------------------------------------------------------------------------- */

void
sk_mock_manager_set_doctor (SkManager *m, const char *json)
{
  g_free (m->doctor);
  m->doctor = g_strdup (json);
}

const char *
sk_mock_manager_canary (SkManager *m)
{
  return m->canary;
}

void
sk_manager_doctor_async (SkManager *m, const char *canary, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (m, NULL, callback, data);
  g_free (m->canary);
  m->canary = g_strdup (canary);
  g_task_return_pointer (task, g_strdup (m->doctor), g_free);
}

char *
sk_manager_doctor_finish (SkManager *m, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sk_manager_drain (SkManager *m, gboolean sessions)
{
  m->draining = TRUE;
}

void
sk_mock_manager_finish_drain (SkManager *m)
{
  m->drained = TRUE;
  sk_mock_manager_emit (m, "broker", "", "drained", "");
}

guint
sk_manager_spare_views (SkManager *m)
{
  return 2;
}

gboolean
sk_manager_is_drained (SkManager *m)
{
  return m->drained;
}
