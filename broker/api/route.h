/* Routes are rows of a table; each row names who may use it. A row without an access check answers an
 * internal error, so forgetting one fails closed. */
#pragma once
#include "api/request.h"

typedef gboolean (*SkAccess) (const SkIdentity *who, GError **error);
typedef void (*SkHandler) (SkRequest *request);

struct _SkRoute
{
  const char *method;
  const char *path; /* "/1.0/pools/{name}" */
  SkAccess access;
  SkHandler handler;
  gsize body_max;           /* bytes of the body; 0 = none is taken */
  const char *const *query; /* keys that may stand behind "?"; NULL = none */
};

/* Bodies are small objects; 1 MiB is what Incus allows and far more than any of ours. */
#define SK_API_BODY_MAX (1024 * 1024)
/* One value of a path: names have at most 64 characters (an image's id). */
#define SK_ROUTE_ARG_MAX 64
/* The part behind "?". */
#define SK_ROUTE_QUERY_MAX 1024

/* Everybody with an account here. What they may see is decided by the manager, object by object. */
gboolean sk_access_user (const SkIdentity *who, GError **error);
gboolean sk_access_admin (const SkIdentity *who, GError **error);

/* All rows; ends with a row whose method is NULL. */
const SkRoute *sk_routes (void);

/* The row for a request; ret_args (SK_ROUTE_ARGS_MAX, NULL-initialised) get copies of the path's values.
 * SK_ERROR_NOT_FOUND with *ret_http 404, or 405 when only the method is wrong. */
const SkRoute *sk_route_find (const SkRoute *routes, const char *untrusted_method, const char *untrusted_path,
                              char **ret_args, guint *ret_http, GError **error);

/* "a=b&c=d" with only known keys, each once; the repeatable key "canary" collects "x,y". */
GHashTable *sk_route_parse_query (const SkRoute *route, const char *untrusted_query, GError **error);
/* A query value that is a number. */
gboolean sk_route_query_number (SkRequest *request, const char *key, gint64 minimum, gint64 maximum,
                                gint64 *number, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Handlers, one noun a file. */
void sk_api_get_server (SkRequest *);
void sk_api_get_health (SkRequest *);
void sk_api_get_doctor (SkRequest *);
void sk_api_post_shutdown (SkRequest *);
void sk_api_get_pools (SkRequest *);
void sk_api_post_pools (SkRequest *);
void sk_api_get_pool (SkRequest *);
void sk_api_put_pool (SkRequest *);
void sk_api_patch_pool (SkRequest *);
void sk_api_delete_pool (SkRequest *);
void sk_api_get_vms (SkRequest *);
void sk_api_get_vm (SkRequest *);
void sk_api_delete_vm (SkRequest *);
void sk_api_get_images (SkRequest *);
void sk_api_post_images (SkRequest *);
void sk_api_get_image (SkRequest *);
void sk_api_delete_image (SkRequest *);
void sk_api_get_sessions (SkRequest *);
void sk_api_post_sessions (SkRequest *);
void sk_api_get_session (SkRequest *);
void sk_api_delete_session (SkRequest *);
void sk_api_post_ticket (SkRequest *);
void sk_api_post_url (SkRequest *);
void sk_api_get_rdp (SkRequest *);
void sk_api_get_recordings (SkRequest *);
void sk_api_get_recording (SkRequest *);
void sk_api_get_transfers (SkRequest *);
void sk_api_post_transfers (SkRequest *);
void sk_api_get_transfer (SkRequest *);
void sk_api_delete_transfer (SkRequest *);
void sk_api_get_upload (SkRequest *);
void sk_api_get_content (SkRequest *);
void sk_api_post_delivered (SkRequest *);
void sk_api_get_comments (SkRequest *);
void sk_api_post_comments (SkRequest *);
void sk_api_get_explain (SkRequest *);
void sk_api_get_preview (SkRequest *);
void sk_api_post_resend (SkRequest *);
void sk_api_get_matters (SkRequest *);
void sk_api_post_matters (SkRequest *);
void sk_api_get_matter (SkRequest *);
void sk_api_patch_matter (SkRequest *);
void sk_api_get_matter_comments (SkRequest *);
void sk_api_post_matter_comments (SkRequest *);
void sk_api_post_matter_transfers (SkRequest *);
void sk_api_get_approvals (SkRequest *);
void sk_api_post_approvals (SkRequest *);
void sk_api_get_audit (SkRequest *);
void sk_api_post_audit_verify (SkRequest *);
void sk_api_post_audit_export (SkRequest *);
void sk_api_get_audit_ledger (SkRequest *);
void sk_api_get_audit_holds (SkRequest *);
void sk_api_post_audit_holds (SkRequest *);
void sk_api_get_people (SkRequest *);
void sk_api_put_people (SkRequest *);
void sk_api_get_delegations (SkRequest *);
void sk_api_post_delegations (SkRequest *);
void sk_api_delete_delegation (SkRequest *);
void sk_api_get_policy (SkRequest *);
void sk_api_post_policy_reload (SkRequest *);
void sk_api_get_operations (SkRequest *);
void sk_api_get_operation (SkRequest *);
void sk_api_wait_operation (SkRequest *);
void sk_api_delete_operation (SkRequest *);
void sk_api_get_events (SkRequest *);
