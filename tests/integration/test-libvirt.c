/* The hypervisor's real half: libvirt and QEMU, with a guest of 60 bytes that does nothing, so that a VM
 * takes a second instead of minutes. The connection goes through a door of our own, which can be shut without
 * hurting libvirtd. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/doctor.h"
#include "core/files.h"
#include "core/libvirt.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define VM "7e1f1d1e-0000-4000-8000-00000000000"
#define LIBVIRT_SOCKET "/run/libvirt/libvirt-sock"
/* QEMU's start under TCG on a busy machine. */
#define PATIENCE_SECONDS 120

/* -- a guest: a multiboot header and "hlt" for ever ---------------------------------------------------------
 */

static void
write_kernel (const char *dir)
{
  static const guint32 load = 0x100000;
  guint32 words[12]
      = { 0x1badb002, 0x10000, 0, load, load, load + 48, load + 48, load + 32, 0xfeebf4fa, 0, 0, 0 };
  g_autofree char *kernel = g_build_filename (dir, "vmlinuz", NULL);
  g_autofree char *initrd = g_build_filename (dir, "initrd", NULL);
  g_autofree char *image = g_build_filename (dir, "image.qcow2", NULL);
  const char *argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", image, "16M", NULL };
  words[2] = -(words[0] + words[1]);
  words[8] = 0xfdebf4fa; /* cli; hlt; jmp to the hlt */
  g_assert_true (g_file_set_contents_full (kernel, (const char *) words, sizeof words, 0, 0644, NULL));
  g_assert_true (g_file_set_contents_full (initrd, "x", 1, 0, 0644, NULL));
  g_assert_true (sk_files_run (argv, 60000, NULL));
  g_chmod (image, 0644);
}

/* -- the door between us and libvirtd
 * ------------------------------------------------------------------------ */

typedef struct
{
  GSocketService *service;
  GPtrArray *streams;
  char *path;
} Door;

static gboolean
on_visitor (GSocketService *service, GSocketConnection *visitor, GObject *source, gpointer data)
{
  Door *door = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (LIBVIRT_SOCKET);
  GSocketConnection *inner = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
  if (!inner)
    return TRUE;
  g_io_stream_splice_async (G_IO_STREAM (visitor), G_IO_STREAM (inner),
                            G_IO_STREAM_SPLICE_CLOSE_STREAM1 | G_IO_STREAM_SPLICE_CLOSE_STREAM2, 0, NULL,
                            NULL, NULL);
  g_ptr_array_add (door->streams, g_object_ref (visitor));
  g_ptr_array_add (door->streams, inner);
  return TRUE;
}

static void
open_door (Door *door)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (door->path);
  g_autoptr (GError) error = NULL;
  g_unlink (door->path);
  door->service = g_socket_service_new ();
  door->streams = g_ptr_array_new_with_free_func (g_object_unref);
  g_socket_listener_add_address (G_SOCKET_LISTENER (door->service), address, G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (door->service, "incoming", G_CALLBACK (on_visitor), door);
}

static void
shut_door (Door *door)
{
  g_socket_service_stop (door->service);
  g_socket_listener_close (G_SOCKET_LISTENER (door->service));
  for (guint i = 0; i < door->streams->len; i++)
    {
      GSocket *socket = g_socket_connection_get_socket (door->streams->pdata[i]);
      if (!g_socket_is_closed (socket))
        g_socket_shutdown (socket, TRUE, TRUE, NULL);
    }
  g_clear_pointer (&door->streams, g_ptr_array_unref);
  g_clear_object (&door->service);
}

/* -- the fixture
 * --------------------------------------------------------------------------------------------- */

typedef struct
{
  char *dir, *state, *runtime, *image;
  Door door;
  SkHypervisor *hypervisor;
  SkFolders folders;
  GString *log; /* "up", "down", "stopped ID" */
  gboolean done;
  GError *error;
  GPtrArray *domains;
  char *text;
} Fixture;

static void
on_connection (gboolean up, gpointer data)
{
  g_string_append (((Fixture *) data)->log, up ? "up " : "down ");
}

static void
on_stopped (const char *id, const char *why, gpointer data)
{
  Fixture *f = data;
  if (g_str_has_prefix (id, VM))
    g_string_append_printf (f->log, "stopped-%c(%s) ", id[35], why);
}

static const SkHypervisorEvents events = { on_connection, on_stopped };

static gboolean
on_patience (gpointer data)
{
  g_error ("nothing happened for %d s", PATIENCE_SECONDS);
  return G_SOURCE_REMOVE;
}

static void
wait_for (Fixture *f, const char *word)
{
  guint patience = g_timeout_add_seconds (PATIENCE_SECONDS, on_patience, NULL);
  while (word ? !strstr (f->log->str, word) : !f->done)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (patience);
}

static void
on_done (const GError *error, gpointer data)
{
  Fixture *f = data;
  f->done = TRUE;
  f->error = error ? g_error_copy (error) : NULL;
}

static void
on_list (GPtrArray *domains, const GError *error, gpointer data)
{
  Fixture *f = data;
  on_done (error, f);
  f->domains = domains ? g_ptr_array_ref (domains) : NULL;
}

static void
on_text (const char *text, const GError *error, gpointer data)
{
  Fixture *f = data;
  on_done (error, f);
  f->text = g_strdup (text);
}

static void
begin (Fixture *f)
{
  f->done = FALSE;
  g_clear_error (&f->error);
  g_clear_pointer (&f->domains, g_ptr_array_unref);
  g_clear_pointer (&f->text, g_free);
}

/* Calls an operation and waits; the error is in f->error. */
#define CALL(f, name, ...)                                                                                   \
  {                                                                                                          \
    begin (f);                                                                                               \
    sk_hypervisor_##name ((f)->hypervisor, __VA_ARGS__);                                                     \
    wait_for (f, NULL);                                                                                      \
  }
#define CALL_OK(f, name, ...)                                                                                \
  {                                                                                                          \
    CALL (f, name, __VA_ARGS__);                                                                             \
    g_assert_no_error ((f)->error);                                                                          \
  }

static void
setup (Fixture *f, gconstpointer data)
{
  g_autofree char *uri = NULL, *accel = NULL;
  f->dir = g_dir_make_tmp ("sk-libvirt-XXXXXX", NULL);
  g_chmod (f->dir, 0755);
  f->state = g_build_filename (f->dir, "state", NULL);
  f->runtime = g_build_filename (f->dir, "run", NULL);
  f->image = g_build_filename (f->dir, "image", NULL);
  g_mkdir (f->state, 0711);
  g_mkdir (f->runtime, 0755);
  g_mkdir (f->image, 0755);
  write_kernel (f->image);
  /* What the probe would find out with a real kernel; ours says nothing. */
  accel = g_build_filename (f->runtime, "accel", NULL);
  g_assert_true (g_file_set_contents (accel, "emulated\n", -1, NULL));
  f->folders = (SkFolders){ f->state, f->runtime };
  f->log = g_string_new (NULL);
  f->door.path = g_build_filename (f->dir, "door", NULL);
  open_door (&f->door);
  uri = g_strdup_printf ("qemu+unix:///system?socket=%s", f->door.path);
  f->hypervisor = sk_libvirt_new (uri, f->state, f->runtime);
  sk_hypervisor_set_events (f->hypervisor, &events, f);
  sk_hypervisor_start (f->hypervisor);
  wait_for (f, "up");
}

static void
remove_tree (const char *path)
{
  const char *argv[] = { "rm", "-rf", "--one-file-system", path, NULL };
  g_assert_true (sk_files_run (argv, 60000, NULL));
}

static void
teardown (Fixture *f, gconstpointer data)
{
  for (char n = '1'; n <= '3'; n++)
    {
      g_autofree char *id = g_strdup_printf (VM "%c", n);
      CALL_OK (f, destroy, id, on_done, f);
    }
  CALL_OK (f, list, on_list, f);
  g_assert_cmpuint (f->domains->len, ==, 0);
  begin (f);
  sk_hypervisor_set_events (f->hypervisor, NULL, NULL);
  g_clear_object (&f->hypervisor);
  shut_door (&f->door);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  remove_tree (f->dir);
  g_string_free (f->log, TRUE);
  g_free (f->door.path);
  g_free (f->dir);
  g_free (f->state);
  g_free (f->runtime);
  g_free (f->image);
}

static SkVmSpec
spec (Fixture *f, const char *id)
{
  return (SkVmSpec){ id, "internet", f->image, "quiet odd='<&>\"'", 128, 1, "" };
}

static SkDomain *
listed (Fixture *f, const char *id)
{
  CALL_OK (f, list, on_list, f);
  for (guint i = 0; i < f->domains->len; i++)
    if (strcmp (((SkDomain *) f->domains->pdata[i])->id, id) == 0)
      return f->domains->pdata[i];
  return NULL;
}

static gboolean
exists (char *take_path)
{
  g_autofree char *path = take_path;
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* -- tests
 * --------------------------------------------------------------------------------------------------- */

static void
test_life (Fixture *f, gconstpointer data)
{
  SkVmSpec s = spec (f, VM "1");
  CALL_OK (f, create, &s, on_done, f);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_RUNNING);
  CALL_OK (f, create, &s, on_done, f); /* again does no harm */
  CALL_OK (f, suspend, s.id, on_done, f);
  CALL_OK (f, suspend, s.id, on_done, f);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_PAUSED);
  g_assert_cmpstr (listed (f, s.id)->owner, ==, "");
  CALL_OK (f, attach, s.id, "internet", "はな<&>'子", "session-1", on_done, f);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_RUNNING);
  g_assert_cmpstr (listed (f, s.id)->owner, ==, "はな<&>'子");
  g_assert_cmpstr (listed (f, s.id)->session, ==, "session-1");
  CALL_OK (f, destroy, s.id, on_done, f);
  CALL_OK (f, destroy, s.id, on_done, f);
  g_assert_false (exists (sk_domain_bulk (s.id)));
  g_assert_null (listed (f, s.id));
  g_assert_false (exists (sk_domain_disk (&f->folders, s.id)));
  g_assert_false (exists (sk_domain_run_dir (&f->folders, s.id)));
  CALL (f, suspend, s.id, on_done, f);
  g_assert_error (f->error, SK_ERROR, SK_ERROR_NOT_FOUND);
}

static int
qemu_pid (const char *id)
{
  g_autofree char *path = g_strdup_printf ("/run/libvirt/qemu/sekisho-%s.pid", id);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return atoi (text);
}

/* QEMU has it, and nobody else on the host can look into it. */
static void
expect_bulk (const SkVmSpec *s)
{
  g_autofree char *path = sk_domain_bulk (s->id);
  struct stat info;
  g_assert_no_errno (stat (path, &info));
  g_assert_true (S_ISREG (info.st_mode));
  g_assert_cmpint (info.st_mode & 07777, ==, 0660);
  g_assert_cmpint (info.st_size, ==, SK_BULK_SIZE);
  g_assert_cmpint (info.st_uid, ==, getuid ());
  g_autofree char *maps_path = g_strdup_printf ("/proc/%d/maps", qemu_pid (s->id));
  g_autofree char *maps = NULL;
  g_assert_true (g_file_get_contents (maps_path, &maps, NULL, NULL));
  g_assert_nonnull (strstr (maps, path));
}

/* What libvirt made of our XML, judged as doctor does; and both ports answer on their sockets. */
static void
test_devices (Fixture *f, gconstpointer data)
{
  static const char *const ports[] = { "agent.sock", "rdp.sock" };
  SkVmSpec s = spec (f, VM "1");
  g_autofree char *run_dir = sk_domain_run_dir (&f->folders, s.id);
  CALL_OK (f, create, &s, on_done, f);
  CALL_OK (f, describe, s.id, on_text, f);
  g_assert_null (sk_doctor_judge_domain (f->text, ""));
  g_assert_nonnull (strstr (f->text, "urn:sekisho"));
  g_assert_null (strstr (f->text, "<graphics"));
  for (gsize i = 0; i < G_N_ELEMENTS (ports); i++)
    {
      g_autofree char *path = g_build_filename (run_dir, ports[i], NULL);
      sk_autofd int fd = sk_fd_connect_unix (path, SOCK_STREAM, NULL);
      g_assert_cmpint (fd, >=, 0);
    }
  expect_bulk (&s);
  CALL_OK (f, describe, NULL, on_text, f);
  g_assert_nonnull (strstr (f->text, "QEMU"));
}

static void
test_group_of (void)
{
  static const struct
  {
    const char *xml;
    int group;
  } rows[] = {
    { "<h><secmodel><model>dac</model><baselabel type='kvm'>+1:+2</baselabel><baselabel type='qemu'>+3:+4"
      "</baselabel></secmodel></h>",
      4 },
    { "<h><secmodel><model>apparmor</model><baselabel "
      "type='qemu'>+9:+9</baselabel></secmodel><secmodel><model>"
      "dac</model><baselabel type='qemu'>+0:+0</baselabel></secmodel></h>",
      0 },
    { "<h><secmodel><model>apparmor</model><baselabel type='qemu'>+9:+9</baselabel></secmodel></h>", -1 },
    { "<h><secmodel><model>dac</model><baselabel type='qemu'>root</baselabel></secmodel></h>", -1 },
    { "<h><secmodel><model>dac</model></secmodel><baselabel type='kvm'>+1:+1</baselabel></h>", -1 },
    { "", -1 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gid_t group = 77;
      const gboolean known = sk_libvirt_group_of (rows[i].xml, &group);
      g_assert_cmpint (known ? (int) group : -1, ==, rows[i].group);
    }
}

static void
test_save_and_restore (Fixture *f, gconstpointer data)
{
  SkVmSpec s = spec (f, VM "1");
  CALL_OK (f, create, &s, on_done, f);
  CALL_OK (f, save, s.id, on_done, f);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_SAVED);
  g_assert_true (exists (sk_domain_disk (&f->folders, s.id)));
  /* As after the host's reboot. */
  g_autofree char *bulk = sk_domain_bulk (s.id);
  g_unlink (bulk);
  CALL_OK (f, restore, s.id, on_done, f);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_RUNNING);
  expect_bulk (&s);
  g_assert_false (exists (sk_domain_save (&f->folders, s.id))); /* never a second time */
  CALL_OK (f, destroy, s.id, on_done, f);
  CALL (f, restore, s.id, on_done, f);
  g_assert_nonnull (f->error);
  g_assert_null (strstr (f->log->str, "stopped-1(saved)"));
}

static void
test_qemu_dies (Fixture *f, gconstpointer data)
{
  SkVmSpec s = spec (f, VM "2");
  CALL_OK (f, create, &s, on_done, f);
  kill (qemu_pid (s.id), SIGKILL);
  wait_for (f, "stopped-2");
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_FILES);
}

/* Another installation on the same libvirt: not seen, not touched. */
static void
test_not_ours (Fixture *f, gconstpointer data)
{
  g_autofree char *state = g_build_filename (f->dir, "other", NULL);
  g_mkdir (state, 0711);
  SkFolders folders = { state, f->runtime };
  SkVmSpec s = spec (f, VM "3");
  g_autofree char *xml = sk_domain_xml (&folders, &s, FALSE);
  virConnectPtr connection = virConnectOpen (SK_LIBVIRT_URI);
  g_assert_true (sk_files_prepare (&folders, NULL) && sk_files_create (&folders, &s, NULL));
  virDomainPtr domain = virDomainCreateXML (connection, xml, 0);
  g_assert_nonnull (domain);
  SkDomain *seen = listed (f, s.id);
  g_assert_true (!seen || seen->state == SK_DOMAIN_FILES); /* they share the run directory here */
  g_assert_cmpint (virDomainIsActive (domain), ==, 1);
  virDomainDestroy (domain);
  virDomainFree (domain);
  virConnectClose (connection);
}

/* The connection breaks: we hear of it, VMs do not; what is asked meanwhile is done after the reconnect. */
static void
test_connection_lost (Fixture *f, gconstpointer data)
{
  SkVmSpec s = spec (f, VM "1");
  CALL_OK (f, create, &s, on_done, f);
  g_string_truncate (f->log, 0);
  shut_door (&f->door);
  wait_for (f, "down");
  begin (f);
  sk_hypervisor_suspend (f->hypervisor, s.id, on_done, f);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_false (f->done);
  open_door (&f->door);
  wait_for (f, "up");
  wait_for (f, NULL);
  g_assert_no_error (f->error);
  g_assert_cmpint (listed (f, s.id)->state, ==, SK_DOMAIN_PAUSED);
  kill (qemu_pid (s.id), SIGKILL); /* events come over the new connection too */
  wait_for (f, "stopped-1");
}

static void
test_refusals (Fixture *f, gconstpointer data)
{
  SkVmSpec s = spec (f, VM "1");
  g_autofree char *nowhere = g_build_filename (f->dir, "nowhere", NULL);
  s.image_dir = nowhere;
  CALL (f, create, &s, on_done, f);
  g_assert_error (f->error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  s = spec (f, VM "1");
  s.network = "no-such-bridge";
  CALL (f, create, &s, on_done, f);
  g_assert_error (f->error, SK_ERROR, SK_ERROR_UNAVAILABLE);
  g_test_message ("%s", f->error->message);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  sk_log_set_threshold (G_LOG_LEVEL_WARNING);
  if (g_access (LIBVIRT_SOCKET, W_OK) < 0)
    {
      printf ("1..0 # SKIP libvirtd does not run here\n");
      return 0;
    }
#define ADD(name, function) g_test_add ("/libvirt/" name, Fixture, NULL, setup, function, teardown)
  ADD ("life", test_life);
  ADD ("devices", test_devices);
  ADD ("save-and-restore", test_save_and_restore);
  ADD ("qemu-dies", test_qemu_dies);
  ADD ("not-ours", test_not_ours);
  ADD ("connection-lost", test_connection_lost);
  ADD ("refusals", test_refusals);
  g_test_add_func ("/libvirt/group-of", test_group_of);
  return g_test_run ();
}
