"""Checks that need no build: formatting, shell and Python syntax, and that what READMEs name is there. Prints TAP."""
import os
import py_compile
import re
import subprocess
import sys
import tempfile

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
# Top-level folders: a name in a README that starts with one of these is a path from the top.
FOLDERS = ("agent", "broker", "packaging", "policies", "tests", ".ci")
# The formatter the tree was formatted with: others lay out the same file in another way.
CLANG_FORMAT = 14
# What a README may name although git does not know it: made by a build or an installation.
MADE = re.compile(r"^(build|build-asan)(/|$)")
# Files by their ending, when no folder is given.
FILE_NAME = re.compile(r"^[\w.+-]+(/[\w.+-]+)*\.(c|h|md|py|sh|build|policy|service|socket|conf|supp|json|css|desktop|svg)$")
# Programs and pages with such endings that are not files of ours.
NOT_OURS = re.compile(r"\.so\b|^(manifest|package)\.json$")

count = failed = 0


def point(problems, what):
    global count, failed
    count += 1
    if isinstance(problems, str):
        print(f"ok {count} - {what} # SKIP {problems}")
        return
    if problems:
        failed += 1
    print(f"{'not ok' if problems else 'ok'} {count} - {what}")
    for problem in problems:
        print(f"# {problem}")


def tracked():
    """Files git knows or would add: a new file is checked before it is committed."""
    answer = subprocess.run(["git", "-c", "safe.directory=*", "-C", TOP, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True)
    return sorted(name for name in answer.stdout.split("\0") if name and os.path.isfile(os.path.join(TOP, name)))


def first_line(name):
    with open(os.path.join(TOP, name), "rb") as file:
        return file.readline(128).decode("utf-8", "replace")


def check_format(files):
    sources = [name for name in files if name.endswith((".c", ".h"))]
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {CLANG_FORMAT}." not in version:
        return f"needs clang-format {CLANG_FORMAT}, here is {version.strip()}"
    if not sources:
        return []
    answer = subprocess.run(["clang-format", "--dry-run", "--Werror", *sources], cwd=TOP, capture_output=True, text=True, check=False)
    if not answer.returncode:
        return []
    bad = sorted({line.split(":")[0] for line in answer.stderr.splitlines() if "clang-format-violations" in line})
    return [f"not formatted: {name} (clang-format -i {name})" for name in bad] or answer.stderr.splitlines()[:20]


def check_shell(files):
    problems = []
    shells = [name for name in files if name.endswith(".sh") or re.match(r"#!\s*/(usr/)?bin/(env )?(ba|da)?sh\b", first_line(name))]
    for name in shells:
        answer = subprocess.run(["bash", "-n", name], cwd=TOP, capture_output=True, text=True, check=False)
        problems += answer.stderr.splitlines()
    answer = subprocess.run(["shellcheck", "--severity=error", "--format=gcc", *shells], cwd=TOP, capture_output=True, text=True, check=False)
    return problems + answer.stdout.splitlines() if shells else problems


def check_python(files):
    problems = []
    with tempfile.NamedTemporaryFile() as out:
        for name in files:
            if name.endswith(".py") or re.match(r"#!.*\bpython3?\b", first_line(name)):
                try:
                    py_compile.compile(os.path.join(TOP, name), cfile=out.name, doraise=True)
                except py_compile.PyCompileError as error:
                    problems.append(f"{name}: {error.msg.strip()}")
    return problems


def exists(name, folder, files):
    """From the top, from the README's own folder, or "broker/x" written "x" as in an #include; a name alone, from anywhere."""
    if any(os.path.exists(os.path.join(TOP, base, name)) for base in ("", folder, "broker")):
        return True
    return "/" not in name and any(os.path.basename(file) == name for file in files)


def named_files(text):
    """What stands in back-quotes or is linked, and looks like a file or folder of the project."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for match in re.finditer(r"`([^`\n]+)`|\]\(([^)\s#]+)", text):
        name = (match.group(1) or match.group(2)).strip()
        linked = match.group(2) is not None
        # A command with arguments names its program; a pattern or a place holder names nothing.
        name = name.split(" ")[0].rstrip(":,.;")
        if not name or re.search(r"[*<>{}$|=()…]|://|NN|NAME|^[/~-]", name) or MADE.match(name) or NOT_OURS.search(name):
            continue
        if linked or name.split("/")[0] in FOLDERS and "/" in name or FILE_NAME.match(name):
            yield name


def check_readmes(files):
    problems = []
    for readme in (name for name in files if name.endswith(".md")):
        with open(os.path.join(TOP, readme), encoding="utf-8") as file:
            text = file.read()
        for name in named_files(text):
            if not exists(name, os.path.dirname(readme), files):
                problems.append(f"{readme} names {name}, which is not there")
    return problems


def check_folders(files):
    """Every folder of a process or a kind of test explains itself."""
    problems = []
    for folder in sorted({os.path.dirname(name) for name in files if name.count("/") == 2}):
        top = folder.split("/")[0]
        if top in ("broker", "agent") or (top == "tests" and folder not in ("tests/data", "tests/lib")):
            if f"{folder}/README.md" not in files:
                problems.append(f"{folder}/ has no README.md")
    return problems


def main():
    files = tracked()
    point(check_format(files), "C files are formatted as .clang-format says")
    point(check_shell(files), "shell scripts parse, and shellcheck sees no error")
    point(check_python(files), "Python files compile")
    point(check_readmes(files), "every file a README names is there")
    point(check_folders(files), "every folder has its README")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
