#include "audit/soc.h"
#include "audit/audit-private.h"
#include "audit/soc-private.h"
#include "common/error.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Outlives the sinks: what they post comes later. Main context's thread, but for the reference. */
typedef struct
{
  SkAudit *audit; /* NULL: it is over */
  void (*listener) (const char *, const char *, gpointer);
  gpointer listener_data;
} Shared;

struct _SkSoc
{
  Shared *shared;
  GPtrArray *sinks; /* SkSink */
  GPtrArray *names;
};

typedef struct
{
  char *organisation;
  gint64 seq, measure, time;
} Pending;

typedef struct
{
  Shared *shared;
  const char *sink;
  char *organisation; /* a position */
  gint64 seq;
  gboolean is_news; /* a failure or its end */
  char *error;
} Post;

/* -- to the main thread -------------------------------------------------------------------------------------
 */

static void
post_free (gpointer data)
{
  Post *post = data;
  g_atomic_rc_box_release (post->shared);
  g_free (post->organisation);
  g_free (post->error);
  g_free (post);
}

/* A position that is not written is written with the next one; until then rows would only come twice. */
static gboolean
on_post (gpointer data)
{
  Post *post = data;
  Shared *shared = post->shared;
  g_autoptr (GError) error = NULL;
  if (!shared->audit)
    return G_SOURCE_REMOVE;
  if (post->is_news && shared->listener)
    shared->listener (post->sink, post->error, shared->listener_data);
  if (!post->is_news
      && !sk_store_audit_set_position (shared->audit->store, post->sink, post->organisation, post->seq,
                                       &error)
      && shared->listener)
    shared->listener (post->sink, error->message, shared->listener_data);
  return G_SOURCE_REMOVE;
}

static void
post (SkSink *sink, const Post *what)
{
  Post *copy = g_new (Post, 1);
  *copy = *what;
  copy->shared = g_atomic_rc_box_acquire (sink->shared);
  copy->sink = sink->kind->name;
  copy->organisation = g_strdup (what->organisation);
  copy->error = g_strdup (what->error);
  /* Never at once: this may be the main thread's own context only in name. */
  g_autoptr (GSource) source = g_idle_source_new ();
  g_source_set_callback (source, on_post, copy, post_free);
  g_source_attach (source, NULL);
}

/* -- positions ----------------------------------------------------------------------------------------------
 */

static gint64
position (GHashTable *table, const char *organisation)
{
  const gint64 *seq = g_hash_table_lookup (table, organisation);
  return seq ? *seq : 0;
}

static void
set_position (GHashTable *table, const char *organisation, gint64 seq)
{
  gint64 *copy = g_new (gint64, 1);
  *copy = seq;
  g_hash_table_replace (table, g_strdup (organisation), copy);
}

static void
pending_free (gpointer data)
{
  g_free (((Pending *) data)->organisation);
  g_free (data);
}

/* What arrived and had its time. */
static gboolean
settle (SkSink *sink, GError **error)
{
  const gint64 arrived = sink->kind->arrived (sink, error);
  const gint64 old = g_get_monotonic_time () - (gint64) sink->kind->settle_ms * 1000;
  Pending *oldest;
  if (arrived < 0)
    return FALSE;
  while ((oldest = g_queue_peek_head (&sink->pending)) && oldest->measure <= arrived && oldest->time <= old)
    {
      set_position (sink->told, oldest->organisation, oldest->seq);
      post (sink, &(Post){ .organisation = oldest->organisation, .seq = oldest->seq });
      pending_free (g_queue_pop_head (&sink->pending));
    }
  return TRUE;
}

/* From where it is sure: the rest is sent again. */
static void
start_over (SkSink *sink)
{
  GHashTableIter iter;
  gpointer organisation, seq;
  g_queue_clear_full (&sink->pending, pending_free);
  g_hash_table_remove_all (sink->given);
  g_hash_table_iter_init (&iter, sink->told);
  while (g_hash_table_iter_next (&iter, &organisation, &seq))
    set_position (sink->given, organisation, *(gint64 *) seq);
}

/* -- sending ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  SkSink *sink;
  GError *error;
  gint64 last;
  guint n;
} Batch;

static gboolean
send_row (const SkAuditRow *row, gpointer data)
{
  Batch *batch = data;
  if (sk_sink_is_stopped (batch->sink) || !batch->sink->kind->send (batch->sink, row, &batch->error))
    return FALSE;
  batch->last = row->seq;
  batch->n++;
  return TRUE;
}

static void
add_pending (SkSink *sink, const char *organisation, gint64 seq)
{
  Pending *pending = g_new (Pending, 1);
  *pending = (Pending){ g_strdup (organisation), seq, sink->kind->sent (sink), g_get_monotonic_time () };
  set_position (sink->given, organisation, seq);
  g_queue_push_tail (&sink->pending, pending);
}

static gboolean
send_chain (SkSink *sink, SkStore *reader, const char *organisation, guint *n, GError **error)
{
  const SkAuditFilter filter = { .organisation = organisation,
                                 .after_seq = position (sink->given, organisation),
                                 .limit = SK_SOC_BATCH };
  Batch batch = { .sink = sink };
  const gboolean read = sk_store_audit_walk (reader, &filter, send_row, &batch, error);
  if (!read || batch.error)
    {
      if (batch.error)
        g_propagate_error (error, batch.error);
      return FALSE;
    }
  if (batch.n > 0 && !sink->kind->flush (sink, error))
    return FALSE;
  if (batch.n > 0)
    add_pending (sink, organisation, batch.last);
  *n += batch.n;
  return TRUE;
}

/* A round over all chains, so that none waits for a long one. */
static gboolean
send_round (SkSink *sink, SkStore *reader, guint *n, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (reader, error);
  if (!organisations)
    return FALSE;
  for (char **o = organisations; *o && !sk_sink_is_stopped (sink); o++)
    if (!send_chain (sink, reader, *o, n, error))
      return FALSE;
  return TRUE;
}

static gboolean
load_positions (SkSink *sink, SkStore *reader, GError **error)
{
  g_auto (GStrv) organisations = sk_store_audit_organisations (reader, error);
  for (char **o = organisations; o && *o; o++)
    {
      gint64 seq;
      if (!sk_store_audit_position (reader, sink->kind->name, *o, &seq, error))
        return FALSE;
      if (seq > position (sink->told, *o))
        set_position (sink->told, *o, seq);
    }
  return organisations != NULL;
}

/* -- the thread ---------------------------------------------------------------------------------------------
 */

gboolean
sk_sink_is_stopped (SkSink *sink)
{
  g_mutex_lock (&sink->mutex);
  const gboolean stop = sink->stop;
  g_mutex_unlock (&sink->mutex);
  return stop;
}

/* Until woken (unless that does not help) or so long. */
static void
rest (SkSink *sink, guint ms, gboolean wakeable)
{
  const gint64 until = g_get_monotonic_time () + (gint64) ms * 1000;
  g_mutex_lock (&sink->mutex);
  while (!sink->stop && !(wakeable && sink->woken) && g_cond_wait_until (&sink->cond, &sink->mutex, until))
    ;
  sink->woken = FALSE;
  g_mutex_unlock (&sink->mutex);
}

static void
tell_failing (SkSink *sink, const GError *error)
{
  if (sink->failing == (error != NULL))
    return;
  sink->failing = error != NULL;
  post (sink, &(Post){ .is_news = TRUE, .error = error ? error->message : NULL });
}

/* One life of a connection (or of an open file). */
static gboolean
serve (SkSink *sink, GError **error)
{
  g_autoptr (SkStore) reader = sk_store_open_reader (sink->database, error);
  if (!reader || !load_positions (sink, reader, error) || !sink->kind->open (sink, error))
    return FALSE;
  start_over (sink);
  while (!sk_sink_is_stopped (sink))
    {
      guint n = 0;
      if (!send_round (sink, reader, &n, error) || !settle (sink, error))
        return FALSE;
      tell_failing (sink, NULL);
      sink->wait_ms = SK_SOC_RETRY_MS;
      if (n == 0)
        rest (sink, g_queue_is_empty (&sink->pending) ? 5000 : 200, TRUE);
    }
  return TRUE;
}

static gpointer
run (gpointer data)
{
  SkSink *sink = data;
  while (!sk_sink_is_stopped (sink))
    {
      g_autoptr (GError) error = NULL;
      const gboolean fine = serve (sink, &error);
      sink->kind->close (sink);
      if (fine || sk_sink_is_stopped (sink))
        continue;
      tell_failing (sink, error);
      rest (sink, sink->wait_ms, FALSE);
      sink->wait_ms = MIN (sink->wait_ms * 2, SK_SOC_RETRY_MAX_MS);
    }
  return NULL;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

static void
sink_free (gpointer data)
{
  SkSink *sink = data;
  g_mutex_lock (&sink->mutex);
  sink->stop = TRUE;
  g_cond_signal (&sink->cond);
  g_mutex_unlock (&sink->mutex);
  g_cancellable_cancel (sink->cancellable);
  if (sink->thread)
    g_thread_join (sink->thread);
  g_queue_clear_full (&sink->pending, pending_free);
  g_hash_table_unref (sink->told);
  g_hash_table_unref (sink->given);
  g_object_unref (sink->cancellable);
  g_mutex_clear (&sink->mutex);
  g_cond_clear (&sink->cond);
  g_atomic_rc_box_release (sink->shared);
  g_free (sink->target);
  g_free (sink->ca);
  g_free (sink->database);
  g_free (sink->host);
  g_free (sink);
}

static void
add_sink (SkSoc *self, const SkSinkKind *kind, const char *target, const char *ca)
{
  SkSink *sink = g_new0 (SkSink, 1);
  sink->kind = kind;
  sink->target = g_strdup (target);
  sink->ca = g_strdup (ca);
  sink->database = g_strdup (sk_store_path (self->shared->audit->store));
  sink->host = g_strdup (g_get_host_name ());
  sink->shared = g_atomic_rc_box_acquire (self->shared);
  sink->told = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sink->given = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sink->cancellable = g_cancellable_new ();
  sink->wait_ms = SK_SOC_RETRY_MS;
  g_mutex_init (&sink->mutex);
  g_cond_init (&sink->cond);
  g_ptr_array_add (self->sinks, sink);
  g_ptr_array_insert (self->names, (gint) self->names->len - 1, (gpointer) kind->name);
  sink->thread = g_thread_new (kind->name, run, sink);
}

static gboolean
check_ca (const char *path, GError **error)
{
  if (!path || access (path, R_OK) == 0)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "syslog-ca: %s: %s", path, g_strerror (errno));
  return FALSE;
}

SkSoc *
sk_soc_new (SkAudit *audit, const SkSocTargets *targets, GError **error)
{
  if (!check_ca (targets->syslog_ca, error))
    return NULL;
  SkSoc *self = g_new0 (SkSoc, 1);
  self->shared = g_atomic_rc_box_new0 (Shared);
  self->shared->audit = audit;
  self->sinks = g_ptr_array_new_with_free_func (sink_free);
  self->names = g_ptr_array_new ();
  g_ptr_array_add (self->names, NULL);
  if (targets->syslog_tls)
    add_sink (self, &sk_sink_syslog, targets->syslog_tls, targets->syslog_ca);
  if (targets->jsonl)
    add_sink (self, &sk_sink_jsonl, targets->jsonl, NULL);
  return self;
}

void
sk_soc_free (SkSoc *self)
{
  if (!self)
    return;
  self->shared->audit = NULL;
  g_ptr_array_unref (self->sinks);
  g_ptr_array_unref (self->names);
  g_atomic_rc_box_release (self->shared);
  g_free (self);
}

void
sk_soc_wake (SkSoc *self)
{
  for (guint i = 0; i < self->sinks->len; i++)
    {
      SkSink *sink = self->sinks->pdata[i];
      g_mutex_lock (&sink->mutex);
      sink->woken = TRUE;
      g_cond_signal (&sink->cond);
      g_mutex_unlock (&sink->mutex);
    }
}

const char *const *
sk_soc_sinks (SkSoc *self)
{
  return (const char *const *) self->names->pdata;
}

void
sk_soc_set_listener (SkSoc *self, void (*func) (const char *, const char *, gpointer), gpointer data)
{
  self->shared->listener = func;
  self->shared->listener_data = data;
}
