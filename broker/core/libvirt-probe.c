/* Whether this machine runs guests on KVM. /dev/kvm alone says little: in some virtual machines it is there
 * and every kernel dies on it. So a kernel is really started, without a disk, until it says its name. */
#include "common/error.h"
#include "common/fd.h"
#include "common/log.h"
#include "core/files.h"
#include "core/libvirt.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A kernel on KVM says its first line within a second; a loaded host may need a few. */
#define PROBE_SECONDS 15
#define PROBE_WORD "Linux version"
#define LOOK_MS 300
/* What firmware says before is a few kilobytes. */
#define PROBE_MAX 65536

/* QEMU pauses a guest that KVM gives up on. */
static gboolean
still_runs (virDomainPtr domain)
{
  int state = VIR_DOMAIN_NOSTATE, reason;
  return virDomainGetState (domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_RUNNING;
}

static gboolean
wait_for_word (virDomainPtr domain, int fd)
{
  gint64 deadline = g_get_monotonic_time () + PROBE_SECONDS * G_USEC_PER_SEC;
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[1024];
  while (!strstr (text->str, PROBE_WORD))
    {
      struct pollfd p = { fd, POLLIN, 0 };
      int r = poll (&p, 1, LOOK_MS);
      gssize n = r == 1 ? read (fd, buffer, sizeof buffer) : 0;
      if (r < 0 || (r == 1 && n <= 0) || text->len > PROBE_MAX || g_get_monotonic_time () > deadline
          || (r == 0 && !still_runs (domain)))
        return FALSE;
      for (gssize i = 0; i < n; i++)
        g_string_append_c (text, buffer[i] ? buffer[i] : ' ');
    }
  return TRUE;
}

static gboolean
run_probe (SkBackend *backend, virConnectPtr connection, const char *kernel)
{
  g_autofree char *socket = g_build_filename (backend->folders.runtime_dir, "vms", "probe.sock", NULL);
  g_autofree char *xml = sk_domain_probe_xml (&backend->folders, kernel, socket);
  virDomainPtr domain = virDomainCreateXML (connection, xml, VIR_DOMAIN_START_PAUSED);
  sk_autofd int fd = -1;
  gboolean works = FALSE;
  if (domain)
    {
      fd = sk_fd_connect_unix (socket, SOCK_STREAM, NULL);
      works = fd >= 0 && virDomainResume (domain) == 0 && wait_for_word (domain, fd);
      virDomainDestroyFlags (domain, 0);
      virDomainFree (domain);
    }
  g_unlink (socket);
  return works;
}

/* The runtime folder is emptied by a reboot, and so is this answer. */
static char *
answer_file (SkBackend *backend)
{
  return g_build_filename (backend->folders.runtime_dir, "accel", NULL);
}

static SkAccel
read_answer (SkBackend *backend)
{
  g_autofree char *path = answer_file (backend);
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return SK_ACCEL_UNKNOWN;
  return strcmp (text, "kvm\n") == 0        ? SK_ACCEL_KVM
         : strcmp (text, "emulated\n") == 0 ? SK_ACCEL_EMULATED
                                            : SK_ACCEL_UNKNOWN;
}

static SkAccel
find_out (SkBackend *backend, virConnectPtr connection, const char *kernel)
{
  SkAccel accel = read_answer (backend);
  if (accel != SK_ACCEL_UNKNOWN)
    return accel;
  accel = g_access ("/dev/kvm", F_OK) == 0 && run_probe (backend, connection, kernel) ? SK_ACCEL_KVM
                                                                                      : SK_ACCEL_EMULATED;
  g_autofree char *path = answer_file (backend);
  g_file_set_contents (path, accel == SK_ACCEL_KVM ? "kvm\n" : "emulated\n", -1, NULL);
  sk_notice (NULL, accel == SK_ACCEL_KVM ? "guests run on KVM"
                                         : "no guest runs on KVM here: everything is emulated, and slow");
  return accel;
}

gboolean
sk_libvirt_use_kvm (SkBackend *backend, virConnectPtr connection, const char *kernel)
{
  SkAccel accel;
  g_mutex_lock (&backend->lock);
  while (backend->accel == SK_ACCEL_UNKNOWN && backend->probing)
    g_cond_wait (&backend->changed, &backend->lock);
  accel = backend->accel;
  backend->probing = accel == SK_ACCEL_UNKNOWN;
  g_mutex_unlock (&backend->lock);
  if (accel != SK_ACCEL_UNKNOWN)
    return accel == SK_ACCEL_KVM;
  accel = find_out (backend, connection, kernel);
  g_mutex_lock (&backend->lock);
  backend->accel = accel;
  backend->probing = FALSE;
  g_cond_broadcast (&backend->changed);
  g_mutex_unlock (&backend->lock);
  return accel == SK_ACCEL_KVM;
}

/* -- QEMU's group -------------------------------------------------------------------------------------------
 */

typedef struct
{
  gboolean dac, label, known; /* inside of: the model dac, its label for QEMU */
  gid_t group;
} Labels;

static void
on_start (GMarkupParseContext *context, const char *element, const char **names, const char **values,
          gpointer data, GError **error)
{
  Labels *labels = data;
  if (strcmp (element, "secmodel") == 0)
    labels->dac = FALSE;
  labels->label = strcmp (element, "baselabel") == 0 && names[0] && strcmp (names[0], "type") == 0
                  && strcmp (values[0], "qemu") == 0;
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  Labels *labels = data;
  unsigned int user, group;
  if (strcmp (g_markup_parse_context_get_element (context), "model") == 0 && strcmp (text, "dac") == 0)
    labels->dac = TRUE;
  else if (labels->dac && labels->label && sscanf (text, "+%u:+%u", &user, &group) == 2)
    {
      labels->known = TRUE;
      labels->group = group;
    }
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  ((Labels *) data)->label = FALSE;
}

gboolean
sk_libvirt_group_of (const char *capabilities, gid_t *ret_group)
{
  static const GMarkupParser parser = { .start_element = on_start, .end_element = on_end, .text = on_text };
  Labels labels = { 0 };
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, &labels, NULL);
  const gboolean parsed = g_markup_parse_context_parse (context, capabilities, -1, NULL);
  g_markup_parse_context_free (context);
  *ret_group = labels.group;
  return parsed && labels.known;
}

gboolean
sk_libvirt_find_group (SkBackend *backend, virConnectPtr connection, gid_t *ret_group, GError **error)
{
  g_autoptr (GMutexLocker) lock = g_mutex_locker_new (&backend->lock);
  *ret_group = backend->group;
  if (backend->group_known)
    return TRUE;
  g_clear_pointer (&lock, g_mutex_locker_free);
  char *xml = virConnectGetCapabilities (connection);
  if (!xml)
    return sk_libvirt_fail ("capabilities", error);
  const gboolean known = sk_libvirt_group_of (xml, ret_group);
  free (xml);
  if (!known)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "libvirt does not say as whom QEMU runs");
      return FALSE;
    }
  lock = g_mutex_locker_new (&backend->lock);
  backend->group = *ret_group;
  backend->group_known = TRUE;
  return TRUE;
}
