#include "rdp/library.h"
#include "common/error.h"
#include <freerdp/primitives.h>
#include <freerdp/settings.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/wlog.h>

/* The one worker of this process: FreeRDP's log callback has no context. Set once before threads start. */
static SkWorker *the_worker;

/* What FreeRDP warns of in every good session. */
static gboolean
is_ordinary (const char *text)
{
  static const char *const starts[] = {
    "setsockopt()",                             /* for TCP; our connections may be unix sockets */
    "BIO_read retries exceeded",                /* a viewer hung up */
    "expected messageChannelId=0",              /* xrdp has no message channel */
    "license binary blob::type",                /* xrdp's licence packet */
    "ERRCONNECT_CONNECT_TRANSPORT_FAILED",      /* the other side hung up: the state says so */
    "{Microsoft::Windows::RDS::DisplayControl", /* a channel without an open callback */
  };
  for (gsize i = 0; text && i < G_N_ELEMENTS (starts); i++)
    if (g_str_has_prefix (text, starts[i]))
      return TRUE;
  return FALSE;
}

static BOOL
on_log_message (const wLogMessage *message)
{
  GLogLevelFlags level = message->Level >= WLOG_ERROR  ? G_LOG_LEVEL_WARNING
                         : message->Level == WLOG_WARN ? G_LOG_LEVEL_MESSAGE
                                                       : G_LOG_LEVEL_INFO;
  if (is_ordinary (message->TextString))
    return TRUE;
  /* An ERROR of FreeRDP is a broken or hostile peer: no error of ours. */
  sk_worker_log (the_worker, level, "FreeRDP: %s", message->TextString ? message->TextString : "");
  return TRUE;
}

static BOOL
on_log_other (const wLogMessage *message)
{
  return TRUE;
}

static gboolean
redirect_log (gboolean verbose)
{
  static wLogCallbacks callbacks = { on_log_other, on_log_other, on_log_message, on_log_other };
  wLog *root = WLog_GetRoot ();
  if (!root || !WLog_SetLogAppenderType (root, WLOG_APPENDER_CALLBACK))
    return FALSE;
  wLogAppender *appender = WLog_GetLogAppender (root);
  return appender && WLog_ConfigureAppender (appender, "callbacks", &callbacks)
         && WLog_SetLogLevel (root, verbose ? WLOG_INFO : WLOG_WARN);
}

gboolean
sk_library_init (SkWorker *worker, gboolean verbose, GError **error)
{
  the_worker = worker;
  /* Without a hint FreeRDP measures its own primitives for 300 ms at first use. */
  primitives_set_hints (PRIMITIVES_ONLY_CPU);
  if (redirect_log (verbose) && primitives_get () && winpr_InitializeSSL (WINPR_SSL_INIT_DEFAULT))
    return TRUE;
  g_set_error_literal (error, SK_ERROR, SK_ERROR_UNAVAILABLE, "FreeRDP does not start");
  return FALSE;
}

guint
sk_library_poll_fds (HANDLE *handles, DWORD n, struct pollfd *fds)
{
  guint used = 0;
  for (DWORD i = 0; i < n; i++)
    {
      int fd = GetEventFileDescriptor (handles[i]);
      if (fd >= 0)
        fds[used++] = (struct pollfd){ fd, POLLIN, 0 };
    }
  return used;
}

gboolean
sk_library_add_channel (rdpSettings *settings, const char *name)
{
  const guint32 n = freerdp_settings_get_uint32 (settings, FreeRDP_ChannelCount);
  CHANNEL_DEF *channel = freerdp_settings_get_pointer_array_writable (settings, FreeRDP_ChannelDefArray, n);
  if (!channel)
    return FALSE;
  *channel = (CHANNEL_DEF){ .options = CHANNEL_OPTION_INITIALIZED | CHANNEL_OPTION_ENCRYPT_RDP };
  g_strlcpy (channel->name, name, sizeof channel->name);
  return freerdp_settings_set_uint32 (settings, FreeRDP_ChannelCount, n + 1);
}
