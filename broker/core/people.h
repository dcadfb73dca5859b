/* Who a person is to the rules, and whom a rule means: sections and roles from the personnel list (CSV),
 * groups from the system's user database, deputies from dated delegations.
 *
 * Thread: the main context's. The list is kept in memory; the user database is asked each time. */
#pragma once
#include "audit/audit.h"
#include "core/manager.h"
#include "store/people.h"

/* Lines of a personnel list: Suginami has 6,000 staff; a prefecture's shared system some ten thousand. */
#define SK_PEOPLE_MAX 50000
#define SK_PEOPLE_CSV_MAX (8 * 1024 * 1024)
#define SK_PEOPLE_FIELD_MAX 200

typedef struct _SkPeople SkPeople;
/* home: the installation's own organisation, of everybody whose line names none. */
SkPeople *sk_people_new (SkStore *store, const char *home, GError **error);
void sk_people_free (SkPeople *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPeople, sk_people_free)
/* From now on each change of the list and of a delegation is in the trail, in the same transaction. Borrowed.
 */
void sk_people_set_audit (SkPeople *, SkAudit *audit);

/* The first section and organisation of a user now; "" when the list does not name them. Borrowed until the
 * next import. */
const char *sk_people_section (SkPeople *, const char *user, gint64 now);
const char *sk_people_organisation (SkPeople *, const char *user, gint64 now);
/* As the list writes it, for people; "" when it does not. Borrowed until the next import. */
const char *sk_people_name (SkPeople *, const char *user, gint64 now);
gboolean sk_people_is_of_section (SkPeople *, const char *user, const char *organisation, const char *section,
                                  gint64 now);
/* All whom the list puts into that section now, by user; adds to `names` (a set of strings). */
void sk_people_expand_section (SkPeople *, const char *organisation, const char *section, gint64 now,
                               GHashTable *names);
/* Names of the user's groups, by the user database. */
char **sk_people_groups (const char *user);
/* The same, as it was up to a second ago: the user database takes a millisecond to answer. Borrowed until the
 * next call. */
const char *const *sk_people_recent_groups (SkPeople *, const char *user);

/* Whether `user` is one of those that `whom` means ("user:", "group:", "role:", "position:"), for a matter of
 * that organisation and section: by themselves, or as somebody's deputy now (*ret_for: whose; borrowed, NULL
 * = by themselves). A role counts in its own section, or in all where its line names none. */
gboolean sk_people_matches (SkPeople *, const char *user, const char *whom, const char *organisation,
                            const char *section, gint64 now, const char **ret_for);
/* The same, but never as that person's deputy (NULL: anybody's): nobody decides about their own, and nobody
 * does it for them. */
gboolean sk_people_matches_except (SkPeople *, const char *user, const char *whom, const char *organisation,
                                   const char *section, gint64 now, const char *except, const char **ret_for);
/* Those whom it means by themselves; adds to `names`. */
void sk_people_expand_holders (SkPeople *, const char *whom, const char *organisation, const char *section,
                               gint64 now, GHashTable *names);
/* Who is a deputy now of one of `names` (a set), other than of `except`: user -> whose, into `deputies`
 * (strings, both owned). */
void
sk_people_find_deputies (SkPeople *, GHashTable *names, const char *except, gint64 now, GHashTable *deputies);
/* All of them, deputies too, each once; adds to `names` (a set of strings). */
void sk_people_expand (SkPeople *, const char *whom, const char *organisation, const char *section,
                       gint64 now, GHashTable *names);

/* "user,name,organisation,section,role,since,until" with that head, RFC 4180, UTF-8 (a BOM is fine); dates
 * are YYYY-MM-DD, both inclusive, local time; empty = open. Replaces the list, or changes nothing; the error
 * names the line. */
gboolean sk_people_import (SkPeople *, const char *untrusted_csv, gsize length, gint64 now, guint *ret_lines,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same, with who did it in the trail. */
gboolean sk_people_import_by (SkPeople *, const char *actor, const char *untrusted_csv, gsize length,
                              gint64 now, guint *ret_lines, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const GPtrArray *sk_people_list (SkPeople *); /* SkPerson */

/* "YYYY-MM-DD" to its local midnight, `days` later; "" is 0. */
gboolean sk_people_read_date (const char *untrusted_text, gint days, gint64 *ret) G_GNUC_WARN_UNUSED_RESULT;

/* A delegation: by the person themselves, or by an administrator. since < until. */
gboolean sk_people_delegate (SkPeople *, const SkIdentity *who, const char *user, const char *deputy,
                             gint64 since, gint64 until, const char *reason, gint64 now, char **ret_id,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_people_end_delegation (SkPeople *, const SkIdentity *who, const char *id,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
const GPtrArray *sk_people_delegations (SkPeople *); /* SkDelegation */
