#include "world-story.h"
#include "common/log.h"
#include <string.h>

static void
on_event (SkManager *manager, const char *type, const char *id, const char *state, const char *text,
          gpointer data)
{
  Story *story = data;
  g_ptr_array_add (story->events, g_strdup_printf ("%s %s %s %s", type, id, state, text));
}

static void
start (Story *story)
{
  world_start_core (story->world);
  g_signal_connect (story->world->manager, "event", G_CALLBACK (on_event), story);
}

void
story_begin (Story *story, guint warm, guint stored, guint maximum)
{
  sk_log_set_threshold (G_LOG_LEVEL_ERROR);
  story->world = world_new (7);
  story->events = g_ptr_array_new_with_free_func (g_free);
  sk_image_free (world_add_image (story->world, "debian"));
  start (story);
  story_edit (story, warm, stored, maximum);
}

void
story_end (Story *story)
{
  world_free (story->world);
  g_ptr_array_unref (story->events);
}

void
story_restart (Story *story)
{
  world_kill_core (story->world);
  start (story);
}

void
story_edit (Story *story, guint warm, guint stored, guint maximum)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkPool) old = sk_manager_pool (story->world->manager, "a", NULL);
  SkPool pool = world_pool ("a", warm, stored, maximum);
  g_assert_true (sk_manager_put_pool (story->world->manager, &pool, old == NULL, &error));
  g_assert_no_error (error);
  g_hash_table_insert (story->world->maximum, g_strdup ("a"), GUINT_TO_POINTER (maximum));
}

guint
story_count (Story *story, SkVmState state)
{
  g_autoptr (GPtrArray) vms = sk_manager_vms (story->world->manager);
  guint n = 0;
  for (guint i = 0; i < vms->len; i++)
    n += ((SkVm *) vms->pdata[i])->state == state;
  return n;
}

typedef struct
{
  Story *story;
  SkVmState vm_state;
  guint number, user;
  const char *session;
  SkSessionState session_state;
} Wanted;

static gboolean
has_vms (World *world, gpointer data)
{
  Wanted *wanted = data;
  return story_count (wanted->story, wanted->vm_state) == wanted->number;
}

void
story_wait_vms (Story *story, SkVmState state, guint number)
{
  Wanted wanted = { .story = story, .vm_state = state, .number = number };
  if (!world_run_until (story->world, HOUR_MS, has_vms, &wanted))
    world_broken (story->world, "%u VMs are %s, not %u", story_count (story, state), sk_vm_state_word (state),
                  number);
}

SkVm *
story_vm (Story *story, SkVmState state)
{
  g_autoptr (GPtrArray) vms = sk_manager_vms (story->world->manager);
  for (guint i = 0; i < vms->len; i++)
    if (((SkVm *) vms->pdata[i])->state == state)
      return sk_vm_copy (vms->pdata[i]);
  world_broken (story->world, "no VM is %s", sk_vm_state_word (state));
}

char *
story_open (Story *story, guint user, char **ret_token, guint *ret_position)
{
  SkIdentity who = world_user (user);
  SkTicket *ticket = NULL;
  guint position = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkSession) session
      = sk_manager_open_session (story->world->manager, &who, "a", "", 0, 0, &ticket, &position, &error);
  g_assert_no_error (error);
  if (ret_token)
    *ret_token = ticket ? g_strdup (ticket->token) : NULL;
  if (ret_position)
    *ret_position = position;
  g_clear_pointer (&ticket, sk_ticket_free);
  return g_strdup (session->id);
}

char *
story_click (Story *story, guint user)
{
  SkIdentity who = world_user (user);
  g_autoptr (GError) error = NULL;
  g_autofree char *token = NULL;
  char *id = story_open (story, user, &token, NULL);
  g_assert_nonnull (token);
  g_assert_true (sk_manager_attach (story->world->manager, &who, id, token, (int) user, &error));
  g_assert_no_error (error);
  story_wait_session (story, user, id, SK_SESSION_ACTIVE);
  return id;
}

SkSession *
story_session (Story *story, guint user, const char *id)
{
  SkIdentity who = world_user (user);
  g_autoptr (GError) error = NULL;
  SkSession *session = sk_manager_session (story->world->manager, &who, id, &error);
  g_assert_no_error (error);
  return session;
}

void
story_assert_session (Story *story, guint user, const char *id, SkSessionState state)
{
  g_autoptr (SkSession) session = story_session (story, user, id);
  g_assert_cmpstr (sk_session_state_word (session->state), ==, sk_session_state_word (state));
}

static gboolean
is_in_state (World *world, gpointer data)
{
  Wanted *wanted = data;
  g_autoptr (SkSession) session = story_session (wanted->story, wanted->user, wanted->session);
  return session->state == wanted->session_state;
}

void
story_wait_session (Story *story, guint user, const char *id, SkSessionState state)
{
  Wanted wanted = { .story = story, .user = user, .session = id, .session_state = state };
  if (!world_run_until (story->world, HOUR_MS, is_in_state, &wanted))
    world_broken (story->world, "session %s does not become %s", id, sk_session_state_word (state));
}

Proc *
story_view (Story *story, const char *session)
{
  for (guint i = 0; i < story->world->procs->len; i++)
    {
      Proc *proc = story->world->procs->pdata[i];
      if (proc->kind == SK_WORKER_VIEW && g_strcmp0 (proc->session, session) == 0)
        return proc;
    }
  world_broken (story->world, "session %s has no view", session);
}
