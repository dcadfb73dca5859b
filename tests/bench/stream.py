"""The stream between guest and viewer, beside its peers in the same run: direct, ours, freerdp-proxy, Apache Guacamole's guacd.

One guest (Xorg and xrdp on this machine's own processor, 1920x1080) shows the same workload to everybody (stream-workload.c), one
client without a window measures what reaches it (stream-client.c; stream-guac.c for guacd's protocol). The ways take turns within a run,
so that noise meets all of them; every ratio is taken within a run, and its median over the runs is what counts.

  direct      the client at the guest itself, lossless bitmaps
  direct-rfx  the same with RemoteFX, for information
  ours        one screen and one view (rdp-box); processor time and memory are those of these two processes
  marked      the same with a watermark, for what that costs
  proxy       freerdp-proxy3
  guacd       the program named by SEKISHO_GUACD, or the one in PATH; left out, and said so, when there is none
"""
import argparse
import contextlib
import json
import os
import re
import signal
import shutil
import socket
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
from rig import binary, run, wait_until  # noqa: E402
from xrdp_guest import Box, Stack, XrdpGuest, free_port, wait_log  # noqa: E402

WIDTH, HEIGHT = 1920, 1080
VIDEO = '640x360+640+360'
WAYS = ('direct', 'direct-rfx', 'ours', 'marked', 'proxy', 'guacd')
MODES = ('still', 'video', 'scroll', 'drag')
IDLE_SHARE = 25  # percent of the processors: below, a sample says more of the machine than of the way
PSNR_GOAL = 40.0
TICKS = os.sysconf('SC_CLK_TCK')

PROXY_INI = """[Server]
Host=127.0.0.1
Port={port}
[Target]
Host=127.0.0.1
Port={guest}
FixedTarget=true
TlsSecLevel=1
[Channels]
GFX=true
DisplayControl=true
Clipboard=false
AudioInput=false
AudioOutput=false
DeviceRedirection=false
VideoRedirection=false
CameraRedirection=false
RemoteApp=false
PassthroughIsBlacklist=true
[Input]
Keyboard=true
Mouse=true
Multitouch=false
[Security]
ServerTlsSecurity=true
ServerNlaSecurity=false
ServerRdpSecurity=false
ClientTlsSecurity=true
ClientNlaSecurity=false
ClientRdpSecurity=false
ClientAllowFallbackToTls=true
[Certificates]
CertificateFile={dir}/cert.pem
PrivateKeyFile={dir}/key.pem
"""


# -- processes --------------------------------------------------------------------------------------------------------------

def children(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f'/proc/{pid}/task'):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{task}/children') as f:
                found += [int(child) for child in f.read().split()]
    return found


def tree(pid):
    return [pid] + [below for child in children(pid) for below in tree(child)]


def cpu_ms(pid):
    """Precise where the kernel counts for every thread, else in its ticks."""
    total = 0
    with contextlib.suppress(OSError):
        for task in os.listdir(f'/proc/{pid}/task'):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{task}/schedstat') as f:
                total += int(f.read().split()[0])
    with contextlib.suppress(OSError), open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
        return max(total / 1e6, (int(fields[11]) + int(fields[12])) * 1000 / TICKS)
    return 0.0


def memory_kib(pid):
    sums = dict(rss=0, pss=0, uss=0)
    with contextlib.suppress(OSError), open(f'/proc/{pid}/smaps_rollup') as f:
        for line in f:
            name, _, rest = line.partition(':')
            kind = {'Rss': 'rss', 'Pss': 'pss', 'Private_Clean': 'uss', 'Private_Dirty': 'uss'}.get(name)
            if kind:
                sums[kind] += int(rest.split()[0])
    return sums


def machine():
    with open('/proc/stat') as f:
        fields = [int(n) for n in f.readline().split()[1:9]]
    return fields[3] + fields[4], sum(fields)


class Sample:
    """Processor time and memory of a few processes between two moments."""

    def __init__(self, pids):
        self.pids = pids
        self.cpu, self.machine = {pid: cpu_ms(pid) for pid in pids()}, machine()

    def end(self):
        now = self.pids()
        cpu = sum(cpu_ms(pid) - self.cpu.get(pid, 0) for pid in now)
        memory = [memory_kib(pid) for pid in now]
        idle, total = (b - a for a, b in zip(self.machine, machine()))
        return dict(cpu_ms=cpu, idle_percent=100 * idle / max(total, 1), **{k: sum(m[k] for m in memory) for k in ('rss', 'pss', 'uss')})


# -- the ways ---------------------------------------------------------------------------------------------------------------

class Way:
    """Where the client connects, and which processes stand in the middle."""
    client = 'bitmap'

    def __init__(self, bench):
        self.bench = bench
        self.address = f'127.0.0.1:{bench.guest.port}'

    def pids(self):
        return []

    def command(self, mode, seconds, *more):
        return [binary('stream-client'), self.address, self.client, mode, str(seconds), self.bench.shared, *more]

    def close(self):
        pass


class DirectRfx(Way):
    client = 'rfx'


class Ours(Way):
    """A screen that was connected before the viewer came, as in a warm VM."""
    client = 'rfx'
    options = ()

    def __init__(self, bench):
        super().__init__(bench)
        self.address = f'127.0.0.1:{free_port()}'
        self.box = Box(bench.stack, bench.guest, self.address, '--no-border', '--fixed', '--size', f'{WIDTH}x{HEIGHT}', '--keep', *self.options)

    def pids(self):
        views = self.box.workers('sekisho-view')
        # The one with a viewer has worked most; the other is a spare.
        return self.box.workers('sekisho-screen') + sorted(views, key=cpu_ms)[-1:]

    def close(self):
        self.box.process.terminate()
        self.box.process.wait(20)


class Marked(Ours):
    options = ('--watermark', '花子')


class Proxy(Way):
    client = 'rfx'

    def __init__(self, bench):
        super().__init__(bench)
        port = free_port()
        self.address = f'127.0.0.1:{port}'
        path = bench.stack.path('proxy.ini')
        with open(path, 'w') as f:
            f.write(PROXY_INI.format(port=port, guest=bench.guest.port, dir=bench.stack.dir))
        self.process = bench.stack.spawn('proxy', 'freerdp-proxy3', path)
        wait_until(lambda: accepts(port), 20, 'freerdp-proxy3')

    def pids(self):
        return [self.process.pid]

    def close(self):
        self.process.terminate()
        self.process.wait(20)


class Guacd(Way):
    def __init__(self, bench):
        super().__init__(bench)
        self.port = free_port()
        home = bench.stack.path('guacd')
        os.makedirs(home, exist_ok=True)
        library = os.path.join(os.path.dirname(os.path.dirname(guacd_program())), 'lib')
        self.process = bench.stack.spawn('guacd-log', guacd_program(), '-f', '-b', '127.0.0.1', '-l', str(self.port), '-L', 'error',
                                         env=dict(os.environ, HOME=home, LD_LIBRARY_PATH=library))
        wait_until(lambda: accepts(self.port), 20, 'guacd')

    def pids(self):
        """The child that serves the connection."""
        return [pid for pid in tree(self.process.pid) if pid != self.process.pid]

    def command(self, mode, seconds, *more):
        return [binary('stream-guac'), str(self.port), self.address, mode, str(seconds), self.bench.shared, *more]

    def close(self):
        self.process.terminate()
        self.process.wait(20)


KINDS = {'direct': Way, 'direct-rfx': DirectRfx, 'ours': Ours, 'marked': Marked, 'proxy': Proxy, 'guacd': Guacd}


def guacd_program():
    return os.environ.get('SEKISHO_GUACD') or shutil.which('guacd')


def accepts(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


# -- the bench --------------------------------------------------------------------------------------------------------------

class Bench:
    def __init__(self, options):
        self.options = options
        self.samples = []
        self.pixels = {}

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def client(self, way, mode, seconds, *more, dump=None):
        """Runs the client once; its figures, and those of the processes in the middle."""
        process = subprocess.Popen(way.command(mode, seconds, *more), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.PIPE, env=dict(os.environ, **({'DUMP': dump} if dump else {}), WLOG_LEVEL='OFF'))

        def expect(word):
            line = process.stdout.readline().strip()
            if line != word:
                raise RuntimeError(f'{" ".join(process.args)}: "{line}" instead of "{word}": {process.stderr.read()[-2000:]}')

        def go_on():
            process.stdin.write('\n')
            process.stdin.flush()
        try:
            expect('ready')
            sample = Sample(way.pids)
            go_on()
            expect('done')
            figures = sample.end()
            go_on()
            figures.update(json.loads(process.stdout.readline()))
            if dump:
                expect('dumped')
                run('import', '-window', 'root', dump + '.guest.ppm', env=self.guest.env)
                go_on()
            process.wait(20)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return figures

    def one(self, number, mode, name):
        way = KINDS[name](self)
        try:
            dump = self.stack.path(f'{name}-{mode}.ppm') if name == 'ours' and mode in ('scroll', 'video') else None
            figures = self.client(way, mode, self.options.seconds, dump=dump)
            if dump:
                self.compare(mode, dump)
            if mode == 'still' and name in ('ours', 'direct'):
                # The screen and its session live on; the client comes back, and types nothing.
                again = self.client(way, mode, self.options.seconds, 'nokeys')
                figures.update(again_content_ms=again['content_ms'], idle_cpu_percent=again['cpu_ms'] / again['seconds'] / 10)
        finally:
            way.close()
        figures.update(run=number, mode=mode, way=name, cpu_ms_per_frame=figures['cpu_ms'] / max(figures['frames'], 1))
        self.samples.append(figures)
        self.say(f"{number} {mode:6} {name:10} fps {figures['fps']:5.1f}  key {figures['key_p50']:6.1f}/{figures['key_p95']:6.1f} ms  "
                 f"frame {figures['frame_p50']:6.1f} ms  content {figures['content_ms']:6.0f} ms  cpu {figures['cpu_ms_per_frame']:6.2f} ms/frame  "
                 f"idle {figures['idle_percent']:3.0f} %{'' if figures['idle_percent'] >= IDLE_SHARE else ' (busy machine)'}")

    def compare(self, mode, dump):
        """The viewer's picture against the guest's, both at rest: text exactly, the video by its noise."""
        def metric(name, *crop):
            out = run('compare', '-metric', name, *crop, dump, dump + '.guest.ppm', 'null:', check=False).stderr
            return float('inf') if 'inf' in out else float(re.match(r'[\d.e+]+', out)[0])
        if mode == 'scroll':
            self.pixels['text_different_pixels'] = max(metric('AE'), self.pixels.get('text_different_pixels', 0))
        else:
            crop = ('-extract', VIDEO)
            self.pixels['video_psnr_db'] = min(metric('PSNR', *crop), self.pixels.get('video_psnr_db', float('inf')))

    def run(self):
        with Stack('bench-stream') as self.stack:
            self.guest = XrdpGuest(self.stack)
            # The first client makes the screen as large as its own.
            run(binary('sekisho-measure'), '--rdp-address', f'127.0.0.1:{self.guest.port}', '--user', 'u', '--password', 'p',
                '--size', f'{WIDTH}x{HEIGHT}', '--wait-size', f'{WIDTH}x{HEIGHT}', '--once', '--timeout', '30')
            wait_until(lambda: self.guest.size() == (WIDTH, HEIGHT), 20, 'the size of the screen')
            self.shared = self.stack.path('shared')
            workload = self.stack.spawn('workload', binary('stream-workload'), self.shared, env=self.guest.env)
            wait_log(workload, 'ready', 30)
            for number in range(self.options.runs):
                for mode in self.options.modes:
                    for name in self.options.ways:
                        self.one(number, mode, name)
            return self.result()

    # What counts: medians of ratios within one run

    def value(self, number, mode, way, key):
        for s in self.samples:
            if (s['run'], s['mode'], s['way']) == (number, mode, way):
                return s.get(key)
        return None

    def ratio(self, key, mode, base, base_key=None, way='ours'):
        ratios = []
        for number in range(self.options.runs):
            ours, other = self.value(number, mode, way, key), self.value(number, mode, base, base_key or key)
            if ours is not None and other and ours >= 0 and other > 0:
                ratios.append(ours / other)
        return figure(ratios)

    def result(self):
        of = self.ratio
        idle = [s['idle_cpu_percent'] for s in self.samples if s['way'] == 'ours' and 'idle_cpu_percent' in s]
        rows = [
            row('typing_direct', 'typing echo p50 / direct', of('key_p50', 'still', 'direct'), 1.15),
            row('typing_guacd', 'typing echo p50 / guacd', of('key_p50', 'still', 'guacd'), 0.35),
            row('video_fps_direct', 'video 25 fps: delivered / direct', of('fps', 'video', 'direct'), 0.99, at_least=True),
            row('video_key_direct', 'video: key p50 / direct', of('key_p50', 'video', 'direct'), 1.15),
            row('video_cpu_proxy', 'video: CPU per frame / freerdp-proxy', of('cpu_ms_per_frame', 'video', 'proxy'), 0.8),
            row('video_cpu_guacd', 'video: CPU per frame / guacd', of('cpu_ms_per_frame', 'video', 'guacd'), 0.35),
            row('scroll_key_direct', 'scroll: key p50 / direct', of('key_p50', 'scroll', 'direct'), 1.2),
            row('scroll_cpu_guacd', 'scroll: CPU per step / guacd', of('cpu_ms_per_frame', 'scroll', 'guacd'), 0.5),
            row('content_direct', 'connect -> content / direct', of('content_ms', 'still', 'direct'), 0.8),
            row('again_direct', 're-attach / direct connect', of('again_content_ms', 'still', 'direct', 'content_ms'), 0.8),
            row('uss_guacd', 'USS of screen + view / guacd child', of('uss', 'video', 'guacd'), 0.6),
            row('watermark_video', 'watermark: CPU per frame, video / without', of('cpu_ms_per_frame', 'video', 'ours', way='marked'), 1.05),
            row('watermark_scroll', 'watermark: CPU per step, scroll / without', of('cpu_ms_per_frame', 'scroll', 'ours', way='marked'), 1.05),
            row('watermark_drag', 'watermark: CPU per frame, drag / without', of('cpu_ms_per_frame', 'drag', 'ours', way='marked'), 1.05),
            row('idle_cpu_percent', 'idle CPU of a session, % of a core', figure(idle), 0.3),
        ]
        ways = {f'{mode}/{way}': {key: figure([s[key] for s in self.samples if (s['mode'], s['way']) == (mode, way) and s[key] >= 0])
                                  for key in ('fps', 'key_p50', 'key_p95', 'frame_p50', 'content_ms', 'cpu_ms_per_frame', 'bytes', 'rss',
                                              'pss', 'uss', 'idle_percent')}
                for mode in self.options.modes for way in self.options.ways}
        return dict(runs=self.options.runs, seconds=self.options.seconds, rows=rows, ways=ways, pixels=self.pixels,
                    busy_samples=sum(s['idle_percent'] < IDLE_SHARE for s in self.samples), samples=len(self.samples))


def figure(values):
    return dict(median=statistics.median(values), min=min(values), max=max(values), n=len(values)) if values else None


def row(key, text, value, goal, at_least=False):
    met = None if value is None else value['median'] >= goal if at_least else value['median'] <= goal
    return dict(key=key, text=text, value=value, goal=goal, at_least=at_least, met=met)


def show(result):
    print(f"{result['runs']} runs of {result['seconds']} s; {result['busy_samples']} of {result['samples']} samples on a machine "
          f'less than {IDLE_SHARE} % idle')
    for r in result['rows']:
        v = r['value']
        text = '      not measured       ' if v is None else f"{v['median']:6.2f}  ({v['min']:.2f}-{v['max']:.2f})"
        mark = {True: 'met', False: 'NOT met', None: ''}[r['met']]
        print(f"  {r['text']:40} {text:25} goal {'>=' if r['at_least'] else '<='} {r['goal']:.2f}  {mark}")
    for name, figures in result['ways'].items():
        print(f'  {name:18} ' + '  '.join(f"{key} {v['median']:.4g}" for key, v in figures.items() if v))
    if result['pixels']:
        print('  the viewer\'s picture: ' + ', '.join(f'{key} {value:g}' for key, value in result['pixels'].items()))


def subset(choices):
    def parse(text):
        wanted = text.split(',')
        if set(wanted) - set(choices):
            raise argparse.ArgumentTypeError(f'out of {",".join(choices)}')
        return wanted
    return parse


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=10)  # some fifty keys a sample
    parser.add_argument('--ways', type=subset(WAYS), default=list(WAYS))
    parser.add_argument('--modes', type=subset(MODES), default=list(MODES))
    parser.add_argument('--format', choices=('table', 'json'), default='table')
    options = parser.parse_args()
    if 'guacd' in options.ways and not (guacd_program() and os.path.exists(binary('stream-guac'))):
        print('stream: no guacd here (SEKISHO_GUACD): measured without it', file=sys.stderr)
        options.ways = [way for way in options.ways if way != 'guacd']
    result = Bench(options).run()
    if options.format == 'json':
        json.dump(result, sys.stdout, indent=2)
        print()
    else:
        show(result)


if __name__ == '__main__':
    main()
