#include "core/keeper.h"
#include "common/log.h"

/* Goes of one purge, so that the main loop waits for none of them long. */
#define GOES_MS 50

struct _SkKeeper
{
  SkAudit *audit;
  SkSoc *soc;
  SkAuditRetention retention;
  GHashTable *logged; /* organisation -> gint64: the last row in the journal */
  guint purge_timer, again;
  gboolean failing;
};

/* -- the journal --------------------------------------------------------------------------------------------
 */

static void
set_logged (SkKeeper *self, const char *organisation, gint64 seq)
{
  gint64 *copy = g_new (gint64, 1);
  *copy = seq;
  g_hash_table_replace (self->logged, g_strdup (organisation), copy);
}

/* Who, what and about what; details stay in the trail. */
static gboolean
log_row (const SkAuditRow *row, gpointer data)
{
  SkKeeper *self = data;
  g_autofree char *seq = g_strdup_printf ("%" G_GINT64_FORMAT, row->seq);
  sk_info (SK_FIELDS ("organisation", row->organisation, "audit_seq", seq, "actor", row->actor, "action",
                      row->action, "object", row->object, "matter", row->matter, "audit_hash", row->hash),
           "audit");
  set_logged (self, row->organisation, row->seq);
  return TRUE;
}

static void
log_new (SkKeeper *self)
{
  g_autoptr (GError) error = NULL;
  SkStore *store = sk_audit_store (self->audit);
  g_auto (GStrv) organisations = sk_store_audit_organisations (store, &error);
  for (char **o = organisations; o && *o && !error; o++)
    {
      const gint64 *last = g_hash_table_lookup (self->logged, *o);
      const SkAuditFilter filter = { .organisation = *o, .after_seq = last ? *last : 0 };
      if (!sk_store_audit_walk (store, &filter, log_row, self, &error))
        break;
    }
  if (error)
    sk_warn (NULL, "audit: %s", error->message);
}

static void
on_rows (const GError *heads_error, gpointer data)
{
  SkKeeper *self = data;
  if (heads_error && !self->failing)
    sk_err (NULL, "audit: %s", heads_error->message);
  self->failing = heads_error != NULL;
  log_new (self);
  sk_soc_wake (self->soc);
}

static void
on_soc (const char *sink, const char *error, gpointer data)
{
  if (error)
    sk_warn (SK_FIELDS ("sink", sink), "the audit trail does not get through, it waits: %s", error);
  else
    sk_notice (SK_FIELDS ("sink", sink), "the audit trail gets through");
}

/* What is there already was logged by the one who wrote it. */
static gboolean
skip_old (SkKeeper *self, GError **error)
{
  SkStore *store = sk_audit_store (self->audit);
  g_auto (GStrv) organisations = sk_store_audit_organisations (store, error);
  for (char **o = organisations; o && *o; o++)
    {
      g_autofree char *hash = NULL;
      gint64 seq;
      if (!sk_store_audit_head (store, *o, &seq, &hash, error))
        return FALSE;
      set_logged (self, *o, seq);
    }
  return organisations != NULL;
}

/* -- purging ------------------------------------------------------------------------------------------------
 */

static gboolean
on_again (gpointer data)
{
  SkKeeper *self = data;
  g_autoptr (GError) error = NULL;
  guint64 rows = 0;
  if (!sk_audit_purge (self->audit, &self->retention, g_get_real_time (), sk_soc_sinks (self->soc), &rows,
                       &error))
    sk_warn (NULL, "audit: purge: %s", error->message);
  else if (rows > 0)
    sk_notice (NULL, "audit: details of %u rows were let go of, their time is over", (guint) rows);
  if (rows > 0)
    return G_SOURCE_CONTINUE;
  self->again = 0;
  return G_SOURCE_REMOVE;
}

static gboolean
on_purge (gpointer data)
{
  SkKeeper *self = data;
  if (!self->again)
    self->again = g_timeout_add (GOES_MS, on_again, self);
  return G_SOURCE_CONTINUE;
}

/* -- life ---------------------------------------------------------------------------------------------------
 */

static void
say_start (SkKeeper *self)
{
  if (sk_audit_start_faults (self->audit) > 0)
    sk_err (NULL, "the audit trail is not what was written (%u faults); see: sekishoctl audit verify",
            sk_audit_start_faults (self->audit));
  if (sk_audit_start_unsigned (self->audit) > 0)
    sk_notice (NULL, "audit: %u rows came after what was signed last; a crash leaves the last second's",
               (guint) sk_audit_start_unsigned (self->audit));
}

static gboolean
append (SkKeeper *self, const char *action, const char *details, GError **error)
{
  const SkAuditEvent event = { .action = action, .details = details };
  return sk_audit_append (self->audit, &event, error);
}

SkKeeper *
sk_keeper_new (SkAudit *audit, const SkConfig *config, GError **error)
{
  const SkSocTargets targets = { config->syslog_tls, config->syslog_ca, config->audit_jsonl };
  g_autofree char *details = g_strdup_printf ("{\"version\":\"%s\",\"unsigned\":%" G_GUINT64_FORMAT "}",
                                              SK_VERSION, sk_audit_start_unsigned (audit));
  SkSoc *soc = sk_soc_new (audit, &targets, error);
  if (!soc)
    return NULL;
  SkKeeper *self = g_new0 (SkKeeper, 1);
  self->audit = audit;
  self->soc = soc;
  self->logged = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->retention
      = (SkAuditRetention){ { (guint) config->audit_transfer_days, (guint) config->audit_session_days,
                              (guint) config->audit_other_days } };
  sk_soc_set_listener (soc, on_soc, self);
  sk_audit_set_listener (audit, on_rows, self);
  say_start (self);
  if (!skip_old (self, error) || !append (self, "broker.started", details, error))
    {
      sk_keeper_free (self);
      return NULL;
    }
  self->purge_timer = g_timeout_add_seconds (SK_KEEPER_PURGE_SECONDS, on_purge, self);
  on_purge (self);
  return self;
}

void
sk_keeper_free (SkKeeper *self)
{
  g_autoptr (GError) error = NULL;
  if (!self)
    return;
  if (self->purge_timer && !append (self, "broker.stopped", "", &error))
    sk_warn (NULL, "audit: %s", error->message);
  sk_audit_set_listener (self->audit, NULL, NULL);
  g_clear_handle_id (&self->purge_timer, g_source_remove);
  g_clear_handle_id (&self->again, g_source_remove);
  sk_soc_free (self->soc);
  g_hash_table_unref (self->logged);
  g_free (self);
}
