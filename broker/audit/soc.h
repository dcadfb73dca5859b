/* The trail for those who watch from elsewhere: RFC 5424 messages over TLS (RFC 5425, octet counting), and a
 * file of JSON lines.
 *
 * Nothing is kept for them but the trail itself: each sink has a position in each chain (in the store), and
 * whatever is behind it is sent, after an hour or a week without them as well. Memory: one batch. A row may
 * come twice (its organisation and number say so), never not at all:
 *
 *   syslog: TLS does not say what the other side's program has read. A row counts as told when the other
 * side's kernel has it and the connection has lived SK_SOC_SETTLE_MS longer; what was younger when it broke
 * is sent again. jsonl:  a row counts as told when it is on the disk. A file that was moved away (logrotate)
 * is opened anew.
 *
 * Threads: one a sink, each with a reader of its own; the functions here belong to the main context's. */
#pragma once
#include "audit/audit.h"

#define SK_SOC_SETTLE_MS 2000
/* Rows read at once. */
#define SK_SOC_BATCH 200
/* A receiver has to take messages of this size (RFC 5425, 4.3.1: it SHOULD); longer details are left out,
 * their digest and the row's hash stay. */
#define SK_SOC_MESSAGE_MAX 8192
/* After a failure: doubled each time. */
#define SK_SOC_RETRY_MS 1000
#define SK_SOC_RETRY_MAX_MS 20000
/* For a connection, and for a write that the other side does not take. */
#define SK_SOC_TIMEOUT_MS 15000

typedef struct
{
  const char *syslog_tls; /* HOST:PORT; NULL: nobody */
  const char *syslog_ca;  /* PEM file; NULL: those whom the system trusts */
  const char *jsonl;      /* NULL: none */
} SkSocTargets;

typedef struct _SkSoc SkSoc;

/* SK_ERROR_UNAVAILABLE: the CA's file cannot be read. That somebody does not answer is no error. */
SkSoc *sk_soc_new (SkAudit *, const SkSocTargets *, GError **error);
void sk_soc_free (SkSoc *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSoc, sk_soc_free)
/* There are new rows. */
void sk_soc_wake (SkSoc *);
/* Names of the sinks; NULL-terminated. */
const char *const *sk_soc_sinks (SkSoc *);
/* When a sink fails (the error's text, once), and when it works again (NULL). */
void sk_soc_set_listener (SkSoc *, void (*func) (const char *sink, const char *error, gpointer data),
                          gpointer data);

/* Pieces, for tests. New strings. One line without its end; a message without its length. */
char *sk_soc_json (const SkAuditRow *row);
char *sk_soc_syslog (const SkAuditRow *row, const char *host, guint pid);
