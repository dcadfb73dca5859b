/* The operations on one domain, each done so that doing it again does no harm. Pool threads; see libvirt.h.
 */
#include "common/error.h"
#include "common/log.h"
#include "core/files.h"
#include "core/libvirt.h"
#include <errno.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

typedef virDomain SkDomainHandle;
static void
free_domain (virDomainPtr domain)
{
  if (domain)
    virDomainFree (domain);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkDomainHandle, free_domain)

gboolean
sk_libvirt_fail (const char *what, GError **error)
{
  virErrorPtr last = virGetLastError ();
  SkErrorCode code = last && last->code == VIR_ERR_NO_DOMAIN ? SK_ERROR_NOT_FOUND : SK_ERROR_UNAVAILABLE;
  g_set_error (error, SK_ERROR, code, "%s: %s", what, last && last->message ? last->message : "unknown");
  return FALSE;
}

static gboolean
is_missing (void)
{
  virErrorPtr last = virGetLastError ();
  return last && last->code == VIR_ERR_NO_DOMAIN;
}

static virDomainPtr
look_up (virConnectPtr connection, const char *id, GError **error)
{
  virDomainPtr domain = virDomainLookupByUUIDString (connection, id);
  if (!domain)
    sk_libvirt_fail ("look-up", error);
  return domain;
}

static gboolean
get_state (virDomainPtr domain, int *ret_state, GError **error)
{
  int reason;
  return virDomainGetState (domain, ret_state, &reason, 0) == 0 || sk_libvirt_fail ("state", error);
}

/* Where it were left to QEMU, everybody on the host could read it. */
static gboolean
make_bulk (SkBackend *backend, virConnectPtr connection, const char *id, GError **error)
{
  gid_t group;
  return sk_libvirt_find_group (backend, connection, &group, error) && sk_files_make_bulk (id, group, error);
}

gboolean
sk_op_create (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  SkVmSpec spec
      = { job->id, job->pool, job->image_dir, job->cmdline, job->memory_mib, job->vcpus, job->network };
  g_autofree char *kernel = g_build_filename (job->image_dir, "vmlinuz", NULL);
  g_autofree char *xml = NULL;
  g_autoptr (SkDomainHandle) domain = virDomainLookupByUUIDString (connection, job->id);
  if (domain)
    return TRUE; /* an earlier try's answer was lost */
  if (!sk_files_prepare (&backend->folders, error))
    return FALSE;
  xml = sk_domain_xml (&backend->folders, &spec, sk_libvirt_use_kvm (backend, connection, kernel));
  if (!sk_files_create (&backend->folders, &spec, error) || !make_bulk (backend, connection, job->id, error))
    return FALSE;
  domain = virDomainCreateXML (connection, xml, VIR_DOMAIN_NONE);
  return domain != NULL || sk_libvirt_fail ("start", error);
}

gboolean
sk_op_suspend (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autoptr (SkDomainHandle) domain = look_up (connection, job->id, error);
  int state;
  if (!domain || !get_state (domain, &state, error))
    return FALSE;
  return state == VIR_DOMAIN_PAUSED || virDomainSuspend (domain) == 0 || sk_libvirt_fail ("suspend", error);
}

static gboolean
resume (virDomainPtr domain, GError **error)
{
  int state;
  if (!get_state (domain, &state, error))
    return FALSE;
  return state == VIR_DOMAIN_RUNNING || virDomainResume (domain) == 0 || sk_libvirt_fail ("resume", error);
}

gboolean
sk_op_resume (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autoptr (SkDomainHandle) domain = look_up (connection, job->id, error);
  return domain && resume (domain, error);
}

gboolean
sk_op_attach (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autoptr (SkDomainHandle) domain = look_up (connection, job->id, error);
  g_autofree char *metadata = NULL;
  if (!domain)
    return FALSE;
  metadata = sk_domain_metadata (&backend->folders, job->pool, job->owner, job->session);
  if (virDomainSetMetadata (domain, VIR_DOMAIN_METADATA_ELEMENT, metadata, SK_METADATA_PREFIX,
                            SK_METADATA_URI, VIR_DOMAIN_AFFECT_LIVE)
      < 0)
    return sk_libvirt_fail ("stamp", error);
  return resume (domain, error);
}

/* Under another name first: a save file that has its name is whole and on the disk. */
gboolean
sk_op_save (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autofree char *path = sk_domain_save (&backend->folders, job->id);
  g_autofree char *part = g_strconcat (path, ".part", NULL);
  g_autoptr (SkDomainHandle) domain = look_up (connection, job->id, error);
  if (!domain)
    return FALSE;
  if (virDomainSaveFlags (domain, part, NULL, 0) < 0)
    return sk_libvirt_fail ("save", error);
  if (!sk_files_sync (&backend->folders, error))
    return FALSE;
  if (rename (part, path) < 0)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  return sk_files_sync (&backend->folders, error);
}

/* Comes back paused; its file is gone before the guest's first instruction. */
gboolean
sk_op_restore (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autofree char *path = sk_domain_save (&backend->folders, job->id);
  g_autoptr (SkDomainHandle) domain = virDomainLookupByUUIDString (connection, job->id);
  if (!domain)
    {
      if (!make_bulk (backend, connection, job->id, error))
        return FALSE;
      if (virDomainRestoreFlags (connection, path, NULL, VIR_DOMAIN_SAVE_PAUSED) < 0)
        return sk_libvirt_fail ("restore", error);
      domain = look_up (connection, job->id, error);
    }
  if (!domain)
    return FALSE;
  if (unlink (path) < 0 && errno != ENOENT)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "%s: %s", path, g_strerror (errno));
      return FALSE;
    }
  return resume (domain, error);
}

gboolean
sk_op_destroy (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autoptr (SkDomainHandle) domain = virDomainLookupByUUIDString (connection, job->id);
  if (!domain && !is_missing ())
    return sk_libvirt_fail ("look-up", error);
  /* Files only when QEMU is really gone: else it would go on with a disk that has no name. */
  if (domain && virDomainDestroyFlags (domain, 0) < 0 && !is_missing ()
      && virGetLastErrorCode () != VIR_ERR_OPERATION_INVALID)
    return sk_libvirt_fail ("destroy", error);
  return sk_files_wipe (&backend->folders, job->id, error);
}

/* -- what is there ----------------------------------------------------------------------------------------
 */

static SkDomain *
find (GPtrArray *domains, const char *id)
{
  for (guint i = 0; i < domains->len; i++)
    if (strcmp (((SkDomain *) domains->pdata[i])->id, id) == 0)
      return domains->pdata[i];
  return NULL;
}

static void
add_domain (SkBackend *backend, virDomainPtr handle, GPtrArray *domains)
{
  char id[VIR_UUID_STRING_BUFLEN];
  char *xml
      = virDomainGetMetadata (handle, VIR_DOMAIN_METADATA_ELEMENT, SK_METADATA_URI, VIR_DOMAIN_AFFECT_LIVE);
  SkDomain *domain = NULL;
  int state = VIR_DOMAIN_NOSTATE;
  if (xml && virDomainGetUUIDString (handle, id) == 0 && get_state (handle, &state, NULL))
    domain = sk_domain_parse_metadata (&backend->folders, id,
                                       state == VIR_DOMAIN_RUNNING  ? SK_DOMAIN_RUNNING
                                       : state == VIR_DOMAIN_PAUSED ? SK_DOMAIN_PAUSED
                                                                    : SK_DOMAIN_FILES,
                                       xml, NULL);
  free (xml);
  if (domain)
    g_ptr_array_add (domains, domain);
}

static void
on_file (const char *id, gboolean saved, gpointer data)
{
  GPtrArray *domains = data;
  SkDomain *domain = find (domains, id);
  if (!domain)
    g_ptr_array_add (domains, sk_domain_new (id, saved ? SK_DOMAIN_SAVED : SK_DOMAIN_FILES, "", ""));
  else if (domain->state == SK_DOMAIN_FILES && saved)
    domain->state = SK_DOMAIN_SAVED;
}

gboolean
sk_op_list (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  virDomainPtr *handles = NULL;
  int n = virConnectListAllDomains (connection, &handles, 0);
  g_clear_pointer (&job->domains, g_ptr_array_unref);
  job->domains = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_domain_free);
  if (n < 0)
    return sk_libvirt_fail ("list", error);
  for (int i = 0; i < n; i++)
    {
      add_domain (backend, handles[i], job->domains);
      virDomainFree (handles[i]);
    }
  free (handles);
  sk_files_list (&backend->folders, on_file, job->domains);
  return TRUE;
}

static char *
versions (virConnectPtr connection)
{
  unsigned long libvirt = 0, qemu = 0;
  virConnectGetLibVersion (connection, &libvirt);
  virConnectGetVersion (connection, &qemu);
  return g_strdup_printf ("libvirt %lu.%lu.%lu, QEMU %lu.%lu.%lu", libvirt / 1000000, libvirt / 1000 % 1000,
                          libvirt % 1000, qemu / 1000000, qemu / 1000 % 1000, qemu % 1000);
}

gboolean
sk_op_describe (SkBackend *backend, virConnectPtr connection, SkJob *job, GError **error)
{
  g_autoptr (SkDomainHandle) domain = NULL;
  char *xml;
  g_clear_pointer (&job->text, g_free);
  if (!job->id)
    {
      g_autofree char *numbers = versions (connection);
      g_mutex_lock (&backend->lock);
      job->text = g_strdup_printf ("%s, %s", numbers,
                                   backend->accel == SK_ACCEL_KVM        ? "KVM"
                                   : backend->accel == SK_ACCEL_EMULATED ? "emulated"
                                                                         : "no VM started yet");
      g_mutex_unlock (&backend->lock);
      return TRUE;
    }
  domain = look_up (connection, job->id, error);
  if (!domain)
    return FALSE;
  xml = virDomainGetXMLDesc (domain, 0);
  if (!xml)
    return sk_libvirt_fail ("describe", error);
  job->text = g_strdup (xml);
  free (xml);
  return TRUE;
}
