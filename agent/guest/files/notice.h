/* Notices on the person's screen, by org.freedesktop.Notifications. */
#pragma once
#include <gio/gio.h>

typedef struct _SkNotices SkNotices;

SkNotices *sk_notices_new (void);
void sk_notices_free (SkNotices *notices);
/* An SkFilesNotify; data: the SkNotices. */
void sk_notices_show (const char *key, const char *summary, const char *body, int percent, gpointer data);
