/* A click before there is a window: the request is on its way, FreeRDP is being loaded, and when both are
 * ready the handshake starts, all beside the main thread, which loads GTK. */
#pragma once
#include "desktop/link.h"
#include "desktop/options.h"
#include "desktop/rdp-client.h"
#include "desktop/window-state.h"

typedef struct
{
  GMutex mutex;
  SkPixels *pixels;
  SkRdpClient *client;
  SkLink *link;       /* NULL with --rdp-address and --background */
  gboolean connected; /* the client was given a stream */
  int scale_percent;  /* ... and this scale */
  const char *player; /* as below */
} SkEarly;

/* The size the window will have, and so the one to ask for. */
SkWindowState sk_early_wished_state (const SkOptions *options);
/* ... and the scale of the guest, in percent. */
int sk_early_wished_scale (const SkOptions *options);
/* What plays sound, or NULL when the user wants none. Static. */
const char *sk_early_player (const SkOptions *options);

void sk_early_start (SkEarly *early, const SkOptions *options);
/* From here on link and client are the caller's alone, with what is in the struct. */
void sk_early_finish (SkEarly *early);
