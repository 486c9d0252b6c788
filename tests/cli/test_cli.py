#!/usr/bin/env python3
"""The command line: every verb, every exit code, every usage error, one typing mistake of each kind, and the outputs.

usage: test_cli.py FLEXC [--only WORD] [--negative]

A test is a function of a Session (session.py), in the file of its subject, cases/*.py;
`--negative` runs the same checks against commands that break the rules, and passes if each is caught.
"""
import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

from session import RANDOM, Failure, Session

# Commands that break a rule which `expect` must notice.
NEGATIVE = [
    lambda s: s.expect(0, "rnu"),
    lambda s: s.expect(2, "gallery", "list"),
    lambda s: s.expect(1, "check", "wrong.flex", words=["a word that is not there"]),
    lambda s: s.expect(1, "check", "wrong.flex", "--json"),  # writes to stdout
    lambda s: s.expect(1, "run", "causal", *RANDOM, "--device", "cpu"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--only", default="")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    flexc = str(Path(options.flexc).resolve())
    if options.negative:
        caught = 0
        for command in NEGATIVE:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    command(Session(flexc, folder))
                except Failure:
                    caught += 1
        print(f"cli, negative: {caught} of {len(NEGATIVE)} broken rules are noticed")
        return 0 if caught == len(NEGATIVE) else 1
    modules = [importlib.import_module(f"cases.{path.stem}") for path in sorted((Path(__file__).parent / "cases").glob("*.py"))]
    tests = [(name, test) for module in modules for name, test in vars(module).items() if name.startswith("test_") and options.only in name]
    failures = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Session(flexc, folder))
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"{name}: {failure}")
    print(f"cli: {len(tests)} tests, {failures} failures")
    return 1 if failures or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
