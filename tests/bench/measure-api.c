/* How sekisho-measure gets its stream from a broker: by the launcher's own link. */
#include "measure.h"
#include "common/error.h"
#include "desktop/link.h"
#include "desktop/timing.h"
#include <poll.h>
#include <sys/eventfd.h>

static void
on_link (SkLink *link, gpointer data)
{
  Measure *m = data;
  eventfd_write (m->wake_fd, 1);
}

static gboolean
refused (Measure *m, const SkLinkView *view, GError **error)
{
  gboolean over = view->state == SK_LINK_FAILED || view->state == SK_LINK_ENDED
                  || view->state == SK_LINK_TAKEN || (m->once && view->state == SK_LINK_WAITING);
  if (!over && sk_timing_now_us () < m->deadline_us)
    return FALSE;
  if (view->error)
    g_propagate_error (error, g_error_copy (view->error));
  else
    g_set_error (error, SK_ERROR, over ? SK_ERROR_PEER_LOST : SK_ERROR_TIMEOUT, "%s %s",
                 sk_link_state_word (view->state), view->reason ? view->reason : "");
  return TRUE;
}

static gboolean
take_stream (Measure *m, SkRdpTarget *target)
{
  int width = 0, height = 0;
  char *fingerprint = NULL;
  target->fd = sk_link_take_stream (m->link, &fingerprint, &width, &height);
  if (target->fd < 0)
    return FALSE;
  m->ticket_fingerprint = fingerprint;
  target->fingerprint = fingerprint;
  if (width > 0 && height > 0)
    {
      target->width = width;
      target->height = height;
    }
  return TRUE;
}

static void
note_session (Measure *m, const SkLinkView *view)
{
  g_free (m->session);
  m->session = g_strdup (view->session);
  m->sent_us = sk_link_get_time (m->link, SK_LINK_TIME_SENT);
  m->answered_us = sk_link_get_time (m->link, SK_LINK_TIME_ANSWERED);
}

gboolean
measure_connect_api (Measure *m, SkRdpTarget *target, GError **error)
{
  const SkLinkRequest request
      = { .pool = m->pool, .url = m->url, .session = m->attach, .width = m->width, .height = m->height };
  m->link = sk_link_new (&request);
  sk_link_set_notify (m->link, on_link, m);
  for (;;)
    {
      g_auto (SkLinkView) view = { 0 };
      struct pollfd p = { m->wake_fd, POLLIN, 0 };
      eventfd_t count;
      gint64 left = (m->deadline_us - sk_timing_now_us ()) / 1000;
      sk_link_look (m->link, &view);
      note_session (m, &view);
      if (take_stream (m, target))
        return TRUE;
      if (refused (m, &view, error))
        return FALSE;
      if (poll (&p, 1, (int) CLAMP (left, 0, G_MAXINT)) > 0)
        eventfd_read (m->wake_fd, &count);
    }
}

/* With --end: until the broker says that the session is over. */
static gboolean
wait_for_end (Measure *m)
{
  sk_link_end_session (m->link);
  for (;;)
    {
      g_auto (SkLinkView) view = { 0 };
      struct pollfd p = { m->wake_fd, POLLIN, 0 };
      eventfd_t count;
      gint64 left = (m->deadline_us - sk_timing_now_us ()) / 1000;
      sk_link_look (m->link, &view);
      if (view.state == SK_LINK_ENDED)
        return TRUE;
      if (left <= 0 || view.notice || view.state == SK_LINK_FAILED)
        return FALSE;
      if (poll (&p, 1, (int) CLAMP (left, 0, G_MAXINT)) > 0)
        eventfd_read (m->wake_fd, &count);
    }
}

gboolean
measure_end (Measure *m)
{
  gboolean ended = !m->link || !m->end || wait_for_end (m);
  if (m->link)
    sk_link_set_notify (m->link, NULL, NULL);
  g_clear_pointer (&m->link, sk_link_free);
  g_clear_pointer (&m->ticket_fingerprint, g_free);
  return ended;
}
