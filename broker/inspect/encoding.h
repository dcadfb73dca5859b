/* Japanese texts in one of five encodings become UTF-8. */
#pragma once
#include <glib.h>

/* Loads glibc's converters, which are files: once, before the cage is closed. FALSE when one is missing. */
gboolean sk_encoding_prepare (void) G_GNUC_WARN_UNUSED_RESULT;

typedef struct
{
  char *text;       /* UTF-8 without byte order mark; g_free() */
  gsize length;     /* may hold NULs if the content was UTF-16 */
  const char *name; /* "UTF-8", "UTF-16", "CP932", "EUC-JP", "ISO-2022-JP"; static */
  gboolean mark;    /* there was a byte order mark */
  gboolean unsure;  /* it is a text in another encoding too, and as likely */
} SkDecoded;

/* By evidence, in this order: byte order mark; escape sequences of ISO-2022-JP in seven bits; valid UTF-8;
 * else CP932 against EUC-JP, by which makes more of the characters that Japanese texts are made of. FALSE
 * when the content is none of them: nothing is replaced by question marks. */
gboolean sk_encoding_decode (const guint8 *untrusted, gsize length, SkDecoded *ret) G_GNUC_WARN_UNUSED_RESULT;
