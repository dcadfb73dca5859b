"""A small "internet" and a small "LGWAN" for tests, in network namespaces of their own; the host has no address in either.

    with Internet() as net:
        rig.pool(network=net.bridge)
        ... http://page.test/ shows a page whose text field tells this process what was typed into it
        net.wait_typed('abc')

The bridge stands in the root namespace (QEMU's taps must reach it) without an address and without IPv6; behind it the namespace has DHCP,
DNS and a web server. connect_lgwan() puts the canary's namespace on the same bridge: the fault that doctor must find.
"""
import contextlib
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(__file__))
from rig import run, wait_until  # pylint: disable=wrong-import-position

# TEST-NET-2 and TEST-NET-3 (RFC 5737): documentation addresses, never routed, only inside these namespaces.
SERVER, DHCP_FROM, DHCP_TO = '198.51.100.1', '198.51.100.50', '198.51.100.150'
CANARY = '203.0.113.10'

PAGE = '''<!doctype html><meta charset="utf-8"><title>page</title>
<style>body{margin:0;background:#2060a0}p{margin:20px 60px}textarea{position:absolute;left:60px;top:140px;width:500px;height:200px;font-size:24px}</style>
<p>page</p>
<textarea id="t" autofocus></textarea>
<script>
const t = document.getElementById('t');
// Chromium drops every click and key before the first contentful paint (its WidgetInputHandlerManager): until then the page says nothing.
// An empty text area is no content, the paragraph is.
const drawn = new Promise(done => new PerformanceObserver(
  list => list.getEntriesByName('first-contentful-paint').length && done()).observe({type: 'paint', buffered: true}));
let busy = false, again = false;
// One at a time: two at once could arrive in the wrong order, and the last is what counts.
const tell = async () => {
  await drawn;
  again = true;
  if (busy) return;
  busy = true;
  while (again) {
    again = false;
    await fetch('/typed', {method: 'POST', body: JSON.stringify({text: t.value, width: innerWidth, height: innerHeight})}).catch(() => 0);
  }
  busy = false;
};
t.addEventListener('input', tell);
addEventListener('resize', tell);
addEventListener('load', () => { t.focus(); tell(); });
// The middle button plays for three seconds: a frequency for each ear.
addEventListener('mousedown', event => {
  if (event.button !== 1) return;
  event.preventDefault();
  const context = new AudioContext({latencyHint: 'playback'}), ears = new ChannelMergerNode(context, {numberOfInputs: 2});
  [440, 660].forEach((frequency, ear) => {
    const tone = new OscillatorNode(context, {frequency}), gain = new GainNode(context, {gain: 0.5});
    tone.connect(gain).connect(ears, 0, ear);
    tone.start();
    tone.stop(context.currentTime + 3);
  });
  ears.connect(context.destination);
});
</script>'''

SERVER_PROGRAM = '''
import http.server, json, os, sys
page, files = sys.argv[1].encode(), sys.argv[2]
kinds = {'.png': 'image/png', '.txt': 'text/plain; charset=utf-8'}
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body=b'', kind='text/html; charset=utf-8'):
        self.send_response(200); self.send_header('Content-Type', kind); self.send_header('Content-Length', str(len(body)))
        self.send_header('Cache-Control', 'no-store'); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        print(json.dumps({'get': self.path, 'host': self.headers.get('Host')}), flush=True)
        path = os.path.join(files, os.path.basename(self.path))
        if files and os.path.isfile(path): self.answer(open(path, 'rb').read(), kinds[os.path.splitext(path)[1]])
        else: self.answer(page)
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        if self.path == '/upload': print(json.dumps({'upload': body.decode('latin-1')}), flush=True)
        else: print(body.decode(), flush=True)
        self.answer()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('0.0.0.0', 80), Handler).serve_forever()
'''

CANARY_PROGRAM = '''
import select, socket
tcp = socket.create_server(('0.0.0.0', 8080)); udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(('%s', 8080))
while True:
    for s in select.select([tcp, udp], [], [])[0]:
        if s is tcp: c = s.accept()[0]; c.sendall(b'canary'); c.close()
        else: data, peer = s.recvfrom(2048); s.sendto(b'canary', peer)
''' % CANARY


class Internet:
    def __init__(self, files='', page=PAGE):
        """files: a folder whose PNG and text files it serves beside the page."""
        self.files, self.page = files, page
        # 15 characters is the kernel's limit for interface names
        tag = f'{os.getpid() % 100000}'
        self.bridge, self.namespace, self.lgwan = f'skt{tag}', f'skt-net-{tag}', f'skt-lgwan-{tag}'
        self.stack = contextlib.ExitStack()
        self.typed, self.requests, self.uploads, self.news = [], [], [], threading.Condition()

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        self.stack.close()

    def ip(self, *arguments, namespace=None):
        run('ip', *(['-n', namespace] if namespace else []), *arguments)

    def make_namespace(self, name):
        self.ip('netns', 'add', name)
        self.stack.callback(run, 'ip', 'netns', 'delete', name, check=False)
        self.ip('link', 'set', 'lo', 'up', namespace=name)

    def plug(self, namespace, link, address):
        """A cable from the bridge into a namespace."""
        inside = 'e' + link[1:]
        self.ip('link', 'add', link, 'type', 'veth', 'peer', 'name', inside, 'netns', namespace)
        self.stack.callback(run, 'ip', 'link', 'delete', link, check=False)
        run('sysctl', '-qw', f'net.ipv6.conf.{link}.disable_ipv6=1')
        self.ip('link', 'set', link, 'master', self.bridge, 'up')
        self.ip('address', 'add', address, 'dev', inside, namespace=namespace)
        self.ip('link', 'set', inside, 'up', namespace=namespace)

    def inside(self, namespace, *command, **options):
        process = subprocess.Popen(['ip', 'netns', 'exec', namespace, *command], stdin=subprocess.DEVNULL, **options)
        self.stack.callback(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        process.wait()

    def up(self):
        self.ip('link', 'add', self.bridge, 'type', 'bridge')
        self.stack.callback(run, 'ip', 'link', 'delete', self.bridge, check=False)
        run('sysctl', '-qw', f'net.ipv6.conf.{self.bridge}.disable_ipv6=1')
        self.ip('link', 'set', self.bridge, 'up')
        # As packaging/network does it: Linux answers ARP on every interface for all its addresses.
        table = f'netdev {self.bridge}'
        hooks = (('from_bridge', 'ingress'), ('to_bridge', 'egress'))
        chains = ''.join(f'chain {name} {{ type filter hook {hook} device "{self.bridge}" priority -500; policy drop; }}\n'
                         for name, hook in hooks)
        run('nft', '-f', '-', input=f'table {table} {{\n{chains}}}\n')
        self.stack.callback(run, 'nft', f'delete table {table}', check=False)
        self.make_namespace(self.namespace)
        self.plug(self.namespace, 'v' + self.bridge[1:] + 'n', f'{SERVER}/24')
        self.inside(self.namespace, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--no-resolv',
                    '--no-hosts', f'--dhcp-range={DHCP_FROM},{DHCP_TO},1h', f'--address=/test/{SERVER}', '--dhcp-leasefile=/dev/null',
                    '--bind-interfaces', f'--listen-address={SERVER}', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = self.inside(self.namespace, sys.executable, '-c', SERVER_PROGRAM, self.page, self.files, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.listen, args=(server.stdout,), daemon=True).start()
        wait_until(lambda: run('ip', 'netns', 'exec', self.namespace, 'ss', '-Htln', 'sport = :80').stdout, 10, 'the web server')
        self.make_namespace(self.lgwan)
        self.ip('link', 'add', 'lan0', 'type', 'bridge', namespace=self.lgwan)
        self.ip('address', 'add', f'{CANARY}/24', 'dev', 'lan0', namespace=self.lgwan)
        self.ip('link', 'set', 'lan0', 'up', namespace=self.lgwan)
        self.inside(self.lgwan, sys.executable, '-c', CANARY_PROGRAM)
        wait_until(lambda: run('ip', 'netns', 'exec', self.lgwan, 'ss', '-Htln', 'sport = :8080').stdout, 10, 'the canary')

    def connect_lgwan(self):
        """The mistake a tired clerk makes: the LGWAN's cable in the internet's switch, and a route to it."""
        link = 'v' + self.bridge[1:] + 'l'
        self.plug(self.lgwan, link, '198.51.100.2/24')
        run('ip', 'netns', 'exec', self.lgwan, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.ip('route', 'add', f'{CANARY}/32', 'via', '198.51.100.2', namespace=self.namespace)
        run('ip', 'netns', 'exec', self.namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
        self.ip('route', 'replace', 'default', 'via', SERVER, namespace=self.lgwan)

    def listen(self, stream):
        for line in stream:
            with self.news:
                item = json.loads(line)
                (self.requests if 'get' in item else self.uploads if 'upload' in item else self.typed).append(item)
                self.news.notify_all()

    def wait_for(self, predicate, seconds, what):
        with self.news:
            if not self.news.wait_for(predicate, seconds):
                raise TimeoutError(f'{seconds} s in vain for {what}; last: {self.typed[-3:]} {self.requests[-3:]}')

    def wait_typed(self, text, seconds=60):
        self.wait_for(lambda: self.typed and self.typed[-1]['text'].rstrip('\n') == text, seconds, f'the text {text!r} in the page')

    def wait_shown(self, path='/', seconds=180):
        """The page is loaded, its script has run, it is drawn and takes input."""
        self.wait_for(lambda: any(r['get'] == path for r in self.requests) and self.typed, seconds, f'the page {path}')
