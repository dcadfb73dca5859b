/* The domain of a VM as libvirt's XML, and back. Pure functions. */
#pragma once
#include "core/hypervisor.h"

#define SK_METADATA_URI "urn:sekisho"
#define SK_METADATA_PREFIX "sekisho"

typedef struct
{
  const char
      *state_dir; /* disks and save files are in state_dir/vms; also says which installation a domain is of */
  const char *runtime_dir; /* sockets are in runtime_dir/vms/ID */
} SkFolders;

char *sk_domain_disk (const SkFolders *, const char *id);
char *sk_domain_save (const SkFolders *, const char *id);
char *sk_domain_run_dir (const SkFolders *, const char *id);
/* The bulk memory's name (wire/agent.h), and where libvirt lets QEMU find it. */
char *sk_domain_bulk_name (const char *id);
char *sk_domain_bulk (const char *id);

/* Every value is escaped; none can add an element. */
char *sk_domain_xml (const SkFolders *, const SkVmSpec *, gboolean kvm);
/* A kernel with nothing but a console on a socket: does this machine run guests? */
char *sk_domain_probe_xml (const SkFolders *, const char *kernel, const char *socket);

/* The metadata element. owner and session: "" before a user comes. */
char *sk_domain_metadata (const SkFolders *, const char *pool, const char *owner, const char *session);
/* NULL when it is not one, or of another installation (not an error: other domains are none of our business).
 */
SkDomain *sk_domain_parse_metadata (const SkFolders *, const char *id, SkDomainState state, const char *xml,
                                    char **ret_pool);
