#include "scale.h"
#include "common/error.h"
#include <string.h>
#include <xcb/xcb.h>

#define SETTING "Xft/DPI"
/* The setting counts in 1024ths of a dot an inch. */
#define UNIT (96 * 1024 / 100.0)

struct _SkScale
{
  xcb_connection_t *x;
  xcb_window_t window;
  xcb_atom_t settings;
  guint percent;
  guint32 serial;
};

static void
append_words (GByteArray *out, guint32 first, guint32 second)
{
  g_byte_array_append (out, (const guint8 *) &first, sizeof first);
  g_byte_array_append (out, (const guint8 *) &second, sizeof second);
}

GByteArray *
sk_scale_settings (guint percent, guint32 serial)
{
  const guint8 order[4] = { G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0 : 1 };
  const struct
  {
    guint8 type, unused; /* 0: a number */
    guint16 name_length;
  } head = { 0, 0, sizeof SETTING - 1 };
  const char name[(sizeof SETTING - 1 + 3) / 4 * 4] = SETTING;
  GByteArray *out = g_byte_array_new ();
  g_byte_array_append (out, order, sizeof order);
  append_words (out, serial, 1);
  g_byte_array_append (out, (const guint8 *) &head, sizeof head);
  g_byte_array_append (out, (const guint8 *) name, sizeof name);
  append_words (out, serial, (guint32) (percent * UNIT + 0.5));
  return out;
}

static xcb_atom_t
atom (xcb_connection_t *x, const char *name)
{
  xcb_intern_atom_cookie_t cookie = xcb_intern_atom (x, 0, (guint16) strlen (name), name);
  g_autofree xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply (x, cookie, NULL);
  return reply ? reply->atom : XCB_ATOM_NONE;
}

static void
publish (SkScale *scale)
{
  g_autoptr (GByteArray) data = sk_scale_settings (scale->percent, ++scale->serial);
  xcb_change_property (scale->x, XCB_PROP_MODE_REPLACE, scale->window, scale->settings, scale->settings, 8,
                       data->len, data->data);
  xcb_flush (scale->x);
}

/* Programs that run already learn of the manager by this. */
static void
announce (SkScale *scale, xcb_window_t root, xcb_atom_t selection)
{
  const xcb_client_message_event_t event = { .response_type = XCB_CLIENT_MESSAGE,
                                             .format = 32,
                                             .window = root,
                                             .type = atom (scale->x, "MANAGER"),
                                             .data.data32 = { XCB_CURRENT_TIME, selection, scale->window } };
  xcb_send_event (scale->x, 0, root, XCB_EVENT_MASK_STRUCTURE_NOTIFY, (const char *) &event);
  xcb_flush (scale->x);
}

SkScale *
sk_scale_new (GError **error)
{
  int number = 0;
  xcb_connection_t *x = xcb_connect (NULL, &number);
  if (xcb_connection_has_error (x))
    {
      xcb_disconnect (x);
      g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "no X display");
      return NULL;
    }
  SkScale *scale = g_new0 (SkScale, 1);
  const xcb_screen_t *screen = xcb_setup_roots_iterator (xcb_get_setup (x)).data;
  g_autofree char *name = g_strdup_printf ("_XSETTINGS_S%d", number);
  const xcb_atom_t selection = atom (x, name);
  scale->x = x;
  scale->percent = SK_SCALE_NORMAL;
  scale->settings = atom (x, "_XSETTINGS_SETTINGS");
  scale->window = xcb_generate_id (x);
  xcb_create_window (x, 0, scale->window, screen->root, -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
                     XCB_COPY_FROM_PARENT, 0, NULL);
  publish (scale);
  xcb_set_selection_owner (x, scale->window, selection, XCB_CURRENT_TIME);
  announce (scale, screen->root, selection);
  return scale;
}

void
sk_scale_free (SkScale *scale)
{
  if (!scale)
    return;
  xcb_disconnect (scale->x);
  g_free (scale);
}

void
sk_scale_set (SkScale *scale, guint percent)
{
  if (percent < SK_SCALE_LOWEST || percent > SK_SCALE_HIGHEST || percent == scale->percent)
    return;
  scale->percent = percent;
  publish (scale);
}
