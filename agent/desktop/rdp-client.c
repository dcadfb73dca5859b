#include "desktop/rdp-shared.h"
#include "common/error.h"
#include "common/fd.h"
#include "desktop/timing.h"
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* A view answers the end of our input with its own in a few milliseconds, also on a loaded machine. Who takes
 * longer does not read, and a user who closes a window does not wait for it. */
#define DRAIN_US (500 * G_TIME_SPAN_MILLISECOND)

/* -- what the two threads share ------------------------------------------------------------------------- */

void
sk_rdp_notify (SkRdpClient *client)
{
  g_mutex_lock (&client->notify_mutex);
  if (client->notify)
    client->notify (client, client->notify_data);
  g_mutex_unlock (&client->notify_mutex);
}

void
sk_rdp_client_set_notify (SkRdpClient *client, SkRdpNotify notify, gpointer data)
{
  g_mutex_lock (&client->notify_mutex);
  client->notify = notify;
  client->notify_data = data;
  g_mutex_unlock (&client->notify_mutex);
}

void
sk_rdp_set_state (SkRdpClient *client, SkRdpState state)
{
  g_mutex_lock (&client->mutex);
  gboolean changed = state > client->state;
  if (changed)
    {
      client->state = state;
      client->state_us[state] = sk_timing_now_us ();
    }
  g_mutex_unlock (&client->mutex);
  if (changed)
    sk_rdp_notify (client);
}

SkRdpState
sk_rdp_client_get_state (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  SkRdpState state = client->state;
  g_mutex_unlock (&client->mutex);
  return state;
}

gint64
sk_rdp_client_get_time (SkRdpClient *client, SkRdpState state)
{
  g_mutex_lock (&client->mutex);
  gint64 us = client->state_us[state];
  g_mutex_unlock (&client->mutex);
  return us;
}

GError *
sk_rdp_client_get_error (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  GError *error = client->error ? g_error_copy (client->error) : NULL;
  g_mutex_unlock (&client->mutex);
  return error;
}

gboolean
sk_rdp_client_can_resize (SkRdpClient *client)
{
  return g_atomic_int_get (&client->can_resize);
}

void
sk_rdp_client_set_muted (SkRdpClient *client, gboolean muted)
{
  g_atomic_int_set (&client->muted, muted);
}

gboolean
sk_rdp_client_take_pointer (SkRdpClient *client, SkPointer *ret_pointer)
{
  g_mutex_lock (&client->mutex);
  gboolean changed = client->pointer_changed;
  if (changed)
    *ret_pointer = client->pointer;
  client->pointer_changed = FALSE;
  g_mutex_unlock (&client->mutex);
  return changed;
}

/* -- the clipboard -------------------------------------------------------------------------------------- */

void
sk_rdp_client_set_clip (SkRdpClient *client, SkClipKind kind, GBytes *content)
{
  g_mutex_lock (&client->mutex);
  g_clear_pointer (&client->clip_out, g_bytes_unref);
  client->clip_out = content ? g_bytes_ref (content) : NULL;
  client->clip_out_kind = kind;
  client->clip_changed = TRUE;
  g_mutex_unlock (&client->mutex);
  eventfd_write (client->wake_fd, 1);
}

GBytes *
sk_rdp_client_take_clip (SkRdpClient *client, SkClipKind *ret_kind, guint64 *ret_number)
{
  static const SkClipKind kinds[] = { SK_CLIP_TEXT, SK_CLIP_PICTURE };
  GBytes *taken = NULL;
  g_mutex_lock (&client->mutex);
  for (guint i = 0; i < G_N_ELEMENTS (kinds) && !taken; i++)
    {
      taken = g_steal_pointer (&client->clip_in[kinds[i]]);
      *ret_kind = kinds[i];
      *ret_number = client->clip_number[kinds[i]];
    }
  g_mutex_unlock (&client->mutex);
  return taken;
}

/* -- the thread's life ---------------------------------------------------------------------------------- */

gboolean
sk_rdp_wait_for_target (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  while (!client->stop && client->target.fd < 0)
    g_cond_wait (&client->cond, &client->mutex);
  gboolean go = !client->stop;
  g_mutex_unlock (&client->mutex);
  return go;
}

void
sk_rdp_fail (SkRdpClient *client, SkErrorCode code, const char *text)
{
  g_mutex_lock (&client->mutex);
  if (!client->error)
    client->error = g_error_new_literal (SK_ERROR, code, text);
  g_mutex_unlock (&client->mutex);
}

static gpointer
thread_main (gpointer data)
{
  SkRdpClient *client = data;
  g_autoptr (GError) error = NULL;
  SkRdpBackend run = sk_rdp_get_backend (&error);
  if (run)
    run (client);
  else
    sk_rdp_fail (client, SK_ERROR_UNAVAILABLE, error->message);
  sk_rdp_set_state (client, SK_RDP_CLOSED);
  g_mutex_lock (&client->mutex);
  client->ended = TRUE;
  g_cond_broadcast (&client->cond);
  g_mutex_unlock (&client->mutex);
  return NULL;
}

SkRdpClient *
sk_rdp_client_new (SkPixels *pixels, int width, int height, SkRdpNotify notify, gpointer data)
{
  SkRdpClient *client = g_new0 (SkRdpClient, 1);
  g_mutex_init (&client->mutex);
  g_mutex_init (&client->notify_mutex);
  g_cond_init (&client->cond);
  client->pixels = sk_pixels_ref (pixels);
  client->expected_width = width;
  client->expected_height = height;
  client->notify = notify;
  client->notify_data = data;
  client->target.fd = -1;
  client->own_fd = -1;
  client->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  client->queue = g_array_new (FALSE, FALSE, sizeof (SkRdpCommand));
  client->thread = g_thread_new ("rdp", thread_main, client);
  return client;
}

static gboolean
is_fingerprint (const char *text)
{
  return text && strlen (text) == 64 && strspn (text, "0123456789abcdefABCDEF") == 64;
}

gboolean
sk_rdp_client_connect (SkRdpClient *client, const SkRdpTarget *target, GError **error)
{
  if (!is_fingerprint (target->fingerprint) && !(target->accept_any && !target->fingerprint))
    {
      close (target->fd);
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID, "fingerprint");
      return FALSE;
    }
  g_mutex_lock (&client->mutex);
  if (client->state == SK_RDP_CLOSED)
    {
      /* It could not even be prepared. */
      g_propagate_error (error, g_error_copy (client->error));
      g_mutex_unlock (&client->mutex);
      close (target->fd);
      return FALSE;
    }
  client->target = *target;
  client->target.fingerprint = target->fingerprint ? g_ascii_strdown (target->fingerprint, -1) : NULL;
  /* FreeRDP closes its own; ours is there to shut the connection down whatever FreeRDP waits for. */
  client->own_fd = fcntl (target->fd, F_DUPFD_CLOEXEC, 3);
  g_cond_signal (&client->cond);
  g_mutex_unlock (&client->mutex);
  return TRUE;
}

/* What was typed last is still to arrive: the RDP thread sends it, ends our direction only, and goes on
 * reading until the peer has read all and closes. Called with the mutex. */
static void
drain (SkRdpClient *client)
{
  const gint64 deadline = g_get_monotonic_time () + DRAIN_US;
  const gboolean connected = client->state == SK_RDP_CONNECTED || client->state == SK_RDP_PICTURE;
  while (connected && !client->ended && g_cond_wait_until (&client->cond, &client->mutex, deadline))
    ;
}

static void
stop_thread (SkRdpClient *client)
{
  g_mutex_lock (&client->mutex);
  client->stop = TRUE;
  g_cond_broadcast (&client->cond);
  eventfd_write (client->wake_fd, 1);
  drain (client);
  if (client->own_fd >= 0)
    shutdown (client->own_fd, SHUT_RDWR);
  g_mutex_unlock (&client->mutex);
  g_thread_join (client->thread);
}

void
sk_rdp_client_free (SkRdpClient *client)
{
  if (!client)
    return;
  stop_thread (client);
  if (client->target.fd >= 0 && !client->fd_given)
    close (client->target.fd);
  sk_clear_fd (&client->own_fd);
  sk_clear_fd (&client->wake_fd);
  g_free ((char *) client->target.fingerprint);
  g_clear_error (&client->error);
  g_array_unref (client->queue);
  g_clear_pointer (&client->clip_out, g_bytes_unref);
  for (guint i = 0; i < SK_CLIP_KINDS; i++)
    g_clear_pointer (&client->clip_in[i], g_bytes_unref);
  sk_pixels_unref (client->pixels);
  g_mutex_clear (&client->mutex);
  g_mutex_clear (&client->notify_mutex);
  g_cond_clear (&client->cond);
  g_free (client);
}

/* -- input: queued here, sent by the RDP thread ---------------------------------------------------------- */

static void
push (SkRdpClient *client, SkRdpCommand command)
{
  g_mutex_lock (&client->mutex);
  SkRdpCommand *last
      = client->queue->len ? &g_array_index (client->queue, SkRdpCommand, client->queue->len - 1) : NULL;
  gboolean replaces = last && last->type == command.type
                      && (command.type == SK_RDP_COMMAND_MOTION || command.type == SK_RDP_COMMAND_RESIZE);
  if (client->state >= SK_RDP_CLOSED || (client->queue->len >= SK_RDP_QUEUE_MAX && !replaces))
    command.type = SK_RDP_COMMAND_NONE;
  else if (replaces)
    *last = command;
  else
    g_array_append_val (client->queue, command);
  g_mutex_unlock (&client->mutex);
  if (command.type != SK_RDP_COMMAND_NONE)
    eventfd_write (client->wake_fd, 1);
}

void
sk_rdp_client_key (SkRdpClient *client, guint scancode, gboolean down, gboolean repeat)
{
  if (scancode)
    push (client, (SkRdpCommand){ SK_RDP_COMMAND_KEY, scancode, down, repeat });
}

void
sk_rdp_client_text (SkRdpClient *client, const char *utf8)
{
  glong units = 0;
  g_autofree gunichar2 *utf16 = g_utf8_to_utf16 (utf8, -1, NULL, &units, NULL);
  for (glong i = 0; utf16 && i < units; i++)
    push (client, (SkRdpCommand){ SK_RDP_COMMAND_UNICODE, utf16[i] });
}

void
sk_rdp_client_locks (SkRdpClient *client, gboolean caps, gboolean num, gboolean scroll, gboolean kana)
{
  push (client, (SkRdpCommand){ SK_RDP_COMMAND_LOCKS, caps, num, scroll, kana });
}

void
sk_rdp_client_motion (SkRdpClient *client, int x, int y)
{
  push (client, (SkRdpCommand){ SK_RDP_COMMAND_MOTION, x, y });
}

void
sk_rdp_client_button (SkRdpClient *client, guint button, gboolean down, int x, int y)
{
  push (client, (SkRdpCommand){ SK_RDP_COMMAND_BUTTON, x, y, button, down });
}

void
sk_rdp_client_wheel (SkRdpClient *client, int vertical, int horizontal, int x, int y)
{
  if (vertical)
    push (client, (SkRdpCommand){ SK_RDP_COMMAND_WHEEL, x, y, vertical, FALSE });
  if (horizontal)
    push (client, (SkRdpCommand){ SK_RDP_COMMAND_WHEEL, x, y, horizontal, TRUE });
}

void
sk_rdp_client_resize (SkRdpClient *client, int width, int height, int scale_percent)
{
  push (client, (SkRdpCommand){ SK_RDP_COMMAND_RESIZE, width, height, scale_percent });
}
