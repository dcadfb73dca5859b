/* A real trail in a folder, with rows and transfers whose times and names are always the same. */
#pragma once
#include "audit/audit.h"

typedef struct _MockAudit MockAudit;
MockAudit *mock_audit_new (const char *folder);
void mock_audit_free (MockAudit *); /* NULL is allowed */
SkAudit *mock_audit_trail (MockAudit *);
/* As somebody would who has the database's file. */
void mock_audit_tamper (MockAudit *);
