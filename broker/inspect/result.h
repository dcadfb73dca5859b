/* What a worker said, checked, and what the core makes of it. Pure; any thread. */
#pragma once
#include "inspect/inspector.h"
#include "inspect/job.h"

/* From a worker's answer. FALSE (SK_ERROR_PROTOCOL) for any word, number or combination that an honest worker
 * does not say. name: sanitised, or NULL. */
SkInspection *sk_inspection_from_answer (const SkMessage *untrusted, SkInspectKind kind, const char *name,
                                         guint64 bytes_max, GError **error);
SkInspection *sk_inspection_refused (SkInspectReason reason);
/* The name with an ending that fits; NULL when that is too long. */
char *sk_inspection_name (const char *name, SkInspectType type, gboolean *ret_changed);
