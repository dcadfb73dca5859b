#!/usr/bin/python3
"""Network probes for tests: exit status 0 if the other side answered, 1 if not, 2 if the probe itself is broken.

  netprobe.py tcp ADDR PORT           connects and reads back what it sent
  netprobe.py udp ADDR PORT           sends a datagram and waits for its echo
  netprobe.py icmp ADDR               echo request (IPv4 or IPv6; ADDR%DEV for link-local ones)
  netprobe.py arp DEV ADDR            asks "who has ADDR" on DEV; prints the MAC address that answered
  netprobe.py dns SERVER NAME         asks for an A record; prints the addresses, 1 if there is none
  netprobe.py dhcp DEV                asks for an address; prints "ADDRESS/LEN ROUTER DNS"
  netprobe.py forge DEV SRC DST PORT  sends one UDP datagram with a forged source address through DEV's default route
  netprobe.py serve ADDR PORT         echoes TCP and UDP on ADDR:PORT; prints "ready" when it listens

--timeout SECONDS (default 1.0) may come first.
"""
import random
import select
import socket
import struct
import sys
import time

GREETING = b"sekisho-probe\n"


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def probe_tcp(timeout, address, port):
    with socket.socket(family(address), socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((address, int(port)))
            sock.sendall(GREETING)
            return sock.recv(64) == GREETING
        except OSError as error:
            print(f"tcp {address}:{port}: {error}")
            return False


def probe_udp(timeout, address, port):
    with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((address, int(port)))
            sock.send(GREETING)
            return sock.recv(64) == GREETING
        except OSError as error:
            print(f"udp {address}:{port}: {error}")
            return False


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def probe_icmp(timeout, address):
    address, _, device = address.partition("%")
    six = family(address) == socket.AF_INET6
    ident = random.randrange(1, 0xFFFF)
    head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, ident, 1)
    if not six:
        head = struct.pack("!BBHHH", 8, 0, checksum(head + GREETING), ident, 1)
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with socket.socket(family(address), socket.SOCK_RAW, protocol) as sock:
        if six:
            # Our own answer to a multicast question would count as somebody's.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        target = (address, 0, 0, socket.if_nametoindex(device) if device else 0) if six else (address, 0)
        try:
            sock.sendto(head + GREETING, target)
        except OSError as error:
            print(f"icmp {address}: {error}")
            return False
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            data = sock.recv(2048)
            body = data if six else data[(data[0] & 15) * 4:]
            if body[0] == (129 if six else 0) and struct.unpack("!H", body[4:6])[0] == ident:
                return True
    return False


def own_mac(device):
    with open(f"/sys/class/net/{device}/address", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def probe_arp(timeout, device, address):
    mac = own_mac(device)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as sock:
        sock.bind((device, 0x0806))
        # A sender address that is not ours would be a probe; 0.0.0.0 is what duplicate detection sends, and is answered too.
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + socket.inet_aton(address)
        sock.send(b"\xff" * 6 + mac + b"\x08\x06" + body)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0]:
                break
            frame = sock.recv(2048)
            if frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                print(frame[22:28].hex(":"))
                return True
    return False


def read_name(data, at):
    while data[at]:
        if data[at] & 0xC0:
            return at + 2
        at += 1 + data[at]
    return at + 1


def probe_dns(timeout, server, name):
    ident = random.randrange(0x10000)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect((server, 53))
            sock.send(struct.pack("!HHHHHH", ident, 0x0100, 1, 0, 0, 0) + question)
            data = sock.recv(2048)
        except OSError as error:
            print(f"dns {server}: {error}")
            return False
    answers = struct.unpack("!H", data[6:8])[0]
    at = read_name(data, 12) + 4
    found = []
    for _ in range(answers):
        at = read_name(data, at)
        kind, _, _, length = struct.unpack("!HHIH", data[at:at + 10])
        if kind == 1 and length == 4:
            found.append(socket.inet_ntoa(data[at + 10:at + 14]))
        at += 10 + length
    print(" ".join(found))
    return bool(found)


def dhcp_message(mac, ident, kind, options):
    # The broadcast flag: this client has no address yet and reads answers from an ordinary socket.
    head = struct.pack("!BBBBIHH", 1, 1, 6, 0, ident, 0, 0x8000) + bytes(16) + mac.ljust(16, b"\0") + bytes(192)
    return head + b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + options + b"\x37\x03\x01\x03\x06\xff"


def dhcp_options(data):
    options, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at] == 0:
            at += 1
            continue
        options[data[at]] = data[at + 2:at + 2 + data[at + 1]]
        at += 2 + data[at + 1]
    return options


def probe_dhcp(timeout, device):
    mac, ident = own_mac(device), random.randrange(1 << 32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.bind(("0.0.0.0", 68))
        sock.settimeout(timeout)
        try:
            sock.sendto(dhcp_message(mac, ident, 1, b""), ("255.255.255.255", 67))
            offer = sock.recv(2048)
            address, server = offer[16:20], dhcp_options(offer)[54]
            wish = b"\x32\x04" + address + b"\x36\x04" + server
            sock.sendto(dhcp_message(mac, ident, 3, wish), ("255.255.255.255", 67))
            options = dhcp_options(sock.recv(2048))
        except OSError as error:
            print(f"dhcp {device}: {error}")
            return False
    if options.get(53) != b"\x05":
        return False
    length = bin(int.from_bytes(options[1], "big")).count("1")
    print(f"{socket.inet_ntoa(address)}/{length}", socket.inet_ntoa(options[3][:4]), socket.inet_ntoa(options[6][:4]))
    return True


def forge(_timeout, device, source, destination, port):
    udp = struct.pack("!HHHH", 4000, int(port), 8 + len(GREETING), 0) + GREETING
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(destination))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.sendto(head + udp, (destination, 0))
    return True


def serve(_timeout, address, port):
    listener = socket.socket(family(address), socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, int(port)))
    listener.listen(16)
    datagrams = socket.socket(family(address), socket.SOCK_DGRAM)
    datagrams.bind((address, int(port)))
    print("ready", flush=True)
    while True:
        for ready in select.select([listener, datagrams], [], [])[0]:
            if ready is datagrams:
                data, peer = datagrams.recvfrom(2048)
                datagrams.sendto(data, peer)
            else:
                with ready.accept()[0] as sock:
                    sock.settimeout(2)
                    try:
                        sock.sendall(sock.recv(2048))
                    except OSError:
                        pass


VERBS = {"tcp": probe_tcp, "udp": probe_udp, "icmp": probe_icmp, "arp": probe_arp, "dns": probe_dns, "dhcp": probe_dhcp,
         "forge": forge, "serve": serve}


def main():
    args, timeout = sys.argv[1:], 1.0
    if args[:1] == ["--timeout"]:
        timeout, args = float(args[1]), args[2:]
    if not args or args[0] not in VERBS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        return 0 if VERBS[args[0]](timeout, *args[1:]) else 1
    except KeyboardInterrupt:
        return 1
    except Exception as error:  # a broken probe must not look like "no answer"
        print(f"netprobe: {error!r}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
