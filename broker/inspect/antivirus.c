#include "inspect/antivirus.h"
#include "inspect/scan-private.h"
#include <gio/gunixsocketaddress.h>
#include <string.h>

const char *const sk_scan_words[] = { "unscanned", "clean", "infected" };

#define NO_SCANNER                                                                                           \
  SK_BOTH ("no scanner is set up (--antivirus of sekishod)",                                                 \
           "検査ソフトが設定されていません（sekishod の --antivirus）")

typedef enum
{
  NONE,
  CLAMD,
  ICAP,
} Protocol;

struct _SkAntivirus
{
  Protocol protocol;
  char *address;
  GSocketConnectable *where;
  char *host, *service; /* ICAP's */
  gboolean automatic, seen;
  SkScanTimes times;
  GMutex mutex;
  GCond ended;
  GPtrArray *running; /* GCancellable, one a thread; under the mutex */
};

/* -- results ------------------------------------------------------------------------------------------------
 */

char *
sk_scan_clean_text (const char *untrusted_text)
{
  g_autofree char *text = g_strndup (untrusted_text ? untrusted_text : "", SK_ANTIVIRUS_TEXT_MAX);
  for (char *c = text; *c; c++)
    if (!g_ascii_isprint (*c))
      *c = '?';
  return g_strdup (g_strstrip (text));
}

SkScan *
sk_scan_new (SkScanState state, const char *scanner, const char *untrusted_name, const char *why)
{
  SkScan *scan = g_new0 (SkScan, 1);
  scan->state = state;
  scan->scanner = g_strdup (scanner ? scanner : "");
  scan->name = sk_scan_clean_text (untrusted_name);
  scan->why = g_strdup (why ? why : "");
  if (state == SK_SCAN_INFECTED && !*scan->name)
    {
      g_free (scan->name);
      scan->name = g_strdup ("unnamed");
    }
  return scan;
}

void
sk_scan_free (SkScan *scan)
{
  if (!scan)
    return;
  g_free (scan->scanner);
  g_free (scan->name);
  g_free (scan->why);
  g_free (scan);
}

gboolean
sk_scan_broken (GError **error, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_PROTOCOL,
               SK_BOTH ("the scanner broke its protocol: %s", "検査ソフトの応答が正しくありません"), what);
  return FALSE;
}

gssize
sk_scan_content_read (const SkScanContent *content, void *buffer, gsize length, GError **error)
{
  g_autoptr (GError) reason = NULL;
  const gssize n = content->read (content->source, buffer, length, &reason);
  if (n < 0)
    g_set_error_literal (error, SK_SCAN_CONTENT_ERROR, 0, reason ? reason->message : "content");
  return n;
}

/* "ClamAV 1.4.3/27521/Fri Jan 17 09:36:05 2025", local time. */
gint64
sk_antivirus_signature_time (const char *scanner)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  g_auto (GStrv) parts = g_strsplit (scanner ? scanner : "", "/", 3);
  if (!g_str_has_prefix (scanner ? scanner : "", "ClamAV ") || g_strv_length (parts) != 3)
    return 0;
  g_auto (GStrv) words = g_strsplit_set (parts[2], " :", -1);
  g_autoptr (GPtrArray) w = g_ptr_array_new (); /* without the empty ones: a day below 10 has two spaces */
  for (char **word = words; *word; word++)
    if (**word)
      g_ptr_array_add (w, *word);
  if (w->len != 7 || strlen (w->pdata[1]) != 3)
    return 0;
  const char *month = strstr (months, w->pdata[1]);
  guint64 number[5] = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (number); i++)
    if (!g_ascii_string_to_unsigned (w->pdata[2 + i], 10, 0, 9999, &number[i], NULL))
      return 0;
  if (!month || (month - months) % 3 != 0)
    return 0;
  g_autoptr (GDateTime) time
      = g_date_time_new_local ((int) number[4], (int) (month - months) / 3 + 1, (int) number[0],
                               (int) number[1], (int) number[2], (double) number[3]);
  return time ? g_date_time_to_unix (time) * G_USEC_PER_SEC : 0;
}

/* -- where it is --------------------------------------------------------------------------------------------
 */

static gboolean
bad_address (GError **error, const char *address)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID,
               SK_BOTH ("antivirus \"%s\": write clamd:/PATH, clamd:HOST:PORT, icap://HOST[:PORT]/SERVICE or "
                        "none",
                        "antivirus「%s」: clamd:/パス、clamd:ホスト:ポート、icap://ホスト[:ポート]/サービス、"
                        "none のどれかを書いてください"),
               address, address);
  return FALSE;
}

/* Printable ASCII without a blank: it goes into a request's first line. */
static gboolean
is_plain (const char *text)
{
  for (; *text; text++)
    if (!g_ascii_isgraph (*text))
      return FALSE;
  return TRUE;
}

static gboolean
take_host (SkAntivirus *self, const char *host_and_port, guint16 port, GError **error)
{
  if (!*host_and_port || !is_plain (host_and_port) || strpbrk (host_and_port, "/@?#"))
    return bad_address (error, self->address);
  self->where = g_network_address_parse (host_and_port, port, NULL);
  return self->where != NULL || bad_address (error, self->address);
}

static void
take_socket (SkAntivirus *self, const char *path)
{
  self->protocol = CLAMD;
  self->where = G_SOCKET_CONNECTABLE (g_unix_socket_address_new (path));
}

static gboolean
take_clamd (SkAntivirus *self, const char *rest, GError **error)
{
  self->protocol = CLAMD;
  if (!g_path_is_absolute (rest))
    return take_host (self, rest, SK_ANTIVIRUS_CLAMD_PORT, error);
  if (strlen (rest) >= 108) /* sun_path */
    return bad_address (error, self->address);
  take_socket (self, rest);
  return TRUE;
}

static gboolean
take_icap (SkAntivirus *self, const char *rest, GError **error)
{
  const char *slash = strchr (rest, '/');
  if (!slash || !slash[1] || !is_plain (slash))
    return bad_address (error, self->address);
  self->protocol = ICAP;
  self->host = g_strndup (rest, (gsize) (slash - rest));
  self->service = g_strdup (slash + 1);
  return take_host (self, self->host, SK_ANTIVIRUS_ICAP_PORT, error);
}

static gboolean
take_address (SkAntivirus *self, GError **error)
{
  if (g_str_has_prefix (self->address, "clamd:"))
    return take_clamd (self, self->address + strlen ("clamd:"), error);
  if (g_str_has_prefix (self->address, "icap://"))
    return take_icap (self, self->address + strlen ("icap://"), error);
  return strcmp (self->address, "none") == 0 || bad_address (error, self->address);
}

SkAntivirus *
sk_antivirus_new (const char *address, GError **error)
{
  g_autoptr (SkAntivirus) self = g_new0 (SkAntivirus, 1);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->ended);
  self->running = g_ptr_array_new ();
  self->times = (SkScanTimes){ SK_ANTIVIRUS_STALL_MS, SK_ANTIVIRUS_SCAN_MS };
  self->address = g_strdup (address ? address : "clamd:" SK_ANTIVIRUS_DEBIAN_SOCKET);
  self->automatic = address == NULL;
  return take_address (self, error) ? g_steal_pointer (&self) : NULL;
}

void
sk_antivirus_free (SkAntivirus *self)
{
  if (!self)
    return;
  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->running->len; i++)
    g_cancellable_cancel (self->running->pdata[i]);
  while (self->running->len > 0)
    g_cond_wait (&self->ended, &self->mutex);
  g_mutex_unlock (&self->mutex);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->ended);
  g_ptr_array_unref (self->running);
  g_clear_object (&self->where);
  g_free (self->address);
  g_free (self->host);
  g_free (self->service);
  g_free (self);
}

void
sk_antivirus_set_times (SkAntivirus *self, guint stall, guint scan)
{
  self->times = (SkScanTimes){ stall, scan };
}

const char *
sk_antivirus_address (SkAntivirus *self)
{
  return self->address;
}

gboolean
sk_antivirus_is_configured (SkAntivirus *self)
{
  if (!self || self->protocol == NONE)
    return FALSE;
  if (self->automatic && !self->seen)
    self->seen = g_file_test (SK_ANTIVIRUS_DEBIAN_SOCKET, G_FILE_TEST_EXISTS);
  return !self->automatic || self->seen;
}

/* -- one scan, in its thread --------------------------------------------------------------------------------
 */

typedef struct
{
  SkAntivirus *owner;
  SkScanContent content; /* read NULL: only whether the scanner answers */
  SkScanTimes times;
  GCancellable *cancel, *callers;
  gulong callers_handler;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;
  if (job->content.destroy && job->content.source)
    job->content.destroy (job->content.source);
  g_clear_object (&job->cancel);
  g_clear_object (&job->callers);
  g_free (job);
}

static char *
ask_version (Job *job, gboolean *ret_previews, GError **error)
{
  SkAntivirus *self = job->owner;
  const SkIcapTarget target = { self->host, self->service };
  const SkScanTimes times = { MIN (job->times.stall_ms, SK_ANTIVIRUS_GREETING_MS), job->times.scan_ms };
  g_auto (SkScanWire) wire = { 0 };
  if (!sk_scan_wire_open (&wire, self->where, &times, job->cancel, error))
    return NULL;
  return self->protocol == CLAMD ? sk_clamd_version (&wire, error)
                                 : sk_icap_version (&wire, &target, ret_previews, error);
}

static SkScan *
ask_once (Job *job, const char *scanner, gboolean previews, gboolean *ret_again, GError **error)
{
  SkAntivirus *self = job->owner;
  const SkIcapTarget target = { self->host, self->service };
  g_auto (SkScanWire) wire = { 0 };
  *ret_again = FALSE;
  if (!job->content.rewind (job->content.source, error))
    {
      (*error)->domain = SK_SCAN_CONTENT_ERROR;
      return NULL;
    }
  if (!sk_scan_wire_open (&wire, self->where, &job->times, job->cancel, error))
    return NULL;
  if (self->protocol == CLAMD)
    return sk_clamd_scan (&wire, scanner, &job->content, error);
  return sk_icap_scan (&wire, &target, previews && job->content.size > 0, &job->content, ret_again, error);
}

static SkScan *
scan_once (Job *job, GError **error)
{
  gboolean previews = FALSE, again = FALSE;
  g_autofree char *scanner = ask_version (job, &previews, error);
  if (!scanner)
    return NULL;
  SkScan *scan = job->content.read ? ask_once (job, scanner, previews, &again, error)
                                   : sk_scan_new (SK_SCAN_UNSCANNED, scanner, NULL, NULL);
  if (!scan && again)
    scan = ask_once (job, scanner, FALSE, &again, error);
  return scan;
}

/* NULL: cancelled, or the content could not be read. */
static SkScan *
scan (Job *job, GError **error)
{
  const guint tries = job->content.read ? SK_ANTIVIRUS_TRIES : 1;
  for (guint i = 1;; i++)
    {
      GError *reason = NULL;
      SkScan *said = scan_once (job, &reason);
      if (said)
        return said;
      if (g_cancellable_is_cancelled (job->cancel) || reason->domain == SK_SCAN_CONTENT_ERROR)
        {
          g_propagate_error (error, reason);
          return NULL;
        }
      if (i >= tries)
        {
          said = sk_scan_new (SK_SCAN_UNSCANNED, NULL, NULL, reason->message);
          g_error_free (reason);
          return said;
        }
      g_error_free (reason);
    }
}

static void
scan_thread (GTask *task, gpointer source, gpointer data, GCancellable *unused)
{
  Job *job = data;
  SkAntivirus *self = job->owner;
  GError *error = NULL;
  SkScan *said = scan (job, &error);
  if (error && g_cancellable_is_cancelled (job->cancel))
    {
      g_clear_error (&error);
      g_set_error_literal (&error, SK_ERROR, SK_ERROR_CANCELLED,
                           SK_BOTH ("the scan was cancelled", "ウイルス検査は取り消されました"));
    }
  else if (error)
    {
      error->domain = SK_ERROR;
      error->code = SK_ERROR_STORE;
    }
  /* The content's reader goes before anybody may take away what it reads from. */
  if (job->content.destroy)
    g_clear_pointer (&job->content.source, job->content.destroy);
  if (job->callers)
    g_cancellable_disconnect (job->callers, job->callers_handler);
  if (said)
    g_task_return_pointer (task, said, (GDestroyNotify) sk_scan_free);
  else
    g_task_return_error (task, error);
  g_mutex_lock (&self->mutex);
  g_ptr_array_remove_fast (self->running, job->cancel);
  g_cond_broadcast (&self->ended);
  g_mutex_unlock (&self->mutex);
}

static void
on_caller_cancelled (GCancellable *callers, gpointer ours)
{
  g_cancellable_cancel (ours);
}

static void
start (Job *job, GCancellable *callers, GAsyncReadyCallback callback, gpointer data)
{
  SkAntivirus *self = job->owner;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  g_task_set_task_data (task, job, job_free);
  job->cancel = g_cancellable_new ();
  if (callers)
    {
      job->callers = g_object_ref (callers);
      job->callers_handler
          = g_cancellable_connect (callers, G_CALLBACK (on_caller_cancelled), job->cancel, NULL);
    }
  g_mutex_lock (&self->mutex);
  g_ptr_array_add (self->running, job->cancel);
  g_mutex_unlock (&self->mutex);
  g_task_run_in_thread (task, scan_thread);
}

static void
answer_without_scanner (GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, data);
  g_task_return_pointer (task, sk_scan_new (SK_SCAN_UNSCANNED, NULL, NULL, NO_SCANNER),
                         (GDestroyNotify) sk_scan_free);
}

void
sk_antivirus_scan_async (SkAntivirus *self, const SkScanContent *content, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer data)
{
  if (!sk_antivirus_is_configured (self))
    {
      if (content->destroy)
        content->destroy (content->source);
      answer_without_scanner (callback, data);
      return;
    }
  Job *job = g_new0 (Job, 1);
  job->owner = self;
  job->content = *content;
  job->times = self->times;
  start (job, cancellable, callback, data);
}

SkScan *
sk_antivirus_scan_finish (SkAntivirus *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
sk_antivirus_probe_async (SkAntivirus *self, GAsyncReadyCallback callback, gpointer data)
{
  if (!sk_antivirus_is_configured (self))
    {
      answer_without_scanner (callback, data);
      return;
    }
  Job *job = g_new0 (Job, 1);
  job->owner = self;
  job->times = (SkScanTimes){ MIN (self->times.stall_ms, SK_ANTIVIRUS_PROBE_MS), SK_ANTIVIRUS_PROBE_MS };
  start (job, NULL, callback, data);
}

SkScan *
sk_antivirus_probe_finish (SkAntivirus *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
