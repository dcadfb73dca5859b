"""A guest's RDP server without a guest: Xorg with xorgxrdp and xrdp on this machine's loopback, as in the guest image but
in seconds. And displays with stock FreeRDP clients on them. Everything started is ended by pid.
"""
import contextlib
import glob
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile

from rig import BUILD, binary, run, wait_until

XRDP_INI = """[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port}
tcp_nodelay=true
security_layer=tls
certificate={dir}/cert.pem
key_file={dir}/key.pem
ssl_protocols=TLSv1.2, TLSv1.3
autorun=xup
allow_channels=true
allow_multimon=true
bitmap_compression=true
max_bpp=32
new_cursors=true
use_fastpath=both
[Logging]
LogFile={dir}/xrdp.log
LogLevel=INFO
EnableSyslog=false
[Channels]
rdpdr=true
rdpsnd=true
drdynvc=true
cliprdr=true
[xup]
name=xup
lib=libxup.so
username=na
password=na
ip=127.0.0.1
port={dir}/sockets/xrdp_display_{display}
code=20
{more}"""

# Where xrdp and its chansrv meet is compiled in; the number of a display that is ours keeps it apart from others'.
CHANSRV_SOCKETS = '/run/xrdp'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Stack:
    """A temporary folder and processes that end with it, last one first."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=f'sk-{name}-', dir=os.environ.get('SEKISHO_TEST_TMP', '/tmp'))
        self.stack = contextlib.ExitStack()
        self.stack.callback(shutil.rmtree, self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def path(self, name):
        return os.path.join(self.dir, name)

    def spawn(self, name, *command, **options):
        log = open(self.path(name + '.log'), 'w')
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                   start_new_session=True, **options)
        log.close()

        def end():
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
            # xrdp's children and whoever else is left of its session
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)
        self.stack.callback(end)
        process.log_path = self.path(name + '.log')
        return process

    def x_server(self, name, *command, **options):
        """Starts an X server on a free display; returns (process, ':N')."""
        reading, writing = os.pipe()
        process = self.spawn(name, *command, '-displayfd', str(writing), pass_fds=[writing], **options)
        os.close(writing)
        number = b''
        while not number.endswith(b'\n'):  # the server ends when the pipe closes before its newline
            if not select.select([reading], [], [], 30)[0]:
                raise TimeoutError(f'{name} gives no display: {log_of(process)[-2000:]}')
            piece = os.read(reading, 16)
            if not piece:
                raise RuntimeError(f'{name} does not start: {log_of(process)[-2000:]}')
            number += piece
        os.close(reading)
        return process, ':' + number.decode().strip()


def log_of(process):
    with open(process.log_path, errors='replace') as f:
        return f.read()


def wait_log(process, pattern, seconds=20, after=0):
    """Waits for a line; returns the match."""
    def look():
        found = re.search(pattern, log_of(process)[after:])
        if not found and process.poll() is not None:
            raise RuntimeError(f'ended while waiting for {pattern}: {log_of(process)[-2000:]}')
        return found
    try:
        return wait_until(look, seconds, pattern)
    except TimeoutError as error:
        raise TimeoutError(f'{error}; the log ends: {log_of(process)[-2000:]}') from None


class ImageRoot:
    """The guest image's own files, for what can run without a VM: the X server and xrdp that users meet, as they are set up there. The
    same /tmp, /dev and /proc as outside; nothing of the image can be written.
    """

    def __init__(self, stack):
        assert stack.dir.startswith('/tmp/'), f'{stack.dir} is not seen from inside; SEKISHO_TEST_TMP has to be below /tmp'
        disk, self.path = stack.path('image.raw'), stack.path('root')
        run('qemu-img', 'convert', '-O', 'raw', os.path.join(os.environ['SEKISHO_TEST_IMAGE'], 'image.qcow2'), disk)
        os.mkdir(self.path)
        if run('mount', '-o', 'loop,ro', disk, self.path, check=False).returncode == 0:
            stack.stack.callback(run, 'umount', self.path)
        else:  # no loop devices here: a copy, which takes longer
            run('debugfs', '-R', f'rdump / {self.path}', disk)

    def inside(self, *command):
        """The command with the image as its root; mounts are its own and go with it."""
        binds = ' && '.join(f'mount --rbind /{name} "$0/{name}"' for name in ('tmp', 'dev', 'proc'))
        return ['unshare', '--mount', 'sh', '-c', f'{binds} && exec chroot "$0" "$@"', self.path, *command]


class HostRoot:
    """This machine's xrdp."""

    @staticmethod
    def inside(*command):
        return list(command)


class XrdpGuest:
    """Xorg + xrdp. .port is the RDP port, .env reaches the display. sound: with xrdp's own channel server, so that the guest can be
    played through (sound.Tone). root: whose.
    """

    def __init__(self, stack, sound=False, root=HostRoot):
        self.stack = stack
        os.makedirs(stack.path('sockets'), exist_ok=True)
        os.chmod(stack.dir, 0o755)
        os.chmod(stack.path('sockets'), 0o1777)
        environment = dict(os.environ, XRDP_SOCKET_PATH=stack.path('sockets'))
        self.xorg, self.display = stack.x_server(
            'xorg', *root.inside('Xorg', '-config', '/etc/X11/xrdp/xorg.conf', '-noreset', '-nolisten', 'tcp', '-ac', '-logfile',
                                 stack.path('Xorg.log')), env=environment)
        # xrdp gives up on an X server whose socket is not there yet
        wait_until(lambda: os.path.exists(stack.path(f'sockets/xrdp_display_{self.display[1:]}')), 20, 'xorgxrdp')
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', stack.path('key.pem'), '-out',
            stack.path('cert.pem'), '-days', '30', '-subj', '/CN=guest')
        self.port = free_port()
        with open(stack.path('xrdp.ini'), 'w') as f:
            f.write(XRDP_INI.format(port=self.port, dir=stack.dir, display=self.display[1:],
                                    more=f'chansrvport=DISPLAY({self.display[1:]})\n' if sound else ''))
        if sound:
            self.start_chansrv()
        self.xrdp = stack.spawn('xrdp', *root.inside('xrdp', '-n', '-c', stack.path('xrdp.ini')), env=environment)
        self.env = dict(os.environ, DISPLAY=self.display)
        wait_until(self.accepts, 20, 'xrdp')

    def start_chansrv(self):
        os.makedirs(os.path.join(CHANSRV_SOCKETS, 'sockdir'), mode=0o1777, exist_ok=True)
        self.stack.stack.callback(lambda: [os.unlink(path) for path in self.chansrv_sockets('*')])
        self.chansrv = self.stack.spawn('chansrv', 'xrdp-chansrv', env=dict(os.environ, DISPLAY=self.display, HOME=self.stack.dir))
        wait_until(lambda: self.chansrv_sockets('socket'), 20, 'xrdp-chansrv')

    def chansrv_sockets(self, what):
        return glob.glob(f'{CHANSRV_SOCKETS}/*/xrdp_chansrv_{what}_{self.display[1:]}')

    def accepts(self):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', self.port)) == 0

    def size(self):
        found = re.search(r'dimensions:\s+(\d+)x(\d+)', run('xdpyinfo', env=self.env).stdout)
        return int(found[1]), int(found[2])


class Box:
    """tests/bench/rdp-box between the guest and whoever connects to .listen."""

    def __init__(self, stack, guest, listen, *options, name='box'):
        self.listen = listen
        self.process = stack.spawn(name, os.path.join(BUILD, 'tests/bench/rdp-box'), '--guest', f'127.0.0.1:{guest.port}',
                                   '--listen', listen, '--user', 'u', '--password', 'p', *options,
                                   env=dict(os.environ, TMPDIR=stack.dir))
        wait_log(self.process, r'rdp-box: ready', 40)

    def log(self):
        return log_of(self.process)

    def wait(self, pattern, seconds=20, after=0):
        return wait_log(self.process, pattern, seconds, after)

    def mark(self):
        return len(self.log())

    def workers(self, name):
        """Pids of the workers themselves, below bubblewrap, below the box."""
        def children(pid):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{pid}/children') as f:
                return [int(n) for n in f.read().split()]
            return []

        def name_of(pid):
            with contextlib.suppress(OSError), open(f'/proc/{pid}/comm') as f:
                return f.read().strip()
            return ''
        below = [c for b in children(self.process.pid) for c in [b] + children(b)]
        return [pid for pid in below if name_of(pid) == name]


class Viewer:
    """xfreerdp3 on a display of its own."""

    def __init__(self, stack, name, target, *options, screen='1600x1100x24'):
        self.xvfb, self.display = stack.x_server(name + '-xvfb', 'Xvfb', '-screen', '0', screen, '-nolisten', 'tcp', '-noreset')
        self.env = dict(os.environ, DISPLAY=self.display, HOME=stack.dir)
        self.stack, self.name, self.target, self.options = stack, name, target, options
        self.process = None

    def connect(self):
        self.process = self.stack.spawn(self.name, 'xfreerdp3', f'/v:{self.target}', '/cert:ignore', '/u:u', '/p:p',
                                        '/log-level:WARN', '-decorations', *self.options, env=self.env)
        return self

    def window(self):
        found = run('xdotool', 'search', '--onlyvisible', '--name', 'FreeRDP', env=self.env, check=False).stdout.split()
        return found[0] if found else None

    def xdotool(self, *arguments):
        run('xdotool', *arguments, env=self.env)

    def screenshot(self, name):
        path = self.stack.path(name)
        run('import', '-window', 'root', path, env=self.env)
        return path


__all__ = ['Box', 'Stack', 'Viewer', 'XrdpGuest', 'binary', 'free_port', 'log_of', 'wait_log']
