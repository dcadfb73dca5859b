/* One session: a user, the VM that is theirs, and the view of the moment. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/core.h"
#include "core/trail.h"
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#define BIT(state) (1u << (state))
#define TOKEN_BYTES 32

static const guint transitions[] = {
  [SK_SESSION_QUEUED] = BIT (SK_SESSION_STARTING) | BIT (SK_SESSION_ENDED),
  [SK_SESSION_STARTING] = BIT (SK_SESSION_ACTIVE) | BIT (SK_SESSION_DETACHED) | BIT (SK_SESSION_ENDED),
  [SK_SESSION_ACTIVE] = BIT (SK_SESSION_DETACHED) | BIT (SK_SESSION_ENDED),
  [SK_SESSION_DETACHED] = BIT (SK_SESSION_ACTIVE) | BIT (SK_SESSION_ENDED),
  [SK_SESSION_ENDED] = 0,
};

static void enter_state (SkLiveSession *session);

/* -- life of the object -----------------------------------------------------------------------------------
 */

SkLiveSession *
sk_live_session_ref (SkLiveSession *session)
{
  g_ref_count_inc (&session->refs);
  return session;
}

void
sk_live_session_unref (SkLiveSession *session)
{
  if (!g_ref_count_dec (&session->refs))
    return;
  g_assert (session->core == NULL);
  sk_session_free (session->row);
  g_free (session->token);
  g_free (session);
}

SkLiveSession *
sk_live_session_load (SkCore *core, SkSession *take_row)
{
  SkLiveSession *session = g_new0 (SkLiveSession, 1);
  g_ref_count_init (&session->refs);
  session->core = core;
  session->row = take_row;
  g_ptr_array_add (core->sessions, session);
  return session;
}

static void
forget_token (SkLiveSession *session)
{
  sk_timer_clear (session->core->parts.clock, &session->token_timer);
  g_clear_pointer (&session->token, g_free);
}

void
sk_live_session_forget (SkLiveSession *session)
{
  if (!session->core)
    return;
  forget_token (session);
  sk_timer_clear (session->core->parts.clock, &session->state_timer);
  sk_timer_clear (session->core->parts.clock, &session->handshake_timer);
  if (session->view)
    sk_worker_set_listener (session->view, NULL, NULL);
  g_clear_object (&session->view);
  if (session->reserved)
    sk_worker_set_listener (session->reserved, NULL, NULL);
  g_clear_object (&session->reserved);
  g_clear_pointer (&session->clipboard, sk_clipboard_free);
  session->vm = NULL;
  session->core = NULL;
}

/* The row and what the trail says of it are one. */
static gboolean
write_row (SkCore *core, const SkSession *row, const char *action, const char *actor, GError **error)
{
  if (!sk_trail_begin (core, error))
    return FALSE;
  if (sk_store_put_session (core->parts.store, row, error)
      && sk_trail_commit (core,
                          &(SkTrailRow){ .action = action,
                                         .object = row->id,
                                         .user = row->user,
                                         .actor = actor,
                                         .details = sk_trail_session (row) },
                          error))
    return TRUE;
  sk_trail_rollback (core);
  return FALSE;
}

static const char *
state_action (SkSessionState state)
{
  switch (state)
    {
    case SK_SESSION_QUEUED:
      return "session.opened";
    case SK_SESSION_STARTING:
      return "session.started";
    case SK_SESSION_ACTIVE:
      return "session.attached";
    case SK_SESSION_DETACHED:
      return "session.detached";
    case SK_SESSION_ENDED:
      return "session.ended";
    }
  return "session";
}

gboolean
sk_live_session_write (SkCore *core, const SkSession *row, GError **error)
{
  return write_row (core, row, state_action (row->state), row->state == SK_SESSION_ACTIVE ? row->user : NULL,
                    error);
}

SkLiveSession *
sk_live_session_new (SkCore *core, SkLivePool *pool, const SkIdentity *who, GError **error)
{
  gint64 now = sk_core_wall (core);
  g_autofree char *id = g_uuid_string_random ();
  SkSession row = { id, pool->row->name, "", who->user, who->uid, SK_SESSION_QUEUED, "", "", now, now };
  if (!write_row (core, &row, "session.opened", who->user, error))
    return NULL;
  SkLiveSession *session = sk_live_session_load (core, sk_session_copy (&row));
  sk_info (SK_FIELDS ("session", id, "pool", pool->row->name, "user", who->user), "new session");
  sk_core_emit (core, "session", id, "queued", "");
  return session;
}

/* -- the one way to change state --------------------------------------------------------------------------
 */

/* A row that cannot be written does not stop a session: nobody else's rights hang on it, and a restart finds
 * out again what is true. written: the store has it already (the claim). */
static void
set_state (SkLiveSession *session, SkSessionState state, const char *reason, gboolean written)
{
  SkSessionState old = session->row->state;
  g_autoptr (GError) error = NULL;
  if (!(transitions[old] & BIT (state)))
    {
      g_critical ("session %s: %s cannot become %s", session->row->id, sk_session_state_word (old),
                  sk_session_state_word (state));
      return;
    }
  session->row->state = state;
  session->row->changed = sk_core_wall (session->core);
  if (reason)
    {
      g_free (session->row->reason);
      session->row->reason = g_strdup (reason);
    }
  if (!written && !sk_live_session_write (session->core, session->row, &error))
    {
      sk_err (SK_FIELDS ("session", session->row->id), "the store does not take it: %s", error->message);
      if (state == SK_SESSION_ENDED)
        g_ptr_array_add (session->core->unwritten, sk_session_copy (session->row));
    }
  sk_notice (SK_FIELDS ("session", session->row->id, "user", session->row->user), "%s -> %s %s",
             sk_session_state_word (old), sk_session_state_word (state), session->row->reason);
  sk_core_emit (session->core, "session", session->row->id, sk_session_state_word (state),
                session->row->reason);
  if (state == SK_SESSION_ENDED && session->core->parts.transfers)
    {
      sk_transfers_remove_guest (session->core->parts.transfers, session->row->id);
      sk_live_session_clip_end (session);
    }
  enter_state (session);
}

static void
drop_reserved (SkLiveSession *session)
{
  forget_token (session);
  if (session->reserved)
    sk_spares_give_back (session->core, g_steal_pointer (&session->reserved));
}

/* Ends the viewer's connection if there is one. */
static void
drop_view (SkLiveSession *session)
{
  sk_timer_clear (session->core->parts.clock, &session->handshake_timer);
  if (!session->view)
    return;
  if (session->vm && session->vm->screen)
    sk_worker_remove_view (session->vm->screen, session->view_number);
  sk_worker_set_listener (session->view, NULL, NULL);
  if (!sk_worker_is_dead (session->view))
    sk_worker_end (session->view);
  g_clear_object (&session->view);
  session->view_active = session->view_drawn = FALSE;
}

static void
on_detached_too_long (gpointer data)
{
  SkLiveSession *session = data;
  session->state_timer = 0;
  sk_live_session_end (
      session, SK_BOTH ("Nobody was connected for too long.", "接続がないまま一定時間が過ぎました。"));
}

/* Since when is in the row, so a restart of the core gives no new time. */
static void
start_detached_timer (SkLiveSession *session)
{
  SkLivePool *pool = sk_core_pool (session->core, session->row->pool);
  gint64 minutes = pool ? pool->row->detached_minutes : 0;
  gint64 left = session->row->changed + minutes * 60 * G_USEC_PER_SEC - sk_core_wall (session->core);
  sk_timer_set (session->core->parts.clock, &session->state_timer,
                (guint) CLAMP (left / 1000, 0, minutes * 60 * 1000), on_detached_too_long, session);
}

static void
on_start_over (gpointer data)
{
  SkLiveSession *session = data;
  session->state_timer = 0;
  if (!session->view)
    set_state (session, SK_SESSION_DETACHED, NULL, FALSE);
}

static void
enter_ended (SkLiveSession *session)
{
  SkCore *core = session->core;
  SkLiveVm *vm = session->vm;
  g_autofree char *reason = g_strdup (session->row->reason);
  drop_view (session);
  drop_reserved (session);
  session->vm = NULL;
  sk_live_session_forget (session);
  g_ptr_array_remove (core->sessions, session);
  if (vm)
    {
      vm->session = NULL;
      sk_live_vm_retire (vm, reason);
    }
  sk_core_pump_soon (core);
}

static void
enter_state (SkLiveSession *session)
{
  SkClock *clock = session->core->parts.clock;
  sk_timer_clear (clock, &session->state_timer);
  switch (session->row->state)
    {
    case SK_SESSION_STARTING:
      sk_timer_set (clock, &session->state_timer, SK_START_SECONDS * 1000, on_start_over, session);
      break;
    case SK_SESSION_DETACHED:
      start_detached_timer (session);
      break;
    case SK_SESSION_ENDED:
      enter_ended (session);
      break;
    case SK_SESSION_ACTIVE:
    case SK_SESSION_QUEUED:
      break;
    }
}

/* -- the view ---------------------------------------------------------------------------------------------
 */

static void
view_gone (SkLiveSession *session)
{
  drop_view (session);
  if (session->row->state == SK_SESSION_ACTIVE)
    set_state (session, SK_SESSION_DETACHED, NULL, FALSE);
  /* A starting session whose first viewer failed waits for the next as if it had never come. */
  else if (session->row->state == SK_SESSION_STARTING && !session->state_timer)
    set_state (session, SK_SESSION_DETACHED, NULL, FALSE);
}

static void
view_active (SkLiveSession *session)
{
  sk_timer_clear (session->core->parts.clock, &session->handshake_timer);
  session->view_active = TRUE;
  if (session->row->state == SK_SESSION_STARTING || session->row->state == SK_SESSION_DETACHED)
    set_state (session, SK_SESSION_ACTIVE, NULL, FALSE);
  sk_live_session_clip_up (session);
}

static void
on_view_state (SkWorker *view, guint state, guint detail, const char *untrusted_text, gpointer data)
{
  SkLiveSession *session = data;
  if (state == SK_VIEW_ACTIVE || state == SK_VIEW_PICTURE)
    view_active (session);
  if (state == SK_VIEW_PICTURE && !session->view_drawn)
    {
      session->view_drawn = TRUE;
      if (session->vm)
        sk_live_vm_wake (session->vm);
      sk_info (SK_FIELDS ("session", session->row->id), "first picture %u ms after attach", detail);
      sk_core_emit (session->core, "session", session->row->id, "picture", "");
    }
  if (state == SK_VIEW_CLOSED)
    view_gone (session);
}

static void
on_view_died (SkWorker *view, const char *why, gpointer data)
{
  SkLiveSession *session = data;
  sk_info (SK_FIELDS ("session", session->row->id), "view ended: %s", why);
  view_gone (session);
}

static void
on_view_scale (SkWorker *view, guint untrusted_percent, gpointer data)
{
  SkLiveSession *session = data;
  if (session->vm)
    sk_live_vm_set_scale (session->vm, untrusted_percent);
}

static void
on_view_clip (SkWorker *view, guint64 untrusted_number, guint untrusted_kind, guint untrusted_bytes,
              int take_pipe, gpointer data)
{
  sk_live_session_clip_offer (data, SK_CROSS_EXPORT, untrusted_number, untrusted_kind, untrusted_bytes,
                              take_pipe);
}

static const SkWorkerListener view_listener
    = { NULL, on_view_state, on_view_died, on_view_scale, on_view_clip };

static void
on_reserved_died (SkWorker *view, const char *why, gpointer data)
{
  SkLiveSession *session = data;
  g_clear_object (&session->reserved);
  forget_token (session);
  sk_core_pump_soon (session->core);
}

static const SkWorkerListener reserved_listener = { NULL, NULL, on_reserved_died };

static void
on_handshake_over (gpointer data)
{
  SkLiveSession *session = data;
  session->handshake_timer = 0;
  sk_notice (SK_FIELDS ("session", session->row->id), "the viewer did not finish its handshake");
  view_gone (session);
}

static gboolean
reserve_view (SkLiveSession *session)
{
  if (session->reserved)
    return TRUE;
  session->reserved = sk_spares_take (session->core);
  if (session->reserved)
    sk_worker_set_listener (session->reserved, &reserved_listener, session);
  return session->reserved != NULL;
}

/* -- tickets ----------------------------------------------------------------------------------------------
 */

static void
on_token_expired (gpointer data)
{
  SkLiveSession *session = data;
  session->token_timer = 0;
  drop_reserved (session);
}

static char *
new_token (void)
{
  guint8 bytes[TOKEN_BYTES];
  GString *text = g_string_sized_new (2 * TOKEN_BYTES + 1);
  if (RAND_bytes (bytes, sizeof bytes) != 1)
    g_error ("no random numbers"); /* nothing is safe without them */
  for (gsize i = 0; i < sizeof bytes; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
  return g_string_free (text, FALSE);
}

SkTicket *
sk_live_session_ticket (SkLiveSession *session, GError **error)
{
  SkCore *core = session->core;
  SkLivePool *pool = sk_core_pool (core, session->row->pool);
  SkTicket *ticket;
  if (!session->vm)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT, "the session still waits");
      return NULL;
    }
  /* Told here, where there is an answer to tell it in. */
  if (pool && pool->row->recording && core->parts.recordings
      && !sk_recordings_check (core->parts.recordings, error))
    return NULL;
  if (!reserve_view (session))
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_TIMEOUT, "no view is ready yet");
      return NULL;
    }
  forget_token (session);
  session->token = new_token ();
  sk_timer_set (session->core->parts.clock, &session->token_timer, SK_TOKEN_SECONDS * 1000, on_token_expired,
                session);
  ticket = g_new0 (SkTicket, 1);
  ticket->token = g_strdup (session->token);
  ticket->fingerprint = g_strdup (sk_worker_fingerprint (session->reserved));
  ticket->width = session->width ? session->width : pool ? pool->row->width : 0;
  ticket->height = session->height ? session->height : pool ? pool->row->height : 0;
  return ticket;
}

gboolean
sk_live_session_check_token (SkLiveSession *session, const char *untrusted_token, GError **error)
{
  if (session->token && session->reserved && untrusted_token && strlen (untrusted_token) == 2 * TOKEN_BYTES
      && CRYPTO_memcmp (untrusted_token, session->token, 2 * TOKEN_BYTES) == 0)
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_FORBIDDEN, "the token is not valid (any more)");
  return FALSE;
}

/* FALSE: the pool's sessions are recorded, and this one cannot be. */
static gboolean
begin_recording (SkLiveSession *session, SkLivePool *pool, int *ret_fd, GError **error)
{
  SkCore *core = session->core;
  if (!pool || !pool->row->recording)
    return TRUE;
  if (core->parts.recordings)
    *ret_fd = sk_recordings_begin (core->parts.recordings, session->row->id, session->row->user,
                                   pool->row->name, sk_core_wall (core), error);
  else
    g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "this broker keeps no recordings");
  return *ret_fd >= 0;
}

/* The token has been checked. */
gboolean
sk_live_session_attach (SkLiveSession *session, int viewer_fd, GError **error)
{
  SkCore *core = session->core;
  SkLivePool *pool = sk_core_pool (core, session->row->pool);
  const guint sound = pool && pool->row->sound ? SK_VIEW_SOUND : 0;
  /* A pool that is gone may have wanted one. */
  const gboolean watermark = !pool || pool->row->watermark;
  sk_autofd int record = -1;
  forget_token (session);
  if (!session->vm || !session->vm->screen || !session->reserved)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_CONFLICT, "the session is not ready");
      return FALSE;
    }
  if (!begin_recording (session, pool, &record, error))
    return FALSE;
  const SkViewJob job = { session->width,
                          session->height,
                          SK_VIEW_BORDER | sound,
                          SK_BORDER_RGB,
                          session->row->id,
                          pool ? pool->row->border : "",
                          watermark ? session->row->user : "",
                          record };
  if (session->view)
    view_gone (session);
  session->view = g_steal_pointer (&session->reserved);
  session->view_number = g_random_int () >> 1;
  sk_worker_set_listener (session->view, &view_listener, session);
  sk_live_session_clip_attach (session, session->view);
  if (!sk_staff_link (core->parts.staff, session->vm->screen, session->view, session->view_number, &job,
                      viewer_fd, error))
    {
      view_gone (session);
      return FALSE;
    }
  sk_timer_set (core->parts.clock, &session->handshake_timer, SK_HANDSHAKE_SECONDS * 1000, on_handshake_over,
                session);
  sk_spares_pump (core);
  return TRUE;
}

/* -- requests ---------------------------------------------------------------------------------------------
 */

void
sk_live_session_started (SkLiveSession *session, SkSession *take_row, SkLiveVm *vm)
{
  g_autoptr (SkSession) row = take_row;
  session->vm = vm;
  g_free (session->row->vm);
  session->row->vm = g_strdup (row->vm);
  reserve_view (session);
  set_state (session, SK_SESSION_STARTING, NULL, TRUE);
}

void
sk_live_session_end (SkLiveSession *session, const char *reason)
{
  g_autoptr (SkLiveSession) keep = sk_live_session_ref (session);
  if (session->row->state != SK_SESSION_ENDED)
    set_state (session, SK_SESSION_ENDED, reason, FALSE);
}

void
sk_live_session_adopt_view (SkLiveSession *session, SkWorker *view)
{
  session->view = g_object_ref (view);
  session->view_number = sk_worker_number (view);
  session->view_active = TRUE;
  sk_worker_set_listener (view, &view_listener, session);
}

void
sk_live_session_settle (SkLiveSession *session)
{
  sk_live_session_clip_settle (session);
  switch (session->row->state)
    {
    case SK_SESSION_STARTING:
    case SK_SESSION_DETACHED:
      if (session->view)
        set_state (session, SK_SESSION_ACTIVE, NULL, FALSE);
      else
        enter_state (session); /* the timer again */
      break;
    case SK_SESSION_ACTIVE:
      if (!session->view)
        set_state (session, SK_SESSION_DETACHED, NULL, FALSE);
      break;
    case SK_SESSION_QUEUED:
    case SK_SESSION_ENDED:
      break;
    }
}
