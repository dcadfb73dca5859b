/* The real staff: makes worker processes, and finds those of an earlier core. */
#include "common/error.h"
#include "core/process.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define SK_TYPE_PROCESS_STAFF (sk_process_staff_get_type ())
G_DECLARE_FINAL_TYPE (SkProcessStaff, sk_process_staff, SK, PROCESS_STAFF, SkStaff)
struct _SkProcessStaff
{
  SkStaff parent;
  char *dir, *libexec_dir;
};
G_DEFINE_FINAL_TYPE (SkProcessStaff, sk_process_staff, SK_TYPE_STAFF)

static SkWorker *
spawn (SkStaff *staff, SkWorkerKind kind, const char *id, GError **error)
{
  SkProcessStaff *self = SK_PROCESS_STAFF (staff);
  SkProcess *process = sk_process_spawn (self->dir, self->libexec_dir, kind, id, error);
  return process ? SK_WORKER (process) : NULL;
}

/* "screen-ID.sock" or "view-ID.sock"; FALSE for anything else. */
static gboolean
parse_name (const char *name, SkWorkerKind *ret_kind, char **ret_id)
{
  const char *id = g_str_has_prefix (name, "screen-") ? name + 7
                   : g_str_has_prefix (name, "view-") ? name + 5
                                                      : NULL;
  if (!id || !g_str_has_suffix (id, ".sock"))
    return FALSE;
  *ret_kind = name[0] == 's' ? SK_WORKER_SCREEN : SK_WORKER_VIEW;
  *ret_id = g_strndup (id, strlen (id) - 5);
  return TRUE;
}

static GPtrArray *
adopt (SkStaff *staff)
{
  SkProcessStaff *self = SK_PROCESS_STAFF (staff);
  GPtrArray *found = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      SkWorkerKind kind;
      g_autofree char *id = NULL;
      SkProcess *process = parse_name (name, &kind, &id) ? sk_process_adopt (self->dir, kind, id) : NULL;
      if (process)
        g_ptr_array_add (found, process);
    }
  return found;
}

static gboolean
join (SkStaff *staff, SkWorker *screen, SkWorker *view, guint number, const SkViewJob *job, int viewer_fd,
      GError **error)
{
  return sk_process_link (SK_PROCESS (screen), SK_PROCESS (view), number, job, viewer_fd, error);
}

static void
sk_process_staff_finalize (GObject *object)
{
  SkProcessStaff *self = SK_PROCESS_STAFF (object);
  g_free (self->dir);
  g_free (self->libexec_dir);
  G_OBJECT_CLASS (sk_process_staff_parent_class)->finalize (object);
}

static void
sk_process_staff_class_init (SkProcessStaffClass *klass)
{
  SkStaffClass *staff = SK_STAFF_CLASS (klass);
  G_OBJECT_CLASS (klass)->finalize = sk_process_staff_finalize;
  staff->spawn = spawn;
  staff->adopt = adopt;
  staff->link = join;
}

static void
sk_process_staff_init (SkProcessStaff *self)
{
}

SkStaff *
sk_process_staff_new (const char *runtime_dir, const char *libexec_dir, GError **error)
{
  g_autoptr (SkProcessStaff) self = g_object_new (SK_TYPE_PROCESS_STAFF, NULL);
  self->dir = g_build_filename (runtime_dir, "workers", NULL);
  self->libexec_dir = g_strdup (libexec_dir);
  if (g_mkdir (self->dir, 0700) < 0 && errno != EEXIST)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", self->dir, g_strerror (errno));
      return NULL;
    }
  if (chmod (self->dir, 0700) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", self->dir, g_strerror (errno));
      return NULL;
    }
  return SK_STAFF (g_steal_pointer (&self));
}
