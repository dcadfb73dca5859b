/* The server's insides, for api/ and its tests. */
#pragma once
#include "api/events.h"
#include "api/operations.h"
#include "api/server.h"
#include <libsoup/soup.h>

/* Connections of one user: a desktop has about three (launcher, events, RDP requests before their upgrade); a
 * program gone wild stops at this. An upgraded connection does not count. */
#define SK_API_CONNECTIONS_PER_USER 64
/* All users but administrators, who are never locked out by others. Two descriptors each at worst. */
#define SK_API_CONNECTIONS_MAX 1024
/* Contents that go through at once, a thread with 256 KiB each: a desktop sends and fetches a few side by
 * side, and those of one user leave room for everybody else's. */
#define SK_API_STREAMS_PER_USER 16
#define SK_API_STREAMS_MAX 256
/* Accepted in one go, so that a flood of connects leaves time for requests. */
#define SK_API_ACCEPTS 16
/* How long a user's name and groups are believed. */
#define SK_API_IDENTITY_SECONDS 60

typedef struct _SkImageBuild SkImageBuild;

typedef struct
{
  guint phases_ms[SK_PHASES];
  guint sweep_ms; /* how often deadlines are looked at */
  guint per_user, total;
} SkApiLimits;
extern const SkApiLimits sk_api_default_limits;

struct _SkApiServer
{
  SkManager *manager;
  gulong manager_handler;
  SoupServer *soup;
  const SkRoute *routes;
  SkApiLimits limits;
  char *socket_path; /* made by us: removed at the end; else NULL */
  int listen_fd;
  int silent_fd; /* keeps libsoup believing that it listens */
  GSource *accept, *sweep;
  GHashTable *connections;  /* set of SkApiConnection */
  GHashTable *identities;   /* uid -> cached identity */
  GHashTable *streams;      /* uid -> how many contents go through; streams hold references */
  GHashTable *session_uids; /* session id -> uid, of sessions that live */
  GSocketAddress *local;
  SkEvents *events;
  SkOperations *operations;
  SkImageBuild *build; /* NULL: none runs */
  SkRecordings *recordings;
  SkTransfers *transfers; /* a reference; NULL: none */
  gulong transfers_handler, matters_handler;
  SkPeople *people; /* borrowed */
  SkAudit *audit;   /* borrowed */
  char *build_image, *agent, *images_dir;
  gint64 started;
};

/* NULL limits or routes: the usual ones. */
SkApiServer *sk_api_server_new_test (SkManager *manager, const SkApiOptions *options,
                                     const SkApiLimits *limits, const SkRoute *routes, GError **error);

/* A row in the audit trail about what this request is for, durable when it returns; without a trail none.
 * FALSE: the request was answered with the error. Pairs name, value; NULL-terminated. */
gboolean sk_api_trail (SkRequest *request, const char *action, const char *object,
                       ...) G_GNUC_NULL_TERMINATED G_GNUC_WARN_UNUSED_RESULT;

/* A descriptor leaves with the RDP stream: the connection no longer counts. */
void sk_api_server_forget (SkApiServer *server, SkApiConnection *connection);
