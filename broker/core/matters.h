/* Matters (案件): transfers that belong together, and the talk about them, so that a colleague can carry on
 * when the first one is away.
 *
 * Who sees a matter: whoever the personnel list puts into its section today; its author; who sent something
 * in it; who decided, or may decide now, about something in it; administrators. The first two carry it on:
 * they see and withdraw its transfers, send what was sent before again, close and open it. Where the author
 * has no section it is theirs alone. A matter decides nothing: what is sent in it takes the same way as
 * everything else, under the name of who sends it.
 *
 * Each change is in the trail. Threads and errors: those of transfers.h; SK_ERROR_NOT_FOUND also for what the
 * asker may not know of. */
#pragma once
#include "core/transfers.h"
#include "store/matters.h"

/* Bytes of a title: a line of a list. */
#define SK_MATTER_TITLE_MAX 200
/* Rows of one answer, and comments of one thread: more is not talk any more. */
#define SK_MATTERS_LIST_MAX 1000
#define SK_COMMENTS_MAX 1000
/* Open ones of one author: a desk has some tens. */
#define SK_MATTERS_PER_USER 1000

/* By its number, or by the title of an open one of one's own section, which is made at the first time. */
SkMatter *sk_matters_open (SkTransfers *, const SkIdentity *who, const char *number_or_title, GError **error);
SkMatter *sk_matters_get (SkTransfers *, const SkIdentity *who, const char *id, GError **error);
/* The newest of those that this person sees, oldest first. */
GPtrArray *sk_matters_list (SkTransfers *, const SkIdentity *who, gboolean closed_too, GError **error);
/* title NULL: as it is. */
gboolean sk_matters_change (SkTransfers *, const SkIdentity *who, const char *id, SkMatterState state,
                            const char *title, GError **error) G_GNUC_WARN_UNUSED_RESULT;

GPtrArray *sk_matters_transfers (SkTransfers *, const SkMatter *matter, GError **error); /* SkTransfer */
GPtrArray *sk_matters_comments (SkTransfers *, const SkMatter *matter, GError **error);  /* SkComment */
/* Those of its section, its author, its senders, and who can decide about something in it now; by name,
 * NULL-terminated. */
char **sk_matters_members (SkTransfers *, const SkMatter *matter, GError **error);
gboolean sk_matters_comment (SkTransfers *, const SkIdentity *who, const char *id, const char *text,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* One's own transfer, that belongs to none yet. */
gboolean sk_matters_add (SkTransfers *, const SkIdentity *who, const char *id, const char *transfer,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Without asking what is in it: for events. */
gboolean sk_matters_may_see (SkTransfers *, const SkIdentity *who, const char *id);

/* What was sent before and is over, once more: a new transfer of this person, with the same content and
 * matter, that takes the whole way anew. reason "": the one of before. The id is the caller's. */
char *sk_transfers_resend (SkTransfers *, const SkIdentity *who, const char *id, const char *reason,
                           GError **error);
