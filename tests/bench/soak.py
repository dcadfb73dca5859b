"""Hours of work in minutes: does anything grow? One screen and one view (rdp-box) serve a viewer that stays to the end and types all the time,
while the guest scrolls, plays a video, drags a window and rests in turns, at full rate without the pauses of a person; and in every turn
another viewer comes, types and goes. After each turn: memory and descriptors of screen and view, and of the box in the core's place.

Flat: what the last third of the turns needed at most, beside what the middle third did; the first third is for caches to fill.
"""
import argparse
import json
import mmap
import os
import re
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
from rig import binary, run, wait_until  # noqa: E402
from stream import HEIGHT, WIDTH, children, cpu_ms, memory_kib  # noqa: E402
from xrdp_guest import Box, Stack, XrdpGuest, wait_log  # noqa: E402

STILL, VIDEO, SCROLL, DRAG = range(4)  # StreamMode in stream.h; a StreamShared begins with it
TURN = (VIDEO, SCROLL, DRAG, STILL)
# RSS is counted in pages and moves with what the kernel keeps of a file; a leak of one picture's buffers in a turn is far more.
GROWTH_GOAL = 1.02


class Soak:
    def __init__(self, minutes, seconds):
        self.seconds = seconds
        self.turns = max(6, round(minutes * 60 / (seconds * len(TURN))))
        self.samples = []

    def processes(self):
        view = max(self.box.workers('sekisho-view'), key=cpu_ms)
        return {'screen': self.box.workers('sekisho-screen')[0], 'view': view, 'box': self.box.process.pid}

    def sample(self):
        now = {}
        for name, pid in self.processes().items():
            now[name] = dict(memory_kib(pid), fds=len(os.listdir(f'/proc/{pid}/fd')), threads=len(os.listdir(f'/proc/{pid}/task')),
                             children=len(children(pid)), cpu_ms=cpu_ms(pid), pid=pid)
        self.samples.append(now)
        print(f'{len(self.samples):3}/{self.turns}  ' + '  '.join(
            f"{name} rss {s['rss']} uss {s['uss']} KiB, {s['fds']} fds" for name, s in now.items()), file=sys.stderr, flush=True)

    def visitor(self):
        """Another viewer, as a colleague who looks over one's shoulder would be: its view is new and ends with it."""
        mark = self.box.mark()
        print_of = re.findall(r'hello after [\d.]+ ms ([0-9a-f]{64})', self.box.log())[-1]
        run(binary('sekisho-measure'), '--rdp-address', f'unix:{self.box.listen}', '--fingerprint', print_of, '--size', f'{WIDTH}x{HEIGHT}',
            '--wait-frames', '3', '--type', 'sekisho', '--once', '--timeout', '60', timeout=90)
        self.box.wait(r'view \d+ closed', 20, mark)
        self.box.wait(r'view \d+ hello', 20, mark)

    def turn(self, viewer, mode):
        for wanted in TURN:
            mode[0:4] = struct.pack('=I', wanted)
            try:
                viewer.wait(self.seconds)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f'the viewer ended with {viewer.returncode}')
        self.visitor()
        self.sample()

    def run(self):
        with Stack('soak') as stack:
            guest = XrdpGuest(stack)
            self.box = Box(stack, guest, stack.path('viewer.sock'), '--no-border', '--fixed', '--size', f'{WIDTH}x{HEIGHT}', '--keep')
            wait_until(lambda: guest.size() == (WIDTH, HEIGHT), 20, 'the size of the guest')
            shared = stack.path('shared')
            workload = stack.spawn('workload', binary('stream-workload'), shared, env=guest.env)
            wait_log(workload, 'ready', 30)
            viewer = subprocess.Popen([binary('stream-client'), self.box.listen, 'rfx', 'video', '1000000', shared], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ, WLOG_LEVEL='OFF'))
            stack.stack.callback(lambda: (viewer.kill(), viewer.wait()))
            if viewer.stdout.readline().strip() != b'ready':
                raise RuntimeError('the viewer shows nothing')
            viewer.stdin.write(b'\n')
            viewer.stdin.flush()
            started = time.monotonic()
            with open(shared, 'r+b') as f, mmap.mmap(f.fileno(), 0) as mode:
                for _ in range(self.turns):
                    self.turn(viewer, mode)
                _, _, frames, keys = struct.unpack('=4I', mode[0:16])
            return self.result(time.monotonic() - started, frames, keys)

    def result(self, seconds, frames, keys):
        third = len(self.samples) // 3
        rows = []
        for name in ('screen', 'view', 'box'):
            for what in ('rss', 'uss', 'fds', 'threads', 'children'):
                middle, last = (max(s[name][what] for s in part) for part in (self.samples[third:2 * third], self.samples[2 * third:]))
                limit = middle * (GROWTH_GOAL if what in ('rss', 'uss') else 1)
                rows.append(dict(process=name, what=what, middle=middle, last=last, met=last <= limit))
        same = all(len({s[name]['pid'] for s in self.samples}) == 1 for name in ('screen', 'view', 'box'))
        return dict(seconds=seconds, turns=self.turns, pictures=frames, keys=keys, same_processes=same, rows=rows,
                    flat=same and all(r['met'] for r in rows), samples=self.samples)


def show(result):
    print(f"{result['seconds'] / 60:.1f} minutes, {result['turns']} turns and visitors, {result['pictures']} pictures of the guest, "
          f"{result['keys']} keys")
    for r in result['rows']:
        print(f"  {r['process']:7} {r['what']:9} middle third {r['middle']:8}   last third {r['last']:8}   {'flat' if r['met'] else 'GROWS'}")
    print('  the same processes to the end' if result['same_processes'] else '  a process was REPLACED on the way')


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=30)
    parser.add_argument('--seconds', type=float, default=5, help='of each kind of work in a turn')
    parser.add_argument('--format', choices=('table', 'json'), default='table')
    options = parser.parse_args()
    result = Soak(options.minutes, options.seconds).run()
    if options.format == 'json':
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        show(result)
    return 0 if result['flat'] else 1


if __name__ == '__main__':
    sys.exit(main())
