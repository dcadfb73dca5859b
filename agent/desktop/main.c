/* sekisho: what a double-click starts. Asks the broker first; everything large is loaded meanwhile. */
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/commands.h"
#include "desktop/desktop.h"
#include "desktop/environment.h"
#include "desktop/module.h"
#include "desktop/timing.h"
#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>

/* A function of the module with GTK; NULL: it has been said why. */
static gpointer
find_entry (const char *name)
{
  g_autoptr (GError) error = NULL;
  gpointer module = sk_module_open (SK_DESKTOP_MODULE, &error);
  gpointer entry = module ? dlsym (module, name) : NULL;
  if (entry)
    return entry;
  fprintf (stderr, "sekisho: %s\n%s\n",
           SK_TR ("The program is not installed completely. Tell your administrator:",
                  "プログラムが正しくインストールされていません。次の内容を管理者に伝えてください。"),
           error ? error->message : dlerror ());
  return NULL;
}

static int
run_window (const SkDesktopStart *start)
{
  SkDesktopRun run = NULL;
  *(gpointer *) &run = find_entry (SK_DESKTOP_ENTRY);
  return run ? run (start) : sk_error_info_for_code (SK_ERROR_UNAVAILABLE)->exit_status;
}

static int
send_dialog (const SkOptions *options)
{
  SkDesktopSend run = NULL;
  sk_environment_prepare ();
  *(gpointer *) &run = find_entry (SK_DESKTOP_SEND_ENTRY);
  return run ? run (options) : sk_error_info_for_code (SK_ERROR_UNAVAILABLE)->exit_status;
}

static const char *
startup_token (void)
{
  const char *token = g_getenv ("XDG_ACTIVATION_TOKEN");
  return token ? token : g_getenv ("DESKTOP_STARTUP_ID");
}

/* TRUE: a running window has it. */
static gboolean
hand_over (const SkOptions *options, const char *path, GError **error)
{
  if (options->command == SK_COMMAND_BACKGROUND)
    return FALSE;
  return sk_instance_send (path, options->url, startup_token (), error);
}

static int
open_window (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  SkEarly early = { 0 };
  SkDesktopStart start = { .options = options, .early = &early };
  if (!options->rdp_address)
    {
      g_autofree char *path = sk_instance_path (options->pool, options->socket);
      if (hand_over (options, path, &error))
        return 0;
      /* Somebody may have become it since; with a window that hangs, a second one is the better answer. */
      start.instance = error ? NULL : sk_instance_claim (path, &error);
      if (!start.instance && !error
          && (hand_over (options, path, &error) || options->command != SK_COMMAND_OPEN))
        return 0;
    }
  sk_environment_prepare ();
  sk_early_start (&early, options);
  return run_window (&start);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  SkOptions options;
  sk_timing_init ();
  setlocale (LC_ALL, "");
  if (!sk_options_parse (&options, argc, argv, &error))
    return sk_command_fail (error);
  if (options.large_text != SK_LARGE_TEXT_AS_BEFORE)
    sk_large_text_save (options.large_text == SK_LARGE_TEXT_ON);
  switch (options.command)
    {
    case SK_COMMAND_OPEN:
      return options.system_viewer ? sk_command_system_viewer (&options) : open_window (&options);
    case SK_COMMAND_BACKGROUND:
      return open_window (&options);
    case SK_COMMAND_LIST:
      return sk_command_list (&options);
    case SK_COMMAND_END:
      return sk_command_end (&options);
    case SK_COMMAND_STATUS:
      return sk_command_status (&options);
    case SK_COMMAND_SEND:
      return options.dialog ? send_dialog (&options) : sk_command_send (&options);
    case SK_COMMAND_SENT:
      return sk_command_sent (&options);
    case SK_COMMAND_INBOX:
      return sk_command_inbox (&options);
    case SK_COMMAND_WITHDRAW:
      return sk_command_withdraw (&options);
    case SK_COMMAND_VERSION:
      printf ("sekisho %s\n", SK_VERSION);
      return 0;
    case SK_COMMAND_HELP:
      fputs (sk_options_help (), stdout);
      return 0;
    }
  return 0;
}
