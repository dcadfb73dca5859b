#include "wire/buf.h"
#include <string.h>

const guint8 *
sk_reader_bytes (SkReader *r, gsize n)
{
  if (r->failed || n > r->length - r->position)
    {
      r->failed = TRUE;
      return NULL;
    }
  const guint8 *p = r->data + r->position;
  r->position += n;
  return p;
}

static guint64
read_le (SkReader *r, gsize n)
{
  const guint8 *p = sk_reader_bytes (r, n);
  guint64 v = 0;
  for (gsize i = 0; p && i < n; i++)
    v |= (guint64) p[i] << (8 * i);
  return v;
}

guint8
sk_reader_u8 (SkReader *r)
{
  return (guint8) read_le (r, 1);
}

guint16
sk_reader_u16 (SkReader *r)
{
  return (guint16) read_le (r, 2);
}

guint32
sk_reader_u32 (SkReader *r)
{
  return (guint32) read_le (r, 4);
}

guint64
sk_reader_u64 (SkReader *r)
{
  return read_le (r, 8);
}

gboolean
sk_text_is_clean (const char *untrusted_text, gsize length)
{
  if (!g_utf8_validate_len (untrusted_text, length, NULL))
    return FALSE;
  for (const char *p = untrusted_text; p < untrusted_text + length; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        return FALSE;
    }
  return TRUE;
}

char *
sk_reader_string (SkReader *r, gsize max)
{
  gsize length = sk_reader_u16 (r);
  if (length > max)
    r->failed = TRUE;
  const char *untrusted_text = (const char *) sk_reader_bytes (r, length);
  if (!untrusted_text)
    return NULL;
  if (!sk_text_is_clean (untrusted_text, length))
    {
      r->failed = TRUE;
      return NULL;
    }
  return g_strndup (untrusted_text, length);
}

gboolean
sk_reader_finish (const SkReader *r)
{
  return !r->failed && r->position == r->length;
}

static void
write_le (GByteArray *out, guint64 v, gsize n)
{
  guint8 bytes[8];
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) (v >> (8 * i));
  g_byte_array_append (out, bytes, (guint) n);
}

void
sk_write_u8 (GByteArray *out, guint8 v)
{
  write_le (out, v, 1);
}

void
sk_write_u16 (GByteArray *out, guint16 v)
{
  write_le (out, v, 2);
}

void
sk_write_u32 (GByteArray *out, guint32 v)
{
  write_le (out, v, 4);
}

void
sk_write_u64 (GByteArray *out, guint64 v)
{
  write_le (out, v, 8);
}

void
sk_write_string (GByteArray *out, const char *text)
{
  gsize length = text ? strlen (text) : 0;
  g_return_if_fail (length <= G_MAXUINT16);
  sk_write_u16 (out, (guint16) length);
  g_byte_array_append (out, (const guint8 *) text, (guint) length);
}
