#include "wire/record.h"
#include "wire/buf.h"

void
sk_record_append (GByteArray *out, SkRecordKind kind, gint64 time, const void *a, gsize a_length,
                  const void *b, gsize b_length)
{
  g_assert (a_length + b_length <= SK_RECORD_PAYLOAD_MAX);
  sk_write_u32 (out, (guint32) (a_length + b_length));
  sk_write_u16 (out, (guint16) kind);
  sk_write_u16 (out, 0);
  sk_write_u64 (out, (guint64) time);
  if (a_length)
    g_byte_array_append (out, a, (guint) a_length);
  if (b_length)
    g_byte_array_append (out, b, (guint) b_length);
}

gssize
sk_record_next (const guint8 *bytes, gsize length, SkRecord *ret)
{
  SkReader r = sk_reader (bytes, length);
  if (length < SK_RECORD_HEAD)
    return 0;
  const guint32 payload = sk_reader_u32 (&r);
  const guint16 kind = sk_reader_u16 (&r), zero = sk_reader_u16 (&r);
  const gint64 time = (gint64) sk_reader_u64 (&r);
  if (payload > SK_RECORD_PAYLOAD_MAX || zero != 0 || kind < SK_RECORD_SIZE || kind > SK_RECORD_END)
    return -1;
  if (length - SK_RECORD_HEAD < payload)
    return 0;
  *ret = (SkRecord){ (SkRecordKind) kind, time, bytes + SK_RECORD_HEAD, payload };
  return (gssize) (SK_RECORD_HEAD + payload);
}
