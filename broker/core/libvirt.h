/* The real hypervisor: libvirt. libvirt.c owns the connection and the threads, libvirt-ops.c does the calls.
 *
 * Threads: the object belongs to the main context. No libvirt call is made there: one process-wide thread
 * runs libvirt's event loop, one connects (and connects again), and two small pools run the operations: a
 * fast one for what a user waits for, a slow one for what writes to disk. SkBackend is what the threads
 * share. */
#pragma once
#include "core/domain-xml.h"
#include "core/hypervisor.h"
#include <libvirt/libvirt.h>

#define SK_LIBVIRT_URI "qemu:///system"

#define SK_TYPE_LIBVIRT (sk_libvirt_get_type ())
G_DECLARE_FINAL_TYPE (SkLibvirt, sk_libvirt, SK, LIBVIRT, SkHypervisor)
/* uri NULL: SK_LIBVIRT_URI. */
SkHypervisor *sk_libvirt_new (const char *uri, const char *state_dir, const char *runtime_dir);

/* -- inside -----------------------------------------------------------------------------------------------
 */

typedef enum
{
  SK_ACCEL_UNKNOWN,
  SK_ACCEL_KVM,
  SK_ACCEL_EMULATED,
} SkAccel;

typedef struct
{
  gatomicrefcount refs;
  SkFolders folders; /* fixed */
  char *uri;
  GMutex lock; /* the rest */
  GCond changed;
  virConnectPtr connection; /* NULL: none now */
  gboolean stopping;
  SkAccel accel;
  gboolean probing;
  gboolean group_known;
  gid_t group; /* QEMU's */
} SkBackend;

typedef struct _SkJob SkJob;
/* In a pool's thread; connection is good for the call's time. */
typedef gboolean (*SkJobFunc) (SkBackend *, virConnectPtr, SkJob *, GError **);
struct _SkJob
{
  SkBackend *backend;
  gpointer hypervisor; /* main thread only: SkLibvirt, NULL once it is gone */
  SkJobFunc func;
  char *id, *pool, *image_dir, *cmdline, *network, *owner, *session;
  guint memory_mib, vcpus;
  SkHypervisorDone done;
  SkHypervisorList done_list;
  SkHypervisorText done_text;
  gpointer data;
  GPtrArray *domains; /* results */
  char *text;
  GError *error;
};

/* libvirt-ops.c */
gboolean sk_op_create (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_suspend (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_resume (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_attach (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_save (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_restore (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_destroy (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_list (SkBackend *, virConnectPtr, SkJob *, GError **);
gboolean sk_op_describe (SkBackend *, virConnectPtr, SkJob *, GError **);
/* From the calling thread's last libvirt error. FALSE. */
gboolean sk_libvirt_fail (const char *what, GError **error);

/* libvirt-probe.c. Whether guests run on KVM here; asked once, remembered until the host's next boot. */
gboolean sk_libvirt_use_kvm (SkBackend *, virConnectPtr, const char *kernel);
/* QEMU's group, as libvirt is set up; asked once. */
gboolean sk_libvirt_find_group (SkBackend *, virConnectPtr, gid_t *ret_group, GError **error);
/* From the XML of virConnectGetCapabilities(). FALSE: it does not say. */
gboolean sk_libvirt_group_of (const char *capabilities, gid_t *ret_group);
