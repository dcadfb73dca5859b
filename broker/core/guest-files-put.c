/* Exports: what is put into a guest (PROTOCOL.md, "Files into the guest"). */
#include "common/error.h"
#include "core/guest-files-private.h"
#include "wire/buf.h"
#include <string.h>

/* So much may wait to be written: a ping behind it still goes out at once. */
#define UNSENT_MAX (64 * 1024)
/* A guest makes a large file durable between its last byte and PUT_DONE; an emulated disk takes its time. */
#define STILL_SECONDS (5 * SK_FILE_SLOW_SECONDS)

typedef enum
{
  ASKED,    /* PUT went out */
  SENDING,  /* the guest takes it */
  ALL_SENT, /* PUT_END went out; the guest makes it durable */
  STOPPED,  /* done was called; waits for the guest's last word */
} PutState;

typedef struct
{
  char *name, *sha256;
  guint64 size;
} Item;

typedef struct
{
  SkGuestFiles *files;
  guint32 id;
  PutState state;
  char *transfer;
  Item *items;
  guint n_items;
  SkGuestPutRead read;
  SkGuestPutDone done;
  gpointer data;

  guint item; /* the one that is sent, or comes next */
  gboolean open, starved;
  guint64 offset;                 /* in the item */
  guint64 window, sent, credited; /* bytes and costs of items since PUT_REPLY */
  guint64 bytes_before;           /* that the guest had from an earlier connection */
  guint still;                    /* seconds without a word of the guest that it owes */
  GError *cancelled;              /* to be told from the main loop */
} Put;

void
sk_guest_put_free (gpointer data)
{
  Put *put = data;
  for (guint i = 0; i < put->n_items; i++)
    {
      g_free (put->items[i].name);
      g_free (put->items[i].sha256);
    }
  g_free (put->items);
  g_free (put->transfer);
  g_clear_error (&put->cancelled);
  g_free (put);
}

static Put *
find (const SkGuestFiles *files, const char *transfer)
{
  for (guint i = 0; i < files->puts->len; i++)
    {
      Put *put = files->puts->pdata[i];
      if (put->state != STOPPED && g_str_equal (put->transfer, transfer))
        return put;
    }
  return NULL;
}

/* -- ends ---------------------------------------------------------------------------------------------------
 */

static void
tell (Put *put, const GError *error)
{
  SkGuestPutDone done = put->done;
  put->done = NULL;
  if (done)
    done (error, put->data);
}

/* The guest has said its last word on it. */
static void
finish (Put *put, const GError *error)
{
  SkGuestFiles *files = put->files;
  guint at;
  if (g_ptr_array_find (files->puts, put, &at))
    g_ptr_array_steal_index (files->puts, at);
  tell (put, put->cancelled ? put->cancelled : error);
  sk_guest_put_free (put);
}

static void
say_stop (Put *put, const char *text)
{
  g_autofree char *cut = sk_guest_files_cut (text);
  const SkMessage m = { .type = SK_FILE_PUT_STOP, .id = put->id, .s = { cut } };
  put->state = STOPPED;
  sk_guest_files_say (put->files, &m);
}

static void
give_up (Put *put, const GError *error)
{
  say_stop (put, error->message);
  tell (put, error);
}

void
sk_guest_puts_down (SkGuestFiles *files, SkErrorCode code, const char *why)
{
  g_autoptr (GError) error = g_error_new_literal (SK_ERROR, (int) code, why);
  while (files->puts->len > 0)
    finish (files->puts->pdata[0], error);
}

/* -- sending ------------------------------------------------------------------------------------------------
 */

static void
send_item (Put *put)
{
  const Item *item = &put->items[put->item];
  const SkMessage m = {
    .type = SK_FILE_PUT_ITEM, .id = put->id, .n = { put->item, item->size }, .s = { item->name, item->sha256 }
  };
  put->open = TRUE;
  put->sent += SK_FILE_ITEM_COST;
  sk_guest_files_say (put->files, &m);
}

static gboolean
send_data (Put *put)
{
  guint8 buffer[SK_FILE_DATA_MAX];
  g_autoptr (GError) error = NULL;
  const guint64 left = put->items[put->item].size - put->offset;
  const gsize room = MIN (left, sizeof buffer);
  const gssize n = put->read (put->item, put->offset, buffer, room, put->data, &error);
  if (n < 0 || (gsize) n > room)
    {
      if (!error)
        g_set_error_literal (&error, SK_ERROR, SK_ERROR_INTERNAL, "more was read than there is");
      give_up (put, error);
      return FALSE;
    }
  put->starved = n == 0;
  if (n == 0)
    return FALSE;
  const SkMessage m = { .type = SK_FILE_PUT_DATA,
                        .id = put->id,
                        .n = { put->item, put->offset },
                        .bytes = buffer,
                        .bytes_length = (gsize) n };
  put->offset += (guint64) n;
  put->sent += (guint64) n;
  sk_guest_files_say (put->files, &m);
  return TRUE;
}

static void
send_end (Put *put)
{
  const SkMessage m = { .type = SK_FILE_PUT_END, .id = put->id };
  put->state = ALL_SENT;
  put->still = 0;
  sk_guest_files_say (put->files, &m);
}

/* One message of this put, if it may send one. */
static gboolean
send_next (Put *put)
{
  const guint64 room = put->window - (put->sent - put->credited);
  if (put->state != SENDING || put->starved || room < SK_FILE_DATA_MAX + SK_FILE_ITEM_COST)
    return FALSE;
  if (put->open && put->offset == put->items[put->item].size)
    {
      put->open = FALSE;
      put->offset = 0;
      put->item++;
    }
  if (put->item == put->n_items)
    send_end (put);
  else if (!put->open)
    send_item (put);
  else
    return send_data (put);
  return TRUE;
}

void
sk_guest_puts_pump (SkGuestFiles *files)
{
  gboolean some = TRUE;
  if (files->pumping)
    return;
  files->pumping = TRUE;
  while (files->up && some && sk_agent_link_unsent (files->link) < UNSENT_MAX)
    {
      some = FALSE;
      /* In turns: a small file does not wait for a large one. */
      for (guint i = 0; i < files->puts->len; i++)
        some |= send_next (files->puts->pdata[i]);
    }
  files->pumping = FALSE;
}

/* -- the guest's messages -----------------------------------------------------------------------------------
 */

static guint64
bytes_up_to (const Put *put, guint item, guint64 offset)
{
  for (guint i = 0; i < item; i++)
    offset += put->items[i].size;
  return offset;
}

static const char *
handle_take (Put *put, const SkMessage *m)
{
  const guint64 size = m->n[1] < put->n_items ? put->items[m->n[1]].size : 0;
  if (m->n[1] > put->n_items || m->n[2] > size)
    return "the guest's agent goes on behind the end of a file";
  if (m->n[3] < SK_FILE_DATA_MAX + SK_FILE_ITEM_COST)
    return "the guest's agent opens no window";
  put->state = SENDING;
  put->item = (guint) m->n[1];
  put->offset = m->n[2];
  put->bytes_before = bytes_up_to (put, put->item, put->offset);
  put->window = MIN (m->n[3], SK_FILE_WINDOW);
  sk_guest_puts_pump (put->files);
  return NULL;
}

static const char *
handle_reply (Put *put, const SkMessage *m)
{
  g_autoptr (GError) error = NULL;
  if (put->state != ASKED && put->state != STOPPED)
    return "the guest's agent answered a put twice";
  if (m->n[0] == SK_FILE_TAKE)
    return put->state == ASKED ? handle_take (put, m) : NULL;
  if (m->n[0] == SK_FILE_REFUSE)
    g_set_error (&error, SK_ERROR, SK_ERROR_FORBIDDEN, "the guest refused it: %s", m->s[0]);
  else if (m->n[0] == SK_FILE_LATER)
    g_set_error (&error, SK_ERROR, SK_ERROR_FULL, "the guest is busy: %s", m->s[0]);
  else if (m->n[0] != SK_FILE_HAVE)
    return "the guest's agent gave an unknown answer to a put";
  finish (put, error);
  return NULL;
}

static const char *
handle_credit (Put *put, const SkMessage *m)
{
  if (put->state == ASKED)
    return "the guest's agent credits what was not sent";
  if (m->n[0] <= put->credited || m->n[0] > put->sent)
    return "the guest's agent credits what was not sent";
  if (m->n[0] - put->credited < SK_FILE_CREDIT_STEP && m->n[0] != put->sent)
    return "the guest's agent credits crumbs";
  put->credited = m->n[0];
  put->still = 0;
  sk_guest_puts_pump (put->files);
  return NULL;
}

static const char *
handle_done (Put *put)
{
  if (put->state != ALL_SENT && put->state != STOPPED)
    return "the guest's agent is done with what was not sent";
  finish (put, NULL);
  return NULL;
}

static const char *
handle_gone (Put *put, const char *untrusted_text)
{
  g_autoptr (GError) error
      = g_error_new (SK_ERROR, SK_ERROR_FORBIDDEN, "the guest cannot take it: %s", untrusted_text);
  finish (put, error);
  return NULL;
}

const char *
sk_guest_puts_message (SkGuestFiles *files, const SkMessage *untrusted)
{
  Put *put = NULL;
  for (guint i = 0; i < files->puts->len && !put; i++)
    if (((Put *) files->puts->pdata[i])->id == untrusted->id)
      put = files->puts->pdata[i];
  if (!put)
    return "the guest's agent speaks of a put that is not under way";
  switch (untrusted->type)
    {
    case SK_FILE_PUT_REPLY:
      return handle_reply (put, untrusted);
    case SK_FILE_PUT_CREDIT:
      return handle_credit (put, untrusted);
    case SK_FILE_PUT_DONE:
      return handle_done (put);
    default: /* SK_FILE_PUT_GONE */
      return handle_gone (put, untrusted->s[0]);
    }
}

/* Waits for the guest: for its answer, for credits when the window is used up, for the end. */
static gboolean
is_still (Put *put)
{
  const gboolean waits = put->state == SENDING ? !put->starved && put->sent > put->credited : TRUE;
  put->still = waits ? put->still + SK_GUEST_FILES_TICK_SECONDS : 0;
  return put->still >= STILL_SECONDS;
}

void
sk_guest_puts_tick (SkGuestFiles *files)
{
  g_autoptr (GError) error
      = g_error_new_literal (SK_ERROR, SK_ERROR_TIMEOUT, "the guest does not take its file");
  for (guint i = files->puts->len; i-- > 0;)
    if (i < files->puts->len && is_still (files->puts->pdata[i]))
      give_up (files->puts->pdata[i], error);
}

/* -- the core's calls ---------------------------------------------------------------------------------------
 */

static gboolean
check (SkGuestFiles *files, const char *id, const SkGuestPutItem *items, guint n_items, guint64 *ret_bytes,
       GError **error)
{
  gboolean good = sk_file_is_id (id) && n_items >= 1 && n_items <= SK_FILE_ITEMS_MAX;
  guint64 bytes = 0;
  for (guint i = 0; i < n_items && good; i++)
    {
      const gsize length = strlen (items[i].name);
      good = length >= 1 && length <= SK_FILE_NAME_MAX && sk_text_is_clean (items[i].name, length)
             && sk_file_is_hex (items[i].sha256, 64) && items[i].size <= SK_FILE_BYTES_MAX - bytes;
      bytes += good ? items[i].size : 0;
    }
  *ret_bytes = bytes;
  if (!good)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_LIMIT, "a name, size or number of files does not fit");
  else if (!files->up)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_PEER_LOST, "the guest's agent is not there");
  else if (find (files, id))
    g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT, "it is on its way to the guest");
  else if (files->puts->len >= SK_FILE_PUTS_MAX)
    g_set_error_literal (error, SK_ERROR, SK_ERROR_FULL, "too many files go to the guest at once");
  else
    return TRUE;
  return FALSE;
}

gboolean
sk_guest_files_put (SkGuestFiles *files, const char *id, const SkGuestPutItem *items, guint n_items,
                    SkGuestPutRead read, SkGuestPutDone done, gpointer data, GError **error)
{
  guint64 bytes;
  if (!check (files, id, items, n_items, &bytes, error))
    return FALSE;
  Put *put = g_new0 (Put, 1);
  *put = (Put){ .files = files,
                .id = ++files->last_put,
                .transfer = g_strdup (id),
                .items = g_new0 (Item, n_items),
                .n_items = n_items,
                .read = read,
                .done = done,
                .data = data };
  for (guint i = 0; i < n_items; i++)
    put->items[i] = (Item){ g_strdup (items[i].name), g_strdup (items[i].sha256), items[i].size };
  g_ptr_array_add (files->puts, put);
  const SkMessage m = { .type = SK_FILE_PUT, .id = put->id, .n = { n_items, bytes }, .s = { put->transfer } };
  sk_guest_files_say (files, &m);
  sk_guest_files_watch (files);
  return TRUE;
}

void
sk_guest_files_put_more (SkGuestFiles *files, const char *id)
{
  Put *put = find (files, id);
  if (!put)
    return;
  put->starved = FALSE;
  sk_guest_puts_pump (files);
}

static void
on_later (gpointer data)
{
  SkGuestFiles *files = data;
  files->later = 0;
  for (guint i = files->puts->len; i-- > 0;)
    {
      Put *put = i < files->puts->len ? files->puts->pdata[i] : NULL;
      if (put && put->cancelled)
        tell (put, put->cancelled);
    }
}

void
sk_guest_files_put_cancel (SkGuestFiles *files, const char *id)
{
  Put *put = find (files, id);
  if (!put)
    return;
  put->cancelled = g_error_new_literal (SK_ERROR, SK_ERROR_CANCELLED, "taken back");
  say_stop (put, "");
  if (!files->later)
    sk_timer_set (files->clock, &files->later, 0, on_later, files);
}

guint64
sk_guest_files_put_progress (const SkGuestFiles *files, const char *id)
{
  const Put *put = find (files, id);
  if (!put)
    return 0;
  /* Without what the started items cost. */
  const guint64 unacknowledged = put->sent - put->credited;
  const guint64 sent = bytes_up_to (put, put->item, put->offset);
  return MAX (put->bytes_before, sent - MIN (sent, unacknowledged));
}
