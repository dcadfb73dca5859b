/* Inside of the trail's writer. */
#pragma once
#include "audit/audit.h"
#include <openssl/evp.h>

struct _SkAudit
{
  SkStore *store;
  EVP_PKEY *key;
  char *public_key, *home, *heads_path;
  char *actor;      /* NULL: the broker */
  GPtrArray *heads; /* SkAuditHead, as written last */
  GSource *soon;    /* rows were added: heads are due */
  void (*listener) (const GError *, gpointer);
  gpointer listener_data;
  guint start_faults;
  guint64 start_unsigned;
};

/* sk_audit_sign() with a key that is held; any thread. */
char *sk_audit_sign_with (EVP_PKEY *key, const char *purpose, const void *data, gsize length);
/* NULL: it is not there. */
char *sk_audit_read_heads (const char *path);
