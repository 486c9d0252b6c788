"""The long run of random_mods, in as many processes as there are cores: nightly.py RANDOM_MODS LANGUAGE_MD COUNT SEED

Each process takes a share of the mods, from a seed of its own, and judges its own histogram. The last line is the sum.
"""

import os
import re
import subprocess
import sys

SUMMARY = re.compile(r"^(\d+) mods from seed \d+: (\d+) pairs judged, (\d+) of them on narrow members, (\d+) differ", re.MULTILINE)
MODS_PER_SEED = 2  # a program has two


def main(random_mods, table, count, seed):
    processes = min(os.cpu_count() or 1, 16)
    share = -(-count // processes)
    runs = [subprocess.Popen([random_mods, table, "--count", str(share), "--seed", str(seed + i * share // MODS_PER_SEED), "--plain-every", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i in range(processes)]
    totals, passed = [0, 0, 0, 0], True
    for run in runs:
        output = run.communicate()[0]
        print(output)
        summary = SUMMARY.search(output)
        passed = passed and run.returncode == 0 and summary is not None
        if summary:
            totals = [a + int(b) for a, b in zip(totals, summary.groups())]
    print("all: {} mods from seed {}: {} pairs judged, {} of them on narrow members, {} differ".format(totals[0], seed, *totals[1:]))
    return 0 if passed and totals[0] >= count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
