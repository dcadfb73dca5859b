#include "wire/message.h"
#include "common/error.h"
#include "common/fd.h"
#include "wire/buf.h"
#include <string.h>

void
sk_message_clear (SkMessage *m)
{
  for (gsize i = 0; i < SK_MESSAGE_STRINGS; i++)
    g_clear_pointer (&m->s[i], g_free);
  g_clear_pointer (&m->list, g_strfreev);
}

const SkMessageSpec *
sk_message_spec (const SkMessageSpec *table, guint16 type)
{
  for (; table->type; table++)
    if (table->type == type)
      return table;
  return NULL;
}

static gboolean
refuse (GError **error, guint16 type, const char *why)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL, "message %u: %s", type, why);
  return FALSE;
}

static char **
read_list (SkReader *r, guint max)
{
  guint count = sk_reader_u16 (r);
  if (count > SK_MESSAGE_LIST_MAX)
    r->failed = TRUE;
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < count && !r->failed; i++)
    g_ptr_array_add (lines, sk_reader_string (r, max));
  if (r->failed)
    return NULL;
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&lines), FALSE);
}

static void
read_field (SkReader *r, char letter, guint max, SkMessage *m, gsize *n, gsize *s)
{
  switch (letter)
    {
    case 'y':
      m->n[(*n)++] = sk_reader_u8 (r);
      break;
    case 'q':
      m->n[(*n)++] = sk_reader_u16 (r);
      break;
    case 'u':
      m->n[(*n)++] = sk_reader_u32 (r);
      break;
    case 't':
      m->n[(*n)++] = sk_reader_u64 (r);
      break;
    case 's':
      m->s[(*s)++] = sk_reader_string (r, max);
      break;
    case 'l':
      m->list = read_list (r, max);
      break;
    case 'b':
      m->bytes_length = r->length - r->position;
      m->bytes = sk_reader_bytes (r, m->bytes_length);
      break;
    default:
      g_assert_not_reached (); /* our own table */
    }
}

gboolean
sk_message_decode (const SkMessageSpec *table, SkDirection from, guint16 type, guint32 id,
                   const guint8 *untrusted_body, gsize length, SkMessage *ret, GError **error)
{
  const SkMessageSpec *spec = sk_message_spec (table, type);
  if (!spec || spec->direction != from)
    return refuse (error, type, "unknown type");

  g_auto (SkMessage) m = { .spec = spec, .type = type, .id = id };
  SkReader r = sk_reader (untrusted_body, length);
  gsize n = 0, s = 0;
  for (const char *letter = spec->format; *letter && !r.failed; letter++)
    read_field (&r, *letter, spec->string_max, &m, &n, &s);
  if (!sk_reader_finish (&r))
    return refuse (error, type, "malformed body");
  *ret = m;
  memset (&m, 0, sizeof m);
  return TRUE;
}

static gboolean
string_fits (const char *text, guint max)
{
  gsize length = text ? strlen (text) : 0;
  return length <= max && (length == 0 || sk_text_is_clean (text, length));
}

static gboolean
write_list (GByteArray *out, char **list, guint max)
{
  guint count = list ? g_strv_length (list) : 0;
  if (count > SK_MESSAGE_LIST_MAX)
    return FALSE;
  sk_write_u16 (out, (guint16) count);
  for (guint i = 0; i < count; i++)
    {
      if (!string_fits (list[i], max))
        return FALSE;
      sk_write_string (out, list[i]);
    }
  return TRUE;
}

static gboolean
write_field (GByteArray *out, char letter, guint max, const SkMessage *m, gsize *n, gsize *s)
{
  const char *text;
  switch (letter)
    {
    case 'y':
      sk_write_u8 (out, (guint8) m->n[(*n)++]);
      return TRUE;
    case 'q':
      sk_write_u16 (out, (guint16) m->n[(*n)++]);
      return TRUE;
    case 'u':
      sk_write_u32 (out, (guint32) m->n[(*n)++]);
      return TRUE;
    case 't':
      sk_write_u64 (out, m->n[(*n)++]);
      return TRUE;
    case 's':
      text = m->s[(*s)++];
      if (!string_fits (text, max))
        return FALSE;
      sk_write_string (out, text);
      return TRUE;
    case 'b':
      if (m->bytes_length > 0)
        g_byte_array_append (out, m->bytes, (guint) m->bytes_length);
      return TRUE;
    default:
      return write_list (out, m->list, max);
    }
}

gboolean
sk_message_encode (const SkMessageSpec *table, const SkMessage *m, GByteArray *out, GError **error)
{
  const SkMessageSpec *spec = sk_message_spec (table, m->type);
  g_return_val_if_fail (spec != NULL, FALSE);
  gsize n = 0, s = 0;
  for (const char *letter = spec->format; *letter; letter++)
    if (!write_field (out, *letter, spec->string_max, m, &n, &s))
      {
        g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "%s: text is too long or has control characters",
                     spec->name);
        return FALSE;
      }
  return TRUE;
}

gboolean
sk_permit_check (SkPermit *permit, const SkMessageSpec *table, const SkMessage *m, guint state,
                 GError **error)
{
  guint64 bit = G_GUINT64_CONSTANT (1) << (m->spec - table);
  if (m->spec->states && !(m->spec->states & state))
    return refuse (error, m->type, "not allowed now");
  if (m->spec->once && (permit->used & bit))
    return refuse (error, m->type, "allowed only once");
  permit->used |= bit;
  return TRUE;
}

gboolean
sk_packet_encode (const SkMessageSpec *table, const SkMessage *m, GByteArray *out, GError **error)
{
  sk_write_u16 (out, m->type);
  sk_write_u16 (out, 0);
  sk_write_u32 (out, m->id);
  if (!sk_message_encode (table, m, out, error))
    return FALSE;
  if (out->len <= SK_PACKET_MAX)
    return TRUE;
  g_set_error (error, SK_ERROR, SK_ERROR_LIMIT, "control packet of %u bytes", out->len);
  return FALSE;
}

gboolean
sk_packet_decode (const SkMessageSpec *table, SkDirection from, const guint8 *untrusted, gsize length,
                  gsize n_fds, SkMessage *ret, GError **error)
{
  SkReader r = sk_reader (untrusted, length);
  guint16 type = sk_reader_u16 (&r);
  guint16 reserved = sk_reader_u16 (&r);
  guint32 id = sk_reader_u32 (&r);
  if (r.failed || reserved != 0)
    return refuse (error, type, "bad header");
  g_auto (SkMessage) m = { 0 };
  if (!sk_message_decode (table, from, type, id, untrusted + r.position, length - r.position, &m, error))
    return FALSE;
  if (n_fds != m.spec->n_fds)
    return refuse (error, type, "wrong number of descriptors");
  *ret = m;
  memset (&m, 0, sizeof m);
  return TRUE;
}

gboolean
sk_packet_send (int socket, const SkMessageSpec *table, const SkMessage *m, const int *fds, GError **error)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  const SkMessageSpec *spec = sk_message_spec (table, m->type);
  g_return_val_if_fail (spec && (spec->n_fds == 0 || fds), FALSE);
  return sk_packet_encode (table, m, out, error)
         && sk_fd_send_packet (socket, out->data, out->len, fds, spec->n_fds, error);
}

int
sk_packet_receive (int socket, const SkMessageSpec *table, SkDirection from, SkMessage *ret, int *ret_fds,
                   GError **error)
{
  guint8 untrusted[SK_PACKET_MAX];
  gsize n_fds = 0;
  gssize n = sk_fd_recv_packet (socket, untrusted, ret_fds, &n_fds, error);
  if (n <= 0)
    return (int) n;
  if (sk_packet_decode (table, from, untrusted, (gsize) n, n_fds, ret, error))
    return 1;
  for (gsize i = 0; i < n_fds; i++)
    sk_clear_fd (&ret_fds[i]);
  return -1;
}
