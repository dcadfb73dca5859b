"""Who presses the keys of tests/integration/test-keyboard and test-keyboard-image: the launcher and stock xfreerdp3, each on a display of its
own.
"""
import os
import re

import keyboard109
from keyboard import Board, japanese
from rig import binary, run, wait_until
from xrdp_guest import Viewer

WIDTH, HEIGHT = 800, 600
NUM, SHIFT, CAPS, A = 69, 42, 58, 30


class Launcher:
    """The launcher on a display of its own, connected to a box."""

    def __init__(self, stack, box, name='launcher'):
        _, self.display = stack.x_server(name + '-x', 'Xvfb', '-screen', '0', '1000x800x24', '-nolisten', 'tcp', '-noreset')
        self.env = {k: v for k, v in os.environ.items() if k not in ('WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'LC_ALL')}
        self.env.update(DISPLAY=self.display, HOME=stack.path('home'), XDG_RUNTIME_DIR=stack.path('runtime'), LANG='ja_JP.UTF-8')
        for folder in ('home', 'runtime'):
            os.makedirs(stack.path(folder), mode=0o700, exist_ok=True)
        japanese(self.env)
        self.stack, self.box, self.name = stack, box, name

    def connect(self):
        mark = self.box.mark()
        self.process = self.stack.spawn(self.name, binary('sekisho'), 'open', '--rdp-address', f'unix:{self.box.listen}',
                                        '--fingerprint', fingerprint(self.box), '--size', f'{WIDTH + 8}x{HEIGHT + 26}', env=self.env)
        self.box.wait(r'view \d+ picture', 30, mark)
        wait_until(lambda: self.xdotool('search', '--onlyvisible', '--name', 'Sekisho'), 20, 'the window')
        return self

    def xdotool(self, *arguments):
        return run('xdotool', *arguments, env=self.env, check=False).stdout.split()

    def click(self):
        self.xdotool('mousemove', '400', '400', 'click', '1')


def fingerprint(box):
    return re.findall(r'hello after [\d.]+ ms ([0-9a-f]{64})', box.log())[-1]


def warm_up(board, log):
    """Strokes until the first arrives: a window takes its time for the focus."""
    def arrives():
        after = log.mark()
        board.stroke(keyboard109.SPACE)
        try:
            return log.wait(lambda events: any(e.keysym == 'space' for e in events), 'a space', after, 1)
        except TimeoutError:
            return False
    wait_until(arrives, 20, 'keys in the guest')


def report(tap, who, result):
    strokes, wrong = result
    tap.check(not wrong, f'{who}: {strokes} strokes of the 109 keys arrive', '\n'.join(wrong))


def lamps(tap, board, log):
    """Strokes faster than a hand's: behind each Caps Lock xfreerdp3 says which lamps are on."""
    with tap.point('the lamp of Caps Lock follows sixty strokes without a pause'):
        for count in range(60):
            after = log.mark()
            board.stroke(CAPS, (SHIFT,))
            board.stroke(keyboard109.SPACE)
            log.wait(lambda events: spaces(events), 'the mark', after)
            assert bool(log.events(after)[-1].lamps & 1) == (count % 2 == 0), f'it does not after {count + 1}'


def spaces(events):
    return len(events) >= 2 and events[-1].keysym == 'space' and not events[-1].down


def stock_client(stack, box):
    """xfreerdp3, connected and with the focus; returns its board, which has .viewer."""
    viewer = Viewer(stack, 'stock', box.listen, f'/size:{WIDTH + 8}x{HEIGHT + 26}', '/kbd:layout:0x411,type:7,subtype:2')
    board = Board(viewer.display)  # its connection keeps the display's map
    board.viewer = viewer
    japanese(viewer.env)
    mark = box.mark()
    viewer.connect()
    box.wait(r'view \d+ picture', 30, mark)
    wait_until(viewer.window, 20, 'the window')
    viewer.xdotool('mousemove', '400', '400', 'click', '1')
    return board
