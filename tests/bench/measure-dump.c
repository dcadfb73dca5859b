#include "measure.h"
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>

/* B G R x → R G B */
static guint8 *
copy_rgb (SkPixels *frame, int *ret_width, int *ret_height)
{
  const guint8 *from = sk_pixels_lock (frame, ret_width, ret_height);
  gsize count = (gsize) *ret_width * *ret_height;
  guint8 *rgb = from ? g_malloc (count * 3) : NULL;
  for (gsize i = 0; rgb && i < count; i++)
    {
      rgb[i * 3] = from[i * 4 + 2];
      rgb[i * 3 + 1] = from[i * 4 + 1];
      rgb[i * 3 + 2] = from[i * 4];
    }
  sk_pixels_unlock (frame);
  return rgb;
}

static gboolean
write_ppm (const guint8 *rgb, int width, int height, const char *path)
{
  FILE *file = fopen (path, "wb");
  if (!file)
    return FALSE;
  fprintf (file, "P6\n%d %d\n255\n", width, height);
  gsize n = (gsize) width * height * 3;
  gboolean ok = fwrite (rgb, 1, n, file) == n;
  return fclose (file) == 0 && ok;
}

gboolean
measure_dump (SkPixels *frame, const char *path)
{
  int width, height;
  g_autofree guint8 *rgb = copy_rgb (frame, &width, &height);
  if (!rgb)
    return FALSE;
  if (g_str_has_suffix (path, ".ppm"))
    return write_ppm (rgb, width, height, path);
  g_autoptr (GdkPixbuf) picture
      = gdk_pixbuf_new_from_data (rgb, GDK_COLORSPACE_RGB, FALSE, 8, width, height, width * 3, NULL, NULL);
  return gdk_pixbuf_save (picture, path, "png", NULL, NULL);
}
