/* What `sekisho send` was given -> the files it will send: folders are walked, links in them are left out
 * (and counted), what is neither file nor folder is refused. Nothing is opened for reading before it is its
 * turn; then it has to be what it was here. Blocking; any thread.
 *
 * Errors carry a sentence for people that names the file: SK_ERROR_NOT_FOUND, SK_ERROR_FORBIDDEN (not
 * readable), SK_ERROR_INVALID (special file, link, name, empty folder), SK_ERROR_LIMIT. */
#pragma once
#include "common/name.h"
#include <sys/stat.h>

/* The request that offers them holds three JSON nodes a file and the broker reads 4096 of them in one. A
 * folder with more is sent as one archive. */
#define SK_GATHER_FILES_MAX 1000
typedef struct
{
  char *path;         /* here */
  char *name;         /* within the transfer */
  struct stat as_was; /* when it was gathered */
} SkGathered;

typedef struct
{
  GPtrArray *files; /* SkGathered */
  guint64 bytes;
  guint links; /* left out */
} SkGathering;

SkGathering *sk_gather (const char *const *paths, guint n_paths, GError **error);
void sk_gathering_free (SkGathering *gathering);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkGathering, sk_gathering_free)

/* Opens one for reading. SK_ERROR_CONFLICT when it is not the file any more that was gathered. */
int sk_gathered_open (const SkGathered *file, GError **error);
/* ... and whether it still is, at the end of reading. */
gboolean sk_gathered_check (const SkGathered *file, int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
