#include "wire/alaw.h"

/* Every other bit is inverted on the wire (G.711, table 1a). */
#define INVERTED 0x55

static guint8
encode (gint16 sample)
{
  /* 13 bits of magnitude: sign, three bits of exponent, four of mantissa */
  const guint8 sign = sample >= 0 ? 0x80 : 0;
  guint magnitude = (guint) (sample >= 0 ? sample : ~sample) >> 4;
  guint exponent = 0;
  while (magnitude > 31)
    {
      magnitude >>= 1;
      exponent++;
    }
  const guint code = magnitude > 15 ? ((exponent + 1) << 4) | (magnitude & 15) : magnitude;
  return (guint8) (sign | code) ^ INVERTED;
}

static gint16
decode (guint8 byte)
{
  const guint code = byte ^ INVERTED, exponent = (code >> 4) & 7;
  const int mantissa = (int) ((code & 15) << 4) + 8;
  const int magnitude = exponent ? (mantissa + 256) << (exponent - 1) : mantissa;
  return (gint16) (code & 0x80 ? magnitude : -magnitude);
}

void
sk_alaw_encode (const gint16 *samples, gsize n, guint8 *ret_bytes)
{
  for (gsize i = 0; i < n; i++)
    ret_bytes[i] = encode (samples[i]);
}

void
sk_alaw_decode_in_place (guint8 *buffer, gsize n)
{
  gint16 *samples = (gint16 *) (void *) buffer;
  /* from the end: a sample's place is behind the bytes that are still to be read */
  while (n-- > 0)
    samples[n] = decode (buffer[n]);
}
