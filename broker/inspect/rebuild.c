#include "inspect/rebuild.h"
#include <string.h>

gboolean
sk_rebuild_refuse (SkRebuild *r, SkInspectReason reason)
{
  if (r->reason == SK_REASON_NONE)
    r->reason = reason;
  return FALSE;
}

gboolean
sk_rebuild_write (SkRebuild *r, const void *bytes, gsize length)
{
  if (length > r->out_max - r->bytes_out)
    return sk_rebuild_refuse (r, SK_REASON_TOO_LARGE_OUT);
  if (length > 0 && !r->write (r->data, bytes, length))
    return sk_rebuild_refuse (r, SK_REASON_CUT_OFF);
  r->bytes_out += length;
  return TRUE;
}

static gboolean
has_word (const char *words, const char *word)
{
  const gsize n = strlen (word);
  for (const char *at = strstr (words, word); at; at = strstr (at + 1, word))
    if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
      return TRUE;
  return FALSE;
}

void
sk_rebuild_found (SkRebuild *r, SkInspectFound found, guint count, const char *detail)
{
  char *details = r->details[found];
  const gsize used = strlen (details);
  r->counts[found] = count > G_MAXUINT - r->counts[found] ? G_MAXUINT : r->counts[found] + count;
  if (!detail || has_word (details, detail) || used + 1 + strlen (detail) > SK_INSPECT_DETAIL_MAX)
    return;
  g_snprintf (details + used, SK_INSPECT_DETAIL_MAX + 1 - used, "%s%s", used ? " " : "", detail);
}

/* -- what it is -------------------------------------------------------------------------------------------
 */

typedef struct
{
  gsize offset;
  const char *bytes;
  gsize length;
  SkInspectType type;
} Magic;
#define MAGIC(offset, bytes, type)                                                                           \
  {                                                                                                          \
    offset, bytes, sizeof bytes - 1, type                                                                    \
  }

static const Magic magics[] = {
  MAGIC (0, "\x89PNG\r\n\x1a\n", SK_TYPE_PNG),
  MAGIC (0, "\xff\xd8\xff", SK_TYPE_JPEG),
  MAGIC (0, "GIF8", SK_TYPE_GIF),
  MAGIC (8, "WEBP", SK_TYPE_WEBP),
  MAGIC (0, "II*\0", SK_TYPE_TIFF),
  MAGIC (0, "MM\0*", SK_TYPE_TIFF),
  MAGIC (0, "II+\0", SK_TYPE_TIFF),
  MAGIC (0, "MM\0+", SK_TYPE_TIFF),
  MAGIC (0, "8BPS", SK_TYPE_PICTURE),
  MAGIC (0, "\0\0\1\0", SK_TYPE_PICTURE), /* icon */
  MAGIC (4, "ftyphei", SK_TYPE_PICTURE),
  MAGIC (4, "ftypmif", SK_TYPE_PICTURE),
  MAGIC (4, "ftypavif", SK_TYPE_PICTURE),
  MAGIC (0, "\0\0\0\x0cjP  ", SK_TYPE_PICTURE),
  MAGIC (4, "ftyp", SK_TYPE_MEDIA),
  MAGIC (0, "RIFF", SK_TYPE_MEDIA),
  MAGIC (0, "ID3", SK_TYPE_MEDIA),
  MAGIC (0, "OggS", SK_TYPE_MEDIA),
  MAGIC (0, "fLaC", SK_TYPE_MEDIA),
  MAGIC (0, "\x1a\x45\xdf\xa3", SK_TYPE_MEDIA),
  MAGIC (0, "PK\3\4", SK_TYPE_ZIP),
  MAGIC (0, "PK\5\6", SK_TYPE_ZIP),
  MAGIC (0, "PK\7\10", SK_TYPE_ZIP),
  MAGIC (0, "\x1f\x8b", SK_TYPE_ARCHIVE),
  MAGIC (0, "BZh", SK_TYPE_ARCHIVE),
  MAGIC (0,
         "\xfd"
         "7zXZ",
         SK_TYPE_ARCHIVE),
  MAGIC (0, "7z\xbc\xaf", SK_TYPE_ARCHIVE),
  MAGIC (0, "Rar!", SK_TYPE_ARCHIVE),
  MAGIC (0, "\x28\xb5\x2f\xfd", SK_TYPE_ARCHIVE),
  MAGIC (0, "MSCF", SK_TYPE_ARCHIVE),
  MAGIC (2, "-lh", SK_TYPE_ARCHIVE),
  MAGIC (257, "ustar", SK_TYPE_ARCHIVE),
  MAGIC (32769, "CD001", SK_TYPE_ARCHIVE),
  MAGIC (0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", SK_TYPE_OLE),
  MAGIC (0, "{\\rtf", SK_TYPE_RTF),
  MAGIC (0,
         "\x7f"
         "ELF",
         SK_TYPE_PROGRAM),
  MAGIC (0, "\xca\xfe\xba\xbe", SK_TYPE_PROGRAM),
  MAGIC (0, "\x4c\0\0\0\1\x14\2\0", SK_TYPE_PROGRAM), /* a shortcut (.lnk) */
};

static gboolean
is_there (const guint8 *data, gsize length, const Magic *m)
{
  return length >= m->offset + m->length && memcmp (data + m->offset, m->bytes, m->length) == 0;
}

/* Two letters of text start many a text: the rest of the header has to fit. */
static gboolean
is_program (const guint8 *data, gsize length)
{
  return length >= 64 && memcmp (data, "MZ", 2) == 0 && memchr (data, 0, 64);
}

static gboolean
is_bmp (const guint8 *data, gsize length)
{
  return length >= 18 && memcmp (data, "BM", 2) == 0 && data[15] == 0 && data[16] == 0 && data[17] == 0;
}

/* Readers look for a PDF's head in the first kilobyte. */
static gboolean
is_pdf (const guint8 *data, gsize length)
{
  return memmem (data, MIN (length, 1024), "%PDF-", 5) != NULL;
}

static gboolean
is_utf16 (const guint8 *data, gsize length)
{
  return length >= 2 && ((data[0] == 0xff && data[1] == 0xfe) || (data[0] == 0xfe && data[1] == 0xff));
}

SkInspectType
sk_rebuild_type (const guint8 *untrusted, gsize length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (magics); i++)
    if (is_there (untrusted, length, &magics[i]))
      return magics[i].type;
  if (is_program (untrusted, length))
    return SK_TYPE_PROGRAM;
  if (is_bmp (untrusted, length))
    return SK_TYPE_BMP;
  if (is_pdf (untrusted, length))
    return SK_TYPE_PDF;
  return is_utf16 (untrusted, length) || !memchr (untrusted, 0, length) ? SK_TYPE_TEXT : SK_TYPE_UNKNOWN;
}

/* -- the work ---------------------------------------------------------------------------------------------
 */

static gboolean
is_of_kind (SkInspectKind kind, SkInspectType type)
{
  switch (kind)
    {
    case SK_INSPECT_FILE:
    case SK_INSPECT_PREVIEW:
      return TRUE;
    case SK_INSPECT_TEXT:
    case SK_INSPECT_URL:
      return type == SK_TYPE_TEXT;
    case SK_INSPECT_IMAGE:
      return type == SK_TYPE_PNG || type == SK_TYPE_JPEG || type == SK_TYPE_BMP;
    case SK_INSPECT_PRINT:
    case _SK_INSPECT_KIND_LAST:
      break;
    }
  return FALSE;
}

static gboolean
rebuild_as (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  r->result_type = r->type;
  if (r->kind == SK_INSPECT_URL)
    return sk_url_rebuild (r, untrusted, length);
  if (r->kind == SK_INSPECT_PREVIEW)
    return sk_preview (r, untrusted, length);
  switch (r->type)
    {
    case SK_TYPE_TEXT:
      return sk_text_rebuild (r, untrusted, length);
    case SK_TYPE_PNG:
      return sk_png_rebuild (r, untrusted, length);
    case SK_TYPE_JPEG:
      return sk_jpeg_rebuild (r, untrusted, length);
    case SK_TYPE_BMP:
      return sk_bmp_rebuild (r, untrusted, length);
    case SK_TYPE_GIF:
      return sk_gif_rebuild (r, untrusted, length);
    case SK_TYPE_WEBP:
      return sk_webp_rebuild (r, untrusted, length);
    case SK_TYPE_TIFF:
      return sk_tiff_rebuild (r, untrusted, length);
    case SK_TYPE_UNKNOWN:
    case SK_TYPE_URL:
    case SK_TYPE_PDF:
    case SK_TYPE_RTF:
    case SK_TYPE_OLE:
    case SK_TYPE_ZIP:
    case SK_TYPE_ARCHIVE:
    case SK_TYPE_PROGRAM:
    case SK_TYPE_PICTURE:
    case SK_TYPE_MEDIA:
    case _SK_TYPE_LAST:
      break;
    }
  return sk_rebuild_refuse (r, SK_REASON_UNKNOWN_TYPE);
}

gboolean
sk_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  if (length == 0)
    return sk_rebuild_refuse (r, SK_REASON_EMPTY);
  r->type = sk_rebuild_type (untrusted, length);
  if (r->kind == SK_INSPECT_PRINT)
    return sk_rebuild_refuse (r, SK_REASON_PRINT);
  if (sk_inspect_types[r->type].refused != SK_REASON_NONE)
    return sk_rebuild_refuse (r, sk_inspect_types[r->type].refused);
  if (!is_of_kind (r->kind, r->type))
    return sk_rebuild_refuse (r, SK_REASON_WRONG_KIND);
  return rebuild_as (r, untrusted, length);
}
