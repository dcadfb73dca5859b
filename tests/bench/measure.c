/* sekisho-measure: the launcher's connection without a window, for tests and benches.
 *
 * Connects as the launcher does, then carries out its steps in the order given: waiting for a colour, typing,
 * clicking, dumping the picture. Prints one JSON object with the phases' times (milliseconds since main; but
 * content_ms: from the start of connecting to the first colour waited for, or the first picture) and exits 0;
 * 1 when a step failed or the deadline passed, 2 for usage.
 *
 *   --open URL | --attach SESSION | --rdp-address ADDRESS [--fingerprint HEX] [--user U --password P]
 *   --pool P --size WxH --timeout S
 *   --wait-pixel X,Y,RRGGBB[,TOL]  --wait-frames N  --wait-size WxH             steps
 *   --type TEXT  --type-unicode TEXT  --key NAME[+NAME…]  --click X,Y[,BUTTON]  --wheel X,Y,AMOUNT
 *   --resize WxH  --dump FILE.ppm|FILE.png  --wait-end
 *   --interactive  then more steps, one a line of standard input ("wait-frames 1"); each is answered by a
 * line of JSON
 *   --end        end the session when done      --once    no retry while the broker starts */
#include "measure.h"
#include "common/error.h"
#include "desktop/address.h"
#include "desktop/keymap.h"
#include "desktop/timing.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#define TIMEOUT_SECONDS 60
/* A step that waits looks again at every published frame; this is only for the deadline's sake. */
#define LOOK_AGAIN_MS 1000
/* Colours come through RemoteFX: a flat colour may be a step off. */
#define TOLERANCE 4

/* -- waiting --------------------------------------------------------------------------------------------- */

static void
on_notify (SkRdpClient *client, gpointer data)
{
  Measure *m = data;
  eventfd_write (m->wake_fd, 1);
}

static gboolean
out_of_time (Measure *m)
{
  return sk_timing_now_us () >= m->deadline_us;
}

static void
wait_for_news (Measure *m)
{
  struct pollfd p = { m->wake_fd, POLLIN, 0 };
  eventfd_t count;
  gint64 left = (m->deadline_us - sk_timing_now_us ()) / 1000;
  if (left > 0 && poll (&p, 1, (int) CLAMP (left, 1, LOOK_AGAIN_MS)) > 0)
    eventfd_read (m->wake_fd, &count);
}

/* Until `done` says so. FALSE at the deadline or when the connection is over. */
static gboolean
wait_until (Measure *m, gboolean (*done) (Measure *, const Step *), const Step *step)
{
  while (!done (m, step))
    {
      if (sk_rdp_client_get_state (m->client) == SK_RDP_CLOSED || out_of_time (m))
        return done (m, step);
      wait_for_news (m);
    }
  return TRUE;
}

static gboolean
has_picture (Measure *m, const Step *step)
{
  return sk_rdp_client_get_state (m->client) == SK_RDP_PICTURE;
}

static gboolean
has_ended (Measure *m, const Step *step)
{
  return sk_rdp_client_get_state (m->client) == SK_RDP_CLOSED;
}

static gboolean
has_frames (Measure *m, const Step *step)
{
  return sk_pixels_serial (m->frame) >= m->serial_before + step->x;
}

static gboolean
has_size (Measure *m, const Step *step)
{
  int width, height;
  sk_pixels_lock (m->frame, &width, &height);
  sk_pixels_unlock (m->frame);
  return width == step->x && height == step->y;
}

static gboolean
near (int a, int b, int tolerance)
{
  return abs (a - b) <= tolerance;
}

static gboolean
has_colour (Measure *m, const Step *step)
{
  int width, height;
  gboolean same = FALSE;
  const guint8 *pixels = sk_pixels_lock (m->frame, &width, &height);
  if (pixels && step->x < width && step->y < height)
    {
      const guint8 *p = pixels + ((gsize) step->y * width + step->x) * 4;
      m->last_colour = p[2] << 16 | p[1] << 8 | p[0];
      same = near (p[2], step->colour >> 16 & 255, step->tolerance)
             && near (p[1], step->colour >> 8 & 255, step->tolerance)
             && near (p[0], step->colour & 255, step->tolerance);
    }
  sk_pixels_unlock (m->frame);
  return same;
}

/* -- steps ----------------------------------------------------------------------------------------------- */

static void
tap_key (Measure *m, guint evdev, gboolean shift)
{
  guint code = sk_keymap_scancode (evdev);
  if (shift)
    sk_rdp_client_key (m->client, SK_SCANCODE_LSHIFT, TRUE, FALSE);
  sk_rdp_client_key (m->client, code, TRUE, FALSE);
  sk_rdp_client_key (m->client, code, FALSE, FALSE);
  if (shift)
    sk_rdp_client_key (m->client, SK_SCANCODE_LSHIFT, FALSE, FALSE);
}

/* As a user at a Japanese board would; what that cannot type goes as Unicode. */
static gboolean
do_type (Measure *m, const Step *step)
{
  for (const char *p = step->text; *p; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      guint evdev;
      gboolean shift;
      char one[8] = "";
      if (c == '\n')
        tap_key (m, sk_keymap_evdev_from_name ("enter"), FALSE);
      else if (sk_keymap_jp_find (c, &evdev, &shift))
        tap_key (m, evdev, shift);
      else
        {
          g_unichar_to_utf8 (c, one);
          sk_rdp_client_text (m->client, one);
        }
    }
  return TRUE;
}

static gboolean
do_keys (Measure *m, const Step *step)
{
  g_auto (GStrv) names = g_strsplit (step->text, "+", -1);
  guint n = g_strv_length (names);
  for (guint i = 0; i < n; i++)
    if (!sk_keymap_evdev_from_name (names[i]))
      return FALSE;
  for (guint i = 0; i < n; i++)
    sk_rdp_client_key (m->client, sk_keymap_scancode (sk_keymap_evdev_from_name (names[i])), TRUE, FALSE);
  for (guint i = n; i > 0; i--)
    sk_rdp_client_key (m->client, sk_keymap_scancode (sk_keymap_evdev_from_name (names[i - 1])), FALSE,
                       FALSE);
  return TRUE;
}

static gboolean
do_click (Measure *m, const Step *step)
{
  sk_rdp_client_motion (m->client, step->x, step->y);
  sk_rdp_client_button (m->client, step->amount, TRUE, step->x, step->y);
  sk_rdp_client_button (m->client, step->amount, FALSE, step->x, step->y);
  return TRUE;
}

static gboolean
do_step (Measure *m, const Step *step)
{
  /* Frames are counted from the last input, not from the wait: the answer may be faster than the next step.
   */
  if (step->type != STEP_WAIT_FRAMES)
    m->serial_before = sk_pixels_serial (m->frame);
  switch (step->type)
    {
    case STEP_WAIT_PIXEL:
      return wait_until (m, has_colour, step);
    case STEP_WAIT_FRAMES:
      return wait_until (m, has_frames, step);
    case STEP_WAIT_SIZE:
      return wait_until (m, has_size, step);
    case STEP_WAIT_END:
      return wait_until (m, has_ended, step);
    case STEP_TYPE:
      return do_type (m, step);
    case STEP_TYPE_UNICODE:
      sk_rdp_client_text (m->client, step->text);
      return TRUE;
    case STEP_KEY:
      return do_keys (m, step);
    case STEP_CLICK:
      return do_click (m, step);
    case STEP_WHEEL:
      sk_rdp_client_wheel (m->client, step->amount, 0, step->x, step->y);
      return TRUE;
    case STEP_RESIZE:
      sk_rdp_client_resize (m->client, step->x, step->y, 100);
      return TRUE;
    case STEP_DUMP:
      return measure_dump (m->frame, step->text);
    }
  return FALSE;
}

static int
run_steps (Measure *m)
{
  if (!wait_until (m, has_picture, NULL))
    {
      g_autoptr (GError) error = sk_rdp_client_get_error (m->client);
      fprintf (stderr, "sekisho-measure: no picture: %s\n", error ? error->message : "deadline");
      return 1;
    }
  m->connected_us = sk_rdp_client_get_time (m->client, SK_RDP_CONNECTED);
  m->picture_us = sk_rdp_client_get_time (m->client, SK_RDP_PICTURE);
  for (guint i = 0; i < m->steps->len; i++)
    {
      Step *step = &g_array_index (m->steps, Step, i);
      if (!do_step (m, step))
        {
          fprintf (stderr, "sekisho-measure: step %u (%s) failed, last colour %06x\n", i + 1, step->name,
                   m->last_colour);
          return 1;
        }
      step->done_us = sk_timing_now_us ();
    }
  return 0;
}

/* A test that does things to the broker between the steps. Each step has its own deadline. */
static int
run_interactive (Measure *m)
{
  char line[4096];
  int status = 0;
  printf ("{\"step\":\"picture\",\"ok\":true}\n");
  fflush (stdout);
  while (fgets (line, sizeof line, stdin))
    {
      line[strcspn (line, "\n")] = '\0';
      gboolean known = measure_parse_step (m, line);
      Step *step = known ? &g_array_index (m->steps, Step, m->steps->len - 1) : NULL;
      m->deadline_us = sk_timing_now_us () + m->timeout * G_USEC_PER_SEC;
      gboolean ok = known && do_step (m, step);
      status |= !ok;
      printf ("{\"step\":\"%s\",\"ok\":%s}\n", known ? step->name : "unknown", ok ? "true" : "false");
      fflush (stdout);
    }
  return status;
}

/* The picture one waited for, else the first one. */
static gint64
content_time (Measure *m)
{
  for (guint i = 0; i < m->steps->len; i++)
    {
      const Step *step = &g_array_index (m->steps, Step, i);
      if (step->type == STEP_WAIT_PIXEL && step->done_us)
        return step->done_us;
    }
  return m->picture_us;
}

static void
print_json (Measure *m, int status)
{
  printf ("{\"ok\":%s,\"session\":\"%s\"", status ? "false" : "true", m->session ? m->session : "");
  const struct
  {
    const char *name;
    gint64 us;
  } phases[] = {
    { "prepared", m->connect_us },  { "api_sent", m->sent_us },           { "api_answered", m->answered_us },
    { "upgraded", m->upgraded_us }, { "rdp_connected", m->connected_us }, { "first_frame", m->picture_us },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (phases); i++)
    if (phases[i].us)
      printf (",\"%s_ms\":%.2f", phases[i].name, (phases[i].us - m->start_us) / 1000.0);
  if (m->picture_us)
    printf (",\"content_ms\":%.2f", (content_time (m) - m->connect_us) / 1000.0);
  printf (",\"steps\":[");
  for (guint i = 0; i < m->steps->len; i++)
    {
      const Step *step = &g_array_index (m->steps, Step, i);
      if (step->done_us)
        printf ("%s{\"%s_ms\":%.2f}", i ? "," : "", step->name, (step->done_us - m->start_us) / 1000.0);
    }
  printf ("]}\n");
}

static gboolean
is_prepared (Measure *m, const Step *step)
{
  return sk_rdp_client_get_state (m->client) >= SK_RDP_PREPARED;
}

static gboolean
connect_direct (Measure *m, SkRdpTarget *target, GError **error)
{
  target->accept_any = m->fingerprint == NULL;
  target->user = m->user;
  target->password = m->password;
  target->fd = sk_address_connect (m->address, error);
  target->fingerprint = m->fingerprint;
  return target->fd >= 0;
}

static gboolean
connect_rdp (Measure *m, GError **error)
{
  SkRdpTarget target
      = { .fd = -1, .width = m->width, .height = m->height, .scale_percent = 100, .no_clipboard = TRUE };
  /* What a client does before it connects is the same for all that are compared. */
  wait_until (m, is_prepared, NULL);
  m->connect_us = sk_timing_now_us ();
  gboolean ok = m->address ? connect_direct (m, &target, error) : measure_connect_api (m, &target, error);
  if (!ok)
    return FALSE;
  m->upgraded_us = sk_timing_now_us ();
  return sk_rdp_client_connect (m->client, &target, error);
}

int
main (int argc, char **argv)
{
  Measure m = { .start_us = sk_timing_now_us (), .width = 1280, .height = 800, .timeout = TIMEOUT_SECONDS };
  g_autoptr (GError) error = NULL;
  m.steps = g_array_new (FALSE, TRUE, sizeof (Step));
  if (!measure_parse (&m, argc, argv))
    return 2;
  m.deadline_us = m.start_us + m.timeout * G_USEC_PER_SEC;
  m.wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  m.frame = sk_pixels_new ();
  m.client = sk_rdp_client_new (m.frame, m.width, m.height, on_notify, &m);
  int status = 1;
  if (connect_rdp (&m, &error))
    {
      status = run_steps (&m);
      if (status == 0 && m.interactive)
        status = run_interactive (&m);
    }
  else
    fprintf (stderr, "sekisho-measure: %s\n", error->message);
  /* First the last input, then the end of the session. */
  sk_rdp_client_free (m.client);
  if (!measure_end (&m))
    status = 1;
  print_json (&m, status);
  sk_pixels_unref (m.frame);
  g_array_unref (m.steps);
  g_free (m.session);
  return status;
}
