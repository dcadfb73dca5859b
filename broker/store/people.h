/* Who belongs where and may decide what, from when to when: what a town's personnel list says. The same rules
 * as store.h. */
#pragma once
#include "store/store.h"

/* One line: a person in a section with a role. Someone with two posts has two lines. */
typedef struct
{
  char *id; /* USER/SECTION/ROLE */
  char *user;
  char *name;          /* for people */
  char *organisation;  /* "" = the installation's own */
  char *section;       /* "" = all of the organisation */
  char *role;          /* "" = none */
  gint64 since, until; /* microseconds since 1970; [since, until); until 0 = open */
  gint64 created;
} SkPerson;

/* 代理決裁: `deputy` may decide whatever `user` may, in that time. */
typedef struct
{
  char *id; /* uuid */
  char *user;
  char *deputy;
  char *reason;
  char *author; /* who entered it */
  gint64 since, until;
  gint64 created;
} SkDelegation;

extern const SkField sk_person_fields[], sk_delegation_fields[];
void sk_person_free (SkPerson *);
void sk_delegation_free (SkDelegation *);
SkPerson *sk_person_copy (const SkPerson *);
SkDelegation *sk_delegation_copy (const SkDelegation *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPerson, sk_person_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkDelegation, sk_delegation_free)

GPtrArray *sk_store_people (SkStore *, GError **error);
GPtrArray *sk_store_delegations (SkStore *, GError **error);
/* The whole list at once, or nothing of it (SkPerson): a transaction of its own, or the one that was begun.
 */
gboolean sk_store_replace_people (SkStore *, GPtrArray *people, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_delegation (SkStore *, const SkDelegation *, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_delete_delegation (SkStore *, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
