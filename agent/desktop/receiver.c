#include "desktop/receiver.h"
#include "api/json.h"
#include "common/error.h"
#include <poll.h>
#include <string.h>

typedef struct
{
  char *id, *folder;
  GPtrArray *names;
  GError *error;
  SkTransferInfo *info; /* of something that was decided or is to be */
  SkReceiverWord word;
} News;

/* Shared with the thread; the last of both frees it. */
struct _SkReceiver
{
  gint references;
  char *socket;
  GCancellable *cancellable;
  GAsyncQueue *queue; /* News */
  GSource *source;
  SkReceiverNews news;
  SkReceiverTold tell; /* NULL: nobody wants to know */
  gpointer data;
  char *told; /* the last failure */
};

static void
news_free (News *news)
{
  g_free (news->id);
  g_free (news->folder);
  g_clear_pointer (&news->names, g_ptr_array_unref);
  g_clear_error (&news->error);
  sk_transfer_info_free (news->info);
  g_free (news);
}

static void
receiver_unref (SkReceiver *self)
{
  if (!g_atomic_int_dec_and_test (&self->references))
    return;
  g_async_queue_unref (self->queue);
  g_source_unref (self->source);
  g_object_unref (self->cancellable);
  g_free (self->socket);
  g_free (self->told);
  g_free (self);
}

/* -- main context ---------------------------------------------------------------------------------------- */

static gboolean
on_wake (gpointer data)
{
  SkReceiver *self = data;
  News *news;
  g_source_set_ready_time (self->source, -1);
  /* The callback may free the receiver. */
  g_atomic_int_inc (&self->references);
  while (!g_source_is_destroyed (self->source) && (news = g_async_queue_try_pop (self->queue)))
    {
      const SkReceipt receipt = { news->id, news->folder, news->names };
      if (news->info)
        self->tell (news->word, news->info, self->data);
      else
        self->news (news->error ? NULL : &receipt, news->error, self->data);
      news_free (news);
    }
  receiver_unref (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  return callback (data);
}

static GSourceFuncs source_funcs = { .dispatch = dispatch };

/* -- thread ---------------------------------------------------------------------------------------------- */

static void
tell (SkReceiver *self, News *news)
{
  g_async_queue_push (self->queue, news);
  g_source_set_ready_time (self->source, 0);
}

static void
on_done (const SkReceipt *receipt, gpointer data)
{
  News *news = g_new0 (News, 1);
  news->id = g_strdup (receipt->id);
  news->folder = g_strdup (receipt->folder);
  news->names = g_ptr_array_ref (receipt->names);
  tell (data, news);
}

static gboolean
is_nobodys_fault (const GError *error)
{
  return g_error_matches (error, SK_ERROR, SK_ERROR_UNAVAILABLE)
         || g_error_matches (error, SK_ERROR, SK_ERROR_PEER_LOST)
         || g_error_matches (error, SK_ERROR, SK_ERROR_TIMEOUT)
         || g_error_matches (error, SK_ERROR, SK_ERROR_CONFLICT)
         || g_error_matches (error, SK_ERROR, SK_ERROR_CANCELLED)
         /* A broker that knows no transfers. */
         || g_error_matches (error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

static void
tell_failure (SkReceiver *self, const GError *error)
{
  if (is_nobodys_fault (error) || g_strcmp0 (self->told, error->message) == 0)
    return;
  g_free (self->told);
  self->told = g_strdup (error->message);
  News *news = g_new0 (News, 1);
  news->error = g_error_copy (error);
  tell (self, news);
}

/* Returns the seconds until the next time without an event. */
static guint
sweep (SkReceiver *self, SkClient *client)
{
  const SkReceiveOptions options = { .cancellable = self->cancellable, .done = on_done, .data = self };
  g_autoptr (GError) error = NULL;
  guint count;
  if (sk_receive_all (client, &options, &count, &error))
    {
      g_clear_pointer (&self->told, g_free);
      return SK_RECEIVER_SWEEP_SECONDS;
    }
  tell_failure (self, error);
  return is_nobodys_fault (error) ? SK_RECEIVER_AWAY_SECONDS : SK_RECEIVER_RETRY_SECONDS;
}

/* What became of something that this user sent or copied, or that they are asked about it. */
static gboolean
is_word (JsonObject *object, SkReceiverWord *ret_word)
{
  static const char *const decided[] = { "approved", "denied", "expired", "cancelled", "refused", NULL };
  const char *type = sk_json_get_string (object, "type", ""),
             *state = sk_json_get_string (object, "state", ""),
             *kind = sk_json_get_string (object, "kind", "");
  *ret_word = strcmp (type, "approval") == 0 ? SK_RECEIVER_ASKED : SK_RECEIVER_DECIDED;
  if (*ret_word == SK_RECEIVER_ASKED)
    return strcmp (state, "waiting") == 0 || strcmp (state, "escalated") == 0;
  if (strcmp (type, "transfer") != 0)
    return FALSE;
  if (sk_transfer_passes (kind))
    return strcmp (state, "held") == 0 || g_strv_contains (decided, state);
  return g_strv_contains (decided, state) && strcmp (kind, "file") == 0
         && strcmp (sk_json_get_string (object, "direction", ""), "export") == 0;
}

/* Small texts that a rule lets pass, and what people do themselves, are no news. A copy takes the place of
 * the one that waited before it. state: the event's; what has happened since has an event of its own. */
static gboolean
is_news (const SkTransferInfo *info, SkReceiverWord word, const char *state)
{
  if (word == SK_RECEIVER_ASKED || info->decisions->len > 0 || strcmp (info->state, "expired") == 0)
    return TRUE;
  if (sk_transfer_passes (info->kind))
    return strcmp (info->state, state) == 0
           && (strcmp (state, "held") == 0 || strcmp (state, "refused") == 0);
  return strcmp (info->state, "cancelled") == 0 && g_strcmp0 (info->user, g_get_user_name ()) != 0;
}

static void
tell_word (SkReceiver *self, JsonNode *event)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (event) ? json_node_get_object (event) : NULL;
  SkReceiverWord word;
  if (!self->tell || !is_word (object, &word))
    return;
  g_autoptr (SkClient) client = sk_client_new (self->socket);
  g_autoptr (SkTransferInfo) info
      = sk_transfer_info_get (client, sk_json_get_string (object, "id", ""), NULL);
  if (!info || !is_news (info, word, sk_json_get_string (object, "state", "")))
    return;
  News *news = g_new0 (News, 1);
  news->word = word;
  news->info = g_steal_pointer (&info);
  tell (self, news);
}

static gboolean
is_release (JsonNode *event)
{
  JsonObject *object = JSON_NODE_HOLDS_OBJECT (event) ? json_node_get_object (event) : NULL;
  return strcmp (sk_json_get_string (object, "type", ""), "transfer") == 0
         && strcmp (sk_json_get_string (object, "state", ""), "releasing") == 0;
}

/* TRUE: something to fetch, or time is up. FALSE: the stream of events is over, or nobody waits any more. */
static gboolean
wait_for_release (SkReceiver *self, SkClientEvents *events, guint seconds)
{
  const gint64 end = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;
  GPollFD cancel = { .fd = -1 };
  if (!g_cancellable_make_pollfd (self->cancellable, &cancel))
    return FALSE;
  gboolean goes_on = TRUE, found = FALSE;
  while (goes_on && !found)
    {
      g_autoptr (GError) over = NULL;
      g_autoptr (JsonNode) event = events ? sk_client_events_next (events, 0, &over) : NULL;
      const gint64 left = (end - g_get_monotonic_time ()) / 1000;
      struct pollfd waiting[]
          = { { cancel.fd, POLLIN, 0 }, { events ? sk_client_events_get_fd (events) : -1, POLLIN, 0 } };
      if (event)
        tell_word (self, event);
      found = event ? is_release (event) : left <= 0;
      if (!event && !found && !over)
        poll (waiting, G_N_ELEMENTS (waiting), (int) left + 1);
      goes_on = !over && !g_cancellable_is_cancelled (self->cancellable);
    }
  g_cancellable_release_fd (self->cancellable);
  return goes_on;
}

static gpointer
receiver_thread (gpointer data)
{
  SkReceiver *self = data;
  g_autoptr (SkClient) client = sk_client_new (self->socket);
  while (!g_cancellable_is_cancelled (self->cancellable))
    {
      /* Before the sweep, so that no release falls in between. */
      g_autoptr (SkClientEvents) events = sk_client_events (client, NULL);
      guint seconds = events ? sweep (self, client) : SK_RECEIVER_AWAY_SECONDS;
      while (wait_for_release (self, events, seconds) && events)
        seconds = sweep (self, client);
    }
  receiver_unref (self);
  return NULL;
}

/* -- both ------------------------------------------------------------------------------------------------ */

SkReceiver *
sk_receiver_new (const char *socket, SkReceiverNews news, gpointer data)
{
  return sk_receiver_new_full (socket, news, NULL, data);
}

SkReceiver *
sk_receiver_new_full (const char *socket, SkReceiverNews news, SkReceiverTold told, gpointer data)
{
  SkReceiver *self = g_new0 (SkReceiver, 1);
  self->references = 2;
  self->socket = g_strdup (socket);
  self->cancellable = g_cancellable_new ();
  self->queue = g_async_queue_new_full ((GDestroyNotify) news_free);
  self->news = news;
  self->tell = told;
  self->data = data;
  self->source = g_source_new (&source_funcs, sizeof (GSource));
  g_source_set_callback (self->source, on_wake, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
  g_thread_unref (g_thread_new ("receiver", receiver_thread, self));
  return self;
}

void
sk_receiver_free (SkReceiver *self)
{
  if (!self)
    return;
  g_source_destroy (self->source);
  g_cancellable_cancel (self->cancellable);
  receiver_unref (self);
}
