#!/usr/bin/env python3
"""Every diagnostic's text, place and caret: `flexc check cases/NAME.flex` must print NAME.expected on stderr, byte for byte.

usage: test_diagnostics.py FLEXC [--update] [--negative] [--cases DIR]

A case NAME.recipe.py in place of NAME.flex prints the text (for those too large to keep). NAME.args holds other arguments than
`check NAME.flex`, in shell syntax, where a code takes some; NAME.memory a limit on the address space in KiB. Besides, the codes that the cases show
must be exactly those of `flexc check --list-codes`, and every code must be shown by the case that bears its name.
--update writes the expectations anew. --negative tampers with each expectation and passes if every one is then rejected.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import shlex
import subprocess
import sys
import tempfile

CASES = pathlib.Path(__file__).resolve().parent / "cases"
CODE = re.compile(r"^\S+:\d+:\d+: (?:error|warning): .* \[([a-z0-9-]+)\]$", re.MULTILINE)


def source_of(cases, name):
    recipe = cases / f"{name}.recipe.py"
    if recipe.exists():
        return subprocess.run([sys.executable, "-B", str(recipe)], capture_output=True, check=True).stdout
    return (cases / f"{name}.flex").read_bytes()


def check(flexc, cases, name):
    """(exit status, stderr) of `flexc check NAME.flex`, or of what NAME.args says."""
    arguments, memory = ["check", f"{name}.flex"], cases / f"{name}.memory"
    if (cases / f"{name}.args").exists():
        arguments = shlex.split((cases / f"{name}.args").read_text())
    limit = int(memory.read_text()) * 1024 if memory.exists() else None
    preparation = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    with tempfile.TemporaryDirectory() as folder:
        if f"{name}.flex" in arguments:
            pathlib.Path(folder, f"{name}.flex").write_bytes(source_of(cases, name))
        done = subprocess.run([flexc, *arguments], cwd=folder, capture_output=True, preexec_fn=preparation)
    return done.returncode, done.stderr


def fault(status, stderr, expected):
    """Why this is not as expected, or None."""
    if expected is None:
        return "there is no .expected file (run with --update, and read what it wrote)"
    wanted = 1 if b": error: " in expected else 0
    if status != wanted:
        return f"exit {status}, expected {wanted}"
    if stderr != expected:
        seen, want = stderr.decode("utf-8", "replace").split("\n"), expected.decode("utf-8", "replace").split("\n")
        line = next((i for i, (s, w) in enumerate(zip(seen + [""], want + [""])) if s != w), min(len(seen), len(want)))
        return f"line {line + 1} is\n    {(seen + [''])[line]}\n  expected\n    {(want + [''])[line]}"
    return None


def tampered(expected):
    """Every way in which an expectation is spoilt: a column, a code, the caret, a missing last line."""
    text = expected.decode("utf-8", "replace")
    yield re.sub(r":(\d+): (error|warning)", lambda m: f":{int(m[1]) + 1}: {m[2]}", text, count=1)
    yield re.sub(r"\[[a-z0-9-]+\]$", "[other-code]", text, count=1, flags=re.MULTILINE)
    yield text.replace("^", " ^", 1)
    yield "\n".join(text.split("\n")[:-2]) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Texts, places and carets of all diagnostics.")
    parser.add_argument("flexc")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--negative", action="store_true")
    parser.add_argument("--cases", type=pathlib.Path, default=CASES)
    options = parser.parse_args()
    flexc = str(pathlib.Path(options.flexc).resolve())
    names = sorted({p.name.split(".")[0] for p in options.cases.iterdir() if p.name.endswith((".flex", ".recipe.py", ".args"))})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        outcomes = dict(zip(names, pool.map(lambda name: check(flexc, options.cases, name), names)))
    faults, shown = [], set()
    for name, (status, stderr) in outcomes.items():
        path = options.cases / f"{name}.expected"
        codes = set(CODE.findall(stderr.decode("utf-8", "replace")))
        shown |= codes
        if options.update:
            path.write_bytes(stderr)
            continue
        expected = path.read_bytes() if path.exists() else None
        if options.negative:
            if expected is None:
                faults.append(f"{name}: no expectation to tamper with")
                continue
            for variant in tampered(expected):
                if variant.encode() == expected or fault(status, stderr, variant.encode()) is None:
                    faults.append(f"{name}: a tampered expectation passes")
            continue
        problem = fault(status, stderr, expected)
        if problem:
            faults.append(f"{name}: {problem}")
    listed = set(subprocess.run([flexc, "check", "--list-codes"], capture_output=True, text=True, check=True).stdout.split())
    if options.negative:
        listed = listed | {"no-such-code"}
        if not listed - shown:
            faults.append("a code without a case is not noticed")
    else:
        faults += [f"code {code}: no case shows it" for code in sorted(listed - shown)]
        faults += [f"code {code}: not in the list of codes" for code in sorted(shown - listed)]
        faults += [f"case {name} bears a code's name but does not show it" for name in names
                   if name in listed and name not in CODE.findall(outcomes[name][1].decode("utf-8", "replace"))]
    for line in faults:
        print(line)
    print(f"{len(names)} cases, {len(shown)} of {len(listed)} codes, {len(faults)} faults")
    return 1 if faults or not names else 0


if __name__ == "__main__":
    sys.exit(main())
