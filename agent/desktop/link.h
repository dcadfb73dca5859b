/* The way from a click to a stream: asks the broker for a session, waits in the queue, gets a ticket, turns
 * the connection into the RDP stream; later watches the session, and does the last two steps again when the
 * view was lost.
 *
 * One thread a link; it starts with sk_link_new(), which is why the click's request is on its way before GTK
 * is loaded. All calls return at once and may come from any thread. */
#pragma once
#include <gio/gio.h>

typedef enum
{
  SK_LINK_OPENING,  /* the broker was asked */
  SK_LINK_QUEUED,   /* all browsers are in use */
  SK_LINK_STARTING, /* there is a VM; it is being resumed, the stream is being set up */
  SK_LINK_STREAM,   /* a stream is there: sk_link_take_stream() */
  SK_LINK_WAITING,  /* the broker does not answer, or the view was lost: tries again by itself */
  SK_LINK_ENDED,    /* the session is over */
  SK_LINK_TAKEN,    /* another window of the user has the session now */
  SK_LINK_FAILED,   /* refused: trying again by itself would not help */
} SkLinkState;
const char *sk_link_state_word (SkLinkState state);

/* A look at a link, to be shown. */
typedef struct
{
  SkLinkState state;
  guint position;    /* QUEUED: 1 = next; 0 = not known */
  guint eta_seconds; /* QUEUED: 0 = not known */
  guint tries;       /* WAITING: how often it was tried since it last worked */
  gboolean again;    /* there was a stream before */
  char *session;     /* nullable */
  char *reason;      /* ENDED: the broker's words, nullable */
  GError *error;     /* WAITING, FAILED: nullable */
  char *notice;      /* a sentence about the last sk_link_open_url() or sk_link_end_session() that failed */
  guint notice_serial;
} SkLinkView;
void sk_link_view_clear (SkLinkView *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkLinkView, sk_link_view_clear)

typedef struct
{
  const char *socket;  /* of the broker; NULL: the usual one */
  const char *pool;    /* NULL: the first the user may use */
  const char *url;     /* NULL: start page */
  const char *session; /* re-attach to this one instead of opening; NULL */
  int width, height;   /* wished for the picture; 0: as the pool has it */
} SkLinkRequest;

typedef struct _SkLink SkLink;
typedef void (*SkLinkNotify) (SkLink *link, gpointer data);

SkLink *sk_link_new (const SkLinkRequest *request);
/* notify is called on the link's thread after every change, and once at once, here. It may look and take the
 * stream, nothing else, and has to be quick. When this returns, no call of the former one is on its way. */
void sk_link_set_notify (SkLink *link, SkLinkNotify notify, gpointer data);
/* The thread ends when its present request does; nothing waits for it. The session stays. NULL is allowed. */
void sk_link_free (SkLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkLink, sk_link_free)

void sk_link_look (SkLink *link, SkLinkView *ret_view);

/* When the last request to open a session went out, and was answered: CLOCK_MONOTONIC in microseconds, 0: not
 * yet. */
typedef enum
{
  SK_LINK_TIME_SENT,
  SK_LINK_TIME_ANSWERED,
  _SK_LINK_TIMES
} SkLinkTime;
gint64 sk_link_get_time (SkLink *link, SkLinkTime which);

/* In state STREAM, once for every stream: -1 when there is none (any more). fingerprint is the caller's. */
int sk_link_take_stream (SkLink *link, char **ret_fingerprint, int *ret_width, int *ret_height);
/* The stream that was taken is over: looks why, and makes another one if the session lives. worked: it had
 * served for a while, so that tries are counted anew. */
void sk_link_stream_lost (SkLink *link, gboolean worked);
/* The user asks to try again: the same session if it lives, else a new one. */
void sk_link_retry (SkLink *link);

/* Done by the thread; a failure appears as a notice. */
void sk_link_open_url (SkLink *link, const char *url);
void sk_link_end_session (SkLink *link);
