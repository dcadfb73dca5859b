/* Input records on their way from view to screen: checked on both sides. Pure functions. */
#pragma once
#include "rdp/monitors.h"
#include "wire/control.h"

/* Makes an untrusted record one that may be sent to a guest of this size: coordinates clamped into the
 * picture, sizes into what the frame memory holds, unknown flags removed. FALSE: drop it. */
gboolean sk_input_clamp (SkInputRecord *untrusted_record, guint width, guint height);

/* Several monitors as records, and back. */
void sk_input_put_monitors (const SkMonitors *monitors, SkInputRecord ret[SK_MONITORS_MAX]);
typedef struct
{
  guint n; /* collected so far */
  SkMonitorWish wishes[SK_MONITORS_MAX];
} SkInputLayout;
/* Takes a (clamped) record; TRUE when it was the last of a good layout. One out of order begins anew. */
gboolean
sk_input_take_monitor (SkInputLayout *layout, const SkInputRecord *untrusted_record, SkMonitors *ret);

/* A pure move of the mouse: only the last of several in a row matters. */
gboolean sk_input_is_move (const SkInputRecord *record);

/* What one view holds down, so that it can be let go when the view dies. */
typedef struct
{
  guint64 keys[16]; /* bit: scan code + 256 x extended + 512 x extended1 */
  guint16 buttons;  /* PTR_FLAGS_BUTTON1 … 3 */
  guint16 x_buttons;
} SkInputHeld;

void sk_input_held_note (SkInputHeld *held, const SkInputRecord *record);
/* The next record that releases something, clearing it; FALSE when nothing is held. */
gboolean sk_input_held_release (SkInputHeld *held, SkInputRecord *ret);

/* When the state of the lamps that a viewer says (TS_SYNC_EVENT, [MS-RDPBCGR] 2.2.8.1.1.3.1.1.5) goes to the
 * guest. xorgxrdp strokes a lock key when the state it reads is another one, and reads it before the strokes
 * that came just before have taken effect: xfreerdp3's word behind each Caps Lock left the lamp wrong once in
 * three times. So the word waits until nothing was sent for SK_INPUT_SYNC_QUIET_US, and the last one counts.
 * A lock key on its way to the guest makes a waiting word stale: it is dropped. */
#define SK_INPUT_SYNC_QUIET_US (250 * 1000)
typedef struct
{
  gint64 last; /* when a key or a word was sent; 0: never */
  gboolean waits;
  SkInputRecord record;
} SkInputSync;

/* Takes a (clamped) record that would be sent now (monotonic, us). FALSE: it is kept back. */
gboolean sk_input_sync_pass (SkInputSync *sync, const SkInputRecord *record, gint64 now);
/* Milliseconds until sk_input_sync_take() gives the word that waits; -1 when none does. */
int sk_input_sync_timeout (const SkInputSync *sync, gint64 now);
gboolean sk_input_sync_take (SkInputSync *sync, gint64 now, SkInputRecord *ret);

/* A record as it may be kept: FALSE when nothing of it may. Of keys that write, Shift among them, only that
 * one was pressed is left, unless Ctrl, Alt or Super make a command of it: so no password is in a recording.
 */
typedef struct
{
  guint held; /* Ctrl, Alt, Super: bits */
} SkInputRedactor;
gboolean sk_input_redact (SkInputRedactor *redactor, const SkInputRecord *record, SkInputRecord *ret);

/* One UTF-16 unit as key strokes, for a guest whose RDP server has no use for Unicode events: xrdp 0.10 gives
 * them to IBus, and our guest has fcitx5. Right Shift and right Super are held, F12 says "one unit", and five
 * of F1 … F11 are its digits to the base of 11, the most significant first; the guest's
 * usr/share/fcitx5/lua/sekisho-text/text.lua reads them. So text keeps its order among all other keys and
 * needs neither the agent nor the core. */
#define SK_INPUT_TEXT_RECORDS 16
void sk_input_text_keys (guint16 unit, SkInputRecord ret[SK_INPUT_TEXT_RECORDS]);
