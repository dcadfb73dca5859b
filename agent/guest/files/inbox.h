/* What the host puts into the guest: collected below SK_FILES_STATE, then moved into SK_FILES_RECEIVE whole.
 *
 *   incoming/ID/N        the bytes of item N (what is there after a break is gone on with)
 *   incoming/ID/N.name   its name and checksum
 *   incoming/ID/ready/   complete, being moved: what is left of it is moved when the host asks again
 *   done/ID              moved: the answer to the same put again is "have" */
#pragma once
#include "files.h"

typedef struct _SkInbox SkInbox;

SkInbox *sk_inbox_new (SkFiles *files, const char *home, GError **error);
void sk_inbox_free (SkInbox *inbox);
void sk_inbox_reset (SkInbox *inbox);
void sk_inbox_take (SkInbox *inbox, const SkMessage *m);

/* Relative, no empty, "." or ".." part, no part that is hidden or over 255 bytes. */
gboolean sk_inbox_name_is_good (const char *untrusted_name);
