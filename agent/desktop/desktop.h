/* Between the small program `sekisho` and the module that holds GTK and FreeRDP.
 *
 * Loading those takes longer than asking the broker; so the program asks first and loads then. */
#pragma once
#include "desktop/instance.h"
#include "desktop/link.h"
#include "desktop/options.h"

#define SK_DESKTOP_MODULE "sekisho-desktop.so"
#define SK_DESKTOP_ENTRY "sk_desktop_run"

typedef struct
{
  const SkOptions *options;
  SkLink *link;         /* on its way already; NULL with --rdp-address and --background. Taken over. */
  SkInstance *instance; /* NULL: could not be claimed. Taken over. */
} SkDesktopStart;

/* Until the window is closed. Returns the exit status. */
typedef int (*SkDesktopRun) (const SkDesktopStart *start);
int sk_desktop_run (const SkDesktopStart *start);
