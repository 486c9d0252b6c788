#!/usr/bin/env python3
"""Short programs, wrong ones and odd but valid ones: which errors and warnings `flexc check` reports where, and nothing besides.

usage: test_programs.py FLEXC [--list] [--negative] [--programs FILE]

programs.txt holds them: a line `### NAME: LINE:COL code, …` (or `### NAME: accepted`), then the text, in which SM: and MM: stand
for the headers of the two mods. Each message must be followed by the line that it points at and a caret under the column; no error
may be missing, and none may follow from another. --list prints what the compiler reports now, to be read before it is written
into the table. --negative spoils each expectation and passes if every one is then rejected.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TABLE = pathlib.Path(__file__).resolve().parent / "programs.txt"
HEADERS = {"SM:": "def score_mod(score, b, h, q_idx, kv_idx):", "MM:": "def mask_mod(b, h, q_idx, kv_idx):"}
MESSAGE = re.compile(r"^p\.flex:(\d+):(\d+): (error|warning|note): (.+)$")
CODE = re.compile(r" \[([a-z0-9-]+)\]$")
LIMIT_S = 60  # a hang, not a speed: the slowest takes well under a second


def load(path):
    """NAME → (expected, text)."""
    programs = {}
    for part in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, text = part.split("\n", 1)
        name, expected = head.split(": ", 1)
        for short, header in HEADERS.items():
            text = re.sub(rf"^{short}", header, text, flags=re.MULTILINE)
        assert name not in programs, name
        programs[name] = (expected.strip(), text.rstrip("\n") + "\n")
    return programs


def check(flexc, text):
    """(what was reported, in the table's form; a fault of its layout, or None)."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "p.flex").write_text(text, encoding="utf-8")
        done = subprocess.run([flexc, "check", "p.flex"], cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=LIMIT_S)
    seen, errors, fault = [], 0, None
    source, lines = text.split("\n"), done.stderr.split("\n")
    for i, line in enumerate(lines):
        message = MESSAGE.match(line)
        if not message:
            continue
        row, column, severity, what = int(message[1]), int(message[2]), message[3], message[4]
        if severity != "note":
            seen.append(f"{row}:{column} {CODE.search(what)[1]}")
            errors += severity == "error"
        caret = lines[i + 2] if i + 2 < len(lines) else ""
        if lines[i + 1] != (source[row - 1] if row <= len(source) else "") or caret.find("^") != column - 1:
            fault = f"no source line and caret under {line!r}"
    if done.returncode != (1 if errors else 0):
        fault = f"exit {done.returncode} with {errors} errors"
    return ", ".join(seen) or "accepted", fault


def spoilt(expected):
    """The expectation with another column, or with an error where there is none."""
    return re.sub(r":(\d+) ", lambda m: f":{int(m[1]) + 1} ", expected, count=1) if expected != "accepted" else "1:1 syntax-error"


def main():
    parser = argparse.ArgumentParser(description="What is reported of short programs, and where.")
    parser.add_argument("flexc")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--negative", action="store_true")
    parser.add_argument("--programs", type=pathlib.Path, default=TABLE)
    options = parser.parse_args()
    flexc = str(pathlib.Path(options.flexc).resolve())
    programs = load(options.programs)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = dict(zip(programs, pool.map(lambda p: check(flexc, p[1]), programs.values())))
    faults = 0
    for name, (expected, _) in programs.items():
        seen, fault = outcomes[name]
        if options.list:
            print(f"### {name}: {seen}")
        wanted = spoilt(expected) if options.negative else expected
        if seen != wanted or fault:
            faults += 1
            if not options.negative and not options.list:
                print(f"{name}: {fault or ''}\n    reported  {seen}\n    expected  {wanted}")
    if options.list:
        return 0
    if options.negative:
        print(f"programs, negative: {faults} of {len(programs)} spoilt expectations rejected")
        return 0 if faults == len(programs) > 0 else 1
    print(f"{len(programs)} programs, {faults} faults")
    return 1 if faults or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
