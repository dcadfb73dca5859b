/* Bounded reading and writing of wire bytes: little-endian integers, length-prefixed UTF-8 strings. Pure
 * functions.
 *
 * A reader never goes past its end: the first read that would sets `failed`, and every later one returns 0 /
 * NULL; so a parser reads all fields and asks once, with sk_reader_finish(), which also refuses trailing
 * bytes. */
#pragma once
#include <glib.h>

typedef struct
{
  const guint8 *data; /* borrowed, untrusted */
  gsize length;
  gsize position;
  gboolean failed;
} SkReader;

static inline SkReader
sk_reader (const void *untrusted_data, gsize length)
{
  return (SkReader){ untrusted_data, length, 0, FALSE };
}
guint8 sk_reader_u8 (SkReader *r);
guint16 sk_reader_u16 (SkReader *r);
guint32 sk_reader_u32 (SkReader *r);
guint64 sk_reader_u64 (SkReader *r);
/* u16 byte length, then that many bytes of valid UTF-8 without NUL or control characters (C0, DEL, C1), at
 * most `max` bytes. New string, or NULL with `failed` set. */
char *sk_reader_string (SkReader *r, gsize max);
/* n bytes, borrowed; NULL with `failed` set when there are fewer. */
const guint8 *sk_reader_bytes (SkReader *r, gsize n);
/* TRUE when nothing failed and nothing is left over. */
gboolean sk_reader_finish (const SkReader *r);

/* Writing appends to a GByteArray. Strings longer than 65535 bytes are our own mistake. */
void sk_write_u8 (GByteArray *out, guint8 v);
void sk_write_u16 (GByteArray *out, guint16 v);
void sk_write_u32 (GByteArray *out, guint32 v);
void sk_write_u64 (GByteArray *out, guint64 v);
void sk_write_string (GByteArray *out, const char *text);

/* Valid UTF-8 without NUL or control characters. */
gboolean sk_text_is_clean (const char *untrusted_text, gsize length);
