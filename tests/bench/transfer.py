"""What the checkpoint costs whatever crosses it, beside peers measured in the same run on the same machine.

text     1 KiB of text from a clipboard that is allowed: created, encrypted, inspected in a cage, decided, recorded, released, read by the
         other side. The peer is a program that copies it between two sockets. The difference of each pair counts; what one wait for this
         disk costs is shown beside it (five of them are on the text's way).
queue    transfers that wait for an approver: listing, deciding and releasing one of 10,000 beside one of 100. Without a peer: a ratio
         between two lengths of ourselves.
import   a file of a real guest into the encrypted quarantine, beside `cat` of the same file through the same virtio-serial port to a
         program that drops it; and how much core, agent and sekisho-files grow meanwhile. Needs a guest image (SEKISHO_TEST_IMAGE).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', 'lib'))
from rig import BUILD, TOP, binary  # noqa: E402

PARTS = ('text', 'queue', 'import')
POLICIES = os.path.join(TOP, 'policies', 'default')
# A person does not copy faster; spare inspectors are there again by then.
REST_MS = 250
# Decisions that are timed at each length of the queue.
DECISIONS = 200
GROWTH_GOAL_MIB = 32


def say(text):
    print(text, file=sys.stderr, flush=True)


def box(state, *words):
    """One run of transfer-box; its words on stderr are for the reader."""
    os.makedirs(state)
    out = subprocess.run([binary('transfer-box'), words[0], state, *map(str, words[1:])], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(out.stdout)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def row(key, text, value, goal, at_least=False):
    met = value >= goal if at_least else value <= goal
    return {'key': key, 'text': text, 'value': round(value, 3), 'goal': goal, 'at_least': at_least, 'met': met}


def measure_text(state, count, rest):
    samples = box(state, 'text', os.path.join(BUILD, 'libexec'), POLICIES, count, rest)
    added = [ours - relay for relay, ours, _ in samples]
    figures = {name: {'p50': percentile(values, 0.5), 'p95': percentile(values, 0.95), 'max': max(values)}
               for name, values in (('relay_ms', [s[0] for s in samples]), ('ours_ms', [s[1] for s in samples]), ('added_ms', added),
                                    ('disk_ms', [s[2] for s in samples]))}
    return [row('text_added_p95', '1 KiB of text, added to a relay, p95 ms', figures['added_ms']['p95'], 20)], figures


def measure_queue(state, lengths, rounds):
    """In turns, so that a machine that is busy for a while is so for both."""
    runs = {n: [] for n in lengths}
    for i in range(rounds):
        for n in lengths:
            runs[n].append(box(f'{state}/{i}-{n}', 'queue', POLICIES, n, DECISIONS))
    figures = {}
    for what in ('start', 'create', 'list_queue', 'list_all', 'decide', 'release'):
        for n in lengths:
            figures[f'{what}_{n}'] = {unit: statistics.median(r[what][unit] for r in runs[n]) for unit in ('us', 'cpu_us')}
    few, many = lengths
    # Lists wait for nothing: the processor's time is all that they cost, and says the same on a busy machine.
    rows = [row(f'queue_{what}', f'{text}, {many} waiting / {few} waiting', figures[f'{what}_{many}'][unit] / figures[f'{what}_{few}'][unit], 2)
            for what, text, unit in (('create', 'a new one', 'us'), ('list_queue', "a line of the approver's list", 'cpu_us'),
                                     ('list_all', 'a line of all lists', 'cpu_us'), ('decide', 'a decision', 'us'), ('release', 'a release', 'us'))]
    return rows, figures


def measure_import(state, mib, rounds):
    import transfer_guest
    results = transfer_guest.measure(rounds, mib, state, say)
    ratio = statistics.median(ours / cat for ours, cat, _ in results)
    rows = [row('import_cat', f'{mib} MiB out of a guest / cat', ratio, 0.7, at_least=True)]
    rows += [row(f'import_growth_{name}', f'{name} grew by, MiB', max(growth[name] for _, _, growth in results) / 1024, GROWTH_GOAL_MIB)
             for name in ('core', 'agent', 'files')]
    return rows, {'mib_per_second': {'ours': [r[0] for r in results], 'cat': [r[1] for r in results]}}


def print_table(result):
    for r in result['rows']:
        print(f"  {r['text']:55} {r['value']:10.2f}   goal {'>=' if r['at_least'] else '<='} {r['goal']:<5g} {'' if r['met'] else 'MISSED'}")
    for part, figures in result['figures'].items():
        print(f'\n{part}:')
        for name, values in figures.items():
            print(f'  {name:18} ' + '  '.join(
                f'{key} {value:.4g}' if isinstance(value, (int, float)) else f"{key} {' '.join(f'{v:.1f}' for v in value)}"
                for key, value in values.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', default=','.join(PARTS), help='out of ' + ','.join(PARTS))
    parser.add_argument('--texts', type=int, default=200)
    parser.add_argument('--rest', type=int, default=REST_MS, help='milliseconds between two texts')
    parser.add_argument('--queued', default='100,10000', help='two lengths of the queue')
    parser.add_argument('--mib', type=int, default=1024, help='of the imported file')
    parser.add_argument('--rounds', type=int, default=3, help='of queue and import')
    parser.add_argument('--state', default=None, help='a folder on the disk to be measured')
    parser.add_argument('--format', choices=('table', 'json'), default='table')
    args = parser.parse_args()
    parts = args.parts.split(',')
    few, many = map(int, args.queued.split(','))
    if set(parts) - set(PARTS):
        parser.error('parts: out of ' + ','.join(PARTS))
    state = tempfile.mkdtemp(prefix='sekisho-transfer-', dir=args.state)
    measures = {'text': lambda: measure_text(f'{state}/text', args.texts, args.rest),
                'queue': lambda: measure_queue(f'{state}/queue', (few, many), args.rounds),
                'import': lambda: measure_import(f'{state}/import', args.mib, args.rounds)}
    result = {'rows': [], 'figures': {}, 'load': os.getloadavg()[0]}
    try:
        for part in PARTS:
            if part in parts:
                say(f'{part} …')
                rows, result['figures'][part] = measures[part]()
                result['rows'] += rows
    finally:
        shutil.rmtree(state)
    if args.format == 'json':
        print(json.dumps(result))
    else:
        print_table(result)


main()
