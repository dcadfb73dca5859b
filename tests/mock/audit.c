#include "mock/audit.h"
#include "common/crossing.h"
#include "store/store-private.h"
#include "store/transfers.h"

/* 2026-04-01 09:00 in Tokyo. */
#define MORNING (G_GINT64_CONSTANT (1775001600) * G_USEC_PER_SEC)
#define MINUTE ((gint64) 60 * G_USEC_PER_SEC)

struct _MockAudit
{
  SkStore *store;
  SkAudit *audit;
};

static void
append (MockAudit *self, const char *actor, const char *action, const char *object, const char *details,
        guint minute)
{
  const SkAuditEvent event = { "mori", actor, action, object, "", details, MORNING + minute * MINUTE };
  g_assert_true (sk_audit_append (self->audit, &event, NULL));
}

typedef struct
{
  const char *id, *user, *section, *purpose, *name, *sha256, *approver;
  SkTransferState way[4]; /* ends with SK_TRANSFER_RECEIVING */
} Export;

/* Names that a spreadsheet or a browser could be led astray by. */
static const Export exports[] = {
  { "aaaaaaaa-0000-4000-8000-000000000001",
    "hanako",
    "税務課",
    "県への報告",
    "報告書.txt",
    "aa11",
    "ichiro",
    { SK_TRANSFER_INSPECTING, SK_TRANSFER_HELD, SK_TRANSFER_APPROVED } },
  { "aaaaaaaa-0000-4000-8000-000000000002",
    "taro",
    "=1+1",
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>.txt",
    "cc33",
    NULL,
    { SK_TRANSFER_REFUSED } },
  { "aaaaaaaa-0000-4000-8000-000000000003",
    "taro",
    "総務課",
    "＝全角の式, \"引用\"",
    "a,b.txt",
    "dd44",
    NULL,
    { SK_TRANSFER_INSPECTING, SK_TRANSFER_APPROVED } },
};

static char *
details_of (const SkTransfer *row)
{
  return g_strdup_printf ("{\"state\":\"%s\",\"user\":\"%s\"}", sk_transfer_state_word (row->state),
                          row->user);
}

static void
put (MockAudit *self, SkTransfer *row, SkTransferState state, const char *actor, guint minute)
{
  g_autofree char *action = g_strconcat ("transfer.", sk_transfer_state_word (state), NULL);
  row->state = state;
  g_autofree char *details = details_of (row);
  g_assert_true (sk_store_put_transfer (self->store, row, NULL));
  append (self, actor, action, row->id, details, minute);
}

static void
write_export (MockAudit *self, const Export *e, guint minute)
{
  g_autoptr (SkTransfer) row = sk_transfer_new ();
  g_autoptr (SkTransferItem) item = sk_transfer_item_new ();
  char **const texts[] = { &row->id,        &row->user, &row->section, &row->purpose, &row->organisation,
                           &item->transfer, &item->id,  &item->name,   &item->sha256 };
  const char *const values[]
      = { e->id, e->user, e->section, e->purpose, "mori", e->id, e->id, e->name, e->sha256 };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_free (*texts[i]);
      *texts[i] = g_strdup (values[i]);
    }
  row->direction = SK_CROSS_EXPORT;
  row->kind = SK_KIND_FILE;
  row->count = 1;
  row->bytes = item->bytes = 1234;
  row->created = row->changed = MORNING + minute * MINUTE;
  put (self, row, SK_TRANSFER_RECEIVING, e->user, minute);
  g_assert_true (sk_store_put_transfer_item (self->store, item, NULL));
  for (guint i = 0; e->way[i] != SK_TRANSFER_RECEIVING; i++)
    {
      if (e->way[i] == SK_TRANSFER_APPROVED && e->approver)
        {
          const SkDecision decision = { .id = (char *) e->id,
                                        .transfer = (char *) e->id,
                                        .user = (char *) e->approver,
                                        .in_place_of = (char *) "",
                                        .verdict = SK_DECISION_APPROVE,
                                        .comment = (char *) "確認しました",
                                        .created = row->created };
          row->state = SK_TRANSFER_APPROVED;
          g_assert_true (sk_store_put_decision (self->store, &decision, NULL));
          g_assert_true (sk_store_put_transfer (self->store, row, NULL));
          append (self, e->approver, "approval.approved", e->id,
                  "{\"state\":\"approved\",\"stage\":0,\"comment\":\"確認しました\"}", minute + i + 1);
        }
      else
        put (self, row, e->way[i], "policy", minute + i + 1);
    }
}

MockAudit *
mock_audit_new (const char *folder)
{
  g_autofree char *database = g_build_filename (folder, "sekisho.db", NULL);
  MockAudit *self = g_new0 (MockAudit, 1);
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  self->store = sk_store_open (database, NULL);
  g_assert_nonnull (self->store);
  self->audit = sk_audit_new (self->store, folder, "mori", NULL);
  g_assert_nonnull (self->audit);
  append (self, "admin", "pool.created", "internet", "{\"image\":\"trixie\"}", 0);
  append (self, "hanako", "session.opened", "11111111-0000-4000-8000-000000000009", "{\"user\":\"hanako\"}",
          1);
  for (guint i = 0; i < G_N_ELEMENTS (exports); i++)
    write_export (self, &exports[i], 10 + 10 * i);
  return self;
}

void
mock_audit_free (MockAudit *self)
{
  if (!self)
    return;
  sk_audit_free (self->audit);
  sk_store_close (self->store);
  g_free (self);
}

SkAudit *
mock_audit_trail (MockAudit *self)
{
  return self->audit;
}

void
mock_audit_tamper (MockAudit *self)
{
  g_assert_cmpint (sqlite3_exec (sk_store_handle (self->store),
                                 "DROP TRIGGER audit_grows; UPDATE audit SET actor = 'nobody' WHERE seq = 2",
                                 NULL, NULL, NULL),
                   ==, SQLITE_OK);
}
