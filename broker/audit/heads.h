/* STATE/audit.heads: where each chain ended when it was written, signed, outside of the database.
 *
 *   sekisho heads 1
 *   time MICROSECONDS
 *   SEQ HASH NUMBER CHECKPOINT ORGANISATION     for each chain; NUMBER and CHECKPOINT (its hash) are of the
 * last checkpoint; the organisation's name with %XX escapes signature HEX                               over
 * everything before this line ("sekisho heads 1", chain.h)
 */
#pragma once
#include "audit/audit.h"

typedef struct
{
  char *organisation;
  gint64 seq;
  char *hash;
  gint64 number;
  char *checkpoint;
} SkAuditHead;

/* SkAuditHead; NULL: it is not what was signed. Any thread. */
GPtrArray *sk_heads_parse (const char *text, const char *public_key);
const SkAuditHead *sk_heads_find (const GPtrArray *heads, const char *organisation);
/* Without the signature's line. A chain that is not any more what `before` (NULL: nothing) says of it keeps
 * that line: whoever cut it finds it again in the next verification. */
char *sk_heads_compose (SkStore *store, const GPtrArray *before, GError **error);

/* One chain from its last checkpoint on, against its head (NULL: none); reports as sk_audit_check() does. */
gboolean sk_audit_check_tail (SkStore *reader, const char *public_key, const char *organisation,
                              const SkAuditHead *head, SkAuditReport report, gpointer data, GError **error);
