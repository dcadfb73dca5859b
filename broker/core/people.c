#include "core/people.h"
#include "common/chars.h"
#include "common/error.h"
#include "common/i18n.h"
#include <grp.h>
#include <json-glib/json-glib.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

struct _SkPeople
{
  SkStore *store;
  SkAudit *audit; /* borrowed; NULL: none is kept */
  char *home;
  GPtrArray *people, *delegations;
  GHashTable *by_user; /* user -> GPtrArray of borrowed SkPerson */
  GHashTable *groups;  /* user -> GStrv, as of asked_at */
  gint64 asked_at;     /* monotonic */
  char *member_group;  /* whose members were looked up last */
  GPtrArray *members;  /* names */
  gint64 members_at;   /* monotonic */
};

/* A queue of thousands asks for the same few people thousands of times. */
#define GROUPS_US G_USEC_PER_SEC

static gboolean
is_now (gint64 since, gint64 until, gint64 now)
{
  return since <= now && (until == 0 || now < until);
}

static void
index_people (SkPeople *self)
{
  g_hash_table_remove_all (self->by_user);
  for (guint i = 0; i < self->people->len; i++)
    {
      SkPerson *person = self->people->pdata[i];
      GPtrArray *lines = g_hash_table_lookup (self->by_user, person->user);
      if (!lines)
        {
          lines = g_ptr_array_new ();
          g_hash_table_insert (self->by_user, person->user, lines);
        }
      g_ptr_array_add (lines, person);
    }
}

SkPeople *
sk_people_new (SkStore *store, const char *home, GError **error)
{
  g_autoptr (SkPeople) self = g_new0 (SkPeople, 1);
  self->store = store;
  self->home = g_strdup (home);
  self->groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_strfreev);
  self->by_user = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);
  self->people = sk_store_people (store, error);
  self->delegations = self->people ? sk_store_delegations (store, error) : NULL;
  if (!self->delegations)
    return NULL;
  index_people (self);
  return g_steal_pointer (&self);
}

void
sk_people_set_audit (SkPeople *self, SkAudit *audit)
{
  self->audit = audit;
}

void
sk_people_free (SkPeople *self)
{
  if (!self)
    return;
  g_clear_pointer (&self->by_user, g_hash_table_unref);
  g_clear_pointer (&self->people, g_ptr_array_unref);
  g_clear_pointer (&self->delegations, g_ptr_array_unref);
  g_free (self->home);
  g_clear_pointer (&self->groups, g_hash_table_unref);
  g_free (self->member_group);
  g_clear_pointer (&self->members, g_ptr_array_unref);
  g_free (self);
}

const GPtrArray *
sk_people_list (SkPeople *self)
{
  return self->people;
}

const GPtrArray *
sk_people_delegations (SkPeople *self)
{
  return self->delegations;
}

static const SkPerson *
first_line (SkPeople *self, const char *user, gint64 now)
{
  GPtrArray *lines = g_hash_table_lookup (self->by_user, user);
  for (guint i = 0; lines && i < lines->len; i++)
    {
      const SkPerson *person = lines->pdata[i];
      if (is_now (person->since, person->until, now))
        return person;
    }
  return NULL;
}

const char *
sk_people_section (SkPeople *self, const char *user, gint64 now)
{
  const SkPerson *person = first_line (self, user, now);
  return person ? person->section : "";
}

const char *
sk_people_organisation (SkPeople *self, const char *user, gint64 now)
{
  const SkPerson *person = first_line (self, user, now);
  return person && *person->organisation ? person->organisation : self->home;
}

const char *
sk_people_name (SkPeople *self, const char *user, gint64 now)
{
  const SkPerson *person = first_line (self, user, now);
  return person ? person->name : "";
}

static const char *
organisation_of (SkPeople *self, const SkPerson *person)
{
  return *person->organisation ? person->organisation : self->home;
}

gboolean
sk_people_is_of_section (SkPeople *self, const char *user, const char *organisation, const char *section,
                         gint64 now)
{
  GPtrArray *lines = g_hash_table_lookup (self->by_user, user);
  for (guint i = 0; lines && i < lines->len; i++)
    {
      const SkPerson *person = lines->pdata[i];
      if (is_now (person->since, person->until, now) && strcmp (person->section, section) == 0
          && strcmp (organisation_of (self, person), organisation) == 0)
        return TRUE;
    }
  return FALSE;
}

void
sk_people_expand_section (SkPeople *self, const char *organisation, const char *section, gint64 now,
                          GHashTable *names)
{
  for (guint i = 0; i < self->people->len; i++)
    {
      const SkPerson *person = self->people->pdata[i];
      if (is_now (person->since, person->until, now) && strcmp (person->section, section) == 0
          && strcmp (organisation_of (self, person), organisation) == 0)
        g_hash_table_add (names, g_strdup (person->user));
    }
}

char **
sk_people_groups (const char *user)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  struct passwd *entry = getpwnam (user);
  int n = 64;
  g_autofree gid_t *groups = g_new (gid_t, n);
  const gid_t own = entry ? entry->pw_gid : 0;
  if (entry && getgrouplist (user, own, groups, &n) < 0)
    {
      groups = g_renew (gid_t, groups, n);
      n = getgrouplist (user, own, groups, &n) < 0 ? 0 : n;
    }
  for (int i = 0; entry && i < n; i++)
    {
      struct group *group = getgrgid (groups[i]);
      if (group)
        g_ptr_array_add (names, g_strdup (group->gr_name));
    }
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/* -- whom a rule means --------------------------------------------------------------------------------------
 */

static gboolean
has_role (SkPeople *self, const SkPerson *person, const char *role, const char *organisation,
          const char *section, gint64 now)
{
  return is_now (person->since, person->until, now) && strcmp (person->role, role) == 0
         && strcmp (organisation_of (self, person), organisation) == 0
         && (!*person->section || strcmp (person->section, section) == 0);
}

static const char *
role_of (const char *whom)
{
  return g_str_has_prefix (whom, "role:") || g_str_has_prefix (whom, "position:") ? strchr (whom, ':') + 1
                                                                                  : NULL;
}

const char *const *
sk_people_recent_groups (SkPeople *self, const char *user)
{
  const gint64 now = g_get_monotonic_time ();
  if (now - self->asked_at > GROUPS_US)
    {
      g_hash_table_remove_all (self->groups);
      self->asked_at = now;
    }
  char **groups = g_hash_table_lookup (self->groups, user);
  if (!groups)
    {
      groups = sk_people_groups (user);
      g_hash_table_insert (self->groups, g_strdup (user), groups);
    }
  return (const char *const *) groups;
}

static gboolean
matches_self (SkPeople *self, const char *user, const char *whom, const char *organisation,
              const char *section, gint64 now)
{
  const char *role = role_of (whom);
  if (g_str_has_prefix (whom, "user:"))
    return strcmp (whom + strlen ("user:"), user) == 0;
  if (g_str_has_prefix (whom, "group:"))
    return g_strv_contains (sk_people_recent_groups (self, user), whom + strlen ("group:"));
  GPtrArray *lines = role ? g_hash_table_lookup (self->by_user, user) : NULL;
  for (guint i = 0; lines && i < lines->len; i++)
    if (has_role (self, lines->pdata[i], role, organisation, section, now))
      return TRUE;
  return FALSE;
}

gboolean
sk_people_matches_except (SkPeople *self, const char *user, const char *whom, const char *organisation,
                          const char *section, gint64 now, const char *except, const char **ret_for)
{
  *ret_for = NULL;
  if (matches_self (self, user, whom, organisation, section, now))
    return TRUE;
  for (guint i = 0; i < self->delegations->len; i++)
    {
      const SkDelegation *d = self->delegations->pdata[i];
      if (strcmp (d->deputy, user) == 0 && is_now (d->since, d->until, now)
          && g_strcmp0 (d->user, except) != 0
          && matches_self (self, d->user, whom, organisation, section, now))
        {
          *ret_for = d->user;
          return TRUE;
        }
    }
  return FALSE;
}

gboolean
sk_people_matches (SkPeople *self, const char *user, const char *whom, const char *organisation,
                   const char *section, gint64 now, const char **ret_for)
{
  return sk_people_matches_except (self, user, whom, organisation, section, now, NULL, ret_for);
}

/* By the group's own list, and those whose first group it is. */
static GPtrArray *
find_members (const char *name)
{
  GPtrArray *members = g_ptr_array_new_with_free_func (g_free);
  struct group *group = getgrnam (name);
  const gid_t gid = group ? group->gr_gid : 0;
  for (char **member = group ? group->gr_mem : NULL; member && *member; member++)
    g_ptr_array_add (members, g_strdup (*member));
  if (!group)
    return members;
  setpwent ();
  for (struct passwd *entry = getpwent (); entry; entry = getpwent ())
    if (entry->pw_gid == gid)
      g_ptr_array_add (members, g_strdup (entry->pw_name));
  endpwent ();
  return members;
}

static void
expand_group (SkPeople *self, const char *name, GHashTable *names)
{
  const gint64 now = g_get_monotonic_time ();
  if (g_strcmp0 (self->member_group, name) != 0 || now - self->members_at > GROUPS_US)
    {
      g_free (self->member_group);
      g_clear_pointer (&self->members, g_ptr_array_unref);
      self->member_group = g_strdup (name);
      self->members = find_members (name);
      self->members_at = now;
    }
  for (guint i = 0; i < self->members->len; i++)
    g_hash_table_add (names, g_strdup (self->members->pdata[i]));
}

void
sk_people_expand_holders (SkPeople *self, const char *whom, const char *organisation, const char *section,
                          gint64 now, GHashTable *names)
{
  const char *role = role_of (whom);
  if (g_str_has_prefix (whom, "user:"))
    g_hash_table_add (names, g_strdup (whom + strlen ("user:")));
  else if (g_str_has_prefix (whom, "group:"))
    expand_group (self, whom + strlen ("group:"), names);
  for (guint i = 0; role && i < self->people->len; i++)
    {
      const SkPerson *person = self->people->pdata[i];
      if (has_role (self, person, role, organisation, section, now))
        g_hash_table_add (names, g_strdup (person->user));
    }
}

void
sk_people_find_deputies (SkPeople *self, GHashTable *names, const char *except, gint64 now,
                         GHashTable *deputies)
{
  for (guint i = 0; i < self->delegations->len; i++)
    {
      const SkDelegation *d = self->delegations->pdata[i];
      if (is_now (d->since, d->until, now) && g_strcmp0 (d->user, except) != 0
          && g_hash_table_contains (names, d->user) && !g_hash_table_contains (deputies, d->deputy))
        g_hash_table_insert (deputies, g_strdup (d->deputy), g_strdup (d->user));
    }
}

void
sk_people_expand (SkPeople *self, const char *whom, const char *organisation, const char *section, gint64 now,
                  GHashTable *names)
{
  g_autoptr (GHashTable) deputies = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer deputy;
  sk_people_expand_holders (self, whom, organisation, section, now, names);
  sk_people_find_deputies (self, names, NULL, now, deputies);
  g_hash_table_iter_init (&iter, deputies);
  while (g_hash_table_iter_next (&iter, &deputy, NULL))
    g_hash_table_add (names, g_strdup (deputy));
}

/* -- delegations --------------------------------------------------------------------------------------------
 */

static gboolean
refuse (GError **error, SkErrorCode code, const char *text)
{
  g_set_error_literal (error, SK_ERROR, code, text);
  return FALSE;
}

static gboolean
check_delegation (const SkIdentity *who, const char *user, const char *deputy, gint64 since, gint64 until,
                  GError **error)
{
  if (!who->admin && strcmp (who->user, user) != 0)
    return refuse (error, SK_ERROR_FORBIDDEN,
                   SK_BOTH ("only administrators name a deputy for somebody else",
                            "他の人の代理を決められるのは管理者だけです"));
  if (since >= until)
    return refuse (
        error, SK_ERROR_INVALID,
        SK_BOTH ("a delegation needs a beginning and a later end", "代理の期間が正しくありません"));
  if (strcmp (user, deputy) == 0 || !getpwnam (user) || !getpwnam (deputy))
    return refuse (
        error, SK_ERROR_INVALID,
        SK_BOTH ("two accounts of this machine are needed", "この PC にある別々の利用者を指定してください"));
  return TRUE;
}

/* -- in the trail -------------------------------------------------------------------------------------------
 */

static gboolean
record (SkPeople *self, const char *actor, const char *action, const char *object, JsonObject *details,
        gint64 now, GError **error)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), details);
  g_autofree char *text = json_to_string (node, FALSE);
  const SkAuditEvent event = { .organisation = self->home,
                               .actor = actor,
                               .action = action,
                               .object = object,
                               .details = text,
                               .time = now };
  return !self->audit || sk_audit_append (self->audit, &event, error);
}

static gboolean
record_delegation (SkPeople *self, const char *actor, const char *action, const SkDelegation *row, gint64 now,
                   GError **error)
{
  g_autoptr (JsonObject) details = json_object_new ();
  json_object_set_string_member (details, "user", row->user);
  json_object_set_string_member (details, "deputy", row->deputy);
  json_object_set_int_member (details, "since", row->since);
  json_object_set_int_member (details, "until", row->until);
  json_object_set_string_member (details, "reason", row->reason);
  return record (self, actor, action, row->id, details, now, error);
}

/* TRUE when it is committed; the transaction was begun. */
static gboolean
settle (SkPeople *self, gboolean written, GError **error)
{
  if (written && sk_store_commit (self->store, error))
    return TRUE;
  sk_store_rollback (self->store);
  return FALSE;
}

gboolean
sk_people_delegate (SkPeople *self, const SkIdentity *who, const char *user, const char *deputy, gint64 since,
                    gint64 until, const char *reason, gint64 now, char **ret_id, GError **error)
{
  if (!check_delegation (who, user, deputy, since, until, error))
    return FALSE;
  g_autoptr (SkDelegation) row = g_new0 (SkDelegation, 1);
  row->id = g_uuid_string_random ();
  row->user = g_strdup (user);
  row->deputy = g_strdup (deputy);
  row->reason = g_strdup (reason ? reason : "");
  row->author = g_strdup (who->user);
  row->since = since;
  row->until = until;
  row->created = now;
  if (!sk_store_begin (self->store, error)
      || !settle (self,
                  sk_store_put_delegation (self->store, row, error)
                      && record_delegation (self, who->user, "delegation.made", row, now, error),
                  error))
    return FALSE;
  *ret_id = g_strdup (row->id);
  g_ptr_array_add (self->delegations, g_steal_pointer (&row));
  return TRUE;
}

gboolean
sk_people_end_delegation (SkPeople *self, const SkIdentity *who, const char *id, GError **error)
{
  for (guint i = 0; i < self->delegations->len; i++)
    {
      const SkDelegation *d = self->delegations->pdata[i];
      if (strcmp (d->id, id) != 0 || (!who->admin && strcmp (d->user, who->user) != 0))
        continue;
      if (!sk_store_begin (self->store, error)
          || !settle (self,
                      sk_store_delete_delegation (self->store, id, error)
                          && record_delegation (self, who->user, "delegation.ended", d, 0, error),
                      error))
        return FALSE;
      g_ptr_array_remove_index (self->delegations, i);
      return TRUE;
    }
  return refuse (error, SK_ERROR_NOT_FOUND, SK_BOTH ("there is no such delegation", "その代理はありません"));
}

/* -- the personnel list -------------------------------------------------------------------------------------
 */

#define COLUMNS 7
static const char *const columns[COLUMNS]
    = { "user", "name", "organisation", "section", "role", "since", "until" };

/* One record of RFC 4180. Returns the fields' number; G_MAXUINT where quotes are wrong. */
static guint
read_record (const char **at, const char *end, char *fields[COLUMNS])
{
  guint n = 0;
  for (;;)
    {
      g_autoptr (GString) field = g_string_new (NULL);
      const gboolean quoted = *at < end && **at == '"';
      *at += quoted;
      while (*at < end && (quoted || !strchr (",\r\n", **at)))
        {
          if (**at == '"' && quoted && (*at + 1 == end || (*at)[1] != '"'))
            break;
          if (**at == '"' && !quoted)
            return G_MAXUINT;
          *at += **at == '"';
          g_string_append_c (field, *(*at)++);
        }
      if (quoted && (*at == end || *(*at)++ != '"'))
        return G_MAXUINT;
      if (n < COLUMNS)
        fields[n] = g_string_free (g_steal_pointer (&field), FALSE);
      n++;
      if (*at == end || **at != ',')
        break;
      (*at)++;
    }
  if (*at < end && **at == '\r')
    (*at)++;
  if (*at < end && **at != '\n')
    return G_MAXUINT;
  *at += *at < end;
  return n;
}

gboolean
sk_people_read_date (const char *text, gint days, gint64 *ret)
{
  static const char form[] = "dddd-dd-dd";
  GDate date;
  int year, month, day;
  *ret = 0;
  if (!*text)
    return TRUE;
  /* sscanf() alone takes blanks and signs for digits. */
  for (guint i = 0; i < sizeof form; i++)
    if (form[i] == 'd' ? !g_ascii_isdigit (text[i]) : text[i] != form[i])
      return FALSE;
  if (sscanf (text, "%4d-%2d-%2d", &year, &month, &day) != 3
      || !g_date_valid_dmy ((GDateDay) day, (GDateMonth) month, (GDateYear) year))
    return FALSE;
  g_date_clear (&date, 1);
  g_date_set_dmy (&date, (GDateDay) day, (GDateMonth) month, (GDateYear) year);
  g_date_add_days (&date, (guint) days);
  g_autoptr (GDateTime) when = g_date_time_new_local (
      g_date_get_year (&date), (gint) g_date_get_month (&date), g_date_get_day (&date), 0, 0, 0);
  *ret = g_date_time_to_unix (when) * G_USEC_PER_SEC;
  return TRUE;
}

/* Two people's names, or two sections', that look the same are not to be two; a kanji's variant is seen. */
static gboolean
has_hidden (const char *text)
{
  gunichar before = 0;
  for (const char *p = text; *p; p = g_utf8_next_char (p))
    {
      if (sk_char_kind (g_utf8_get_char (p), before) != SK_CHAR_SEEN)
        return TRUE;
      before = g_utf8_get_char (p);
    }
  return FALSE;
}

static const char *
check_fields (char *fields[COLUMNS])
{
  for (guint i = 0; i < COLUMNS; i++)
    {
      if (strlen (fields[i]) > SK_PEOPLE_FIELD_MAX)
        return SK_BOTH ("a field is too long", "項目が長すぎます");
      if (has_hidden (fields[i]))
        return SK_BOTH ("a field has a control or an invisible character",
                        "項目に制御文字か見えない文字があります");
      g_strstrip (fields[i]);
    }
  if (!*fields[0])
    return SK_BOTH ("the user is missing", "利用者がありません");
  return strchr (fields[0], '/') ? SK_BOTH ("a user's name has no slash", "利用者名にスラッシュは使えません")
                                 : NULL;
}

static SkPerson *
make_person (char *fields[COLUMNS], gint64 now, const char **ret_wrong)
{
  g_autoptr (SkPerson) person = g_new0 (SkPerson, 1);
  *ret_wrong = check_fields (fields);
  if (*ret_wrong)
    return NULL;
  if (!sk_people_read_date (fields[5], 0, &person->since)
      || !sk_people_read_date (fields[6], 1, &person->until)
      || (person->until && person->until <= person->since))
    {
      *ret_wrong = SK_BOTH ("a date is wrong (YYYY-MM-DD)", "日付が正しくありません（年4桁-月2桁-日2桁）");
      return NULL;
    }
  person->id = g_strdup_printf ("%s/%s/%s/%s/%s", fields[0], fields[2], fields[3], fields[4], fields[5]);
  person->user = g_strdup (fields[0]);
  person->name = g_strdup (fields[1]);
  person->organisation = g_strdup (fields[2]);
  person->section = g_strdup (fields[3]);
  person->role = g_strdup (fields[4]);
  person->created = now;
  return g_steal_pointer (&person);
}

static gboolean
is_head (char *fields[COLUMNS])
{
  for (guint i = 0; i < COLUMNS; i++)
    if (g_strcmp0 (fields[i], columns[i]) != 0)
      return FALSE;
  return TRUE;
}

static void
clear_fields (char *fields[COLUMNS])
{
  for (guint i = 0; i < COLUMNS; i++)
    g_clear_pointer (&fields[i], g_free);
}

/* NULL with what is wrong with this line. */
static const char *
read_line (const char **at, const char *end, gboolean head, gint64 now, GPtrArray *people, GHashTable *seen)
{
  char *fields[COLUMNS] = { NULL };
  const char *wrong = NULL;
  const guint n = read_record (at, end, fields);
  if (n == G_MAXUINT)
    wrong = SK_BOTH ("the quotes are wrong", "引用符が正しくありません");
  else if (n != COLUMNS)
    wrong = SK_BOTH ("seven fields are needed", "項目は 7 つ必要です");
  else if (head && !is_head (fields))
    wrong = SK_BOTH ("the first line has to be user,name,organisation,section,role,since,until",
                     "1 行目は user,name,organisation,section,role,since,until としてください");
  if (!wrong && !head)
    {
      SkPerson *person = make_person (fields, now, &wrong);
      if (person && !g_hash_table_add (seen, person->id))
        wrong = SK_BOTH ("this line stands here twice", "同じ行が 2 回あります");
      if (person)
        g_ptr_array_add (people, person);
    }
  clear_fields (fields);
  return wrong;
}

static gboolean
read_csv (const char *csv, gsize length, gint64 now, GPtrArray *people, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  const char *at = csv, *end = csv + length;
  for (guint line = 1; at < end || line == 1; line++)
    {
      const char *wrong = people->len < SK_PEOPLE_MAX ? read_line (&at, end, line == 1, now, people, seen)
                                                      : SK_BOTH ("too many lines", "行が多すぎます");
      if (!wrong)
        continue;
      g_autofree char *en = sk_both_pick (wrong, FALSE), *ja = sk_both_pick (wrong, TRUE);
      g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
                   SK_BOTH ("line %u: %s; nothing was changed", "%u 行目: %s。何も変更していません"), line,
                   en, line, ja);
      return FALSE;
    }
  return TRUE;
}

static gboolean
record_import (SkPeople *self, const char *actor, const char *csv, gsize length, guint lines, gint64 now,
               GError **error)
{
  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) csv, length);
  g_autoptr (JsonObject) details = json_object_new ();
  json_object_set_int_member (details, "lines", lines);
  json_object_set_string_member (details, "sha256", sum);
  return record (self, actor, "people.imported", "", details, now, error);
}

gboolean
sk_people_import_by (SkPeople *self, const char *actor, const char *untrusted_csv, gsize length, gint64 now,
                     guint *ret_lines, GError **error)
{
  static const char bom[] = "\xEF\xBB\xBF";
  g_autoptr (GPtrArray) people = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_person_free);
  if (length > SK_PEOPLE_CSV_MAX)
    return refuse (error, SK_ERROR_LIMIT, SK_BOTH ("the list is too long", "名簿が大きすぎます"));
  if (!g_utf8_validate_len (untrusted_csv, length, NULL))
    return refuse (error, SK_ERROR_INVALID,
                   SK_BOTH ("the list is not UTF-8: save it as \"CSV UTF-8\"",
                            "名簿が UTF-8 ではありません。「CSV UTF-8」で保存し直してください"));
  const gsize skip = length >= 3 && memcmp (untrusted_csv, bom, 3) == 0 ? 3 : 0;
  if (!read_csv (untrusted_csv + skip, length - skip, now, people, error)
      || !sk_store_begin (self->store, error)
      || !settle (self,
                  sk_store_replace_people (self->store, people, error)
                      && record_import (self, actor, untrusted_csv, length, people->len, now, error),
                  error))
    return FALSE;
  *ret_lines = people->len;
  g_ptr_array_unref (self->people);
  self->people = g_steal_pointer (&people);
  index_people (self);
  return TRUE;
}

gboolean
sk_people_import (SkPeople *self, const char *untrusted_csv, gsize length, gint64 now, guint *ret_lines,
                  GError **error)
{
  return sk_people_import_by (self, "broker", untrusted_csv, length, now, ret_lines, error);
}
