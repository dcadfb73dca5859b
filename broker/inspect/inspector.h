/* The core's side of the inspection: sandboxed workers, one content each, and what they say of it.
 *
 * Main thread alone: it uses the default main context and never blocks. Links no decoder. */
#pragma once
#include <gio/gio.h>

/* Decoding the largest picture on a busy machine takes a tenth of this. */
#define SK_INSPECT_SECONDS 90
/* Jobs at a time, each of up to 800 MiB; more wait for their turn (their deadline starts with it). */
#define SK_INSPECT_RUNNING_MAX 4
#define SK_INSPECT_SPARES_MAX 8

typedef struct
{
  char *kind; /* a word of words.c, "bidi" */
  guint count;
  char *detail; /* printable ASCII, may be empty */
} SkInspectFinding;

typedef struct
{
  gboolean passed;                      /* only then the result counts */
  char *type, *result_type;             /* MIME, by content */
  char *result_name;                    /* sanitised, with an ending that is right for result_type */
  guint64 bytes_in, bytes_out;          /* the worker's claims; never over the limits */
  GPtrArray *findings;                  /* SkInspectFinding */
  char **removed;                       /* kinds of findings that are not in the result */
  char *reason, *reason_en, *reason_ja; /* refused: code and sentences; else empty */
  char *report;                         /* all of it as one JSON object */
} SkInspection;

void sk_inspection_free (SkInspection *inspection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkInspection, sk_inspection_free)

typedef struct
{
  const char *kind; /* file text image url print; preview: what people look at before they decide */
  const char *profile;
  const char *name; /* as its sender calls it, untrusted; NULL: it has none */
  guint64 bytes_max;
} SkInspectJob;

typedef struct _SkInspector SkInspector;

/* spares: workers that wait, started and caged; each serves once. SK_ERROR_UNAVAILABLE when workers cannot be
 * started at all. */
SkInspector *sk_inspector_new (const char *libexec_dir, guint spares, GError **error);
/* What runs or waits ends with SK_ERROR_CANCELLED. */
void sk_inspector_free (SkInspector *inspector);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkInspector, sk_inspector_free)
void sk_inspector_set_deadline (SkInspector *inspector, guint milliseconds);

/* Takes over both descriptors, whatever happens. The one who reads the result's other end must stop at
 * sk_inspector_out_max(): a worker that a content took over writes as much as it likes. A content that kills,
 * stalls or takes over its worker is a refused content, not an error. Errors of finish: SK_ERROR_CANCELLED,
 * SK_ERROR_UNAVAILABLE (no worker could be started), SK_ERROR_INVALID (no such kind). */
void sk_inspector_run_async (SkInspector *inspector, const SkInspectJob *job, int take_in_fd, int take_out_fd,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
SkInspection *sk_inspector_run_finish (SkInspector *inspector, GAsyncResult *result, GError **error);
guint64 sk_inspector_out_max (const SkInspectJob *job);
