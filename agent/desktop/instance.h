/* One window a user, display and pool: a second `sekisho open` hands its URL to the first, which comes to the
 * front. By a socket of its own, because it answers in microseconds and works without a session bus. */
#pragma once
#include <gio/gio.h>

typedef struct _SkInstance SkInstance;

/* Where the socket is: $XDG_RUNTIME_DIR/sekisho/ (else ~/.cache/sekisho/), named after display, broker and
 * pool. */
char *sk_instance_path (const char *pool, const char *broker_socket);

/* Asks the running instance to open url (NULL: only come to the front). token: the desktop's start-up or
 * activation token, nullable. TRUE: it took it. FALSE without error: none runs. */
gboolean sk_instance_send (const char *path, const char *url, const char *token, GError **error);
/* Becomes the instance: from now on messages queue up, even before sk_instance_serve(). NULL when another one
 * was quicker (send to it), or with an error. */
SkInstance *sk_instance_claim (const char *path, GError **error);

/* url NULL: only come to the front. On the main context's thread. */
typedef void (*SkInstanceOpen) (const char *url, const char *token, gpointer data);
void sk_instance_serve (SkInstance *instance, SkInstanceOpen open, gpointer data);
void sk_instance_free (SkInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkInstance, sk_instance_free)
