#include "desktop/early.h"
#include "desktop/address.h"
#include "desktop/module.h"

SkWindowState
sk_early_wished_state (const SkOptions *options)
{
  if (options->width <= 0)
    return sk_window_state_load ();
  return (SkWindowState){ options->width, options->height, 1, FALSE };
}

int
sk_early_wished_scale (const SkOptions *options)
{
  return sk_large_text_percent (sk_large_text_load (), sk_early_wished_state (options).scale);
}

const char *
sk_early_player (const SkOptions *options)
{
  return options->no_sound ? NULL : sk_module_player ();
}

/* The same by whichever way it is connected. */
static SkRdpTarget
wanted (const SkEarly *early)
{
  return (SkRdpTarget){ .fd = -1, .scale_percent = early->scale_percent, .player = early->player };
}

/* Link's thread. */
static void
on_link_news (SkLink *link, gpointer data)
{
  SkEarly *early = data;
  g_autofree char *fingerprint = NULL;
  SkRdpTarget target = wanted (early);
  g_mutex_lock (&early->mutex);
  target.fd = early->connected ? -1 : sk_link_take_stream (link, &fingerprint, &target.width, &target.height);
  target.fingerprint = fingerprint;
  if (target.fd >= 0)
    {
      early->connected = sk_rdp_client_connect (early->client, &target, NULL);
      if (!early->connected)
        sk_link_stream_lost (link, FALSE);
    }
  g_mutex_unlock (&early->mutex);
}

/* Developers only: no broker. */
static void
connect_direct (SkEarly *early, const SkOptions *options, SkWindowState wished)
{
  g_autoptr (GError) error = NULL;
  SkRdpTarget target = wanted (early);
  target.fd = sk_address_connect (options->rdp_address, &error);
  target.fingerprint = options->fingerprint;
  target.width = wished.width;
  target.height = wished.height;
  if (target.fd >= 0)
    early->connected = sk_rdp_client_connect (early->client, &target, &error);
  if (error)
    g_printerr ("sekisho: %s\n", error->message);
}

void
sk_early_start (SkEarly *early, const SkOptions *options)
{
  SkWindowState wished = sk_early_wished_state (options);
  const SkLinkRequest request = { .socket = options->socket,
                                  .pool = options->pool,
                                  .url = options->url,
                                  .width = wished.width,
                                  .height = wished.height };
  g_mutex_init (&early->mutex);
  early->scale_percent = sk_early_wished_scale (options);
  early->player = sk_early_player (options);
  if (options->command == SK_COMMAND_OPEN && !options->rdp_address)
    early->link = sk_link_new (&request);
  early->pixels = sk_pixels_new ();
  early->client = sk_rdp_client_new (early->pixels, wished.width, wished.height, NULL, NULL);
  if (early->link)
    sk_link_set_notify (early->link, on_link_news, early);
  else if (options->rdp_address)
    connect_direct (early, options, wished);
}

void
sk_early_finish (SkEarly *early)
{
  if (early->link)
    sk_link_set_notify (early->link, NULL, NULL);
  g_mutex_clear (&early->mutex);
}
