/* When the guest can be logged in to: the password of this boot is made, and the RDP server listens. */
#pragma once
#include <gio/gio.h>

typedef struct _SkReadiness SkReadiness;
typedef void (*SkReadyFunc) (const char *user, const char *password, gpointer data);

/* Calls ready once, from the main context. credentials: a file of two lines, made by new-login; proc_net_tcp:
 * "/proc/net/tcp", or a test's. */
SkReadiness *sk_readiness_new (const char *credentials, const char *proc_net_tcp, guint16 tcp_port,
                               SkReadyFunc ready, gpointer data);
void sk_readiness_free (SkReadiness *readiness);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkReadiness, sk_readiness_free)

/* Whether a table in the format of /proc/net/tcp has a listener on 127.0.0.1 (or any address) and this port.
 */
gboolean sk_listens_in (const char *table, guint16 tcp_port);
