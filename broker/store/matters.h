/* A matter (案件): what several transfers and the talk about them belong to, so that a colleague can carry it
 * on. The same rules as store.h. */
#pragma once
#include "store/store.h"

typedef enum
{
  SK_MATTER_OPEN,
  SK_MATTER_CLOSED, /* nothing more is sent or said in it, until it is opened again */
} SkMatterState;

typedef struct
{
  char *id;                     /* "YEAR-NUMBER": people read it to each other */
  char *title;                  /* for people */
  char *section, *organisation; /* whose it is; section "" = its author's alone */
  char *author;
  SkMatterState state;
  gint64 created; /* microseconds since 1970 */
  gint64 changed;
} SkMatter;

extern const SkField sk_matter_fields[];
void sk_matter_free (SkMatter *);
SkMatter *sk_matter_copy (const SkMatter *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkMatter, sk_matter_free)
const char *sk_matter_state_word (SkMatterState state);

gboolean sk_store_put_matter (SkStore *, const SkMatter *, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* SK_ERROR_NOT_FOUND */
SkMatter *sk_store_matter (SkStore *, const char *id, GError **);
/* The open one of a section (of a person, where section is "") with just this title; NULL without an error:
 * there is none. */
SkMatter *sk_store_matter_by_title (SkStore *, const char *organisation, const char *section,
                                    const char *author, const char *title, GError **);
/* Of everybody; the newest `count`, oldest first. */
GPtrArray *sk_store_matters (SkStore *, gboolean closed_too, guint count, GError **);
/* Those in which this person sent or decided something. */
GPtrArray *sk_store_matters_of_person (SkStore *, const char *user, GError **);
/* The largest number of those that begin with "YEAR-"; 0: none. */
gboolean
sk_store_matter_last (SkStore *, const char *year, guint *ret_number, GError **) G_GNUC_WARN_UNUSED_RESULT;
