"""What the tests of the crossings share: a broker with a guest that is no VM, clients, and what has to hold afterwards.

The guest's two programs are the real ones. They live in a mount namespace of their own, where a pty stands for the virtio-serial
port; the pty's other end is a unix socket for the core, as QEMU has one. Nothing of it is seen outside.
"""
import collections
import contextlib
import glob
import hashlib
import os
import random
import select
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import threading
import tty
import uuid
import zlib

from rig import Rig, UnixConnection, binary, wait_until  # noqa: F401

USER, UID = 'daemon', 1  # a user of every Debian, who sends and receives; root decides
SEND, RECEIVE = 'LGWANへ送る', 'LGWANから'
SENT, FAILED = '送信済み', '送れませんでした'

POLICIES = {
    '10-import.policy': '[files]\ndirection = import\nkind = file\ntype = text/plain, image/png\naction = allow\nmax-size = 64MiB\n'
                        'retention = 30d\n',
    '20-export.policy': '[small]\ndirection = export\nkind = file\ntype = text/plain\nsize = ..64KiB\naction = allow\nretention = 30d\n'
                        '\n[others]\ndirection = export\nkind = file\ntype = text/plain, image/png\naction = hold\n'
                        'stage-1 = user:root\nexpires = 3d\nmax-size = 64MiB\nretention = 30d\n',
}

# From core/transfers.h: receiving → quarantined → inspecting → refused | held → approved | denied → releasing → delivered → purged.
WAYS = {
    'receiving': {'quarantined', 'refused', 'cancelled', 'expired'},
    'quarantined': {'inspecting', 'cancelled'},
    'inspecting': {'refused', 'held', 'approved', 'cancelled'},
    'held': {'approved', 'denied', 'cancelled', 'expired'},
    'approved': {'releasing'},
    'releasing': {'delivered', 'expired', 'cancelled'},
    **{state: {'purged'} for state in ('refused', 'denied', 'cancelled', 'expired', 'delivered')},
    'purged': set(),
}
OVER = {'refused', 'denied', 'cancelled', 'expired', 'delivered', 'purged'}
# What an API answer may have said, and how far it was then.
RANK = {'receiving': 0, 'quarantined': 1, 'inspecting': 2, 'held': 3, 'approved': 4, 'releasing': 5, 'delivered': 6}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def text_file(rng, number, size):
    """No two are the same, and the inspection leaves it as it is."""
    words = f'{number} 転送の試験 '.encode()
    letters = bytes(rng.choices(b'abcdefghijklmnopqrstuvwxyz 0123456789', k=min(size, 4096)))
    body = words + letters * (size // max(1, len(letters)) + 1)
    return body[:max(len(words), size) - 1].decode(errors='ignore').encode() + b'\n'


def png_file(rng, side):
    rows = b''.join(b'\0' + rng.randbytes(3 * side) for _ in range(side))

    def chunk(kind, body):
        return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', zlib.crc32(kind + body))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(rows, 1)) + chunk(b'IEND', b''))


class Port(threading.Thread):
    """QEMU's part of a virtio-serial port: a pty for the guest, a socket for the host, one connection at a time."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.tty = os.ttyname(self.slave)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.stop_read, self.stop_write = os.pipe()
        self.start()

    def run(self):
        host, to_guest, to_host = None, b'', b''
        while True:
            reads = [self.stop_read, self.listener if host is None else host if not to_guest else None, None if to_host else self.master]
            writes = [self.master if to_guest else None, host if to_host else None]
            readable, writable, _ = select.select([f for f in reads if f], [f for f in writes if f], [])
            if self.stop_read in readable:
                break
            if host is None and self.listener in readable:
                host, to_host = self.listener.accept()[0], b''
                host.setblocking(False)
            elif host in readable:
                to_guest = self.receive(host)
                if to_guest is None:
                    host, to_guest, to_host = host.close(), b'', b''
            if self.master in readable:
                # Nobody hears a guest without a host.
                to_host = os.read(self.master, 65536) if host else (os.read(self.master, 65536) and b'')
            if self.master in writable:
                to_guest = to_guest[os.write(self.master, to_guest):]
            if host in writable and host and to_host:
                try:
                    to_host = to_host[host.send(to_host):]
                except BlockingIOError:
                    pass
                except OSError:
                    host, to_guest, to_host = host.close(), b'', b''
        for one in (host, self.listener):
            if one:
                one.close()
        for fd in (self.master, self.slave, self.stop_read):
            os.close(fd)

    @staticmethod
    def receive(host):
        try:
            return host.recv(65536) or None
        except BlockingIOError:
            return b''
        except OSError:
            return None

    def stop(self):
        os.close(self.stop_write)
        self.join()


class Guest:
    SETUP = '''
set -e
mount --make-rprivate /
mount -t tmpfs t /run
mkdir /run/sekisho-agent /run/sekisho-login
mount -t tmpfs t /sys/class
mkdir -p /sys/class/virtio-ports/vport1p1
echo jp.sekisho.agent.0 >/sys/class/virtio-ports/vport1p1/name
mount -t tmpfs t /sys/bus/pci/devices
if [ -n "$3" ]; then
  mkdir /sys/bus/pci/devices/0000:00:05.0
  cd /sys/bus/pci/devices/0000:00:05.0
  echo 0x1af4 >vendor
  echo 0x1110 >device
  ln -s "$3" resource2_wc
  cd /
fi
mkdir "$1/dev" "$1/dev/pts"
mount -t tmpfs t "$1/dev"
mkdir "$1/dev/pts"
for name in null zero urandom random; do touch "$1/dev/$name"; mount --bind "/dev/$name" "$1/dev/$name"; done
mount --bind /dev/pts "$1/dev/pts"
ln -s "$2" "$1/dev/vport1p1"
mount --rbind "$1/dev" /dev
echo ready
exec cat
'''

    def __init__(self, directory, port_path, bulk=None):
        self.home = os.path.join(directory, 'home')
        os.makedirs(self.home)
        self.port = Port(port_path)
        self.holder = subprocess.Popen(['unshare', '-m', 'sh', '-c', self.SETUP, 'sh', directory, self.port.tty, bulk or ''], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b'ready\n':
            raise RuntimeError('no namespace for the guest')
        self.agent = self.files = None
        self.start_agent()
        self.start_files()
        wait_until(lambda: os.path.isdir(os.path.join(self.home, RECEIVE)), 30, "the guest's folders")

    def run(self, program):
        # Neither may set the clock nor turn off the machine that it is on.
        return subprocess.Popen(['nsenter', '-t', str(self.holder.pid), '-m', 'setpriv', '--bounding-set=-sys_boot,-sys_time', binary(program)],
                                env=dict(os.environ, HOME=self.home, LANG='C.UTF-8'), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start_agent(self):
        self.agent = self.run('sekisho-agent')

    def start_files(self):
        self.files = self.run('sekisho-files')

    def put(self, name, content):
        """content: bytes, or a folder's {name: bytes}."""
        beside = os.path.join(self.home, 'beside')
        if isinstance(content, dict):
            os.mkdir(beside)
        for inner, data in content.items() if isinstance(content, dict) else [('', content)]:
            with open(os.path.join(beside, inner) if inner else beside, 'wb') as file:
                file.write(data)
        os.rename(beside, os.path.join(self.home, SEND, name))

    def waiting(self):
        return [name for name in os.listdir(os.path.join(self.home, SEND)) if name not in (SENT, FAILED)]

    def destroy(self):
        """As a VM goes: nothing of it is left."""
        for process in (self.agent, self.files):
            process.kill()
            process.wait()
        self.holder.stdin.close()
        self.holder.wait()
        self.port.stop()
        shutil.rmtree(self.home)


class CrossingRig(Rig):
    """sekishod as it is ("sekishod": without a guest) or crossing-core (with one) on the same state; what is started by turns."""

    def __init__(self, name, recorder=None):
        super().__init__(name)
        self.policies = os.path.join(self.dir, 'policies')
        os.makedirs(self.policies)
        for file, text in POLICIES.items():
            with open(os.path.join(self.policies, file), 'w', encoding='utf-8') as f:
                f.write(text)
        os.makedirs(self.state)
        os.makedirs(self.runtime)
        self.sessions_path = os.path.join(self.dir, 'sessions')
        self.client = os.path.join(self.dir, 'sekisho')
        shutil.copy(binary('agent/desktop/sekisho'), self.client)
        self.desk = os.path.join(self.dir, 'desk')
        self.offered = os.path.join(self.dir, 'offered')
        for folder in (self.desk, self.offered):
            os.mkdir(folder, 0o700)
            os.chown(folder, UID, UID)
        self.recorder = recorder
        self.guests, self.guest, self.session = 0, None, None

    def new_guest(self):
        self.guests += 1
        directory = os.path.join(self.dir, f'guest-{self.guests}')
        port = os.path.join(self.runtime, f'port-{self.guests}')
        os.mkdir(directory)
        bulk = None
        if self.guests % 2:
            # The other way than the port, for every other guest; SK_BULK_SIZE of wire/agent.h.
            bulk = f'{port}.bulk'
            with open(bulk, 'wb') as file:
                os.fchmod(file.fileno(), 0o600)
                file.truncate(4 << 20)
        self.guest = Guest(directory, port, bulk)
        self.session = str(uuid.uuid4())
        with open(self.sessions_path, 'a', encoding='utf-8') as f:
            f.write(f'{self.session} {port}\n')

    def bulk_used(self):
        for path in glob.glob(os.path.join(self.runtime, 'port-*.bulk')):
            with open(path, 'rb') as file:
                if any(file.read()):
                    return True
        return False

    def lose_guest(self):
        """Its agent was killed: the session ends, and the VM with it."""
        self.guest.destroy()
        self.new_guest()

    def start_core(self, program='crossing-core'):
        log = open(self.log_path, 'a', encoding='utf-8')
        if program == 'sekishod':
            command = [binary('broker/core/sekishod'), '--state-dir', self.state, '--runtime-dir', self.runtime, '--socket', self.socket,
                       '--libexec-dir', self.libexec, '--policy-dir', self.policies, '--spare-views', '0']
        else:
            command = [binary('tests/integration/crossing-core'), 'serve', self.state, self.runtime, self.socket, self.libexec,
                       self.policies, USER, str(UID), self.sessions_path]
        self.core = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                     env=dict(os.environ, SEKISHO_DEBUG='1', **(self.recorder or {})))
        log.close()

    def start(self):
        self.new_guest()
        self.start_core()
        wait_until(self.answers, 60, 'the core')

    def stop(self):
        if self.core and self.core.poll() is None:
            self.core.terminate()
            try:
                self.core.wait(60)
            except subprocess.TimeoutExpired:
                self.kill_core()
        self.core = None
        if self.guest:
            self.guest.destroy()
            self.guest = None

    def as_user(self, *arguments, recorder=None):
        return subprocess.Popen(['setpriv', f'--reuid={UID}', f'--regid={UID}', '--clear-groups', self.client, '--socket', self.socket,
                                 *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env=dict(os.environ, HOME=self.desk, LANG='C.UTF-8', XDG_STATE_HOME=os.path.join(self.desk, 'state'), **(recorder or {})))

    def offer(self, name, content):
        path = os.path.join(self.offered, name)
        with open(path, 'wb') as file:
            file.write(content)
        os.chown(path, UID, UID)
        return path

    def all(self):
        return self.api('GET', '/1.0/transfers?all=1')

    def inspectors(self):
        """Pids of caged workers, of this core alone."""
        found = []
        for cage in children(self.core.pid):
            found += [pid for pid in children(cage) if b'sekisho-inspect' in command_of(pid)]
        return found


def children(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
                found += [int(word) for word in f.read().split()]
    return found


def command_of(pid):
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read()
    return b''


def hashes_below(folder):
    """digest -> paths, hidden names too."""
    found = collections.defaultdict(list)
    for path, _, names in os.walk(folder):
        for name in names:
            whole = os.path.join(path, name)
            with open(whole, 'rb') as f:
                found[digest(f.read())].append(whole)
    return found


class Books:
    """What the store says, read without the broker."""

    def __init__(self, state):
        database = sqlite3.connect(f'file:{state}/sekisho.db?mode=ro', uri=True)
        database.row_factory = sqlite3.Row
        self.transfers = {row['id']: row for row in database.execute('SELECT * FROM transfers')}
        self.items = list(database.execute('SELECT * FROM transfer_items ORDER BY transfer, position'))
        self.trail = collections.defaultdict(list)
        for row in database.execute('SELECT object, action FROM audit ORDER BY organisation, seq'):
            noun, word = row['action'].split('.', 1)
            state_word = word if noun == 'transfer' else word if noun == 'approval' and word in ('approved', 'denied') else None
            if state_word and self.trail[row['object']][-1:] != [state_word]:
                self.trail[row['object']].append(state_word)
        self.by_digest = collections.defaultdict(list)
        for item in self.items:
            if item['sha256']:
                self.by_digest[item['sha256']].append(item)
        database.close()

    def outcome(self, row):
        """Its state, or what that was before its content was purged."""
        return self.trail[row['id']][-2] if row['state'] == 'purged' else row['state']

    def illegal(self):
        """Sentences about transfers whose state or trail is not what it may be."""
        found = []
        for ident, row in self.transfers.items():
            trail = self.trail[ident]
            if row['state'] not in WAYS:
                found.append(f'{ident}: {row["state"]}')
            if trail[:1] != ['receiving'] or trail[-1:] != [row['state']]:
                found.append(f'{ident} is {row["state"]}, its trail {trail}')
            found += [f'{ident}: {a} -> {b}' for a, b in zip(trail, trail[1:]) if b not in WAYS.get(a, ())]
            if row['state'] in ('releasing', 'delivered') and ('approved' not in trail or 'releasing' not in trail):
                found.append(f'{ident} is {row["state"]} without a row: {trail}')
        return found

    def stray_files(self, state):
        """What lies in the quarantine and belongs to nobody, or is missing there."""
        blobs = set(os.listdir(f'{state}/quarantine/blobs'))
        kept = {blob for item in self.items for blob in (item['blob'], item['result_blob'])
                if blob and self.transfers[item['transfer']]['state'] != 'purged'}
        found = [f'blob of nobody: {name}' for name in blobs - kept] + [f'no blob: {name}' for name in kept - blobs]
        for key in os.listdir(f'{state}/quarantine/unfinished'):
            row = self.transfers.get(key[:36])
            if not row or row['state'] != 'receiving':
                found.append(f'unfinished file of nobody: {key}')
        return found


def seed():
    value = int(os.environ.get('SEKISHO_SEED') or random.SystemRandom().randrange(1 << 32))
    print(f'# SEKISHO_SEED={value}', flush=True)
    return value
