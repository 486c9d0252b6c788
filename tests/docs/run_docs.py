#!/usr/bin/env python3
"""Runs the examples of README.md and docs/*.md.

usage: run_docs.py FLEXC --cxx "COMPILER FLAGS… @ LINK FLAGS…" [--negative]

Fenced blocks by their first word:
  flex      a variant: `flexc check` must accept it without an error; with `file=NAME` it is kept for the document's later blocks
  console   lines `$ command` are run by bash, one after another, in one folder a document (tests/ is linked there); each is followed by its
            output, where `*` stands for anything within a line. A command with no lines below it may print what it likes; it must succeed
            unless the next line shows its status (`echo "exit $?"`).
  cpp       a program: compiled against flexc and run; it must exit 0
  c         a translation unit: compiled; one with a main is linked with flexc and run, and must exit 0
Blocks of other kinds (sh, python, text) are shown, not run. --negative checks that broken examples are noticed.
"""
import argparse
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT_S = 300


def blocks(text):
    """(line number, info string, body) of each fenced block."""
    found, start, info, body = [], None, "", []
    for number, line in enumerate(text.split("\n"), 1):
        fence = re.match(r"^```(.*)$", line)
        if fence and start is None:
            start, info, body = number, fence[1].strip(), []
        elif fence:
            found.append((start, info, "\n".join(body) + "\n"))
            start = None
        elif start is not None:
            body.append(line)
    if start is not None:
        found.append((start, "unclosed", ""))
    return found


class Runner:
    def __init__(self, flexc, cxx, folder, root):
        self.flexc, self.folder = flexc, Path(folder)
        self.compile, _, self.link = cxx.partition(" @ ")
        tests = self.folder / "tests"
        if not tests.exists():
            tests.symlink_to(root / "tests")
        home = self.folder / ".home"
        home.mkdir(exist_ok=True)
        # The flexc under test comes first, then the Python that runs this (it has NumPy).
        path = os.pathsep.join([str(Path(flexc).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = dict(os.environ, PATH=path, HOME=str(home), LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")

    def call(self, command, **options):
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, **options)

    def flex(self, info, body):
        name = re.search(r"file=(\S+)", info)
        path = self.folder / (name[1] if name else ".example.flex")
        path.write_text(body)
        done = self.call([self.flexc, "check", str(path)])
        return None if done.returncode == 0 else f"flexc check: {done.stderr.strip()}"

    def console(self, info, body):
        steps = []
        for line in body.rstrip("\n").split("\n"):
            if line.startswith("$ "):
                steps.append((line[2:], []))
            elif steps:
                steps[-1][1].append(line)
            else:
                return "output before the first command"
        # One shell for the block, so that `$?` and variables live on; a mark tells the commands' outputs apart.
        mark = "-- example end --"
        script = "".join(f"(exit $status_of_last)\n{command}\nstatus_of_last=$?\necho '{mark}' $status_of_last\n" for command, _ in steps)
        done = self.call(["bash", "-c", "status_of_last=0\n" + script])
        outputs = re.split(rf"^{mark} (\d+)\n", done.stdout, flags=re.M)
        if len(outputs) != 2 * len(steps) + 1:
            return f"the shell ended early: {done.stderr.strip()}"
        for index, (command, expected) in enumerate(steps):
            output, status = outputs[2 * index], outputs[2 * index + 1]
            status_is_shown = index + 1 < len(steps) and "$?" in steps[index + 1][0]
            if status != "0" and not status_is_shown:
                return f"`{command}` has status {status}: {done.stderr.strip()[-600:]}"
            if expected:
                got = output.rstrip("\n").split("\n")
                # A single line of expectation may be found anywhere; several must be all there is.
                if len(expected) == 1 and any(matches(line, expected[0]) for line in got):
                    continue
                if len(got) != len(expected) or not all(matches(g, e) for g, e in zip(got, expected)):
                    return f"`{command}` printed\n" + "\n".join(got) + "\nexpected\n" + "\n".join(expected)
        return None

    def cpp(self, info, body):
        source, program = self.folder / "example.cpp", self.folder / "example"
        source.write_text(body)
        done = self.call(f"{self.compile} -o '{program}' '{source}' {self.link}", shell=True)
        if done.returncode != 0:
            return f"does not compile: {done.stderr.strip()[:2000]}"
        done = self.call([str(program)])
        return None if done.returncode == 0 else f"exits {done.returncode}: {done.stdout}{done.stderr}"

    def c(self, info, body):
        source = self.folder / "example.c"
        source.write_text(body)
        includes = " ".join(re.findall(r"-I(?:'[^']*'|\S+)", self.compile))
        program = self.folder / "example"
        whole = re.search(r"^int main\(", body, re.M)
        done = self.call(f"cc -std=c11 {includes} '{source}' " + (f"-o '{program}' {self.link}" if whole else "-fsyntax-only"), shell=True)
        if done.returncode != 0:
            return f"does not compile: {done.stderr.strip()[:2000]}"
        done = self.call([str(program)]) if whole else done
        return None if done.returncode == 0 else f"exits {done.returncode}: {done.stdout}{done.stderr}"


def matches(line, pattern):
    """`*` is anything, all else is itself."""
    return fnmatch.fnmatchcase(line, re.sub(r"([\[?])", r"[\1]", pattern))


def run_document(flexc, cxx, root, name, text):
    """(number of examples, faults)."""
    count, faults = 0, []
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(flexc, cxx, folder, root)
        for line, info, body in blocks(text):
            kind = info.split(" ")[0]
            if kind == "unclosed":
                faults.append(f"{name}:{line}: a block is not closed")
            if kind not in ("flex", "console", "cpp", "c"):
                continue
            count += 1
            fault = getattr(runner, kind)(info, body)
            if fault:
                faults.append(f"{name}:{line}: {kind}: {fault}")
    return count, faults


BROKEN = {
    "a variant with an error": "```flex\ndef mask_mod(b, h, q, k):\n    return q >= j\n```\n",
    "another output": "```console\n$ echo one\ntwo\n```\n",
    "more output": "```console\n$ printf 'one\\ntwo\\nthree\\n'\none\ntwo\n```\n",
    "a command that fails": "```console\n$ false\n```\n",
    "a program that fails": "```cpp\n#include <flexc/flexc.h>\nint main() { return 3; }\n```\n",
    "a program that does not compile": "```cpp\n#include <flexc/flexc.h>\nint main() { return flexc::nothing; }\n```\n",
    "a C program that fails": "```c\n#include <flexc/flexc_c.h>\nint main(void) { return flexc_version()[0] == '0' ? 4 : 0; }\n```\n",
    "a C program that does not compile": "```c\n#include <flexc/flexc_c.h>\nint main(void) { return flexc_nothing(); }\n```\n",
    "C that is no translation unit": "```c\nint f(void { }\n```\n",
    "a block left open": "```flex\n",
}


def main():
    parser = argparse.ArgumentParser(description="Runs the examples of the documentation.")
    parser.add_argument("flexc")
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    root = Path(os.environ.get("FLEXC_ROOT", Path(__file__).resolve().parents[2]))
    flexc = str(Path(options.flexc).resolve())
    if options.negative:
        found = [name for name, text in BROKEN.items() if run_document(flexc, options.cxx, root, name, text)[1]]
        print(f"documentation, negative: {len(found)} of {len(BROKEN)} broken examples noticed; missed: {sorted(set(BROKEN) - set(found))}")
        return 0 if len(found) == len(BROKEN) else 1
    count, faults = 0, []
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        examples, wrong = run_document(flexc, options.cxx, root, str(path.relative_to(root)), path.read_text("utf-8"))
        count += examples
        faults += wrong
    for fault in faults:
        print(fault)
    print(f"documentation: {count} examples, {len(faults)} failures")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
