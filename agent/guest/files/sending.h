/* One offer's bytes on their way to the host: items, data, credits. */
#pragma once
#include "files.h"
#include "tree.h"

typedef struct _SkSending SkSending;

typedef enum
{
  SK_SENDING_MORE,    /* one message went out */
  SK_SENDING_WAITS,   /* for a credit, or for the agent */
  SK_SENDING_ALL,     /* OFFER_END went out, now or earlier */
  SK_SENDING_CHANGED, /* a file is not what was offered any more */
} SkSendingStep;

/* dir: the folder of the tree, borrowed; tree: borrowed. From this item and offset on. */
SkSending *sk_sending_new (SkFiles *files, guint32 id, int dir, const SkTree *tree, guint item,
                           guint64 offset, guint window);
void sk_sending_free (SkSending *sending);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSending, sk_sending_free)

/* At most one message; call while the link is idle. */
SkSendingStep sk_sending_step (SkSending *sending);
/* The agent has sent so much of a span. FALSE: it could not, the file changed. */
gboolean sk_sending_span_done (SkSending *sending, guint32 length);
void sk_sending_credit (SkSending *sending, guint64 taken);
/* Of a hundred, by what the host took. */
int sk_sending_percent (const SkSending *sending);
