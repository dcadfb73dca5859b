/* The worker's work: a content in memory becomes a new one, made of nothing but what was understood.
 *
 * No files, no threads, no state outside SkRebuild; sk_encoding_prepare() once before. What was written
 * counts only when sk_rebuild() returned TRUE. */
#pragma once
#include "inspect/job.h"

typedef struct
{
  SkInspectKind kind;
  guint64 out_max;
  /* Takes the result, piece by piece; FALSE ends the work. */
  gboolean (*write) (gpointer data, const void *bytes, gsize length);
  gpointer data;

  guint64 bytes_out;
  SkInspectType type, result_type;
  SkInspectReason reason; /* the first one stays */
  guint counts[_SK_FOUND_LAST];
  char details[_SK_FOUND_LAST][SK_INSPECT_DETAIL_MAX + 1];
} SkRebuild;

gboolean sk_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
/* By the content alone; TEXT only when nothing else fits and it has no NUL. */
SkInspectType sk_rebuild_type (const guint8 *untrusted, gsize length);

/* For the formats. refuse returns FALSE. */
gboolean sk_rebuild_refuse (SkRebuild *r, SkInspectReason reason);
gboolean sk_rebuild_write (SkRebuild *r, const void *bytes, gsize length) G_GNUC_WARN_UNUSED_RESULT;
/* Adds to the count; a detail (NULL: none) is added behind the others, once, while there is room. Printable
 * ASCII without spaces. */
void sk_rebuild_found (SkRebuild *r, SkInspectFound found, guint count, const char *detail);

gboolean sk_text_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_png_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_jpeg_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_bmp_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_gif_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_webp_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_tiff_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
/* Of something that was built anew before, which is believed no more than anything else: r->type is known. */
gboolean sk_preview (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_url_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length) G_GNUC_WARN_UNUSED_RESULT;
