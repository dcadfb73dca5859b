/* Inside of the core, shared by vm.c, pool.c, session.c, spares.c, adopt.c and manager.c.
 *
 * Everything here runs on the main context's thread. Objects find each other through SkCore; an object whose
 * core is NULL was let go of and does nothing more. State changes go through one function a kind of object.
 * What follows from a change for others (queues, refills) is never done inside it but by the pump, a little
 * later and once for many changes: so no state change runs inside another. */
#pragma once
#include "common/i18n.h"
#include "core/agent-link.h"
#include "core/clock.h"
#include "core/hypervisor.h"
#include "core/manager.h"
#include "core/worker.h"
#include "core/clipboard.h"
#include "record/recordings.h"

/* A boot under TCG, from power-on to a painted browser, was seen to need three minutes; a machine that saves
 * several times that much is broken. */
#define SK_BOOT_SECONDS 900
/* The agent's first word of that comes within half a minute, within two on a machine that boots many at once.
 * Without KVM a kernel stood still in its first second now and then (lost timer interrupts): such a guest
 * will never speak, and another one can be had in the time. */
#define SK_FIRST_WORD_SECONDS 300
/* Restore and reconnect: seconds; minutes under TCG. */
#define SK_RESTORE_SECONDS 300
/* A guest that runs answers a greeting; as long as one that is silent may be silent. */
#define SK_HELLO_SECONDS (SK_AGENT_PING_SECONDS * SK_AGENT_PING_MISSES)
/* A painted picture: nothing new for this long, but do not wait for a page that never rests. */
#define SK_SETTLE_QUIET_MS 2000
#define SK_SETTLE_MAX_MS 30000
#define SK_SETTLE_LOOK_MS 500
/* An operation that libvirt has not finished by then counts as failed. Creating and saving write to disk. */
#define SK_OP_FAST_MS 60000
#define SK_OP_SLOW_MS 300000
/* Destroying is tried again for ever: the memory and the disk are still in use. */
#define SK_DESTROY_RETRY_MS 5000
#define SK_DESTROY_RETRY_MAX_MS 300000
/* After so many boots that failed one after another a pool waits before it tries again, twice as long each
 * time. */
#define SK_POOL_FAILURES 3
#define SK_POOL_WAIT_MS 30000
#define SK_POOL_WAIT_MAX_MS 900000
/* A viewer that holds a ticket needs a moment; after this a starting session counts as left alone. */
#define SK_START_SECONDS (SK_TOKEN_SECONDS + 15)
/* The RDP handshake of a viewer on the same machine takes 0.1 s, a stock client's start 1.3 s. */
#define SK_HANDSHAKE_SECONDS 30
/* A click's first moments belong to its user: the VM that takes the place of theirs begins to boot after
 * this. */
#define SK_REFILL_DELAY_MS 3000
/* A claimed VM sleeps on until its user sees its picture, which comes out of memory: the first moments of a
 * click need the processor for that, and a guest that wakes takes all of it. But no longer than this, twice
 * what our viewer needs: a viewer that comes late, or never, must not keep it from its work. */
#define SK_WAKE_LATEST_MS 300
/* Waiting places of one pool: far more people than a host can ever serve would be a mistake or an attack. */
#define SK_QUEUE_MAX 200
/* One user's live sessions over all pools, and new sessions a minute: a VM each, and VMs are dear. */
#define SK_USER_SESSIONS_MAX 8
#define SK_USER_OPENS_MAX 60
#define SK_USER_OPENS_SECONDS 60
/* Domains that nobody knows are looked for this often (a call that outlived its core can make one). */
#define SK_SWEEP_SECONDS 120
/* Without a first list a new core can do nothing: asked again soon. */
#define SK_LIST_RETRY_MS 2000
/* A worker of an earlier core that does not say hello in this time is killed. */
#define SK_ADOPT_SECONDS 10
/* Gone VMs and ended sessions stay in the store this long. */
#define SK_HISTORY_DAYS 90
/* The red of the trust frame that the desktop program draws as well. */
#define SK_BORDER_RGB 0xB3261E
/* jp106, as the image is set up (a Windows keyboard layout id). */
#define SK_KEYBOARD_LAYOUT 0x00000411

typedef struct _SkCore SkCore;
/* A core that came back does not know what the guest was told. */
#define SK_VM_SCALE_UNKNOWN G_MAXUINT

typedef struct _SkLiveVm SkLiveVm;
typedef struct _SkLivePool SkLivePool;
typedef struct _SkLiveSession SkLiveSession;

typedef struct
{
  SkStore *store;           /* borrowed; outlives the core */
  SkHypervisor *hypervisor; /* a reference is taken */
  SkStaff *staff;           /* a reference is taken */
  SkClock *clock;           /* borrowed */
  SkAgentLink *(*new_agent) (const char *vm_id, gpointer data);
  gpointer new_agent_data;
  char *runtime_dir;
  guint max_boots;          /* VMs that boot at once */
  guint spare_views;        /* kept ready; each serves one viewer connection */
  SkRecordings *recordings; /* borrowed; outlives the core. NULL: a pool that wants them shows nothing */
  SkTransfers *transfers;   /* borrowed; outlives the core. NULL: nothing crosses */
  SkAudit *audit;           /* borrowed; outlives the core. NULL: nothing is written down */
  SkPeople *people;         /* borrowed; outlives the core. NULL: all are of one organisation */
} SkCoreParts;

typedef enum
{
  SK_OP_NONE,
  SK_OP_CREATE,
  SK_OP_SUSPEND,
  SK_OP_ATTACH,
  SK_OP_SAVE,
  SK_OP_RESTORE,
  SK_OP_DESTROY,
} SkVmOp;

struct _SkLiveVm
{
  grefcount refs;
  SkCore *core;
  SkVm *row;
  SkLiveSession *session; /* weak */
  SkAgentLink *agent;
  SkWorker *screen;
  char *guest_user, *guest_password; /* of the guest's own login */
  SkVmOp op;
  guint64 op_serial; /* of the operation that runs, or of the last one's end */
  guint op_timer;
  gboolean running; /* its CPUs run, or will once the operation is done */
  gboolean stopped; /* the hypervisor said that it stopped */
  gboolean restored;
  gboolean picture, browser_ready, home_asked, home_open, time_due;
  gboolean probing; /* doctor uses it */
  char *url_due;
  guint scale, scale_due; /* percent: what the guest was told (0: nothing), is to be told (0: nothing) */
  gboolean scale_busy;    /* ... and has not answered yet */
  guint boot_timer, settle_timer, wake_timer;
  gint64 boot_began, settle_began, frames_since;
  guint64 frames;
  guint destroy_tries;
};

struct _SkLivePool
{
  SkCore *core;
  SkPool *row;
  char *spec;
  guint failures;
  gint64 retry_at; /* monotonic; 0 = now */
  guint retry_timer;
  char *reason;
  gint64 boot_us; /* how long boots took lately, 0 = not known */
};

struct _SkLiveSession
{
  grefcount refs;
  SkCore *core;
  SkSession *row;
  SkLiveVm *vm; /* weak; both are unlinked together */
  SkWorker *view;
  guint view_number;
  gboolean view_active, view_drawn; /* it said so; once is enough */
  SkWorker *reserved;               /* for the holder of the token */
  char *token;
  guint token_timer, state_timer, handshake_timer;
  guint width, height;    /* what the viewer asked for; 0 = the guest's */
  SkClipboard *clipboard; /* NULL: nothing crosses, or no viewer was there yet */
};

struct _SkCore
{
  SkCoreParts parts;
  SkManager *manager;   /* weak: events go through it */
  GPtrArray *images;    /* SkImage */
  GPtrArray *pools;     /* SkLivePool */
  GPtrArray *vms;       /* SkLiveVm, in the order of creation */
  GPtrArray *sessions;  /* SkLiveSession that did not end, in the order of creation */
  GPtrArray *unwritten; /* SkSession that ended while the store could not take it */
  GPtrArray *spares;    /* SkWorker, ready or starting */
  GPtrArray *adopting;  /* SkWorker of an earlier core, not yet at their place */
  GHashTable *opens;    /* uid -> GArray of gint64: when a user's latest sessions were opened */
  guint spare_failures, spare_timer;
  guint pump_timer, sweep_timer, adopt_timer, refill_timer;
  gint64 refill_at; /* monotonic: no boot of a VM that nobody waits for before this */
  guint64 serial;   /* orders operations and listings */
  gpointer listing; /* adopt.c's, while the hypervisor makes a list */
  gboolean connected, reconciled, draining, drain_sessions, drained;
};

/* core.c */
SkCore *sk_core_new (const SkCoreParts *parts, SkManager *manager);
/* Lets go of everything and leaves it running. */
void sk_core_free (SkCore *core);
void sk_core_emit (SkCore *core, const char *type, const char *id, const char *state, const char *text);
void sk_core_pump_soon (SkCore *core);
/* A VM was given to a user: boots that are not urgent wait a little. */
void sk_core_claimed (SkCore *core);
/* The next look at what the hypervisor has. */
void sk_core_sweep_in (SkCore *core, guint ms);
gint64 sk_core_wall (SkCore *core);
gint64 sk_core_monotonic (SkCore *core);
SkImage *sk_core_image (SkCore *core, const char *name_or_id);
SkLivePool *sk_core_pool (SkCore *core, const char *name);
SkLiveVm *sk_core_vm (SkCore *core, const char *id);
SkLiveSession *sk_core_session (SkCore *core, const char *id);
guint sk_core_booting (SkCore *core, gboolean restored);

/* vm.c */
SkLiveVm *sk_live_vm_new (SkLivePool *pool, GError **error);
SkLiveVm *sk_live_vm_load (SkCore *core, SkVm *take_row);
SkLiveVm *sk_live_vm_ref (SkLiveVm *vm);
void sk_live_vm_unref (SkLiveVm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkLiveVm, sk_live_vm_unref)
/* Timers, agent and screen are let go of, nothing is ended. */
void sk_live_vm_forget (SkLiveVm *vm);
gboolean sk_live_vm_is_free (SkLiveVm *vm);    /* can be given to a user now */
gboolean sk_live_vm_is_unowned (SkLiveVm *vm); /* never had a user, and lives */
gboolean sk_live_vm_is_dying (SkLiveVm *vm);   /* retiring, failed or gone */
gboolean sk_live_vm_is_coming (SkLiveVm *vm);  /* on its way to warm or stored */
gboolean sk_live_vm_claim (SkLiveVm *vm, SkLiveSession *session, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_live_vm_restore (SkLiveVm *vm);
/* Its user sees the picture: a claimed VM that still sleeps runs on. */
void sk_live_vm_wake (SkLiveVm *vm);
void sk_live_vm_suspend (SkLiveVm *vm);
/* On purpose. */
void sk_live_vm_retire (SkLiveVm *vm, const char *reason);
/* By a fault: a VM without a user counts as a failure of its pool. */
void sk_live_vm_fail (SkLiveVm *vm, const char *reason);
void sk_live_vm_stopped (SkLiveVm *vm, const char *why);
void sk_live_vm_open_url (SkLiveVm *vm, const char *url);
/* How large the guest's programs are to draw. */
void sk_live_vm_set_scale (SkLiveVm *vm, guint untrusted_percent);
/* After a restart of the core: an agent for a VM that is kept; its domain is there. */
void sk_live_vm_adopt (SkLiveVm *vm, gboolean running);
/* After a restart: it was dying already. */
void sk_live_vm_resume_death (SkLiveVm *vm);
void sk_live_vm_adopt_screen (SkLiveVm *vm, SkWorker *screen);

/* pool.c */
SkLivePool *sk_live_pool_new (SkCore *core, const SkPool *row);
void sk_live_pool_free (SkLivePool *pool);
void sk_live_pool_set_row (SkLivePool *pool, const SkPool *row);
void sk_live_pool_pump (SkLivePool *pool);
guint sk_live_pool_queue_length (SkLivePool *pool);
/* What a VM that has just booted becomes: SK_VM_WARM, SK_VM_STORED, or SK_VM_RETIRING when nobody needs it.
 */
SkVmState sk_live_pool_place (SkLivePool *pool, SkLiveVm *vm);
void sk_live_pool_boot_failed (SkLivePool *pool, const char *reason);
void sk_live_pool_boot_done (SkLivePool *pool, SkLiveVm *vm);
SkPoolStatus *sk_live_pool_status (SkLivePool *pool);

/* session.c */
SkLiveSession *sk_live_session_new (SkCore *core, SkLivePool *pool, const SkIdentity *who, GError **error);
/* The row, and what the audit trail says of its state, as one. */
gboolean sk_live_session_write (SkCore *core, const SkSession *row, GError **error) G_GNUC_WARN_UNUSED_RESULT;
SkLiveSession *sk_live_session_load (SkCore *core, SkSession *take_row);
SkLiveSession *sk_live_session_ref (SkLiveSession *session);
void sk_live_session_unref (SkLiveSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkLiveSession, sk_live_session_unref)
void sk_live_session_forget (SkLiveSession *session);
/* The store has the new row already (the claim's transaction). */
void sk_live_session_started (SkLiveSession *session, SkSession *take_row, SkLiveVm *vm);
void sk_live_session_end (SkLiveSession *session, const char *reason);
SkTicket *sk_live_session_ticket (SkLiveSession *session, GError **error);
gboolean sk_live_session_check_token (SkLiveSession *session, const char *untrusted_token, GError **error);
gboolean
sk_live_session_attach (SkLiveSession *session, int viewer_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* After a restart of the core; settle: its VM and its view are found or lost, timers begin. */
void sk_live_session_adopt_view (SkLiveSession *session, SkWorker *view);
void sk_live_session_settle (SkLiveSession *session);

/* session-clip.c */
/* Its viewer is about to be linked: both sides are told what the pool allows. */
void sk_live_session_clip_attach (SkLiveSession *session, SkWorker *view);
/* The viewer is there. */
void sk_live_session_clip_up (SkLiveSession *session);
/* After a restart of the core. */
void sk_live_session_clip_settle (SkLiveSession *session);
void sk_live_session_clip_offer (SkLiveSession *session, SkCross direction, guint64 untrusted_number,
                                 guint untrusted_kind, guint untrusted_bytes, int take_pipe);
/* The session ends, and with it what did not come through. */
void sk_live_session_clip_end (SkLiveSession *session);

/* spares.c */
void sk_spares_pump (SkCore *core);
gboolean sk_spares_have (SkCore *core);
guint sk_spares_ready (SkCore *core);    /* how many */
SkWorker *sk_spares_take (SkCore *core); /* a reference, or NULL */
void sk_spares_give_back (SkCore *core, SkWorker *take_view);
void sk_spares_adopt (SkCore *core, SkWorker *view);
void sk_spares_end (SkCore *core);

/* adopt.c */
gboolean sk_adopt_start (SkCore *core, GError **error);
void sk_adopt_list (SkCore *core); /* asks the hypervisor what is there, then compares */
void sk_adopt_forget (SkCore *core);
