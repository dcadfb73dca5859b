"""Sound in tests: a tone that a guest plays, a sound server that writes down what it is asked to play, and what frequency that is.
"""
import array
import math
import os
import socket
import struct
import time

from rig import run, wait_until

RATE = 44100


class Tone:
    """What xrdp's sink module of PipeWire or PulseAudio does: sound in real time to xrdp's channel server. left and right: Hz."""

    PIECE = 1024

    def __init__(self, guest, left, right, seconds, loudness=12000):
        self.guest, self.seconds = guest, seconds
        frames = int(seconds * RATE)
        samples = array.array('h')
        for i in range(frames):
            for hz in (left, right):
                samples.append(int(loudness * math.sin(2 * math.pi * hz * i / RATE)) if hz else 0)
        self.data = samples.tobytes()

    def play(self):
        paths = wait_until(lambda: self.guest.chansrv_sockets('audio_out_socket'), 20, 'the channel server to take sound')
        began = time.monotonic()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(paths[0])
            for at in range(0, len(self.data), self.PIECE * 4):
                piece = self.data[at:at + self.PIECE * 4]
                s.sendall(struct.pack('<II', 0, len(piece) + 8) + piece)
                time.sleep(max(0, began + (at / 4 + self.PIECE) / RATE - time.monotonic()))  # the sound's own clock
            s.sendall(struct.pack('<II', 1, 8))


def loudest_hz(samples, channel, frames=16384):
    """The frequency with the most power in the loudest part of stereo sound (Goertzel over 20 Hz steps)."""
    one = samples[channel::2]
    if len(one) < frames:
        return 0
    start = max(range(0, len(one) - frames + 1, frames // 2), key=lambda a: sum(abs(x) for x in one[a:a + frames:16]))
    part = one[start:start + frames]

    def power(hz):
        w = 2 * math.cos(2 * math.pi * hz / RATE)
        a = b = 0.0
        for x in part:
            a, b = x + w * a - b, a
        return a * a + b * b - w * a * b
    return max(range(100, 2001, 20), key=power) if any(part) else 0


class SoundServer:
    """A PulseAudio of one's own whose only loudspeaker is recorded. .env: for programs that shall play here."""

    RECORDED_MAX = 64 << 20  # six minutes

    def __init__(self, stack, name='pulse'):
        folder = stack.path(name)
        os.makedirs(folder, mode=0o700)
        self.recording = os.path.join(folder, 'played')
        address = os.path.join(folder, 'native')
        self.env = dict(PULSE_SERVER=f'unix:{address}', PULSE_COOKIE=os.path.join(folder, 'cookie'))
        own = dict(os.environ, HOME=folder, XDG_RUNTIME_DIR=folder, DBUS_SESSION_BUS_ADDRESS='disabled:')
        self.process = stack.spawn(
            name, 'pulseaudio', '-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--disallow-exit',
            '-L', f'module-native-protocol-unix socket={address} auth-anonymous=1',
            '-L', f'module-null-sink sink_name=speaker format=s16le rate={RATE} channels=2', env=own)
        ours = dict(os.environ, HOME=folder, **self.env)
        wait_until(lambda: run('pactl', 'info', env=ours, check=False).returncode == 0, 20, 'PulseAudio')
        stack.spawn(name + '-recorder', 'sh', '-c', f'parec --raw --format=s16le --rate={RATE} --channels=2 --latency-msec=20 '
                    f'-d speaker.monitor | head -c {self.RECORDED_MAX} >"{self.recording}"', env=ours)
        wait_until(lambda: os.path.exists(self.recording) and os.path.getsize(self.recording), 20, 'the recorder')

    def mark(self):
        return os.path.getsize(self.recording) // 4 * 4

    def samples(self, after=0):
        """What was played since mark(), without the silence around it."""
        with open(self.recording, 'rb') as f:
            f.seek(after)
            data = f.read()
        samples = array.array('h', data[:len(data) // 4 * 4])
        loud = [i for i, x in enumerate(samples) if abs(x) > 100]
        return samples[loud[0] // 2 * 2:loud[-1] // 2 * 2 + 2] if loud else array.array('h')
