#!/usr/bin/env python3
"""A planted fault must fail the test that it names: planted.py FAULT.txt UNIT_TESTS DRIVER SHIM"""

import pathlib
import subprocess
import sys

from plant import parse


def main() -> int:
    fault = parse(pathlib.Path(sys.argv[1]).read_text())
    unit_tests, driver, shim = sys.argv[2:5]
    if fault["fails"] == "exclusive":
        command = [sys.executable, "-B", str(pathlib.Path(__file__).with_name("exclusive.py")), driver, shim]
    else:
        command = [unit_tests, fault["fails"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    print(done.stdout[-1500:])
    # 1 to 41 assertions failed; a crash would be no detection.
    detected = 0 < done.returncode < 128 and ("FAILED" in done.stdout or fault["fails"] == "exclusive")
    print(f"{fault['fails']}: {'fails, as it must' if detected else 'does not notice the fault'}")
    return int(not detected)


if __name__ == "__main__":
    sys.exit(main())
