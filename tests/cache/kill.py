#!/usr/bin/env python3
"""RELIABILITY 2: SIGKILL before and after each file-system call, and at random instants.

No bad entry, at most one leftover a kill, gone at the next prune. For the random kills it prints how often each call was in
progress, which the shim records in a shared page; every call of the write path must have been met `--least` times, and of all
kills in between 10 and 90 % must have left no entry.
Usage: kill.py DRIVER SHIM --kills N --least N
"""

import argparse
import mmap
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

from cache_files import CALLS, Driver, examine

WRITE_PATH = ["open", "flock", "fcntl", "write", "close", "rename"]


def at_each_call(driver: Driver, failures: list[str]) -> int:
    """Kills a fresh process at its n-th call, before and after, until it survives."""
    kills = 0
    for when in ("", ":after"):
        for nth in range(200):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name, "cache")
                done = driver.run(folder, "once", 1, kill=f"{nth}{when}")
                if done.returncode == 0:
                    break
                kills += 1
                check(driver, folder, f"call {nth}{when}", failures)
    return kills


def check(driver: Driver, folder: pathlib.Path, what: str, failures: list[str]) -> bool:
    """Whether an entry was there after the kill."""
    good, bad, temporaries = examine(folder) if folder.exists() else (0, 0, 0)
    if bad or temporaries > 1:
        failures.append(f"{what}: {bad} bad entries, {temporaries} leftovers")
    healed = driver.run(folder, "once", 99)
    if healed.returncode != 0 or "second=1 wrong=0 warnings=0" not in healed.stdout or examine(folder)[1:] != (0, 0):
        failures.append(f"{what}: not healed: {healed.stdout.strip()}, {examine(folder)}")
    return good > 0


def at_random(driver: Driver, kills: int, generator: random.Random, failures: list[str]) -> tuple[dict[str, int], int]:
    """(calls in progress, kills that left no entry)"""
    met = dict.fromkeys(CALLS, 0)
    empty = 0
    for _ in range(kills):
        with tempfile.TemporaryDirectory() as name:
            folder, page = pathlib.Path(name, "cache"), pathlib.Path(name, "state")
            folder.mkdir(mode=0o700)
            page.write_bytes(bytes(mmap.PAGESIZE))
            # The delay stretches each call, so that an instant is likely to lie in one.
            process = subprocess.Popen(driver.command(folder, "loop", 1), env=driver.environment(folder, state=page, delay=300), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(page, "r+b") as file, mmap.mmap(file.fileno(), mmap.PAGESIZE) as shared:
                deadline = time.monotonic() + 60
                while struct.unpack_from("<i", shared, 4)[0] == 0 and time.monotonic() < deadline:
                    time.sleep(0.0005)
                time.sleep(generator.random() * 0.02)
                process.send_signal(signal.SIGKILL)
                process.wait()
                met[CALLS[struct.unpack_from("<i", shared, 0)[0]]] += 1
            if not check(driver, folder, "random kill", failures):
                empty += 1
    return met, empty


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("shim")
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--least", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    driver = Driver(arguments.driver, arguments.shim)
    failures: list[str] = []
    each = at_each_call(driver, failures)
    met, empty = at_random(driver, arguments.kills, random.Random(arguments.seed), failures)
    progress = ", ".join(f"{call} {count}" for call, count in met.items())
    print(f"kills: {each} at calls, {arguments.kills} at random instants (seed {arguments.seed}), {100 * empty / arguments.kills:.0f} % left no entry, "
          f"{len(failures)} failures; in progress: {progress}")
    print("\n".join(failures[:20]))
    rare = [call for call in WRITE_PATH if met[call] < arguments.least]
    if rare:
        print(f"met fewer than {arguments.least} times: {', '.join(rare)}")
    return int(bool(failures or rare or each < 2 * len(WRITE_PATH)) or not 0.1 <= empty / arguments.kills <= 0.9)


if __name__ == "__main__":
    sys.exit(main())
