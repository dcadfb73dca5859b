#include "desktop/clipboard.h"
#include "desktop/drop.h"
#include <string.h>

#define BMP_HEAD 54

struct _SkDesktopClip
{
  GtkWindow *window;
  GdkClipboard *clipboard;
  SkRdpClient *client; /* borrowed */
  gboolean changed;    /* not offered yet */
  GCancellable *reading;
  GdkContentProvider *ours; /* what came from there; NULL: nothing, or something else was copied since */
  guint64 number;           /* of it */
  gulong on_changed, on_active;
};

/* -- pictures ---------------------------------------------------------------------------------------------
 */

static void
put (guint8 *at, guint bytes, guint32 value)
{
  for (guint i = 0; i < bytes; i++, value >>= 8)
    at[i] = (guint8) value;
}

/* On white: what is transparent has no colour. */
static void
write_rows (guint8 *to, gsize row, const guint8 *bgra, guint width, guint height)
{
  for (guint y = 0; y < height; y++)
    {
      const guint8 *from = bgra + (gsize) 4 * width * (height - 1 - y);
      for (guint x = 0; x < width; x++, from += 4)
        for (guint c = 0; c < 3; c++)
          to[row * y + 3 * x + c] = (guint8) MIN (from[c] + (255 - from[3]), 255);
    }
}

GBytes *
sk_desktop_clip_from_texture (GdkTexture *texture)
{
  const guint width = (guint) gdk_texture_get_width (texture),
              height = (guint) gdk_texture_get_height (texture);
  const gsize row = ((gsize) width * 3 + 3) / 4 * 4;
  if (width > SK_CLIP_SIDE_MAX || height > SK_CLIP_SIDE_MAX
      || (guint64) width * height * 4 > SK_CLIP_PICTURE_MAX)
    return NULL;
  g_autofree guint8 *bgra = g_malloc ((gsize) width * height * 4);
  guint8 *bmp = g_malloc0 (BMP_HEAD + row * height);
  gdk_texture_download (texture, bgra, (gsize) width * 4);
  memcpy (bmp, "BM", 2);
  put (bmp + 2, 4, (guint32) (BMP_HEAD + row * height));
  put (bmp + 10, 4, BMP_HEAD);
  put (bmp + 14, 4, 40);
  put (bmp + 18, 4, width);
  put (bmp + 22, 4, height);
  put (bmp + 26, 2, 1);
  put (bmp + 28, 2, 24);
  write_rows (bmp + BMP_HEAD, row, bgra, width, height);
  return g_bytes_new_take (bmp, BMP_HEAD + row * height);
}

GdkTexture *
sk_desktop_clip_to_texture (GBytes *untrusted_bmp)
{
  const guint8 *bmp = g_bytes_get_data (untrusted_bmp, NULL);
  g_autoptr (GBytes) plain = sk_clip_to_wire (SK_CLIP_PICTURE, untrusted_bmp, FALSE);
  if (!plain)
    return NULL; /* not of 24 bits, or fewer rows than it says */
  const guint width = (guint) (bmp[18] | bmp[19] << 8), height = (guint) (bmp[22] | bmp[23] << 8);
  const gsize row = ((gsize) width * 3 + 3) / 4 * 4;
  guint8 *pixels = g_malloc (row * height);
  for (guint y = 0; y < height; y++)
    memcpy (pixels + row * y, bmp + BMP_HEAD + row * (height - 1 - y), row);
  g_autoptr (GBytes) bytes = g_bytes_new_take (pixels, row * height);
  return gdk_memory_texture_new ((int) width, (int) height, GDK_MEMORY_B8G8R8, bytes, row);
}

/* -- from here --------------------------------------------------------------------------------------------
 */

static void
give (SkDesktopClip *self, SkClipKind kind, GBytes *content)
{
  if (self->client)
    sk_rdp_client_set_clip (self->client, kind, content);
}

static void
on_text (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, &error);
  const gsize length = text ? strlen (text) : 0;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* data may be gone */
  g_autoptr (GBytes) content = length > 0 && length <= SK_CLIP_TEXT_MAX ? g_bytes_new (text, length) : NULL;
  give (data, SK_CLIP_TEXT, content);
}

static void
on_texture (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GdkTexture) texture = gdk_clipboard_read_texture_finish (GDK_CLIPBOARD (source), result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_autoptr (GBytes) content = texture ? sk_desktop_clip_from_texture (texture) : NULL;
  give (data, SK_CLIP_PICTURE, content);
}

/* The newest; what is still being read is of no interest any more. */
static void
offer (SkDesktopClip *self)
{
  GdkContentFormats *formats = gdk_clipboard_get_formats (self->clipboard);
  if (!self->changed || !self->client || !gtk_window_is_active (self->window))
    return;
  self->changed = FALSE;
  g_cancellable_cancel (self->reading);
  g_object_unref (self->reading);
  self->reading = g_cancellable_new ();
  /* Files are sent (drop.h); that they are called so is not for the other side to know before. */
  if (sk_drop_is_copied (self->clipboard))
    give (self, SK_CLIP_TEXT, NULL);
  else if (gdk_content_formats_contain_gtype (formats, G_TYPE_STRING))
    gdk_clipboard_read_text_async (self->clipboard, self->reading, on_text, self);
  else if (gdk_content_formats_contain_gtype (formats, GDK_TYPE_TEXTURE))
    gdk_clipboard_read_texture_async (self->clipboard, self->reading, on_texture, self);
  else
    give (self, SK_CLIP_TEXT, NULL);
}

static void
on_changed (GdkClipboard *clipboard, gpointer data)
{
  SkDesktopClip *self = data;
  GdkContentProvider *content = gdk_clipboard_get_content (clipboard);
  if (content && content == self->ours)
    return; /* what came from there does not go back */
  g_clear_object (&self->ours);
  self->changed = TRUE;
  offer (self);
}

static void
on_active (GObject *window, GParamSpec *pspec, gpointer data)
{
  offer (data);
}

/* -- from there -------------------------------------------------------------------------------------------
 */

static GdkContentProvider *
provider_of (SkClipKind kind, GBytes *content)
{
  gsize length;
  const char *bytes = g_bytes_get_data (content, &length);
  if (kind == SK_CLIP_TEXT)
    {
      g_autofree char *text = g_strndup (bytes, length);
      return gdk_content_provider_new_typed (G_TYPE_STRING, text);
    }
  g_autoptr (GdkTexture) texture = sk_desktop_clip_to_texture (content);
  return texture ? gdk_content_provider_new_typed (GDK_TYPE_TEXTURE, texture) : NULL;
}

void
sk_desktop_clip_look (SkDesktopClip *self)
{
  for (;;)
    {
      SkClipKind kind;
      guint64 number;
      g_autoptr (GBytes) content
          = self->client ? sk_rdp_client_take_clip (self->client, &kind, &number) : NULL;
      if (!content)
        return;
      GdkContentProvider *provider = provider_of (kind, content);
      if (!provider)
        continue;
      if (self->ours && number == self->number)
        {
          GdkContentProvider *both[] = { g_object_ref (self->ours), provider };
          provider = gdk_content_provider_new_union (both, G_N_ELEMENTS (both));
        }
      g_set_object (&self->ours, provider);
      self->number = number;
      gdk_clipboard_set_content (self->clipboard, provider);
      g_object_unref (provider);
    }
}

/* -- life -------------------------------------------------------------------------------------------------
 */

SkDesktopClip *
sk_desktop_clip_new (GtkWindow *window)
{
  SkDesktopClip *self = g_new0 (SkDesktopClip, 1);
  self->window = window;
  self->clipboard = gtk_widget_get_clipboard (GTK_WIDGET (window));
  self->reading = g_cancellable_new ();
  self->on_changed = g_signal_connect (self->clipboard, "changed", G_CALLBACK (on_changed), self);
  self->on_active = g_signal_connect (window, "notify::is-active", G_CALLBACK (on_active), self);
  return self;
}

void
sk_desktop_clip_free (SkDesktopClip *self)
{
  g_cancellable_cancel (self->reading);
  g_object_unref (self->reading);
  g_signal_handler_disconnect (self->clipboard, self->on_changed);
  g_signal_handler_disconnect (self->window, self->on_active);
  g_clear_object (&self->ours);
  g_free (self);
}

void
sk_desktop_clip_set_client (SkDesktopClip *self, SkRdpClient *client)
{
  if (client == self->client)
    return;
  self->client = client;
  g_cancellable_cancel (self->reading);
  self->changed = client && !self->ours;
  offer (self);
}
