"""Disks that a power cut would have left, from what tests/mock/disk-recorder.c wrote down.

The disk is a bad one, within what POSIX allows. Content that was not synced by its file is there or not, each block of 4 KiB by itself,
in any order, and the file's length with it. A name (made, renamed, removed) that was not synced by its folder is there or not, in order:
a journal that was written up to somewhere. A file that was synced may be without its name all the same.
"""
import collections
import copy
import json
import os
import struct

HEAD = struct.Struct('<4sIIQQ')
BLOCK = 4096
Record = collections.namedtuple('Record', 'what inode number a b')


def read_log(path):
    with open(path, 'rb') as file:
        data = file.read()
    records, at = [], 0
    while at < len(data):
        what, a, b, inode, number = HEAD.unpack_from(data, at)
        at += HEAD.size
        records.append(Record(chr(what[0]), inode, number, data[at:at + a], data[at + a:at + a + b]))
        at += a + b
    return records


def save(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as out:
        out.write(content)


class Notes:
    """A test's own records among the disk's: what somebody was told, JSON."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, **values):
        text = json.dumps(values).encode()
        os.write(self.fd, HEAD.pack(b'A\0\0\0', len(text), 0, 0, 0) + text)


class File:
    def __init__(self):
        self.durable, self.pending = bytearray(), []

    @staticmethod
    def apply(content, change):
        if isinstance(change, int):
            if change < len(content):
                del content[change:]
            content.extend(bytes(change - len(content)))
        else:
            at, data = change
            content.extend(bytes(max(0, at - len(content))))
            content[at:at + len(data)] = data

    def sync(self):
        for change in self.pending:
            self.apply(self.durable, change)
        self.pending = []

    def after_cut(self, rng):
        content, luck = bytearray(self.durable), rng.choice([0, 1, rng.random(), rng.random()])
        for change in self.pending:
            if isinstance(change, int):
                if rng.random() < luck:
                    self.apply(content, change)
                continue
            at, data = change
            cut = BLOCK - at % BLOCK
            for start in [0, *range(cut, len(data), BLOCK)]:
                piece = data[start:cut if start == 0 else start + BLOCK]
                if rng.random() < luck:
                    self.apply(content, (at + start, piece))
        return content


class Disk:
    """Goes through the records; lies: of whose syncs nothing is believed, a test of the test."""

    def __init__(self, root, lies=lambda record, path: False):
        self.root, self.lies = root, lies
        self.files = {}    # inode -> File, the latest of that number
        self.names = []    # [record, what gets the name, durable]
        self.paths = {}    # as the process sees it: path -> File
        self.where = {}    # inode -> path when it was made

    def take(self, r):
        if r.what == 'W':
            self.files[r.inode].pending.append((r.number, r.a))
        elif r.what == 'T':
            self.files[r.inode].pending.append(r.number)
        elif r.what == 'S':
            if not self.lies(r, self.where[r.inode]):
                self.files[r.inode].sync()
        elif r.what == 'O':
            self.files.setdefault(r.inode, self.paths.get(r.a))
            self.where.setdefault(r.inode, r.a.decode())
        elif r.what == 'D':
            if not self.lies(r, r.a.decode()):
                self.sync_folder(r.a)
        elif r.what != 'A':
            self.take_name(r)

    def take_name(self, r):
        made = None
        if r.what == 'C':
            made = self.files[r.inode] = self.paths[r.a] = File()
            self.where[r.inode] = r.a.decode()
        elif r.what == 'R' and r.a in self.paths:
            made = self.paths[r.b] = self.paths.pop(r.a)
        elif r.what == 'L' and r.a in self.paths:
            made = self.paths[r.b] = self.paths[r.a]
        elif r.what == 'U':
            self.paths.pop(r.a, None)
        self.names.append([r, made, False])

    def sync_folder(self, folder):
        for name in self.names:
            paths = [name[0].a] + ([name[0].b] if name[0].b else [])
            if any(os.path.dirname(path) == folder for path in paths):
                name[2] = True

    def names_after_cut(self, rng):
        """path -> File, and the folders."""
        open_ones = sum(1 for name in self.names if not name[2])
        lucky = rng.choice([0, open_ones, rng.randint(0, open_ones)])
        there, folders, gone = {}, set(), 0
        made_once = {name[0].a for name in self.names if name[0].what == 'M'}

        def is_there(path):
            folder = os.path.dirname(path)
            return folder in folders or folder not in made_once
        for r, made, durable in self.names:
            if not durable:
                gone += 1
                if gone > lucky:
                    continue
            if r.what == 'C' and is_there(r.a):
                there[r.a] = made
            elif r.what == 'M' and is_there(r.a):
                folders.add(r.a)
            elif r.what == 'R' and made and is_there(r.b):
                # Its old name may never have got to the disk.
                there.pop(r.a, None)
                there[r.b] = made
            elif r.what == 'L' and made and is_there(r.b):
                there[r.b] = made
            elif r.what == 'U':
                there.pop(r.a, None)
            elif r.what == 'X':
                folders.discard(r.a)
        return there, folders

    def write_as_seen(self, target):
        """What a process finds that is started now, without a power cut."""
        folders = [target] + [target + name[0].a.decode()[len(self.root):] for name in self.names if name[0].what == 'M']
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        for path, file in self.paths.items():
            seen = copy.deepcopy(file)
            seen.sync()
            if not path.endswith(b'-shm'):
                save(target + path.decode()[len(self.root):], seen.durable)

    def gone_on(self, records, root):
        """Another disk: this one, after a process that was started on what write_as_seen() wrote at root."""
        disk = Disk(self.root, self.lies)
        disk.names, disk.paths = copy.deepcopy((self.names, self.paths))

        def here(path):
            return self.root.encode() + path[len(root):] if path else path
        for r in records:
            disk.take(r._replace(a=here(r.a) if r.what in 'COLRUMXD' else r.a, b=here(r.b)))
        return disk

    def write(self, target, rng):
        there, folders = self.names_after_cut(rng)
        made = [(path.decode(), file) for path, file in there.items()]
        for folder in sorted(folders):
            os.makedirs(target + folder.decode()[len(self.root):], exist_ok=True)
        for path, file in made:
            # What is written over a mapping was not seen, and is not needed.
            if not path.endswith('-shm'):
                save(target + path[len(self.root):], file.after_cut(rng))
