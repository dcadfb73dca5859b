"""Keys pressed on an X display as a board would (XTEST), and what an X server received (tests/integration/key-log)."""
import ctypes
import ctypes.util
import re
from collections import namedtuple

import keyboard109
from rig import binary, run, wait_until

Event = namedtuple('Event', 'down keycode state keysym text lamps')
EVENT = re.compile(r'^([+-]) (\d+) ([0-9a-f]+) (\S+) (\S+) ([0-9a-f]+)\s*$', re.M)
X11_OFFSET = 8


def japanese(env, rules='evdev'):
    """A display's keyboard becomes a Japanese one (its server has to run with -noreset). xorgxrdp's key codes are those of 'base'."""
    run('setxkbmap', '-rules', rules, '-model', 'jp106', '-layout', 'jp', env=env)


class ClientMessage(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int), ('display', ctypes.c_void_p),
                ('window', ctypes.c_ulong), ('message_type', ctypes.c_ulong), ('format', ctypes.c_int), ('data', ctypes.c_long * 5),
                ('rest_of_the_union', ctypes.c_long * 24)]


CLIENT_MESSAGE = 33  # X11/X.h


class Board:
    """A board plugged into a display."""

    def __init__(self, display):
        self.x11 = ctypes.CDLL(ctypes.util.find_library('X11') or 'libX11.so.6')
        self.xtst = ctypes.CDLL(ctypes.util.find_library('Xtst') or 'libXtst.so.6')
        self.x11.XOpenDisplay.restype = ctypes.c_void_p
        self.x11.XOpenDisplay.argtypes = [ctypes.c_char_p]
        self.x11.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self.xtst.XTestFakeKeyEvent.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_ulong]
        self.display = self.x11.XOpenDisplay(display.encode())
        assert self.display, display

    def key(self, evdev, down):
        self.xtst.XTestFakeKeyEvent(self.display, evdev + X11_OFFSET, down, 0)
        self.x11.XSync(self.display, 0)

    def close(self, window):
        """What a window manager's close button says, behind the keys before it."""
        def atom(name):
            return self.x11.XInternAtom(ctypes.c_void_p(self.display), name, 0)
        event = ClientMessage(CLIENT_MESSAGE, 0, 1, None, window, atom(b'WM_PROTOCOLS'), 32, (atom(b'WM_DELETE_WINDOW'), 0, 0, 0, 0))
        self.x11.XSendEvent(ctypes.c_void_p(self.display), ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
        self.x11.XSync(self.display, 0)

    def stroke(self, evdev, held=()):
        for code in held:
            self.key(code, 1)
        self.key(evdev, 1)
        self.key(evdev, 0)
        for code in reversed(held):
            self.key(code, 0)


class Log:
    """key-log's words, wherever they come from: text() gives all of them."""

    def __init__(self, text):
        self.text = text

    def mark(self):
        return len(self.text())

    def events(self, after=0):
        return [Event(m[1] == '+', int(m[2]), int(m[3], 16), m[4], m[5], int(m[6], 16))
                for m in EVENT.finditer(self.text()[after:])]

    def wait(self, predicate, what, after=0, seconds=10):
        return wait_until(lambda: predicate(self.events(after)), seconds, what)


def log_of_display(stack, name, env):
    process = stack.spawn(name, binary('key-log'), env=env)

    def text():
        with open(process.log_path, errors='replace') as f:
            return f.read()
    wait_until(lambda: 'ready' in text(), 20, 'key-log')
    return Log(text)


def ended_with_space(events):
    """The mark behind each stroke: the space bar, alone, down and up."""
    return len(events) >= 2 and events[-1].keysym == 'space' and not events[-1].down and events[-1].state == 0


def one_stroke(board, log, key, held):
    after = log.mark()
    board.stroke(key.evdev, held)
    if key.evdev in keyboard109.LOCKS:
        board.stroke(key.evdev, held)
    board.stroke(keyboard109.SPACE)
    wanted = 2 if key.evdev == keyboard109.SPACE and not held else 1

    def arrived(events):
        return ended_with_space(events) and sum(e.keysym == 'space' and e.down and e.state == 0 for e in events) >= wanted
    log.wait(arrived, f'the mark behind {key.cap}', after)
    return log.events(after)


def judge(events, key, combination, held, state):
    """None, or what is wrong with what arrived of a stroke."""
    want = keyboard109.expected(key, combination)
    if key.evdev == keyboard109.PAUSE:
        # xrdp 0.9 loses the prefix E1 on its way: Ctrl and NumLock arrive, which it makes Break of, and forgets to release. For
        # Ctrl+Pause xfreerdp3 sends E0 46 as a PC's board does, which it takes for Scroll Lock.
        good = {'Pause', 'Break'} | ({'Scroll_Lock'} if 'Ctrl' in combination else set())
        return None if any(e.keysym in good for e in events) else f'Pause {combination} does not arrive'
    modifiers = {code + X11_OFFSET for code in held}
    presses = [e for e in events if e.down][:-1]  # the last is the mark's
    nameless = keyboard109.NAMELESS.get(key.evdev)
    if nameless:
        presses = [e._replace(keysym=key.plain) if e.keycode == nameless and e.keysym == 'NoSymbol' else e for e in presses]
        want = want | {key.plain}
    mine = [e for e in presses if e.keysym in want and e.state == state]
    strokes = 2 if key.evdev in keyboard109.LOCKS else 1
    others = [e for e in presses if e.keysym not in want and e.keycode not in modifiers]
    down = {e.keycode: e.down for e in events}
    stuck = [code for code, is_down in down.items() if is_down]
    if len(mine) >= 1 and not others and not stuck and len(mine) <= strokes + (key.evdev in held):
        return None
    got = ' '.join(f'{e.keysym}({e.keycode},{e.state:x})' for e in presses) or 'nothing'
    return f'{key.cap} {combination}: {sorted(want)} wanted, {got} arrived' + (f', {stuck} stuck' if stuck else '')


# Each costs its whole wait: a board that is silent, or a lamp that stays on, would take the test's time.
MARKS_LOST_MAX = 5


def press_all(board, log, combinations=keyboard109.COMBINATIONS):
    """Every key with every combination; returns (strokes, what was wrong)."""
    wrong = []
    count = 0
    for combination, held, state in combinations:
        for key in keyboard109.BOARD:
            if key.evdev in held:
                continue
            count += 1
            try:
                events = one_stroke(board, log, key, held)
            except TimeoutError as error:
                wrong.append(f'{error}: {log.events()[-4:]}')
                if len(wrong) >= MARKS_LOST_MAX:
                    return count, wrong + ['given up']
                continue
            said = judge(events, key, combination, held, state)
            if said:
                wrong.append(said)
    return count, wrong
