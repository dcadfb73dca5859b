/* Who is at the other end of a unix socket: the kernel's word for the uid, the user database's for the rest.
 */
#pragma once
#include "core/manager.h"

/* The group whose members administer the broker. */
#define SK_ADMIN_GROUP "sekisho-admin"

/* The peer's uid (SO_PEERCRED, as it was at connect). The overflow uid is refused: every user that is not
 * mapped into our user namespace has it, so it names nobody. SK_ERROR_FORBIDDEN. */
gboolean sk_identity_peer_uid (int socket, guint *ret_uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Asks the user database, which may take as long as its servers do. SK_ERROR_FORBIDDEN: it does not know the
 * uid. */
SkIdentity *sk_identity_new (guint uid, GError **error);
SkIdentity *sk_identity_copy (const SkIdentity *who);
