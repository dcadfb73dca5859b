/* Messages by table: each type is a row that names its fields, its direction and the states in which it is
 * allowed. The same encoder and decoder serve the agent port and the workers' control sockets.
 *
 * A row's format, one letter a field, in order:  y u8 · q u16 · u u32 · t u64 · s string · l list of strings
 * (u16 count; at most one, last) · b all the bytes that remain (at most one, last).  Numbers land in n[] and
 * strings in s[] in their order. */
#pragma once
#include <gio/gio.h>

#define SK_MESSAGE_NUMBERS 6
#define SK_MESSAGE_STRINGS 4
/* Strings in a list: an inventory of a desktop guest has under 200 lines. */
#define SK_MESSAGE_LIST_MAX 512

typedef enum
{
  SK_FROM_HOST = 1, /* core to agent, core to worker */
  SK_FROM_PEER = 2, /* agent or worker to core */
} SkDirection;

typedef struct
{
  guint16 type;     /* even from the host, odd from the peer; 0 ends the table */
  const char *name; /* for logs */
  SkDirection direction;
  const char *format;
  guint string_max; /* bytes of each string */
  guint n_fds;      /* descriptors that travel with it (control sockets only) */
  guint states;     /* bit mask of the peer's states in which it may come; 0 = any */
  gboolean once;    /* a second one is a protocol error */
} SkMessageSpec;

typedef struct
{
  const SkMessageSpec *spec;
  guint16 type;
  guint32 id;
  guint64 n[SK_MESSAGE_NUMBERS];
  char *s[SK_MESSAGE_STRINGS];
  char **list; /* NULL-terminated or NULL */
  /* Borrowed: decoded, they are valid as long as the body that was decoded. */
  const guint8 *bytes;
  gsize bytes_length;
} SkMessage;

void sk_message_clear (SkMessage *m);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkMessage, sk_message_clear)

const SkMessageSpec *sk_message_spec (const SkMessageSpec *table, guint16 type);

/* Decodes an untrusted body of the given type. Refuses unknown types, the wrong direction, short or left-over
 * bytes, unclean or too long strings (SK_ERROR_PROTOCOL). */
gboolean sk_message_decode (const SkMessageSpec *table, SkDirection from, guint16 type, guint32 id,
                            const guint8 *untrusted_body, gsize length, SkMessage *ret,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Appends the body of m (its type must be in the table). FALSE with SK_ERROR_LIMIT when a string is too long
 * or unclean: the caller passes on values of users. */
gboolean sk_message_encode (const SkMessageSpec *table, const SkMessage *m, GByteArray *out,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a peer may say now. `used` remembers the ONCE rows. state: a bit, e.g. 1 << STATE. */
typedef struct
{
  guint64 used;
} SkPermit;
gboolean sk_permit_check (SkPermit *permit, const SkMessageSpec *table, const SkMessage *m, guint state,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Control packets (SOCK_SEQPACKET): u16 type, u16 0, u32 id, body. */
gboolean sk_packet_encode (const SkMessageSpec *table, const SkMessage *m, GByteArray *out,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_packet_decode (const SkMessageSpec *table, SkDirection from, const guint8 *untrusted,
                           gsize length, gsize n_fds, SkMessage *ret,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Encode and send with the row's number of descriptors; receive and decode. Both in terms of common/fd.h and
 * its errors. sk_packet_receive: 1 = a message, 0 = end of stream, -1 = error. */
gboolean sk_packet_send (int socket, const SkMessageSpec *table, const SkMessage *m, const int *fds,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
int sk_packet_receive (int socket, const SkMessageSpec *table, SkDirection from, SkMessage *ret, int *ret_fds,
                       GError **error);
