#include "desktop/send-dialog.h"
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/drop.h"
#include "desktop/environment.h"
#include "desktop/names.h"
#include "desktop/style.h"
#include "desktop/transfer-text.h"

/* Longer reasons belong in a comment to the transfer; approvers read this in a list. */
#define REASON_MAX 200

struct _SkSendDialog
{
  char *socket, *matter;
  SkSendDialogClosed closed;
  gpointer data;
  GPtrArray *paths; /* char * */
  SkSend *send;     /* while it runs */
  GSource *wake;
  gboolean closing, sent;
  int status;
  GtkWindow *window;
  GtkWidget *list, *total, *hint, *add, *reason, *complaint, *progress, *result, *cancel, *send_button;
  GtkWidget *editing; /* what cannot be changed any more once it is sent */
};

/* -- what it says ---------------------------------------------------------------------------------------- */

static void
set_label (GtkWidget *label, const char *text)
{
  gtk_label_set_text (GTK_LABEL (label), text ? text : "");
  gtk_widget_set_visible (label, text && *text);
}

static SkGathering *
gather_all (SkSendDialog *self, GError **error)
{
  return sk_gather ((const char *const *) self->paths->pdata, self->paths->len, error);
}

/* After each change of the list. */
static void
show_total (SkSendDialog *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkGathering) gathering = self->paths->len ? gather_all (self, &error) : NULL;
  g_autofree char *text = gathering ? sk_gathering_text (gathering) : NULL;
  set_label (self->total, text);
  set_label (self->complaint, error ? error->message : NULL);
  gtk_widget_set_visible (self->hint, self->paths->len == 0);
  gtk_widget_set_sensitive (self->send_button, gathering != NULL);
}

/* -- the list -------------------------------------------------------------------------------------------- */

static void
on_remove (GtkButton *button, gpointer data)
{
  SkSendDialog *self = data;
  GtkWidget *row = gtk_widget_get_ancestor (GTK_WIDGET (button), GTK_TYPE_LIST_BOX_ROW);
  g_ptr_array_remove_index (self->paths, (guint) gtk_list_box_row_get_index (GTK_LIST_BOX_ROW (row)));
  gtk_list_box_remove (GTK_LIST_BOX (self->list), row);
  show_total (self);
}

static GtkWidget *
build_remove (SkSendDialog *self, const char *name)
{
  g_autofree char *text = g_strdup_printf (SK_TR ("Do not send %s", "%s を送らない"), name);
  GtkWidget *remove = gtk_button_new_from_icon_name ("window-close-symbolic");
  gtk_widget_add_css_class (remove, "flat");
  gtk_widget_set_tooltip_text (remove, text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (remove), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
  g_signal_connect (remove, "clicked", G_CALLBACK (on_remove), self);
  return remove;
}

static void
add_row (SkSendDialog *self, const char *path, const SkGathering *gathering)
{
  g_autofree char *base = g_filename_display_basename (path);
  g_autofree char *name = sk_names_for_people (base);
  const gboolean folder = g_file_test (path, G_FILE_TEST_IS_DIR);
  g_autofree char *bytes = folder ? sk_gathering_text (gathering) : sk_transfer_bytes_text (gathering->bytes);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 8);
  GtkWidget *label = gtk_label_new (name), *size = gtk_label_new (bytes);
  gtk_box_append (GTK_BOX (box),
                  gtk_image_new_from_icon_name (folder ? "folder-symbolic" : "text-x-generic-symbolic"));
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_MIDDLE);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_widget_set_hexpand (label, TRUE);
  gtk_widget_set_tooltip_text (label, path);
  gtk_widget_add_css_class (size, "dim-label");
  gtk_box_append (GTK_BOX (box), label);
  gtk_box_append (GTK_BOX (box), size);
  gtk_box_append (GTK_BOX (box), build_remove (self, name));
  gtk_widget_set_margin_start (box, 8);
  gtk_list_box_append (GTK_LIST_BOX (self->list), box);
}

static gboolean
is_there (SkSendDialog *self, const char *path)
{
  return g_ptr_array_find_with_equal_func (self->paths, path, g_str_equal, NULL);
}

void
sk_send_dialog_add (SkSendDialog *self, GPtrArray *paths)
{
  g_autoptr (GError) first = NULL;
  if (self->send || self->sent)
    return;
  for (guint i = 0; i < paths->len; i++)
    {
      g_autoptr (GError) error = NULL;
      const char *path = paths->pdata[i];
      g_autoptr (SkGathering) gathering = is_there (self, path) ? NULL : sk_gather (&path, 1, &error);
      if (gathering)
        {
          add_row (self, path, gathering);
          g_ptr_array_add (self->paths, g_strdup (path));
        }
      else if (!first)
        first = g_steal_pointer (&error);
    }
  show_total (self);
  if (first)
    set_label (self->complaint, first->message);
}

static void
on_drop (GPtrArray *paths, gpointer data)
{
  SkSendDialog *self = data;
  sk_send_dialog_add (self, paths);
  if (paths->len == 0)
    set_label (self->complaint,
               SK_TR ("Only files of this computer can be sent. Copy them here first.",
                      "このパソコンのファイルだけを送れます。先にこのパソコンへコピーしてください。"));
}

/* -- choosing -------------------------------------------------------------------------------------------- */

G_GNUC_BEGIN_IGNORE_DEPRECATIONS /* its successor is younger than the oldest GTK this is built with */
    static void
    on_chosen (GtkNativeDialog *chooser, int response, gpointer data)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  if (response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GListModel) files = gtk_file_chooser_get_files (GTK_FILE_CHOOSER (chooser));
      for (guint i = 0; i < g_list_model_get_n_items (files); i++)
        {
          g_autoptr (GFile) file = g_list_model_get_item (files, i);
          g_ptr_array_add (paths, g_file_get_path (file));
        }
      on_drop (paths, data);
    }
  g_object_unref (chooser);
}

static void
on_add (GtkButton *button, gpointer data)
{
  SkSendDialog *self = data;
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (
      SK_TR ("Files to send", "送るファイルを選ぶ"), self->window, GTK_FILE_CHOOSER_ACTION_OPEN,
      SK_TR ("Add", "追加"), SK_TR ("Cancel", "キャンセル"));
  gtk_file_chooser_set_select_multiple (GTK_FILE_CHOOSER (chooser), TRUE);
  g_signal_connect (chooser, "response", G_CALLBACK (on_chosen), self);
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}
G_GNUC_END_IGNORE_DEPRECATIONS

/* -- sending --------------------------------------------------------------------------------------------- */

static void
set_sending (SkSendDialog *self, gboolean sending)
{
  /* First, so that the focus is not in what becomes insensitive. */
  if (sending)
    gtk_widget_grab_focus (self->cancel);
  gtk_widget_set_sensitive (self->editing, !sending);
  gtk_widget_set_sensitive (self->send_button, !sending);
  gtk_widget_set_visible (self->progress, sending);
  gtk_button_set_label (GTK_BUTTON (self->cancel),
                        sending ? SK_TR ("Stop sending", "送信をやめる") : SK_TR ("Cancel", "キャンセル"));
}

static void
show_outcome (SkSendDialog *self, const SkTransferInfo *info)
{
  const gboolean lost = sk_transfer_is_lost (info);
  g_autofree char *next = sk_transfer_next_text (info);
  self->sent = TRUE;
  self->status = lost ? sk_error_info_for_code (SK_ERROR_FORBIDDEN)->exit_status : 0;
  set_label (self->result, next);
  gtk_widget_add_css_class (self->result, lost ? "sekisho-lost" : "sekisho-good");
  set_label (self->complaint, NULL);
  gtk_widget_set_sensitive (self->editing, FALSE);
  gtk_widget_set_visible (self->add, FALSE);
  gtk_widget_set_visible (self->send_button, FALSE);
  gtk_button_set_label (GTK_BUTTON (self->cancel), SK_TR ("Close", "閉じる"));
  gtk_widget_grab_focus (self->cancel);
}

static void
finish (SkSendDialog *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkTransferInfo) info = sk_send_finish (self->send, &error);
  g_clear_pointer (&self->send, sk_send_free);
  set_sending (self, FALSE);
  if (info)
    show_outcome (self, info);
  else
    {
      gtk_widget_grab_focus (self->send_button);
      self->status = sk_error_info (error)->exit_status;
      set_label (self->complaint, error->message);
    }
  if (self->closing)
    self->closed (self, self->data);
}

static gboolean
on_wake (gpointer data)
{
  SkSendDialog *self = data;
  SkSendProgress progress;
  if (!self->send)
    return G_SOURCE_CONTINUE;
  sk_send_look (self->send, &progress);
  if (progress.phase == SK_SEND_DONE || progress.phase == SK_SEND_FAILED)
    {
      finish (self);
      return G_SOURCE_CONTINUE;
    }
  g_autofree char *text = sk_send_progress_text (&progress);
  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (self->progress), text);
  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (self->progress),
                                 progress.bytes_all ? (double) progress.bytes / (double) progress.bytes_all
                                                    : 0);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  g_source_set_ready_time (source, -1);
  return callback (data);
}

static GSourceFuncs wake_funcs = { .dispatch = dispatch };

/* The sending thread. */
static void
on_notify (SkSend *send, gpointer data)
{
  SkSendDialog *self = data;
  g_source_set_ready_time (self->wake, 0);
}

static void
on_send (GtkWidget *widget, gpointer data)
{
  SkSendDialog *self = data;
  g_autoptr (GError) error = NULL;
  if (self->send || self->sent || self->paths->len == 0)
    return;
  SkGathering *gathering = gather_all (self, &error);
  set_label (self->complaint, error ? error->message : NULL);
  if (!gathering)
    return;
  set_sending (self, TRUE);
  self->send = sk_send_new_in (self->socket, gathering, gtk_editable_get_text (GTK_EDITABLE (self->reason)),
                               self->matter, 0, on_notify, self);
}

/* -- closing --------------------------------------------------------------------------------------------- */

/* While it is sending: the first time stops that and stays, with the list as it was. */
static void
on_cancel (GtkButton *button, gpointer data)
{
  SkSendDialog *self = data;
  if (self->send)
    sk_send_cancel (self->send);
  else
    self->closed (self, self->data);
}

static gboolean
on_close_request (GtkWindow *window, gpointer data)
{
  SkSendDialog *self = data;
  if (!self->send)
    {
      self->closed (self, self->data);
      return TRUE;
    }
  self->closing = TRUE;
  sk_send_cancel (self->send);
  gtk_widget_set_visible (GTK_WIDGET (window), FALSE);
  return TRUE;
}

static gboolean
on_key (GtkEventControllerKey *controller, guint keyval, guint keycode, GdkModifierType state, gpointer data)
{
  SkSendDialog *self = data;
  if (keyval != GDK_KEY_Escape)
    return FALSE;
  on_cancel (NULL, self);
  return TRUE;
}

/* -- building -------------------------------------------------------------------------------------------- */

static GtkWidget *
new_label (const char *text, const char *css_class)
{
  GtkWidget *label = gtk_label_new (text);
  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 44);
  if (css_class)
    gtk_widget_add_css_class (label, css_class);
  return label;
}

static GtkWidget *
build_list (SkSendDialog *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new ();
  self->list = gtk_list_box_new ();
  self->hint = new_label (
      SK_TR ("Drag files or folders here, or press “Add files”.",
             "ここにファイルやフォルダーをドラッグするか、\n「ファイルを追加」を押してください。"),
      "dim-label");
  gtk_label_set_justify (GTK_LABEL (self->hint), GTK_JUSTIFY_CENTER);
  gtk_label_set_xalign (GTK_LABEL (self->hint), 0.5f);
  gtk_widget_set_margin_start (self->hint, 12);
  gtk_widget_set_margin_end (self->hint, 12);
  gtk_list_box_set_selection_mode (GTK_LIST_BOX (self->list), GTK_SELECTION_NONE);
  gtk_list_box_set_placeholder (GTK_LIST_BOX (self->list), self->hint);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), self->list);
  gtk_scrolled_window_set_has_frame (GTK_SCROLLED_WINDOW (scrolled), TRUE);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scrolled), 150);
  gtk_widget_set_vexpand (scrolled, TRUE);
  return scrolled;
}

static GtkWidget *
build_list_foot (SkSendDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  self->total = new_label (NULL, "dim-label");
  gtk_widget_set_hexpand (self->total, TRUE);
  self->add = gtk_button_new_with_label (SK_TR ("Add files…", "ファイルを追加…"));
  gtk_widget_set_halign (self->add, GTK_ALIGN_END);
  gtk_widget_set_hexpand (self->add, TRUE);
  g_signal_connect (self->add, "clicked", G_CALLBACK (on_add), self);
  gtk_box_append (GTK_BOX (box), self->total);
  gtk_box_append (GTK_BOX (box), self->add);
  return box;
}

static GtkWidget *
build_reason (SkSendDialog *self, const char *reason)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 4);
  const char *heading = SK_TR ("Reason (shown to whoever approves)", "理由（承認する人に表示されます）");
  self->reason = gtk_entry_new ();
  gtk_entry_set_max_length (GTK_ENTRY (self->reason), REASON_MAX);
  gtk_entry_set_placeholder_text (GTK_ENTRY (self->reason), SK_TR ("For example: drawings for the contractor",
                                                                   "例: 業者へ渡す図面のため"));
  gtk_editable_set_text (GTK_EDITABLE (self->reason), reason ? reason : "");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->reason), GTK_ACCESSIBLE_PROPERTY_LABEL, heading, -1);
  g_signal_connect (self->reason, "activate", G_CALLBACK (on_send), self);
  gtk_box_append (GTK_BOX (box), new_label (heading, NULL));
  gtk_box_append (GTK_BOX (box), self->reason);
  return box;
}

static GtkWidget *
build_buttons (SkSendDialog *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  gtk_widget_set_halign (box, GTK_ALIGN_END);
  self->cancel = gtk_button_new_with_label (SK_TR ("Cancel", "キャンセル"));
  self->send_button = gtk_button_new_with_label (SK_TR ("Send", "送る"));
  gtk_widget_add_css_class (self->send_button, "suggested-action");
  g_signal_connect (self->cancel, "clicked", G_CALLBACK (on_cancel), self);
  g_signal_connect (self->send_button, "clicked", G_CALLBACK (on_send), self);
  gtk_box_append (GTK_BOX (box), self->cancel);
  gtk_box_append (GTK_BOX (box), self->send_button);
  return box;
}

static GtkWidget *
build_content (SkSendDialog *self, const char *reason)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  self->editing = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  gtk_widget_add_css_class (box, "sekisho-send");
  gtk_box_append (GTK_BOX (self->editing), build_list (self));
  gtk_box_append (GTK_BOX (self->editing), build_list_foot (self));
  gtk_box_append (GTK_BOX (self->editing), build_reason (self, reason));
  self->complaint = new_label (NULL, "sekisho-lost");
  self->progress = gtk_progress_bar_new ();
  gtk_progress_bar_set_show_text (GTK_PROGRESS_BAR (self->progress), TRUE);
  self->result = new_label (NULL, NULL);
  gtk_box_append (GTK_BOX (box), self->editing);
  gtk_box_append (GTK_BOX (box), self->complaint);
  gtk_box_append (GTK_BOX (box), self->progress);
  gtk_box_append (GTK_BOX (box), self->result);
  gtk_box_append (GTK_BOX (box), build_buttons (self));
  return box;
}

static void
build_window (SkSendDialog *self, GtkWindow *parent, const char *reason)
{
  GtkEventController *keys = gtk_event_controller_key_new ();
  GtkWidget *bar = gtk_header_bar_new ();
  GtkWidget *title = gtk_label_new (SK_TR ("Send to the internet side", "インターネット側へ送る"));
  self->window = GTK_WINDOW (gtk_window_new ());
  sk_style_apply (gtk_widget_get_display (GTK_WIDGET (self->window)));
  gtk_widget_add_css_class (GTK_WIDGET (self->window), "sekisho");
  gtk_widget_add_css_class (title, "sekisho-side");
  gtk_header_bar_set_title_widget (GTK_HEADER_BAR (bar), title);
  gtk_window_set_titlebar (self->window, bar);
  gtk_window_set_title (self->window, gtk_label_get_text (GTK_LABEL (title)));
  gtk_window_set_icon_name (self->window, "jp.sekisho.Desktop");
  gtk_window_set_transient_for (self->window, parent);
  gtk_window_set_default_size (self->window, 520, 420);
  gtk_window_set_child (self->window, build_content (self, reason));
  gtk_widget_add_controller (GTK_WIDGET (self->window), keys);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  g_signal_connect (self->window, "close-request", G_CALLBACK (on_close_request), self);
  sk_drop_attach (GTK_WIDGET (self->window), on_drop, self);
}

SkSendDialog *
sk_send_dialog_new (GtkWindow *parent, const char *socket, const char *reason, SkSendDialogClosed closed,
                    gpointer data)
{
  SkSendDialog *self = g_new0 (SkSendDialog, 1);
  self->socket = g_strdup (socket);
  self->closed = closed;
  self->data = data;
  self->paths = g_ptr_array_new_with_free_func (g_free);
  self->status = sk_error_info_for_code (SK_ERROR_CANCELLED)->exit_status;
  self->wake = g_source_new (&wake_funcs, sizeof (GSource));
  g_source_set_callback (self->wake, on_wake, self, NULL);
  g_source_attach (self->wake, NULL);
  build_window (self, parent, reason);
  set_sending (self, FALSE);
  set_label (self->result, NULL);
  show_total (self);
  gtk_window_set_focus (self->window, self->reason);
  return self;
}

void
sk_send_dialog_set_matter (SkSendDialog *self, const char *matter)
{
  g_free (self->matter);
  self->matter = g_strdup (matter);
}

void
sk_send_dialog_present (SkSendDialog *self)
{
  gtk_window_present (self->window);
}

int
sk_send_dialog_status (SkSendDialog *self)
{
  return self->status;
}

void
sk_send_dialog_free (SkSendDialog *self)
{
  if (!self)
    return;
  sk_send_free (self->send);
  g_source_destroy (self->wake);
  g_source_unref (self->wake);
  gtk_window_destroy (self->window);
  g_ptr_array_unref (self->paths);
  g_free (self->socket);
  g_free (self->matter);
  g_free (self);
}
