/* What a recording consists of: records, one after another, as the view writes them into its pipe and as they
 * are found again in the file once it is decrypted. Little-endian: files outlive hosts. Pure functions. */
#pragma once
#include <glib.h>

/* 16 bytes: u32 length of the payload, u16 kind, u16 zero, i64 microseconds since 1970. */
#define SK_RECORD_HEAD 16
/* More than any update that a view sends (SK_VIEW_MULTIFRAGMENT). */
#define SK_RECORD_PAYLOAD_MAX (512 * 1024)

typedef enum
{
  SK_RECORD_SIZE = 1,   /* u16 width, u16 height: of the pictures from here on; black */
  SK_RECORD_BITMAP = 2, /* u16 x, y, width, height; planar: what the viewer shows there */
  SK_RECORD_RFX = 3,    /* a RemoteFX message for the whole picture */
  SK_RECORD_MOVE = 4,   /* u16 x, y, width, height, i16 by: there goes what was so many rows above */
  SK_RECORD_SHOWN = 5,  /* the picture is whole */
  SK_RECORD_INPUT = 6,  /* u16 type, u16 flags, i32 a, b, c: a SkInputRecord (wire/control.h). Never what was
                           written: of a key that writes, only that there was one (its a is 0). */
  SK_RECORD_END = 7,    /* u8 SkRecordEnd: not in the file; said by the broker behind the last one */
} SkRecordKind;
typedef enum
{
  SK_RECORD_END_WHOLE = 1,      /* nothing is missing */
  SK_RECORD_END_BROKEN_OFF = 2, /* it goes on, or its broker stopped */
  SK_RECORD_END_CHANGED = 3,    /* what follows in the file is not what was written */
} SkRecordEnd;

typedef struct
{
  SkRecordKind kind;
  gint64 time;
  const guint8 *payload; /* borrowed, untrusted */
  gsize length;
} SkRecord;

void sk_record_append (GByteArray *out, SkRecordKind kind, gint64 time, const void *a, gsize a_length,
                       const void *b, gsize b_length);

/* Takes the first record off bytes[0 … length). Returns how many bytes it has; 0: more are needed; -1: no
 * record. */
gssize sk_record_next (const guint8 *untrusted_bytes, gsize length, SkRecord *ret);
