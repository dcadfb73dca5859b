#include "wire/clip.h"
#include "wire/buf.h"
#include <string.h>

/* [MS-RDPECLIP] 2.2.1 */
enum
{
  CB_MONITOR_READY = 1,
  CB_FORMAT_LIST = 2,
  CB_FORMAT_LIST_RESPONSE = 3,
  CB_FORMAT_DATA_REQUEST = 4,
  CB_FORMAT_DATA_RESPONSE = 5,
  CB_TEMP_DIRECTORY = 6,
  CB_CLIP_CAPS = 7,
  CB_FILECONTENTS_REQUEST = 8,
  CB_FILECONTENTS_RESPONSE = 9,
  CB_LOCK_CLIPDATA = 10,
  CB_UNLOCK_CLIPDATA = 11,
};
enum
{
  CB_RESPONSE_OK = 1,
  CB_RESPONSE_FAIL = 2,
};
#define HEADER 8
/* xrdp and Windows put up to four bytes behind a message that its length does not count. */
#define PADDING 4
/* 2.2.2.1: a general capability set of 12 bytes, version 2; flags. Without the ones for files, for which
 * there is no answer here. */
#define CAPS_GENERAL 1
#define CAPS_GENERAL_BYTES 12
#define CAPS_VERSION 2
#define CAPS_SETS_MAX 16
#define CB_USE_LONG_FORMAT_NAMES 2u
/* 2.2.3.1.1.1: a number and 32 bytes of a name */
#define SHORT_NAME 32

enum
{
  CF_DIB = 8,
  CF_UNICODETEXT = 13,
  CF_DIBV5 = 17,
};

static const SkClipKind kinds[] = { SK_CLIP_TEXT, SK_CLIP_PICTURE };

void
sk_clip_init (SkClip *c, gboolean server, const SkClipClass *klass, gpointer data)
{
  memset (c, 0, sizeof *c);
  c->server = server;
  c->klass = klass;
  c->data = data;
  c->in = g_byte_array_new ();
  g_queue_init (&c->out);
}

static void
drop_own (SkClip *c)
{
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    g_clear_pointer (&c->own[i], g_bytes_unref);
}

void
sk_clip_clear (SkClip *c)
{
  drop_own (c);
  g_clear_pointer (&c->in, g_byte_array_unref);
  g_queue_clear_full (&c->out, (GDestroyNotify) g_bytes_unref);
  c->out_content = NULL;
}

/* ---- out ---- */

static void
queue (SkClip *c, guint16 type, guint16 flags, const void *body, gsize length)
{
  GByteArray *message = g_byte_array_sized_new ((guint) (HEADER + length));
  sk_write_u16 (message, type);
  sk_write_u16 (message, flags);
  sk_write_u32 (message, (guint32) length);
  g_byte_array_append (message, body, (guint) length);
  g_queue_push_tail (&c->out, g_byte_array_free_to_bytes (message));
}

static void
queue_caps (SkClip *c)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  sk_write_u16 (body, 1); /* sets */
  sk_write_u16 (body, 0);
  sk_write_u16 (body, CAPS_GENERAL);
  sk_write_u16 (body, CAPS_GENERAL_BYTES);
  sk_write_u32 (body, CAPS_VERSION);
  sk_write_u32 (body, CB_USE_LONG_FORMAT_NAMES);
  queue (c, CB_CLIP_CAPS, 0, body->data, body->len);
}

static void
write_format (SkClip *c, GByteArray *body, guint32 format)
{
  static const guint8 no_name[SHORT_NAME];
  sk_write_u32 (body, format);
  g_byte_array_append (body, no_name, c->long_names ? 2 : SHORT_NAME);
}

static void
queue_list (SkClip *c)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  if (c->own[SK_CLIP_TEXT])
    write_format (c, body, CF_UNICODETEXT);
  if (c->own[SK_CLIP_PICTURE])
    write_format (c, body, CF_DIB);
  queue (c, CB_FORMAT_LIST, 0, body->data, body->len);
  c->announce = FALSE;
}

static gboolean
own_anything (const SkClip *c)
{
  return c->own[SK_CLIP_TEXT] || c->own[SK_CLIP_PICTURE];
}

void
sk_clip_hello (SkClip *c)
{
  queue_caps (c);
  queue (c, CB_MONITOR_READY, 0, NULL, 0);
}

gboolean
sk_clip_has_chunk (SkClip *c)
{
  return !g_queue_is_empty (&c->out);
}

gboolean
sk_clip_next_chunk (SkClip *c, SkClipChunk *ret)
{
  GBytes *message = g_queue_peek_head (&c->out);
  gsize total = message ? g_bytes_get_size (message) : 0;
  if (message && c->out_at == total)
    {
      /* Sent by now; it was kept while its last piece was in use. */
      if (message == c->out_content)
        c->out_content = NULL;
      g_bytes_unref (g_queue_pop_head (&c->out));
      c->out_at = 0;
      message = g_queue_peek_head (&c->out);
      total = message ? g_bytes_get_size (message) : 0;
    }
  if (!message)
    return FALSE;
  const guint8 *data = g_bytes_get_data (message, NULL);
  const gsize size = MIN (total - c->out_at, SK_CLIP_CHUNK);
  *ret = (SkClipChunk){ data + c->out_at, size, total, 0 };
  ret->flags |= c->out_at == 0 ? SK_CLIP_CHUNK_FIRST : 0;
  c->out_at += size;
  ret->flags |= c->out_at == total ? SK_CLIP_CHUNK_LAST : 0;
  return TRUE;
}

/* ---- what the peer has ---- */

void
sk_clip_allow (SkClip *c, gboolean fetch, gboolean set)
{
  c->may_fetch = fetch;
  c->may_set = set;
  if (!set && own_anything (c))
    sk_clip_wipe (c);
}

static void
take_formats (SkClip *c, const guint32 formats[SK_CLIP_KINDS])
{
  c->sequence++;
  memcpy (c->formats, formats, sizeof c->formats);
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    c->due[i] = formats[i] != 0;
}

static void
note_format (guint32 format, guint32 formats[SK_CLIP_KINDS])
{
  if (format == CF_UNICODETEXT)
    formats[SK_CLIP_TEXT] = format;
  else if (format == CF_DIB || (format == CF_DIBV5 && formats[SK_CLIP_PICTURE] == 0))
    formats[SK_CLIP_PICTURE] = format;
  /* Everything else is dropped, and with it lists of files (FileGroupDescriptorW, a name with a number of the
   * peer's own): for now files cross as files do, not by a clipboard. */
}

static void
skip_name (SkReader *r, gboolean long_names)
{
  if (!long_names)
    sk_reader_bytes (r, SHORT_NAME);
  else
    while (!r->failed && sk_reader_u16 (r) != 0)
      ;
}

static gboolean
take_list (SkClip *c, SkReader *r)
{
  guint32 formats[SK_CLIP_KINDS] = { 0 };
  guint n = 0;
  gboolean good = TRUE;
  while (good && r->position < r->length)
    {
      note_format (sk_reader_u32 (r), formats);
      skip_name (r, c->long_names);
      good = !r->failed && ++n <= SK_CLIP_FORMATS_MAX;
    }
  queue (c, CB_FORMAT_LIST_RESPONSE, good ? CB_RESPONSE_OK : CB_RESPONSE_FAIL, NULL, 0);
  if (good)
    take_formats (c, formats);
  if (c->server && !c->open)
    {
      c->open = TRUE;
      c->announce = own_anything (c);
    }
  return good;
}

/* Echo: the peer gives back what it was given. Its announcement came after ours, so what it has is that. */
static gboolean
is_echo (SkClip *c, SkClipKind kind, GBytes *content)
{
  return c->own[kind] && sk_clip_is_same (kind, c->own[kind], content);
}

static gboolean
take_content (SkClip *c, guint16 flags, SkReader *r)
{
  const SkClipKind kind = c->asked;
  if (!kind)
    return FALSE; /* nothing was asked for */
  c->asked = 0;
  if (flags & CB_RESPONSE_FAIL)
    return TRUE; /* it has it no more */
  if (!(flags & CB_RESPONSE_OK))
    return FALSE;
  const gsize length = r->length - r->position;
  g_autoptr (GBytes) content = sk_clip_from_wire (kind, r->data + r->position, length);
  if (!content)
    return FALSE;
  if (is_echo (c, kind, content))
    return TRUE;
  /* Something was copied there since: what we gave is not what it has any more. */
  drop_own (c);
  if (c->may_fetch)
    c->klass->offer (c->asked_sequence, kind, content, c->data);
  return TRUE;
}

static void
ask (SkClip *c, SkClipKind kind, gint64 now)
{
  const guint32 format = GUINT32_TO_LE (c->formats[kind]);
  queue (c, CB_FORMAT_DATA_REQUEST, 0, &format, sizeof format);
  c->due[kind] = FALSE;
  c->asked = kind;
  c->asked_sequence = c->sequence;
  c->asked_at = c->fetched_at = now;
}

static gint64
earlier (gint64 a, gint64 b)
{
  return a < 0 ? b : b < 0 ? a : MIN (a, b);
}

/* Returns µs until the next look at what the peer has. */
static gint64
fetch (SkClip *c, gint64 now, gboolean ready)
{
  if (c->asked && now - c->asked_at < SK_CLIP_ANSWER_US)
    return c->asked_at + SK_CLIP_ANSWER_US - now;
  c->asked = 0;
  for (guint i = 0; i < G_N_ELEMENTS (kinds) && ready && c->may_fetch && c->open; i++)
    {
      if (!c->due[kinds[i]])
        continue;
      if (c->fetched_at && now - c->fetched_at < SK_CLIP_FETCH_US)
        return c->fetched_at + SK_CLIP_FETCH_US - now;
      ask (c, kinds[i], now);
      return SK_CLIP_ANSWER_US;
    }
  return -1;
}

gint64
sk_clip_tick (SkClip *c, gint64 now, gboolean ready)
{
  if (c->wipe_at && now >= c->wipe_at)
    sk_clip_wipe (c);
  if (c->announce && c->open && c->out.length < SK_CLIP_WAITING_MAX)
    queue_list (c);
  return earlier (fetch (c, now, ready), c->wipe_at ? c->wipe_at - now : -1);
}

/* ---- what we have ---- */

gboolean
sk_clip_set (SkClip *c, guint64 sequence, SkClipKind kind, GBytes *content)
{
  g_autoptr (GBytes) wire = NULL;
  if (!c->may_set || (kind != SK_CLIP_TEXT && kind != SK_CLIP_PICTURE)
      || g_bytes_get_size (content) > sk_clip_content_max (kind)
      || !(wire = sk_clip_to_wire (kind, content, c->server)))
    return FALSE;
  if (sequence != c->own_sequence)
    {
      drop_own (c);
      c->once = FALSE;
      c->wipe_at = 0;
    }
  c->own_sequence = sequence;
  g_clear_pointer (&c->own[kind], g_bytes_unref);
  c->own[kind] = g_bytes_ref (content);
  c->announce = TRUE;
  return TRUE;
}

void
sk_clip_wipe (SkClip *c)
{
  drop_own (c);
  c->once = FALSE;
  c->wipe_at = 0;
  c->announce = TRUE;
}

void
sk_clip_limit (SkClip *c, gboolean once, gint64 wipe_at)
{
  c->once |= once;
  if (wipe_at && (!c->wipe_at || wipe_at < c->wipe_at))
    c->wipe_at = wipe_at;
}

static GBytes *
asked_for (SkClip *c, guint32 format)
{
  const SkClipKind kind = format == CF_UNICODETEXT ? SK_CLIP_TEXT : format == CF_DIB ? SK_CLIP_PICTURE : 0;
  return kind && c->own[kind] ? sk_clip_to_wire (kind, c->own[kind], c->server) : NULL;
}

static gboolean
take_request (SkClip *c, SkReader *r)
{
  const guint32 format = sk_reader_u32 (r);
  g_autoptr (GBytes) wire = NULL;
  if (!sk_reader_finish (r))
    return FALSE;
  /* One content at a time waits to be sent. */
  if (c->may_set && !c->out_content)
    wire = asked_for (c, format);
  if (!wire)
    {
      queue (c, CB_FORMAT_DATA_RESPONSE, CB_RESPONSE_FAIL, NULL, 0);
      return TRUE;
    }
  gsize length;
  const guint8 *data = g_bytes_get_data (wire, &length);
  queue (c, CB_FORMAT_DATA_RESPONSE, CB_RESPONSE_OK, data, length);
  c->out_content = g_queue_peek_tail (&c->out);
  if (c->once)
    sk_clip_wipe (c);
  return TRUE;
}

/* ---- in ---- */

static gboolean
take_caps (SkClip *c, SkReader *r)
{
  guint32 flags = 0;
  const guint sets = sk_reader_u16 (r);
  sk_reader_u16 (r);
  for (guint i = 0; i < MIN (sets, CAPS_SETS_MAX); i++)
    {
      const guint type = sk_reader_u16 (r), length = sk_reader_u16 (r);
      if (type == CAPS_GENERAL && length == CAPS_GENERAL_BYTES)
        {
          sk_reader_u32 (r);
          flags = sk_reader_u32 (r);
        }
      else
        sk_reader_bytes (r, MAX (length, 4u) - 4);
    }
  if (sets > CAPS_SETS_MAX || !sk_reader_finish (r))
    return FALSE;
  c->long_names = (flags & CB_USE_LONG_FORMAT_NAMES) != 0;
  return TRUE;
}

/* A client's part of the beginning; a server that begins again is answered again. */
static void
answer_ready (SkClip *c)
{
  c->open = TRUE;
  c->asked = 0;
  queue_caps (c);
  queue_list (c);
}

static gboolean
take_message (SkClip *c, const guint8 *data, gsize length)
{
  SkReader r = sk_reader (data, length);
  const guint16 type = sk_reader_u16 (&r), flags = sk_reader_u16 (&r);
  const guint32 body = sk_reader_u32 (&r);
  if (r.failed || body > length - HEADER || length - HEADER - body > PADDING)
    return FALSE;
  r.length = HEADER + body;
  if (type == CB_FORMAT_DATA_RESPONSE)
    return take_content (c, flags, &r);
  /* Who does not take answers gets no more of them. */
  if (c->out.length >= SK_CLIP_WAITING_MAX)
    return FALSE;
  switch (type)
    {
    case CB_MONITOR_READY:
      if (c->server)
        return FALSE;
      answer_ready (c);
      return TRUE;
    case CB_FORMAT_LIST:
      return take_list (c, &r);
    case CB_FORMAT_DATA_REQUEST:
      return take_request (c, &r);
    case CB_CLIP_CAPS:
      return take_caps (c, &r);
    case CB_FORMAT_LIST_RESPONSE:
      return TRUE;
    case CB_TEMP_DIRECTORY:
    case CB_FILECONTENTS_REQUEST:
    case CB_FILECONTENTS_RESPONSE:
    case CB_LOCK_CLIPDATA:
    case CB_UNLOCK_CLIPDATA:
      return TRUE; /* of files; nobody said that we have any */
    default:
      return FALSE;
    }
}

static gsize
in_max (const SkClip *c)
{
  return c->asked ? MAX (SK_CLIP_MESSAGE_MAX, HEADER + sk_clip_wire_max (c->asked) + PADDING)
                  : SK_CLIP_MESSAGE_MAX;
}

static gboolean
begin_message (SkClip *c, const guint8 *chunk, gsize size, gsize total)
{
  SkReader r = sk_reader (chunk, size);
  g_byte_array_set_size (c->in, 0);
  c->in_open = total <= in_max (c);
  c->in_total = total;
  /* What is too large will not come. */
  if (!c->in_open && sk_reader_u16 (&r) == CB_FORMAT_DATA_RESPONSE)
    c->asked = 0;
  return c->in_open;
}

gboolean
sk_clip_take (SkClip *c, const guint8 *chunk, gsize size, guint32 flags, gsize total)
{
  if ((flags & SK_CLIP_CHUNK_FIRST) && !begin_message (c, chunk, size, total))
    return FALSE;
  if (!c->in_open)
    return (flags & SK_CLIP_CHUNK_FIRST) == 0; /* the rest of what was dropped */
  if (total != c->in_total || size > c->in_total - c->in->len)
    {
      c->in_open = FALSE;
      return FALSE;
    }
  g_byte_array_append (c->in, chunk, (guint) size);
  if (!(flags & SK_CLIP_CHUNK_LAST))
    return TRUE;
  c->in_open = FALSE;
  const gboolean good = c->in->len == c->in_total && take_message (c, c->in->data, c->in->len);
  /* Nothing large stays. */
  if (c->in->len > SK_CLIP_MESSAGE_MAX)
    {
      g_byte_array_unref (c->in);
      c->in = g_byte_array_new ();
    }
  return good;
}
