/* 持出し台帳, the take-out ledger, as a table for Excel or a page to print. Always in Japanese: it is a
 * town's document. New strings. */
#pragma once
#include "ctl/ctl.h"

/* "2026-04-01", "2026-04-01T09:30", local time -> microseconds since 1970. end: the first moment behind that
 * day or minute. NULL: 0. */
gboolean sk_ledger_read_time (const char *text, gboolean end, gint64 *ret, GError **error);
/* Adds a page; returns its length, and when its last line began. */
gint64 sk_ledger_add (JsonArray *all, JsonArray *page, gint64 *ret_last);
/* The largest id of the lines that began then. Borrowed. */
const char *sk_ledger_last_id (JsonArray *all, gint64 created);

/* UTF-8 with a mark and CRLF, as Excel wants it; no cell begins a formula. */
char *sk_ledger_csv (JsonArray *lines);
/* A4 landscape, headings on each page. */
char *sk_ledger_html (JsonArray *lines, const char *since, const char *until, const char *organisation);

/* For the caller's eyes only, whole or not at all. */
gboolean sk_ledger_write (const char *path, const char *text, gsize length, GError **error);
