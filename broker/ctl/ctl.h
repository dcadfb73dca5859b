/* sekishoctl NOUN VERB [ARGUMENT...] [--option...]: the tables that command line, help and completion are
 * made from. One noun a file. */
#pragma once
#include "api/client.h"
#include "api/json.h"
#include "common/error.h"
#include "common/i18n.h"
#include <stdio.h>

typedef enum
{
  SK_OPTION_FLAG,
  SK_OPTION_TEXT,
  SK_OPTION_NUMBER,
  SK_OPTION_MEMORY, /* MiB, or with M or G behind it */
  SK_OPTION_SWITCH, /* on or off */
  SK_OPTION_LIST,   /* may be given several times */
  SK_OPTION_FILE,   /* TEXT; completes file names */
} SkOptionType;

typedef struct
{
  const char *name; /* without the dashes */
  SkOptionType type;
  const char *value;  /* what help calls it; NULL for flags */
  const char *member; /* JSON member of a body it sets, or NULL */
  const char *en, *ja;
  const char *complete; /* see SkVerb */
} SkOption;

typedef struct _SkCtl SkCtl;

typedef struct
{
  const char *name;      /* NULL: the noun is a command by itself */
  const char *arguments; /* "NAME [URL]": as help shows it */
  guint least, most;     /* how many */
  /* Where completion finds the first argument's names: "PATH MEMBER" of the API, ":dir", ":file", words
   * separated by commas, or NULL. */
  const char *complete;
  const SkOption *options; /* ends with a row whose name is NULL; or NULL */
  gboolean (*run) (SkCtl *, char **arguments, GError **error);
  const char *en, *ja;
} SkVerb;

typedef struct
{
  const char *name;
  const SkVerb *verbs; /* ends with a row whose run is NULL */
  const char *en, *ja;
} SkNoun;

typedef enum
{
  SK_FORMAT_TABLE,
  SK_FORMAT_JSON,
  SK_FORMAT_CSV,
} SkFormat;

struct _SkCtl
{
  SkClient *client;
  SkFormat format;
  char *columns;       /* --columns, or NULL */
  GHashTable *options; /* name -> GPtrArray of values ("" for a flag) */
  int exit_status;     /* of a run that worked and has bad news (doctor) */
};

/* All nouns; ends with a row whose name is NULL. */
extern const SkNoun *const sk_ctl_nouns[];
extern const SkOption sk_ctl_global_options[];

extern const SkNoun sk_pool_noun, sk_vm_noun, sk_session_noun, sk_image_noun, sk_doctor_noun,
    sk_transfer_noun, sk_approval_noun, sk_matter_noun, sk_people_noun, sk_audit_noun, sk_operation_noun,
    sk_policy_noun, sk_monitor_noun, sk_query_noun, sk_shutdown_noun, sk_version_noun;

/* Returns the exit status. Messages go to stderr, in the locale's language. */
int sk_ctl_main (int argc, char **argv);
const SkNoun *sk_ctl_find_noun (const char *name);
const SkVerb *sk_ctl_find_verb (const SkNoun *noun, const char *name);
const SkOption *sk_ctl_find_option (const SkVerb *verb, const char *name);
/* Prints the candidates for the last word; see packaging/completion. */
void sk_ctl_complete (int argc, char **argv);
void sk_ctl_help (const SkNoun *noun, const SkVerb *verb);

gboolean sk_ctl_flag (SkCtl *ctl, const char *name);
const char *sk_ctl_text (SkCtl *ctl, const char *name); /* NULL: not given */
/* The body that the options with a `member` make. */
JsonObject *sk_ctl_body (SkCtl *ctl, const SkVerb *verb, GError **error);

/* sk_client_call() with "PATH/ARGUMENT" checked: an argument that could not be a name is not found. */
char *sk_ctl_path (const char *collection, const char *argument, GError **error);
JsonNode *sk_ctl_call (SkCtl *ctl, const char *method, const char *path, JsonObject *body, GError **error);
/* Calls; when the answer is an operation waits for it, telling progress on stderr. */
JsonNode *
sk_ctl_call_and_wait (SkCtl *ctl, const char *method, const char *path, JsonObject *body, GError **error);
/* For verbs without an answer worth showing. */
gboolean
sk_ctl_do (SkCtl *ctl, const char *method, const char *collection, const char *argument, GError **error);
/* "sekishoctl: TEXT" on stderr. */
void sk_ctl_say (const char *format, ...) G_GNUC_PRINTF (1, 2);
