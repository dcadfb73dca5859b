/* The words that worker and core have in common. The worker says words of these tables and numbers, nothing
 * else: what people read is the core's own text, so a worker that a file took over cannot speak to them.
 * Static tables; any thread. */
#pragma once
#include <glib.h>

typedef enum
{
  SK_INSPECT_FILE,
  SK_INSPECT_TEXT,
  SK_INSPECT_IMAGE,
  SK_INSPECT_URL,
  SK_INSPECT_PRINT,
  SK_INSPECT_PREVIEW, /* of what was built anew: for eyes, never to be handed on */
  _SK_INSPECT_KIND_LAST
} SkInspectKind;

/* What a content is, by its bytes. */
typedef enum
{
  SK_TYPE_UNKNOWN, /* nothing that we know */
  SK_TYPE_TEXT,
  SK_TYPE_PNG,
  SK_TYPE_JPEG,
  SK_TYPE_BMP,
  SK_TYPE_URL,
  SK_TYPE_PDF,
  SK_TYPE_RTF,
  SK_TYPE_OLE, /* Office before 2007, Ichitaro, mail of Outlook */
  SK_TYPE_ZIP, /* Office since 2007 as well */
  SK_TYPE_ARCHIVE,
  SK_TYPE_PROGRAM,
  SK_TYPE_GIF,
  SK_TYPE_WEBP,
  SK_TYPE_TIFF,
  SK_TYPE_PICTURE, /* HEIC, AVIF, Photoshop, icons … */
  SK_TYPE_MEDIA,
  _SK_TYPE_LAST
} SkInspectType;

typedef enum
{
  SK_REASON_NONE,
  SK_REASON_EMPTY,
  SK_REASON_NAME,
  SK_REASON_TOO_LARGE,
  SK_REASON_TOO_LARGE_OUT,
  SK_REASON_UNKNOWN_TYPE,
  SK_REASON_DOCUMENT,
  SK_REASON_ARCHIVE,
  SK_REASON_PROGRAM,
  SK_REASON_PICTURE,
  SK_REASON_MEDIA,
  SK_REASON_WRONG_KIND,
  SK_REASON_PRINT,
  SK_REASON_TEXT_ENCODING,
  SK_REASON_TEXT_LARGE,
  SK_REASON_IMAGE_LARGE,
  SK_REASON_IMAGE_DAMAGED,
  SK_REASON_IMAGE_VARIANT,
  SK_REASON_URL_SYNTAX,
  SK_REASON_URL_SCHEME,
  SK_REASON_URL_LOGIN,
  SK_REASON_URL_LONG,
  SK_REASON_CUT_OFF,
  /* The core's own words about a worker; a worker may not say them. */
  SK_REASON_DIED,
  SK_REASON_SLOW,
  SK_REASON_BROKEN,
  _SK_REASON_LAST
} SkInspectReason;
#define SK_REASON_FIRST_OF_CORE SK_REASON_DIED

typedef enum
{
  SK_FOUND_ENCODING,
  SK_FOUND_ENCODING_UNSURE,
  SK_FOUND_CONTROL,
  SK_FOUND_BIDI,
  SK_FOUND_INVISIBLE,
  SK_FOUND_FORMULA,
  SK_FOUND_METADATA,
  SK_FOUND_LOCATION,
  SK_FOUND_ANIMATION,
  SK_FOUND_TRAILING,
  SK_FOUND_HIDDEN_PIXELS,
  SK_FOUND_DEPTH,
  SK_FOUND_DAMAGED,
  SK_FOUND_IDN,
  SK_FOUND_ADDRESS,
  SK_FOUND_EXTENSION, /* the core's: a worker does not know the name */
  _SK_FOUND_LAST
} SkInspectFound;
#define SK_FOUND_FIRST_OF_CORE SK_FOUND_EXTENSION

typedef struct
{
  const char *mime;
  const char *extensions;  /* ":txt:csv:", the first is given to files that have none of them */
  SkInspectReason refused; /* NONE: can be built anew */
} SkInspectTypeInfo;

typedef struct
{
  const char *word;
  const char *en, *ja; /* what happened and what to do next */
} SkInspectReasonInfo;

typedef struct
{
  const char *word;
  gboolean removed; /* it is not in the result any more */
} SkInspectFoundInfo;

extern const char *const sk_inspect_kinds[_SK_INSPECT_KIND_LAST];
extern const SkInspectTypeInfo sk_inspect_types[_SK_TYPE_LAST];
extern const SkInspectReasonInfo sk_inspect_reasons[_SK_REASON_LAST];
extern const SkInspectFoundInfo sk_inspect_found[_SK_FOUND_LAST];

/* -1 when there is no such word. */
int sk_inspect_kind_from_word (const char *untrusted);
int sk_inspect_type_from_mime (const char *untrusted);
int sk_inspect_reason_from_word (const char *untrusted);
int sk_inspect_found_from_word (const char *untrusted);
