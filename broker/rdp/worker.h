/* What both workers have in common: the control socket, STATE and LOG messages, and how they end.
 *
 * The main thread runs sk_worker_run() and does nothing else, so a worker answers its core whatever the RDP
 * threads are doing. Functions marked "any thread" take a lock and never block on the core. */
#pragma once
#include "wire/control.h"

typedef struct _SkWorker SkWorker;

typedef struct
{
  const char *kind; /* "screen", "view" */
  const SkMessageSpec *messages;
  guint16 state_type; /* SK_SCREEN_STATE, SK_VIEW_STATE */
  guint16 job_type;
  /* A permitted message of the core other than the common ones; main thread. Takes what it wants from fds
   * (sk_steal_fd); the rest is closed. FALSE with an error ends the worker. */
  gboolean (*message) (SkWorker *worker, const SkMessage *m, int *fds, gpointer data, GError **error);
} SkWorkerClass;

/* listen_fd becomes the worker's. verbose: log lines go to stderr as well. */
SkWorker *sk_worker_new (const SkWorkerClass *klass, int listen_fd, gboolean verbose, gpointer data);
/* 64 hex digits for HELLO; before sk_worker_run(). */
void sk_worker_set_fingerprint (SkWorker *worker, const char *fingerprint);
/* Returns the exit status. */
int sk_worker_run (SkWorker *worker);

/* Any thread. The last one is repeated to a core that connects later. */
void sk_worker_state (SkWorker *worker, guint state, guint32 detail, const char *text);
/* Any thread. A worker says at most SK_WORKER_LOG_BURST lines at once and one a second after that. */
void sk_worker_log (SkWorker *worker, GLogLevelFlags level, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Any thread: after this nothing more is accepted; sk_worker_run() returns when the last state went out. */
void sk_worker_finish (SkWorker *worker);
/* Any thread: the worker ends with a warning unless this is called again (0 = no deadline) before. */
void sk_worker_set_deadline (SkWorker *worker, gint64 monotonic_us, const char *what);
/* Any thread: says something to the core, if there is one. */
void sk_worker_answer (SkWorker *worker, const SkMessage *m, const int *fds);

/* Lines: enough for a broken handshake's trail, too few to fill anything. */
#define SK_WORKER_LOG_BURST 64
/* A spare whose core died before it gave a job: nobody will ever come. */
#define SK_WORKER_ORPHAN_SECONDS 10

/* Parses "--control-fd N" and "--verbose", makes the process fit for the sandbox (SIGPIPE, HOME, no stdin).
 * FALSE after a message on stderr. */
gboolean sk_worker_parse_args (int argc, char **argv, int *ret_fd, gboolean *ret_verbose);
