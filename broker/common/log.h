/* Log lines with structured fields. Libraries do not log; programs do, once, where the error is handled.
 *
 * Under systemd the fields go to the journal (GLib's journald writer); elsewhere a line goes to stderr:
 *   2026-11-21T09:00:00.123 sekishod[12] warning pool=internet vm=… message
 * Values are escaped, so a guest cannot forge a line. Any thread. */
#pragma once
#include <glib.h>

/* Call once, first thing in main(). program: static string. Debug messages appear when SEKISHO_DEBUG is set.
 */
void sk_log_init (const char *program);

/* Drops everything less important than this (tests, quiet programs). */
void sk_log_set_threshold (GLogLevelFlags level);

/* fields: NULL-terminated pairs key, value ("vm", id, "pool", name, NULL); keys are lower case and static. */
void sk_log (GLogLevelFlags level, const char *const *fields, const char *format, ...) G_GNUC_PRINTF (3, 4);

#define SK_FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define sk_debug(fields, ...) sk_log (G_LOG_LEVEL_DEBUG, fields, __VA_ARGS__)
#define sk_info(fields, ...) sk_log (G_LOG_LEVEL_INFO, fields, __VA_ARGS__)
#define sk_notice(fields, ...) sk_log (G_LOG_LEVEL_MESSAGE, fields, __VA_ARGS__)
#define sk_warn(fields, ...) sk_log (G_LOG_LEVEL_WARNING, fields, __VA_ARGS__)
#define sk_err(fields, ...) sk_log (G_LOG_LEVEL_CRITICAL, fields, __VA_ARGS__)
