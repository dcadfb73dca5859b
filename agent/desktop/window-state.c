#include "desktop/window-state.h"
#include <glib/gstdio.h>
#include <stdio.h>

#define SCALE_MAX 8

static char *
file_name (void)
{
  return g_build_filename (g_get_user_config_dir (), "sekisho", "window", NULL);
}

static gboolean
is_usable (const SkWindowState *s)
{
  return s->width >= SK_PICTURE_SIDE_MIN && s->width <= SK_PICTURE_SIDE_MAX
         && s->height >= SK_PICTURE_SIDE_MIN && s->height <= SK_PICTURE_SIDE_MAX && s->scale >= 1
         && s->scale <= SCALE_MAX;
}

SkWindowState
sk_window_state_load (void)
{
  SkWindowState state = { .scale = 1 };
  g_autofree char *name = file_name ();
  g_autofree char *text = NULL;
  double percent = 0;
  if (g_file_get_contents (name, &text, NULL, NULL)
      && sscanf (text, "%d %d %lf %d", &state.width, &state.height, &percent, &state.maximized) == 4)
    {
      state.scale = percent / 100;
      if (is_usable (&state))
        return state;
    }
  return (SkWindowState){ SK_PICTURE_WIDTH, SK_PICTURE_HEIGHT, 1, FALSE };
}

void
sk_window_state_save (const SkWindowState *state)
{
  g_autofree char *name = file_name ();
  g_autofree char *dir = g_path_get_dirname (name);
  if (!is_usable (state) || g_mkdir_with_parents (dir, 0700) < 0)
    return;
  g_autofree char *text = g_strdup_printf ("%d %d %d %d\n", state->width, state->height,
                                           (int) (state->scale * 100 + 0.5), state->maximized ? 1 : 0);
  g_file_set_contents_full (name, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

char *
sk_large_text_file (void)
{
  return g_build_filename (g_get_user_config_dir (), "sekisho", "large-text", NULL);
}

gboolean
sk_large_text_load (void)
{
  g_autofree char *name = sk_large_text_file ();
  g_autofree char *text = NULL;
  return g_file_get_contents (name, &text, NULL, NULL) && g_str_has_prefix (text, "on");
}

void
sk_large_text_save (gboolean large)
{
  g_autofree char *name = sk_large_text_file ();
  g_autofree char *dir = g_path_get_dirname (name);
  if (sk_large_text_load () == large || g_mkdir_with_parents (dir, 0700) < 0)
    return;
  g_file_set_contents_full (name, large ? "on\n" : "off\n", -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

int
sk_large_text_percent (gboolean large, double scale)
{
  /* [MS-RDPEDISP] 2.2.2.2.1 */
  return CLAMP ((int) (scale * (large ? SK_LARGE_TEXT_PERCENT : 100) + 0.5), 100, 500);
}
