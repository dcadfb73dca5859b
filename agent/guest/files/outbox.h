/* A folder whose content goes to the host.
 *
 *   settling ─unchanged, nobody writes─▶ waiting ─OFFER─▶ offered ─take─▶ sending ─OFFER_END─▶ sent ─have─▶
 * moved ▲                                    ▲ later, reconnect │              │                   │ refuse─▶
 * set aside └────────────── changed meanwhile ───┴──────────────────┴──────────────┴───────────────────┘
 *
 * Chromium's half-written downloads (*.crdownload, and the empty file that holds their place) are left alone.
 */
#pragma once
#include "files.h"

typedef struct _SkOutbox SkOutbox;

typedef struct
{
  const char *folder; /* in the home */
  const char *kind;   /* the wire's */
  gboolean keep;      /* what was sent is kept in SK_FILES_SENT; else removed */
  guint at_once;
} SkOutboxKind;

SkOutbox *sk_outbox_new (SkFiles *files, const char *home, const SkOutboxKind *kind, GError **error);
void sk_outbox_free (SkOutbox *outbox);

/* The host's connection is another one: every offer starts again. */
void sk_outbox_reset (SkOutbox *outbox);
/* Looks through the folder soon. */
void sk_outbox_run (SkOutbox *outbox);
/* The link has room. */
void sk_outbox_pump (SkOutbox *outbox);
/* FALSE: not about one of its offers. */
gboolean sk_outbox_span_done (SkOutbox *outbox, guint32 id, guint32 length);
gboolean sk_outbox_take (SkOutbox *outbox, const SkMessage *m);
