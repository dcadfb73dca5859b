/* Between a sink's thread and how it sends. */
#pragma once
#include "audit/soc.h"

typedef struct _SkSink SkSink;

/* How one kind of sink works; all on its thread. */
typedef struct
{
  const char *name;
  gboolean (*open) (SkSink *, GError **error);
  /* Takes over nothing. Blocks at most SK_SOC_TIMEOUT_MS. */
  gboolean (*send) (SkSink *, const SkAuditRow *row, GError **error);
  /* What was sent is on its way as one (a file is synced). */
  gboolean (*flush) (SkSink *, GError **error);
  /* How much of what was sent has arrived, in the sink's own measure; -1 with an error: it broke. */
  gint64 (*arrived) (SkSink *, GError **error);
  /* In the same measure: all that was sent. */
  gint64 (*sent) (SkSink *);
  void (*close) (SkSink *);
  guint settle_ms;
} SkSinkKind;
extern const SkSinkKind sk_sink_syslog, sk_sink_jsonl;

struct _SkSink
{
  const SkSinkKind *kind;
  char *target, *ca, *database;
  char *host; /* ours */
  gpointer state;
  gpointer shared;

  GThread *thread;
  GMutex mutex;
  GCond cond;
  gboolean woken, stop; /* under the mutex */
  GCancellable *cancellable;

  GHashTable *told, *given; /* organisation -> gint64: what counts as told; what was given to send() */
  GQueue pending;           /* Pending, oldest first */
  guint wait_ms;
  gboolean failing;
};

gboolean sk_sink_is_stopped (SkSink *);
