/* Transfers of the broker's API as this user's programs need them: JSON in and out of plain structs.
 * Synchronous; any thread. What comes from there is checked for form (an id becomes part of file names);
 * names are not, they are what another side wrote: sk_names_… before they touch a file system or a terminal.
 */
#pragma once
#include "api/client.h"

/* Items of one answer: more than any policy allows; what is beyond is a broken peer. */
#define SK_TRANSFER_INFO_ITEMS_MAX 10000

typedef struct
{
  guint index;
  char *untrusted_name;
  guint64 size, received; /* bytes; received: durable there */
  char *type;             /* by content; "" = not known (yet) */
  char *untrusted_result_name;
  guint64 result_size;
  char *result_sha256; /* hex; "" = no result (yet) */
  char *findings;      /* "個人番号 ×3, …", "" = none; masked by the broker */
  char *removed;       /* what the inspection took out, "" = nothing */
} SkTransferInfoItem;

typedef struct
{
  char *id, *state, *direction, *kind, *user, *reason, *rule;
  gint64 created, changed; /* µs since 1970 */
  guint count;
  guint64 size;
  char *refusal_code, *refusal; /* NULL = not refused; the sentence in the locale's language */
  GPtrArray *items;             /* SkTransferInfoItem; maybe empty in lists */
  guint stage, stages;          /* of the approval; 0 = none is asked */
  char **who;                   /* who can approve now, as people call them; NULL = nobody is asked */
  gint64 until;                 /* µs; 0 = no limit */
  GPtrArray *decisions;         /* sentences, char * */
  char *matter;                 /* its number; "" = none */
  guint need, given;            /* approvals of this stage; need 0: unknown */
  gint64 escalates, escalated;  /* µs: others are asked too from then on, since then; 0 = not */
} SkTransferInfo;
void sk_transfer_info_free (SkTransferInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTransferInfo, sk_transfer_info_free)

typedef struct
{
  const char *name; /* path within the transfer, '/' between folders */
  guint64 size;
} SkTransferInfoOffer;

/* SK_ERROR_PROTOCOL when an answer lacks what it must have. */
SkTransferInfo *sk_transfer_info_parse (JsonNode *untrusted_node, GError **error);
/* box: "sent" or "inbox". SkTransferInfo. */
GPtrArray *sk_transfer_info_list (SkClient *client, const char *box, GError **error);
SkTransferInfo *sk_transfer_info_get (SkClient *client, const char *id, GError **error);
/* A transfer of files from here; its contents are still to be uploaded. matter NULL: none. */
SkTransferInfo *sk_transfer_info_create (SkClient *client, const char *reason, const char *matter,
                                         const SkTransferInfoOffer *offers, guint n_offers, GError **error);
/* What was said about it, in order: "TIME WHO: TEXT" sentences, char *. */
GPtrArray *sk_transfer_info_comments (SkClient *client, const char *id, GError **error);
gboolean
sk_transfer_info_withdraw (SkClient *client, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sk_transfer_info_delivered (SkClient *client, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* sk_kind_is_passing() of its word. */
gboolean sk_transfer_passes (const char *untrusted_kind);
/* Whether this text can be an id: [0-9a-f-], 1 to 64 of them. */
gboolean sk_transfer_is_id (const char *untrusted_text);
