/* Everything durable. Rows are plain structs described by field tables: the store binds SQL from them, the
 * API makes JSON from them.
 *
 * Threads: one SkStore belongs to one thread. Calls are synchronous: SQLite in WAL mode with synchronous=FULL
 * costs one fsync a transaction (about a millisecond on an SSD), and state must be durable before its side
 * effect runs, so the caller would wait anyway. Errors: SK_ERROR_STORE unless said otherwise;
 * SK_ERROR_NOT_FOUND, SK_ERROR_CONFLICT. On error nothing changed. The only SQL of the project is in this
 * folder. */
#pragma once
#include <gio/gio.h>

typedef enum
{
  SK_FIELD_STRING,
  SK_FIELD_UINT, /* guint */
  SK_FIELD_BOOL, /* gboolean, stored as 0 or 1 */
  SK_FIELD_INT64,
  SK_FIELD_STATE, /* an enum stored and shown as its word; see `words` */
} SkFieldType;

typedef struct
{
  const char *name; /* column and JSON member */
  SkFieldType type;
  gsize offset;
  const char *const *words; /* SK_FIELD_STATE: NULL-terminated, by enum value */
  gboolean secret;          /* never leaves the core */
} SkField;

/* Each ends with a row whose name is NULL. */
extern const SkField sk_image_fields[], sk_pool_fields[], sk_vm_fields[], sk_session_fields[];

typedef struct
{
  char *id;   /* content hash, 64 hex digits */
  char *name; /* for people; unique */
  char *path; /* folder with image.qcow2, vmlinuz, initrd, manifest.json */
  char *cmdline;
  gint64 created; /* all times: microseconds since 1970, UTC */
  gint64 size;    /* bytes */
} SkImage;

typedef struct
{
  char *name; /* [a-z][a-z0-9-]{0,30} */
  char *image;
  guint memory_mib;
  guint vcpus;
  char *network;       /* bridge on which the host has no address; "" = no network card */
  guint warm;          /* kept suspended in memory, ready for a click */
  guint stored;        /* kept saved on disk behind them */
  guint maximum;       /* VMs of this pool at once, in any state but gone: all of them hold memory or disk */
  guint width, height; /* of the first frame */
  guint detached_minutes; /* a session without a viewer is ended after this long */
  char *group;            /* unix group whose members may open sessions; "" = everybody */
  char *border;           /* text of the trust border */
  char *home_url;         /* "" = the image's start page */
  gboolean sound;         /* viewers may hear the guest */
  gboolean watermark;     /* the picture names its user and the time */
  gboolean recording;     /* what is shown and pressed is kept */
  char *clipboard;        /* which ways it goes: "off", "import", "export", "both" */
  gint64 created;
} SkPool;

/* What SkPool.clipboard may be; NULL at the end. */
extern const char *const sk_pool_clipboard_words[];

typedef enum
{
  SK_VM_DEFINING, /* overlay and domain are being made */
  SK_VM_BOOTING,  /* runs; agent, RDP and browser are not all ready yet */
  SK_VM_WARM,     /* suspended in memory, screen connected, first frame decoded */
  SK_VM_STORED,   /* saved to disk, restored at most once */
  SK_VM_ATTACHED, /* belongs to one user, for ever */
  SK_VM_RETIRING, /* being destroyed, overlay wiped */
  SK_VM_GONE,
  SK_VM_FAILED, /* never had a user; being cleaned up like RETIRING, but counted as a fault */
} SkVmState;

typedef struct
{
  char *id; /* uuid: also the domain's */
  char *pool;
  char *image;
  char *spec; /* digest of what the pool asked for when it was made; differs = of an older size or image */
  SkVmState state;
  char *owner;   /* user name, "" = never had one; written once */
  char *session; /* "" or the session it belongs to */
  char *reason;  /* why it retires or failed, for people */
  gint64 created;
  gint64 changed;
} SkVm;

typedef enum
{
  SK_SESSION_QUEUED,   /* waits for a VM */
  SK_SESSION_STARTING, /* has a VM that is being resumed */
  SK_SESSION_ACTIVE,   /* a viewer is connected */
  SK_SESSION_DETACHED, /* no viewer, VM keeps running */
  SK_SESSION_ENDED,
} SkSessionState;

typedef struct
{
  char *id; /* uuid */
  char *pool;
  char *vm; /* "" while queued */
  char *user;
  guint uid;
  SkSessionState state;
  char *url;    /* to open first; "" = start page */
  char *reason; /* why it ended */
  gint64 created;
  gint64 changed;
} SkSession;

void sk_image_free (SkImage *);
void sk_pool_free (SkPool *);
void sk_vm_free (SkVm *);
void sk_session_free (SkSession *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkImage, sk_image_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkPool, sk_pool_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkVm, sk_vm_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSession, sk_session_free)
SkImage *sk_image_copy (const SkImage *);
SkPool *sk_pool_copy (const SkPool *);
SkVm *sk_vm_copy (const SkVm *);
SkSession *sk_session_copy (const SkSession *);

/* The word of a state, as stored and shown. */
const char *sk_vm_state_word (SkVmState state);
const char *sk_session_state_word (SkSessionState state);

typedef struct _SkStore SkStore;

/* path: database file, or ":memory:". Runs missing migrations in one transaction; a database of a newer
 * version is refused (SK_ERROR_CONFLICT) and left untouched. */
SkStore *sk_store_open (const char *path, GError **error);
void sk_store_close (SkStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkStore, sk_store_close)

/* The same database for reading only, on another thread's connection: what is read between
 * sk_store_snapshot() and sk_store_close() is of one moment. Not for ":memory:" (SK_ERROR_UNAVAILABLE). */
SkStore *sk_store_open_reader (const char *path, GError **error);
gboolean sk_store_snapshot (SkStore *reader, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *sk_store_path (SkStore *);

/* Several calls as one: all of it is durable when the commit returns, or none. Not within one another
 * (SK_ERROR_STORE). After a call or a commit that failed: rollback. */
gboolean sk_store_begin (SkStore *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_commit (SkStore *, GError **) G_GNUC_WARN_UNUSED_RESULT;
void sk_store_rollback (SkStore *);
gboolean sk_store_is_begun (SkStore *);

/* Insert-or-replace by key; lists are ordered by creation. */
gboolean sk_store_put_image (SkStore *, const SkImage *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_pool (SkStore *, const SkPool *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_vm (SkStore *, const SkVm *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_put_session (SkStore *, const SkSession *, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_delete_image (SkStore *, const char *id, GError **) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_store_delete_pool (SkStore *, const char *name, GError **) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *sk_store_images (SkStore *, GError **);
GPtrArray *sk_store_pools (SkStore *, GError **);
/* Without those that are gone (VMs) or ended (sessions) unless `all`. */
GPtrArray *sk_store_vms (SkStore *, gboolean all, GError **);
GPtrArray *sk_store_sessions (SkStore *, gboolean all, GError **);
/* One transaction (its own, where none is begun): the VM becomes `claimed->owner`'s (warm -> attached), for
 * this session, provided its row says it never had an owner; the session's row with it. SK_ERROR_CONFLICT
 * when it had one. This is the durable half of rule 5 (a VM that had a user never serves another). */
gboolean sk_store_claim_vm (SkStore *, const SkVm *claimed, const SkSession *session,
                            GError **) G_GNUC_WARN_UNUSED_RESULT;
/* Forgets VMs that are gone and sessions that ended before this time. */
gboolean sk_store_prune (SkStore *, gint64 before, GError **) G_GNUC_WARN_UNUSED_RESULT;
/* One session, also an ended one. */
SkSession *sk_store_session (SkStore *, const char *id, GError **);
