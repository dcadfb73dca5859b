/* What a clipboard holds, between the form it has on the wire ([MS-RDPECLIP]) and ours. Pure functions.
 *
 * Ours is UTF-8 with \n for texts, a BMP file for pictures: what the inspection reads and writes. Bytes of
 * the wire are taken apart strictly: what is not exactly what it should be is no content. */
#pragma once
#include <glib.h>

/* Of UTF-8: half a million kanji and more; what is longer is a document and has its own way, as a file. */
#define SK_CLIP_TEXT_MAX (1u << 20)
/* With four bytes a pixel: a picture of two screens of 2560 x 1440 and to spare. */
#define SK_CLIP_PICTURE_MAX (32u << 20)
/* A side of a picture; longer ones are made to break something. */
#define SK_CLIP_SIDE_MAX 16384u

typedef enum
{
  SK_CLIP_TEXT = 1,
  SK_CLIP_PICTURE = 2,
} SkClipKind;
#define SK_CLIP_KINDS 3

/* The most that a content may have: in our form, and on the wire. Every byte of a text may be a line's end,
 * which is two units there; a picture has its headers and colours besides its pixels. */
gsize sk_clip_content_max (SkClipKind kind);
gsize sk_clip_wire_max (SkClipKind kind);

/* CF_UNICODETEXT: UTF-16LE up to its first NUL, lines end with CR LF or either; or CF_DIB, CF_DIBV5: a
 * header, masks or colours, pixels. NULL: malformed (a lone surrogate, an odd byte, too few pixels), empty,
 * or too large. */
GBytes *sk_clip_from_wire (SkClipKind kind, const guint8 *untrusted, gsize length);
/* The other way: a text gets its NUL and, where the peer wants that, CR LF; a picture loses the header that
 * only files have. NULL: it is not valid UTF-8 without NUL, not a BMP of 24 bits a pixel as the inspection
 * writes it, or too large. */
GBytes *sk_clip_to_wire (SkClipKind kind, GBytes *untrusted_content, gboolean crlf);

/* Whether both show the same: a clipboard that gives back what it was given has often made it anew, with
 * four bytes a pixel instead of three. FALSE also where that is not seen easily. */
gboolean sk_clip_is_same (SkClipKind kind, GBytes *one, GBytes *other);
