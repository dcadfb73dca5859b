#include "wire/frame.h"
#include "common/error.h"
#include "wire/buf.h"
#include <string.h>

#define BUFFER_SIZE (SK_FRAME_MAX * 2)

gssize
sk_frame_parse (const guint8 *untrusted, gsize length, SkFrame *ret_frame, GError **error)
{
  if (length < SK_FRAME_HEADER)
    {
      /* Garbage is known as such from its first bytes; otherwise a short frame would wait for ever. */
      static const guint8 magic[4] = { 'S', 'K', 'G', '1' };
      if (memcmp (untrusted, magic, MIN (length, sizeof magic)) == 0)
        return 0;
      g_set_error_literal (error, SK_ERROR, SK_ERROR_PROTOCOL, "not a frame");
      return -1;
    }
  SkReader r = sk_reader (untrusted, SK_FRAME_HEADER);
  guint32 magic = sk_reader_u32 (&r);
  guint16 type = sk_reader_u16 (&r);
  guint16 reserved = sk_reader_u16 (&r);
  guint32 id = sk_reader_u32 (&r);
  guint32 body_length = sk_reader_u32 (&r);
  if (magic != SK_FRAME_MAGIC || reserved != 0 || body_length > SK_FRAME_BODY_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "bad frame header (type %u, length %u)", type,
                   body_length);
      return -1;
    }
  if (length < SK_FRAME_HEADER + (gsize) body_length)
    return 0;
  *ret_frame = (SkFrame){ type, id, untrusted + SK_FRAME_HEADER, body_length };
  return SK_FRAME_HEADER + (gssize) body_length;
}

gsize
sk_frame_seek (const guint8 *untrusted, gsize length)
{
  if (length <= 1)
    return length;
  const guint8 *hit = memchr (untrusted + 1, 'S', length - 1);
  return hit ? (gsize) (hit - untrusted) : length;
}

void
sk_frame_header (guint8 out[SK_FRAME_HEADER], guint16 type, guint32 id, gsize length)
{
  const guint32 words[4] = { GUINT32_TO_LE (SK_FRAME_MAGIC), GUINT32_TO_LE (type), GUINT32_TO_LE (id),
                             GUINT32_TO_LE ((guint32) length) };
  memcpy (out, words, sizeof words);
}

void
sk_frame_append (GByteArray *out, guint16 type, guint32 id, const void *body, gsize length)
{
  guint8 header[SK_FRAME_HEADER];
  g_return_if_fail (length <= SK_FRAME_BODY_MAX);
  sk_frame_header (header, type, id, length);
  g_byte_array_append (out, header, sizeof header);
  if (length > 0)
    g_byte_array_append (out, body, (guint) length);
}

void
sk_frame_buffer_init (SkFrameBuffer *b)
{
  *b = (SkFrameBuffer){ .data = g_malloc (BUFFER_SIZE) };
}

void
sk_frame_buffer_clear (SkFrameBuffer *b)
{
  g_clear_pointer (&b->data, g_free);
  b->start = b->end = 0;
}

void
sk_frame_buffer_reset (SkFrameBuffer *b)
{
  b->start = b->end = 0;
  b->seeking = TRUE;
}

guint8 *
sk_frame_buffer_space (SkFrameBuffer *b, gsize *ret_room)
{
  if (b->start > 0)
    {
      memmove (b->data, b->data + b->start, b->end - b->start);
      b->end -= b->start;
      b->start = 0;
    }
  *ret_room = BUFFER_SIZE - b->end;
  return b->data + b->end;
}

void
sk_frame_buffer_commit (SkFrameBuffer *b, gsize n)
{
  g_return_if_fail (n <= BUFFER_SIZE - b->end);
  b->end += n;
}

int
sk_frame_buffer_next (SkFrameBuffer *b, SkFrame *ret_frame, GError **error)
{
  while (b->end > b->start)
    {
      g_autoptr (GError) bad = NULL;
      const guint8 *data = b->data + b->start;
      gssize n = sk_frame_parse (data, b->end - b->start, ret_frame, &bad);
      if (n == 0)
        return 0;
      if (n > 0)
        {
          b->start += (gsize) n;
          b->seeking = FALSE;
          return 1;
        }
      if (!b->seeking)
        {
          g_propagate_error (error, g_steal_pointer (&bad));
          return -1;
        }
      b->start += sk_frame_seek (data, b->end - b->start);
    }
  return 0;
}
