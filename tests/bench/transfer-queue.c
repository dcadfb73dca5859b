#include "transfer-box.h"
#include "api/transfers.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A town hall's staff: the list that an approver is looked for in. */
#define PEOPLE 1000

static const SkIdentity approver = { 0, (char *) "root", TRUE };
static const char stages[]
    = "[{\"approvers\":[\"role:approver\"],\"need\":1,\"deputies\":[],\"within\":0,\"escalate\":[]}]";

static void
set (char **text, const char *to)
{
  g_free (*text);
  *text = g_strdup (to);
}

static SkTransfer *
row_new (guint i, gint64 now)
{
  SkTransfer *row = sk_transfer_new ();
  g_free (row->id);
  row->id = g_uuid_string_random ();
  g_free (row->user);
  row->user = g_strdup_printf ("clerk%u", i % PEOPLE);
  row->uid = 10000 + i % PEOPLE;
  set (&row->section, "soumu");
  set (&row->organisation, "bench");
  set (&row->channel, "desk");
  set (&row->purpose, "bench");
  set (&row->stages, stages);
  row->direction = SK_CROSS_EXPORT;
  row->kind = SK_KIND_FILE;
  row->count = 1;
  row->bytes = 1024;
  row->retention_days = 30;
  row->created = row->changed = now + i;
  return row;
}

static void
put_item (SkStore *store, const SkTransfer *row, GError **error)
{
  g_autoptr (SkTransferItem) item = sk_transfer_item_new ();
  g_free (item->id);
  item->id = g_strconcat (row->id, "/0", NULL);
  set (&item->transfer, row->id);
  set (&item->name, "report.txt");
  item->bytes = item->result_bytes = 1024;
  /* Names of blobs that nobody reads here: no content is delivered. */
  item->blob = (g_free (item->blob), g_compute_checksum_for_string (G_CHECKSUM_SHA256, item->id, -1));
  set (&item->result_blob, item->blob);
  set (&item->result_name, "report.txt");
  set (&item->type, "text/plain");
  set (&item->findings, "[]");
  set (&item->removed, "[]");
  item->created = row->created;
  if (!sk_store_put_transfer_item (store, item, error))
    transfer_box_check (*error);
}

/* As an earlier core left them. */
static void
fill (const char *state, guint n)
{
  GError *error = NULL;
  g_autoptr (SkStore) store = transfer_box_store (state);
  const gint64 now = g_get_real_time () - (gint64) n;
  if (!sk_store_begin (store, &error))
    transfer_box_check (error);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SkTransfer) row = row_new (i, now);
      if (sk_store_put_transfer (store, row, &error))
        put_item (store, row, &error);
      row->state = SK_TRANSFER_HELD;
      if (!sk_store_put_transfer (store, row, &error))
        transfer_box_check (error);
    }
  if (!sk_store_commit (store, &error))
    transfer_box_check (error);
}

static void
add_people (TransferBox *box)
{
  GError *error = NULL;
  guint lines;
  g_autoptr (GString) csv
      = g_string_new ("user,name,organisation,section,role,since,until\nroot,Root,,,approver,,\n");
  for (guint i = 0; i < PEOPLE; i++)
    g_string_append_printf (csv, "clerk%u,Clerk %u,,soumu,staff,,\n", i, i);
  if (!sk_people_import (box->people, csv->str, csv->len, g_get_real_time (), &lines, &error))
    transfer_box_check (error);
}

typedef struct
{
  gint64 wall, worked;
  guint rows;
} Cost;

static void
begin (Cost *cost)
{
  cost->wall -= g_get_monotonic_time ();
  cost->worked -= transfer_box_worked ();
}

static void
end (Cost *cost, guint rows)
{
  cost->wall += g_get_monotonic_time ();
  cost->worked += transfer_box_worked ();
  cost->rows += rows;
}

static void
say_row (TransferBox *box, const SkTransfer *row, gboolean whole)
{
  g_autoptr (JsonObject) object = sk_api_transfer_to_json (box->transfers, row, whole);
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);
}

/* What GET /1.0/approvals does. */
static GPtrArray *
list_queue (TransferBox *box, Cost *cost)
{
  begin (cost);
  GPtrArray *ids = sk_transfers_queue (box->transfers, &approver);
  for (guint i = 0; i < ids->len; i++)
    say_row (box, sk_transfers_peek (box->transfers, ids->pdata[i]), TRUE);
  end (cost, ids->len);
  return ids;
}

/* What GET /1.0/transfers does, page after page. */
static void
list_pages (TransferBox *box, Cost *cost)
{
  GError *error = NULL;
  gint64 before = 0;
  for (;;)
    {
      begin (cost);
      g_autoptr (GPtrArray) rows
          = sk_transfers_list (box->transfers, &approver, SK_BOX_ALL, TRUE, before, &error);
      transfer_box_check (error);
      for (guint i = 0; i < rows->len; i++)
        say_row (box, rows->pdata[i], FALSE);
      end (cost, rows->len);
      if (rows->len == 0)
        return;
      before = ((SkTransfer *) rows->pdata[0])->created;
    }
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const gint64 one = *(const gint64 *) a, other = *(const gint64 *) b;
  return one < other ? -1 : one > other;
}

static void
say_cost (JsonObject *json, const char *name, const Cost *cost)
{
  JsonObject *object = json_object_new ();
  json_object_set_double_member (object, "us", (double) cost->wall / MAX (1, cost->rows));
  json_object_set_double_member (object, "cpu_us", (double) cost->worked / MAX (1, cost->rows));
  json_object_set_int_member (object, "rows", cost->rows);
  json_object_set_object_member (json, name, object);
}

/* Medians: one slow wait for the disk says nothing about the queue. */
static void
say_samples (JsonObject *json, const char *name, GArray *wall, GArray *worked)
{
  JsonObject *object = json_object_new ();
  g_array_sort (wall, compare);
  g_array_sort (worked, compare);
  json_object_set_double_member (object, "us", (double) g_array_index (wall, gint64, wall->len / 2));
  json_object_set_double_member (object, "cpu_us", (double) g_array_index (worked, gint64, worked->len / 2));
  json_object_set_int_member (object, "rows", wall->len);
  json_object_set_object_member (json, name, object);
}

static void
sample (const Cost *cost, GArray *wall, GArray *worked)
{
  g_array_append_val (wall, cost->wall);
  g_array_append_val (worked, cost->worked);
}

static void
decide (TransferBox *box, GPtrArray *ids, guint n, JsonObject *json)
{
  GError *error = NULL;
  g_autoptr (GArray) decided = g_array_new (FALSE, FALSE, sizeof (gint64)),
                     decided_cpu = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GArray) released = g_array_new (FALSE, FALSE, sizeof (gint64)),
                     released_cpu = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i < MIN (n, ids->len); i++)
    {
      Cost decision = { 0 }, release = { 0 };
      begin (&decision);
      if (!sk_transfers_decide (box->transfers, &approver, ids->pdata[i], SK_DECISION_APPROVE, "", &error))
        transfer_box_check (error);
      end (&decision, 1);
      begin (&release);
      transfer_box_wait (box, ids->pdata[i], SK_TRANSFER_RELEASING);
      end (&release, 1);
      sample (&decision, decided, decided_cpu);
      sample (&release, released, released_cpu);
    }
  say_samples (json, "decide", decided, decided_cpu);
  say_samples (json, "release", released, released_cpu);
}

/* What is new does not cost more because others wait. */
static void
create (TransferBox *box, guint n, JsonObject *json)
{
  GError *error = NULL;
  g_autoptr (GArray) wall = g_array_new (FALSE, FALSE, sizeof (gint64)),
                     worked = g_array_new (FALSE, FALSE, sizeof (gint64));
  const SkTransferOffer offer = { "more.txt", 1024 };
  for (guint i = 0; i < n; i++)
    {
      Cost cost = { 0 };
      const SkIdentity clerk = { 20000 + i, (char *) "somebody", FALSE };
      begin (&cost);
      g_autofree char *id = sk_transfers_create (box->transfers, &clerk, SK_KIND_FILE, "", &offer, 1, &error);
      transfer_box_check (error);
      end (&cost, 1);
      sample (&cost, wall, worked);
    }
  say_samples (json, "create", wall, worked);
}

void
transfer_queue (const char *state, const char *policies, guint n, guint n_decide)
{
  TransferBox box;
  Cost start = { 0 }, queue = { 0 }, pages = { 0 };
  g_autoptr (JsonObject) json = json_object_new ();
  fill (state, n);
  begin (&start);
  transfer_box_open (&box, state, NULL, policies);
  end (&start, n);
  add_people (&box);
  g_autoptr (GPtrArray) ids = list_queue (&box, &queue);
  list_pages (&box, &pages);
  json_object_set_int_member (json, "n", n);
  say_cost (json, "start", &start);
  say_cost (json, "list_queue", &queue);
  say_cost (json, "list_all", &pages);
  create (&box, MIN (n_decide, 100), json);
  decide (&box, ids, n_decide, json);
  transfer_box_close (&box);
  g_autoptr (JsonNode) root = json_node_init_object (json_node_alloc (), json);
  g_autofree char *line = json_to_string (root, FALSE);
  puts (line);
}
