"""A private broker for tests: its own sekishod, state, sockets and (when asked) its own small "internet" in a network namespace.

    with Rig() as rig:
        rig.start()
        pool = rig.pool("t", warm=1)
        rig.wait_vms("warm", 1)

Everything that was started is ended by pid when the block is left, and what is left over is counted by leftovers().
Waiting is always for an event of /1.0/events or the end of a process, with a deadline; nothing sleeps.
"""
import contextlib
import glob
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
BUILD = os.environ.get('SEKISHO_BUILD', os.path.join(TOP, 'build'))
# Under TCG on two busy cores a Debian 13 desktop needs up to 4 minutes until its browser is on screen.
BOOT_SECONDS = 420


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class ApiError(Exception):
    def __init__(self, status, answer):
        super().__init__(f'{status}: {json.dumps(answer, ensure_ascii=False)}')
        self.status, self.answer = status, answer


def binary(name):
    """A program of the build tree."""
    for path in glob.glob(os.path.join(BUILD, '**', name), recursive=True):
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f'{name} is not built in {BUILD}')


def run(*command, **options):
    options.setdefault('check', True)
    options.setdefault('capture_output', True)
    options.setdefault('text', True)
    return subprocess.run(command, **options)


def reachable(directory, links):
    """The folder, or `links` with its files where QEMU's user can get at them: a tree below /root is root's alone."""
    parents = [directory]
    while parents[-1] != '/':
        parents.append(os.path.dirname(parents[-1]))
    if all(os.stat(parent).st_mode & 0o001 for parent in parents):
        return directory
    os.makedirs(links, exist_ok=True)
    for name in os.listdir(directory):
        try:
            os.link(os.path.join(directory, name), os.path.join(links, name))
        except OSError:
            shutil.copy(os.path.join(directory, name), links)
    return links


def libvirt_up():
    return run('virsh', '-c', 'qemu:///system', 'uri', check=False, timeout=30).returncode == 0


def pid_is_alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def wait_until(predicate, seconds, what):
    """For what has no event to wait on (another program's file or socket): looks every 20 ms, up to a deadline."""
    deadline = time.monotonic() + seconds
    never = select.poll()
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f'{seconds} s in vain for {what}')
        never.poll(20)


class Services:
    """dbus, virtlogd and libvirtd, started only when they do not run yet; only what was started here is ended."""

    def __init__(self):
        self.started = []

    def start(self):
        if libvirt_up():
            return
        os.makedirs('/run/dbus', exist_ok=True)
        if not os.path.exists('/run/dbus/system_bus_socket'):
            subprocess.run(['dbus-daemon', '--system', '--fork', '--nopidfile'], check=True)
        for daemon in ('virtlogd', 'libvirtd'):
            if run('pgrep', '-x', daemon, check=False).returncode != 0:
                self.started.append(subprocess.Popen(
                    [daemon], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    start_new_session=True))
        wait_until(libvirt_up, 30, 'libvirtd')

    def stop(self):
        for process in reversed(self.started):
            process.terminate()
            process.wait(30)


class Rig:
    def __init__(self, name='rig', options=()):
        self.name, self.options = name, options
        self.libexec = os.path.join(BUILD, 'libexec')  # where the workers are
        self.dir = tempfile.mkdtemp(prefix=f'sk-{name}-', dir=os.environ.get('SEKISHO_TEST_TMP', '/tmp'))
        os.chmod(self.dir, 0o755)
        self.state, self.runtime = os.path.join(self.dir, 'state'), os.path.join(self.dir, 'run')
        self.socket = os.path.join(self.runtime, 'api.sock')
        self.log_path = os.path.join(os.environ.get('SEKISHO_TEST_LOGS', self.dir), f'sekishod-{name}-{os.getpid()}.log')
        self.core = None
        self.services = Services()
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self.stack.close()
            self.services.stop()
            shutil.rmtree(self.dir, ignore_errors=True)

    # The daemon
    def start(self):
        self.services.start()
        self.start_core()

    def start_core(self):
        os.makedirs(self.state, exist_ok=True)
        os.makedirs(self.runtime, exist_ok=True)
        log = open(self.log_path, 'a')
        self.core = subprocess.Popen(
            [binary('sekishod'), '--state-dir', self.state, '--runtime-dir', self.runtime, '--socket', self.socket,
             '--libexec-dir', self.libexec, '--policy-dir', os.path.join(TOP, 'policies', 'default'), *self.options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=dict(os.environ, SEKISHO_DEBUG='1'))
        wait_until(self.answers, 60, 'sekishod')

    def answers(self):
        if self.core.poll() is not None:
            raise RuntimeError(f'sekishod ended with {self.core.returncode}:\n' + self.log_tail())
        try:
            return bool(self.api('GET', '/1.0'))
        except OSError:
            return False

    def log_tail(self, lines=40):
        with open(self.log_path, errors='replace') as f:
            return ''.join(f.readlines()[-lines:])

    def kill_core(self):
        self.core.kill()
        self.core.wait()

    def stop(self):
        """An orderly stop of everything: drain, then end the daemon."""
        if not self.core:
            return
        status = 0
        if self.core.poll() is None:
            with contextlib.suppress(Exception):
                operation = self.api('POST', '/1.0/shutdown', {'sessions': True})
                self.wait_operation(operation, 120)
            self.core.terminate()
            try:
                self.core.wait(60)
            except subprocess.TimeoutExpired:
                self.kill_core()
            status = self.core.returncode
        self.sweep()
        self.core = None
        if status:
            raise RuntimeError(f'sekishod ended with {status}:\n' + self.log_tail())

    def sweep(self):
        """Ends what a killed broker left behind, so that one failed test does not spoil the next. leftovers() is asked before."""
        for domain in self.domains():
            run('virsh', '-c', 'qemu:///system', 'destroy', domain, check=False)
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # The API
    def api(self, method, path, body=None, timeout=60):
        connection = UnixConnection(self.socket, timeout)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {'Content-Type': 'application/json'} if text else {})
            response = connection.getresponse()
            answer = json.loads(response.read() or b'{}')
            if response.status >= 400:
                raise ApiError(response.status, answer)
            return answer.get('metadata', answer) if answer.get('type') != 'async' else answer
        finally:
            connection.close()

    def ctl(self, *arguments, **options):
        return run(binary('sekishoctl'), '--socket', self.socket, *arguments, **options)

    def wait_operation(self, answer, seconds):
        return self.api('GET', f"{answer['operation']}/wait?timeout={seconds}", timeout=seconds + 10)

    def wait(self, predicate, seconds, what):
        """Asks the predicate now and after every event of the broker."""
        deadline = time.monotonic() + seconds
        connection = UnixConnection(self.socket, seconds)
        connection.request('GET', '/1.0/events')
        connection.getresponse()
        connection.sock.setblocking(False)
        try:
            while True:
                value = predicate()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f'{seconds} s in vain for {what}\n' + self.log_tail())
                # An event may be about a neighbour; a look every second also covers what makes no event.
                if select.select([connection.sock], [], [], min(left, 1))[0]:
                    with contextlib.suppress(BlockingIOError):
                        if connection.sock.recv(65536) == b'':
                            raise ConnectionError('the event stream ended\n' + self.log_tail())
        finally:
            connection.close()

    def vms(self, *states):
        return [vm for vm in self.api('GET', '/1.0/vms') if not states or vm['state'] in states]

    def sessions(self, *states):
        return [s for s in self.api('GET', '/1.0/sessions') if not states or s['state'] in states]

    def wait_vms(self, state, count=1, seconds=BOOT_SECONDS):
        return self.wait(lambda: len(self.vms(state)) >= count and self.vms(state), seconds, f'{count} VMs {state}')

    def pool(self, name='t', **values):
        body = dict(name=name, image=self.image(), memory_mib=1536, vcpus=2, network='', warm=1, stored=0, maximum=3,
                    width=1280, height=800, detached_minutes=30, group='', border='インターネット側', home_url='')
        body.update(values)
        return self.api('POST', '/1.0/pools', body)

    def image(self):
        """The guest image, imported once. tests/run makes it beforehand; alone, it is made here (and cached)."""
        images = self.api('GET', '/1.0/images')
        if images:
            return images[0]['name']
        directory = os.environ.get('SEKISHO_TEST_IMAGE')
        if not directory:
            directory = os.path.join(BUILD, 'guest')
            run(os.path.join(TOP, 'agent', 'guest', 'build-image'), '--agent', binary('sekisho-agent'), '--output', directory,
                capture_output=False, stdout=sys.stderr)
        return self.api('POST', '/1.0/images', {'name': 'default', 'path': reachable(directory, os.path.join(self.dir, 'image'))})['name']

    # What exists outside the broker
    def domains(self):
        """Names of the domains whose disks are in this rig's folder."""
        found = []
        for name in run('virsh', '-c', 'qemu:///system', 'list', '--all', '--name', check=False).stdout.split():
            if self.dir in run('virsh', '-c', 'qemu:///system', 'dumpxml', name, check=False).stdout:
                found.append(name)
        return found

    def workers(self, kind=''):
        """Pids of this rig's screens and views inside their cages. kind: the beginning of "screen-VM" or "view-…"."""
        pids = []
        for path in glob.glob(os.path.join(self.runtime, 'workers', f'{kind}*.pid')):
            with contextlib.suppress(OSError, ValueError, IndexError):
                outer = int(open(path).read().split()[0])
                # bubblewrap is the parent of the caged process; killing it alone would leave the worker.
                pids.append(int(open(f'/proc/{outer}/task/{outer}/children').read().split()[0]))
        return pids

    def overlays(self):
        return [p for p in glob.glob(os.path.join(self.state, '**'), recursive=True)
                if os.path.isfile(p) and p.endswith(('.qcow2', '.save'))]

    def leftovers(self):
        """(domains, overlay and save files, VM folders' sockets): all empty after a drain."""
        sockets = [p for p in glob.glob(os.path.join(self.runtime, 'vms', '**'), recursive=True) if not os.path.isdir(p)]
        return self.domains(), self.overlays(), sockets


class Watcher:
    """A headless viewer that stays connected and does one step at a time."""

    def __init__(self, rig, *arguments):
        self.process = subprocess.Popen([binary('sekisho-measure'), *arguments, '--interactive'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=dict(os.environ, SEKISHO_SOCKET=rig.socket))
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line or not json.loads(line).get('ok'):
            raise RuntimeError(f'the viewer says {line!r}')

    def do(self, step):
        self.process.stdin.write(step + '\n')
        self.process.stdin.flush()
        self.answer()

    def sees_change(self):
        """Types into the browser's address field: the picture must change."""
        self.do('key ctrl+l')
        self.do('type x')
        self.do('wait-frames 1')

    def wait_end(self):
        self.do('wait-end')
        self.stop()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


class Display:
    """A private Xvfb; its number comes from the server itself (-displayfd)."""

    def __init__(self, width=1600, height=1000):
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            ['Xvfb', '-displayfd', str(write_end), '-screen', '0', f'{width}x{height}x24', '-nolisten', 'tcp', '-noreset'],
            pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as f:
            self.name = ':' + f.readline().strip()
        if self.name == ':':
            raise RuntimeError('Xvfb did not start')

    def environment(self, **more):
        env = dict(os.environ, DISPLAY=self.name, GDK_BACKEND='x11', NO_AT_BRIDGE='1', **more)
        env.pop('WAYLAND_DISPLAY', None)
        return env

    def pixel(self, x, y):
        out = run('import', '-silent', '-window', 'root', '-crop', f'1x1+{x}+{y}', '-depth', '8', 'rgb:-',
                  env=self.environment(), text=False).stdout
        return tuple(out[:3])

    def screenshot(self, path):
        run('import', '-silent', '-window', 'root', path, env=self.environment())

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Tap:
    """Test points in order; a failed one does not stop the others unless it raises."""

    def __init__(self):
        self.count, self.failed = 0, 0

    def check(self, ok, what, detail=''):
        self.count += 1
        print(f"{'ok' if ok else 'not ok'} {self.count} - {what}", flush=True)
        if not ok:
            self.failed += 1
            for line in str(detail).splitlines():
                print(f'# {line}', flush=True)
        return bool(ok)

    def equal(self, got, expected, what):
        return self.check(got == expected, what, f'got      {got!r}\nexpected {expected!r}')

    @contextlib.contextmanager
    def point(self, what):
        """The whole block is one point: ok unless it raises."""
        try:
            yield
        except Exception as error:  # pylint: disable=broad-except
            self.check(False, what, f'{type(error).__name__}: {error}')
        else:
            self.check(True, what)

    def diag(self, text):
        for line in str(text).splitlines():
            print(f'# {line}', flush=True)

    def done(self):
        print(f'1..{self.count}', flush=True)
        sys.exit(1 if self.failed or not self.count else 0)
