#include "desktop/header.h"
#include "common/i18n.h"
#include "desktop/text.h"
#include "desktop/url.h"

typedef struct
{
  SkHeaderCallback callback;
  gpointer data;
  gboolean sound;
  GtkWidget *large_text;
  GtkWidget *entry, *complaint, *open_popover, *menu_popover, *end_question;
} Header;

/* -- open a link ----------------------------------------------------------------------------------------- */

static void
complain (Header *header, const char *sentence)
{
  gtk_label_set_text (GTK_LABEL (header->complaint), sentence ? sentence : "");
  gtk_widget_set_visible (header->complaint, sentence != NULL);
}

static void
on_open (GtkWidget *widget, gpointer data)
{
  Header *header = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (GTK_EDITABLE (header->entry))));
  g_autofree char *url = sk_url_normalise (text, &error);
  complain (header, error ? error->message : NULL);
  if (!url)
    return;
  gtk_editable_set_text (GTK_EDITABLE (header->entry), "");
  gtk_popover_popdown (GTK_POPOVER (header->open_popover));
  header->callback (SK_HEADER_OPEN_URL, url, header->data);
}

static GtkWidget *
build_open_popover (Header *header)
{
  GtkWidget *popover = gtk_popover_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6),
            *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *button = gtk_button_new_with_label (SK_TR ("Open", "開く"));
  header->entry = gtk_entry_new ();
  gtk_entry_set_input_purpose (GTK_ENTRY (header->entry), GTK_INPUT_PURPOSE_URL);
  gtk_entry_set_placeholder_text (GTK_ENTRY (header->entry), "https://www.example.jp/");
  gtk_editable_set_width_chars (GTK_EDITABLE (header->entry), 36);
  gtk_accessible_update_property (GTK_ACCESSIBLE (header->entry), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  SK_TR ("Address to open", "開くアドレス"), -1);
  header->complaint = gtk_label_new (NULL);
  gtk_widget_add_css_class (header->complaint, "error");
  gtk_widget_set_visible (header->complaint, FALSE);
  g_signal_connect (header->entry, "activate", G_CALLBACK (on_open), header);
  g_signal_connect (button, "clicked", G_CALLBACK (on_open), header);
  gtk_box_append (GTK_BOX (row), header->entry);
  gtk_box_append (GTK_BOX (row), button);
  gtk_box_append (GTK_BOX (box), row);
  gtk_box_append (GTK_BOX (box), header->complaint);
  gtk_popover_set_child (GTK_POPOVER (popover), box);
  header->open_popover = popover;
  return popover;
}

/* -- menu ------------------------------------------------------------------------------------------------ */

static void
on_fullscreen (GtkButton *button, gpointer data)
{
  Header *header = data;
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (SK_HEADER_FULLSCREEN, NULL, header->data);
}

static void
on_send (GtkButton *button, gpointer data)
{
  Header *header = data;
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (SK_HEADER_SEND, NULL, header->data);
}

static void
on_large_text (GtkCheckButton *button, gpointer data)
{
  Header *header = data;
  gboolean on = gtk_check_button_get_active (button);
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (on ? SK_HEADER_LARGE_TEXT_ON : SK_HEADER_LARGE_TEXT_OFF, NULL, header->data);
}

static void
on_local_input (GtkCheckButton *button, gpointer data)
{
  Header *header = data;
  gboolean on = gtk_check_button_get_active (button);
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (on ? SK_HEADER_LOCAL_INPUT_ON : SK_HEADER_LOCAL_INPUT_OFF, NULL, header->data);
}

static void
on_sound (GtkCheckButton *button, gpointer data)
{
  Header *header = data;
  gboolean on = gtk_check_button_get_active (button);
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (on ? SK_HEADER_SOUND_ON : SK_HEADER_SOUND_OFF, NULL, header->data);
}

static void
add_sound_switch (Header *header, GtkWidget *box)
{
  GtkWidget *sound = gtk_check_button_new_with_label (SK_TR ("Sound", "音を鳴らす"));
  gtk_check_button_set_active (GTK_CHECK_BUTTON (sound), TRUE);
  g_signal_connect (sound, "toggled", G_CALLBACK (on_sound), header);
  gtk_box_append (GTK_BOX (box), sound);
}

/* Ending throws the browser away, so it takes two presses; the question appears where the hand is, not as
 * another window. */
static void
on_end (GtkButton *button, gpointer data)
{
  Header *header = data;
  gtk_widget_set_visible (header->end_question, !gtk_widget_get_visible (header->end_question));
}

static void
on_end_surely (GtkButton *button, gpointer data)
{
  Header *header = data;
  gtk_popover_popdown (GTK_POPOVER (header->menu_popover));
  header->callback (SK_HEADER_END, NULL, header->data);
}

static void
on_menu_closed (GtkPopover *popover, gpointer data)
{
  Header *header = data;
  gtk_widget_set_visible (header->end_question, FALSE);
}

static GtkWidget *
menu_button (GtkWidget *box, const char *text, GCallback callback, Header *header)
{
  GtkWidget *button = gtk_button_new_with_label (text);
  gtk_widget_add_css_class (button, "flat");
  g_signal_connect (button, "clicked", callback, header);
  gtk_box_append (GTK_BOX (box), button);
  return button;
}

static GtkWidget *
build_end_question (Header *header)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *label = gtk_label_new (SK_TR ("Pages open on the internet side are lost.",
                                           "インターネット側で開いているページは失われます。"));
  gtk_label_set_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (label), 24);
  gtk_box_append (GTK_BOX (box), label);
  GtkWidget *button
      = menu_button (box, SK_TR ("Yes, end it", "終了する"), G_CALLBACK (on_end_surely), header);
  gtk_widget_remove_css_class (button, "flat");
  gtk_widget_add_css_class (button, "destructive-action");
  gtk_widget_set_visible (box, FALSE);
  return box;
}

static GtkWidget *
build_menu_popover (Header *header)
{
  GtkWidget *popover = gtk_popover_new ();
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *input = gtk_check_button_new_with_label (
      SK_TR ("Use this desktop's Japanese input", "この画面の日本語入力を使う"));
  header->menu_popover = popover;
  menu_button (box, SK_TR ("Full screen (Ctrl+Alt+Enter)", "全画面（Ctrl+Alt+Enter）"),
               G_CALLBACK (on_fullscreen), header);
  menu_button (box, SK_TR ("Send files…", "ファイルを送る…"), G_CALLBACK (on_send), header);
  header->large_text = gtk_check_button_new_with_label (SK_TR ("Large text", "大きな文字"));
  g_signal_connect (header->large_text, "toggled", G_CALLBACK (on_large_text), header);
  gtk_box_append (GTK_BOX (box), header->large_text);
  g_signal_connect (input, "toggled", G_CALLBACK (on_local_input), header);
  gtk_box_append (GTK_BOX (box), input);
  if (header->sound)
    add_sound_switch (header, box);
  menu_button (box, SK_TR ("End the internet side…", "インターネット側を終了…"), G_CALLBACK (on_end), header);
  header->end_question = build_end_question (header);
  gtk_box_append (GTK_BOX (box), header->end_question);
  gtk_popover_set_child (GTK_POPOVER (popover), box);
  g_signal_connect (popover, "closed", G_CALLBACK (on_menu_closed), header);
  return popover;
}

/* -- bar ------------------------------------------------------------------------------------------------- */

static GtkWidget *
drop_down (const char *text, const char *accessible, GtkWidget *popover)
{
  GtkWidget *button = gtk_menu_button_new ();
  gtk_menu_button_set_label (GTK_MENU_BUTTON (button), text);
  gtk_menu_button_set_popover (GTK_MENU_BUTTON (button), popover);
  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, accessible, -1);
  return button;
}

GtkWidget *
sk_header_new (gboolean sound, SkHeaderCallback callback, gpointer data)
{
  GtkWidget *bar = gtk_header_bar_new ();
  Header *header = g_new0 (Header, 1);
  header->sound = sound;
  header->callback = callback;
  header->data = data;
  g_object_set_data_full (G_OBJECT (bar), "sk-header", header, g_free);

  GtkWidget *side = gtk_label_new (sk_text_side ());
  gtk_widget_add_css_class (side, "sekisho-side");
  gtk_header_bar_set_title_widget (GTK_HEADER_BAR (bar), side);
  const char *open = SK_TR ("Open a link", "リンクを開く"), *menu = SK_TR ("Menu", "メニュー");
  gtk_header_bar_pack_start (GTK_HEADER_BAR (bar), drop_down (open, open, build_open_popover (header)));
  gtk_header_bar_pack_end (GTK_HEADER_BAR (bar), drop_down (menu, menu, build_menu_popover (header)));
  return bar;
}

void
sk_header_set_large_text (GtkWidget *bar, gboolean large)
{
  Header *header = g_object_get_data (G_OBJECT (bar), "sk-header");
  gtk_check_button_set_active (GTK_CHECK_BUTTON (header->large_text), large);
}
