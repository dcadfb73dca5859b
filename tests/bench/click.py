"""From the double-click to the first picture, beside direct FreeRDP connects in the same run.

Four ways, taken in turns, all at the same desktop size, all timed from outside at the X server (xwait looks at one pixel every
millisecond) except the hinted client, which has no window and says when the pixel is in its memory:

  ours      `sekisho open` started -> the guest's page on the X display; from a warm (suspended) VM, a new VM for every click. As it is
            installed: the launcher waits in the background since the login (/etc/xdg/autostart)
  fresh     the same where nothing waits: the launcher loads all it needs after the click
  stock     the stock xfreerdp3 started -> the same page on the X display; connecting directly to an xrdp that is logged in and running
  hinted    a client that sets the primitives hint: connect() -> the page in its memory; the same xrdp
  content   the same headless client against our broker: connect -> the page in its memory; a warm VM each (what `hinted` is compared with)

The peers connect to two servers. Against the first they are compared: xrdp on this machine's own processor, its root window the guest's
page. That is more than they would have in practice, where xrdp runs in the guest, on an emulated processor without KVM. The second is that:
a VM of the same image without a broker, reached through port-relay (a framing loop in C); its figures are those with "vm" in their name.
Then, measured once each: cold from disk (a stored VM) and cold boot.
"""
import argparse
import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
from rig import Display, Rig, UnixConnection, binary, run, wait_until  # noqa: E402
from stream import cpu_ms  # noqa: E402
from xrdp_guest import Stack, XrdpGuest  # noqa: E402

WIDTH, HEIGHT = 1280, 800
# The start page's background, right of its text and far from any edge of window, border and browser.
PIXEL, COLOUR, TOLERANCE = (1150, 700), 'eef3f6', 8
# What a click is made of, in the order of its end. From the launcher: when it noted it. From the broker: its event's own time.
MOMENTS = ('main', 'api-sent', 'claimed', 'api-answered', 'upgraded', 'resumed', 'rdp-connected', 'first-frame', 'first-paint')
# Each phase lasts from one moment to another; claim and resume are the broker's, and resume waits for the view's first picture.
PHASES = (('start', 'click', 'api-sent'), ('api', 'api-sent', 'api-answered'), ('claim', 'api-sent', 'claimed'),
          ('resume', 'claimed', 'resumed'), ('viewer-handshake', 'api-answered', 'rdp-connected'),
          ('first-pixel', 'rdp-connected', 'first-paint'))


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, round(p * (len(values) - 1)))]


class Clock:
    """Waits for the pixel on a display and tells when it came. What the timed programs say is in `words`."""

    def __init__(self, display, words):
        self.display, self.words = display, words

    def time(self, command, environment, then=()):
        """Milliseconds from the start of a program until its picture is there, and the start; the function returned ends the program, and
        `then`.
        """
        watcher = subprocess.Popen([binary('xwait'), f'{PIXEL[0]},{PIXEL[1]},{COLOUR},{TOLERANCE}', '60000'], stdout=subprocess.PIPE,
                                   text=True, env=self.display.environment())
        with open(self.words, 'w') as words:
            start = now_ns()
            process = subprocess.Popen(command, env=self.display.environment(**environment, SEKISHO_TIMING_T0=str(start // 1000)),
                                       stdin=subprocess.DEVNULL, stdout=words, stderr=words)
        seen = watcher.communicate()[0]

        def stop():
            for each in (process, *then):
                each.terminate()
                each.wait()
            # The next watcher must not see this picture.
            wait_until(lambda: self.display.pixel(*PIXEL) == (0, 0, 0), 20, 'an empty display')
        if not seen:
            raise TimeoutError(self.account(command[0], process))
        return (int(seen) - start) / 1e6, start, stop


    def account(self, program, process):
        """All that can be told of a picture that did not come; the program is left as it is for whoever looks."""
        screenshot = os.path.join(tempfile.gettempdir(), f'no-picture-{os.getpid()}.png')
        self.display.screenshot(screenshot)
        process.terminate()
        process.wait()
        with open(self.words, errors='replace') as words:
            return f'no picture from {program}, pixel {self.display.pixel(*PIXEL)}, screenshot {screenshot}; it said: {words.read()[-3000:]}'


class Direct:
    """A VM of the same image without a broker: the peers' guest."""

    def __init__(self, rig, template):
        self.name = f'sekisho-bench-{os.getpid()}'
        self.dir = tempfile.mkdtemp(prefix='vm-', dir=rig.dir)
        os.chmod(self.dir, 0o777)
        xml = run('virsh', '-c', 'qemu:///system', 'dumpxml', '--inactive', template).stdout
        disk = re.search(r"<source file='([^']*)'", xml).group(1)
        overlay = os.path.join(self.dir, 'disk.qcow2')
        base = json.loads(run('qemu-img', 'info', '-U', '--output=json', disk).stdout)['full-backing-filename']
        run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, overlay)
        xml = re.sub(r'<metadata>.*?</metadata>', '', xml, flags=re.S)
        xml = re.sub(r'<name>.*?</name>', f'<name>{self.name}</name>', xml)
        xml = re.sub(r'<uuid>.*?</uuid>', f'<uuid>{uuid.uuid4()}</uuid>', xml)
        xml = xml.replace(disk, overlay)
        self.sockets = {}
        for port in ('agent', 'rdp'):
            path = re.search(rf"path='([^']*)'/>\s*<target type='virtio' name='jp.sekisho.{port}.0'", xml).group(1)
            self.sockets[port] = os.path.join(self.dir, port)
            xml = xml.replace(path, self.sockets[port])
        path = os.path.join(self.dir, 'domain.xml')
        with open(path, 'w') as f:
            f.write(xml)
        run('virsh', '-c', 'qemu:///system', 'create', path)
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.relay = subprocess.Popen([binary('port-relay'), self.sockets['agent'], self.sockets['rdp'], str(self.port)],
                                      stdout=subprocess.PIPE, text=True)
        self.user, self.password = self.relay.stdout.readline().split()

    def wake(self, awake):
        """Asleep it takes no processor from anybody."""
        run('virsh', '-c', 'qemu:///system', 'resume' if awake else 'suspend', self.name)

    def stop(self):
        self.relay.terminate()
        self.relay.wait()
        run('virsh', '-c', 'qemu:///system', 'destroy', self.name, check=False)


class Native:
    """xrdp on this machine, already showing what a guest shows: the peers' best case."""
    user, password = 'u', 'p'

    def __init__(self, picture):
        self.stack = Stack('bench-xrdp')
        try:
            guest = XrdpGuest(self.stack)
            # The first client makes the screen as large as its own; a picture is fitted to the screen there is.
            run(binary('sekisho-measure'), '--rdp-address', f'127.0.0.1:{guest.port}', '--user', self.user, '--password', self.password,
                '--size', f'{WIDTH}x{HEIGHT}', '--wait-size', f'{WIDTH}x{HEIGHT}', '--once', '--timeout', '30')
            wait_until(lambda: guest.size() == (WIDTH, HEIGHT), 20, 'the size of the screen')
            # Its exit status is 1 even when it has set the background; the pixel that is waited for tells.
            run('/usr/bin/display', '-window', 'root', picture, env=guest.env, check=False)
            self.port = guest.port
        except BaseException:
            self.stack.stack.close()
            raise

    def stop(self):
        self.stack.stack.close()


def measure_content(*arguments, then=(), **environment):
    """The headless client: milliseconds from connect() to the page in memory."""
    out = run(binary('sekisho-measure'), *arguments, '--size', f'{WIDTH}x{HEIGHT}', '--wait-pixel',
              f'{PIXEL[0]},{PIXEL[1]},{COLOUR},{TOLERANCE}', *then, '--once', '--timeout', '120', env=dict(os.environ, **environment)).stdout
    return json.loads(out.strip().splitlines()[-1])


class Events:
    """The broker's own account of each session: when its VM was its, and when that VM ran."""

    def __init__(self, rig):
        self.connection = UnixConnection(rig.socket, 3600)
        self.connection.request('GET', '/1.0/events?type=session,vm')
        self.response = self.connection.getresponse()
        self.moments, self.news = [], threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                line = self.response.readline()
            except (OSError, ValueError, AttributeError):
                return
            if not line:
                return
            if not line.startswith(b'data: '):
                continue
            event = json.loads(line[6:])
            word = {('session', 'starting'): 'claimed', ('vm', 'resumed'): 'resumed'}.get((event['type'], event['state']))
            if word:
                with self.news:
                    self.moments.append((word, event['time']))
                    self.news.notify_all()

    def forget(self):
        with self.news:
            self.moments.clear()

    def take(self):
        """The moments of the one click since forget(), on the monotonic clock, in us."""
        offset = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
        with self.news:
            if not self.news.wait_for(lambda: len(self.moments) >= 2, 30):
                raise TimeoutError(f'the broker told {self.moments} of a click')
            return {word: us + offset for word, us in self.moments}


def moments_of(path, events, start):
    """Milliseconds since the click of what the launcher noted and of what the broker told."""
    marks = events.take()
    marks['click'] = start // 1000
    with open(path) as f:
        for line in f:
            mark = json.loads(line)
            marks.setdefault(mark['phase'], mark['us'])
    os.unlink(path)
    # What a launcher that waited did before is no part of it.
    return {name: (marks[name] - marks['click']) / 1000 for name in ('click',) + MOMENTS if marks.get(name, 0) >= marks['click']}


class Bench:
    def __init__(self, clicks, pools, memory, with_cold):
        self.clicks, self.pools, self.memory, self.with_cold = clicks, pools, memory, with_cold
        self.ours, self.fresh, self.stock, self.hinted, self.content, self.moments = [], [], [], [], [], []
        self.stock_vm, self.hinted_vm = [], []

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    @staticmethod
    def waiting(command, environment, timing):
        """The launcher as it is after the login: everything loaded, and at rest."""
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def loaded():
            with contextlib.suppress(OSError), open(timing) as f:
                text = f.read()
                return '"gtk-loaded"' in text and '"rdp-loaded"' in text
            return False

        seen = [-1.0]

        def rests():
            seen.append(cpu_ms(process.pid))
            return seen[-1] == seen[-2]
        wait_until(loaded, 20, 'the launcher in the background')
        # Twice the same, 20 ms apart.
        wait_until(rests, 20, 'the launcher to come to rest')
        return process

    def click(self, rig, display, pool, waits):
        timing = os.path.join(rig.dir, 'timing.json')
        environment = dict(SEKISHO_SOCKET=rig.socket, SEKISHO_TIMING=timing, XDG_RUNTIME_DIR=rig.dir, HOME=rig.dir, LANG='C.UTF-8')
        size = ('--pool', pool, '--size', f'{WIDTH}x{HEIGHT}')
        background = [self.waiting([binary('sekisho'), '--background', *size], display.environment(**environment), timing)] if waits else []
        if waits:
            environment.pop('SEKISHO_TIMING')
        self.events.forget()
        try:
            ms, start, stop = Clock(display, os.path.join(rig.dir, 'words')).time([binary('sekisho'), 'open', *size], environment, background)
        except TimeoutError as error:
            self.say(f'{error}\n{json.dumps(rig.sessions())}\n{json.dumps(rig.vms())}\n{rig.log_tail(200)}')
            raise
        stop()
        (self.ours if waits else self.fresh).append(ms)
        moments = moments_of(timing, self.events, start)
        if waits:
            self.moments.append(moments)
        self.say(f"{'ours' if waits else 'fresh'} {ms:.0f} ms  {({k: round(v) for k, v in moments.items()})}")

    def direct(self, rig, display, guest, stock, hinted):
        command = ['xfreerdp3', f'/v:127.0.0.1:{guest.port}', f'/u:{guest.user}', f'/p:{guest.password}', '/cert:ignore',
                   f'/size:{WIDTH}x{HEIGHT}', '-decorations', '/log-level:OFF']
        ms, _, stop = Clock(display, os.path.join(rig.dir, 'words')).time(command, dict(HOME=rig.dir))
        stop()
        stock.append(ms)
        hinted.append(self.direct_hinted(guest)['content_ms'])
        self.say(f'{type(guest).__name__.lower()}: stock {ms:.0f} ms, hinted {hinted[-1]:.0f} ms')

    @staticmethod
    def direct_hinted(guest, *then):
        return measure_content('--rdp-address', f'127.0.0.1:{guest.port}', '--user', guest.user, '--password', guest.password, then=then)

    def round(self, rig, display, native, guest, names):
        """One click on every pool's one warm VM, with the peers in between. A pool goes with its click: the guest's browser, awake in an
        emulated machine, and the boot of its successor would take the processor from the clicks that follow.
        """
        for i, name in enumerate(names):
            # Of seven, and at least once a round.
            if i % 7 == 6 or (len(names) < 7 and i == len(names) - 1):
                self.content.append(measure_content('--open', '', '--pool', name, SEKISHO_SOCKET=rig.socket)['content_ms'])
                self.say(f'content {self.content[-1]:.0f} ms')
            else:
                self.click(rig, display, name, waits=i % 7 != 5)
            rig.ctl('pool', 'delete', name, '--force')
            rig.wait(lambda name=name: not [vm for vm in rig.vms() if vm['pool'] == name], 60, 'the VM to go')
            self.direct(rig, display, native, self.stock, self.hinted)
            if i % 7 == 0:
                guest.wake(True)
                self.direct(rig, display, guest, self.stock_vm, self.hinted_vm)
                guest.wake(False)

    def make_pools(self, rig, names):
        for name in names:
            rig.pool(name, warm=1, maximum=1, width=WIDTH, height=HEIGHT, memory_mib=self.memory)

    def run(self):
        with Rig('bench-click', ('--max-boots', '2')) as rig:
            rig.start()
            names = [f'p{i}' for i in range(self.pools)]
            self.make_pools(rig, names)
            rig.wait_vms('warm', 1, 600)
            self.events = Events(rig)
            display = Display()
            guest, native = Direct(rig, rig.domains()[0]), None
            try:
                self.say('logging in the peers\' guest')
                page = os.path.join(rig.dir, 'page.png')
                self.direct_hinted(guest, '--dump', page)
                native = Native(page)
                guest.wake(False)
                while len(self.ours) < self.clicks:
                    rig.wait(lambda: len(rig.vms('warm')) == len(names), 1800, 'all VMs to be warm')
                    self.round(rig, display, native, guest, names)
                    if len(self.ours) < self.clicks:
                        self.make_pools(rig, names)
            finally:
                guest.stop()
                if native:
                    native.stop()
                display.stop()
            return self.result(self.cold(rig) if self.with_cold else {})

    def cold(self, rig):
        """Once each: a click when no VM exists (cold boot), and one when only a stored VM exists."""
        for name in [p['name'] for p in rig.api('GET', '/1.0/pools')]:
            rig.ctl('pool', 'delete', name, '--force')
        rig.wait(lambda: not rig.vms(), 120, 'the VMs to go')
        result = {}
        rig.pool('cold', warm=0, stored=0, maximum=1, width=WIDTH, height=HEIGHT)
        start = now_ns()
        measure_cold = ('--open', '', '--size', f'{WIDTH}x{HEIGHT}', '--wait-pixel', f'{PIXEL[0]},{PIXEL[1]},{COLOUR},{TOLERANCE}', '--once',
                        '--timeout', '600')
        run(binary('sekisho-measure'), *measure_cold, '--pool', 'cold', env=dict(os.environ, SEKISHO_SOCKET=rig.socket))
        result['boot_ms'] = (now_ns() - start) / 1e6
        rig.ctl('pool', 'delete', 'cold', '--force')
        rig.wait(lambda: not rig.vms(), 120, 'the VMs to go')
        rig.pool('disk', warm=0, stored=1, maximum=1, width=WIDTH, height=HEIGHT)
        rig.wait_vms('stored')
        start = now_ns()
        run(binary('sekisho-measure'), *measure_cold, '--pool', 'disk', env=dict(os.environ, SEKISHO_SOCKET=rig.socket))
        result['stored_ms'] = (now_ns() - start) / 1e6
        return result

    def result(self, cold):
        median = statistics.median
        names = [name for name in MOMENTS if all(name in m for m in self.moments)]
        return {
            'clicks': len(self.ours), 'width': WIDTH, 'height': HEIGHT,
            'p50_ms': median(self.ours), 'p95_ms': percentile(self.ours, .95), 'min_ms': min(self.ours), 'max_ms': max(self.ours),
            'fresh_p50_ms': median(self.fresh) if self.fresh else None, 'fresh_clicks': len(self.fresh),
            'stock_p50_ms': median(self.stock), 'hinted_p50_ms': median(self.hinted), 'content_p50_ms': median(self.content),
            'ratio_stock': median(self.ours) / median(self.stock),
            'ratio_stock_fresh': median(self.fresh) / median(self.stock) if self.fresh else None,
            'ratio_hinted': median(self.content) / median(self.hinted),
            'stock_vm_p50_ms': median(self.stock_vm), 'hinted_vm_p50_ms': median(self.hinted_vm),
            'ratio_p95': percentile(self.ours, .95) / median(self.ours),
            'phases_ms': {name: {'p50': median(m[end] - m[start] for m in self.moments),
                                 'p95': percentile([m[end] - m[start] for m in self.moments], .95)} for name, start, end in PHASES},
            'moments_p50_ms': {name: median(m[name] for m in self.moments) for name in names},
            'cold': cold,
        }


def show(result):
    print(f"clicks {result['clicks']}, {result['width']}x{result['height']}")
    print(f"  click -> picture on the display  p50 {result['p50_ms']:7.1f} ms   p95 {result['p95_ms']:7.1f} ms   "
          f"({result['min_ms']:.0f}-{result['max_ms']:.0f})   p95/p50 {result['ratio_p95']:.2f}")
    print(f"  stock xfreerdp3, direct          p50 {result['stock_p50_ms']:7.1f} ms   ours / stock {result['ratio_stock']:.2f}")
    if result['fresh_clicks']:
        print(f"  a click where no launcher waits  p50 {result['fresh_p50_ms']:7.1f} ms   of {result['fresh_clicks']}, / stock "
              f"{result['ratio_stock_fresh']:.2f}")
    print(f"  hinted client, direct            p50 {result['hinted_p50_ms']:7.1f} ms   "
          f"ours (content {result['content_p50_ms']:.1f} ms) / hinted {result['ratio_hinted']:.2f}")
    print(f"  the same two, guest in a VM      p50 {result['stock_vm_p50_ms']:7.1f} ms and {result['hinted_vm_p50_ms']:.1f} ms")
    print('  phases, ms p50/p95: ' + ', '.join(f"{k} {v['p50']:.0f}/{v['p95']:.0f}" for k, v in result['phases_ms'].items()))
    print('  moments, ms since the click: ' + ', '.join(f'{k} {v:.0f}' for k, v in result['moments_p50_ms'].items()))
    if result['cold']:
        print(f"  cold: stored VM {result['cold']['stored_ms'] / 1000:.1f} s, boot {result['cold']['boot_ms'] / 1000:.1f} s")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--clicks', type=int, default=20)
    parser.add_argument('--pools', type=int, default=8, help='VMs kept warm at once')
    parser.add_argument('--memory', type=int, default=1536, help='MiB of each VM')
    parser.add_argument('--no-cold', action='store_true', help='without the two slow clicks, from a stored VM and from none')
    parser.add_argument('--format', choices=('table', 'json'), default='table')
    options = parser.parse_args()
    result = Bench(options.clicks, options.pools, options.memory, not options.no_cold).run()
    if options.format == 'json':
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        show(result)


main()
