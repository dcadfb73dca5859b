/* Files, both ways: dropped onto the window (the sending dialog), and arriving while the launcher runs. */
#include "common/i18n.h"
#include "desktop/app-private.h"
#include "desktop/folder.h"
#include "desktop/names.h"
#include "desktop/transfer-text.h"

/* -- out ------------------------------------------------------------------------------------------------- */

static void
on_dialog_closed (SkSendDialog *dialog, gpointer data)
{
  App *app = data;
  app->send_dialog = NULL;
  sk_send_dialog_free (dialog);
}

void
app_send_files (App *app, GPtrArray *paths)
{
  if (!app->send_dialog)
    app->send_dialog = sk_send_dialog_new (app->window ? sk_window_get_gtk (app->window) : NULL,
                                           app->options->socket, NULL, on_dialog_closed, app);
  if (paths)
    sk_send_dialog_add (app->send_dialog, paths);
  sk_send_dialog_present (app->send_dialog);
}

/* -- in -------------------------------------------------------------------------------------------------- */

/* Whatever asks for it, only this folder is opened. */
static void
on_open_folder (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  g_autofree char *folder = sk_folder_usual ();
  g_autofree char *uri = g_filename_to_uri (folder, NULL, NULL);
  g_autoptr (GError) error = NULL;
  if (!uri || !g_app_info_launch_default_for_uri (uri, NULL, &error))
    g_printerr ("sekisho: %s: %s\n", folder, error ? error->message : "");
}

void
app_files_add_actions (App *app)
{
  g_autoptr (GSimpleAction) action = g_simple_action_new ("open-folder", NULL);
  g_signal_connect (action, "activate", G_CALLBACK (on_open_folder), app);
  g_action_map_add_action (G_ACTION_MAP (app->bus), G_ACTION (action));
}

static char *
names_text (const SkReceipt *receipt)
{
  g_autofree char *first = sk_names_for_people (receipt->names->pdata[0]);
  if (receipt->names->len == 1)
    return g_steal_pointer (&first);
  return g_strdup_printf (SK_TR ("%s and %u more", "%s ほか %u 件"), first, receipt->names->len - 1);
}

static void
notify (App *app, const char *id, const char *title, const char *body, gboolean folder)
{
  g_autoptr (GNotification) notification = g_notification_new (title);
  g_autoptr (GIcon) icon = g_themed_icon_new (APP_ID);
  g_notification_set_body (notification, body);
  g_notification_set_icon (notification, icon);
  if (folder)
    {
      g_notification_set_default_action (notification, "app.open-folder");
      g_notification_add_button (notification, SK_TR ("Open folder", "フォルダーを開く"), "app.open-folder");
    }
  g_application_send_notification (app->bus, id, notification);
}

static void
say (App *app, const char *id, const char *title, const char *body, gboolean folder)
{
  g_autofree char *line = g_strdup_printf (SK_TR ("%s: %s", "%s：%s"), title, body);
  if (app->bus)
    notify (app, id, title, body, folder);
  if (app->window && app->open)
    sk_window_show_notice (app->window, line);
}

static void
on_received (const SkReceipt *receipt, const GError *error, gpointer data)
{
  App *app = data;
  if (error)
    {
      say (app, "receive", SK_TR ("Files could not be received", "ファイルを受け取れません"), error->message,
           TRUE);
      return;
    }
  g_autofree char *names = names_text (receipt);
  g_autofree char *folder = g_filename_display_basename (receipt->folder);
  g_autofree char *body = g_strdup_printf (SK_TR ("%s (in %s)", "%s（「%s」フォルダー）"), names, folder);
  say (app, receipt->id, SK_TR ("Files from the internet side", "インターネット側からファイルが届きました"),
       body, TRUE);
}

/* One notification a transfer: a later word about it takes the place of an earlier one. Of what is copied or
 * opened one for all: people copy faster than they read. */
static void
on_told (SkReceiverWord word, const SkTransferInfo *info, gpointer data)
{
  App *app = data;
  const gboolean asked = word == SK_RECEIVER_ASKED;
  const gboolean sent = asked || !sk_transfer_passes (info->kind);
  g_autofree char *id = g_strconcat (asked  ? "asked-"
                                     : sent ? "decided-"
                                            : "passing-",
                                     sent ? info->id : info->kind, NULL);
  g_autofree char *names = sk_transfer_names_text (info);
  g_autofree char *reason = sk_names_for_people (info->reason);
  g_autofree char *user = sk_names_for_people (info->user);
  g_autofree char *body
      = asked
            ? g_strdup_printf (SK_TR ("%s wants to send %s. Reason: %s", "%s さんが %s を送ります。理由: %s"),
                               user, names, *reason ? reason : "-")
            : sk_transfer_news_text (info);
  const char *title
      = asked ? SK_TR ("Your approval is asked for", "承認をお願いします") : sk_transfer_news_title (info);
  say (app, id, title, body, FALSE);
}

void
app_files_start (App *app)
{
  /* Developers' views have no broker, and one launcher a user is enough. */
  if (!app->options->rdp_address && !app->options->pool)
    app->receiver = sk_receiver_new_full (app->options->socket, on_received, on_told, app);
}

void
app_files_stop (App *app)
{
  g_clear_pointer (&app->receiver, sk_receiver_free);
  g_clear_pointer (&app->send_dialog, sk_send_dialog_free);
}
