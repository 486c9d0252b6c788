#!/usr/bin/env python3
"""Sums up ctest's JUnit file: failures, the ten slowest tests, and a last line `N passed, N failed`.

usage: test_report.py tests.xml [--ctest-status N]

Exit status: 0 something ran and nothing failed (nor did ctest itself), else 1.
"""
import argparse
import sys
import xml.etree.ElementTree as ElementTree

SLOWEST = 10


def main():
    parser = argparse.ArgumentParser(description="Sums up ctest's JUnit file.")
    parser.add_argument("file")
    parser.add_argument("--ctest-status", type=int, default=0)
    options = parser.parse_args()
    try:
        cases = list(ElementTree.parse(options.file).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        print(f"test_report: {error}", file=sys.stderr)
        print("0 passed, 1 failed")
        return 1

    # ctest marks a test that ran and passed "run", one that skipped itself "notrun" or "skipped".
    passed = [case for case in cases if case.get("status") == "run" and case.find("failure") is None]
    skipped = [case for case in cases if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled", "skipped")]
    failed = [case for case in cases if case not in passed and case not in skipped]
    print(f"the {SLOWEST} slowest tests:")
    for case in sorted(cases, key=lambda c: -float(c.get("time", 0)))[:SLOWEST]:
        print(f"  {float(case.get('time', 0)):7.1f} s  {case.get('name')}")
    for case in skipped:
        print(f"skipped: {case.get('name')}")
    for case in failed:
        print(f"FAILED: {case.get('name')}")
    # A test that could not start counts as failed: ctest's own status knows.
    failures = len(failed)
    if failures == 0 and options.ctest_status != 0:
        print(f"FAILED: ctest itself, status {options.ctest_status}")
        failures = 1
    print(f"{len(passed)} passed, {failures} failed")
    return 0 if passed and failures == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
