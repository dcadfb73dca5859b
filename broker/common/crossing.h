/* What crosses, and which way: the words of rules, rows, the API, the audit log and the guest's messages.
 * A transfer has exactly one of each. Any thread. */
#pragma once
#include <glib.h>

typedef enum
{
  SK_CROSS_IMPORT, /* from the guest (internet) to the desktop (LGWAN) */
  SK_CROSS_EXPORT, /* from the desktop (LGWAN) to the guest (internet) */
  _SK_CROSS_LAST
} SkCross;

typedef enum
{
  SK_KIND_FILE,  /* one or many files and folders */
  SK_KIND_TEXT,  /* clipboard text */
  SK_KIND_IMAGE, /* clipboard picture */
  SK_KIND_URL,   /* a link to open on the other side */
  SK_KIND_PRINT, /* a print-out, as PDF */
  _SK_KIND_LAST
} SkKind;

/* Lower-case words, in the enum's order, NULL at the end: for the store's state columns. */
extern const char *const sk_cross_words[];
extern const char *const sk_kind_words[];

const char *sk_cross_word (SkCross cross);
const char *sk_kind_word (SkKind kind);
/* Copied or opened rather than sent: small, meant for now, without a list that its user would look at. */
gboolean sk_kind_is_passing (SkKind kind);
/* FALSE for any other word, NULL too; then nothing is written. */
gboolean sk_cross_from_word (const char *untrusted_word, SkCross *ret_cross) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_kind_from_word (const char *untrusted_word, SkKind *ret_kind) G_GNUC_WARN_UNUSED_RESULT;
