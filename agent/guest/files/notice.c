#include "notice.h"
#include "common/log.h"

#define SHOWN_MS 8000
/* Notices that may still be replaced. */
#define KEYS_MAX 1000

struct _SkNotices
{
  GDBusConnection *bus;
  GHashTable *ids; /* key -> id of the notice */
};

typedef struct
{
  SkNotices *notices;
  char *key;
} Shown;

static void
on_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  Shown *shown = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  guint32 id = 0;
  if (answer)
    g_variant_get (answer, "(u)", &id);
  else
    sk_warn (NULL, "notice: %s", error->message);
  if (g_hash_table_size (shown->notices->ids) >= KEYS_MAX)
    g_hash_table_remove_all (shown->notices->ids);
  if (id)
    g_hash_table_insert (shown->notices->ids, g_steal_pointer (&shown->key), GUINT_TO_POINTER (id));
  g_free (shown->key);
  g_free (shown);
}

void
sk_notices_show (const char *key, const char *summary, const char *body, int percent, gpointer data)
{
  SkNotices *notices = data;
  GVariantBuilder hints;
  if (!notices->bus)
    return;
  g_variant_builder_init (&hints, G_VARIANT_TYPE ("a{sv}"));
  if (percent >= 0)
    g_variant_builder_add (&hints, "{sv}", "value", g_variant_new_int32 (percent));
  /* The body is mark-up. */
  g_autofree char *escaped = g_markup_escape_text (body, -1);
  Shown *shown = g_new (Shown, 1);
  *shown = (Shown){ notices, g_strdup (key) };
  g_dbus_connection_call (notices->bus, "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
                          "org.freedesktop.Notifications", "Notify",
                          g_variant_new ("(susssasa{sv}i)", "Sekisho",
                                         GPOINTER_TO_UINT (g_hash_table_lookup (notices->ids, key)), "",
                                         summary, escaped, NULL, &hints, SHOWN_MS),
                          G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_shown, shown);
}

SkNotices *
sk_notices_new (void)
{
  g_autoptr (GError) error = NULL;
  SkNotices *notices = g_new0 (SkNotices, 1);
  notices->ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  notices->bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  if (!notices->bus)
    sk_warn (NULL, "no notices: %s", error->message);
  return notices;
}

void
sk_notices_free (SkNotices *notices)
{
  g_clear_object (&notices->bus);
  g_hash_table_unref (notices->ids);
  g_free (notices);
}
