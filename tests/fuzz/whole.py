"""Screen and view as whole processes, built with the sanitizers, against mutated recordings of real traffic.

First the plain text of three real connections is recorded, by a man in the middle of their TLS: what an xrdp sent to our screen while a workload
ran, and what xfreerdp3 sent to our view while somebody typed, clicked and resized, once with RemoteFX and once in the graphics pipeline.
Then, until the time is up, all are sent again with a few packets changed: bytes flipped, numbers made large or small, packets cut, doubled,
dropped, swapped. A report of a sanitizer or an end by a signal is a finding, kept with its seed.

    tests/fuzz/run-whole [--minutes 10] [--seed N] [--only screen|view]
"""
import argparse
import contextlib
import os
import random
import re
import select
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
from rig import TOP, binary, run, wait_until  # noqa: E402
from xrdp_guest import Stack, Viewer, XrdpGuest, log_of, wait_log  # noqa: E402

ASAN = os.environ.get('SEKISHO_BUILD_ASAN', os.path.join(TOP, 'build-asan'))
FINDING = re.compile(r'AddressSanitizer|runtime error:|UndefinedBehaviorSanitizer|ended, status (?:4|6|7|8|11|13[0-9]|25344|25088)\b')
# Packets of a recording that are sent: a connection, and enough pictures behind it.
PACKETS_MAX = 1500
MUTATIONS_MAX = 6
# Nothing of ours takes so long to notice that its peer has gone, even with sanitizers. Who still waits then is waiting for an answer in the
# middle of its handshake; the core's own deadlines end it, here we do.
END_SECONDS = 6


# -- packets ----------------------------------------------------------------------------------------------------------------

def split(data):
    """TPKT and fast-path packets; what is behind the last whole one is a packet, too."""
    packets = []
    while data:
        length = 0
        if len(data) >= 4 and data[0] == 3:
            length = data[2] << 8 | data[3]
        elif len(data) >= 3:
            length = (data[1] & 0x7f) << 8 | data[2] if data[1] & 0x80 else data[1]
        if length < 2 or length > len(data):
            length = len(data)
        packets.append(data[:length])
        data = data[length:]
    return packets


def change(packet, rng):
    b = bytearray(packet)
    kind = rng.randrange(6)
    at = rng.randrange(len(b))
    if kind == 0:
        b[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        b[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff))
    elif kind == 2:
        width = rng.choice((2, 4))
        b[at:at + width] = rng.choice((b'\xff' * 4, b'\0' * 4, b'\xff\x7f\xff\x7f', b'\1\0\0\0', b'\0\0\0\x80'))[:width]
    elif kind == 3:
        for _ in range(rng.randrange(1, 20)):
            b[rng.randrange(len(b))] = rng.randrange(256)
    elif kind == 4:  # cut, with a head that says so
        del b[rng.randrange(1, len(b)) if len(b) > 1 else 0:]
        if len(b) >= 4 and b[0] == 3:
            b[2], b[3] = len(b) >> 8, len(b) & 0xff
    else:
        b[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 64)))
    return bytes(b)


def handshake_of(packets):
    """How many packets it has: the first fast-path packet is the first that belongs to a session."""
    return next((i for i, packet in enumerate(packets) if i > 0 and packet[0] != 3), len(packets) // 2)


def mutate(packets, rng):
    """Mostly behind the handshake: in it, each finds an early end. (The first packet is not encrypted: TLS would not begin.)"""
    out, begin = list(packets), handshake_of(packets)
    in_handshake = rng.random() < 0.2
    for _ in range(rng.randrange(1, MUTATIONS_MAX + 1)):
        at = rng.randrange(1, begin) if in_handshake else rng.randrange(min(begin, len(out) - 1), len(out))
        kind = rng.random()
        if kind < 0.75:
            out[at] = change(out[at], rng)
        elif kind < 0.85:
            out.insert(at, out[rng.randrange(len(out))])
        elif kind < 0.93 and len(out) > 2:
            del out[at]
        else:
            other = rng.randrange(1 if in_handshake else min(begin, len(out) - 1), len(out))
            out[at], out[other] = out[other], out[at]
    return out


# -- TLS --------------------------------------------------------------------------------------------------------------------

def read_packet(sock):
    head = b''
    while len(head) < 4:
        piece = sock.recv(4 - len(head))
        if not piece:
            raise ConnectionError('no packet')
        head += piece
    body, length = head, head[2] << 8 | head[3]
    while len(body) < length:
        piece = sock.recv(length - len(body))
        if not piece:
            raise ConnectionError('half a packet')
        body += piece
    return body


def tls_server(stack):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(stack.path('mitm.pem'), stack.path('mitm.key'))
    return context


def tls_client():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def dial(target):
    if target.startswith('/'):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(target)
        return sock
    host, port = target.split(':')
    return socket.create_connection((host, int(port)))


class Recorder(threading.Thread):
    """One connection through us: its two plain texts."""

    def __init__(self, stack, target):
        super().__init__(daemon=True)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self.listener.getsockname()[1]}'
        self.stack, self.target = stack, target
        self.from_client, self.from_server = [], []
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        self.listener.close()
        server = dial(self.target)
        self.from_client.append(read_packet(client))
        server.sendall(self.from_client[-1])
        self.from_server.append(read_packet(server))
        client.sendall(self.from_server[-1])
        client, server = tls_server(self.stack).wrap_socket(client, server_side=True), tls_client().wrap_socket(server)
        with contextlib.suppress(OSError, ssl.SSLError):
            self.pump(client, server)
        for s in (client, server):
            s.close()

    def pump(self, client, server):
        pairs = {client: (server, self.from_client), server: (client, self.from_server)}
        while True:
            ready = [s for s in pairs if s.pending()] or select.select(list(pairs), [], [])[0]
            for s in ready:
                other, log = pairs[s]
                s.settimeout(0)
                other.settimeout(END_SECONDS)
                try:
                    data = s.recv(65536)
                except ssl.SSLWantReadError:
                    continue  # TLS's own, or half a record
                if not data:
                    return
                log.append(data)
                other.sendall(data)

    @staticmethod
    def packets(log):
        return [log[0]] + split(b''.join(log[1:]))[:PACKETS_MAX]


# -- sending again ----------------------------------------------------------------------------------------------------------

def drained(sock):
    """Reads what there is. TRUE: the peer is gone."""
    try:
        while sock.recv(65536):
            pass
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
        return False
    return True


def send_all(sock, packets):
    """Everything, then the end; what comes back is read and forgotten. (One thread: Python's TLS is not for two.)"""
    end = time.monotonic() + END_SECONDS
    left = memoryview(b''.join(packets))
    sock.settimeout(0)
    with contextlib.suppress(OSError, ssl.SSLError):
        while left and time.monotonic() < end:
            select.select([sock], [sock], [], 1)
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                left = left[sock.send(left[:16384]):]
            if drained(sock):
                break
        sock.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError, ssl.SSLError):
        while time.monotonic() < end and select.select([sock], [], [], 1)[0] is not None and not drained(sock):
            pass
    sock.close()


class Fuzz:
    def __init__(self, stack, options):
        self.stack, self.options = stack, options
        self.counts, self.deep = {'screen': 0, 'view': 0}, {'screen': 0, 'view': 0}
        self.findings = []
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', stack.path('mitm.key'), '-out', stack.path('mitm.pem'),
            '-days', '30', '-subj', '/CN=mitm')
        self.guest = XrdpGuest(stack)

    def box(self, name, guest, *more):
        env = dict(os.environ, TMPDIR=self.stack.dir, ASAN_OPTIONS='detect_leaks=0:abort_on_error=0:exitcode=99:handle_abort=1',
                   UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1:exitcode=98')
        return self.stack.spawn(name, os.path.join(ASAN, 'tests/bench/rdp-box'), '--guest', guest, '--listen', self.stack.path(name + '.sock'),
                                '--user', 'u', '--password', 'p', '--size', '1024x768', '--keep', '--verbose', *more, env=env)

    def record_screen(self):
        recorder = Recorder(self.stack, f'127.0.0.1:{self.guest.port}')
        box = self.box('record-screen', recorder.address)
        wait_log(box, 'rdp-box: ready', 60)
        terminal = self.stack.spawn('xterm', 'xterm', '-geometry', '100x30', '-e', 'sh', '-c', 'while :; do find /usr -maxdepth 3; done',
                                    env=self.guest.env)  # until it is ended: how much one round shows depends on the machine
        wait_until(lambda: run('xdotool', 'search', '--class', 'xterm', env=self.guest.env, check=False).stdout, 20, 'xterm')
        wait_until(lambda: len(b''.join(recorder.from_server)) > 400000, 60, 'pictures')
        terminal.terminate()
        terminal.wait()
        box.terminate()
        box.wait(20)
        return Recorder.packets(recorder.from_server)

    def record_view(self, codec):
        name = f'record-{codec}'
        box = self.box(name, f'127.0.0.1:{self.guest.port}')
        wait_log(box, 'rdp-box: ready', 60)
        recorder = Recorder(self.stack, self.stack.path(name + '.sock'))
        viewer = Viewer(self.stack, name + '-viewer', recorder.address, '/size:1024x768', f'/{codec}', '/dynamic-resolution', '/clipboard',
                        '/sound:sys:fake')
        viewer.connect()
        wait_log(box, r'view \d+ picture', 40)
        window = wait_until(viewer.window, 20, 'the window')
        viewer.xdotool('mousemove', '300', '300', 'click', '1', 'type', '--delay', '15', 'What somebody types.')
        viewer.xdotool('windowsize', window, '900', '700')
        viewer.xdotool('key', 'ctrl+a', 'click', '4', 'mousemove', '500', '400')
        wait_until(lambda: len(recorder.from_client) > 40, 40, 'input')
        viewer.process.terminate()
        viewer.process.wait(20)
        box.terminate()
        box.wait(20)
        return Recorder.packets(recorder.from_client)

    def screen_once(self, packets, seed):
        """A box's screen for itself: it ends with its guest."""
        listener = socket.create_server(('127.0.0.1', 0))
        listener.settimeout(END_SECONDS)
        box = self.box(f's{seed}', f'127.0.0.1:{listener.getsockname()[1]}')
        with contextlib.suppress(OSError, ConnectionError, ssl.SSLError):
            client, _ = listener.accept()
            client.settimeout(END_SECONDS)
            read_packet(client)
            client.sendall(packets[0])
            send_all(tls_server(self.stack).wrap_socket(client, server_side=True), packets[1:])
        listener.close()
        with contextlib.suppress(Exception):
            box.wait(END_SECONDS)
        if box.poll() is None:
            box.terminate()
            box.wait(20)
        self.judge('screen', seed, box, log_of(box))

    def view_once(self, box, packets, seed):
        mark = len(log_of(box))
        with contextlib.suppress(OSError, ConnectionError, ssl.SSLError):
            sock = dial(self.stack.path('views.sock'))
            sock.settimeout(END_SECONDS)
            sock.sendall(packets[0])
            read_packet(sock)
            send_all(tls_client().wrap_socket(sock), packets[1:])
        with contextlib.suppress(TimeoutError, RuntimeError):
            wait_log(box, r'view ended, status', END_SECONDS, mark)
        self.judge('view', seed, box, log_of(box)[mark:])
        return box.poll() is None

    def judge(self, what, seed, box, log):
        self.counts[what] += 1
        self.deep[what] += re.search(rf'rdp-box: {what} \d+ (picture|active|connected)', log) is not None
        if FINDING.search(log):
            path = os.path.join(self.options.findings, f'{what}-{seed}.log')
            os.makedirs(self.options.findings, exist_ok=True)
            with open(path, 'w') as f:
                f.write(log)
            self.findings.append(path)
            print(f'FINDING {path}', flush=True)
        total = sum(self.counts.values())
        if total % 50 == 0:
            print(f'{self.account()}, {len(self.findings)} findings', flush=True)

    def account(self):
        return ', '.join(f'{n} {what}s ({self.deep[what]} of them past their handshake)' for what, n in self.counts.items())

    def until(self, end, kind, recordings):
        seed = self.options.seed
        box = None
        while time.monotonic() < end:
            seed += 1
            mutated = mutate(recordings[seed % len(recordings)], random.Random(f'{kind}{seed}'))
            if kind == 'screen':
                self.screen_once(mutated, seed)
                continue
            if box is None:
                box = self.box('views', f'127.0.0.1:{self.guest.port}')
                wait_log(box, 'rdp-box: ready', 60)
            if not self.view_once(box, mutated, seed):
                box = None
        if box:
            box.terminate()
            box.wait(20)

    def run(self):
        kinds = [self.options.only] if self.options.only else ['screen', 'view']
        recordings = {kind: [self.record_screen()] if kind == 'screen' else [self.record_view(codec) for codec in ('rfx', 'gfx')]
                      for kind in kinds}
        print(', '.join(f'{len(p)} packets, {sum(map(len, p))} bytes to a {kind}' for kind, all_of in recordings.items() for p in all_of),
              flush=True)
        end = time.monotonic() + self.options.minutes * 60
        threads = [threading.Thread(target=self.until, args=(end, kind, recordings[kind])) for kind in kinds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f'{self.account()}: {len(self.findings)} findings')
        return 1 if self.findings or not all(self.deep[kind] for kind in kinds) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', choices=('screen', 'view'))
    parser.add_argument('--findings', default=os.path.join(TOP, 'build-asan', 'findings'))
    options = parser.parse_args()
    with Stack('whole') as stack:
        return Fuzz(stack, options).run()


if __name__ == '__main__':
    sys.exit(main())
