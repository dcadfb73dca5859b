#include "rdp/worker.h"
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* An encoded picture of text at 1920 x 1080 takes 0.8 MB, one of a photograph 0.5 MB. */
#define HEAP_BLOCK_MAX (2 << 20)

struct _SkWorker
{
  const SkWorkerClass *klass;
  gpointer data;
  gboolean verbose;
  char fingerprint[65];
  int listen_fd;
  int wake_fd;
  SkPermit permit; /* for the worker's life: a second core cannot give a second job */
  gint64 orphan_since;

  GMutex lock; /* everything below */
  int core_fd; /* -1: no core. Only the main thread closes it */
  gboolean has_job, finishing, state_unsent;
  guint state;
  guint32 detail;
  char *text;
  gint64 deadline;
  const char *deadline_what;
  double log_tokens;
  gint64 log_time;
  guint log_dropped;
};

SkWorker *
sk_worker_new (const SkWorkerClass *klass, int listen_fd, gboolean verbose, gpointer data)
{
  SkWorker *w = g_new0 (SkWorker, 1);
  w->klass = klass;
  w->data = data;
  w->verbose = verbose;
  w->listen_fd = listen_fd;
  w->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  w->core_fd = -1;
  w->log_tokens = SK_WORKER_LOG_BURST;
  w->log_time = g_get_monotonic_time ();
  w->orphan_since = w->log_time;
  g_mutex_init (&w->lock);
  return w;
}

void
sk_worker_set_fingerprint (SkWorker *w, const char *fingerprint)
{
  g_strlcpy (w->fingerprint, fingerprint, sizeof w->fingerprint);
}

static void
wake (SkWorker *w)
{
  const guint64 one = 1;
  if (write (w->wake_fd, &one, sizeof one) < 0)
    return; /* full: it is awake already */
}

/* With the lock held. FALSE: not sent, because there is no core or its socket is full. */
static gboolean
send_locked (SkWorker *w, const SkMessage *m, const int *fds)
{
  return w->core_fd >= 0 && sk_packet_send (w->core_fd, w->klass->messages, m, fds, NULL);
}

/* With the lock held. */
static void
send_state_locked (SkWorker *w)
{
  const SkMessage m = { .type = w->klass->state_type,
                        .n = { w->state, w->detail },
                        .s = { w->text ? w->text : (char *) "" } };
  w->state_unsent = w->core_fd >= 0 && !send_locked (w, &m, NULL);
}

void
sk_worker_state (SkWorker *w, guint state, guint32 detail, const char *text)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&w->lock);
  g_free (w->text);
  w->state = state;
  w->detail = detail;
  w->text = g_strndup (text ? text : "", 200);
  send_state_locked (w);
  if (w->state_unsent)
    wake (w);
  if (w->verbose)
    sk_info (NULL, "%s: state %u, detail %u %s", w->klass->kind, state, detail, w->text);
}

void
sk_worker_answer (SkWorker *w, const SkMessage *m, const int *fds)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&w->lock);
  if (!send_locked (w, m, fds))
    return;
}

/* With the lock held. */
static gboolean
take_log_token (SkWorker *w)
{
  gint64 now = g_get_monotonic_time ();
  w->log_tokens = MIN (SK_WORKER_LOG_BURST, w->log_tokens + (double) (now - w->log_time) / G_USEC_PER_SEC);
  w->log_time = now;
  if (w->log_tokens < 1)
    {
      w->log_dropped++;
      return FALSE;
    }
  w->log_tokens -= 1;
  return TRUE;
}

/* Quoted peers may have said anything: control characters would make the core refuse the packet. */
static void
make_clean (char *text)
{
  char *end = NULL;
  if (!g_utf8_validate (text, -1, (const char **) &end))
    *end = '\0';
  for (char *p = text; *p; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f)
      *p = ' ';
    else if ((guchar) p[0] == 0xc2 && (guchar) p[1] < 0xa0)
      p[1] = (char) 0xa0;
}

static guint
syslog_level (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return 3;
  if (level & G_LOG_LEVEL_WARNING)
    return 4;
  if (level & G_LOG_LEVEL_MESSAGE)
    return 5;
  return level & G_LOG_LEVEL_INFO ? 6 : 7;
}

void
sk_worker_log (SkWorker *w, GLogLevelFlags level, const char *format, ...)
{
  char text[SK_CONTROL_LOG_MAX - 32];
  va_list args;
  va_start (args, format);
  g_vsnprintf (text, sizeof text, format, args);
  va_end (args);
  make_clean (text);

  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&w->lock);
  if (!take_log_token (w))
    return;
  g_autofree char *line
      = w->log_dropped ? g_strdup_printf ("(%u lines dropped) %s", w->log_dropped, text) : g_strdup (text);
  w->log_dropped = 0;
  if (w->verbose)
    sk_log (level, NULL, "%s: %s", w->klass->kind, line);
  const SkMessage m = { .type = SK_CONTROL_LOG, .n = { syslog_level (level) }, .s = { line } };
  if (!send_locked (w, &m, NULL))
    return; /* a line less: never worth waiting for */
}

void
sk_worker_finish (SkWorker *w)
{
  g_mutex_lock (&w->lock);
  w->finishing = TRUE;
  g_mutex_unlock (&w->lock);
  wake (w);
}

void
sk_worker_set_deadline (SkWorker *w, gint64 monotonic_us, const char *what)
{
  g_mutex_lock (&w->lock);
  w->deadline = monotonic_us;
  w->deadline_what = what;
  g_mutex_unlock (&w->lock);
  wake (w);
}

static void
drop_core (SkWorker *w)
{
  g_mutex_lock (&w->lock);
  sk_clear_fd (&w->core_fd);
  w->state_unsent = FALSE;
  g_mutex_unlock (&w->lock);
  w->orphan_since = g_get_monotonic_time ();
}

static void
accept_core (SkWorker *w)
{
  int fd = accept4 (w->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  drop_core (w);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&w->lock);
  w->core_fd = fd;
  const SkMessage hello = { .type = SK_CONTROL_HELLO,
                            .n = { SK_CONTROL_VERSION, (guint32) getpid (), w->has_job },
                            .s = { (char *) w->klass->kind, w->fingerprint } };
  if (!send_locked (w, &hello, NULL))
    return; /* gone again: the read that follows sees it */
  if (w->state)
    send_state_locked (w);
}

static gboolean
handle (SkWorker *w, const SkMessage *m, int *fds, GError **error)
{
  if (!sk_permit_check (&w->permit, w->klass->messages, m, 0, error))
    return FALSE;
  if (m->type == SK_CONTROL_PING)
    {
      const SkMessage pong = { .type = SK_CONTROL_PONG, .n = { m->n[0] } };
      sk_worker_answer (w, &pong, NULL);
      return TRUE;
    }
  if (m->type == SK_CONTROL_END)
    {
      sk_worker_finish (w);
      return TRUE;
    }
  if (m->type == w->klass->job_type)
    {
      g_mutex_lock (&w->lock);
      w->has_job = TRUE;
      g_mutex_unlock (&w->lock);
    }
  return w->klass->message (w, m, fds, w->data, error);
}

/* One packet of the core. FALSE: the worker must end (a job it cannot do). */
static gboolean
read_core (SkWorker *w)
{
  g_auto (SkMessage) m = { 0 };
  g_autoptr (GError) error = NULL;
  int fds[SK_PACKET_FDS_MAX] = { -1, -1, -1, -1 };
  int got = sk_packet_receive (w->core_fd, w->klass->messages, SK_FROM_HOST, &m, fds, &error);
  if (got < 0 && g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT))
    return TRUE;
  if (got <= 0)
    {
      /* Gone, or another version of it: this connection is over, the session is not. */
      if (got < 0)
        sk_worker_log (w, G_LOG_LEVEL_WARNING, "control socket: %s", error->message);
      drop_core (w);
      return TRUE;
    }
  gboolean done = handle (w, &m, fds, &error);
  for (gsize i = 0; i < SK_PACKET_FDS_MAX; i++)
    sk_clear_fd (&fds[i]);
  if (!done)
    sk_worker_log (w, G_LOG_LEVEL_CRITICAL, "%s: %s", m.spec->name, error->message);
  return done;
}

/* Milliseconds until the next thing to do without being woken; -1 never. */
static int
next_timeout (SkWorker *w)
{
  gint64 until = G_MAXINT64, now = g_get_monotonic_time ();
  g_mutex_lock (&w->lock);
  if (w->deadline)
    until = w->deadline;
  if (w->core_fd < 0 && !w->has_job)
    until = MIN (until, w->orphan_since + SK_WORKER_ORPHAN_SECONDS * G_USEC_PER_SEC);
  g_mutex_unlock (&w->lock);
  if (until == G_MAXINT64)
    return -1;
  return (int) CLAMP ((until - now + 999) / 1000, 0, 60000);
}

/* TRUE when the worker ends now. */
static gboolean
is_over (SkWorker *w)
{
  gint64 now = g_get_monotonic_time ();
  g_mutex_lock (&w->lock);
  gboolean orphan
      = w->core_fd < 0 && !w->has_job && now >= w->orphan_since + SK_WORKER_ORPHAN_SECONDS * G_USEC_PER_SEC;
  gboolean late = w->deadline && now >= w->deadline;
  gboolean finished = w->finishing && !w->state_unsent;
  const char *what = w->deadline_what;
  g_mutex_unlock (&w->lock);
  if (late)
    sk_worker_log (w, G_LOG_LEVEL_WARNING, "%s took too long", what);
  return orphan || late || finished;
}

int
sk_worker_run (SkWorker *w)
{
  while (!is_over (w))
    {
      struct pollfd fds[3]
          = { { w->wake_fd, POLLIN, 0 }, { w->listen_fd, POLLIN, 0 }, { w->core_fd, POLLIN, 0 } };
      g_mutex_lock (&w->lock);
      if (w->state_unsent)
        fds[2].events |= POLLOUT;
      g_mutex_unlock (&w->lock);
      if (poll (fds, 3, next_timeout (w)) < 0)
        continue; /* EINTR */
      guint64 count;
      if (fds[0].revents && read (w->wake_fd, &count, sizeof count) < 0)
        continue;
      if (fds[2].revents & POLLOUT)
        {
          g_mutex_lock (&w->lock);
          send_state_locked (w);
          g_mutex_unlock (&w->lock);
        }
      if ((fds[2].revents & (POLLIN | POLLHUP | POLLERR)) && !read_core (w))
        return 1;
      if (fds[1].revents & POLLIN)
        accept_core (w);
    }
  return 0;
}

gboolean
sk_worker_parse_args (int argc, char **argv, int *ret_fd, gboolean *ret_verbose)
{
  *ret_fd = 3; /* where the core puts it */
  *ret_verbose = FALSE;
  gboolean good = TRUE;
  for (int i = 1; i < argc && good; i++)
    {
      guint64 n;
      if (strcmp (argv[i], "--verbose") == 0)
        *ret_verbose = TRUE;
      else if (strcmp (argv[i], "--control-fd") == 0 && i + 1 < argc
               && g_ascii_string_to_unsigned (argv[++i], 10, 3, 1023, &n, NULL))
        *ret_fd = (int) n;
      else
        good = FALSE;
    }
  if (!good)
    {
      g_printerr ("usage: %s --control-fd N [--verbose]\n", argv[0]);
      return FALSE;
    }
  signal (SIGPIPE, SIG_IGN);
  /* One heap for all threads, which keeps what it has: the pages a spare touched while it prepared are there
   * when its viewer comes, and buffers of a picture's size do not fault in anew for each picture. */
  mallopt (M_ARENA_MAX, 1);
  mallopt (M_MMAP_THRESHOLD, HEAP_BLOCK_MAX);
  mallopt (M_TRIM_THRESHOLD, HEAP_BLOCK_MAX);
  /* FreeRDP wants a home directory to build names from; there is none. */
  setenv ("HOME", "/", TRUE);
  /* Else the C library looks for /etc/localtime at every log line and date of a certificate. */
  setenv ("TZ", "UTC0", TRUE);
  return TRUE;
}
