/* Files over one VM's agent port: what the guest offers (imports) and what is put into it (exports).
 *
 * Sits on an SkAgentLink and knows nothing of policies, quarantine or people. Main loop's thread only; the
 * callbacks come from the main loop, never from inside a call made here. Everything that comes from the guest
 * is untrusted: this layer guarantees order, offsets, lengths and counts (see below), not names nor contents.
 *
 *   offered ─take─▶ item ─▶ data… ─▶ item_end ─▶ item … ─▶ end ─received/refuse─▶ gone
 *      │have/refuse/later           any ─▶ cancelled ─▶ gone
 *
 * What the listener may rely on: items come as 0, 1, 2 … (after a resume: from the item and offset it named),
 * each byte once and in order, exactly as many as the item said, all items' sizes together the total of the
 * offer, and never more than the window of bytes that were not credited. A guest that does otherwise loses
 * the offer (`cancelled`), or the link where the protocol itself was broken. */
#pragma once
#include "core/agent-link.h"
#include "core/clock.h"

typedef struct _SkGuestFiles SkGuestFiles;
/* One offer of the guest on this connection. Belongs to SkGuestFiles; ends with `cancelled`, with `lost` of
 * the link, or when it is answered for good (have, refuse, later, received). Not to be used after that. */
typedef struct _SkGuestOffer SkGuestOffer;

typedef struct
{
  /* Answer with sk_guest_offer_take, _have, _refuse or _later, now or later. */
  void (*offered) (SkGuestOffer *offer, gpointer data);
  /* offset: where its data will start; not 0 only for the item that a resume goes on with. */
  void (*item) (SkGuestOffer *offer, guint index, guint64 size, const char *untrusted_name, guint64 offset,
                gpointer data);
  /* Borrowed until it returns; never empty. Say sk_guest_offer_credit() when they are written or queued. */
  void (*data) (SkGuestOffer *offer, guint index, guint64 offset, const guint8 *untrusted, gsize length,
                gpointer data);
  /* sha256: 64 lower-case hex digits, or "" when the guest has none: a claim, good against a torn transfer
   * only. */
  void (*item_end) (SkGuestOffer *offer, guint index, const char *untrusted_sha256, gpointer data);
  /* All of it came. Answer with sk_guest_offer_received() once it is durable, or sk_guest_offer_refuse(). */
  void (*end) (SkGuestOffer *offer, gpointer data);
  /* Taken back by the guest, broken off by a rule, too slow, or the port was reconnected: the guest offers
   * the same key again, unless it gave up. The offer is gone after this. en/ja-neutral text for logs. */
  void (*cancelled) (SkGuestOffer *offer, const char *why, gpointer data);
} SkGuestFilesListener;

/* Listens on the link (kept by reference). clock: NULL for the real one. */
SkGuestFiles *
sk_guest_files_new (SkAgentLink *link, SkClock *clock, const SkGuestFilesListener *listener, gpointer data);
/* Offers end without a callback; puts end with SK_ERROR_CANCELLED. */
void sk_guest_files_free (SkGuestFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkGuestFiles, sk_guest_files_free)

/* The guest's agent answers. */
gboolean sk_guest_files_is_up (const SkGuestFiles *files);

/* -- imports ------------------------------------------------------------------------------------------------
 */

/* 32 lower-case hex digits, the same when the guest offers again after a reconnect. */
const char *sk_guest_offer_key (const SkGuestOffer *);
/* "file", "print" or "url". */
const char *sk_guest_offer_kind (const SkGuestOffer *);
guint sk_guest_offer_items (const SkGuestOffer *); /* 1 to SK_FILE_ITEMS_MAX */
guint64 sk_guest_offer_bytes (const SkGuestOffer *);
/* The listener's own. */
void sk_guest_offer_set_data (SkGuestOffer *, gpointer data);
gpointer sk_guest_offer_get_data (const SkGuestOffer *);

/* Go on with this item at this offset (0, 0 from the start). */
void sk_guest_offer_take (SkGuestOffer *, guint item, guint64 offset);
/* It is here already, durable: the guest puts its copy aside. */
void sk_guest_offer_have (SkGuestOffer *);
/* For good, before or after its bytes. text: one line for the person (cut at SK_AGENT_TEXT_MAX bytes). */
void sk_guest_offer_refuse (SkGuestOffer *, const char *text);
/* Not now: the guest offers again after SK_FILE_LATER_SECONDS. */
void sk_guest_offer_later (SkGuestOffer *, const char *text);
/* After `end`: it is durable. */
void sk_guest_offer_received (SkGuestOffer *);
/* So many more bytes of `data` were taken. More than came is our own mistake. */
void sk_guest_offer_credit (SkGuestOffer *, gsize bytes);

/* What became of an import later, shown in the guest. state: "inspecting", "held", "approved", "denied",
 * "refused", "delivered", "expired" or "cancelled"; "denied" and "refused" set the guest's copy aside. Says
 * nothing when the guest is not there: it is a notice, not a record. */
void sk_guest_files_status (SkGuestFiles *, const char *key, const char *state, const char *text);

/* -- exports ------------------------------------------------------------------------------------------------
 */

typedef struct
{
  const char *name; /* relative, sanitised; borrowed for the call */
  guint64 size;
  const char *sha256; /* 64 lower-case hex digits */
} SkGuestPutItem;

/* Bytes of item at offset into buffer: how many (never more than the item has), 0 = none yet (then
 * sk_guest_files_put_more), -1 = error, which ends the put. Must not block for long: main loop. */
typedef gssize (*SkGuestPutRead) (guint item, guint64 offset, guint8 *buffer, gsize room, gpointer data,
                                  GError **error);
/* Once. error NULL: whole and durable in the guest's folder (or was already). SK_ERROR_PEER_LOST: put it
 * again when the guest is back, it goes on where it stopped. SK_ERROR_FORBIDDEN: the guest refused (no room,
 * …). */
typedef void (*SkGuestPutDone) (const GError *error, gpointer data);

/* id: [0-9a-f-]{1,64}, the transfer's. FALSE (no callback): the guest is not up (SK_ERROR_PEER_LOST), too
 * many at once (SK_ERROR_FULL, limit SK_FILE_PUTS_MAX), more than a limit (SK_ERROR_LIMIT), the same id is on
 * its way (SK_ERROR_CONFLICT). */
gboolean sk_guest_files_put (SkGuestFiles *, const char *id, const SkGuestPutItem *items, guint n_items,
                             SkGuestPutRead read, SkGuestPutDone done, gpointer data,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
void sk_guest_files_put_more (SkGuestFiles *, const char *id);
/* done comes with SK_ERROR_CANCELLED, later. */
void sk_guest_files_put_cancel (SkGuestFiles *, const char *id);
/* Bytes that the guest has acknowledged, for progress; 0 when there is no such put. */
guint64 sk_guest_files_put_progress (const SkGuestFiles *, const char *id);
