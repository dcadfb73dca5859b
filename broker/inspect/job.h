/* Between core and worker: one job, one answer, as packets of wire/message.h on a socket pair.
 *
 * The worker inherits its end as descriptor 3. JOB brings the content's two ends along, so that a spare can
 * wait with its cage closed long before there is a content. After the answer the worker ends. */
#pragma once
#include "inspect/words.h"
#include "wire/message.h"

#define SK_INSPECT_FD 3

enum
{
  SK_INSPECT_JOB = 2, /* core, once: t most bytes of the content; s kind, s profile; fds: content, result */
  SK_INSPECT_RESULT = 3, /* worker, once: y passed, t bytes read, t bytes written; s type, s result type,
                            s reason; l findings, "KIND COUNT DETAIL" each */
};
extern const SkMessageSpec sk_inspect_messages[];

/* Of a packet's 4 KiB; a detail is a list of code points or a host name. */
#define SK_INSPECT_DETAIL_MAX 120

/* What a worker can hold in memory of a content (an 80-megapixel photograph has 40 MB). */
#define SK_INSPECT_BYTES_MAX (G_GUINT64_CONSTANT (128) << 20)
/* What may come out of a content of at most so many bytes: text grows to three times (half-width katakana),
 * pictures by as much when they were squeezed hard. Never more than a megabyte for one that is tiny. */
static inline guint64
sk_inspect_out_max (guint64 bytes_max)
{
  return MIN (bytes_max, SK_INSPECT_BYTES_MAX) * 4 + (1 << 20);
}
/* A preview is a PNG picture with sides of at most so many pixels, or so many bytes of text. */
#define SK_PREVIEW_SIDE_MAX 1600u
#define SK_PREVIEW_TEXT_MAX (64u << 10)
/* A preview's pixels do not depend on how hard they were squeezed before: 1600 x 1600 of four bytes, and what
 * PNG adds to noise. */
#define SK_INSPECT_PREVIEW_MAX (G_GUINT64_CONSTANT (11) << 20)
static inline guint64
sk_inspect_out_max_of (SkInspectKind kind, guint64 bytes_max)
{
  return kind == SK_INSPECT_PREVIEW ? SK_INSPECT_PREVIEW_MAX : sk_inspect_out_max (bytes_max);
}
