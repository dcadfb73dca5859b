/* key-log: every key that an X server takes from its keyboards, a line each, whatever grabs it (RECORD
 * extension). What a guest received, told without a toolkit in between:
 *
 *   + 38 1 A A 0     pressed or released (+ -), key code, modifiers held before (hex), keysym, its text (.
 * for none), lamps that are on (hex: 1 Caps, 2 Num, 4 Scroll)
 *
 * "ready" comes first. Status 1: no display. */
#include <X11/XKBlib.h>
#include <X11/Xlibint.h>
#include <X11/extensions/record.h>
#include <X11/keysym.h>
#include <poll.h>
#include <stdio.h>

/* The server's own names (X11/extensions/XKBgeom.h): the first three lamps of every keyboard. */
#define LAMPS 7
/* The server keeps records back until it has something to send to anybody. */
#define FLUSH_MS 5

static const char *
text_of (Display *display, KeySym *keysym, unsigned state)
{
  static char text[16];
  int more;
  int n = XkbTranslateKeySym (display, keysym, state, text, sizeof text - 1, &more);
  text[n > 0 && n < (int) sizeof text ? n : 0] = '\0';
  return text[0] > ' ' ? text : ".";
}

static void
print_event (Display *display, const xEvent *event)
{
  const unsigned state = event->u.keyButtonPointer.state;
  unsigned consumed, lamps = 0;
  KeySym keysym = NoSymbol;
  XkbStateRec now;
  XkbDescPtr map = XkbGetMap (display, XkbAllClientInfoMask, XkbUseCoreKbd);
  if (map)
    XkbTranslateKeyCode (map, event->u.u.detail, state, &consumed, &keysym);
  XkbGetState (display, XkbUseCoreKbd, &now);
  XkbGetIndicatorState (display, XkbUseCoreKbd, &lamps);
  /* Before XkbTranslateKeySym() changes it. */
  const char *name = keysym == NoSymbol ? "NoSymbol" : XKeysymToString (keysym);
  printf ("%c %u %x %s %s %x\n", event->u.u.type == KeyPress ? '+' : '-', event->u.u.detail, state & 0xff,
          name ? name : "?", text_of (display, &keysym, state), lamps & LAMPS);
  fflush (stdout);
  if (map)
    XkbFreeKeyboard (map, 0, True);
}

static void
on_data (XPointer control, XRecordInterceptData *data)
{
  if (data->category == XRecordFromServer && data->data_len * 4 >= sizeof (xEvent))
    print_event ((Display *) control, (const xEvent *) data->data);
  else if (data->category == XRecordStartOfData)
    {
      puts ("ready");
      fflush (stdout);
    }
  XRecordFreeData (data);
}

int
main (void)
{
  Display *control = XOpenDisplay (NULL), *data = XOpenDisplay (NULL);
  XRecordClientSpec all = XRecordAllClients;
  XRecordRange *range = XRecordAllocRange ();
  if (!control || !data || !range)
    return 1;
  range->device_events.first = KeyPress;
  range->device_events.last = KeyRelease;
  XRecordContext context = XRecordCreateContext (control, 0, &all, 1, &range, 1);
  XSync (control, False);
  if (!XRecordEnableContextAsync (data, context, on_data, (XPointer) control))
    return 1;
  for (;;)
    {
      struct pollfd p = { ConnectionNumber (data), POLLIN, 0 };
      poll (&p, 1, FLUSH_MS);
      XSync (control, False);
      XRecordProcessReplies (data);
    }
}
