"""A guest image in a VM of libvirt without sekishod, and a stock FreeRDP client on its picture: what test-guest, test-guest-files and tests/bench/run transfer share."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [os.path.dirname(os.path.realpath(__file__)),
                os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib')]
import guest_host as host  # noqa: E402
from rig import reachable, run, wait_until  # noqa: E402

IMAGE = os.environ.get('SEKISHO_TEST_IMAGE', os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'build', 'guest'))
# An emulated processor beside other work: see BOOT_SECONDS of tests/lib/rig.py.
BOOT, BROWSER = 240, 420
# What it was seen to need for a command, several times over.
SOON = 60

DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>1536</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{image}/vmlinuz</kernel>
    <initrd>{image}/initrd</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'><feature policy='disable' name='erms'/><feature policy='disable' name='fsrm'/></cpu>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='{dir}/disk.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <channel type='unix'>
      <source mode='bind' path='{dir}/agent.sock'/>
      <target type='virtio' name='jp.sekisho.agent.0'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='{dir}/rdp.sock'/>
      <target type='virtio' name='jp.sekisho.rdp.0'/>
    </channel>
    <shmem name='{name}' role='master'>
      <model type='ivshmem-plain'/>
      <size unit='M'>4</size>
    </shmem>
    {serial}
    <memballoon model='none'/>
  </devices>
</domain>
"""


def holds(predicate, seconds):
    """Whether it becomes true in time."""
    try:
        return bool(wait_until(predicate, seconds, 'a condition'))
    except TimeoutError:
        return False


class Machine:
    """A VM over an overlay of the image, gone at the end. shell: a root shell on the serial port, at DIR/shell.sock."""

    def __init__(self, shell=False):
        self.shell = shell
        self.dir = tempfile.mkdtemp(prefix='sekisho-guest-')
        os.chmod(self.dir, 0o755)
        self.name = os.path.basename(self.dir)
        self.bulk = f'/dev/shm/{self.name}'
        self.image = reachable(os.path.realpath(IMAGE), os.path.join(self.dir, 'image'))
        with open(os.path.join(self.image, 'manifest.json'), encoding='utf-8') as file:
            self.manifest = json.load(file)

    def __enter__(self):
        run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', f'{self.image}/image.qcow2', f'{self.dir}/disk.qcow2')
        # The bulk memory, as the broker makes it (SK_BULK_SIZE of wire/agent.h); only QEMU is somebody else.
        with open(self.bulk, 'wb') as file:
            file.truncate(4 << 20)
            os.fchmod(file.fileno(), 0o600)
        shutil.chown(self.bulk, 'libvirt-qemu')
        xml = os.path.join(self.dir, 'domain.xml')
        with open(xml, 'w', encoding='utf-8') as file:
            file.write(DOMAIN.format(name=self.name, image=self.image, dir=self.dir, cmdline=self.cmdline(), serial=self.serial()))
        run('virsh', '-c', 'qemu:///system', 'create', xml)
        self.started = time.monotonic()
        return self

    def cmdline(self):
        extra = ' systemd.debug_shell=1 systemd.default_debug_tty=ttyS0' if self.shell else ''
        return self.manifest['cmdline'] + extra

    def serial(self):
        if self.shell:
            return f"<serial type='unix'><source mode='bind' path='{self.dir}/shell.sock'/></serial>"
        return f"<serial type='file'><source path='{self.dir}/serial.log'/></serial>"

    def runs(self):
        return self.name in run('virsh', '-c', 'qemu:///system', 'list', '--name').stdout.split()

    def virsh(self, verb):
        run('virsh', '-c', 'qemu:///system', verb, self.name)

    def age(self):
        return time.monotonic() - self.started

    def __exit__(self, *_):
        subprocess.run(['virsh', '-c', 'qemu:///system', 'destroy', self.name], capture_output=True, check=False)
        run('rm', '-rf', self.dir, self.bulk)


class Shell:
    """The root shell on the guest's serial port."""

    def __init__(self, path):
        self.sock = host.connect(path, time.monotonic() + 60)
        self.count = 0
        # bash's line editor takes Japanese for commands of its own.
        self.sock.sendall(b'exec dash\n')
        self('stty -echo; PS1=')

    def __call__(self, command, seconds=SOON):
        """Runs it; returns what it said. Raises when it failed."""
        self.count += 1
        mark = f'@{self.count}@'
        self.sock.sendall(f'{{ {command}; }} 2>&1; echo "@"{self.count}"@$?@"\n'.encode())
        said = b''
        self.sock.settimeout(seconds)
        while True:
            said += self.sock.recv(65536)
            text = said.decode(errors='replace').replace('\r', '')
            at = text.find(mark)
            if at >= 0 and '@' in text[at + len(mark):]:
                break
        status = text[at + len(mark):].split('@')[0]
        if status != '0':
            raise RuntimeError(f'{command}: status {status}: {text[:at]}')
        return text[:at]

    def as_person(self, command, seconds=SOON):
        return self(f"setpriv --reuid=sekisho --regid=sekisho --clear-groups -- sh -c '{command}'", seconds)


class Client:
    """xfreerdp3 on a display of its own, through a relay port."""

    def __init__(self, relay, login, size=(1280, 800), log=subprocess.DEVNULL):
        self.size, self.children = size, []
        read, write = os.pipe()
        self.spawn(['Xvfb', '-displayfd', str(write), '-screen', '0', '1920x1080x24', '-nolisten', 'tcp'], pass_fds=[write])
        os.close(write)
        with os.fdopen(read) as file:
            self.env = dict(os.environ, DISPLAY=':' + file.readline().strip())
        self.listener = socket.create_server(('127.0.0.1', 0))
        threading.Thread(target=relay.serve, args=(self.listener,), daemon=True).start()
        self.login, self.log = login, log
        self.connect()

    def spawn(self, command, **options):
        child = subprocess.Popen(command, stdout=self.log if hasattr(self, 'log') else subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, **options)
        self.children.append(child)
        return child

    def connect(self):
        user, password = self.login
        width, height = self.size
        self.rdp = self.spawn(['xfreerdp3', '/v:127.0.0.1:%d' % self.listener.getsockname()[1], '/u:' + user, '/p:' + password,
                               '/cert:ignore', f'/size:{width}x{height}', '/kbd:layout:0x411,type:7,subtype:2',
                               '/dynamic-resolution', '-clipboard'], env=self.env)

    def disconnect(self):
        self.rdp.terminate()
        self.rdp.wait()

    def xdotool(self, *words):
        return run('xdotool', *words, env=self.env).stdout

    def pixel(self, x, y):
        shot = run('import', '-silent', '-window', 'root', '-crop', f'1x1+{x}+{y}', '-depth', '8', 'rgb:-', env=self.env, text=False,
                   check=False).stdout
        return tuple(shot[:3])

    def shot(self, path):
        run('import', '-silent', '-window', 'root', path, env=self.env)

    def shows(self, x, y, colour):
        got = self.pixel(x, y)
        return len(got) == 3 and all(abs(a - b) <= 3 for a, b in zip(got, colour))

    def close(self):
        for child in reversed(self.children):
            child.terminate()
            child.wait()
