/* The core's end of one VM's agent port. agent-link.c is the real one; tests bring their own.
 *
 * Events come from the main loop, never from inside a call. Everything the guest says is untrusted; what
 * arrives here has passed the wire's tables and the link's own rules (nonce, outstanding requests, rate). */
#pragma once
#include "wire/agent.h"

#define SK_TYPE_AGENT_LINK (sk_agent_link_get_type ())
G_DECLARE_DERIVABLE_TYPE (SkAgentLink, sk_agent_link, SK, AGENT_LINK, GObject)

typedef struct
{
  void (*hello) (gpointer data);
  void (*ready) (const char *untrusted_user, const char *untrusted_password, gpointer data);
  void (*browser_ready) (gpointer data);
  /* Silent too long while the VM runs, or broke the protocol. Comes once; nothing after it. */
  void (*lost) (const char *why, gpointer data);
} SkAgentListener;

/* File messages (SK_FILE_…) are passed on as they come: guest-files.h makes sense of them. */
typedef struct
{
  /* HELLO was answered: nothing of an earlier connection holds any more. */
  void (*up) (gpointer data);
  void (*down) (gpointer data);
  /* A file message of the guest, decoded. What it returns is why the link is to be lost: the protocol was
   * broken. NULL: fine. */
  const char *(*message) (const SkMessage *untrusted, gpointer data);
  /* All that was to be sent is written. */
  void (*writable) (gpointer data);
} SkAgentFileListener;

/* An answer: RESULT gives ok and text, INVENTORY_LIST gives list. error: SK_ERROR_TIMEOUT,
 * SK_ERROR_PEER_LOST. */
typedef void (*SkAgentAnswer) (gboolean ok, const char *untrusted_text, char **untrusted_list,
                               const GError *error, gpointer data);

struct _SkAgentLinkClass
{
  GObjectClass parent;
  void (*set_running) (SkAgentLink *, gboolean running);
  gboolean (*is_up) (SkAgentLink *);
  void (*call) (SkAgentLink *, const SkMessage *, guint timeout_ms, SkAgentAnswer, gpointer);
  /* NULL: carries no files. */
  gboolean (*send_file) (SkAgentLink *, const SkMessage *, GError **);
  gsize (*unsent) (SkAgentLink *);
};

void sk_agent_link_set_listener (SkAgentLink *, const SkAgentListener *, gpointer data);
/* A suspended guest answers nothing: no HELLO goes out and no silence counts while not running. */
void sk_agent_link_set_running (SkAgentLink *, gboolean running);
/* HELLO was answered on this connection. */
gboolean sk_agent_link_is_up (SkAgentLink *);
/* Sends a request; the answer comes once, later; SK_ERROR_CANCELLED when the link is dropped first. Only
 * while up. */
void
sk_agent_link_call (SkAgentLink *, const SkMessage *, guint timeout_ms, SkAgentAnswer answer, gpointer data);

/* Without one the guest's file messages are dropped. Its `down` comes before the listener's `lost`. */
void sk_agent_link_set_file_listener (SkAgentLink *, const SkAgentFileListener *, gpointer data);
/* FALSE: not up, or the guest does not read (SK_ERROR_PEER_LOST), or a text that does not fit
 * (SK_ERROR_LIMIT). */
gboolean sk_agent_link_send_file (SkAgentLink *, const SkMessage *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Bytes that wait to be written; `writable` comes when there are none left. */
gsize sk_agent_link_unsent (SkAgentLink *);
/* As told by sk_agent_link_set_running(): only a running guest can be slow. */
gboolean sk_agent_link_is_running (SkAgentLink *);

/* For implementations. */
void sk_agent_link_emit_hello (SkAgentLink *);
void sk_agent_link_emit_ready (SkAgentLink *, const char *untrusted_user, const char *untrusted_password);
void sk_agent_link_emit_browser_ready (SkAgentLink *);
void sk_agent_link_emit_lost (SkAgentLink *, const char *why);
/* The connection ended; one that was up. */
void sk_agent_link_emit_down (SkAgentLink *);
gboolean sk_agent_link_carries_files (SkAgentLink *);
const char *sk_agent_link_emit_file (SkAgentLink *, const SkMessage *untrusted);
void sk_agent_link_emit_writable (SkAgentLink *);

/* The real one: connects to the VM's agent socket and keeps trying until it is there. */
SkAgentLink *sk_agent_link_new (const char *socket_path);
/* Where the guest's bulk memory is kept; read by pread(2), so that nothing the guest or QEMU does to it is
 * worse than wrong bytes. Without one, or where it is not there, files come by the port alone. Only of the
 * real one, before it runs. */
void sk_agent_link_set_bulk (SkAgentLink *, const char *path);
