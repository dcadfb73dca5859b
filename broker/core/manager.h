/* The core seen from the API: pools, VMs, sessions, images, and the events they make.
 *
 * Threads: everything here runs on the main context's thread. Slow work (libvirt, files) happens in a pool of
 * threads behind it. Rows returned are copies; free with g_ptr_array_unref / the row's free function. */
#pragma once
#include "store/store.h"

/* Who asks. From the connection, never from the message. */
typedef struct
{
  guint uid;
  char *user;
  gboolean admin; /* root, the broker's own user, or member of the group sekisho-admin */
} SkIdentity;
void sk_identity_free (SkIdentity *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkIdentity, sk_identity_free)
gboolean sk_identity_in_group (const SkIdentity *, const char *group);

#define SK_TYPE_MANAGER (sk_manager_get_type ())
G_DECLARE_FINAL_TYPE (SkManager, sk_manager, SK, MANAGER, GObject)
/* Signal "event" (const char *type, const char *id, const char *state, const char *text): a VM, session, pool
 * or image changed. type: "vm", "session", "pool", "image", "broker". */

/* Images */
GPtrArray *sk_manager_images (SkManager *);
/* Reads manifest.json in dir (image.qcow2, vmlinuz, initrd beside it), copies nothing. name NULL: taken from
 * the manifest. */
SkImage *sk_manager_import_image (SkManager *, const char *name, const char *dir, GError **);
/* SK_ERROR_CONFLICT while a pool uses it. */
gboolean sk_manager_delete_image (SkManager *, const char *name_or_id, GError **) G_GNUC_WARN_UNUSED_RESULT;

/* Pools */
GPtrArray *sk_manager_pools (SkManager *);
SkPool *sk_manager_pool (SkManager *, const char *name, GError **);
/* Checks every value; create and edit are the same call (edit: the name exists). VMs of an older image or
 * size drain. */
gboolean
sk_manager_put_pool (SkManager *, const SkPool *pool, gboolean create, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* SK_ERROR_CONFLICT while sessions run, unless force. Its VMs retire. */
gboolean
sk_manager_delete_pool (SkManager *, const char *name, gboolean force, GError **) G_GNUC_WARN_UNUSED_RESULT;

/* What a pool does now. */
typedef struct
{
  guint warm, stored, booting, attached, retiring; /* VMs */
  guint queued;                                    /* sessions */
  guint failures;                                  /* boots that failed one after another */
  gint64 retry_at; /* next try after failures (microseconds since 1970), or 0 */
  char *reason;    /* why the last boot failed; "" = none did */
} SkPoolStatus;
SkPoolStatus *sk_manager_pool_status (SkManager *, const char *name, GError **);
void sk_pool_status_free (SkPoolStatus *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPoolStatus, sk_pool_status_free)

/* VMs */
GPtrArray *sk_manager_vms (SkManager *);
gboolean
sk_manager_retire_vm (SkManager *, const char *id, const char *reason, GError **) G_GNUC_WARN_UNUSED_RESULT;

/* Sessions */
GPtrArray *sk_manager_sessions (SkManager *, const SkIdentity *who); /* all for an admin, else one's own */
SkSession *sk_manager_session (SkManager *, const SkIdentity *who, const char *id, GError **);
/* Also those that ended, by time of creation: the newest ones of what the store still has. One answer's
 * worth. */
#define SK_HISTORY_SESSIONS_MAX 1000
GPtrArray *sk_manager_all_sessions (SkManager *, const SkIdentity *who, GError **);

/* What a viewer needs to connect. A new token each time; it works once, for this session and user, for
 * SK_TOKEN_SECONDS. */
typedef struct
{
  char *token;       /* 64 hex digits */
  char *fingerprint; /* SHA-256 of the view's certificate, 64 hex digits */
  guint width, height;
} SkTicket;
void sk_ticket_free (SkTicket *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTicket, sk_ticket_free)
#define SK_TOKEN_SECONDS 60

/* Opens a session or, when the user has a live one in this pool, returns that one (and opens the URL in it):
 * one double-click always leads to the user's browser. pool NULL: the first that the user may use. url NULL
 * or "": start page; http and https only. Returns at once: the session is STARTING/ACTIVE/DETACHED with
 * *ret_ticket set, or QUEUED with *ret_ticket NULL and *ret_position (1 = next). Later states come as events.
 * For the moment it takes to make a new view (a re-attach right after many others) a live session can come
 * without a ticket and with position 0: ask sk_manager_ticket() again. */
SkSession *sk_manager_open_session (SkManager *, const SkIdentity *who, const char *pool, const char *url,
                                    guint width, guint height, SkTicket **ret_ticket, guint *ret_position,
                                    GError **);
/* A ticket for a live session of one's own (re-attach). SK_ERROR_CONFLICT while queued; SK_ERROR_TIMEOUT when
 * no view is ready yet: try again after a moment. A new ticket makes the one before it void. */
SkTicket *sk_manager_ticket (SkManager *, const SkIdentity *who, const char *session, GError **);
guint sk_manager_queue_position (SkManager *, const char *session); /* 0 = not queued */
/* Seconds until a queued session probably starts, from how long boots took lately; 0 = cannot say. */
guint sk_manager_queue_estimate (SkManager *, const char *session);
gboolean sk_manager_open_url (SkManager *, const SkIdentity *who, const char *session, const char *url,
                              GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_manager_end_session (SkManager *, const SkIdentity *who, const char *session, const char *reason,
                                 GError **) G_GNUC_WARN_UNUSED_RESULT;
/* Checks the token (constant time, single use), then gives a copy of viewer_fd to the session's view. The API
 * has already answered "101 Switching Protocols". An older viewer of the session is disconnected first.
 * viewer_fd stays the caller's, who closes it: with it open the viewer would never see the stream's end. */
gboolean sk_manager_attach (SkManager *, const SkIdentity *who, const char *session, const char *token,
                            int viewer_fd, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* Only the token check of the above, without using it up: the API asks before it answers 101. */
gboolean sk_manager_check_token (SkManager *, const SkIdentity *who, const char *session, const char *token,
                                 GError **) G_GNUC_WARN_UNUSED_RESULT;

/* Doctor: runs in the background; result is a JSON string:
 * {"green": bool, "checks": [{"name","state":"ok|warn|fail","en","ja","detail"}]} */
void sk_manager_doctor_async (SkManager *, const char *canary /* NULL or address[:port] list */,
                              GAsyncReadyCallback, gpointer);
char *sk_manager_doctor_finish (SkManager *, GAsyncResult *, GError **);

/* Retires every VM without a user (and, with sessions TRUE, also ends all sessions), then signals "event"
 * broker/drained. For an orderly stop of the whole installation; a plain restart of sekishod leaves
 * everything running. */
void sk_manager_drain (SkManager *, gboolean sessions);
gboolean sk_manager_is_drained (SkManager *);
/* Views that stand by, their key made: the next so many clicks do not wait for a process. */
guint sk_manager_spare_views (SkManager *);
