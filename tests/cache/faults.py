#!/usr/bin/env python3
"""RELIABILITY 3: a fault at the N-th open, read, write, flock, fcntl, close, rename or unlink, once and for ever.

A correct payload comes back all the same, at most one warning is printed, no bad entry is left, and the next process heals.
Usage: faults.py DRIVER SHIM [--all]. Without --all each call is faulted at its first four turns.
"""

import pathlib
import sys
import tempfile

from cache_files import Driver, examine

ERRORS = {
    "open": ["ENOSPC", "EIO", "EINTR", "EMFILE", "ESTALE"],
    "read": ["EIO", "EINTR", "ESTALE", "SHORT"],
    "write": ["ENOSPC", "EIO", "EINTR", "SHORT"],
    "flock": ["EINTR", "EIO"],
    "fcntl": ["EMFILE"],
    "close": ["EIO", "ENOSPC", "EINTR"],
    "rename": ["EBUSY", "EIO", "ENOSPC", "ESTALE"],
    "unlink": ["EBUSY", "EIO"],
}


def main() -> int:
    driver = Driver(sys.argv[1], sys.argv[2])
    turns = 16 if "--all" in sys.argv else 4
    tried = faulted = 0
    met: set[tuple[str, str]] = set()
    failures: list[str] = []
    for call, errors in ERRORS.items():
        for error in errors:
            for nth in range(turns):
                for ever in ("", ":ever"):
                    with tempfile.TemporaryDirectory() as name:
                        folder = pathlib.Path(name, "cache")
                        # An entry that is spoiled, so that removal is on the way too.
                        driver.run(folder, "once", 1)
                        entry = next(path for path in folder.iterdir())
                        entry.write_bytes(entry.read_bytes()[:-1])
                        fault = f"{call}:{nth}:{error}{ever}"
                        done = driver.run(folder, "once", 1, fault=fault, log=f"{name}/log")
                        tried += 1
                        calls = [line.split()[0] for line in pathlib.Path(name, "log").read_text().splitlines()]
                        if calls.count(call) > nth:
                            faulted += 1
                            met.add((call, error))
                        good, bad, temporaries = examine(folder)
                        warnings = done.stderr.count("warning: ")
                        # The spoiled entry itself may stay where its removal or replacement was faulted.
                        if done.returncode != 0 or "wrong=0" not in done.stdout or warnings > 1 or bad > 1 or temporaries > 1:
                            failures.append(f"{fault}: exit {done.returncode}, {done.stdout.strip()}, {warnings} warnings, {bad} bad, {temporaries} temporaries")
                        healed = driver.run(folder, "once", 1)
                        if "second=1 wrong=0 warnings=0" not in healed.stdout or examine(folder) != (1, 0, 0):
                            failures.append(f"{fault}: not healed: {healed.stdout.strip()} {examine(folder)}")
    print(f"faults: {tried} tried, {faulted} met, {len(failures)} failures")
    print("\n".join(failures[:20]))
    # A fault that is never met shows nothing.
    unmet = [f"{call} {error}" for call, errors in ERRORS.items() for error in errors if (call, error) not in met]
    if unmet:
        print(f"never met: {', '.join(unmet)}")
    return int(bool(failures or unmet))


if __name__ == "__main__":
    sys.exit(main())
