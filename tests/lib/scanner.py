"""Real scanners for tests: clamd with a signature database of its own (no internet is needed), and c-icap in front of it. Each is ended
by the pid it was started with."""
import os
import signal
import socket
import subprocess

from rig import wait_until

# In two pieces, so that no scanner takes this file for the test file itself.
EICAR = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-' + 'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
# clamd calls what its own database does not know by the signature's name and this.
EICAR_NAME = 'Sekisho.Eicar.Test.UNOFFICIAL'


def write(path, text):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


class Clamd:
    """In the foreground, on a socket in `folder`; takes at most 1 MB a content."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        self.socket = os.path.join(folder, 'clamd.ctl')
        self.log = os.path.join(folder, 'clamd.log')
        database = os.path.join(folder, 'signatures')
        os.makedirs(database)
        write(os.path.join(database, 'test.ndb'), f'Sekisho.Eicar.Test:0:*:{EICAR.encode().hex()}\n')
        self.config = os.path.join(folder, 'clamd.conf')
        write(self.config, f'LocalSocket {self.socket}\nLocalSocketMode 666\nDatabaseDirectory {database}\nForeground yes\n'
                           'StreamMaxLength 1M\nMaxThreads 4\nUser root\n')

    def start(self):
        with open(self.log, 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(['clamd', '-c', self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 60, 'clamd')

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, encoding='utf-8', errors='replace') as file:
                raise RuntimeError('clamd ended:\n' + file.read()[-2000:])
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self.socket)
                connection.sendall(b'zPING\0')
                return connection.recv(16) == b'PONG\0'
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)


class Icap:
    """c-icap with its virus_scan service, which asks the clamd."""

    def __init__(self, folder, clamd):
        self.folder, self.process = folder, None
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            self.port = probe.getsockname()[1]
        self.address = f'icap://127.0.0.1:{self.port}/avscan'
        self.log = os.path.join(folder, 'c-icap.log')
        modules = '/usr/lib/x86_64-linux-gnu/c_icap'
        self.config = os.path.join(folder, 'c-icap.conf')
        write(self.config, f'PidFile {folder}/c-icap.pid\nCommandsSocket {folder}/c-icap.ctl\nPort 127.0.0.1:{self.port}\n'
                           f'User root\nGroup root\nTmpDir {folder}\nServerLog {self.log}\nAccessLog {folder}/access.log\n'
                           f'StartServers 1\nMaxServers 1\nThreadsPerChild 4\nMinSpareThreads 1\nMaxSpareThreads 4\n'
                           f'ModulesDir {modules}\nServicesDir {modules}\nTemplateDir /usr/share/c_icap/templates/\n'
                           'LoadMagicFile /etc/c-icap/c-icap.magic\n'
                           'Service antivirus_module virus_scan.so\nServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n'
                           'virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE GIF JPEG MSOFFICE\nvirus_scan.MaxObjectSize 5M\n'
                           f'Module common clamd_mod.so\nclamd_mod.ClamdSocket {clamd.socket}\n'
                           'virus_scan.DefaultEngine clamd\n')

    def start(self):
        with open(self.log + '.out', 'a', encoding='utf-8') as log:
            self.process = subprocess.Popen(['c-icap', '-N', '-D', '-f', self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 60, 'c-icap')

    def answers(self):
        if self.process.poll() is not None:
            with open(self.log, encoding='utf-8', errors='replace') as file:
                raise RuntimeError('c-icap ended:\n' + file.read()[-2000:])
        try:
            with socket.create_connection(('127.0.0.1', self.port), 5) as connection:
                connection.sendall(f'OPTIONS {self.address} ICAP/1.0\r\nHost: x\r\n\r\n'.encode())
                return connection.recv(64).startswith(b'ICAP/1.0 200')
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
