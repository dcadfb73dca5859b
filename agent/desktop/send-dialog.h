/* The window that sends files: what, why, one button, how far it is, what became of it. Main thread. */
#pragma once
#include "desktop/send.h"
#include <gtk/gtk.h>

typedef struct _SkSendDialog SkSendDialog;
/* It was closed and nothing runs any more: free it. */
typedef void (*SkSendDialogClosed) (SkSendDialog *dialog, gpointer data);

/* parent, socket, reason: nullable. */
SkSendDialog *sk_send_dialog_new (GtkWindow *parent, const char *socket, const char *reason,
                                  SkSendDialogClosed closed, gpointer data);
/* What is sent belongs to it: number or title; NULL: to none. */
void sk_send_dialog_set_matter (SkSendDialog *dialog, const char *matter);
/* More files (char *); ones that cannot be sent are said so. Nothing while it is sending. */
void sk_send_dialog_add (SkSendDialog *dialog, GPtrArray *paths);
void sk_send_dialog_present (SkSendDialog *dialog);
/* The exit status of a program that was only this: 0 sent, else by common/error.h. */
int sk_send_dialog_status (SkSendDialog *dialog);
void sk_send_dialog_free (SkSendDialog *dialog);
