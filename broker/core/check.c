/* Values from administrators and users, checked or refused, never repaired. */
#include "common/error.h"
#include "core/manager-private.h"
#include "rdp/ring.h"
#include "wire/buf.h"
#include <string.h>

/* A desktop guest does not start in less; more than this is a typing mistake on any PC of today. */
#define MEMORY_MIN_MIB 256
#define MEMORY_MAX_MIB (256 * 1024)
#define VCPUS_MAX 64
#define MAXIMUM_MAX 500
/* A week: longer is no detached session but a forgotten one. */
#define DETACHED_MAX_MINUTES (7 * 24 * 60)
#define NAME_MAX_BYTES 31
/* IFNAMSIZ - 1 */
#define NETWORK_MAX_BYTES 15
#define GROUP_MAX_BYTES 32
/* As long as the view's JOB carries (wire/control.c). */
#define BORDER_MAX_BYTES 256

static gboolean
invalid (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s", what);
  return FALSE;
}

static gboolean
only_has (const char *text, const char *allowed)
{
  return strspn (text, allowed) == strlen (text);
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

gboolean
sk_check_name (const char *untrusted_name, GError **error)
{
  if (untrusted_name && g_ascii_islower (*untrusted_name) && strlen (untrusted_name) <= NAME_MAX_BYTES
      && only_has (untrusted_name, LOWER DIGITS "-"))
    return TRUE;
  return invalid (error, "name: a lower-case letter, then up to 30 lower-case letters, digits and hyphens");
}

gboolean
sk_check_path (const char *untrusted_path, GError **error)
{
  g_autofree char *canonical = NULL;
  if (untrusted_path && *untrusted_path == '/')
    canonical = g_canonicalize_filename (untrusted_path, "/");
  /* No colon and no comma: QEMU reads protocols and options out of file names. */
  if (canonical && strcmp (canonical, untrusted_path) == 0 && strlen (untrusted_path) < 1024
      && only_has (untrusted_path, LOWER UPPER DIGITS "/._-+@"))
    return TRUE;
  return invalid (error, "path: absolute, without .. and with letters, digits and /._-+@ only");
}

gboolean
sk_check_url (const char *untrusted_url, GError **error)
{
  g_autoptr (GUri) uri = NULL;
  gsize length = strlen (untrusted_url);
  if (length > SK_URL_MAX)
    {
      g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "the address is longer than %d bytes", SK_URL_MAX);
      return FALSE;
    }
  if (!sk_text_is_clean (untrusted_url, length) || strpbrk (untrusted_url, " \"<>\\^`{|}"))
    return invalid (error, "url: it has characters that an address cannot have");
  uri = g_uri_parse (untrusted_url, G_URI_FLAGS_PARSE_RELAXED, NULL);
  if (!uri || !g_uri_get_host (uri) || !*g_uri_get_host (uri)
      || (g_ascii_strcasecmp (g_uri_get_scheme (uri), "http") != 0
          && g_ascii_strcasecmp (g_uri_get_scheme (uri), "https") != 0))
    return invalid (error, "url: only http:// and https:// addresses can be opened");
  return TRUE;
}

gboolean
sk_check_size (guint width, guint height, GError **error)
{
  if (sk_ring_size_is_valid (width, height))
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "width and height: %d x %d to %d x %d, at most %d pixels",
               SK_RING_WIDTH_MIN, SK_RING_HEIGHT_MIN, SK_RING_WIDTH_MAX, SK_RING_HEIGHT_MAX,
               SK_RING_PIXELS_MAX);
  return FALSE;
}

static gboolean
check_numbers (const SkPool *row, GError **error)
{
  if (row->memory_mib < MEMORY_MIN_MIB || row->memory_mib > MEMORY_MAX_MIB)
    return invalid (error, "memory_mib: 256 to 262144");
  if (row->vcpus < 1 || row->vcpus > VCPUS_MAX)
    return invalid (error, "vcpus: 1 to 64");
  if (row->maximum < 1 || row->maximum > MAXIMUM_MAX)
    return invalid (error, "maximum: 1 to 500");
  if (row->warm > row->maximum || row->stored > row->maximum - row->warm)
    return invalid (error, "warm and stored together are more than maximum");
  if (row->detached_minutes < 1 || row->detached_minutes > DETACHED_MAX_MINUTES)
    return invalid (error, "detached_minutes: 1 to 10080");
  return sk_check_size (row->width, row->height, error);
}

gboolean
sk_check_pool (const SkPool *row, GError **error)
{
  if (!sk_check_name (row->name, error) || !check_numbers (row, error))
    return FALSE;
  if (!row->image || !*row->image)
    return invalid (error, "image: missing");
  if (!row->network || strlen (row->network) > NETWORK_MAX_BYTES
      || !only_has (row->network, LOWER UPPER DIGITS "._-"))
    return invalid (error, "network: the name of a bridge, or empty");
  if (!row->group || strlen (row->group) > GROUP_MAX_BYTES
      || !only_has (row->group, LOWER UPPER DIGITS "._-"))
    return invalid (error, "group: the name of a unix group, or empty");
  if (!row->border || strlen (row->border) > BORDER_MAX_BYTES
      || !sk_text_is_clean (row->border, strlen (row->border)))
    return invalid (error, "border: up to 256 bytes of text");
  if (!row->clipboard || !g_strv_contains (sk_pool_clipboard_words, row->clipboard))
    return invalid (error, SK_BOTH ("clipboard: off, import, export or both",
                                    "clipboard: off、import、export、both のいずれかを指定してください"));
  if (!row->home_url)
    return invalid (error, "home_url: missing");
  return !*row->home_url || sk_check_url (row->home_url, error);
}
