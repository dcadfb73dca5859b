#include "core/sink.h"

/* The main loop is told of so much at once while more waits: it wakes for each word. */
#define TELL_BYTES (256 * 1024)

/* What the thread is told; a block of bytes, or one of these. */
static const char finish_mark, stop_mark;

struct _SkSink
{
  gatomicrefcount refs;
  const SkSinkListener *listener;
  gpointer data;
  SkQuarantineWriter *writer; /* the thread's */
  gsize untold;               /* the thread's: bytes that are written */
  GAsyncQueue *orders;
  GThread *thread;
  gboolean dropped; /* main context only */
};

typedef struct
{
  SkSink *sink;
  gsize bytes;
  SkQuarantined *content;
  GError *error;
} News;

static void
unref (SkSink *sink)
{
  if (!g_atomic_ref_count_dec (&sink->refs))
    return;
  g_async_queue_unref (sink->orders);
  g_free (sink);
}

static gboolean
on_news (gpointer data)
{
  News *news = data;
  SkSink *sink = news->sink;
  if (!sink->dropped && news->bytes > 0)
    sink->listener->wrote (news->bytes, sink->data);
  else if (!sink->dropped)
    sink->listener->done (news->content, news->error, sink->data);
  g_clear_pointer (&news->content, sk_quarantined_free);
  g_clear_error (&news->error);
  unref (sink);
  g_free (news);
  return G_SOURCE_REMOVE;
}

static void
tell (SkSink *sink, gsize bytes, SkQuarantined *content, GError *error)
{
  News *news = g_new (News, 1);
  *news = (News){ sink, bytes, content, error };
  g_atomic_ref_count_inc (&sink->refs);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_news, news, NULL);
}

static void
tell_written (SkSink *sink)
{
  if (sink->untold > 0)
    tell (sink, sink->untold, NULL, NULL);
  sink->untold = 0;
}

/* FALSE: nothing more can be written; said once. */
static gboolean
obey (SkSink *sink, gpointer order)
{
  GError *error = NULL;
  if (order == &finish_mark)
    {
      tell_written (sink);
      SkQuarantined *content = sk_quarantine_finish (g_steal_pointer (&sink->writer), &error);
      tell (sink, 0, content, error);
      return FALSE;
    }
  const gsize length = g_bytes_get_size (order);
  if (sk_quarantine_write (sink->writer, g_bytes_get_data (order, NULL), length, &error))
    {
      sink->untold += length;
      if (sink->untold >= TELL_BYTES || g_async_queue_length (sink->orders) <= 0)
        tell_written (sink);
      return TRUE;
    }
  tell (sink, 0, NULL, error);
  return FALSE;
}

static gpointer
run (gpointer data)
{
  SkSink *sink = data;
  gboolean open = TRUE;
  for (gpointer order; (order = g_async_queue_pop (sink->orders)) != &stop_mark;)
    {
      open = open && obey (sink, order);
      if (order != &finish_mark)
        g_bytes_unref (order);
    }
  g_clear_pointer (&sink->writer, sk_quarantine_writer_free);
  return NULL;
}

SkSink *
sk_sink_new (SkQuarantineWriter *take_writer, const SkSinkListener *listener, gpointer data)
{
  SkSink *sink = g_new0 (SkSink, 1);
  g_atomic_ref_count_init (&sink->refs);
  sink->writer = take_writer;
  sink->listener = listener;
  sink->data = data;
  sink->orders = g_async_queue_new ();
  sink->thread = g_thread_new ("sink", run, sink);
  return sink;
}

void
sk_sink_push (SkSink *sink, GBytes *bytes)
{
  g_async_queue_push (sink->orders, g_bytes_ref (bytes));
}

void
sk_sink_finish (SkSink *sink)
{
  g_async_queue_push (sink->orders, (gpointer) &finish_mark);
}

void
sk_sink_free (SkSink *sink)
{
  if (!sink)
    return;
  sink->dropped = TRUE;
  g_async_queue_push (sink->orders, (gpointer) &stop_mark);
  g_thread_join (sink->thread);
  unref (sink);
}
