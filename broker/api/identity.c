#include "api/identity.h"
#include "common/error.h"
#include <errno.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

/* /proc/sys/kernel/overflowuid: the kernel's default, and nobody changes it. */
#define OVERFLOW_UID 65534
/* A user database entry (name, home, shell) is a few hundred bytes; LDAP ones have been seen larger. */
#define PASSWD_BUFFER 16384

gboolean
sk_identity_peer_uid (int socket, guint *ret_uid, GError **error)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt (socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || size != sizeof peer)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_FORBIDDEN, "peer credentials: %s", g_strerror (errno));
      return FALSE;
    }
  if (peer.uid == OVERFLOW_UID)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN, "peer without a uid here");
      return FALSE;
    }
  *ret_uid = peer.uid;
  return TRUE;
}

SkIdentity *
sk_identity_new (guint uid, GError **error)
{
  struct passwd entry, *found = NULL;
  g_autofree char *buffer = g_malloc (PASSWD_BUFFER);
  int failed = getpwuid_r (uid, &entry, buffer, PASSWD_BUFFER, &found);
  if (!found)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_FORBIDDEN, "uid %u: %s", uid,
                   failed ? g_strerror (failed) : "no such user");
      return NULL;
    }
  SkIdentity *who = g_new0 (SkIdentity, 1);
  who->uid = uid;
  who->user = g_strdup (entry.pw_name);
  who->admin = uid == 0 || uid == geteuid () || sk_identity_in_group (who, SK_ADMIN_GROUP);
  return who;
}

SkIdentity *
sk_identity_copy (const SkIdentity *who)
{
  SkIdentity *copy = g_new0 (SkIdentity, 1);
  *copy = *who;
  copy->user = g_strdup (who->user);
  return copy;
}
