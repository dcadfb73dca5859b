#include "common/error.h"
#include "store/store-private.h"

const char *const sk_migrations[] = {
  /* 1: the four tables. */
  "CREATE TABLE images (id TEXT PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL,"
  "  cmdline TEXT NOT NULL, created INTEGER NOT NULL, size INTEGER NOT NULL);"
  "CREATE TABLE pools (name TEXT PRIMARY KEY NOT NULL, image TEXT NOT NULL REFERENCES images (id),"
  "  memory_mib INTEGER NOT NULL, vcpus INTEGER NOT NULL, network TEXT NOT NULL, warm INTEGER NOT NULL,"
  "  stored INTEGER NOT NULL, maximum INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
  "  detached_minutes INTEGER NOT NULL, \"group\" TEXT NOT NULL, border TEXT NOT NULL,"
  "  home_url TEXT NOT NULL, created INTEGER NOT NULL);"
  /* No reference to pools or images: rows of VMs and sessions are history and outlive both. */
  "CREATE TABLE vms (id TEXT PRIMARY KEY NOT NULL, pool TEXT NOT NULL, image TEXT NOT NULL,"
  "  spec TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, session TEXT NOT NULL,"
  "  reason TEXT NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL);"
  "CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, pool TEXT NOT NULL, vm TEXT NOT NULL,"
  "  user TEXT NOT NULL, uid INTEGER NOT NULL, state TEXT NOT NULL, url TEXT NOT NULL,"
  "  reason TEXT NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL);",

  /* 2: history grows for ever, the living stay few: lists of the living read these instead. */
  "CREATE INDEX vms_living ON vms (created) WHERE state <> 'gone';"
  "CREATE INDEX sessions_living ON sessions (created) WHERE state <> 'ended';",

  /* 3: rule 5 once more, below every line of C: an owner is written once, and a VM that has one can only
   * retire.
   */
  "CREATE TRIGGER vm_owner_once BEFORE UPDATE ON vms WHEN OLD.owner <> '' AND NEW.owner <> OLD.owner "
  "BEGIN SELECT RAISE (ABORT, 'this VM belongs to another user'); END;"
  "CREATE TRIGGER vm_owned_retires BEFORE UPDATE ON vms "
  "  WHEN OLD.owner <> '' AND NEW.state NOT IN ('attached', 'retiring', 'gone') "
  "BEGIN SELECT RAISE (ABORT, 'a VM that had a user can only retire'); END;"
  "CREATE TRIGGER vm_dead_stays BEFORE UPDATE ON vms "
  "  WHEN OLD.state IN ('retiring', 'gone', 'failed') AND NEW.state NOT IN ('retiring', 'gone', 'failed') "
  "BEGIN SELECT RAISE (ABORT, 'a VM that retires cannot come back'); END;"
  "CREATE UNIQUE INDEX sessions_vm ON sessions (vm) WHERE vm <> '';",

  /* 4: whether a pool's guests are heard; what exists gets what a new pool gets. */
  "ALTER TABLE pools ADD COLUMN sound INTEGER NOT NULL DEFAULT 1;",

  /* 5: whether the picture names who looks at it. */
  "ALTER TABLE pools ADD COLUMN watermark INTEGER NOT NULL DEFAULT 0;",

  /* 6: whether what is shown is kept. */
  "ALTER TABLE pools ADD COLUMN recording INTEGER NOT NULL DEFAULT 0;",

  /* 7: what happened. The hash covers a digest of the details, so that they can be let go of after their time
   * and the chain still holds; nothing else of a row ever changes. */
  "CREATE TABLE audit (organisation TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,"
  "  actor TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL, matter TEXT NOT NULL,"
  "  details TEXT NOT NULL, details_hash TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL,"
  "  PRIMARY KEY (organisation, seq));"
  "CREATE INDEX audit_object ON audit (object);"
  "CREATE INDEX audit_matter ON audit (matter) WHERE matter <> '';"
  "CREATE INDEX audit_time ON audit (time);"
  "CREATE TRIGGER audit_grows BEFORE UPDATE ON audit WHEN NEW.organisation <> OLD.organisation "
  "  OR NEW.seq <> OLD.seq OR NEW.time <> OLD.time OR NEW.actor <> OLD.actor OR NEW.action <> OLD.action "
  "  OR NEW.object <> OLD.object OR NEW.matter <> OLD.matter OR NEW.details_hash <> OLD.details_hash "
  "  OR NEW.prev <> OLD.prev OR NEW.hash <> OLD.hash OR NEW.details <> '' "
  "BEGIN SELECT RAISE (ABORT, 'the audit trail only grows'); END;"
  "CREATE TRIGGER audit_stays BEFORE DELETE ON audit "
  "BEGIN SELECT RAISE (ABORT, 'the audit trail only grows'); END;"
  "CREATE TABLE audit_checkpoints (organisation TEXT NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,"
  "  hash TEXT NOT NULL, signature TEXT NOT NULL, PRIMARY KEY (organisation, seq));"
  /* REPLACE deletes without asking the triggers above. */
  "CREATE TRIGGER audit_once BEFORE INSERT ON audit WHEN EXISTS "
  "  (SELECT 1 FROM audit WHERE organisation = NEW.organisation AND seq = NEW.seq) "
  "BEGIN SELECT RAISE (ABORT, 'the audit trail only grows'); END;"
  "CREATE TRIGGER audit_checkpoint_once BEFORE INSERT ON audit_checkpoints WHEN EXISTS "
  "  (SELECT 1 FROM audit_checkpoints WHERE organisation = NEW.organisation AND seq = NEW.seq) "
  "BEGIN SELECT RAISE (IGNORE); END;"
  "CREATE TRIGGER audit_checkpoint_same BEFORE UPDATE ON audit_checkpoints "
  "BEGIN SELECT RAISE (ABORT, 'checkpoints stay'); END;"
  "CREATE TRIGGER audit_checkpoint_stays BEFORE DELETE ON audit_checkpoints "
  "BEGIN SELECT RAISE (ABORT, 'checkpoints stay'); END;",

  /* 8: what crosses. */
  "CREATE TABLE transfers (id TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, direction TEXT NOT NULL,"
  "  kind TEXT NOT NULL, user TEXT NOT NULL, uid INTEGER NOT NULL, section TEXT NOT NULL,"
  "  organisation TEXT NOT NULL, channel TEXT NOT NULL, session TEXT NOT NULL, vm TEXT NOT NULL,"
  "  offer TEXT NOT NULL, purpose TEXT NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,"
  "  policy TEXT NOT NULL, rule TEXT NOT NULL, profile TEXT NOT NULL, code TEXT NOT NULL, en TEXT NOT NULL,"
  "  ja TEXT NOT NULL, stages TEXT NOT NULL, stage INTEGER NOT NULL, stage_since INTEGER NOT NULL,"
  "  due INTEGER NOT NULL, retention_days INTEGER NOT NULL, review INTEGER NOT NULL, matter TEXT NOT NULL,"
  "  created INTEGER NOT NULL, changed INTEGER NOT NULL);"
  "CREATE INDEX transfers_kept ON transfers (created) WHERE state <> 'purged';"
  "CREATE INDEX transfers_user ON transfers (user, created);"
  "CREATE INDEX transfers_created ON transfers (created);"
  "CREATE UNIQUE INDEX transfers_offer ON transfers (vm, offer) WHERE offer <> '';"
  "CREATE TABLE transfer_items (id TEXT PRIMARY KEY NOT NULL, transfer TEXT NOT NULL REFERENCES transfers "
  "(id),"
  "  position INTEGER NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, blob TEXT NOT NULL,"
  "  sha256 TEXT NOT NULL, type TEXT NOT NULL, result_blob TEXT NOT NULL, result_name TEXT NOT NULL,"
  "  result_sha256 TEXT NOT NULL, result_type TEXT NOT NULL, result_bytes INTEGER NOT NULL,"
  "  findings TEXT NOT NULL, removed TEXT NOT NULL, report TEXT NOT NULL, created INTEGER NOT NULL);"
  "CREATE INDEX transfer_items_of ON transfer_items (transfer);"
  "CREATE INDEX transfer_items_blob ON transfer_items (blob);"
  "CREATE INDEX transfer_items_result ON transfer_items (result_blob);"
  "CREATE TABLE decisions (id TEXT PRIMARY KEY NOT NULL, transfer TEXT NOT NULL REFERENCES transfers (id),"
  "  stage INTEGER NOT NULL, user TEXT NOT NULL, verdict TEXT NOT NULL, comment TEXT NOT NULL,"
  "  created INTEGER NOT NULL);"
  "CREATE INDEX decisions_of ON decisions (transfer);"
  "CREATE TABLE comments (id TEXT PRIMARY KEY NOT NULL, transfer TEXT NOT NULL REFERENCES transfers (id),"
  "  user TEXT NOT NULL, text TEXT NOT NULL, created INTEGER NOT NULL);"
  "CREATE INDEX comments_of ON comments (transfer);"
  /* Rule 6 and 8 below every line of C: what was refused, denied, cancelled or expired never crosses, and
   * only what was approved is ever released. */
  "CREATE TRIGGER transfer_ends BEFORE UPDATE ON transfers "
  "  WHEN OLD.state IN ('refused', 'denied', 'cancelled', 'expired', 'delivered', 'purged') "
  "  AND NEW.state NOT IN (OLD.state, 'purged') "
  "BEGIN SELECT RAISE (ABORT, 'this transfer has ended'); END;"
  "CREATE TRIGGER transfer_release BEFORE UPDATE ON transfers "
  "  WHEN NEW.state IN ('releasing', 'delivered') AND OLD.state NOT IN ('approved', 'releasing', "
  "'delivered') "
  "BEGIN SELECT RAISE (ABORT, 'this transfer is not approved'); END;"
  "CREATE TRIGGER transfer_approval BEFORE UPDATE ON transfers "
  "  WHEN NEW.state = 'approved' AND OLD.state NOT IN ('inspecting', 'held', 'approved') "
  "BEGIN SELECT RAISE (ABORT, 'this transfer was not inspected'); END;"
  "CREATE TRIGGER transfer_born BEFORE INSERT ON transfers "
  "  WHEN NEW.state <> 'receiving' AND NOT EXISTS (SELECT 1 FROM transfers WHERE id = NEW.id) "
  "BEGIN SELECT RAISE (ABORT, 'a transfer begins with receiving'); END;",

  /* 9: who may decide. */
  "CREATE TABLE people (id TEXT PRIMARY KEY NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL,"
  "  organisation TEXT NOT NULL, section TEXT NOT NULL, role TEXT NOT NULL, since INTEGER NOT NULL,"
  "  until INTEGER NOT NULL, created INTEGER NOT NULL);"
  "CREATE TABLE delegations (id TEXT PRIMARY KEY NOT NULL, user TEXT NOT NULL, deputy TEXT NOT NULL,"
  "  reason TEXT NOT NULL, author TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,"
  "  created INTEGER NOT NULL);",

  /* 10: matters; whose place a deputy took; when somebody else was asked too. What is said about a whole
   * matter is about no transfer, so that comments refer to none. */
  "CREATE TABLE matters (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, section TEXT NOT NULL,"
  "  organisation TEXT NOT NULL, author TEXT NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL,"
  "  changed INTEGER NOT NULL);"
  "CREATE INDEX matters_section ON matters (organisation, section);"
  "CREATE INDEX transfers_matter ON transfers (matter) WHERE matter <> '';"
  "ALTER TABLE transfers ADD COLUMN escalated INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE decisions ADD COLUMN in_place_of TEXT NOT NULL DEFAULT '';"
  "CREATE TABLE comments_new (id TEXT PRIMARY KEY NOT NULL, transfer TEXT NOT NULL, matter TEXT NOT NULL,"
  "  user TEXT NOT NULL, text TEXT NOT NULL, created INTEGER NOT NULL);"
  "INSERT INTO comments_new SELECT id, transfer, '', user, text, created FROM comments;"
  "DROP TABLE comments;"
  "ALTER TABLE comments_new RENAME TO comments;"
  "CREATE INDEX decisions_of_user ON decisions (user);"
  "CREATE INDEX comments_of ON comments (transfer);"
  "CREATE INDEX comments_of_matter ON comments (matter) WHERE matter <> '';",

  /* 11: what a scanner said of each item. What was found infected stays so and never crosses. */
  "ALTER TABLE transfer_items ADD COLUMN antivirus TEXT NOT NULL DEFAULT '';"
  "ALTER TABLE transfer_items ADD COLUMN scanner TEXT NOT NULL DEFAULT '';"
  "ALTER TABLE transfer_items ADD COLUMN scan_note TEXT NOT NULL DEFAULT '';"
  "CREATE TRIGGER transfer_item_infected BEFORE UPDATE ON transfer_items "
  "  WHEN OLD.antivirus = 'infected' AND NEW.antivirus <> 'infected' "
  "BEGIN SELECT RAISE (ABORT, 'this item is infected'); END;"
  "CREATE TRIGGER transfer_infected BEFORE UPDATE ON transfers "
  "  WHEN NEW.state IN ('held', 'approved', 'releasing', 'delivered') AND NEW.state <> OLD.state "
  "  AND EXISTS (SELECT 1 FROM transfer_items WHERE transfer = NEW.id AND antivirus = 'infected') "
  "BEGIN SELECT RAISE (ABORT, 'this transfer is infected'); END;",

  /* 12: checkpoints are a chain of their own; what must not be let go of; how far others have been told. */
  "ALTER TABLE audit_checkpoints ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE audit_checkpoints ADD COLUMN prev TEXT NOT NULL DEFAULT '';"
  "CREATE INDEX audit_kept ON audit (organisation, time) WHERE details <> '';"
  "CREATE TABLE audit_holds (id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,"
  "  reason TEXT NOT NULL, author TEXT NOT NULL, created INTEGER NOT NULL);"
  "CREATE TABLE audit_positions (sink TEXT NOT NULL, organisation TEXT NOT NULL, seq INTEGER NOT NULL,"
  "  PRIMARY KEY (sink, organisation));",

  /* 13: what the rules were asked when they decided. 0 days are now what a rule says, not what it does not.
   */
  "ALTER TABLE transfers ADD COLUMN question TEXT NOT NULL DEFAULT '';"
  "UPDATE transfers SET retention_days = 30 WHERE retention_days = 0;",

  /* 14: the clipboard crosses as transfers do; which ways, a pool says. */
  "ALTER TABLE pools ADD COLUMN clipboard TEXT NOT NULL DEFAULT 'both';"
  "ALTER TABLE transfers ADD COLUMN clip INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE transfers ADD COLUMN once INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE transfers ADD COLUMN wipe_seconds INTEGER NOT NULL DEFAULT 0;"
  "ALTER TABLE transfers ADD COLUMN keep_content INTEGER NOT NULL DEFAULT 0;",
};

guint
sk_migrations_count (void)
{
  return G_N_ELEMENTS (sk_migrations);
}

static int
read_version (sqlite3 *db, guint *ret_version)
{
  sqlite3_stmt *statement = NULL;
  int r = sqlite3_prepare_v2 (db, "PRAGMA user_version", -1, &statement, NULL);
  if (r == SQLITE_OK && (r = sqlite3_step (statement)) == SQLITE_ROW)
    {
      *ret_version = (guint) sqlite3_column_int (statement, 0);
      r = SQLITE_OK;
    }
  sqlite3_finalize (statement);
  return r;
}

static gboolean
run_steps (sqlite3 *db, guint from, guint to, GError **error)
{
  for (guint i = from; i < to; i++)
    if (sqlite3_exec (db, sk_migrations[i], NULL, NULL, NULL) != SQLITE_OK)
      return sk_store_fail (db, "migration", error);
  g_autofree char *stamp = g_strdup_printf ("PRAGMA user_version = %u", to);
  return sqlite3_exec (db, stamp, NULL, NULL, NULL) == SQLITE_OK || sk_store_fail (db, "migration", error);
}

gboolean
sk_migrate (sqlite3 *db, guint to_version, GError **error)
{
  guint version = 0;
  if (read_version (db, &version) != SQLITE_OK)
    return sk_store_fail (db, "read version", error);
  if (version > to_version)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_CONFLICT,
                   "the database is of version %u, this program knows up to %u: install the newer program",
                   version, to_version);
      return FALSE;
    }
  if (version == to_version)
    return TRUE;
  if (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
    return sk_store_fail (db, "begin", error);
  /* Somebody else may have migrated between our look and our lock. */
  if (read_version (db, &version) == SQLITE_OK && version <= to_version
      && run_steps (db, version, to_version, error))
    return sqlite3_exec (db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK || sk_store_fail (db, "commit", error);
  sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  if (error && !*error)
    return sk_store_fail (db, "migration", error);
  return FALSE;
}
