/* An ICAP answer (RFC 3507), taken in piece by piece as it comes. Strict: CRLF ends lines, one of each header
 * that matters, all lengths within limits; what it cannot follow is an error, never a guess. Keeps nothing of
 * a body but its SHA-256 and its size. Pure; any thread. */
#pragma once
#include <glib.h>

/* Status line and headers together, and the encapsulated HTTP head: some servers put a whole page's worth of
 * names into X-Infection-Found. */
#define SK_ICAP_HEAD_MAX (16 * 1024)
/* "1a2b; name=value": a length has 16 digits at most. */
#define SK_ICAP_CHUNK_LINE_MAX 256
/* A changed body may be larger than ours; nobody sends more than the page that explains a refusal, or ours
 * with a note. Twice the largest transfer. */
#define SK_ICAP_BODY_MAX (G_GUINT64_CONSTANT (1) << 37)

typedef enum
{
  SK_ICAP_HEAD,
  SK_ICAP_ENCAPSULATED, /* the HTTP head inside */
  SK_ICAP_CHUNK,        /* a chunk's length line */
  SK_ICAP_DATA,
  SK_ICAP_DATA_END, /* the CRLF behind it */
  SK_ICAP_TRAILER,
  SK_ICAP_DONE,
} SkIcapState;

typedef struct
{
  SkIcapState state;
  guint status;         /* 100 to 599; 0: not known yet */
  char *tag;            /* ISTag, without quotes: of the service and its signatures; NULL: none */
  char *service;        /* Service: what it is; NULL: none */
  char *threat;         /* untrusted; X-Infection-Found's, X-Virus-ID's, X-Violations-Found; NULL: none */
  gboolean can_respmod; /* Methods has RESPMOD */
  gboolean previews;    /* it names a Preview */
  guint http_status;    /* of the encapsulated response; 0: none */
  guint64 body_bytes;
  char *body_sha256; /* 64 hex digits, once done; NULL: there was no body */

  /* private */
  GString *line;
  GChecksum *checksum;
  gsize head_bytes;
  guint64 left; /* of the encapsulated head, of a chunk */
  gboolean has_encapsulated, has_body, may_continue;
  guint threat_header;
} SkIcapAnswer;

/* All members 0 is one that has seen nothing. */
void sk_icap_answer_clear (SkIcapAnswer *);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkIcapAnswer, sk_icap_answer_clear)
/* FALSE: it broke the protocol; not to be fed again. Bytes behind the end are such a break. */
gboolean sk_icap_answer_feed (SkIcapAnswer *, const guint8 *untrusted_bytes, gsize length,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
