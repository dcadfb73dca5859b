#include "mock/guest.h"
#include "common/error.h"
#include <string.h>

#define DEADLINE_SECONDS 120

/* ---- the link ---- */

#define MOCK_TYPE_LINK (mock_link_get_type ())
G_DECLARE_FINAL_TYPE (MockLink, mock_link, MOCK, LINK, SkAgentLink)
struct _MockLink
{
  SkAgentLink parent;
  MockGuest *guest;
  gboolean up;
};
G_DEFINE_FINAL_TYPE (MockLink, mock_link, SK_TYPE_AGENT_LINK)

typedef struct
{
  SkAgentAnswer answer;
  gpointer data;
} Request;

static void
heard_free (gpointer data)
{
  MockHeard *heard = data;
  sk_message_clear (&heard->m);
  g_byte_array_unref (heard->body);
  g_free (heard);
}

static void
set_running (SkAgentLink *link, gboolean running)
{
}

static gboolean
is_up (SkAgentLink *link)
{
  return MOCK_LINK (link)->up;
}

static void
call (SkAgentLink *link, const SkMessage *message, guint timeout_ms, SkAgentAnswer answer, gpointer data)
{
  MockGuest *guest = MOCK_LINK (link)->guest;
  Request *request = g_new (Request, 1);
  *request = (Request){ answer, data };
  g_queue_push_tail (&guest->open, request);
  if (message->type == SK_AGENT_OPEN_URL)
    g_ptr_array_add (guest->urls, g_strdup (message->s[0]));
}

static gboolean
send_file (SkAgentLink *link, const SkMessage *message, GError **error)
{
  MockHeard *heard = g_new0 (MockHeard, 1);
  heard->body = g_byte_array_new ();
  if (!sk_message_encode (sk_agent_messages, message, heard->body, error))
    {
      heard_free (heard);
      return FALSE;
    }
  g_assert_true (sk_message_decode (sk_agent_messages, SK_FROM_HOST, message->type, message->id,
                                    heard->body->data, heard->body->len, &heard->m, NULL));
  g_ptr_array_add (MOCK_LINK (link)->guest->heard, heard);
  return TRUE;
}

static gsize
unsent (SkAgentLink *link)
{
  return 0;
}

static void
mock_link_class_init (MockLinkClass *klass)
{
  SkAgentLinkClass *link = SK_AGENT_LINK_CLASS (klass);
  link->set_running = set_running;
  link->is_up = is_up;
  link->call = call;
  link->send_file = send_file;
  link->unsent = unsent;
}

static void
mock_link_init (MockLink *self)
{
}

/* ---- the guest ---- */

void
mock_guest_init (MockGuest *guest)
{
  *guest = (MockGuest){ .link = g_object_new (MOCK_TYPE_LINK, NULL),
                        .heard = g_ptr_array_new_with_free_func (heard_free),
                        .urls = g_ptr_array_new_with_free_func (g_free) };
  MOCK_LINK (guest->link)->guest = guest;
  sk_agent_link_set_running (guest->link, TRUE);
}

void
mock_guest_clear (MockGuest *guest)
{
  if (!guest->link)
    return;
  while (guest->open.length > 0)
    mock_guest_answer (guest, FALSE, "", SK_ERROR_CANCELLED);
  g_clear_object (&guest->link);
  g_clear_pointer (&guest->heard, g_ptr_array_unref);
  g_clear_pointer (&guest->urls, g_ptr_array_unref);
}

void
mock_guest_connect (MockGuest *guest)
{
  guest->last_offer = 0;
  guest->next = guest->heard->len;
  MOCK_LINK (guest->link)->up = TRUE;
  sk_agent_link_emit_hello (guest->link);
}

void
mock_guest_disconnect (MockGuest *guest)
{
  MOCK_LINK (guest->link)->up = FALSE;
  sk_agent_link_emit_down (guest->link);
}

const char *
mock_guest_say (MockGuest *guest, const SkMessage *m)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  g_auto (SkMessage) in = { 0 };
  g_assert_true (sk_message_encode (sk_agent_messages, m, body, NULL));
  if (!sk_message_decode (sk_agent_messages, SK_FROM_PEER, m->type, m->id, body->data, body->len, &in, NULL))
    g_assert_not_reached ();
  const char *broken = sk_agent_link_emit_file (guest->link, &in);
  if (broken)
    mock_guest_disconnect (guest);
  return broken;
}

static gboolean
on_deadline (gpointer what)
{
  g_error ("the test waited too long for %s", (const char *) what);
  return G_SOURCE_REMOVE;
}

void
mock_guest_answer (MockGuest *guest, gboolean ok, const char *text, guint code)
{
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, (gpointer) "a request");
  while (guest->open.length == 0)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  g_autofree Request *request = g_queue_pop_head (&guest->open);
  g_autoptr (GError) error = code ? g_error_new_literal (SK_ERROR, (int) code, "the link is gone") : NULL;
  request->answer (ok, text, NULL, error, request->data);
}

static const SkMessage *
pass_to (MockGuest *guest, guint16 type)
{
  while (guest->next < guest->heard->len)
    {
      MockHeard *heard = guest->heard->pdata[guest->next++];
      if (heard->m.type == type)
        return &heard->m;
    }
  return NULL;
}

const SkMessage *
mock_guest_hears (MockGuest *guest, guint16 type)
{
  const char *name = sk_message_spec (sk_agent_messages, type)->name;
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, (gpointer) name);
  const SkMessage *m;
  while (!(m = pass_to (guest, type)))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (deadline);
  return m;
}

gboolean
mock_guest_has_heard (const MockGuest *guest, guint16 type)
{
  for (guint i = guest->next; i < guest->heard->len; i++)
    if (((MockHeard *) guest->heard->pdata[i])->m.type == type)
      return TRUE;
  return FALSE;
}

guint
mock_guest_count (const MockGuest *guest, guint16 type)
{
  guint n = 0;
  for (guint i = 0; i < guest->heard->len; i++)
    n += ((MockHeard *) guest->heard->pdata[i])->m.type == type;
  return n;
}

/* ---- its words ---- */

const char *
mock_guest_offer (MockGuest *guest, const char *key, const char *kind, guint items, guint64 bytes)
{
  const SkMessage m = { .type = SK_FILE_OFFER,
                        .id = ++guest->last_offer,
                        .n = { items, bytes },
                        .s = { (char *) key, (char *) kind } };
  return mock_guest_say (guest, &m);
}

const char *
mock_guest_item (MockGuest *guest, guint index, guint64 size, const char *name)
{
  const SkMessage m
      = { .type = SK_FILE_ITEM, .id = guest->last_offer, .n = { index, size }, .s = { (char *) name } };
  return mock_guest_say (guest, &m);
}

const char *
mock_guest_data (MockGuest *guest, guint index, guint64 offset, const void *data, gsize length)
{
  const SkMessage m = { .type = SK_FILE_DATA,
                        .id = guest->last_offer,
                        .n = { index, offset },
                        .bytes = data,
                        .bytes_length = length };
  return mock_guest_say (guest, &m);
}

const char *
mock_guest_item_end (MockGuest *guest, guint index)
{
  const SkMessage m
      = { .type = SK_FILE_ITEM_END, .id = guest->last_offer, .n = { index }, .s = { (char *) "" } };
  return mock_guest_say (guest, &m);
}

const char *
mock_guest_offer_end (MockGuest *guest)
{
  const SkMessage m = { .type = SK_FILE_OFFER_END, .id = guest->last_offer };
  return mock_guest_say (guest, &m);
}

const char *
mock_guest_gone (MockGuest *guest)
{
  const SkMessage m = { .type = SK_FILE_OFFER_GONE, .id = guest->last_offer, .s = { (char *) "" } };
  return mock_guest_say (guest, &m);
}

/* ---- an honest one ---- */

/* What the host has credited of this offer. */
static guint64
credited (const MockGuest *guest)
{
  for (guint i = guest->heard->len; i > 0; i--)
    {
      const SkMessage *m = &((MockHeard *) guest->heard->pdata[i - 1])->m;
      if (m->type == SK_FILE_CREDIT && m->id == guest->last_offer)
        return m->n[0];
      if (m->type == SK_FILE_OFFER_REPLY)
        break;
    }
  return 0;
}

static gboolean
was_stopped (const MockGuest *guest)
{
  return mock_guest_has_heard (guest, SK_FILE_OFFER_STOP);
}

void
mock_guest_send_item (MockGuest *guest, guint index, const char *name, const void *data, gsize length,
                      gsize from)
{
  const guint deadline = g_timeout_add_seconds (DEADLINE_SECONDS, on_deadline, "credits");
  guint64 sent = SK_FILE_ITEM_COST;
  const guint64 before = credited (guest);
  g_assert_null (mock_guest_item (guest, index, length, name));
  for (gsize at = from; at < length && !was_stopped (guest);)
    {
      const gsize n = MIN (length - at, SK_FILE_DATA_MAX);
      while (sent + n > credited (guest) - before + SK_FILE_WINDOW / 2 && !was_stopped (guest))
        g_main_context_iteration (NULL, TRUE);
      g_assert_null (mock_guest_data (guest, index, at, (const guint8 *) data + at, n));
      at += n;
      sent += n;
    }
  g_assert_null (mock_guest_item_end (guest, index));
  g_source_remove (deadline);
}

gboolean
mock_guest_send_file (MockGuest *guest, const char *key, const char *name, const void *data, gsize length,
                      char **ret_text)
{
  const SkMessage *m;
  *ret_text = NULL;
  g_assert_null (mock_guest_offer (guest, key, "file", 1, length));
  m = mock_guest_hears (guest, SK_FILE_OFFER_REPLY);
  if (m->n[0] == SK_FILE_TAKE)
    {
      mock_guest_send_item (guest, 0, name, data, length, 0);
      g_assert_null (mock_guest_offer_end (guest));
      m = mock_guest_hears (guest, SK_FILE_OFFER_STOP);
      *ret_text = g_strdup (m->s[0]);
    }
  else
    *ret_text = g_strdup (m->s[0]);
  const gboolean taken = m->n[0] == SK_FILE_HAVE;
  g_assert_null (mock_guest_gone (guest));
  return taken;
}

GByteArray *
mock_guest_take_put (MockGuest *guest, char **ret_name)
{
  const guint32 id = mock_guest_hears (guest, SK_FILE_PUT)->id;
  const SkMessage reply = {
    .type = SK_FILE_PUT_REPLY, .id = id, .n = { SK_FILE_TAKE, 0, 0, SK_FILE_WINDOW }, .s = { (char *) "" }
  };
  const SkMessage done = { .type = SK_FILE_PUT_DONE, .id = id };
  GByteArray *all = g_byte_array_new ();
  guint from = guest->next;
  guint64 came = 0;
  gboolean ended = FALSE;
  *ret_name = NULL;
  g_assert_null (mock_guest_say (guest, &reply));
  while (!ended)
    {
      const guint64 before = came;
      for (; from < guest->heard->len; from++)
        {
          const SkMessage *m = &((MockHeard *) guest->heard->pdata[from])->m;
          if (m->id != id)
            continue;
          ended = m->type == SK_FILE_PUT_END;
          came += m->type == SK_FILE_PUT_DATA   ? m->bytes_length
                  : m->type == SK_FILE_PUT_ITEM ? SK_FILE_ITEM_COST
                                                : 0;
          if (m->type == SK_FILE_PUT_ITEM && !*ret_name)
            *ret_name = g_strdup (m->s[0]);
          if (m->type == SK_FILE_PUT_DATA)
            g_byte_array_append (all, m->bytes, (guint) m->bytes_length);
        }
      const SkMessage credit = { .type = SK_FILE_PUT_CREDIT, .id = id, .n = { came } };
      if (came > before)
        g_assert_null (mock_guest_say (guest, &credit));
      else if (!ended)
        g_main_context_iteration (NULL, TRUE);
    }
  guest->next = from;
  g_assert_null (mock_guest_say (guest, &done));
  return all;
}
