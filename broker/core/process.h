/* The real workers: sandboxed processes. See worker.h for what a handle promises. */
#pragma once
#include "core/worker.h"

#define SK_TYPE_PROCESS (sk_process_get_type ())
G_DECLARE_FINAL_TYPE (SkProcess, sk_process, SK, PROCESS, SkWorker)

/* dir: RUNTIME/workers, mode 0700. */
SkProcess *sk_process_spawn (const char *dir, const char *libexec_dir, SkWorkerKind kind, const char *id,
                             GError **error);
/* For what an earlier core left in dir; NULL when nobody listens any more (its files are removed). */
SkProcess *sk_process_adopt (const char *dir, SkWorkerKind kind, const char *id);
gboolean sk_process_link (SkProcess *screen, SkProcess *view, guint number, const SkViewJob *job,
                          int viewer_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The staff that makes them. runtime_dir must exist; "workers" is made below it. */
SkStaff *sk_process_staff_new (const char *runtime_dir, const char *libexec_dir, GError **error);
