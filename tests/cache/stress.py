#!/usr/bin/env python3
"""RELIABILITY 5: many processes on the same keys with a small bound, pruning all the while.

No error, every entry verifies, the size is within the bound of 256 KiB when all are done.
Usage: stress.py DRIVER SHIM --processes N --operations N --keys N
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from cache_files import Driver, examine

BOUND = 256 << 10


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("shim")
    parser.add_argument("--processes", type=int, required=True)
    parser.add_argument("--operations", type=int, required=True)
    parser.add_argument("--keys", type=int, required=True)
    arguments = parser.parse_args()
    driver = Driver(arguments.driver, arguments.shim)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name, "cache")
        running = [subprocess.Popen(driver.command(folder, "stress", seed, arguments.operations, arguments.keys), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for seed in range(arguments.processes)]
        outputs = [process.communicate(timeout=3000) for process in running]
        errors = [f"exit {process.returncode}: {out.strip()} {err.strip()}" for process, (out, err) in zip(running, outputs) if process.returncode or err]
        good, bad, temporaries = examine(folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"stress: {arguments.processes} processes x {arguments.operations} operations on {arguments.keys} keys: {len(errors)} errors, "
          f"{good} good entries, {bad} bad, {temporaries} leftovers, {size} bytes of {BOUND}")
    print("\n".join(errors[:10]))
    return int(bool(errors or bad or temporaries or size > BOUND or not good))


if __name__ == "__main__":
    sys.exit(main())
