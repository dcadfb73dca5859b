/* Rows for people (aligned columns, local time, words in their language), for spreadsheets (raw values) and
 * for programs (the API's JSON). Whatever a guest may have had a hand in is printed without control
 * characters. */
#pragma once
#include "ctl/ctl.h"

typedef enum
{
  SK_COLUMN_TEXT,
  SK_COLUMN_NUMBER,
  SK_COLUMN_TIME, /* microseconds since 1970 */
  SK_COLUMN_BYTES,
  SK_COLUMN_SWITCH, /* true: on */
  SK_COLUMN_STATE,  /* a word of the API */
  SK_COLUMN_BOTH,   /* "English / 日本語" */
  SK_COLUMN_WORDS,  /* a list of texts, of findings (kind, count, detail) or of people (user, name …) */
  SK_COLUMN_LEFT,   /* seconds that are left; negative: no limit */
  SK_COLUMN_SHORT,  /* the first 12 characters of a content hash; a name as it is */
} SkColumnType;

typedef struct
{
  const char *name;   /* for --columns and CSV */
  const char *member; /* "memory_mib", "status.warm" */
  SkColumnType type;
  const char *en, *ja; /* heading */
  gboolean extra;      /* not in the table unless asked for */
} SkColumn;

/* rows: an array of objects. */
gboolean sk_output_list (SkCtl *ctl, const SkColumn *columns, JsonNode *rows, GError **error);
/* One object: a line a column. */
gboolean sk_output_show (SkCtl *ctl, const SkColumn *columns, JsonNode *row, GError **error);
void sk_output_json (JsonNode *node);

/* Pieces, for tests and for monitor and doctor. New strings. */
char *sk_output_value (const SkColumn *column, JsonObject *row, gboolean for_people);
char *sk_output_clean (const char *untrusted_text);
char *sk_output_csv (const char *text);
guint sk_output_width (const char *text);
char *sk_output_pad (const char *text, guint width, gboolean right);
/* A state's word in the locale's language. */
const char *sk_output_state (const char *word);
char *sk_output_time (gint64 microseconds);
