/* Who decides: the personnel list as towns write it, roles with dates, sections, deputies. */
#include "common/error.h"
#include "common/i18n.h"
#include "core/people.h"
#include <locale.h>
#include <string.h>

#define HEAD "user,name,organisation,section,role,since,until\n"
#define DAY ((gint64) 24 * 3600 * G_USEC_PER_SEC)

typedef struct
{
  SkStore *store;
  SkPeople *people;
} Fixture;

static gint64
day (const char *text)
{
  gint64 time;
  g_assert_true (sk_people_read_date (text, 0, &time));
  return time;
}

static void
reopen (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_clear_pointer (&f->people, sk_people_free);
  f->people = sk_people_new (f->store, "town", &error);
  g_assert_no_error (error);
}

/* How many lines; -1: not taken. */
static int
import_bytes (Fixture *f, const char *csv, gsize length, GError **error)
{
  guint lines = 0;
  return sk_people_import (f->people, csv, length, day ("2026-04-01"), &lines, error) ? (int) lines : -1;
}

static void
import (Fixture *f, const char *csv)
{
  g_autoptr (GError) error = NULL;
  if (import_bytes (f, csv, strlen (csv), &error) < 0)
    g_error ("%s", error->message);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  f->store = sk_store_open (":memory:", &error);
  g_assert_no_error (error);
  reopen (f);
  import (f, HEAD "hanako,Hanako,,tax,section-head,2026-04-01,\n");
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  sk_people_free (f->people);
  sk_store_close (f->store);
}

/* ---- lists that are not taken ---- */

typedef struct
{
  const char *name, *csv;
  gsize length; /* 0: strlen */
  const char *en, *ja;
} Bad;

#define BAD(name, csv, en, ja)                                                                               \
  {                                                                                                          \
    name, csv, sizeof csv - 1, en, ja                                                                        \
  }
#define LINE "taro,Taro,,tax,,2026-04-01,\n"
static const Bad bad[] = {
  BAD ("empty", "", "line 1", "1 行目"),
  BAD ("no head", LINE, "line 1: the first line has to be user,name", "1 行目: 1 行目は user,name"),
  BAD ("head in another order", "name,user,organisation,section,role,since,until\n" LINE, "line 1", "1 行目"),
  BAD ("head of six", "user,name,organisation,section,role,since\n", "line 1: seven fields",
       "1 行目: 項目は 7 つ"),
  BAD ("six fields", HEAD LINE "jiro,Jiro,,tax,,2026-04-01\n", "line 3: seven fields", "3 行目: 項目は 7 つ"),
  BAD ("eight fields", HEAD "jiro,Jiro,,tax,,,,\n", "line 2: seven fields", "2 行目: 項目は 7 つ"),
  BAD ("missing user", HEAD LINE ",Jiro,,tax,,2026-04-01,\n", "line 3: the user is missing",
       "3 行目: 利用者がありません"),
  BAD ("spaces for a user", HEAD "  ,Jiro,,tax,,,\n", "line 2: the user is missing",
       "2 行目: 利用者がありません"),
  BAD ("an empty line", HEAD LINE "\n" LINE, "line 3: seven fields", "3 行目"),
  BAD ("a date in words", HEAD "taro,Taro,,tax,,April,\n", "line 2: a date is wrong (YYYY-MM-DD)",
       "2 行目: 日付"),
  BAD ("a date with slashes", HEAD "taro,Taro,,tax,,2026/04/01,\n", "line 2: a date is wrong",
       "2 行目: 日付"),
  BAD ("a year of the reign", HEAD "taro,Taro,,tax,,R08-04-01,\n", "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("no such day", HEAD "taro,Taro,,tax,,2026-02-30,\n", "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("a negative month", HEAD "taro,Taro,,tax,,2026--4-01,\n", "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("month 13", HEAD "taro,Taro,,tax,,2026-13-01,\n", "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("the year 0", HEAD "taro,Taro,,tax,,0000-01-01,\n", "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("the end before the beginning", HEAD "taro,Taro,,tax,,2026-04-02,2026-04-01\n",
       "line 2: a date is wrong", "2 行目: 日付"),
  BAD ("twice the same", HEAD LINE "jiro,Jiro,,tax,,,\n" LINE, "line 4: this line stands here twice",
       "4 行目: 同じ行が 2 回"),
  BAD ("an open quote", HEAD "\"taro,Taro,,tax,,,\n", "line 2: the quotes are wrong", "2 行目: 引用符"),
  BAD ("a quote within", HEAD "ta\"ro,Taro,,tax,,,\n", "line 2: the quotes are wrong", "2 行目: 引用符"),
  BAD ("text behind a quote", HEAD "\"taro\"x,Taro,,tax,,,\n", "line 2: the quotes are wrong",
       "2 行目: 引用符"),
  BAD ("a user with a slash", HEAD "../taro,Taro,,tax,,,\n", "line 2: a user's name has no slash",
       "2 行目: 利用者名にスラッシュ"),
  BAD ("a control character", HEAD "taro,Ta\x1b[2Jro,,tax,,,\n", "line 2: a field has a control",
       "2 行目: 項目に制御文字"),
  BAD ("a new line in quotes", HEAD "taro,\"Ta\nro\",,tax,,,\n", "line 2: a field has a control",
       "2 行目: 項目に制御文字"),
  BAD ("a line after one with two", HEAD "taro,\"Ta\nro\",,tax,,,\n", "line 2", "2 行目"),
  BAD ("a right-to-left mark", HEAD "taro,Ta\xE2\x80\xAEro,,tax,,,\n", "line 2: a field has a control",
       "2 行目: 項目に制御文字"),
  BAD ("a zero-width user", HEAD "ta\xE2\x80\x8Bro,Taro,,tax,,,\n", "line 2: a field has a control",
       "2 行目: 項目に制御文字"),
  BAD ("a NUL", HEAD "taro,Ta\0ro,,tax,,,\n", "not UTF-8", "UTF-8 ではありません"),
  BAD ("CP932", HEAD "taro,\x93\x8C\x8B\x9E,,tax,,,\n", "not UTF-8: save it as \"CSV UTF-8\"",
       "「CSV UTF-8」で保存"),
  BAD ("UTF-16",
       "\xff\xfe"
       "u\0s\0e\0r\0,\0",
       "not UTF-8", "UTF-8 ではありません"),
  BAD ("semicolons", "user;name;organisation;section;role;since;until\n", "line 1", "1 行目"),
  BAD ("tabs", "user\tname\torganisation\tsection\trole\tsince\tuntil\n", "line 1", "1 行目"),
};

/* What was there is there still, in memory and on the disk. */
static void
assert_unchanged (Fixture *f)
{
  for (guint i = 0; i < 2; i++, reopen (f))
    {
      const GPtrArray *list = sk_people_list (f->people);
      g_assert_cmpuint (list->len, ==, 1);
      g_assert_cmpstr (((const SkPerson *) list->pdata[0])->user, ==, "hanako");
      g_assert_cmpstr (sk_people_section (f->people, "hanako", day ("2026-05-01")), ==, "tax");
    }
}

static void
assert_says (const GError *error, const char *name, const char *en, const char *ja)
{
  g_assert_nonnull (error);
  if (!strstr (error->message, en) || !strstr (error->message, ja))
    g_error ("%s: wanted \"%s\" and \"%s\" in: %s", name, en, ja, error->message);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
}

static void
test_bad (Fixture *f, gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      if (import_bytes (f, bad[i].csv, bad[i].length, &error) >= 0)
        g_error ("%s: taken", bad[i].name);
      g_test_message ("%s: %s", bad[i].name, error->message);
      assert_says (error, bad[i].name, bad[i].en, bad[i].ja);
      assert_unchanged (f);
    }
}

static void
test_limits (Fixture *f, gconstpointer data)
{
  g_autoptr (GString) many = g_string_new (HEAD);
  g_autofree char *letters = g_strnfill (SK_PEOPLE_FIELD_MAX + 1, 'x');
  g_autofree char *field = g_strdup_printf (HEAD "taro,%s,,tax,,,\n", letters);
  g_autofree char *huge = g_strnfill (SK_PEOPLE_CSV_MAX + 1, 'x');
  GError *errors[3] = { NULL };
  g_assert_cmpint (import_bytes (f, field, strlen (field), &errors[0]), ==, -1);
  assert_says (errors[0], "field", "line 2: a field is too long", "2 行目: 項目が長すぎます");
  g_assert_cmpint (import_bytes (f, huge, SK_PEOPLE_CSV_MAX + 1, &errors[1]), ==, -1);
  assert_says (errors[1], "list", "too long", "大きすぎます");
  for (guint i = 0; i <= SK_PEOPLE_MAX; i++)
    g_string_append_printf (many, "u%u,,,,,,\n", i);
  g_assert_cmpint (import_bytes (f, many->str, many->len, &errors[2]), ==, -1);
  assert_says (errors[2], "lines", "line 50002: too many lines", "50002 行目: 行が多すぎます");
  assert_unchanged (f);
  for (guint i = 0; i < 3; i++)
    g_error_free (errors[i]);
}

/* ---- lists that are ---- */

static void
test_good (Fixture *f, gconstpointer data)
{
  static const char *const lists[] = {
    HEAD "taro,東京 太郎,,税務課,,2026-04-01,\n",
    "\xEF\xBB\xBF" HEAD "taro,東京 太郎,,税務課,,2026-04-01,\n",
    "user,name,organisation,section,role,since,until\r\ntaro,東京 太郎,,税務課,,2026-04-01,\r\n",
    HEAD "taro,東京 太郎,,税務課,,2026-04-01,",
    HEAD "\"taro\",\"東京 太郎\",\"\",\"税務課\",\"\",\"2026-04-01\",\"\"\n",
  };
  for (guint i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      import (f, HEAD "hanako,,,tax,,,\n");
      import (f, lists[i]);
      const GPtrArray *list = sk_people_list (f->people);
      g_assert_cmpuint (list->len, ==, 1);
      g_assert_cmpstr (((const SkPerson *) list->pdata[0])->name, ==, "東京 太郎");
      g_assert_cmpstr (sk_people_section (f->people, "taro", day ("2026-04-01")), ==, "税務課");
      g_assert_cmpstr (sk_people_section (f->people, "taro", day ("2026-03-31")), ==, "");
      /* Who left the list is nobody. */
      g_assert_cmpstr (sk_people_section (f->people, "hanako", day ("2026-04-01")), ==, "");
    }
  import (f, HEAD "taro,\"a, \"\"b\"\"\",,,,,\n");
  g_assert_cmpstr (((const SkPerson *) sk_people_list (f->people)->pdata[0])->name, ==, "a, \"b\"");
  import (f, HEAD); /* nobody at all is a list too */
  g_assert_cmpuint (sk_people_list (f->people)->len, ==, 0);
}

static gboolean
matches (Fixture *f, const char *user, const char *whom, const char *organisation, const char *section,
         const char *when, const char **ret_for)
{
  const char *dummy;
  return sk_people_matches (f->people, user, whom, organisation, section, day (when) + DAY / 2,
                            ret_for ? ret_for : &dummy);
}

/* Both ends of a date are in it; a role counts in its own section, or in all where it names none. */
static void
test_roles (Fixture *f, gconstpointer data)
{
  import (f, HEAD "hanako,,,tax,section-head,2026-04-01,2026-09-30\n"
                  "jiro,,,tax,section-head,2026-10-01,\n"
                  "goro,,,,mayor,,\n"
                  "saburo,,village,tax,section-head,,\n"
                  "hanako,,,welfare,staff,2026-10-01,\n");
  g_assert_true (matches (f, "hanako", "role:section-head", "town", "tax", "2026-04-01", NULL));
  g_assert_true (matches (f, "hanako", "position:section-head", "town", "tax", "2026-09-30", NULL));
  g_assert_false (matches (f, "hanako", "role:section-head", "town", "tax", "2026-03-31", NULL));
  g_assert_false (matches (f, "hanako", "role:section-head", "town", "tax", "2026-10-01", NULL));
  g_assert_true (matches (f, "jiro", "role:section-head", "town", "tax", "2026-10-01", NULL));
  g_assert_false (matches (f, "hanako", "role:section-head", "town", "welfare", "2026-05-01", NULL));
  g_assert_false (matches (f, "hanako", "role:mayor", "town", "tax", "2026-05-01", NULL));
  g_assert_true (matches (f, "goro", "role:mayor", "town", "welfare", "2026-05-01", NULL));
  g_assert_false (matches (f, "goro", "role:mayor", "village", "welfare", "2026-05-01", NULL));
  g_assert_false (matches (f, "saburo", "role:section-head", "town", "tax", "2026-05-01", NULL));
  g_assert_true (matches (f, "saburo", "role:section-head", "village", "tax", "2026-05-01", NULL));
  g_assert_true (matches (f, "anybody", "user:anybody", "town", "tax", "2026-05-01", NULL));
  g_assert_false (matches (f, "anybody", "user:somebody", "town", "tax", "2026-05-01", NULL));
  g_assert_false (matches (f, "anybody", "nonsense", "town", "tax", "2026-05-01", NULL));
  g_assert_true (matches (f, "root", "group:root", "town", "tax", "2026-05-01", NULL));
  g_assert_false (matches (f, "nobody", "group:root", "town", "tax", "2026-05-01", NULL));
  g_assert_cmpstr (sk_people_section (f->people, "hanako", day ("2026-11-01")), ==, "welfare");
  g_assert_cmpstr (sk_people_organisation (f->people, "saburo", day ("2026-11-01")), ==, "village");
  g_assert_cmpstr (sk_people_organisation (f->people, "jiro", day ("2026-11-01")), ==, "town");
}

static guint
expanded (Fixture *f, const char *whom, const char *when, const char *wanted)
{
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  sk_people_expand (f->people, whom, "town", "tax", day (when) + DAY / 2, names);
  if (wanted)
    g_assert_true (g_hash_table_contains (names, wanted));
  return g_hash_table_size (names);
}

/* ---- deputies ---- */

static gboolean
delegate (Fixture *f, const SkIdentity *who, const char *user, const char *deputy, const char *since,
          const char *until, char **ret_id, GError **error)
{
  return sk_people_delegate (f->people, who, user, deputy, day (since), day (until), "away",
                             day ("2026-05-01"), ret_id, error);
}

/* Accounts that every Debian has. */
static const SkIdentity daemon_user = { 1, (char *) "daemon", FALSE },
                        bin_user = { 2, (char *) "bin", FALSE }, admin = { 0, (char *) "root", TRUE };

static void
test_deputies (Fixture *f, gconstpointer data)
{
  g_autofree char *id = NULL, *other = NULL;
  g_autoptr (GError) error = NULL;
  const char *in_place_of = NULL;
  import (f, HEAD "daemon,,,tax,section-head,,\n");
  g_assert_true (delegate (f, &daemon_user, "daemon", "bin", "2026-05-01", "2026-05-08", &id, &error));
  for (guint i = 0; i < 2; i++, reopen (f))
    {
      g_assert_true (matches (f, "bin", "role:section-head", "town", "tax", "2026-05-01", &in_place_of));
      g_assert_cmpstr (in_place_of, ==, "daemon");
      g_assert_true (matches (f, "daemon", "role:section-head", "town", "tax", "2026-05-01", &in_place_of));
      g_assert_null (in_place_of);
      g_assert_false (matches (f, "bin", "role:section-head", "town", "tax", "2026-04-30", NULL));
      g_assert_false (matches (f, "bin", "role:section-head", "town", "tax", "2026-05-08", NULL));
      g_assert_true (matches (f, "bin", "user:daemon", "town", "tax", "2026-05-02", NULL));
      g_assert_cmpuint (expanded (f, "role:section-head", "2026-05-02", "bin"), ==, 2);
      g_assert_cmpuint (expanded (f, "role:section-head", "2026-06-02", "daemon"), ==, 1);
    }
  /* A deputy's deputy is nobody. */
  g_assert_true (delegate (f, &admin, "bin", "sys", "2026-05-01", "2026-05-08", &other, &error));
  g_assert_false (matches (f, "sys", "role:section-head", "town", "tax", "2026-05-02", NULL));
  g_assert_cmpuint (expanded (f, "role:section-head", "2026-05-02", "bin"), ==, 2);
  /* Only its own, or an administrator, ends it. */
  g_assert_false (sk_people_end_delegation (f->people, &bin_user, id, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  assert_says (error, "end", "no such delegation", "その代理はありません");
  g_clear_error (&error);
  g_assert_true (sk_people_end_delegation (f->people, &daemon_user, id, &error));
  g_assert_true (sk_people_end_delegation (f->people, &admin, other, &error));
  reopen (f);
  g_assert_false (matches (f, "bin", "role:section-head", "town", "tax", "2026-05-01", NULL));
}

static void
test_bad_deputies (Fixture *f, gconstpointer data)
{
  static const struct
  {
    const SkIdentity *who;
    const char *user, *deputy, *since, *until;
    SkErrorCode code;
    const char *en, *ja;
  } rows[] = {
    { &bin_user, "daemon", "bin", "2026-05-01", "2026-05-02", SK_ERROR_FORBIDDEN, "only administrators",
      "管理者だけ" },
    { &daemon_user, "daemon", "daemon", "2026-05-01", "2026-05-02", SK_ERROR_INVALID, "two accounts",
      "別々の利用者" },
    { &daemon_user, "daemon", "no-such-user", "2026-05-01", "2026-05-02", SK_ERROR_INVALID, "two accounts",
      "別々の利用者" },
    { &admin, "no-such-user", "bin", "2026-05-01", "2026-05-02", SK_ERROR_INVALID, "two accounts",
      "別々の利用者" },
    { &daemon_user, "daemon", "bin", "2026-05-02", "2026-05-02", SK_ERROR_INVALID, "a later end", "期間" },
    { &daemon_user, "daemon", "bin", "2026-05-03", "2026-05-02", SK_ERROR_INVALID, "a later end", "期間" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *id = NULL;
      g_assert_false (
          delegate (f, rows[i].who, rows[i].user, rows[i].deputy, rows[i].since, rows[i].until, &id, &error));
      g_assert_error (error, SK_ERROR, (int) rows[i].code);
      assert_says (error, rows[i].deputy, rows[i].en, rows[i].ja);
    }
  g_assert_cmpuint (sk_people_delegations (f->people)->len, ==, 0);
}

static void
test_dates (void)
{
  static const char *const wrong[]
      = { "2026-4-1",   "2026-04-1",  "26-04-01",       "2026-04-01 ", " 2026-04-1", "2026-04-31",
          "+026-04-01", "2026-+4-01", "２０２６-04-01", "2026-04- 1",  "2026-00-01", "20260401" };
  gint64 time, next;
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    if (sk_people_read_date (wrong[i], 0, &time))
      g_error ("\"%s\" is a date", wrong[i]);
  g_assert_true (sk_people_read_date ("", 5, &time) && time == 0);
  g_assert_true (sk_people_read_date ("2028-02-29", 0, &time));
  g_assert_true (sk_people_read_date ("2028-02-29", 1, &next));
  g_assert_cmpint (next - time, ==, DAY);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "C.UTF-8"); /* refusals are shown in both languages */
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  ADD ("/people/bad-lists", test_bad);
  ADD ("/people/limits", test_limits);
  ADD ("/people/good-lists", test_good);
  ADD ("/people/roles", test_roles);
  ADD ("/people/deputies", test_deputies);
  ADD ("/people/bad-deputies", test_bad_deputies);
  g_test_add_func ("/people/dates", test_dates);
  return g_test_run ();
}
