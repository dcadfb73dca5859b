/* One VM's life, and its deaths. */
#include "common/error.h"
#include "core/core.h"
#include "mock/world-story.h"
#include <string.h>

static void
test_boot_to_warm (void)
{
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkVm) vm = story_vm (&story, SK_VM_WARM);
  Domain *domain = world_domain (story.world, vm->id);
  Proc *screen = world_proc (story.world, SK_WORKER_SCREEN, vm->id);
  g_assert_cmpint (domain->state, ==, SK_DOMAIN_PAUSED);
  g_assert_cmpstr (domain->owner, ==, "");
  g_assert_true (screen && screen->busy); /* connected while it sleeps */
  /* Nothing happens to it for a month. */
  world_run (story.world, 30LL * 24 * HOUR_MS);
  g_assert_cmpuint (story_count (&story, SK_VM_WARM), ==, 1);
  g_assert_cmpuint (story.world->creates, ==, 1);
  story_end (&story);
}

/* The guest being booted first, seen after a second. */
static Domain *
first_boot (Story *story)
{
  story_begin (story, 1, 0, 1);
  story_wait_vms (story, SK_VM_BOOTING, 1);
  g_autoptr (SkVm) vm = story_vm (story, SK_VM_BOOTING);
  Domain *domain = world_domain (story->world, vm->id);
  g_assert_nonnull (domain);
  return domain;
}

static void
test_no_first_word (void)
{
  Story story;
  Domain *domain = first_boot (&story);
  g_autofree char *id = g_strdup (domain->id);
  domain->agent_at = domain->ready_at = domain->browser_at = G_MAXINT64;
  world_run (story.world, (SK_FIRST_WORD_SECONDS - 10) * 1000);
  g_assert_nonnull (world_domain (story.world, id));
  world_run (story.world, 60 * 1000);
  g_assert_null (world_domain (story.world, id));
  story_wait_vms (&story, SK_VM_WARM, 1); /* another one, in the place of that */
  g_assert_cmpuint (story.world->creates, ==, 2);
  story_end (&story);
}

static void
test_slow_after_first_word (void)
{
  Story story;
  Domain *domain = first_boot (&story);
  g_autofree char *id = g_strdup (domain->id);
  domain->ready_at = domain->browser_at = story.world->now + (gint64) (SK_BOOT_SECONDS - 60) * G_USEC_PER_SEC;
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_assert_nonnull (world_domain (story.world, id));
  g_assert_cmpuint (story.world->creates, ==, 1);
  story_end (&story);
}

static void
test_claim (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *token = NULL;
  g_autofree char *id = story_open (&story, 1, &token, NULL);
  g_assert_nonnull (token); /* at once: nothing was waited for */
  g_autoptr (SkVm) vm = story_vm (&story, SK_VM_ATTACHED);
  g_assert_cmpstr (vm->owner, ==, "taro");
  g_assert_cmpstr (vm->session, ==, id);
  world_run (story.world, 2000);
  g_assert_cmpint (world_domain (story.world, vm->id)->state, ==, SK_DOMAIN_RUNNING);
  g_assert_cmpstr (world_domain (story.world, vm->id)->owner, ==, "taro");
  story_end (&story);
}

static void
test_saved_and_restored_once (void)
{
  Story story;
  story_begin (&story, 0, 1, 2);
  story_wait_vms (&story, SK_VM_STORED, 1);
  g_autoptr (SkVm) stored = story_vm (&story, SK_VM_STORED);
  g_assert_cmpint (world_domain (story.world, stored->id)->state, ==, SK_DOMAIN_SAVED);
  g_assert_null (
      world_proc (story.world, SK_WORKER_SCREEN, stored->id)); /* it would only see the line break */
  guint position = 0;
  g_autofree char *id = story_open (&story, 1, NULL, &position);
  g_assert_cmpuint (position, ==, 1);
  story_wait_session (&story, 1, id, SK_SESSION_STARTING);
  g_autoptr (SkSession) session = story_session (&story, 1, id);
  g_assert_cmpstr (session->vm, ==, stored->id);
  g_assert_cmpuint (story.world->restores, ==, 1);
  /* The tier fills up again, from a boot of its own. */
  story_wait_vms (&story, SK_VM_STORED, 1);
  g_assert_cmpuint (story.world->creates, ==, 2);
  story_end (&story);
}

typedef void (*Accident) (Story *, const char *vm);

static void
qemu_dies (Story *story, const char *vm)
{
  world_crash_domain (story->world, world_domain (story->world, vm));
}

static void
screen_dies (Story *story, const char *vm)
{
  world_kill_proc (story->world, world_proc (story->world, SK_WORKER_SCREEN, vm));
}

static void
agent_dies (Story *story, const char *vm)
{
  Domain *domain = world_domain (story->world, vm);
  domain->agent_dead = TRUE;
  world_domain_changed (domain);
}

static void
admin_retires (Story *story, const char *vm)
{
  g_assert_true (sk_manager_retire_vm (story->world->manager, vm, "", NULL));
}

/* The user is told in words of both languages, the VM goes with everything it had, the pool refills. */
static void
test_accident (gconstpointer data)
{
  Accident accident = (Accident) data;
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_autoptr (SkSession) session = story_session (&story, 1, id);
  accident (&story, session->vm);
  story_wait_session (&story, 1, id, SK_SESSION_ENDED);
  g_autoptr (SkSession) ended = story_session (&story, 1, id);
  g_assert_nonnull (strstr (ended->reason, " / "));
  story_wait_vms (&story, SK_VM_RETIRING, 0);
  g_assert_null (world_domain (story.world, session->vm));
  g_assert_null (world_proc (story.world, SK_WORKER_SCREEN, session->vm));
  story_wait_vms (&story, SK_VM_WARM, 1);
  story_end (&story);
}

static void
test_accident_while_warm (gconstpointer data)
{
  Accident accident = (Accident) data;
  Story story;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkVm) vm = story_vm (&story, SK_VM_WARM);
  accident (&story, vm->id);
  world_run (story.world, HOUR_MS);
  g_assert_null (world_domain (story.world, vm->id));
  g_assert_cmpuint (story_count (&story, SK_VM_WARM), ==, 1);
  story_end (&story);
}

/* Old news: the list was made before the VM was, its answer comes after. It must not count as missing. */
static void
test_stale_list (void)
{
  Story story;
  story_begin (&story, 16, 0, 16);
  for (guint i = 0; i < 20000; i++)
    {
      sk_adopt_list (sk_manager_core (story.world->manager));
      world_run (story.world, 50);
    }
  story_wait_vms (&story, SK_VM_WARM, 16);
  g_assert_cmpuint (story.world->creates, ==, 16);
  story_end (&story);
}

/* A domain of ours that the store does not know: of a core that died at the wrong moment. */
static void
test_orphan (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  Domain *domain = g_new0 (Domain, 1);
  *domain = (Domain){ .world = story.world,
                      .id = g_strdup ("11111111-1111-4111-8111-111111111111"),
                      .pool = g_strdup ("a"),
                      .state = SK_DOMAIN_RUNNING,
                      .owner = g_strdup (""),
                      .session = g_strdup ("") };
  g_ptr_array_add (story.world->domains, domain);
  world_run (story.world, 5 * MINUTE_MS);
  g_assert_null (world_domain (story.world, "11111111-1111-4111-8111-111111111111"));
  g_assert_cmpuint (story_count (&story, SK_VM_WARM), ==, 1);
  story_end (&story);
}

/* Destroying is tried until it works: until then the VM holds its place. */
static void
test_destroy_again (void)
{
  Story story;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkVm) vm = story_vm (&story, SK_VM_WARM);
  story.world->faults.op_fails = 1000;
  admin_retires (&story, vm->id);
  world_run (story.world, HOUR_MS);
  g_assert_cmpuint (story_count (&story, SK_VM_RETIRING), ==, 1);
  g_assert_cmpuint (story.world->creates, ==, 1);
  story.world->faults.op_fails = 0;
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_assert_null (world_domain (story.world, vm->id));
  story_end (&story);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    Accident accident;
  } accidents[] = {
    { "qemu", qemu_dies }, { "screen", screen_dies }, { "agent", agent_dies }, { "admin", admin_retires }
  };
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vm/boot-to-warm", test_boot_to_warm);
  g_test_add_func ("/vm/no-first-word", test_no_first_word);
  g_test_add_func ("/vm/slow-after-first-word", test_slow_after_first_word);
  g_test_add_func ("/vm/claim", test_claim);
  g_test_add_func ("/vm/saved-and-restored-once", test_saved_and_restored_once);
  for (gsize i = 0; i < G_N_ELEMENTS (accidents); i++)
    {
      g_autofree char *name = g_strconcat ("/vm/dies/", accidents[i].name, NULL);
      g_test_add_data_func (name, (gconstpointer) accidents[i].accident, test_accident);
    }
  g_test_add_data_func ("/vm/dies-warm/qemu", (gconstpointer) qemu_dies, test_accident_while_warm);
  g_test_add_data_func ("/vm/dies-warm/screen", (gconstpointer) screen_dies, test_accident_while_warm);
  g_test_add_func ("/vm/stale-list", test_stale_list);
  g_test_add_func ("/vm/orphan", test_orphan);
  g_test_add_func ("/vm/destroy-again", test_destroy_again);
  return g_test_run ();
}
