"""The part of tests/run that needs Python: builds, finds tests, runs them, reads their TAP, counts. See tests/README.md.

Two kinds of tests, found without any list to keep:
- what meson knows (suites unit, fuzz, or any other suite name below), run from the build folder;
- every executable file tests/SUITE/test-* of the suites integration, e2e and bench-smoke. Comments at its head may say
  "# timeout: SECONDS" and "# needs: image" (the guest image), "# needs: libvirt" or "# needs: nothing"; those of e2e and
  bench-smoke need the image unless they say otherwise.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import ctypes
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(TOP, "build")
BUILD_ASAN = os.path.join(TOP, "build-asan")
IMAGE = os.path.join(BUILD, "guest")
LOGS = os.path.join(BUILD, "test-logs")
SERVICES_STATE = os.path.join(BUILD, "test-services")
CI = os.environ.get("CI", "") not in ("", "0", "false")

# Cheap and telling first; what boots VMs last.
SUITES = ("static", "unit", "fuzz", "asan", "integration", "e2e", "bench-smoke")
SCRIPT_SUITES = ("integration", "e2e", "bench-smoke")
# Seconds for one test, unless it names its own. A Debian 13 desktop boots up to four minutes without KVM.
TIMEOUTS = {"static": 300, "unit": 120, "fuzz": 300, "asan": 600, "integration": 300, "e2e": 1800, "bench-smoke": 1200}
NEEDS = {"e2e": "image", "bench-smoke": "image"}
# What meson.build says is for a quiet machine; sanitizers cost two to four times the time.
MESON_FACTOR = 2
ASAN_FACTOR = 6
# Between SIGTERM, on which a test cleans up after itself, and SIGKILL.
GRACE_SECONDS = 20
# Tests that share nothing but the processor run side by side; of the other suites those of meson that it calls parallel, before the rest.
PARALLEL_SUITES = ("unit", "fuzz", "asan")
TAIL_LINES = 120

SKIP_STATUS = 77
PR_SET_CHILD_SUBREAPER = 36
# Started for all tests by packaging/services, or again by a test that killed one: no test's leftover. They end with the run.
SERVICES = ("dbus-daemon", "virtlogd", "libvirtd", "tini")
# Takes in what libvirtd starts, as we do the rest.
REAPER = "tini"

Test = collections.namedtuple("Test", "suite name command env cwd timeout tap needs beside", defaults=(False,))


class Outcome:
    """Points of one test."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.problems = []
        self.skips = []
        self.seconds = 0.0

    def fail(self, why):
        self.failed += 1
        self.problems.append(why)


class Say:
    """Progress lines; tests of a parallel suite must not mix theirs."""

    lock = threading.Lock()

    @classmethod
    def line(cls, text):
        with cls.lock:
            print(text, flush=True)


# -- steps ------------------------------------------------------------------------------------------------------------------

class Steps:
    """Runs preparations, keeps their time and their log."""

    # Those that run now, beside tests: nobody's leftover.
    pids = set()

    def __init__(self):
        self.times = []

    def run(self, name, *command):
        log = os.path.join(LOGS, f"step-{name}.log")
        start = time.monotonic()
        Say.line(f"== {name}: {shlex.join(command)}")
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            Steps.pids.add(process.pid)
            status = process.wait()
            Steps.pids.discard(process.pid)
        self.took(name, time.monotonic() - start)
        if status:
            Say.line(tail(log))
            Say.line(f"== {name} FAILED (status {status}), log: {os.path.relpath(log, TOP)}")
        return status == 0

    def took(self, name, seconds):
        self.times.append((name, seconds))
        Say.line(f"== {name}: {seconds:.1f} s")


def tail(path, lines=TAIL_LINES):
    with open(path, encoding="utf-8", errors="replace") as file:
        return "\n".join(collections.deque((line.rstrip("\n") for line in file), lines))


# -- finding tests ----------------------------------------------------------------------------------------------------------

def meson_tests(build):
    """What "meson introspect" tells: commands, environments, time limits."""
    answer = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, text=True, check=False)
    if answer.returncode:
        return []
    return json.loads(answer.stdout)


def from_meson(entry, suite, build, factor=MESON_FACTOR):
    env = {key: str(value) for key, value in entry.get("env", {}).items()}
    return Test(suite, entry["name"], entry["cmd"], env, entry.get("workdir") or build,
                entry.get("timeout", TIMEOUTS[suite]) * factor, entry["protocol"] in ("tap", "gtest"),
                set(env.get("SEKISHO_NEEDS", "").split()), suite in PARALLEL_SUITES or entry.get("is_parallel", False))


def suite_of(entry):
    # Meson writes "project:suite" in some versions, "suite" in others.
    names = [name.split(":")[-1] for name in entry["suite"]]
    return next((name for name in SUITES if name in names), None)


def header(path, key):
    """"# key: value" in the comments at a script's head."""
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("#") and line.strip() and not line.startswith('"""'):
                return None
            if match := re.match(rf"#\s*{key}:\s*(.+)", line):
                return match.group(1).strip()
    return None


def scripts(suite):
    folder = os.path.join(TOP, "tests", suite)
    if not os.path.isdir(folder):
        return
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.startswith("test-") or not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        yield Test(suite, name.removeprefix("test-"), [path], {}, TOP, float(header(path, "timeout") or TIMEOUTS[suite]), True,
                   set((header(path, "needs") or NEEDS.get(suite, "")).replace(",", " ").split()))


def find_tests(suites):
    found = []
    known = meson_tests(BUILD) if os.path.exists(os.path.join(BUILD, "build.ninja")) else []
    for suite in suites:
        if suite == "static":
            found.append(Test(suite, "checks", ["/usr/bin/python3", os.path.join(TOP, "tests/lib/static_checks.py")], {}, TOP,
                              TIMEOUTS[suite], True, set()))
        elif suite == "asan":
            found += [from_meson(entry, suite, BUILD_ASAN, ASAN_FACTOR) for entry in meson_tests(BUILD_ASAN)
                      if suite_of(entry) in ("unit", "fuzz")]
        else:
            found += [from_meson(entry, suite, BUILD) for entry in known if suite_of(entry) == suite]
            found += scripts(suite) if suite in SCRIPT_SUITES else []
    return found


# -- running one ------------------------------------------------------------------------------------------------------------

def read_tap(path, outcome):
    """Counts the points at the top level of a TAP stream."""
    plan, seen, bailed = None, 0, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if match := re.match(r"1\.\.(\d+)\s*(?:#\s*skip\s*(.*))?$", line, re.I):
                plan = int(match.group(1))
                if plan == 0:
                    outcome.skipped += 1
                    outcome.skips.append(match.group(2) or "everything")
            elif line.startswith("Bail out!"):
                outcome.fail(line.strip())
                bailed = True
            elif match := re.match(r"(not )?ok\b\s*(\d*)\s*(.*)", line):
                seen += 1
                directive = re.search(r"#\s*(skip|todo)\b\s*(.*)", match.group(3), re.I)
                if directive:
                    outcome.skipped += 1
                    outcome.skips.append(match.group(3).strip())
                elif match.group(1):
                    outcome.fail(match.group(3).strip(" -\n"))
                else:
                    outcome.passed += 1
    if plan is None and not bailed:
        outcome.fail("no TAP plan: it ended too early")
    elif plan and plan != seen and not bailed:
        outcome.fail(f"planned {plan} points, made {seen}")


def judge(test, status, log, outcome):
    if status == "timeout":
        outcome.fail(f"still running after {test.timeout:.0f} s")
    elif test.tap:
        read_tap(log, outcome)
        whole_skip = status == SKIP_STATUS and outcome.skipped and not outcome.failed
        if status and not outcome.failed and not whole_skip:
            outcome.fail(ending(status))
    elif status == SKIP_STATUS:
        outcome.skipped += 1
        outcome.skips.append("status 77")
    elif status:
        outcome.fail(ending(status))
    else:
        outcome.passed += 1
    if CI and outcome.skipped:
        for what in outcome.skips:
            outcome.fail(f"skipped, which CI does not allow: {what}")
        outcome.skipped = 0


def ending(status):
    return f"ended by signal {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def children_of(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
        return [int(child) for child in file.read().split()]
    return []


def name_of(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()
    return ""


def descendants_left(services=False):
    """Processes that lost their parent and came to us or to libvirtd's reaper: their test forgot them."""
    left = []
    takers = {os.getpid(), *(pid for pid in children_of(os.getpid()) if name_of(pid) == REAPER and pid not in Steps.pids)}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            if int(fields[1]) not in takers or int(entry) in Steps.pids:
                continue
            if fields[0] == "Z":
                if int(fields[1]) == os.getpid():
                    os.waitpid(int(entry), os.WNOHANG)
                continue
            if not services and name_of(entry) in SERVICES:
                continue
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as file:
                left.append((int(entry), file.read().replace("\0", " ").strip()))
        except (OSError, IndexError):
            continue
    return left


def end_group(process):
    """SIGTERM, so that the test can clean up, then SIGKILL."""
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            pass


def reap_orphans(keep):
    """Ends that nobody waits for: we took the place of init. libvirt counts a QEMU as alive until somebody has waited for it."""
    for entry in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{entry}/children", encoding="utf-8") as file:
            pids = [int(pid) for pid in file.read().split()]
        for pid in pids:
            try:
                if pid != keep and pid not in Steps.pids:
                    os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


@contextlib.contextmanager
def children_news():
    """Gives a wait(seconds) that ends early at every SIGCHLD, whoever's it is. In the main thread, one at a time."""
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    former = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def wait(seconds):
        if select.select([awake], [], [], seconds)[0]:
            os.read(awake, 4096)
    try:
        yield wait
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, former)
        os.close(awake)
        os.close(wake)


def wait_reaping(process, seconds):
    """Popen.wait for a test that runs alone and has daemons."""
    deadline = time.monotonic() + seconds
    with children_news() as wait:
        while (status := process.poll()) is None:
            reap_orphans(process.pid)
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, seconds)
            wait(left)
    return status


def environment(test, temporary):
    env = dict(os.environ)
    build = BUILD_ASAN if test.suite == "asan" else BUILD
    env.update(
        LC_ALL="C.UTF-8", SEKISHO_SRC=TOP, SEKISHO_BUILD=build, SEKISHO_TEST_IMAGE=IMAGE, SEKISHO_TEST_LOGS=LOGS,
        SEKISHO_TEST_TMP=temporary, TMPDIR=temporary, PYTHONPATH=os.path.join(TOP, "tests", "lib"), PYTHONDONTWRITEBYTECODE="1",
        G_TEST_SRCDIR=os.path.join(TOP, "tests"), G_TEST_BUILDDIR=os.path.join(build, "tests"),
        # A test must not find the desktop of whoever runs it.
        NO_AT_BRIDGE="1")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID"):
        env.pop(name, None)
    if test.suite == "asan":
        suppressions = os.path.join(TOP, "tests", "lib", "lsan.supp")
        env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0:exitcode=99:detect_stack_use_after_return=1"
        env["LSAN_OPTIONS"] = f"suppressions={suppressions}:print_suppressions=0"
        env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:exitcode=98"
        # The sanitizer sees through malloc only.
        env["G_SLICE"] = "always-malloc"
        # All 10,000 run in the unit suite; the sanitizers look for what every one of them does.
        env["SK_SEQUENCES"] = "2000"
    env.update(test.env)
    return env


def run_test(test):
    outcome = Outcome()
    log = os.path.join(LOGS, f"{test.suite}-{test.name.replace('/', '_').replace(' ', '_')}.log")
    # Short, because unix sockets below it have 108 characters for their whole path.
    temporary = tempfile.mkdtemp(prefix="skt-", dir="/tmp")
    os.chmod(temporary, 0o755)
    start = time.monotonic()
    try:
        with open(log, "w", encoding="utf-8") as out:
            process = subprocess.Popen(test.command, cwd=test.cwd, env=environment(test, temporary), stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                # Only then no step of a build runs beside it, which waits for children of its own.
                alone = test.suite in SCRIPT_SUITES and not test.beside
                status = wait_reaping(process, test.timeout) if alone else process.wait(test.timeout)
            except subprocess.TimeoutExpired:
                end_group(process)
                status = "timeout"
            except BaseException:
                end_group(process)
                raise
        judge(test, status, log, outcome)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if not test.beside:
        check_leftovers(outcome)
    outcome.seconds = time.monotonic() - start
    report(test, outcome, log)
    return outcome


def check_leftovers(outcome):
    # Several of them may be on their way out: asked to end, not yet gone.
    deadline = time.monotonic() + 3
    with children_news() as wait:
        while (left := descendants_left()) and time.monotonic() < deadline:
            wait(max(0, deadline - time.monotonic()))
    for pid, command in left:
        outcome.fail(f"left running: {command[:160]}")
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def report(test, outcome, log):
    name = f"{test.suite}/{test.name}"
    verdict = "FAIL" if outcome.failed else "pass" if outcome.passed else "skip"
    points = f"{outcome.passed} ok, {outcome.failed} failed, {outcome.skipped} skipped"
    text = [f"{verdict}  {name}  ({points}; {outcome.seconds:.1f} s)"]
    if outcome.failed:
        text += [f"      {problem}" for problem in outcome.problems]
        text += [f"      --- {os.path.relpath(log, TOP)}, its end:", tail(log), "      ---"]
    else:
        text += [f"      skipped: {what}" for what in outcome.skips]
    Say.line("\n".join(text))


# -- the whole --------------------------------------------------------------------------------------------------------------

def start_image(steps):
    """The guest image takes minutes of downloading and packing, compiling takes minutes of processor: side by side."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    # Its orphans (packing in a namespace makes some) are not a test's: they go to a reaper of their own.
    return pool.submit(steps.run, "image", REAPER, "-s", "--", os.path.join(TOP, "packaging/guest-image"), IMAGE)


def build_all(steps, suites, wants_image):
    """Returns (built, image): whether the build worked, and the future of the image or None."""
    build = os.path.join(TOP, "packaging/build")
    image = None
    if wants_image:
        if not steps.run("build-guest", build, "--werror", "agent/guest/sekisho-agent", "agent/guest/sekisho-session",
                         "agent/guest/sekisho-files", "agent/guest/sekisho-clip"):
            return False, None
        image = start_image(steps)
    if not steps.run("build", build, "--werror"):
        return False, image
    if "asan" in suites and not steps.run("build-asan", build, "--asan", "--werror"):
        return False, image
    return True, image


def wanted(tests, names):
    return [test for test in tests if not names or any(name in f"{test.suite}/{test.name}" for name in names)]


def run_suite(suite, tests):
    outcomes = run_beside(suite, [test for test in tests if test.beside])
    return outcomes + [run_test(test) for test in tests if not test.beside]


def run_beside(suite, tests):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = list(pool.map(run_test, tests))
    if outcomes:
        # Nobody knows whose: the suite's last test takes the blame, after its own report.
        leftovers = Outcome()
        check_leftovers(leftovers)
        for problem in leftovers.problems:
            Say.line(f"FAIL  {suite}: {problem}")
            outcomes[-1].fail(problem)
    return outcomes


def closing(outcomes, steps, broken=()):
    total = Outcome()
    for outcome in outcomes:
        total.passed += outcome.passed
        total.failed += outcome.failed
        total.skipped += outcome.skipped
    total.failed += len(broken)
    print()
    for name, seconds in steps.times:
        print(f"{seconds:8.1f} s  {name}")
    for what in broken:
        print(f"FAILED: {what}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if total.failed or not total.passed else 0


def arguments():
    parser = argparse.ArgumentParser(prog="tests/run")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("-k", dest="names", action="append", default=[], metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-build", action="store_true")
    options = parser.parse_args()
    for suite in options.suites:
        if suite not in SUITES:
            parser.error(f"no such suite: {suite} (there are: {', '.join(SUITES)})")
    options.suites = [suite for suite in SUITES if suite in options.suites or not options.suites]
    return options


def run_everything(options, steps):
    # Scripts are known before anything is built: so is whether one of them needs the image.
    early = wanted([test for suite in options.suites if suite in SCRIPT_SUITES for test in scripts(suite)], options.names)
    wants_image = any("image" in test.needs for test in early)
    broken, outcomes, image = [], [], None
    if not options.no_build:
        built, image = build_all(steps, options.suites, wants_image)
        if not built:
            return closing(outcomes, steps, ["the build (its log is above)"])
    tests = wanted(find_tests(options.suites), options.names)
    for suite in options.suites:
        chosen = [test for test in tests if test.suite == suite]
        if not chosen:
            continue
        if image and any("image" in test.needs for test in chosen):
            if not image.result():
                return closing(outcomes, steps, ["the guest image (its log is above)"])
            image = None
        if any(test.needs & {"image", "libvirt"} for test in chosen) \
                and not steps.run("services", os.path.join(TOP, "packaging/services"), "start", SERVICES_STATE):
            return closing(outcomes, steps, ["libvirt"])
        start = time.monotonic()
        outcomes += run_suite(suite, chosen)
        steps.took(f"suite {suite}", time.monotonic() - start)
    if not tests:
        broken.append("no test of that name")
    return closing(outcomes, steps, broken)


def main():
    options = arguments()
    if options.list:
        for test in wanted(find_tests(options.suites), options.names):
            print(f"{test.suite}/{test.name}")
        return 0
    os.makedirs(LOGS, exist_ok=True)
    # Whatever a test forgets becomes our child, and is seen.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    steps = Steps()
    try:
        return run_everything(options, steps)
    finally:
        if os.path.exists(SERVICES_STATE):
            # The daemons are our children by now: they are gone when we have waited for them.
            stop = subprocess.Popen([os.path.join(TOP, "packaging/services"), "stop", SERVICES_STATE], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL)
            wait_reaping(stop, 120)
        for pid, _ in descendants_left(services=True):
            os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
