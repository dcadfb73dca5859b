/* Writes what arrives on the main loop into the quarantine, in a thread of its own: the disk and the cipher
 * never hold the main loop up. What may be on its way at once is bounded by whoever pushes (a guest by its
 * window). Calls back on the main context. */
#pragma once
#include "quarantine/quarantine.h"

typedef struct _SkSink SkSink;
typedef struct
{
  /* So many more bytes were written. */
  void (*wrote) (gsize bytes, gpointer data);
  /* After sk_sink_finish(): it is durable, or why not. After an error nothing more comes. */
  void (*done) (const SkQuarantined *content, const GError *error, gpointer data);
} SkSinkListener;

SkSink *sk_sink_new (SkQuarantineWriter *take_writer, const SkSinkListener *listener, gpointer data);
/* Copied. Small pieces are gathered: they are written, and said to be, once there are enough of them, or at
 * sk_sink_finish() or sk_sink_free(). */
void sk_sink_write (SkSink *, const guint8 *data, gsize length);
void sk_sink_finish (SkSink *);
/* No more calls back; what was written stays, to go on from. Waits for the thread. */
void sk_sink_free (SkSink *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSink, sk_sink_free)
