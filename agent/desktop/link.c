#include "desktop/link.h"
#include "common/error.h"
#include "common/fd.h"
#include "desktop/link-api.h"
#include "desktop/timing.h"
#include <poll.h>
#include <sys/eventfd.h>

/* Pauses between tries when the broker or the view is gone. A restarted broker needs one to two seconds. */
static const int pauses_ms[] = { 0, 300, 1000, 2000, 4000 };
/* A view that never shows a picture is given up after so many (about a quarter of a minute); a user may go
 * on. A broker that does not run is asked for ever, every four seconds: then a morning's late start heals
 * itself. */
#define TRIES_MAX 7
/* How long the broker may need to notice that our view is gone, before "active" means somebody else's. */
#define NOTICE_MS 2000
#define NOTICE_STEP_MS 100
/* A queue or a session is looked at this often even without an event. */
#define LOOK_AGAIN_MS 15000

typedef enum
{
  STEP_OPEN,
  STEP_QUEUE,
  STEP_TICKET,  /* first one of a session that left the queue, or one to re-attach */
  STEP_UPGRADE, /* a ticket is there */
  STEP_WATCH,   /* the stream is taken; listens until something happens */
  STEP_REST,    /* over or refused: only a retry goes on from here */
} Step;

struct _SkLink
{
  gatomicrefcount refs; /* the owner's and the thread's */
  int wake_fd;
  char *socket, *pool, *url;
  int width, height;

  GMutex mutex; /* guards what follows */
  SkLinkView view;
  int stream_fd;
  char *fingerprint;
  int stream_width, stream_height;
  gboolean stop, lost, retry, end;
  gint64 times[_SK_LINK_TIMES];
  GQueue urls; /* to open in the running session */

  GMutex notify_mutex; /* held while notify is called, so that none is on its way after it was changed */
  SkLinkNotify notify;
  gpointer notify_data;

  /* thread only */
  SkClient *client;
  SkClientEvents *events;
  SkSessionInfo info;
  Step after_pause;
  gboolean attached_before;
};

const char *
sk_link_state_word (SkLinkState state)
{
  static const char *const words[]
      = { "opening", "queued", "starting", "stream", "waiting", "ended", "taken", "failed" };
  return words[state];
}

void
sk_link_view_clear (SkLinkView *view)
{
  g_free (view->session);
  g_free (view->reason);
  g_free (view->notice);
  g_clear_error (&view->error);
  *view = (SkLinkView){ 0 };
}

/* -- shared state ---------------------------------------------------------------------------------------- */

static void
notify_owner (SkLink *link)
{
  g_mutex_lock (&link->notify_mutex);
  if (link->notify)
    link->notify (link, link->notify_data);
  g_mutex_unlock (&link->notify_mutex);
}

/* error is taken over. */
static void
set_state (SkLink *link, SkLinkState state, GError *error)
{
  g_mutex_lock (&link->mutex);
  link->view.state = state;
  link->view.position = link->info.position;
  link->view.eta_seconds = link->info.eta_seconds;
  link->view.again = link->attached_before;
  g_free (link->view.session);
  link->view.session = g_strdup (link->info.id);
  g_free (link->view.reason);
  link->view.reason = g_strdup (link->info.reason);
  g_clear_error (&link->view.error);
  link->view.error = error;
  g_mutex_unlock (&link->mutex);
  notify_owner (link);
}

static void
give_notice (SkLink *link, const GError *error)
{
  g_mutex_lock (&link->mutex);
  g_free (link->view.notice);
  link->view.notice = g_strdup (error->message);
  link->view.notice_serial++;
  g_mutex_unlock (&link->mutex);
  notify_owner (link);
}

static gboolean
is_stopped (SkLink *link)
{
  g_mutex_lock (&link->mutex);
  gboolean stop = link->stop;
  g_mutex_unlock (&link->mutex);
  return stop;
}

static gboolean
take_flag (SkLink *link, gboolean *flag)
{
  g_mutex_lock (&link->mutex);
  gboolean was = *flag;
  *flag = FALSE;
  g_mutex_unlock (&link->mutex);
  return was;
}

/* -- waiting --------------------------------------------------------------------------------------------- */

static void
do_commands (SkLink *link)
{
  g_autoptr (GError) error = NULL;
  for (;;)
    {
      g_mutex_lock (&link->mutex);
      g_autofree char *url = g_queue_pop_head (&link->urls);
      g_mutex_unlock (&link->mutex);
      if (!url)
        break;
      if (link->info.id && !sk_api_send_url (link->client, link->info.id, url, &error))
        give_notice (link, error);
      g_clear_error (&error);
    }
  if (take_flag (link, &link->end) && link->info.id && !sk_api_end (link->client, link->info.id, &error))
    give_notice (link, error);
}

/* Waits for a call from outside, an event or the time. Returns with what came first; commands are done. */
static void
wait_for_news (SkLink *link, int timeout_ms)
{
  struct pollfd fds[2] = { { link->wake_fd, POLLIN, 0 },
                           { link->events ? sk_client_events_get_fd (link->events) : -1, POLLIN, 0 } };
  eventfd_t count;
  if (poll (fds, 2, timeout_ms) > 0 && (fds[0].revents & POLLIN))
    eventfd_read (link->wake_fd, &count);
  do_commands (link);
}

/* FALSE: a retry or the end of the link came first. */
static gboolean
pause_for (SkLink *link, int ms)
{
  gint64 until = g_get_monotonic_time () + ms * 1000;
  for (;;)
    {
      gint64 left = (until - g_get_monotonic_time ()) / 1000;
      if (is_stopped (link) || take_flag (link, &link->retry))
        return FALSE;
      if (left <= 0)
        return TRUE;
      wait_for_news (link, (int) left);
    }
}

/* Takes all events that are there. TRUE when one was about our session. */
static gboolean
read_events (SkLink *link)
{
  g_autoptr (GError) error = NULL;
  gboolean ours = FALSE;
  while (link->events)
    {
      g_autoptr (JsonNode) event = sk_client_events_next (link->events, 0, &error);
      if (!event)
        break;
      ours = sk_api_read_event (event, link->info.id, &link->info) || ours;
    }
  if (error)
    g_clear_pointer (&link->events, sk_client_events_free);
  return ours;
}

/* Events before a listener was there are lost to it. TRUE when the present state has to be read. */
static gboolean
ensure_events (SkLink *link)
{
  if (link->events)
    return FALSE;
  link->events = sk_client_events (link->client, NULL);
  return link->events != NULL;
}

/* -- steps: each returns the next ------------------------------------------------------------------------ */

static gboolean
is_state (SkLink *link, const char *word)
{
  return g_strcmp0 (link->info.state, word) == 0;
}

static gboolean
heals_itself (const GError *error)
{
  return g_error_matches (error, SK_ERROR, SK_ERROR_UNAVAILABLE)
         || g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST)
         || g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT);
}

static Step
over (SkLink *link)
{
  set_state (link, SK_LINK_ENDED, NULL);
  return STEP_REST;
}

/* error is taken over. Tries `again` after a pause, if that may help. */
static Step
failed (SkLink *link, GError *error, Step again)
{
  gboolean broker_is_gone = g_error_matches (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  gboolean give_up = !heals_itself (error) && again != STEP_TICKET;
  g_mutex_lock (&link->mutex);
  guint tries = link->view.tries++;
  g_mutex_unlock (&link->mutex);
  if (give_up || (tries >= TRIES_MAX && !broker_is_gone))
    {
      set_state (link, SK_LINK_FAILED, error);
      return STEP_REST;
    }
  set_state (link, SK_LINK_WAITING, error);
  pause_for (link, pauses_ms[MIN (tries + 1, G_N_ELEMENTS (pauses_ms) - 1)]);
  return again;
}

static void
note_time (SkLink *link, SkLinkTime which, SkPhase phase)
{
  g_mutex_lock (&link->mutex);
  link->times[which] = sk_timing_now_us ();
  g_mutex_unlock (&link->mutex);
  sk_timing_mark (phase);
}

static Step
step_open (SkLink *link)
{
  GError *error = NULL;
  sk_session_info_clear (&link->info);
  note_time (link, SK_LINK_TIME_SENT, SK_PHASE_API_SENT);
  if (!sk_api_open (link->client, link->pool, link->url, link->width, link->height, &link->info, &error))
    return failed (link, error, STEP_OPEN);
  note_time (link, SK_LINK_TIME_ANSWERED, SK_PHASE_API_ANSWERED);
  g_mutex_lock (&link->mutex);
  link->view.tries = 0;
  g_mutex_unlock (&link->mutex);
  return link->info.token ? STEP_UPGRADE : STEP_QUEUE;
}

static Step
step_queue (SkLink *link)
{
  GError *error = NULL;
  ensure_events (link);
  if (!sk_api_get_info (link->client, link->info.id, &link->info, &error))
    return g_error_matches (error, SK_ERROR, SK_ERROR_NOT_FOUND) ? (g_error_free (error), over (link))
                                                                 : failed (link, error, STEP_QUEUE);
  while (is_state (link, "queued"))
    {
      set_state (link, SK_LINK_QUEUED, NULL);
      wait_for_news (link, LOOK_AGAIN_MS);
      if (is_stopped (link))
        return STEP_REST;
      if (!read_events (link))
        return STEP_QUEUE;
    }
  return is_state (link, "ended") ? over (link) : STEP_TICKET;
}

/* After our view was lost the session is "active" only until the broker notices. One that stays so has got
 * another viewer: taking it back would make two windows fight. */
static gboolean
is_taken (SkLink *link)
{
  for (int waited = 0; link->attached_before && is_state (link, "active") && waited < NOTICE_MS;
       waited += NOTICE_STEP_MS)
    {
      struct pollfd p = { link->events ? sk_client_events_get_fd (link->events) : -1, POLLIN, 0 };
      poll (&p, 1, NOTICE_STEP_MS);
      read_events (link);
      if (is_stopped (link) || !sk_api_get_info (link->client, link->info.id, &link->info, NULL))
        return FALSE;
    }
  return link->attached_before && is_state (link, "active");
}

static Step
step_ticket (SkLink *link)
{
  GError *error = NULL;
  set_state (link, SK_LINK_STARTING, NULL);
  if (sk_api_get_info (link->client, link->info.id, &link->info, &error))
    {
      if (is_state (link, "ended"))
        return over (link);
      if (is_state (link, "queued"))
        return STEP_QUEUE;
      if (is_taken (link))
        {
          set_state (link, SK_LINK_TAKEN, NULL);
          return STEP_REST;
        }
      if (sk_api_get_ticket (link->client, link->info.id, &link->info, &error))
        return STEP_UPGRADE;
    }
  if (g_error_matches (error, SK_ERROR, SK_ERROR_NOT_FOUND))
    {
      g_error_free (error);
      return over (link);
    }
  return failed (link, error, STEP_TICKET);
}

static Step
step_upgrade (SkLink *link)
{
  GError *error = NULL;
  set_state (link, SK_LINK_STARTING, NULL);
  int fd = sk_client_upgrade_rdp (link->client, link->info.id, link->info.token, &error);
  if (fd < 0)
    return failed (link, error, STEP_TICKET);
  sk_timing_mark (SK_PHASE_UPGRADED);
  g_mutex_lock (&link->mutex);
  sk_clear_fd (&link->stream_fd);
  link->stream_fd = fd;
  g_free (link->fingerprint);
  link->fingerprint = g_strdup (link->info.fingerprint);
  link->stream_width = link->info.width;
  link->stream_height = link->info.height;
  link->lost = FALSE;
  g_mutex_unlock (&link->mutex);
  link->attached_before = TRUE;
  set_state (link, SK_LINK_STREAM, NULL);
  return STEP_WATCH;
}

static Step
reattach (SkLink *link)
{
  g_mutex_lock (&link->mutex);
  guint tries = link->view.tries++;
  g_mutex_unlock (&link->mutex);
  if (tries >= TRIES_MAX)
    return failed (link, g_error_new_literal (SK_ERROR, SK_ERROR_PEER_LOST, ""), STEP_TICKET);
  set_state (link, SK_LINK_WAITING, NULL);
  pause_for (link, pauses_ms[MIN (tries, G_N_ELEMENTS (pauses_ms) - 1)]);
  return STEP_TICKET;
}

static Step
step_watch (SkLink *link)
{
  g_autoptr (GError) error = NULL;
  if (take_flag (link, &link->lost) || take_flag (link, &link->retry))
    return reattach (link);
  if (ensure_events (link) && !sk_api_get_info (link->client, link->info.id, &link->info, &error)
      && g_error_matches (error, SK_ERROR, SK_ERROR_NOT_FOUND))
    return over (link);
  read_events (link);
  if (is_state (link, "ended"))
    return over (link);
  wait_for_news (link, LOOK_AGAIN_MS);
  return STEP_WATCH;
}

static Step
step_rest (SkLink *link)
{
  if (!take_flag (link, &link->retry))
    {
      wait_for_news (link, -1);
      return STEP_REST;
    }
  g_mutex_lock (&link->mutex);
  SkLinkState state = link->view.state;
  link->view.tries = 0;
  g_mutex_unlock (&link->mutex);
  /* The user asked for it: somebody else's window may lose it now. */
  link->attached_before = FALSE;
  set_state (link, SK_LINK_OPENING, NULL);
  return link->info.id && state != SK_LINK_ENDED ? STEP_TICKET : STEP_OPEN;
}

static void
link_unref (SkLink *link)
{
  if (!g_atomic_ref_count_dec (&link->refs))
    return;
  g_clear_pointer (&link->events, sk_client_events_free);
  g_clear_pointer (&link->client, sk_client_free);
  sk_session_info_clear (&link->info);
  sk_link_view_clear (&link->view);
  g_queue_clear_full (&link->urls, g_free);
  sk_clear_fd (&link->stream_fd);
  sk_clear_fd (&link->wake_fd);
  g_free (link->fingerprint);
  g_free (link->socket);
  g_free (link->pool);
  g_free (link->url);
  g_mutex_clear (&link->mutex);
  g_mutex_clear (&link->notify_mutex);
  g_free (link);
}

static gpointer
thread_main (gpointer data)
{
  SkLink *link = data;
  link->client = sk_client_new (link->socket);
  Step step = link->info.id ? STEP_TICKET : STEP_OPEN;
  while (!is_stopped (link))
    switch (step)
      {
      case STEP_OPEN:
        step = step_open (link);
        break;
      case STEP_QUEUE:
        step = step_queue (link);
        break;
      case STEP_TICKET:
        step = step_ticket (link);
        break;
      case STEP_UPGRADE:
        step = step_upgrade (link);
        break;
      case STEP_WATCH:
        step = step_watch (link);
        break;
      case STEP_REST:
        step = step_rest (link);
        break;
      }
  link_unref (link);
  return NULL;
}

/* -- calls from outside ---------------------------------------------------------------------------------- */

SkLink *
sk_link_new (const SkLinkRequest *request)
{
  SkLink *link = g_new0 (SkLink, 1);
  g_atomic_ref_count_init (&link->refs);
  g_atomic_ref_count_inc (&link->refs);
  g_mutex_init (&link->mutex);
  g_mutex_init (&link->notify_mutex);
  g_queue_init (&link->urls);
  link->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  link->stream_fd = -1;
  link->socket = g_strdup (request->socket);
  link->pool = g_strdup (request->pool);
  link->url = g_strdup (request->url);
  link->info.id = g_strdup (request->session);
  link->width = request->width;
  link->height = request->height;
  g_thread_unref (g_thread_new ("link", thread_main, link));
  return link;
}

static void
wake (SkLink *link)
{
  eventfd_write (link->wake_fd, 1);
}

void
sk_link_free (SkLink *link)
{
  if (!link)
    return;
  sk_link_set_notify (link, NULL, NULL);
  g_mutex_lock (&link->mutex);
  link->stop = TRUE;
  g_mutex_unlock (&link->mutex);
  wake (link);
  link_unref (link);
}

void
sk_link_set_notify (SkLink *link, SkLinkNotify notify, gpointer data)
{
  g_mutex_lock (&link->notify_mutex);
  link->notify = notify;
  link->notify_data = data;
  if (notify)
    notify (link, data);
  g_mutex_unlock (&link->notify_mutex);
}

void
sk_link_look (SkLink *link, SkLinkView *ret_view)
{
  g_mutex_lock (&link->mutex);
  *ret_view = link->view;
  ret_view->session = g_strdup (link->view.session);
  ret_view->reason = g_strdup (link->view.reason);
  ret_view->notice = g_strdup (link->view.notice);
  ret_view->error = link->view.error ? g_error_copy (link->view.error) : NULL;
  g_mutex_unlock (&link->mutex);
}

gint64
sk_link_get_time (SkLink *link, SkLinkTime which)
{
  g_mutex_lock (&link->mutex);
  gint64 us = link->times[which];
  g_mutex_unlock (&link->mutex);
  return us;
}

int
sk_link_take_stream (SkLink *link, char **ret_fingerprint, int *ret_width, int *ret_height)
{
  g_mutex_lock (&link->mutex);
  int fd = sk_steal_fd (&link->stream_fd);
  if (fd >= 0)
    {
      *ret_fingerprint = g_steal_pointer (&link->fingerprint);
      *ret_width = link->stream_width;
      *ret_height = link->stream_height;
    }
  g_mutex_unlock (&link->mutex);
  return fd;
}

void
sk_link_stream_lost (SkLink *link, gboolean worked)
{
  g_mutex_lock (&link->mutex);
  link->lost = TRUE;
  if (worked)
    link->view.tries = 0;
  g_mutex_unlock (&link->mutex);
  wake (link);
}

void
sk_link_retry (SkLink *link)
{
  g_mutex_lock (&link->mutex);
  link->retry = TRUE;
  g_mutex_unlock (&link->mutex);
  wake (link);
}

void
sk_link_open_url (SkLink *link, const char *url)
{
  g_mutex_lock (&link->mutex);
  g_queue_push_tail (&link->urls, g_strdup (url));
  g_mutex_unlock (&link->mutex);
  wake (link);
}

void
sk_link_end_session (SkLink *link)
{
  g_mutex_lock (&link->mutex);
  link->end = TRUE;
  g_mutex_unlock (&link->mutex);
  wake (link);
}
