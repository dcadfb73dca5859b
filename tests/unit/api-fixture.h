/* A server with a mock core on the test's thread; clients run on a thread of their own. */
#pragma once
#include "api/client.h"
#include "api/json.h"
#include "api/server-private.h"
#include "common/error.h"
#include "common/fd.h"
#include "mock/manager.h"

typedef struct
{
  char *dir, *path;
  SkManager *manager;
  SkApiServer *server;
} Fixture;

void fixture_up (Fixture *f, gconstpointer limits /* SkApiLimits or NULL */);
void fixture_down (Fixture *f, gconstpointer unused);
/* The server's identity of whoever connects, from now on. */
void fixture_become (Fixture *f, guint uid, const char *user, gboolean admin);
void fixture_add_pool (Fixture *f, const char *name, const char *group);

/* Runs func on a thread and the main loop here until it is done. */
void fixture_run (void (*func) (gpointer), gpointer data);
/* From such a thread: runs func on the test's thread and waits for its end. */
void fixture_on_main (void (*func) (gpointer), gpointer data);
/* Runs the main loop until *flag or a deadline (fails the test). */
void fixture_wait (const gboolean *flag);

/* One raw request on a connection of its own; "STATUS BODY", or "" when the server just closed. */
char *fixture_raw (Fixture *f, const char *request);
/* method path body -> "STATUS BODY" */
char *fixture_call (Fixture *f, const char *method, const char *path, const char *body);
int fixture_connect (Fixture *f);
/* Reads to the end of the stream. */
char *fixture_read_all (int fd);

/* Open descriptors of this process. */
guint fixture_count_fds (void);

#define assert_answer(f, method, path, body, wanted)                                                         \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *got_ = fixture_call (f, method, path, body);                                            \
    if (!strstr (got_, wanted))                                                                              \
      g_error ("%s %s: wanted %s in: %s", method, path, (const char *) wanted, got_);                        \
  }                                                                                                          \
  G_STMT_END
