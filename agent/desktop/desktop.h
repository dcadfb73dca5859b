/* Between the small program `sekisho` and its module with GTK. */
#pragma once
#include "desktop/early.h"
#include "desktop/instance.h"
#include "desktop/options.h"

#define SK_DESKTOP_MODULE "sekisho-desktop.so"
#define SK_DESKTOP_ENTRY "sk_desktop_run"
#define SK_DESKTOP_SEND_ENTRY "sk_desktop_send"

typedef struct
{
  const SkOptions *options;
  SkEarly *early;       /* finished by the callee, which takes over what is in it */
  SkInstance *instance; /* NULL: could not be claimed. Taken over. */
} SkDesktopStart;

/* Until the window is closed. Returns the exit status. */
typedef int (*SkDesktopRun) (const SkDesktopStart *start);
int sk_desktop_run (const SkDesktopStart *start);

/* The dialog that sends files, alone: until it is closed. Returns the exit status. */
typedef int (*SkDesktopSend) (const SkOptions *options);
int sk_desktop_send (const SkOptions *options);
