/* send, sent, inbox, withdraw: transfers from a terminal, with or without a running launcher. */
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/commands.h"
#include "desktop/names.h"
#include "desktop/table.h"
#include "desktop/transfer-text.h"
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Rows of a list that are shown with their names: a request each, under a millisecond. */
#define NAMES_MAX 200

/* -- send ------------------------------------------------------------------------------------------------ */

typedef struct
{
  SkSend *send;
  GMainLoop *loop;
  gboolean terminal;
} Sending;

static void
on_notify (SkSend *send, gpointer data)
{
  g_main_context_wakeup (NULL);
}

/* Over the line before, to the end of it. */
static void
show_progress (const char *text)
{
  fprintf (stderr, "\r%s\033[K", text);
  fflush (stderr);
}

static gboolean
is_over (Sending *sending)
{
  SkSendProgress progress;
  sk_send_look (sending->send, &progress);
  g_autofree char *text = sk_send_progress_text (&progress);
  if (sending->terminal)
    show_progress (text);
  return progress.phase == SK_SEND_DONE || progress.phase == SK_SEND_FAILED;
}

static gboolean
on_interrupt (gpointer data)
{
  Sending *sending = data;
  sk_send_cancel (sending->send);
  return G_SOURCE_CONTINUE;
}

/* An interrupt takes back what is half sent. */
static void
wait_until_sent (Sending *sending)
{
  const guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, sending);
  const guint terminate = g_unix_signal_add (SIGTERM, on_interrupt, sending);
  while (!is_over (sending))
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (interrupt);
  g_source_remove (terminate);
}

static int
print_outcome (const SkTransferInfo *info)
{
  g_autofree char *names = sk_transfer_names_text (info);
  g_autofree char *next = sk_transfer_next_text (info);
  const gboolean lost = sk_transfer_is_lost (info);
  printf ("%s\n%s\n", names, next);
  printf (SK_TR ("Number: %s\n", "番号: %s\n"), info->id);
  return lost ? sk_error_info_for_code (SK_ERROR_FORBIDDEN)->exit_status : 0;
}

int
sk_command_send (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  const guint n = options->files ? options->files->len : 0;
  g_autoptr (SkGathering) gathering
      = sk_gather (n ? (const char *const *) options->files->pdata : NULL, n, &error);
  Sending sending = { .terminal = isatty (STDERR_FILENO) };
  if (!gathering)
    return sk_command_fail (error);
  g_autofree char *what = sk_gathering_text (gathering);
  fprintf (stderr, "%s\n", what);
  g_autoptr (SkSend) send = sk_send_new_in (options->socket, g_steal_pointer (&gathering), options->reason,
                                            options->matter, 0, on_notify, NULL);
  sending.send = send;
  wait_until_sent (&sending);
  g_autoptr (SkTransferInfo) info = sk_send_finish (send, &error);
  return info ? print_outcome (info) : sk_command_fail (error);
}

/* -- sent, inbox ----------------------------------------------------------------------------------------- */

static void
add_line (SkTable *table, const char *en, const char *ja, const char *text)
{
  if (text && *text)
    sk_table_add (table, SK_TR (en, ja), text);
}

static void
add_item (SkTable *table, const SkTransferInfoItem *item, gboolean import)
{
  const char *name
      = import && *item->untrusted_result_name ? item->untrusted_result_name : item->untrusted_name;
  g_autofree char *bytes = sk_transfer_bytes_text (item->size);
  g_autofree char *text = g_strdup_printf ("%s  %s  %s", name, bytes, item->type);
  add_line (table, "File", "ファイル", text);
  add_line (table, "  found", "  検出", item->findings);
  add_line (table, "  removed", "  取り除いたもの", item->removed);
}

/* What cannot be read now does not keep the rest from being shown. */
static void
add_comments (SkClient *client, SkTable *table, const char *id)
{
  g_autoptr (GPtrArray) comments = sk_transfer_info_comments (client, id, NULL);
  for (guint i = 0; comments && i < comments->len; i++)
    add_line (table, "Comment", "コメント", comments->pdata[i]);
}

static int
show_one (SkClient *client, const char *id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkTransferInfo) info = sk_transfer_info_get (client, id, &error);
  if (!info)
    return sk_command_fail (error);
  g_autoptr (SkTable) table = sk_table_new (2);
  g_autofree char *next = sk_transfer_next_text (info);
  g_autofree char *created = sk_transfer_time_text (info->created);
  g_autofree char *changed = sk_transfer_time_text (info->changed);
  add_line (table, "Number", "番号", info->id);
  add_line (table, "State", "状態", sk_transfer_state_text (info->state));
  add_line (table, "Now", "状況", next);
  add_line (table, "Reason", "理由", info->reason);
  add_line (table, "Matter", "案件", info->matter);
  add_line (table, "Sent", "送信", created);
  add_line (table, "Changed", "更新", changed);
  for (guint i = 0; i < info->decisions->len; i++)
    add_line (table, "Decision", "判断", info->decisions->pdata[i]);
  for (guint i = 0; i < info->items->len; i++)
    add_item (table, info->items->pdata[i], strcmp (info->direction, "import") == 0);
  add_comments (client, table, id);
  sk_table_print (table);
  return 0;
}

/* A list may come without its items; then the newest ones are asked for them. */
static char *
names_of (SkClient *client, const SkTransferInfo *info, guint row)
{
  g_autoptr (SkTransferInfo) whole
      = info->items->len == 0 && row < NAMES_MAX ? sk_transfer_info_get (client, info->id, NULL) : NULL;
  return sk_transfer_names_text (whole ? whole : info);
}

static void
add_row (SkTable *table, const SkTransferInfo *info, char *names)
{
  g_autofree char *created = sk_transfer_time_text (info->created);
  g_autofree char *bytes = sk_transfer_bytes_text (info->size);
  g_autofree char *who = info->who ? g_strjoinv (SK_TR (", ", "、"), info->who) : NULL;
  const gboolean held = strcmp (info->state, "held") == 0;
  sk_table_add (table, info->id, created, names, bytes, sk_transfer_state_text (info->state),
                held ? who : info->refusal);
}

static int
show_box (SkClient *client, const char *box)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) all = sk_transfer_info_list (client, box, &error);
  if (!all)
    return sk_command_fail (error);
  if (all->len == 0)
    {
      printf ("%s\n", strcmp (box, "sent") == 0 ? SK_TR ("Nothing was sent.", "送ったものはありません。")
                                                : SK_TR ("Nothing has come.", "届いたものはありません。"));
      return 0;
    }
  g_autoptr (SkTable) table = sk_table_new (6);
  sk_table_add (table, SK_TR ("NUMBER", "番号"), SK_TR ("TIME", "日時"), SK_TR ("FILES", "ファイル"),
                SK_TR ("SIZE", "大きさ"), SK_TR ("STATE", "状態"),
                SK_TR ("WHO CAN APPROVE / WHY NOT", "承認できる人・理由"));
  for (guint i = 0; i < all->len; i++)
    {
      g_autofree char *names = names_of (client, all->pdata[i], i);
      add_row (table, all->pdata[i], names);
    }
  sk_table_print (table);
  return 0;
}

int
sk_command_sent (const SkOptions *options)
{
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  return options->transfer ? show_one (client, options->transfer) : show_box (client, "sent");
}

/* -- receiving ------------------------------------------------------------------------------------------- */

static void
on_received (const SkReceipt *receipt, gpointer data)
{
  for (guint i = 0; i < receipt->names->len; i++)
    {
      g_autofree char *name = sk_names_for_people (receipt->names->pdata[i]);
      printf ("%s/%s\n", receipt->folder, name);
    }
}

static void
on_receiving (guint64 bytes, guint64 bytes_all, gpointer data)
{
  g_autofree char *got = sk_transfer_bytes_text (bytes);
  g_autofree char *all = sk_transfer_bytes_text (bytes_all);
  g_autofree char *text
      = g_strdup_printf (SK_TR ("Receiving… %s / %s", "受け取っています… %s / %s"), got, all);
  show_progress (bytes == bytes_all ? "" : text);
}

static int
receive_all (SkClient *client)
{
  g_autoptr (GError) error = NULL;
  guint count = 0;
  const SkReceiveOptions options = {
    .wait = TRUE,
    .done = on_received,
    .progress = isatty (STDERR_FILENO) ? on_receiving : NULL,
  };
  if (!sk_receive_all (client, &options, &count, &error))
    return sk_command_fail (error);
  if (count == 0)
    printf ("%s\n", SK_TR ("Nothing waits to be received.", "受け取るものはありません。"));
  return 0;
}

int
sk_command_inbox (const SkOptions *options)
{
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  if (options->receive)
    return receive_all (client);
  return options->transfer ? show_one (client, options->transfer) : show_box (client, "inbox");
}

/* -- withdraw -------------------------------------------------------------------------------------------- */

int
sk_command_withdraw (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  if (!options->transfer)
    {
      g_set_error_literal (&error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("Name what to withdraw by its number (see: sekisho sent).",
                                  "取り下げるものの番号を指定してください（sekisho sent で確認できます）。"));
      return sk_command_fail (error);
    }
  if (!sk_transfer_info_withdraw (client, options->transfer, &error))
    return sk_command_fail (error);
  printf (SK_TR ("Withdrawn: %s\n", "取り下げました: %s\n"), options->transfer);
  return 0;
}
