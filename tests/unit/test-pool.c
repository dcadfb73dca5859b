/* Pools: how full they are kept, who gets the next VM, what happens when nothing boots, what may be asked of
 * them. */
#include "common/error.h"
#include "mock/world-story.h"
#include <string.h>

static void
test_tiers (void)
{
  Story story;
  story_begin (&story, 2, 2, 4);
  story_wait_vms (&story, SK_VM_WARM, 2);
  story_wait_vms (&story, SK_VM_STORED, 2);
  g_assert_cmpuint (story.world->creates, ==, 4);
  /* A click takes a warm one; a stored one takes its place. */
  g_autofree char *id = story_click (&story, 0);
  story_wait_vms (&story, SK_VM_WARM, 2);
  g_assert_cmpuint (story_count (&story, SK_VM_STORED), ==, 1); /* the maximum is reached */
  g_assert_cmpuint (story.world->restores, ==, 1);
  story_end (&story);
}

static void
test_boots_at_once (void)
{
  Story story;
  story_begin (&story, 8, 0, 8);
  for (guint i = 0; i < 600; i++)
    {
      guint booting = story_count (&story, SK_VM_DEFINING) + story_count (&story, SK_VM_BOOTING);
      g_assert_cmpuint (booting, <=, 2); /* the world's max_boots */
      world_run (story.world, 1000);
    }
  story_wait_vms (&story, SK_VM_WARM, 8);
  story_end (&story);
}

/* The click's first moments are not disturbed by the boot that follows from it; who waits is not kept
 * waiting. */
static void
test_refill_waits (void)
{
  Story story;
  story_begin (&story, 1, 0, 3);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_free (story_open (&story, 1, NULL, NULL));
  world_run (story.world, SK_REFILL_DELAY_MS - 100);
  g_assert_cmpuint (story.world->creates + story_count (&story, SK_VM_DEFINING), ==, 1);
  g_free (story_open (&story, 2, NULL, NULL));
  world_run (story.world, 50);
  g_assert_cmpuint (story_count (&story, SK_VM_DEFINING), ==, 2); /* one for the waiting, one to be warm */
  story_end (&story);
}

/* First come, first served, and everybody is told their place. */
static void
test_queue (void)
{
  Story story;
  char *ids[4];
  guint position = 0;
  story_begin (&story, 1, 0, 1);
  story_wait_vms (&story, SK_VM_WARM, 1);
  for (guint user = 0; user < 4; user++)
    {
      ids[user] = story_open (&story, user, NULL, &position);
      g_assert_cmpuint (position, ==, user);
    }
  for (guint user = 0; user < 4; user++)
    {
      SkIdentity who = world_user (user);
      story_wait_session (&story, user, ids[user], SK_SESSION_STARTING);
      for (guint later = user + 1; later < 4; later++)
        {
          story_assert_session (&story, later, ids[later], SK_SESSION_QUEUED);
          g_assert_cmpuint (sk_manager_queue_position (story.world->manager, ids[later]), ==, later - user);
        }
      g_assert_true (sk_manager_end_session (story.world->manager, &who, ids[user], "", NULL));
      g_free (ids[user]);
    }
  story_end (&story);
}

static void
test_leaves_queue (void)
{
  Story story;
  guint position = 0;
  SkIdentity who = world_user (1);
  story_begin (&story, 0, 0, 1);
  story.world->faults.boot_never = 1000;
  g_autofree char *first = story_open (&story, 1, NULL, &position);
  g_autofree char *second = story_open (&story, 2, NULL, &position);
  g_assert_cmpuint (position, ==, 2);
  g_assert_true (sk_manager_end_session (story.world->manager, &who, first, "", NULL));
  g_assert_cmpuint (sk_manager_queue_position (story.world->manager, second), ==, 1);
  story_end (&story);
}

static gboolean
pool_waits (World *world, gpointer data)
{
  g_autoptr (SkPoolStatus) status = sk_manager_pool_status (world->manager, "a", NULL);
  return status->retry_at > world->now;
}

/* A broken image must not keep the host busy for ever. */
static void
test_back_off (void)
{
  Story story;
  story_begin (&story, 0, 0, 4);
  world_run (story.world, 5000);
  story.world->faults.spawn_fails = 1000; /* no screen: every boot ends there */
  story_edit (&story, 1, 0, 4);
  world_run (story.world, 30 * MINUTE_MS);
  g_assert_true (world_run_until (story.world, HOUR_MS, pool_waits, NULL));
  g_autoptr (SkPoolStatus) status = sk_manager_pool_status (story.world->manager, "a", NULL);
  g_assert_cmpuint (status->failures, >=, 3);
  g_assert_cmpuint (status->failures, <, 12);
  g_assert_nonnull (strstr (status->reason, " / "));
  story.world->faults.spawn_fails = 0;
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkPoolStatus) after = sk_manager_pool_status (story.world->manager, "a", NULL);
  g_assert_cmpuint (after->failures, ==, 0);
  g_assert_cmpstr (after->reason, ==, "");
  story_end (&story);
}

/* Whoever mends the pool does not want to wait. */
static void
test_edit_tries_at_once (void)
{
  Story story;
  story_begin (&story, 0, 0, 4);
  world_run (story.world, 5000);
  story.world->faults.spawn_fails = 1000;
  story_edit (&story, 1, 0, 4);
  world_run (story.world, 40 * MINUTE_MS);
  g_assert_true (world_run_until (story.world, HOUR_MS, pool_waits, NULL));
  story.world->faults.spawn_fails = 0;
  story_edit (&story, 1, 0, 3);
  world_run (story.world, 1000);
  g_assert_cmpuint (story_count (&story, SK_VM_DEFINING) + story_count (&story, SK_VM_BOOTING), ==, 1);
  story_end (&story);
}

static void
test_shrinks (void)
{
  Story story;
  story_begin (&story, 3, 2, 5);
  story_wait_vms (&story, SK_VM_WARM, 3);
  story_wait_vms (&story, SK_VM_STORED, 2);
  story_edit (&story, 1, 0, 5);
  story_wait_vms (&story, SK_VM_STORED, 0);
  story_wait_vms (&story, SK_VM_WARM, 1);
  world_run (story.world, HOUR_MS);
  g_assert_cmpuint (story.world->creates, ==, 5);
  story_end (&story);
}

/* VMs of an older size go, sessions stay to their end. */
static void
test_drains_older (void)
{
  Story story;
  story_begin (&story, 1, 1, 4);
  story_wait_vms (&story, SK_VM_WARM, 1);
  story_wait_vms (&story, SK_VM_STORED, 1);
  g_autofree char *id = story_click (&story, 1);
  SkPool bigger = world_pool ("a", 1, 1, 4);
  bigger.memory_mib = 4096;
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autoptr (SkVm) old = story_vm (&story, SK_VM_WARM);
  g_assert_true (sk_manager_put_pool (story.world->manager, &bigger, FALSE, NULL));
  world_run (story.world, HOUR_MS / 2);
  g_autoptr (SkVm) fresh = story_vm (&story, SK_VM_WARM);
  g_assert_cmpstr (old->spec, !=, fresh->spec);
  g_assert_null (world_domain (story.world, old->id));
  story_assert_session (&story, 1, id, SK_SESSION_ACTIVE);
  story_end (&story);
}

static void
test_delete (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  story_begin (&story, 1, 0, 2);
  story_wait_vms (&story, SK_VM_WARM, 1);
  g_autofree char *id = story_click (&story, 1);
  g_assert_false (sk_manager_delete_pool (story.world->manager, "a", FALSE, &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_assert_true (sk_manager_delete_pool (story.world->manager, "a", TRUE, NULL));
  story_assert_session (&story, 1, id, SK_SESSION_ENDED);
  world_run (story.world, HOUR_MS);
  g_assert_cmpuint (story.world->domains->len, ==, 0);
  story_end (&story);
}

static void
test_image_in_use (void)
{
  Story story;
  g_autoptr (GError) error = NULL;
  story_begin (&story, 0, 0, 1);
  g_assert_false (sk_manager_delete_image (story.world->manager, "debian", &error));
  g_assert_error (error, SK_ERROR, SK_ERROR_CONFLICT);
  g_assert_true (sk_manager_delete_pool (story.world->manager, "a", FALSE, NULL));
  g_assert_true (sk_manager_delete_image (story.world->manager, "debian", NULL));
  story_end (&story);
}

/* -- values -----------------------------------------------------------------------------------------------
 */

#define BAD(member, value)                                                                                   \
  {                                                                                                          \
    SkPool pool = world_pool ("b", 1, 1, 4);                                                                 \
    g_autoptr (GError) error = NULL;                                                                         \
    pool.member = value;                                                                                     \
    g_assert_false (sk_manager_put_pool (story.world->manager, &pool, TRUE, &error));                        \
    g_assert_true (error->domain == SK_ERROR                                                                 \
                   && (error->code == SK_ERROR_INVALID || error->code == SK_ERROR_LIMIT));                   \
  }

static void
test_values (void)
{
  Story story;
  g_autofree char *long_url = g_strnfill (SK_URL_MAX, 'a');
  g_autofree char *too_long = g_strconcat ("http://", long_url, NULL);
  story_begin (&story, 0, 0, 1);
  BAD (name, (char *) "B");
  BAD (name, (char *) "");
  BAD (name, (char *) "a/../b");
  BAD (name, (char *) "0123456789012345678901234567890123");
  BAD (image, (char *) "none");
  BAD (memory_mib, 64);
  BAD (vcpus, 0);
  BAD (maximum, 0);
  BAD (maximum, 100000);
  BAD (warm, 5);
  BAD (stored, G_MAXUINT);
  BAD (width, 100);
  BAD (height, 9999);
  BAD (detached_minutes, 0);
  BAD (network, (char *) "br0'/><evil/>");
  BAD (network, (char *) "far-too-long-name");
  BAD (group, (char *) "a b");
  BAD (border, (char *) "line\nbreak");
  BAD (home_url, (char *) "javascript:alert(1)");
  BAD (home_url, (char *) "file:///etc/passwd");
  BAD (home_url, too_long);
  story_end (&story);
}

static void
test_urls (void)
{
  static const char *const good[]
      = { "http://a", "https://www.example.jp/?q=%E9%96%A2", "HTTP://a:8080/x#y", "https://例え.jp/関所" };
  static const char *const bad[] = {
    "",         "a",           "http://",     "ftp://a",   "file:///x", "javascript:1", "http://a b",
    "http:///", "http://a/\n", "http://a/\"", "data:text", " http://a", "chrome://gpu", "http://a/<x>"
  };
  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (sk_check_url (good[i], NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (sk_check_url (bad[i], NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pool/tiers", test_tiers);
  g_test_add_func ("/pool/boots-at-once", test_boots_at_once);
  g_test_add_func ("/pool/refill-waits", test_refill_waits);
  g_test_add_func ("/pool/queue", test_queue);
  g_test_add_func ("/pool/leaves-queue", test_leaves_queue);
  g_test_add_func ("/pool/back-off", test_back_off);
  g_test_add_func ("/pool/edit-tries-at-once", test_edit_tries_at_once);
  g_test_add_func ("/pool/shrinks", test_shrinks);
  g_test_add_func ("/pool/drains-older", test_drains_older);
  g_test_add_func ("/pool/delete", test_delete);
  g_test_add_func ("/pool/image-in-use", test_image_in_use);
  g_test_add_func ("/pool/values", test_values);
  g_test_add_func ("/pool/urls", test_urls);
  return g_test_run ();
}
