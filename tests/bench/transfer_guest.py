"""A file out of a real guest, for tests/bench/run transfer: into the quarantine of a core, and by cat over the same virtio-serial port."""
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path[:0] = [os.path.join(TOP, 'tests', 'lib'), os.path.join(TOP, 'tests', 'integration')]
import guest_host as host  # noqa: E402
from guest_vm import BOOT, Machine, Shell  # noqa: E402
from rig import BUILD, binary  # noqa: E402

HOME = '/home/sekisho'
SEND = f'{HOME}/LGWANへ送る'
PORT = '/dev/virtio-ports/jp.sekisho.agent.0'
# An emulated guest on a busy machine was seen to send 8 MiB a second.
SLOWEST = 1 << 20
POLICIES = os.path.join(TOP, 'policies', 'default')


class Core:
    """transfer-box import: a core's crossings on the guest's agent port, a line at a time."""

    def __init__(self, state, port):
        self.process = subprocess.Popen([binary('transfer-box'), 'import', state, os.path.join(BUILD, 'libexec'), POLICIES, port],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.split())
        self.lines.put(['lost', 'the program ended'])

    def wait(self, kind, seconds, states=()):
        """The next line of a kind, and where it is a state, of one of these."""
        end = time.monotonic() + seconds
        while True:
            try:
                words = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f'no {kind} {states} within {seconds:.0f} s') from None
            if words[0] == kind and (not states or words[2] in states):
                return words
            if words[0] == 'lost' or 'refused' in words:
                raise RuntimeError(' '.join(words))

    def rss(self):
        self.process.stdin.write('rss\n')
        return int(self.wait('rss', 60)[1])

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)


class Guest:
    """The VM, without a person at its desktop: sekisho-files runs alone, so that nothing else wants the emulated processors."""

    def __init__(self, machine, mib):
        self.machine, self.mib = machine, mib
        self.port = machine.dir + '/agent.sock'
        os.mkdir(machine.dir + '/boot')
        core = Core(machine.dir + '/boot', self.port)
        try:
            core.wait('hello', BOOT)
        finally:
            core.stop()
        self.shell = Shell(machine.dir + '/shell.sock')
        self.shell(f'head -c {mib}M /dev/urandom > {HOME}/large; chown sekisho: {HOME}/large; sync', 60 + self.seconds())

    def seconds(self):
        return 60 + (self.mib << 20) / SLOWEST

    def files(self, run):
        """sekisho-files as the person, or not."""
        self.shell('kill $(pidof sekisho-files) 2> /dev/null; while pidof sekisho-files; do sleep 0.1; done')
        if run:
            # No desktop, no notices.
            self.shell(f'(cd /; HOME={HOME} DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent '
                       'setpriv --reuid=sekisho --regid=sekisho --clear-groups /usr/libexec/sekisho/sekisho-files '
                       '> /tmp/files.log 2>&1 < /dev/null &) ; until [ -d ' + SEND + ' ]; do sleep 0.1; done')

    def rss(self, which):
        """KiB of the agent and of sekisho-files: VmRSS now or VmHWM ever."""
        return [int(self.shell(f'grep {which} /proc/$(pidof {name})/status').split()[1]) for name in ('sekisho-agent', 'sekisho-files')]

    def by_us(self, state):
        """MiB a second from the guest's offer to the end of its last byte's way to the disk; how much each program grew in KiB."""
        self.shell('systemctl restart sekisho-agent')
        self.files(True)
        core = Core(state, self.port)
        try:
            core.wait('hello', 60)
            before = [core.rss()] + self.rss('VmRSS')
            self.shell(f'cat {HOME}/large > /dev/null; mv {HOME}/large {SEND}/', self.seconds())
            start = int(core.wait('state', self.seconds(), ['receiving'])[4])
            end = int(core.wait('state', self.seconds(), ['quarantined', 'inspecting'])[4])
            growth = [after - at for after, at in zip([core.rss()] + self.rss('VmHWM'), before)]
            core.wait('state', 600, ['refused', 'releasing', 'held'])
            self.shell(f'until mv {SEND}/*/large {HOME}/large 2> /dev/null; do sleep 0.1; done; rm -f {SEND}/*/*')
        finally:
            core.stop()
            self.files(False)
        return self.mib / ((end - start) / 1e6), dict(zip(('core', 'agent', 'files'), growth))

    def by_cat(self):
        """MiB a second from the first byte to the last, read by a program that drops them."""
        self.shell('systemctl stop sekisho-agent')
        sock = host.connect(self.port, time.monotonic() + 60)
        self.drain(sock)
        self.shell(f'cat {HOME}/large > /dev/null; (cat {HOME}/large > {PORT}) > /dev/null 2>&1 < /dev/null & true', self.seconds())
        left, start, buffer = self.mib << 20, None, bytearray(1 << 20)
        sock.settimeout(self.seconds())
        while left > 0:
            got = sock.recv_into(buffer)
            if got == 0:
                raise RuntimeError('the port ended')
            start = start or time.monotonic()
            left -= got
        speed = self.mib / (time.monotonic() - start)
        sock.close()
        self.shell('systemctl start sekisho-agent')
        return speed

    @staticmethod
    def drain(sock):
        """What the agent had said to nobody."""
        while select.select([sock], [], [], 1)[0]:
            if not sock.recv(1 << 16):
                raise RuntimeError('the port ended')


def measure(rounds, mib, state, say):
    """[(our MiB/s, cat's, growth)], in turns."""
    results = []
    with Machine(shell=True) as machine:
        guest = Guest(machine, mib)
        say(f'the guest is up after {machine.age():.0f} s')
        for i in range(rounds):
            os.makedirs(f'{state}/{i}')
            cat = guest.by_cat()
            ours, growth = guest.by_us(f'{state}/{i}')
            say(f'round {i + 1}: {ours:.1f} MiB/s, cat {cat:.1f} MiB/s, growth {growth} KiB')
            results.append((ours, cat, growth))
    return results
