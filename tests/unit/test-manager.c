/* Sessions: tickets and tokens, viewers that come and go, who may do what, and what a restart of the core
 * leaves as it was. */
#include "audit/audit.h"
#include "common/error.h"
#include "mock/world-story.h"
#include "store/store-private.h"
#include <string.h>

static gboolean
attach (Story *story, guint user, const char *id, const char *token, GError **error)
{
  SkIdentity who = world_user (user);
  return sk_manager_attach (story->world->manager, &who, id, token, (int) user, error);
}

static char *
new_ticket (Story *story, guint user, const char *id)
{
  SkIdentity who = world_user (user);
  g_autoptr (GError) error = NULL;
  g_autoptr (SkTicket) ticket = sk_manager_ticket (story->world->manager, &who, id, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (ticket->token), ==, 64);
  return g_strdup (ticket->token);
}

static void
test_token (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_open (&story, 1, &first, NULL);
  world_run (story.world, 2000);
  g_autofree char *second = new_ticket (&story, 1, id);
  g_assert_cmpstr (first, !=, second);
  const char *bad[] = { first, "", "x", NULL };
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (attach (&story, 1, id, bad[i], &error)); /* a new one makes the one before it void */
      g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
      g_clear_error (&error);
    }
  g_assert_false (attach (&story, 2, id, second, &error)); /* not even with it: the session is not theirs */
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (attach (&story, 1, id, second, &error));
  g_assert_false (attach (&story, 1, id, second, &error)); /* once */
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  story_end (&story);
}

static void
test_token_expires (void)
{
  Story story;
  g_autofree char *token = NULL;
  SkIdentity who = world_user (1);
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_open (&story, 1, &token, NULL);
  world_run (story.world, (SK_TOKEN_SECONDS - 1) * 1000);
  g_assert_true (sk_manager_check_token (story.world->manager, &who, id, token, NULL));
  world_run (story.world, 2000);
  g_assert_false (sk_manager_check_token (story.world->manager, &who, id, token, NULL));
  story_end (&story);
}

static void
test_one_session_a_user (void)
{
  Story story;
  story_begin (&story, 2, 0, 4);
  story_wait_vms (&story, SK_VM_WARM, 2);
  g_autofree char *id = story_click (&story, 1);
  g_autofree char *again = story_open (&story, 1, NULL, NULL);
  g_autofree char *other = story_open (&story, 2, NULL, NULL);
  g_assert_cmpstr (id, ==, again);
  g_assert_cmpstr (id, !=, other);
  story_end (&story);
}

static gboolean
picture_was_told (World *world, gpointer story)
{
  const GPtrArray *events = ((Story *) story)->events;
  for (guint i = 0; i < events->len; i++)
    if (strstr (events->pdata[i], " picture"))
      return TRUE;
  return FALSE;
}

static gboolean
runs (World *world, gpointer domain)
{
  return ((Domain *) domain)->state == SK_DOMAIN_RUNNING;
}

/* A claimed VM sleeps until its user sees the picture, and without a viewer not for long. */
static void
test_wake (void)
{
  for (guint viewer = 0; viewer < 2; viewer++)
    {
      Story story;
      story_begin (&story, 1, 0, 1);
      story_wait_vms (&story, SK_VM_WARM, 1);
      world_run (story.world, 5000); /* it was put to sleep */
      g_autofree char *token = NULL;
      g_autofree char *id = story_open (&story, 1, &token, NULL);
      g_autoptr (SkVm) row = story_vm (&story, SK_VM_ATTACHED);
      Domain *domain = world_domain (story.world, row->id);
      const SkLiveVm *vm = sk_core_vm (sk_manager_core (story.world->manager), row->id);
      if (viewer)
        {
          g_assert_true (attach (&story, 1, id, token, NULL));
          g_assert_false (picture_was_told (story.world, &story));
          g_assert_cmpint (vm->op, ==, SK_OP_NONE);
          g_assert_true (world_run_until (story.world, SK_WAKE_LATEST_MS * 2, picture_was_told, &story));
        }
      else
        {
          world_run (story.world, SK_WAKE_LATEST_MS - 1);
          g_assert_cmpint (vm->op, ==, SK_OP_NONE);
          world_run (story.world, 1);
        }
      g_assert_cmpint (vm->op, ==, SK_OP_ATTACH);
      g_assert_true (world_run_until (story.world, SK_OP_FAST_MS, runs, domain));
      story_end (&story);
    }
}

static void
test_viewer_comes_back (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_autoptr (SkSession) before = story_session (&story, 1, id);
  world_close_viewer (story.world, story_view (&story, id));
  story_wait_session (&story, 1, id, SK_SESSION_DETACHED);
  world_run (story.world, 29 * MINUTE_MS);
  g_autofree char *token = new_ticket (&story, 1, id);
  g_assert_true (attach (&story, 1, id, token, NULL));
  story_wait_session (&story, 1, id, SK_SESSION_ACTIVE);
  world_run (story.world, 2 * MINUTE_MS); /* the half hour is over, but somebody is here */
  story_assert_session (&story, 1, id, SK_SESSION_ACTIVE);
  g_autoptr (SkSession) after = story_session (&story, 1, id);
  g_assert_cmpstr (before->vm, ==, after->vm);
  story_end (&story);
}

/* The pool decides at the moment a viewer comes, its VMs stay. */
static void
test_sound (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  story_begin (&story, 1, 0, 2);
  SkPool pool = world_pool ("a", 1, 0, 2);
  pool.sound = TRUE;
  g_assert_true (sk_manager_put_pool (story.world->manager, &pool, FALSE, &error));
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_assert_cmphex (story_view (&story, id)->flags, ==, SK_VIEW_BORDER | SK_VIEW_SOUND);
  pool.sound = FALSE;
  g_assert_true (sk_manager_put_pool (story.world->manager, &pool, FALSE, &error));
  g_autofree char *token = new_ticket (&story, 1, id);
  g_assert_true (attach (&story, 1, id, token, NULL));
  world_run (story.world, 2000);
  g_assert_cmphex (story_view (&story, id)->flags, ==, SK_VIEW_BORDER);
  story_assert_session (&story, 1, id, SK_SESSION_ACTIVE);
  story_end (&story);
}

/* Who cannot be recorded is shown nothing, and the token is spent all the same. */
static void
test_no_recording (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  g_autofree char *token = NULL;
  story_begin (&story, 1, 0, 1);
  SkPool pool = world_pool ("a", 1, 0, 1);
  pool.recording = TRUE;
  g_assert_true (sk_manager_put_pool (story.world->manager, &pool, FALSE, &error));
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_open (&story, 1, &token, NULL);
  g_assert_false (attach (&story, 1, id, token, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (attach (&story, 1, id, token, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_FORBIDDEN);
  story_end (&story);
}

/* What viewers say of their scale reaches the guest, and nothing but changes does. */
static void
test_scale (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_autoptr (SkSession) session = story_session (&story, 1, id);
  Domain *domain = world_domain (story.world, session->vm);
  static const guint said[] = { 100, 150, 150, 65535 }, heard[] = { 0, 150, 150, 500 },
                     times[] = { 0, 1, 1, 2 };
  for (gsize i = 0; i < G_N_ELEMENTS (said); i++)
    {
      sk_worker_emit_scale (story_view (&story, id)->handle, said[i]);
      world_run (story.world, 2000);
      g_assert_cmpuint (domain->scale, ==, heard[i]);
      g_assert_cmpuint (domain->scales, ==, times[i]);
    }
  /* A flood: one call at a time, the newest counts. */
  for (guint i = 0; i < 1000; i++)
    sk_worker_emit_scale (story_view (&story, id)->handle, 100 + i % 300);
  world_run (story.world, 5000);
  g_assert_cmpuint (domain->scale, ==, 100 + 999 % 300);
  g_assert_cmpuint (domain->scales, <=, 4);

  story_restart (&story); /* it cannot know: the next word is told, whatever it is */
  world_run (story.world, 5000);
  sk_worker_emit_scale (story_view (&story, id)->handle, 100);
  world_run (story.world, 2000);
  g_assert_cmpuint (world_domain (story.world, session->vm)->scale, ==, 100);
  story_end (&story);
}

static void
test_view_crashes (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  world_kill_proc (story.world, story_view (&story, id));
  story_wait_session (&story, 1, id, SK_SESSION_DETACHED);
  g_autofree char *token = new_ticket (&story, 1, id);
  g_assert_true (attach (&story, 1, id, token, NULL));
  story_wait_session (&story, 1, id, SK_SESSION_ACTIVE);
  story_end (&story);
}

/* A second viewer takes the first one's place. */
static void
test_newer_viewer_wins (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_autofree char *older = g_strdup (story_view (&story, id)->id);
  g_autofree char *token = new_ticket (&story, 1, id);
  g_assert_true (attach (&story, 1, id, token, NULL));
  story_wait_session (&story, 1, id, SK_SESSION_ACTIVE);
  g_assert_null (world_proc (story.world, SK_WORKER_VIEW, older));
  story_end (&story);
}

static void
test_detached_too_long (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  world_close_viewer (story.world, story_view (&story, id));
  story_wait_session (&story, 1, id, SK_SESSION_DETACHED);
  world_run (story.world, 20 * MINUTE_MS);
  story_restart (&story); /* gives no new time */
  world_run (story.world, 11 * MINUTE_MS);
  story_assert_session (&story, 1, id, SK_SESSION_ENDED);
  story_end (&story);
}

/* Somebody opens and never connects. */
static void
test_nobody_comes (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_open (&story, 1, NULL, NULL);
  story_wait_session (&story, 1, id, SK_SESSION_DETACHED);
  story_wait_session (&story, 1, id, SK_SESSION_ENDED);
  story_end (&story);
}

static void
test_others_see_nothing (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  SkIdentity other = world_user (2), admin = world_user (5);
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_autoptr (GPtrArray) own = sk_manager_sessions (story.world->manager, &other);
  g_autoptr (GPtrArray) all = sk_manager_sessions (story.world->manager, &admin);
  g_assert_cmpuint (own->len, ==, 0);
  g_assert_cmpuint (all->len, ==, 1);
  g_assert_null (sk_manager_session (story.world->manager, &other, id, NULL));
  g_assert_null (sk_manager_ticket (story.world->manager, &other, id, NULL));
  g_assert_null (
      sk_manager_ticket (story.world->manager, &admin, id, NULL)); /* an admin ends, but does not watch */
  g_assert_false (sk_manager_open_url (story.world->manager, &other, id, "http://x/", NULL));
  g_assert_false (sk_manager_end_session (story.world->manager, &other, id, "", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_NOT_FOUND);
  g_assert_true (sk_manager_end_session (story.world->manager, &admin, id, "", NULL));
  story_end (&story);
}

static SkErrorCode
open_error (Story *story, guint user, const char *pool, const char *url, guint width)
{
  SkIdentity who = world_user (user);
  SkTicket *ticket = NULL;
  guint position;
  g_autoptr (GError) error = NULL;
  g_autoptr (SkSession) session = sk_manager_open_session (story->world->manager, &who, pool, url, width,
                                                           width, &ticket, &position, &error);
  g_clear_pointer (&ticket, sk_ticket_free);
  g_assert_null (session);
  return (SkErrorCode) error->code;
}

static void
test_refusals (void)
{
  Story story;
  SkPool closed = world_pool ("closed", 0, 0, 1);
  story_begin (&story, 0, 0, 1);
  closed.group = (char *) "no-such-group";
  g_assert_true (sk_manager_put_pool (story.world->manager, &closed, TRUE, NULL));
  g_assert_cmpint (open_error (&story, 1, "none", "", 0), ==, SK_ERROR_NOT_FOUND);
  g_assert_cmpint (open_error (&story, 1, "closed", "", 0), ==, SK_ERROR_FORBIDDEN);
  g_assert_cmpint (open_error (&story, 1, "a", "file:///etc/passwd", 0), ==, SK_ERROR_INVALID);
  g_assert_cmpint (open_error (&story, 1, "a", "", 1), ==, SK_ERROR_INVALID);
  sk_manager_drain (story.world->manager, FALSE);
  g_assert_cmpint (open_error (&story, 1, "a", "", 0), ==, SK_ERROR_UNAVAILABLE);
  story_end (&story);
}

/* One user opening and ending all day would burn VMs. */
static void
test_too_often (void)
{
  Story story;
  SkIdentity who = world_user (1);
  story_begin (&story, 0, 0, 1);
  for (guint i = 0; i < SK_USER_OPENS_MAX; i++)
    {
      g_autofree char *id = story_open (&story, 1, NULL, NULL);
      g_assert_true (sk_manager_end_session (story.world->manager, &who, id, "", NULL));
    }
  g_assert_cmpint (open_error (&story, 1, "a", "", 0), ==, SK_ERROR_LIMIT);
  world_run (story.world, SK_USER_OPENS_SECONDS * 1000);
  g_free (story_open (&story, 1, NULL, NULL));
  story_end (&story);
}

static void
test_restart_keeps_all (void)
{
  Story story;
  story_begin (&story, 2, 1, 4);
  story_wait_vms (&story, SK_VM_WARM, 2);
  story_wait_vms (&story, SK_VM_STORED, 1);
  g_autofree char *active = story_click (&story, 1);
  g_autofree char *view = g_strdup (story_view (&story, active)->id);
  story_wait_vms (&story, SK_VM_WARM, 2);
  story_wait_vms (&story, SK_VM_STORED, 1);
  guint creates = story.world->creates;
  story_restart (&story);
  world_run (story.world, 5000);
  story_assert_session (&story, 1, active, SK_SESSION_ACTIVE);
  g_assert_cmpstr (story_view (&story, active)->id, ==, view);
  g_assert_cmpuint (story_count (&story, SK_VM_WARM), ==, 2);
  g_assert_cmpuint (story.world->creates, ==, creates);
  SkIdentity who = world_user (1);
  g_assert_true (sk_manager_end_session (story.world->manager, &who, active, "", NULL));
  story_wait_vms (&story, SK_VM_RETIRING, 0);
  g_assert_null (world_proc (story.world, SK_WORKER_VIEW, view));
  story_end (&story);
}

static void
test_restart_keeps_queue (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *first = story_click (&story, 1);
  g_autofree char *second = story_open (&story, 2, NULL, NULL);
  g_autofree char *third = story_open (&story, 3, NULL, NULL);
  story_restart (&story);
  g_assert_cmpuint (sk_manager_queue_position (story.world->manager, second), ==, 1);
  g_assert_cmpuint (sk_manager_queue_position (story.world->manager, third), ==, 2);
  SkIdentity who = world_user (1);
  g_assert_true (sk_manager_end_session (story.world->manager, &who, first, "", NULL));
  story_wait_session (&story, 2, second, SK_SESSION_STARTING);
  story_end (&story);
}

/* What was half made or half claimed when the core died. */
static void
test_restart_mid_boot (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_BOOTING, 1);
  g_autoptr (SkVm) half = story_vm (&story, SK_VM_BOOTING);
  story_restart (&story);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkVm) whole = story_vm (&story, SK_VM_WARM);
  g_assert_cmpstr (half->id, !=, whole->id);
  g_assert_null (world_domain (story.world, half->id));
  story_end (&story);
}

static void
test_restart_mid_claim (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_open (&story, 1, NULL, NULL);
  story_restart (&story); /* before the resume was even asked for */
  world_run (story.world, 5000);
  g_autoptr (SkVm) vm = story_vm (&story, SK_VM_ATTACHED);
  g_assert_cmpint (world_domain (story.world, vm->id)->state, ==, SK_DOMAIN_RUNNING);
  g_assert_cmpstr (world_domain (story.world, vm->id)->owner, ==, "taro");
  story_assert_session (&story, 1, id, SK_SESSION_STARTING);
  story_end (&story);
}

static void
test_restart_screen_gone (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  world_kill_core (story.world);
  for (guint i = story.world->procs->len; i-- > 0;)
    if (((Proc *) story.world->procs->pdata[i])->kind == SK_WORKER_SCREEN)
      world_kill_proc (story.world, story.world->procs->pdata[i]);
  world_start_core (story.world);
  story_wait_session (&story, 1, id, SK_SESSION_ENDED);
  story_wait_vms (&story, SK_VM_WARM, 1);
  story_end (&story);
}

static void
test_libvirt_lost (void)
{
  Story story;
  story_begin (&story, 1, 0, 3);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *stays = story_click (&story, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *dies = story_click (&story, 2);
  g_autoptr (SkSession) dead = story_session (&story, 2, dies);
  world_set_connected (story.world, FALSE);
  world_crash_domain (story.world, world_domain (story.world, dead->vm)); /* nobody can tell us */
  world_run (story.world, 10000);
  story_assert_session (&story, 1, stays, SK_SESSION_ACTIVE);
  world_set_connected (story.world, TRUE);
  story_wait_session (&story, 2, dies, SK_SESSION_ENDED);
  story_assert_session (&story, 1, stays, SK_SESSION_ACTIVE);
  story_wait_vms (&story, SK_VM_WARM, 1);
  story_end (&story);
}

static void
test_full_disk (void)
{
  Story story;
  sqlite3 *db;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  db = sk_store_handle (story.world->store);
  sqlite3_exec (db, "PRAGMA query_only = ON", NULL, NULL, NULL);
  g_assert_cmpint (open_error (&story, 1, "a", "", 0), ==, SK_ERROR_STORE);
  SkIdentity admin = world_user (5);
  g_autoptr (GPtrArray) none = sk_manager_sessions (story.world->manager, &admin);
  g_assert_cmpuint (none->len, ==, 0);
  g_assert_cmpuint (story_count (&story, SK_VM_WARM), ==, 1);
  sqlite3_exec (db, "PRAGMA query_only = OFF", NULL, NULL, NULL);
  g_free (story_click (&story, 1));
  story_end (&story);
}

static gboolean
is_drained (World *world, gpointer data)
{
  return sk_manager_is_drained (world->manager);
}

static void
test_drain (void)
{
  Story story;
  story_begin (&story, 1, 1, 4);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  sk_manager_drain (story.world->manager, FALSE);
  world_run (story.world, HOUR_MS / 3);
  story_assert_session (&story, 1, id, SK_SESSION_ACTIVE); /* the orderly way: whoever works may finish */
  g_assert_cmpuint (story.world->domains->len, ==, 1);
  sk_manager_drain (story.world->manager, TRUE);
  g_assert_true (world_run_until (story.world, HOUR_MS, is_drained, NULL));
  g_assert_cmpuint (story.world->domains->len, ==, 0);
  g_assert_cmpuint (story.world->procs->len, ==, 0);
  g_assert_cmpstr (story.events->pdata[story.events->len - 1], ==, "broker  drained ");
  story_end (&story);
}

/* -- doctor -----------------------------------------------------------------------------------------------
 */

static void
on_report (GObject *manager, GAsyncResult *result, gpointer data)
{
  *(char **) data = sk_manager_doctor_finish (SK_MANAGER (manager), result, NULL);
}

static gboolean
has_report (World *world, gpointer data)
{
  while (g_main_context_iteration (NULL, FALSE))
    ; /* GTask answers from there */
  return *(char **) data != NULL;
}

static char *
examine (Story *story, guint disturb_ms, void (*disturb) (Story *, const char *))
{
  char *report = NULL;
  g_autoptr (SkVm) vm = story_vm (story, SK_VM_WARM);
  sk_manager_doctor_async (story->world->manager, "203.0.113.9:8080", on_report, &report);
  if (disturb)
    {
      world_run (story->world, disturb_ms);
      if (world_domain (story->world, vm->id)) /* else it was quicker */
        disturb (story, vm->id);
    }
  g_assert_true (world_run_until (story->world, HOUR_MS, has_report, &report));
  story_wait_vms (story, SK_VM_RETIRING, 0);
  story_wait_vms (story, SK_VM_FAILED, 0);
  g_assert_null (world_domain (story->world, vm->id)); /* it was asked, it goes */
  return report;
}

static void
agent_dies (Story *story, const char *vm)
{
  Domain *domain = world_domain (story->world, vm);
  domain->agent_dead = TRUE;
  world_domain_changed (domain);
}

static void
qemu_dies (Story *story, const char *vm)
{
  world_crash_domain (story->world, world_domain (story->world, vm));
}

static void
admin_retires (Story *story, const char *vm)
{
  g_assert_true (sk_manager_retire_vm (story->world->manager, vm, "", NULL));
}

static void
test_doctor (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *report = examine (&story, 0, NULL);
  g_assert_nonnull (strstr (report, "canary 203.0.113.9:8080"));
  g_assert_null (strstr (report, "did not: nothing is proved"));
  story_wait_vms (&story, SK_VM_WARM, 1);
  story_restart (&story); /* an agent that has to greet again */
  world_run (story.world, 2000);
  g_autofree char *again = examine (&story, 0, NULL);
  g_assert_nonnull (strstr (again, "canary 203.0.113.9:8080"));
  g_assert_null (strstr (again, "did not: nothing is proved"));
  story_end (&story);
}

/* At any moment: the report comes, it is not green, and nothing falls over. */
static void
test_doctor_disturbed (void)
{
  static void (*const disturbances[]) (Story *, const char *) = { agent_dies, qemu_dies, admin_retires };
  for (gsize i = 0; i < G_N_ELEMENTS (disturbances); i++)
    for (guint ms = 0; ms < 3000; ms += 130)
      {
        Story story;
        story_begin (&story, 1, 0, 2);
        story_wait_vms (&story, SK_VM_WARM, 1);
        g_autofree char *report = examine (&story, ms, disturbances[i]);
        g_assert_nonnull (strstr (report, "checks"));
        story_end (&story);
      }
}

/* -- the audit trail ----------------------------------------------------------------------------------------
 */

typedef struct
{
  Story story;
  char *dir;
  SkAudit *audit;
} Trail;

static void
trail_begin (Trail *t)
{
  g_autoptr (GError) error = NULL;
  story_begin (&t->story, 1, 0, 2);
  story_wait_vms (&t->story, SK_VM_WARM, 1);
  t->dir = g_dir_make_tmp ("trail-XXXXXX", NULL);
  t->audit = sk_audit_new (t->story.world->store, t->dir, "mori", &error);
  g_assert_no_error (error);
  sk_manager_core (t->story.world->manager)->parts.audit = t->audit;
}

static void
trail_end (Trail *t)
{
  const char *const argv[] = { "rm", "-rf", t->dir, NULL };
  sk_manager_core (t->story.world->manager)->parts.audit = NULL;
  sk_audit_free (t->audit);
  story_end (&t->story);
  g_assert_true (
      g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
  g_free (t->dir);
}

static gboolean
add_words (const SkAuditRow *row, gpointer data)
{
  g_string_append_printf (data, "%s %s\n", row->actor, row->action);
  return TRUE;
}

static void
assert_trail (Trail *t, const char *wanted)
{
  const SkAuditFilter filter = { .organisation = "mori" };
  g_autoptr (GString) words = g_string_new (NULL);
  g_assert_true (sk_store_audit_walk (t->story.world->store, &filter, add_words, words, NULL));
  g_assert_cmpstr (words->str, ==, wanted);
}

static void
test_trail (void)
{
  Trail t;
  g_autoptr (GError) error = NULL;
  trail_begin (&t);
  SkManager *manager = t.story.world->manager;
  SkIdentity user = world_user (1);
  g_autofree char *id = story_click (&t.story, 1);
  story_wait_session (&t.story, 1, id, SK_SESSION_ACTIVE);
  sk_audit_set_actor (t.audit, "admin");
  story_edit (&t.story, 1, 0, 1);
  g_assert_true (sk_manager_end_session (manager, &user, id, NULL, &error));
  g_assert_true (sk_manager_delete_pool (manager, "a", TRUE, &error));
  g_assert_true (sk_manager_delete_image (manager, "debian", &error));
  sk_audit_set_actor (t.audit, NULL);
  g_autofree char *wanted = g_strdup_printf ("%s session.opened\n%s session.started\n%s session.attached\n"
                                             "admin pool.edited\nadmin session.ended\nadmin pool.deleted\n"
                                             "admin image.deleted\n",
                                             user.user, user.user, user.user);
  assert_trail (&t, wanted);
  trail_end (&t);
}

/* The trail cannot take the row: the change is not made either. */
static void
test_trail_refuses (void)
{
  Trail t;
  g_autoptr (GError) error = NULL;
  trail_begin (&t);
  SkManager *manager = t.story.world->manager;
  SkIdentity user = world_user (1);
  SkTicket *ticket = NULL;
  guint position;
  g_assert_cmpint (
      sqlite3_exec (sk_store_handle (t.story.world->store),
                    "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE (ABORT, 'full'); END",
                    NULL, NULL, NULL),
      ==, SQLITE_OK);
  g_assert_false (sk_manager_delete_pool (manager, "a", TRUE, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_null (sk_manager_open_session (manager, &user, "a", NULL, 0, 0, &ticket, &position, &error));
  g_assert_nonnull (error);
  g_autoptr (SkPool) pool = sk_manager_pool (manager, "a", NULL);
  g_assert_nonnull (pool);
  g_autoptr (GPtrArray) pools = sk_store_pools (t.story.world->store, NULL);
  g_autoptr (GPtrArray) sessions = sk_store_sessions (t.story.world->store, TRUE, NULL);
  g_assert_cmpuint (pools->len, ==, 1);
  g_assert_cmpuint (sessions->len, ==, 0);
  g_assert_false (sk_store_is_begun (t.story.world->store));
  assert_trail (&t, "");
  trail_end (&t);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/manager/token", test_token);
  g_test_add_func ("/manager/token-expires", test_token_expires);
  g_test_add_func ("/manager/one-session-a-user", test_one_session_a_user);
  g_test_add_func ("/manager/wake", test_wake);
  g_test_add_func ("/manager/no-recording", test_no_recording);
  g_test_add_func ("/manager/viewer-comes-back", test_viewer_comes_back);
  g_test_add_func ("/manager/sound", test_sound);
  g_test_add_func ("/manager/scale", test_scale);
  g_test_add_func ("/manager/view-crashes", test_view_crashes);
  g_test_add_func ("/manager/newer-viewer-wins", test_newer_viewer_wins);
  g_test_add_func ("/manager/detached-too-long", test_detached_too_long);
  g_test_add_func ("/manager/nobody-comes", test_nobody_comes);
  g_test_add_func ("/manager/others-see-nothing", test_others_see_nothing);
  g_test_add_func ("/manager/refusals", test_refusals);
  g_test_add_func ("/manager/too-often", test_too_often);
  g_test_add_func ("/manager/restart/keeps-all", test_restart_keeps_all);
  g_test_add_func ("/manager/restart/keeps-queue", test_restart_keeps_queue);
  g_test_add_func ("/manager/restart/mid-boot", test_restart_mid_boot);
  g_test_add_func ("/manager/restart/mid-claim", test_restart_mid_claim);
  g_test_add_func ("/manager/restart/screen-gone", test_restart_screen_gone);
  g_test_add_func ("/manager/libvirt-lost", test_libvirt_lost);
  g_test_add_func ("/manager/full-disk", test_full_disk);
  g_test_add_func ("/manager/drain", test_drain);
  g_test_add_func ("/manager/trail", test_trail);
  g_test_add_func ("/manager/trail-refuses", test_trail_refuses);
  g_test_add_func ("/manager/doctor", test_doctor);
  g_test_add_func ("/manager/doctor-disturbed", test_doctor_disturbed);
  return g_test_run ();
}
