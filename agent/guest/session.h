/* The agent's end of the unix socket to sekisho-session, which runs as the person at the desktop and watches
 * the browser. That person, and so any web page that owns the browser, can say anything here: the peer's user
 * id is checked, lines are bounded, and all it can do is claim that a browser is on screen.
 *
 * Lines:  session → agent   "browser-ready" · "opened ID 0|1 TEXT"
 *         agent → session   "open ID URL" · "size WIDTH HEIGHT" · "scale PERCENT" */
#pragma once
#include <gio/gio.h>

typedef struct _SkSession SkSession;

typedef struct
{
  void (*browser_ready) (gpointer data);
  /* text: untrusted, but clean (wire/buf.h) */
  void (*opened) (guint32 id, gboolean ok, const char *untrusted_text, gpointer data);
} SkSessionEvents;

/* Listens at path; only connections of this user id (or of our own) are kept, the newest wins. */
SkSession *
sk_session_new (const char *path, uid_t uid, const SkSessionEvents *events, gpointer data, GError **error);
void sk_session_free (SkSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSession, sk_session_free)

/* FALSE when nobody is there to do it. `opened` follows, unless the session goes away. */
gboolean sk_session_open_url (SkSession *session, guint32 id, const char *url);
void sk_session_set_size (SkSession *session, guint width, guint height);
/* Said again to a session that comes later. */
void sk_session_set_scale (SkSession *session, guint percent);

/* http or https, a host, nothing that is not a URL. Both ends ask. */
gboolean sk_url_is_acceptable (const char *untrusted_url);
