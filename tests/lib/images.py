"""Guest images made from the real one for a test: another program as PID 1, or a few more files on the disk."""
import json
import os

from rig import run


def cpio(name, content):
    """One file of an initramfs, "newc" format (Linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
    def entry(path, mode, data):
        fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0]
        head = b'070701' + b''.join(b'%08X' % f for f in fields) + path.encode() + b'\0'
        head += b'\0' * (-len(head) % 4)
        return head + data + b'\0' * (-len(data) % 4)
    archive = entry(name, 0o100755, content) + entry('TRAILER!!!', 0, b'')
    # A compressed archive may follow at a multiple of four only.
    return archive + b'\0' * (-len(archive) % 4)


def write_manifest(good, directory, name, **changes):
    with open(os.path.join(good, 'manifest.json'), encoding='utf-8') as file:
        manifest = json.load(file)
    manifest.update(id=name.encode().hex().ljust(64, '0')[:64], **changes)
    with open(os.path.join(directory, 'manifest.json'), 'w', encoding='utf-8') as file:
        json.dump(manifest, file)


def make_with_init(good, directory, name, program, cmdline):
    """An image whose only program is PID 1."""
    os.makedirs(directory)
    os.link(os.path.join(good, 'vmlinuz'), os.path.join(directory, 'vmlinuz'))
    with open(program, 'rb') as f, open(os.path.join(directory, 'initrd'), 'wb') as out:
        out.write(cpio('init', f.read()))
    run('qemu-img', 'create', '-q', '-f', 'qcow2', os.path.join(directory, 'image.qcow2'), '1M')
    write_manifest(good, directory, name, cmdline=cmdline, packages=[])


def make_with_files(good, directory, name, files):
    """The real image; its initrd writes the files (path: text) to the root before it goes there."""
    os.makedirs(directory)
    for part in ('vmlinuz', 'image.qcow2'):
        os.link(os.path.join(good, part), os.path.join(directory, part))
    recipe = os.path.join(os.path.dirname(__file__), '..', '..', 'agent', 'guest', 'image', 'initrd-init')
    with open(recipe, encoding='utf-8') as f:
        before, switch = f.read().split('exec /bin/busybox switch_root')
    writes = ''.join(f"/bin/busybox mkdir -p '/root{os.path.dirname(path)}'\n"
                     f"/bin/busybox cat >'/root{path}' <<'END'\n{text}END\n" for path, text in files.items())
    with open(os.path.join(good, 'initrd'), 'rb') as f:
        initrd = f.read()
    with open(os.path.join(directory, 'initrd'), 'wb') as out:
        # Later archives win, file by file.
        padding = b'\0' * (-len(initrd) % 4)
        out.write(initrd + padding + cpio('init', (before + writes + 'exec /bin/busybox switch_root' + switch).encode()))
    write_manifest(good, directory, name)
