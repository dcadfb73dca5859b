/* The clipboard's channel from a hostile server (the guest) and a hostile client (the viewer). The input is a
 * row of chunks: flags, 16-bit length, bytes; each goes to both ends. A flag of ours claims a longer message.
 * What comes out has to be in our form, and within its limits. */
#include "fuzz.h"
#include "wire/clip.h"
#include <string.h>

#define CLAIM_MORE 0x80u

static void
on_offer (guint64 sequence, SkClipKind kind, GBytes *content, gpointer data)
{
  gsize length;
  const char *bytes = g_bytes_get_data (content, &length);
  g_assert (length > 0 && length <= sk_clip_content_max (kind));
  if (kind == SK_CLIP_TEXT)
    g_assert (g_utf8_validate_len (bytes, length, NULL) && !memchr (bytes, '\r', length)
              && !memchr (bytes, '\0', length));
  else
    g_assert (bytes[0] == 'B' && bytes[1] == 'M');
  g_autoptr (GBytes) wire = sk_clip_to_wire (kind, content, TRUE);
  g_assert (wire || kind == SK_CLIP_PICTURE);
  g_assert (sk_clip_is_same (kind, content, content));
}

static void
drain (SkClip *clip)
{
  SkClipChunk chunk;
  gsize at = 0;
  while (sk_clip_next_chunk (clip, &chunk))
    {
      g_assert (chunk.size <= SK_CLIP_CHUNK && (chunk.flags & SK_CLIP_CHUNK_FIRST) == (at == 0));
      at += chunk.size;
      g_assert (at <= chunk.total && ((chunk.flags & SK_CLIP_CHUNK_LAST) != 0) == (at == chunk.total));
      if (at == chunk.total)
        at = 0;
    }
}

static void
feed (SkClip *clip, const uint8_t *data, size_t n, guint32 flags, gint64 now)
{
  const gsize total = flags & CLAIM_MORE ? 3 * n + 1 : n;
  sk_clip_take (clip, data, n, flags, total);
  sk_clip_tick (clip, now, TRUE);
  g_assert (clip->out.length <= SK_CLIP_WAITING_MAX + 4 && clip->in->len <= clip->in_total);
  if ((now & 3) == 0)
    drain (clip);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const SkClipClass klass = { on_offer };
  SkClip ends[2];
  gint64 now = 1;
  g_autoptr (GBytes) text = g_bytes_new_static ("a\nb", 3);
  for (guint i = 0; i < 2; i++)
    {
      sk_clip_init (&ends[i], i == 1, &klass, NULL);
      sk_clip_allow (&ends[i], TRUE, TRUE);
      g_assert (sk_clip_set (&ends[i], 1, SK_CLIP_TEXT, text));
    }
  sk_clip_hello (&ends[1]);
  for (; size >= 3; now += 1 + SK_CLIP_FETCH_US)
    {
      const gsize n = MIN (data[1] + 256u * data[2], size - 3);
      for (guint i = 0; i < 2; i++)
        feed (&ends[i], data + 3, n, data[0], now);
      data += 3 + n;
      size -= 3 + n;
    }
  for (guint i = 0; i < 2; i++)
    {
      drain (&ends[i]);
      sk_clip_clear (&ends[i]);
    }
  return 0;
}
