#include "common/log.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line is cut here: nothing we say ourselves is longer, and what a peer made us quote should not fill a
 * disk. */
#define LINE_MAX_BYTES 4096
/* More pairs than this in one call is a mistake of ours. */
#define FIELDS_MAX 12

static const char *program_name = "sekisho";
static gboolean debug_enabled;
static gboolean to_journal;
static GLogLevelFlags threshold = G_LOG_LEVEL_DEBUG;

void
sk_log_init (const char *program)
{
  program_name = program;
  debug_enabled = g_getenv ("SEKISHO_DEBUG") != NULL;
  to_journal = g_log_writer_is_journald (STDERR_FILENO);
}

void
sk_log_set_threshold (GLogLevelFlags level)
{
  threshold = level;
}

static const char *
level_word (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "error";
  if (level & G_LOG_LEVEL_WARNING)
    return "warning";
  if (level & G_LOG_LEVEL_MESSAGE)
    return "notice";
  return level & G_LOG_LEVEL_INFO ? "info" : "debug";
}

/* Control characters become \xNN, so that quoted input stays on its line. UTF-8 passes. */
static void
append_escaped (GString *line, const char *text)
{
  for (const char *p = text ? text : "(null)"; *p && line->len < LINE_MAX_BYTES; p++)
    if ((guchar) *p < 0x20 || *p == 0x7f)
      g_string_append_printf (line, "\\x%02x", (guchar) *p);
    else
      g_string_append_c (line, *p);
}

static void
write_stderr (GLogLevelFlags level, const char *const *fields, const char *message)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *stamp = g_date_time_format (now, "%Y-%m-%dT%H:%M:%S");
  g_autoptr (GString) line = g_string_sized_new (256);
  g_string_append_printf (line, "%s.%03d %s[%d] %s ", stamp, g_date_time_get_microsecond (now) / 1000,
                          program_name, (int) getpid (), level_word (level));
  for (gsize i = 0; fields && fields[i] && fields[i + 1]; i += 2)
    {
      g_string_append_printf (line, "%s=", fields[i]);
      append_escaped (line, fields[i + 1]);
      g_string_append_c (line, ' ');
    }
  append_escaped (line, message);
  g_string_append_c (line, '\n');
  /* One write, so that lines of several threads do not mix; a full or broken pipe must not hurt the program.
   */
  if (write (STDERR_FILENO, line->str, line->len) < 0)
    return;
}

static void
write_journal (GLogLevelFlags level, const char *const *fields, const char *message)
{
  GLogField out[FIELDS_MAX + 3] = { 0 };
  char *names[FIELDS_MAX] = { 0 };
  static const char *priorities[] = { "3", "4", "5", "6", "7" };
  gsize n = 0, named = 0;
  guint p = level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL) ? 0
            : level & G_LOG_LEVEL_WARNING                      ? 1
            : level & G_LOG_LEVEL_MESSAGE                      ? 2
            : level & G_LOG_LEVEL_INFO                         ? 3
                                                               : 4;
  out[n++] = (GLogField){ "MESSAGE", message, -1 };
  out[n++] = (GLogField){ "PRIORITY", priorities[p], -1 };
  out[n++] = (GLogField){ "SYSLOG_IDENTIFIER", program_name, -1 };
  for (gsize i = 0; fields && fields[i] && fields[i + 1] && named < FIELDS_MAX; i += 2)
    {
      g_autofree char *upper = g_ascii_strup (fields[i], -1);
      names[named] = g_strconcat ("SEKISHO_", upper, NULL);
      out[n++] = (GLogField){ names[named++], fields[i + 1], -1 };
    }
  g_log_writer_journald (level, out, n, NULL);
  for (gsize i = 0; i < named; i++)
    g_free (names[i]);
}

void
sk_log (GLogLevelFlags level, const char *const *fields, const char *format, ...)
{
  /* GLib's flags grow as importance falls. */
  if (((level & G_LOG_LEVEL_DEBUG) && !debug_enabled) || (level & G_LOG_LEVEL_MASK) > threshold)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  if (to_journal)
    write_journal (level, fields, message);
  else
    write_stderr (level, fields, message);
}
