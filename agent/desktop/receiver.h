/* The launcher's waiting receiver: a thread that hears of released files and fetches them (receive.h), for as
 * long as the program runs. Several programs of a user may have one: whoever has the lock does it.
 *
 * It may be dropped at any moment, in the middle of a file too: receiving goes on where it was the next time.
 */
#pragma once
#include "desktop/receive.h"

/* Without an event, in case one was lost. */
#define SK_RECEIVER_SWEEP_SECONDS 300
/* After a failure that time alone may cure: the disk is full, the folder is a link. */
#define SK_RECEIVER_RETRY_SECONDS 60
/* While the broker or another receiver is busy. */
#define SK_RECEIVER_AWAY_SECONDS 4

typedef struct _SkReceiver SkReceiver;

/* On the thread of the main context that was the default where the receiver was made. error NULL: these files
 * arrived; otherwise why some did not (told once until it changes), receipt NULL. */
typedef void (*SkReceiverNews) (const SkReceipt *receipt, const GError *error, gpointer data);

SkReceiver *sk_receiver_new (const char *socket, SkReceiverNews news, gpointer data);

/* The same thread hears what became of what was sent, and that something waits for this person's decision. */
typedef enum
{
  SK_RECEIVER_DECIDED, /* it goes on, or does not; what was copied or opened: also that it waits */
  SK_RECEIVER_ASKED,   /* this person may decide about it now */
} SkReceiverWord;
typedef void (*SkReceiverTold) (SkReceiverWord word, const SkTransferInfo *info, gpointer data);
SkReceiver *
sk_receiver_new_full (const char *socket, SkReceiverNews news, SkReceiverTold told, gpointer data);
/* No news afterwards. Does not wait for the thread. */
void sk_receiver_free (SkReceiver *receiver);
