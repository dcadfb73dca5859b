/* What the two halves of SkGuestFiles share: guest-files.c has the imports, guest-files-put.c the exports. */
#pragma once
#include "core/guest-files.h"

struct _SkGuestFiles
{
  SkAgentLink *link;
  SkClock *clock;
  const SkGuestFilesListener *listener;
  gpointer data;
  GHashTable *offers; /* id -> SkGuestOffer */
  GPtrArray *puts;    /* SkGuestPut, in the order of their start */
  guint32 last_offer; /* the largest id of this connection */
  guint32 last_put;   /* never starts anew: what answers an older one is known as such */
  guint tick, later;  /* timers */
  gboolean up, pumping;
};

/* Sends what can be sent; what cannot shows as the end of the connection. */
void sk_guest_files_say (SkGuestFiles *, const SkMessage *);
/* At most what a text of the wire holds, at a character's border. New string. */
char *sk_guest_files_cut (const char *text);
/* Starts the clock that finds the slow, if it does not run. */
void sk_guest_files_watch (SkGuestFiles *);

/* NULL, or why the protocol was broken. */
const char *sk_guest_puts_message (SkGuestFiles *, const SkMessage *untrusted);
void sk_guest_puts_down (SkGuestFiles *, SkErrorCode code, const char *why);
void sk_guest_puts_pump (SkGuestFiles *);
/* Every SK_GUEST_FILES_TICK_SECONDS of a running guest. */
void sk_guest_puts_tick (SkGuestFiles *);
void sk_guest_put_free (gpointer put);

#define SK_GUEST_FILES_TICK_SECONDS 10
