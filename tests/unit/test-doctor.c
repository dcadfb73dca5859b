/* Doctor's judges: what a domain may have, what a guest may see, the rules, the antivirus. */
#include "core/doctor.h"
#include "common/i18n.h"
#include <glib/gstdio.h>
#include <string.h>

#define HEAD "<domain type='qemu'><name>x</name><devices><emulator>/usr/bin/qemu</emulator>"
#define DISK "<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/></disk>"
#define PORTS                                                                                                \
  "<channel type='unix'><target type='virtio' name='jp.sekisho.agent.0'/></channel>"                         \
  "<channel type='unix'><target type='virtio' name='jp.sekisho.rdp.0'/></channel>"
#define MEMORY(name) "<shmem name='" name "' role='master'><model type='ivshmem-plain'/></shmem>"
#define CARD "<interface type='bridge'><source bridge='sk-internet'/></interface>"
#define TAIL "</devices></domain>"

static void
test_domains (void)
{
  static const struct
  {
    const char *xml, *network;
    gboolean good;
  } rows[] = {
    { HEAD DISK PORTS TAIL, "", TRUE },
    { HEAD DISK PORTS CARD TAIL, "sk-internet", TRUE },
    { HEAD DISK PORTS "<rng model='virtio'/><memballoon model='none'/><input type='mouse' bus='ps2'/>" TAIL,
      "", TRUE },
    { HEAD DISK PORTS MEMORY ("x") TAIL, "", TRUE },
    { HEAD DISK PORTS MEMORY ("y") TAIL, "", FALSE }, /* another one's */
    { HEAD DISK PORTS MEMORY ("x") MEMORY ("x") TAIL, "", FALSE },
    { "<domain><devices>" MEMORY ("x") TAIL, "", FALSE },
    { HEAD DISK PORTS CARD TAIL, "", FALSE },                 /* a card that the pool does not give */
    { HEAD DISK PORTS CARD TAIL, "lgwan0", FALSE },           /* the wrong bridge */
    { HEAD DISK PORTS CARD CARD TAIL, "sk-internet", FALSE }, /* a second card */
    { HEAD DISK DISK PORTS TAIL, "", FALSE },                 /* a second disk */
    { HEAD "<disk type='file' device='cdrom'/>" PORTS TAIL, "", FALSE },
    { HEAD DISK PORTS "<filesystem type='mount'/>" TAIL, "", FALSE }, /* a shared folder */
    { HEAD DISK PORTS "<hostdev mode='subsystem'/>" TAIL, "", FALSE },
    { HEAD DISK PORTS "<vsock model='virtio'/>" TAIL, "", FALSE },
    { HEAD DISK PORTS "<graphics type='vnc'/>" TAIL, "", FALSE },
    { HEAD DISK PORTS "<redirdev bus='usb'/>" TAIL, "", FALSE },
    { HEAD DISK PORTS "<channel type='unix'/>" TAIL, "", FALSE }, /* a third port */
    { HEAD DISK PORTS "<input type='tablet' bus='usb'/>" TAIL, "", FALSE },
    { "<domain><devices>", "", FALSE }, /* not XML */
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *wrong = sk_doctor_judge_domain (rows[i].xml, rows[i].network);
      if ((wrong == NULL) != rows[i].good)
        g_error ("row %zu: %s", i, wrong ? wrong : "accepted");
    }
}

static void
test_inventories (void)
{
  static const struct
  {
    const char *line;
    gboolean network, good;
  } rows[] = {
    { "block: vda size=8388608 ro=0", FALSE, TRUE },
    { "block: vdb size=100 ro=0", FALSE, FALSE },
    { "block: sr0 size=100 ro=1", FALSE, FALSE },
    { "net: lo address=00:00:00:00:00:00 operstate=unknown", FALSE, TRUE },
    { "net: eth0 address=52:54:00:00:00:01 operstate=up", TRUE, TRUE },
    { "net: eth0 address=52:54:00:00:00:01 operstate=up", FALSE, FALSE },
    { "net: eth1 operstate=up", TRUE, FALSE },
    { "virtio: virtio0 device=0x0002", FALSE, TRUE },
    { "virtio: virtio1 device=0x0003", FALSE, TRUE },
    { "virtio: virtio2 device=0x0001", FALSE, FALSE },
    { "virtio: virtio3 device=0x0009", FALSE, FALSE }, /* 9P */
    { "virtio: virtio3 device=0x001a", FALSE, FALSE }, /* file system */
    { "virtio: virtio3 device=0x0013", FALSE, FALSE }, /* vsock */
    { "port: vport1p1 name=jp.sekisho.agent.0", FALSE, TRUE },
    { "port: vport1p3 name=org.qemu.guest_agent.0", FALSE, FALSE },
    { "mount: proc /proc proc rw 0 0", FALSE, TRUE },
    { "mount: share /mnt 9p rw 0 0", FALSE, FALSE },
    { "mount: share /mnt virtiofs rw 0 0", FALSE, FALSE },
    { "mount: //srv/x /mnt cifs rw 0 0", FALSE, FALSE },
    { "pci: 0000:00:00.0 vendor=0x8086 device=0x29c0 class=0x060000", FALSE, TRUE },
    { "usb: 1-1 stick", FALSE, FALSE }, /* a class nobody listed */
    { "nonsense", FALSE, FALSE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      char *lines[] = { (char *) rows[i].line, NULL };
      g_autofree char *wrong = sk_doctor_judge_inventory (lines, rows[i].network);
      if ((wrong == NULL) != rows[i].good)
        g_error ("\"%s\": %s", rows[i].line, wrong ? "refused" : "accepted");
    }
  char *none[] = { NULL };
  g_autofree char *empty = sk_doctor_judge_inventory (none, FALSE);
  g_assert_nonnull (empty);
}

/* A guest's text cannot make the report unreadable. */
static void
test_detail_is_cut_and_valid (void)
{
  g_autoptr (JsonArray) checks = json_array_new ();
  g_autofree char *longer = g_strnfill (10000, 'x');
  sk_doctor_add (checks, "a", SK_CHECK_FAIL, "en", "ja", longer);
  sk_doctor_add (checks, "b", SK_CHECK_OK, "en", "ja", "\xff bad");
  const char *detail = json_object_get_string_member (json_array_get_object_element (checks, 0), "detail");
  g_assert_cmpuint (g_utf8_strlen (detail, -1), <=, 400);
  g_assert_true (g_utf8_validate (
      json_object_get_string_member (json_array_get_object_element (checks, 1), "detail"), -1, NULL));
}

static const char *
last (JsonArray *checks, const char *member)
{
  const guint n = json_array_get_length (checks);
  return json_object_get_string_member (json_array_get_object_element (checks, n - 1), member);
}

static void
assert_last (JsonArray *checks, const char *state, const char *detail)
{
  g_assert_cmpstr (last (checks, "state"), ==, state);
  if (!strstr (last (checks, "detail"), detail))
    g_error ("\"%s\" has no \"%s\"", last (checks, "detail"), detail);
}

static void
test_policy (void)
{
  g_autofree char *dir = g_dir_make_tmp ("sk-doctor-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (dir, "10-a.policy", NULL);
  g_autoptr (JsonArray) checks = json_array_new ();
  g_assert_true (g_file_set_contents (file, "[a]\naction = allow\n", -1, NULL));
  g_autoptr (SkPolicySet) set = sk_policy_load (dir, NULL);
  SkPolicyStatus status = { .version = sk_policy_version (set), .directory = dir, .rules = 1 };
  sk_doctor_check_policy (&status, checks);
  assert_last (checks, "ok", ", 1");
  status.version = "0123";
  sk_doctor_check_policy (&status, checks);
  assert_last (checks, "warn", "policy reload");
  status.error = SK_BOTH ("the disk is full", "空きがありません");
  sk_doctor_check_policy (&status, checks);
  assert_last (checks, "fail", "the disk is full");
  g_assert_true (g_file_set_contents (file, "[a]\naction = maybe\n", -1, NULL));
  sk_doctor_check_policy (&status, checks);
  assert_last (checks, "fail", "10-a.policy:2");
  assert_last (checks, "fail", "stays in force");
  g_autofree char *japanese = sk_both_pick (last (checks, "detail"), TRUE);
  g_assert_true (g_str_has_prefix (japanese, "10-a.policy:2") && strstr (japanese, "有効なままです"));
  status.version = "";
  sk_doctor_check_policy (&status, checks);
  assert_last (checks, "fail", "Nothing crosses");
  g_unlink (file);
  g_rmdir (dir);
}

static void
test_antivirus (void)
{
  g_autoptr (JsonArray) checks = json_array_new ();
  char version[] = "ClamAV 1.4.3/27521/Fri Jan 17 09:36:05 2025";
  const gint64 made = sk_antivirus_signature_time (version), day = (gint64) 24 * 3600 * G_USEC_PER_SEC;
  const SkScan up = { SK_SCAN_UNSCANNED, version, (char *) "", (char *) "" };
  const SkScan plain = { SK_SCAN_UNSCANNED, (char *) "ClamAV 1.4.3", (char *) "", (char *) "" };
  const SkScan down = { SK_SCAN_UNSCANNED, (char *) "", (char *) "",
                        (char *) SK_BOTH ("it cannot be reached", "つながりません") };
  sk_doctor_judge_scanner ("", FALSE, &down, made, checks);
  assert_last (checks, "warn", "clamav-daemon");
  sk_doctor_judge_scanner ("clamd:/s", TRUE, &up, made + 4 * day, checks);
  assert_last (checks, "ok", "27521");
  sk_doctor_judge_scanner ("clamd:/s", TRUE, &up, made + 5 * day, checks);
  assert_last (checks, "warn", "5 days");
  sk_doctor_judge_scanner ("clamd:/s", TRUE, &plain, made + 5 * day, checks);
  assert_last (checks, "ok", "1.4.3");
  sk_doctor_judge_scanner ("clamd:/s", TRUE, &down, made, checks);
  assert_last (checks, "fail", "clamd:/s: it cannot be reached");
  g_autofree char *japanese = sk_both_pick (last (checks, "detail"), TRUE);
  g_assert_true (g_str_has_prefix (japanese, "clamd:/s: つながりません"));
  sk_doctor_judge_scanner ("clamd:/s", TRUE, NULL, made, checks);
  assert_last (checks, "fail", "clamd:/s");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/doctor/domains", test_domains);
  g_test_add_func ("/doctor/inventories", test_inventories);
  g_test_add_func ("/doctor/policy", test_policy);
  g_test_add_func ("/doctor/antivirus", test_antivirus);
  g_test_add_func ("/doctor/detail", test_detail_is_cut_and_valid);
  return g_test_run ();
}
