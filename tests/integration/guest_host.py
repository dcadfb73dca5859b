"""The host's end of a guest's two ports, scripted: for tests of the agent and of the image without sekishod.

Speaks broker/wire/PROTOCOL.md from its own reading of that page, so that a mistake in the C code does not agree with itself.
"""

import os
import select
import socket
import struct
import threading
import time

MAGIC = b"SKG1"
HEADER = struct.Struct("<4sHHII")
BODY_MAX = 65536 - HEADER.size

HELLO, HELLO_ACK, OPEN_URL, READY, TIME_SET, BROWSER_READY, RESIZE_HINT, RESULT = 2, 3, 4, 5, 6, 7, 8, 9
SHUTDOWN, PING, PONG, PROBE, INVENTORY, INVENTORY_LIST = 10, 12, 13, 14, 16, 17
RESET, RESET_ACK, OPEN, OPENED, DATA, CLOSE = 2, 3, 4, 5, 6, 8
TCP, UDP, ICMP, IPV6, ARP = 1, 2, 3, 4, 5


def frame(kind, ident=0, body=b""):
    return HEADER.pack(MAGIC, kind, 0, ident, len(body)) + body


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


def connect(path, deadline):
    """A connection to a unix socket that may not exist yet."""
    while True:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            return sock
        except OSError:
            sock.close()
            if time.monotonic() > deadline:
                raise
            select.select([], [], [], 0.05)


class Frames:
    """Frames out of a byte stream; garbage is skipped while seeking."""

    def __init__(self, sock):
        self.sock, self.data = sock, bytearray()

    def next(self, deadline):
        while True:
            found = self.parse()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError("no frame in time")
            more = self.sock.recv(1 << 18)
            if not more:
                raise EOFError("the port was closed")
            self.data += more

    def parse(self):
        at = self.data.find(MAGIC)
        if at < 0:
            del self.data[:-3]
            return None
        del self.data[:at]
        if len(self.data) < HEADER.size:
            return None
        _, kind, reserved, ident, length = HEADER.unpack_from(self.data)
        if reserved or length > BODY_MAX:
            del self.data[:1]
            return self.parse()
        if len(self.data) < HEADER.size + length:
            return None
        body = bytes(self.data[HEADER.size : HEADER.size + length])
        del self.data[: HEADER.size + length]
        return kind, ident, body


class AgentPort:
    def __init__(self, path, timeout=120):
        self.deadline = time.monotonic() + timeout
        self.sock = connect(path, self.deadline)
        self.frames = Frames(self.sock)
        self.seen = {}  # messages that came by themselves: kind -> (time, body)
        self.ident = 0

    def send(self, kind, body=b"", ident=0):
        self.sock.sendall(frame(kind, ident, body))

    def take(self, deadline):
        kind, ident, body = self.frames.next(deadline)
        if kind in (READY, BROWSER_READY):
            self.seen.setdefault(kind, (time.monotonic(), body))
        return kind, ident, body

    def hello(self, low=1, high=1, timeout=60):
        """HELLO every second until it is answered, as the core does. Returns (version, agent version, boot id)."""
        nonce = int.from_bytes(os.urandom(8), "little")
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.send(HELLO, struct.pack("<HHQ", low, high, nonce))
            try:
                while True:
                    kind, _, body = self.take(min(end, time.monotonic() + 1))
                    if kind == HELLO_ACK and struct.unpack_from("<Q", body, 2)[0] == nonce:
                        return (struct.unpack_from("<H", body)[0],) + strings(body[10:])
            except TimeoutError:
                continue
        raise TimeoutError("no answer to HELLO")

    def wait(self, kind, timeout):
        """Until READY or BROWSER_READY was said. Returns its body."""
        end = time.monotonic() + timeout
        while kind not in self.seen:
            self.take(end)
        return self.seen[kind][1]

    def login(self, timeout=120):
        return strings(self.wait(READY, timeout))

    def ask(self, kind, body=b"", timeout=60):
        """A request and the answer with its id: (kind, body)."""
        self.ident += 1
        self.send(kind, body, self.ident)
        end = time.monotonic() + timeout
        while True:
            got, ident, answer = self.take(end)
            if ident == self.ident and got in (RESULT, INVENTORY_LIST, PONG):
                return got, answer

    def result(self, kind, body=b"", timeout=60):
        _, answer = self.ask(kind, body, timeout)
        return answer[0], strings(answer[1:])[0]

    def open_url(self, url):
        return self.result(OPEN_URL, text(url))

    def probe(self, kind, address, port=0, timeout_ms=3000):
        return self.result(PROBE, struct.pack("<BHI", kind, port, timeout_ms) + text(address))

    def inventory(self):
        _, body = self.ask(INVENTORY)
        return list(strings(body[2:]))

    def ping(self):
        start = time.monotonic()
        self.ask(PING, struct.pack("<Q", 7))
        return time.monotonic() - start


def strings(body):
    found = []
    while body:
        length = struct.unpack_from("<H", body)[0]
        found.append(body[2 : 2 + length].decode())
        body = body[2 + length :]
    return tuple(found)


class RelayPort:
    """The RDP port; serve() lends it to RDP clients that connect to a TCP port of the loopback."""

    def __init__(self, path, timeout=120):
        self.sock = connect(path, time.monotonic() + timeout)
        self.frames = Frames(self.sock)
        self.ident = 0

    def reset(self, timeout=60):
        nonce = os.urandom(8)
        end = time.monotonic() + timeout
        while True:
            self.sock.sendall(frame(RESET, 0, nonce))
            try:
                while True:
                    kind, _, body = self.frames.next(min(end, time.monotonic() + 1))
                    if kind == RESET_ACK and body == nonce:
                        return
            except TimeoutError:
                if time.monotonic() > end:
                    raise

    def open(self, timeout=120):
        self.ident += 1
        self.sock.sendall(frame(OPEN, self.ident))
        end = time.monotonic() + timeout
        while True:
            kind, ident, _ = self.frames.next(end)
            if kind == OPENED and ident == self.ident:
                return

    def bridge(self, client):
        """One RDP client over the open connection, until either side ends."""
        ended = threading.Event()

        def upstream():
            while not ended.is_set():
                try:
                    data = client.recv(32768)
                except OSError:
                    data = b""
                if not data:
                    break
                self.sock.sendall(frame(DATA, self.ident, data))
            self.sock.sendall(frame(CLOSE, self.ident))
            ended.set()

        thread = threading.Thread(target=upstream, daemon=True)
        thread.start()
        try:
            while not ended.is_set():
                try:
                    kind, ident, body = self.frames.next(time.monotonic() + 0.5)
                except TimeoutError:
                    continue
                if ident == self.ident and kind == DATA:
                    client.sendall(body)
                elif ident == self.ident and kind == CLOSE:
                    break
        except OSError:
            pass
        ended.set()
        client.close()

    def serve(self, listener):
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.open()
            self.bridge(client)
