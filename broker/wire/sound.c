#include "wire/sound.h"
#include "wire/alaw.h"
#include "wire/buf.h"
#include <string.h>

/* [MS-RDPEA] 2.2.1 */
enum
{
  SNDC_CLOSE = 1,
  SNDC_WAVE = 2,
  SNDC_WAVECONFIRM = 5,
  SNDC_TRAINING = 6,
  SNDC_FORMATS = 7,
  SNDC_WAVE2 = 13,
};
#define HEADER 4
#define CAPS_ALIVE 1
/* One message a wave since 8; xrdp is 5 or 6. */
#define VERSION 8
#define VERSION_WAVE2 8
/* Version 6 and later wait for the client's quality mode ([MS-RDPEA] 2.2.2.3). */
#define VERSION_QUALITY 6
#define SNDC_QUALITYMODE 12
#define QUALITY_HIGH 2
/* [MS-RDPEA] 2.2.3.3: of WaveInfo, before the first four bytes of sound */
#define WAVE_INFO_HEAD 8
#define WAVE_FIRST 4

/* ---- small things ---- */

guint
sk_sound_pace (SkSoundPace *p, guint frames, gint64 now)
{
  /* More than a second ago is as good as never: no product below can overflow. */
  const gint64 passed = p->last ? CLAMP (now - p->last, 0, G_USEC_PER_SEC) : G_USEC_PER_SEC;
  const gint64 gained = passed * SK_SOUND_PACE_RATE / G_USEC_PER_SEC;
  if (gained > 0)
    p->last = now;
  p->room = MIN (p->room + gained, SK_SOUND_PACE_BURST);
  const guint taken = (guint) MIN ((gint64) frames, p->room);
  p->room -= taken;
  return taken;
}

gboolean
sk_sound_is_silent (const gint16 *samples, guint frames)
{
  for (guint i = 0; i < frames * 2; i++)
    if (samples[i] != 0)
      return FALSE;
  return TRUE;
}

gboolean
sk_sound_join (SkSoundJoin *j, const guint8 *chunk, gsize size, guint32 flags)
{
  if (flags & SK_SOUND_CHUNK_FIRST)
    {
      j->open = TRUE;
      j->length = 0;
    }
  if (!j->open || size > SK_SOUND_MESSAGE_MAX - j->length)
    {
      j->open = FALSE;
      return FALSE;
    }
  memcpy (j->data + j->length, chunk, size);
  j->length += size;
  if (!(flags & SK_SOUND_CHUNK_LAST))
    return FALSE;
  j->open = FALSE;
  return TRUE;
}

static void
write_header (GByteArray *out, guint8 type, gsize body)
{
  sk_write_u8 (out, type);
  sk_write_u8 (out, 0);
  sk_write_u16 (out, (guint16) body);
}

/* ---- formats: the list is the same in both directions ([MS-RDPEA] 2.2.2.1, 2.2.2.2) ---- */

#define LIST_HEAD 20
#define FORMAT_BYTES 18

enum
{
  PCM,
  ALAW,
  KINDS
};
/* All of them stereo at SK_SOUND_RATE. */
static const struct
{
  guint16 tag, block, bits;
} kinds[KINDS] = { { 1, SK_SOUND_FRAME, 16 }, { 6, SK_SOUND_FRAME / 2, 8 } };

/* The first n kinds. */
static void
write_formats (GByteArray *out, guint32 flags, guint n)
{
  write_header (out, SNDC_FORMATS, LIST_HEAD + n * FORMAT_BYTES);
  sk_write_u32 (out, flags);
  sk_write_u32 (out, 0); /* volume */
  sk_write_u32 (out, 0); /* pitch */
  sk_write_u16 (out, 0); /* no UDP */
  sk_write_u16 (out, (guint16) n);
  sk_write_u8 (out, 0);
  sk_write_u16 (out, VERSION);
  sk_write_u8 (out, 0);
  for (guint i = 0; i < n; i++)
    {
      sk_write_u16 (out, kinds[i].tag);
      sk_write_u16 (out, 2);
      sk_write_u32 (out, SK_SOUND_RATE);
      sk_write_u32 (out, (guint32) SK_SOUND_RATE * kinds[i].block);
      sk_write_u16 (out, kinds[i].block);
      sk_write_u16 (out, kinds[i].bits);
      sk_write_u16 (out, 0);
    }
}

/* ret_kind: KINDS when it is none of ours. */
static gboolean
read_format (SkReader *r, guint *ret_kind)
{
  const guint16 tag = sk_reader_u16 (r), channels = sk_reader_u16 (r);
  const guint32 rate = sk_reader_u32 (r);
  sk_reader_u32 (r); /* bytes a second: follows from the others */
  const guint16 block = sk_reader_u16 (r), bits = sk_reader_u16 (r), extra = sk_reader_u16 (r);
  *ret_kind = KINDS;
  for (guint i = 0; i < KINDS; i++)
    if (tag == kinds[i].tag && block == kinds[i].block && bits == kinds[i].bits && channels == 2
        && rate == SK_SOUND_RATE)
      *ret_kind = i;
  return sk_reader_bytes (r, extra) != NULL;
}

/* FALSE: malformed. ret_numbers: of each kind in the list, -1 when it is not there. */
static gboolean
read_formats (SkReader *r, guint *ret_version, int ret_numbers[KINDS])
{
  sk_reader_bytes (r, 14);
  const guint n = sk_reader_u16 (r);
  sk_reader_u8 (r);
  *ret_version = sk_reader_u16 (r);
  sk_reader_u8 (r);
  ret_numbers[PCM] = ret_numbers[ALAW] = -1;
  if (r->failed || n > SK_SOUND_FORMATS_MAX)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      guint kind;
      if (!read_format (r, &kind))
        return FALSE;
      if (kind < KINDS && ret_numbers[kind] < 0)
        ret_numbers[kind] = (int) i;
    }
  return TRUE;
}

/* ---- client ---- */

void
sk_sound_client_init (SkSoundClient *c, const SkSoundClientClass *klass, gpointer data)
{
  memset (c, 0, sizeof *c);
  c->klass = klass;
  c->data = data;
}

static void
send (SkSoundClient *c, GByteArray *message)
{
  c->klass->send (message->data, message->len, c->data);
}

static gboolean
answer_formats (SkSoundClient *c, SkReader *r)
{
  guint version;
  int numbers[KINDS];
  c->agreed = c->alaw = c->has_info = FALSE;
  if (!read_formats (r, &version, numbers))
    return FALSE;
  if (numbers[PCM] < 0)
    return TRUE; /* nothing for us: without an answer there is no sound */
  c->agreed = TRUE;
  c->alaw = c->klass->alaw && numbers[ALAW] >= 0;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  write_formats (out, CAPS_ALIVE, c->alaw ? KINDS : 1);
  send (c, out);
  if (version < VERSION_QUALITY)
    return TRUE;
  g_byte_array_set_size (out, 0);
  write_header (out, SNDC_QUALITYMODE, 4);
  sk_write_u16 (out, QUALITY_HIGH);
  sk_write_u16 (out, 0);
  send (c, out);
  return TRUE;
}

static gboolean
answer_training (SkSoundClient *c, SkReader *r)
{
  const guint16 time = sk_reader_u16 (r), size = sk_reader_u16 (r);
  if (r->failed)
    return FALSE;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  write_header (out, SNDC_TRAINING, 4);
  sk_write_u16 (out, time);
  sk_write_u16 (out, size);
  send (c, out);
  return TRUE;
}

/* Confirmed at once: a server measures with it how late its sound is, and ours is played or dropped. */
static void
confirm (SkSoundClient *c, guint16 time, guint8 block)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  write_header (out, SNDC_WAVECONFIRM, 4);
  sk_write_u16 (out, time);
  sk_write_u8 (out, block);
  sk_write_u8 (out, 0);
  send (c, out);
}

/* Whether a wave may have that number of our list. */
static gboolean
is_in_list (const SkSoundClient *c, guint16 number)
{
  return number == PCM || (number == ALAW && c->alaw);
}

/* The bytes are in the join buffer, which is ours: they are moved to its start for their alignment, and
 * become twice as many there when they are A-law; more than fits is dropped. */
static void
play (SkSoundClient *c, guint kind, guint8 *bytes, gsize length, gint64 now)
{
  const gsize room = sizeof c->join.data / SK_SOUND_FRAME;
  const guint frames = sk_sound_pace (&c->pace, (guint) MIN (length / kinds[kind].block, room), now);
  if (frames == 0)
    return;
  memmove (c->join.data, bytes, (gsize) frames * kinds[kind].block);
  if (kind == ALAW)
    sk_alaw_decode_in_place (c->join.data, (gsize) frames * 2);
  c->klass->play ((const gint16 *) (void *) c->join.data, frames, c->data);
}

static gboolean
hear_wave_info (SkSoundClient *c, SkReader *r, gsize body)
{
  c->info_time = sk_reader_u16 (r);
  c->info_format = sk_reader_u16 (r);
  c->info_block = sk_reader_u8 (r);
  sk_reader_bytes (r, 3);
  const guint8 *first = sk_reader_bytes (r, WAVE_FIRST);
  if (!first || !sk_reader_finish (r) || !is_in_list (c, c->info_format)
      || body < WAVE_INFO_HEAD + WAVE_FIRST)
    return FALSE;
  memcpy (c->info_first, first, WAVE_FIRST);
  c->info_bytes = body - WAVE_INFO_HEAD;
  c->has_info = TRUE;
  return TRUE;
}

/* What follows a WaveInfo: four bytes of nothing, in whose place the first four of the sound belong. */
static gboolean
hear_wave (SkSoundClient *c, gint64 now)
{
  c->has_info = FALSE;
  if (c->join.length != c->info_bytes)
    return FALSE;
  memcpy (c->join.data, c->info_first, WAVE_FIRST);
  confirm (c, c->info_time, c->info_block);
  play (c, c->info_format, c->join.data, c->join.length, now);
  return TRUE;
}

static gboolean
hear_wave2 (SkSoundClient *c, SkReader *r, gint64 now)
{
  const guint16 time = sk_reader_u16 (r), number = sk_reader_u16 (r);
  const guint8 block = sk_reader_u8 (r);
  sk_reader_bytes (r, 3);
  sk_reader_u32 (r);
  if (r->failed || !is_in_list (c, number))
    return FALSE;
  confirm (c, time, block);
  play (c, number, c->join.data + HEADER + r->position, r->length - r->position, now);
  return TRUE;
}

static gboolean
hear (SkSoundClient *c, gint64 now)
{
  if (c->has_info)
    return hear_wave (c, now);
  SkReader r = sk_reader (c->join.data, c->join.length);
  const guint8 type = sk_reader_u8 (&r);
  sk_reader_u8 (&r);
  const gsize body = sk_reader_u16 (&r);
  if (r.failed)
    return FALSE;
  SkReader inside = sk_reader (c->join.data + HEADER, c->join.length - HEADER);
  /* The length of a WaveInfo is that of the whole wave; others' have to be true. */
  if (type != SNDC_WAVE && body != inside.length)
    return FALSE;
  switch (type)
    {
    case SNDC_FORMATS:
      return answer_formats (c, &inside);
    case SNDC_TRAINING:
      return answer_training (c, &inside);
    case SNDC_WAVE:
      return c->agreed && hear_wave_info (c, &inside, body);
    case SNDC_WAVE2:
      return c->agreed && hear_wave2 (c, &inside, now);
    default:
      /* volume, pitch, close; and xrdp's wish for a microphone, which nobody answers */
      return TRUE;
    }
}

gboolean
sk_sound_client_take (SkSoundClient *c, const guint8 *chunk, gsize size, guint32 flags, gint64 now)
{
  return !sk_sound_join (&c->join, chunk, size, flags) || hear (c, now);
}

/* ---- server ---- */

void
sk_sound_server_hello (SkSoundServer *s, GByteArray *out)
{
  s->agreed = FALSE;
  s->hold_ms = SK_SOUND_HOLD_MAX_MS;
  write_formats (out, 0, KINDS);
}

static gboolean
take_formats (SkSoundServer *s, SkReader *r)
{
  guint version;
  int numbers[KINDS];
  s->agreed = FALSE;
  if (!read_formats (r, &version, numbers))
    return FALSE;
  if (numbers[PCM] < 0)
    return TRUE;
  s->agreed = TRUE;
  s->format = (guint16) numbers[PCM];
  s->alaw = numbers[ALAW];
  s->wave2 = version >= VERSION_WAVE2;
  s->confirmed = s->sent;
  return TRUE;
}

/* Only what was sent can be confirmed: anything else is ignored. */
static gboolean
take_confirm (SkSoundServer *s, SkReader *r)
{
  const guint16 stamp = sk_reader_u16 (r);
  const guint8 block = sk_reader_u8 (r);
  sk_reader_u8 (r);
  if (!sk_reader_finish (r))
    return FALSE;
  const guint64 at = s->sent_at[block];
  if (at == 0 || at > s->sent)
    return TRUE;
  /* Also of a wave that was forgiven: a client that is late is one that confirms. */
  s->confirms = TRUE;
  s->hold_ms = MIN ((guint16) (stamp - s->stamps[block]), SK_SOUND_HOLD_MAX_MS);
  s->confirmed = MAX (s->confirmed, at);
  return TRUE;
}

gboolean
sk_sound_server_take (SkSoundServer *s, const guint8 *chunk, gsize size, guint32 flags)
{
  if (!sk_sound_join (&s->join, chunk, size, flags))
    return TRUE;
  SkReader r = sk_reader (s->join.data, s->join.length);
  const guint8 type = sk_reader_u8 (&r);
  sk_reader_u8 (&r);
  const gsize body = sk_reader_u16 (&r);
  if (r.failed)
    return FALSE;
  SkReader inside = sk_reader (s->join.data + HEADER, s->join.length - HEADER);
  if (body != inside.length)
    return FALSE;
  if (type == SNDC_FORMATS)
    return take_formats (s, &inside);
  if (type == SNDC_WAVECONFIRM)
    return take_confirm (s, &inside);
  return TRUE; /* quality mode and what else there may be */
}

gboolean
sk_sound_server_may_send (SkSoundServer *s, gint64 now)
{
  if (!s->agreed)
    return FALSE;
  if (s->sent - s->confirmed < SK_SOUND_AHEAD_MAX + (guint64) s->hold_ms * SK_SOUND_RATE / 1000)
    return TRUE;
  if (s->confirms || now - s->last < SK_SOUND_FORGIVE_US)
    return FALSE;
  s->confirmed = s->sent;
  return TRUE;
}

void
sk_sound_server_is_slow (SkSoundServer *s, gint64 now)
{
  s->slow = now + SK_SOUND_SLOW_US;
}

void
sk_sound_server_wave (SkSoundServer *s, const gint16 *samples, guint frames, gint64 now, GByteArray *out,
                      gsize *ret_second)
{
  /* one frame of A-law is less than what a WaveInfo holds */
  const gboolean alaw = s->alaw >= 0 && now < s->slow && frames > 1;
  const gsize length = (gsize) frames * kinds[alaw ? ALAW : PCM].block;
  const guint8 *bytes = (const guint8 *) samples;
  guint8 small[SK_SOUND_WAVE_FRAMES * 2];
  const guint32 ms = (guint32) (now / 1000);
  g_return_if_fail (frames > 0 && frames <= SK_SOUND_WAVE_FRAMES);
  if (alaw)
    {
      sk_alaw_encode (samples, length, small);
      bytes = small;
    }
  if (s->sent == s->confirmed)
    s->last = now;
  s->sent += frames;
  s->sent_at[++s->block] = s->sent;
  s->stamps[s->block] = (guint16) ms;
  write_header (out, s->wave2 ? SNDC_WAVE2 : SNDC_WAVE, length + (s->wave2 ? 12 : WAVE_INFO_HEAD));
  sk_write_u16 (out, (guint16) ms);
  sk_write_u16 (out, alaw ? (guint16) s->alaw : s->format);
  sk_write_u8 (out, s->block);
  g_byte_array_append (out, (const guint8 *) "\0\0\0", 3);
  *ret_second = 0;
  if (s->wave2)
    {
      sk_write_u32 (out, ms);
      g_byte_array_append (out, bytes, (guint) length);
      return;
    }
  g_byte_array_append (out, bytes, WAVE_FIRST);
  *ret_second = out->len;
  sk_write_u32 (out, 0);
  g_byte_array_append (out, bytes + WAVE_FIRST, (guint) length - WAVE_FIRST);
}
