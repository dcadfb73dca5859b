/* What the core needs of a hypervisor. libvirt.c is the real one; tests bring one that fails at will.
 *
 * Every operation is asynchronous: it returns at once, `done` is called exactly once, later, on the main
 * context's thread (never from inside the call), unless the object is disposed of first. Operations are
 * idempotent: asking for what is already so succeeds. While the connection to the hypervisor is lost,
 * operations wait for it a while before they fail with SK_ERROR_PEER_LOST. Trust: ids, names and paths come
 * from the core, checked. */
#pragma once
#include <gio/gio.h>

typedef struct
{
  const char *id; /* uuid */
  const char *pool;
  const char *image_dir; /* folder with image.qcow2, vmlinuz, initrd */
  const char *cmdline;
  guint memory_mib, vcpus;
  const char *network; /* bridge, or "" */
} SkVmSpec;

typedef enum
{
  SK_DOMAIN_RUNNING,
  SK_DOMAIN_PAUSED,
  SK_DOMAIN_SAVED, /* no domain, but its save file */
  SK_DOMAIN_FILES, /* nothing but files: an overlay, a run directory */
} SkDomainState;

/* What is there of ours, whatever the store thinks. */
typedef struct
{
  char *id;
  SkDomainState state;
  char *owner;   /* from the domain's metadata; "" = never had one */
  char *session; /* "" */
} SkDomain;
void sk_domain_free (SkDomain *);
SkDomain *sk_domain_new (const char *id, SkDomainState state, const char *owner, const char *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkDomain, sk_domain_free)

typedef void (*SkHypervisorDone) (const GError *error, gpointer data);
/* domains: SkDomain, or NULL with an error; the callee's to ref. */
typedef void (*SkHypervisorList) (GPtrArray *domains, const GError *error, gpointer data);
typedef void (*SkHypervisorText) (const char *text, const GError *error, gpointer data);

typedef struct
{
  /* The connection came up (also the first time) or was lost. Running VMs do not notice. */
  void (*connection) (gboolean up, gpointer data);
  /* A domain of ours stopped without our asking: powered off, crashed, killed. */
  void (*stopped) (const char *id, const char *why, gpointer data);
} SkHypervisorEvents;

#define SK_TYPE_HYPERVISOR (sk_hypervisor_get_type ())
G_DECLARE_DERIVABLE_TYPE (SkHypervisor, sk_hypervisor, SK, HYPERVISOR, GObject)
struct _SkHypervisorClass
{
  GObjectClass parent;
  void (*start) (SkHypervisor *);
  void (*create) (SkHypervisor *, const SkVmSpec *, SkHypervisorDone, gpointer);
  void (*suspend) (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
  void (*attach) (SkHypervisor *, const char *id, const char *pool, const char *owner, const char *session,
                  SkHypervisorDone, gpointer);
  void (*save) (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
  void (*restore) (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
  void (*resume) (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
  void (*destroy) (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
  void (*list) (SkHypervisor *, SkHypervisorList, gpointer);
  void (*describe) (SkHypervisor *, const char *id, SkHypervisorText, gpointer);
};

void sk_hypervisor_set_events (SkHypervisor *, const SkHypervisorEvents *events, gpointer data);
/* Connects; events follow. */
void sk_hypervisor_start (SkHypervisor *);
/* A fresh overlay on the image, a domain with it, running. */
void sk_hypervisor_create (SkHypervisor *, const SkVmSpec *, SkHypervisorDone, gpointer);
void sk_hypervisor_suspend (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
void sk_hypervisor_resume (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
/* Stamps the owner into the domain's metadata, then resumes: in this order, so that no guest ever runs for a
 * user whose name it does not carry. */
void sk_hypervisor_attach (SkHypervisor *, const char *id, const char *pool, const char *owner,
                           const char *session, SkHypervisorDone, gpointer);
/* Memory to disk, durable when done; the domain is gone then. */
void sk_hypervisor_save (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
/* Runs again; the save file is deleted before the guest's first instruction, so it cannot be restored twice.
 */
void sk_hypervisor_restore (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
/* Ends the domain, wipes its overlay, save file and run directory. */
void sk_hypervisor_destroy (SkHypervisor *, const char *id, SkHypervisorDone, gpointer);
void sk_hypervisor_list (SkHypervisor *, SkHypervisorList, gpointer);
/* For doctor. id: the running domain's XML as the hypervisor has it. NULL: a line of versions. */
void sk_hypervisor_describe (SkHypervisor *, const char *id, SkHypervisorText, gpointer);

/* For implementations. */
void sk_hypervisor_emit_connection (SkHypervisor *, gboolean up);
void sk_hypervisor_emit_stopped (SkHypervisor *, const char *id, const char *why);
