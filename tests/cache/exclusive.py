#!/usr/bin/env python3
"""Every file that the cache makes is made with O_EXCL, under a temporary's name, and entries appear by rename alone.

Usage: exclusive.py DRIVER SHIM
"""

import pathlib
import sys
import tempfile

from cache_files import Driver


def main() -> int:
    driver = Driver(sys.argv[1], sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        log = pathlib.Path(name, "log")
        driver.run(pathlib.Path(name, "cache"), "once", 1, log=log)
        lines = [line.split() for line in log.read_text().splitlines()]
    made = [line for line in lines if line[0] == "open" and line[-1].startswith("creat")]
    faults = [line for line in made if line[-1] != "creat,excl" or not line[1].startswith("tmp-")]
    renamed = [line for line in lines if line[0] == "rename"]
    print(f"{len(made)} files made, {len(renamed)} renamed, {len(faults)} otherwise than by O_EXCL under a temporary's name")
    return int(bool(faults) or not made or len(renamed) != len(made))


if __name__ == "__main__":
    sys.exit(main())
