/* `sekisho send --dialog`: the sending window as a program of its own, for file managers and the icon. */
#include "desktop/app-private.h"
#include "desktop/commands.h"
#include "desktop/send-dialog.h"
#include <glib-unix.h>

typedef struct
{
  SkSendDialog *dialog;
  GMainLoop *loop;
} Alone;

static void
on_closed (SkSendDialog *dialog, gpointer data)
{
  Alone *alone = data;
  g_main_loop_quit (alone->loop);
}

static gboolean
on_signal (gpointer data)
{
  Alone *alone = data;
  g_main_loop_quit (alone->loop);
  return G_SOURCE_CONTINUE;
}

int
sk_desktop_send (const SkOptions *options)
{
  Alone alone = { 0 };
  g_set_prgname (APP_ID);
  gtk_disable_setlocale (); /* done in main() */
  /* A terminal without a desktop. */
  if (!gtk_init_check ())
    return sk_command_send (options);
  alone.loop = g_main_loop_new (NULL, FALSE);
  alone.dialog = sk_send_dialog_new (NULL, options->socket, options->reason, on_closed, &alone);
  sk_send_dialog_set_matter (alone.dialog, options->matter);
  if (options->files)
    sk_send_dialog_add (alone.dialog, options->files);
  g_unix_signal_add (SIGTERM, on_signal, &alone);
  g_unix_signal_add (SIGINT, on_signal, &alone);
  sk_send_dialog_present (alone.dialog);
  g_main_loop_run (alone.loop);
  const int status = sk_send_dialog_status (alone.dialog);
  sk_send_dialog_free (alone.dialog);
  g_main_loop_unref (alone.loop);
  return status;
}
