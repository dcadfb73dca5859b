/* The HTTP API: one listening unix socket in front of a manager. README.md lists the routes.
 *
 * Thread: the one whose default main context runs the manager; nothing here blocks it except the look-up of
 * a user in the system's user database, once a minute a user.
 * Trust: every byte of a request is untrusted. Who asks is what the kernel says (SO_PEERCRED), plus the
 * groups that the user database gives that uid. */
#pragma once
#include "core/manager.h"
#include "core/transfers.h"
#include "record/recordings.h"

/* Where sekishod listens when no socket is named, and where the clients look. */
#define SK_API_SOCKET "/run/sekisho/api.sock"

typedef struct
{
  const char *socket_path;  /* NULL: SK_API_SOCKET. Its folder has to exist. */
  int listen_fd;            /* an already listening socket (systemd); taken over. -1: make socket_path */
  guint socket_mode;        /* of a socket made here; 0: 0666, everybody may ask, the access checks decide */
  const char *build_image;  /* program that builds a guest image; NULL: $libexecdir/sekisho/build-image */
  const char *agent;        /* the sekisho-agent to put into it; NULL: $libexecdir/sekisho/sekisho-agent */
  SkRecordings *recordings; /* borrowed; outlives the server. NULL: there are none */
  SkTransfers *transfers;   /* a reference is taken. NULL: nothing crosses */
  SkPeople *people;         /* borrowed; outlives the server. NULL: nobody decides */
  SkAudit *audit;           /* borrowed; outlives the server. NULL: there is none */
  const char *images_dir;   /* where built images are kept; NULL: /var/lib/sekisho/images */
} SkApiOptions;
#define SK_API_OPTIONS_INIT                                                                                  \
  {                                                                                                          \
    .listen_fd = -1                                                                                          \
  }

typedef struct _SkApiServer SkApiServer;

/* Listens at once. socket_path NULL: SK_API_SOCKET. Keeps a reference to the manager. */
SkApiServer *sk_api_server_new (SkManager *manager, const char *socket_path, GError **error);
SkApiServer *sk_api_server_new_full (SkManager *manager, const SkApiOptions *options, GError **error);
/* Stops listening, drops all clients (not the RDP streams: those belong to the views), ends a running image
 * build. NULL is allowed. */
void sk_api_server_free (SkApiServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkApiServer, sk_api_server_free)
