#include "core/sink.h"
#include <string.h>

/* The thread is woken, and the main loop told, for so much at once while more comes: a guest's messages are
 * small, and waking somebody costs more than copying one. */
#define BLOCK_BYTES (256 * 1024)
/* Blocks that are used again; more are on their way only when the disk is slower than the guest. Memory that
 * goes back to the system comes back a page fault at a time. */
#define SPARES_MAX 4

typedef struct
{
  gsize used;
  guint8 data[];
} Block;

/* What the thread is told; a Block, or one of these. */
static const char finish_mark, stop_mark;

struct _SkSink
{
  gatomicrefcount refs;
  const SkSinkListener *listener;
  gpointer data;
  SkQuarantineWriter *writer;   /* the thread's */
  gsize untold;                 /* the thread's: bytes that are written */
  GAsyncQueue *orders, *spares; /* Block */
  GThread *thread;
  Block *filling; /* main context only, as: */
  gboolean dropped;
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
  g_async_queue_unref (sink->spares);
  g_free (sink);
}

static void
give_back (SkSink *sink, Block *block)
{
  if (g_async_queue_length (sink->spares) >= SPARES_MAX)
    g_free (block);
  else
    g_async_queue_push (sink->spares, block);
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
  const Block *block = order;
  if (sk_quarantine_write (sink->writer, block->data, block->used, &error))
    {
      sink->untold += block->used;
      if (sink->untold >= BLOCK_BYTES || g_async_queue_length (sink->orders) <= 0)
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
        give_back (sink, order);
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
  sink->spares = g_async_queue_new_full (g_free);
  sink->thread = g_thread_new ("sink", run, sink);
  return sink;
}

static void
push_filling (SkSink *sink)
{
  Block *block = g_steal_pointer (&sink->filling);
  if (block)
    g_async_queue_push (sink->orders, block);
}

static Block *
take_block (SkSink *sink)
{
  Block *block = g_async_queue_try_pop (sink->spares);
  if (!block)
    block = g_malloc (sizeof *block + BLOCK_BYTES);
  block->used = 0;
  return block;
}

void
sk_sink_write (SkSink *sink, const guint8 *data, gsize length)
{
  while (length > 0)
    {
      if (!sink->filling)
        sink->filling = take_block (sink);
      Block *block = sink->filling;
      const gsize n = MIN (length, BLOCK_BYTES - block->used);
      memcpy (block->data + block->used, data, n);
      block->used += n;
      data += n;
      length -= n;
      if (block->used == BLOCK_BYTES)
        push_filling (sink);
    }
}

void
sk_sink_finish (SkSink *sink)
{
  push_filling (sink);
  g_async_queue_push (sink->orders, (gpointer) &finish_mark);
}

void
sk_sink_free (SkSink *sink)
{
  if (!sink)
    return;
  sink->dropped = TRUE;
  push_filling (sink);
  g_async_queue_push (sink->orders, (gpointer) &stop_mark);
  g_thread_join (sink->thread);
  unref (sink);
}
