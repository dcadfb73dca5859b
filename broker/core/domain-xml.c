#include "core/domain-xml.h"
#include "wire/agent.h"
#include <string.h>

char *
sk_domain_disk (const SkFolders *folders, const char *id)
{
  return g_strdup_printf ("%s/vms/%s.qcow2", folders->state_dir, id);
}

char *
sk_domain_save (const SkFolders *folders, const char *id)
{
  return g_strdup_printf ("%s/vms/%s.save", folders->state_dir, id);
}

char *
sk_domain_run_dir (const SkFolders *folders, const char *id)
{
  return g_build_filename (folders->runtime_dir, "vms", id, NULL);
}

char *
sk_domain_bulk_name (const char *id)
{
  return g_strdup_printf ("sekisho-%s", id);
}

/* libvirt's formatdomain, "Shared memory device": the name is one of /dev/shm. */
char *
sk_domain_bulk (const char *id)
{
  g_autofree char *name = sk_domain_bulk_name (id);

  return g_build_filename ("/dev/shm", name, NULL);
}

char *
sk_domain_metadata (const SkFolders *folders, const char *pool, const char *owner, const char *session)
{
  return g_markup_printf_escaped ("<vm home='%s' pool='%s' owner='%s' session='%s'/>", folders->state_dir,
                                  pool, owner, session);
}

/* With KVM the host's own CPU, but nothing to start guests of guests with. Without, everything that QEMU can
 * emulate: Debian 13's kernel needs it (FACTS: the smaller models panic). Not the promise that REP MOVSB and
 * STOSB are fast: an emulator goes byte by byte where the kernel would otherwise copy eight at a time (cat
 * through a virtio-serial port 90 -> 400 MB/s). */
static const char *
cpu_element (gboolean kvm)
{
  return kvm ? "<cpu mode='host-passthrough' migratable='off'><feature policy='disable' name='vmx'/>"
               "<feature policy='disable' name='svm'/></cpu>"
             : "<cpu mode='maximum'><feature policy='disable' name='erms'/>"
               "<feature policy='disable' name='fsrm'/></cpu>";
}

static void
add_disk (GString *xml, const SkFolders *folders, const SkVmSpec *spec)
{
  g_autofree char *disk = sk_domain_disk (folders, spec->id);
  g_autofree char *text = NULL;
  /* cache=unsafe: flushes are ignored, because nobody ever needs this disk after the host went down without
   * warning; saving syncs it. The image below is read by many: libvirt must not change its owner. */
  text = g_markup_printf_escaped (
      "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe' discard='unmap'/>"
      "<source file='%s'/><backingStore type='file'><format type='qcow2'/>"
      "<source file='%s/image.qcow2'><seclabel model='dac' "
      "relabel='no'/></source><backingStore/></backingStore>"
      "<target dev='vda' bus='virtio'/></disk>",
      disk, spec->image_dir);
  g_string_append (xml, text);
}

/* role master: what is in it is saved with the guest, which libvirt asks for. */
static void
add_bulk (GString *xml, const char *id)
{
  g_autofree char *name = sk_domain_bulk_name (id);
  g_autofree char *text
      = g_markup_printf_escaped ("<shmem name='%s' role='master'><model type='ivshmem-plain'/>"
                                 "<size unit='B'>%u</size></shmem>",
                                 name, SK_BULK_SIZE);
  g_string_append (xml, text);
}

static void
add_channel (GString *xml, const SkFolders *folders, const char *id, const char *file, const char *name)
{
  g_autofree char *dir = sk_domain_run_dir (folders, id);
  g_autofree char *text = g_markup_printf_escaped ("<channel type='unix'><source mode='bind' path='%s/%s'/>"
                                                   "<target type='virtio' name='%s'/></channel>",
                                                   dir, file, name);
  g_string_append (xml, text);
}

static void
add_network (GString *xml, const char *network)
{
  g_autofree char *text = NULL;
  if (!*network)
    return;
  /* isolated: VMs on the bridge reach its router, not each other. */
  text = g_markup_printf_escaped ("<interface type='bridge'><source bridge='%s'/><model type='virtio'/>"
                                  "<port isolated='yes'/></interface>",
                                  network);
  g_string_append (xml, text);
}

char *
sk_domain_xml (const SkFolders *folders, const SkVmSpec *spec, gboolean kvm)
{
  g_autofree char *metadata = sk_domain_metadata (folders, spec->pool, "", "");
  g_autofree char *head = NULL;
  GString *xml = g_string_new (NULL);
  head = g_markup_printf_escaped (
      "<domain type='%s'><name>sekisho-%s</name><uuid>%s</uuid><title>Sekisho: %s</title>"
      "<memory unit='MiB'>%u</memory><vcpu>%u</vcpu>"
      "<os><type arch='x86_64' machine='q35'>hvm</type><kernel>%s/vmlinuz</kernel><initrd>%s/initrd</initrd>"
      "<cmdline>%s</cmdline></os><features><acpi/><apic/><vmport state='off'/></features>"
      "<clock offset='utc'/>"
      /* A guest that wants to start again is a guest whose session is over. */
      "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
      "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>",
      kvm ? "kvm" : "qemu", spec->id, spec->id, spec->pool, spec->memory_mib, spec->vcpus, spec->image_dir,
      spec->image_dir, spec->cmdline);
  g_string_append (xml, head);
  g_string_append (xml, cpu_element (kvm));
  /* The same element as sk_domain_metadata(), in its namespace. */
  g_string_append_printf (xml, "<metadata><%s:vm xmlns:%s='%s'%s</metadata><devices>", SK_METADATA_PREFIX,
                          SK_METADATA_PREFIX, SK_METADATA_URI, metadata + strlen ("<vm"));
  add_disk (xml, folders, spec);
  add_channel (xml, folders, spec->id, "agent.sock", SK_AGENT_PORT);
  add_channel (xml, folders, spec->id, "rdp.sock", SK_RDP_PORT);
  add_bulk (xml, spec->id);
  add_network (xml, spec->network);
  /* What libvirt would add by itself is said to be absent. */
  g_string_append (xml, "<controller type='usb' model='none'/><rng model='virtio'>"
                        "<backend model='random'>/dev/urandom</backend></rng><memballoon model='none'/>"
                        "</devices></domain>");
  return g_string_free (xml, FALSE);
}

char *
sk_domain_probe_xml (const SkFolders *folders, const char *kernel, const char *socket)
{
  g_autofree char *uuid = g_uuid_string_random ();
  g_autofree char *metadata = sk_domain_metadata (folders, "", "", "");
  g_autofree char *head = g_markup_printf_escaped (
      "<domain type='kvm'><name>sekisho-probe-%s</name><uuid>%s</uuid><memory "
      "unit='MiB'>256</memory><vcpu>1</vcpu>"
      "<os><type arch='x86_64' machine='q35'>hvm</type><kernel>%s</kernel>"
      "<cmdline>console=ttyS0 panic=-1</cmdline></os><features><acpi/><apic/></features>"
      "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>",
      uuid, uuid, kernel);
  g_autofree char *serial = g_markup_printf_escaped (
      "<serial type='unix'><source mode='bind' path='%s'/><target port='0'/></serial>", socket);
  return g_strdup_printf (
      "%s%s<metadata><%s:vm xmlns:%s='%s'%s</metadata><devices>%s"
      "<controller type='usb' model='none'/><memballoon model='none'/></devices></domain>",
      head, cpu_element (TRUE), SK_METADATA_PREFIX, SK_METADATA_PREFIX, SK_METADATA_URI,
      metadata + strlen ("<vm"), serial);
}

/* -- and back ---------------------------------------------------------------------------------------------
 */

typedef struct
{
  char *home, *pool, *owner, *session;
} Metadata;

static void
on_element (GMarkupParseContext *context, const char *element, const char **names, const char **values,
            gpointer data, GError **error)
{
  Metadata *m = data;
  struct
  {
    const char *name;
    char **into;
  } rows[]
      = { { "home", &m->home }, { "pool", &m->pool }, { "owner", &m->owner }, { "session", &m->session } };
  if (!g_str_equal (element, "vm") && !g_str_has_suffix (element, ":vm"))
    return;
  for (gsize i = 0; names[i]; i++)
    for (gsize j = 0; j < G_N_ELEMENTS (rows); j++)
      if (strcmp (names[i], rows[j].name) == 0 && !*rows[j].into)
        *rows[j].into = g_strdup (values[i]);
}

SkDomain *
sk_domain_parse_metadata (const SkFolders *folders, const char *id, SkDomainState state, const char *xml,
                          char **ret_pool)
{
  static const GMarkupParser parser = { .start_element = on_element };
  Metadata m = { 0 };
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, &m, NULL);
  gboolean good = g_markup_parse_context_parse (context, xml, -1, NULL)
                  && g_markup_parse_context_end_parse (context, NULL)
                  && g_strcmp0 (m.home, folders->state_dir) == 0;
  SkDomain *domain = good ? sk_domain_new (id, state, m.owner, m.session) : NULL;
  if (good && ret_pool)
    *ret_pool = g_strdup (m.pool ? m.pool : "");
  g_markup_parse_context_free (context);
  g_free (m.home);
  g_free (m.pool);
  g_free (m.owner);
  g_free (m.session);
  return domain;
}
