"""Text to cubin for the paper's seven variants at D 64 and 128, against DESIGN's figure: half a second, or ten times what NVRTC takes for a trivial kernel.

cold_compile.py FLEXC TRIVIAL_KERNEL [--gallery] [--rounds N] [--goal-ms X]. With --gallery: every entry, against one second, and no trivial kernel counts. Every compilation is a fresh process with an empty cache, NVRTC's dlopen included, the process's start apart
(compile_s of `flexc emit --stage cubin --json`); the trivial kernel's time is that of its compilation alone, in a fresh process too. Rounds go over all kernels with a trivial
one before each, so that a disturbance of the machine meets them alike; medians are compared. No test: a claim of `tools/show.sh hopper`. Exit 0 reached, 1 not reached, 77 without NVRTC.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

SKIPPED = 77
PAPER = ["noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document"]
HEAD_DIMS = (64, 128)
GOAL_MS, TRIVIAL_KERNELS = 500, 10
GALLERY_GOAL_MS = 1000


def cold(flexc, variant, head_dim):
    with tempfile.TemporaryDirectory() as folder:
        command = [flexc, "emit", variant, "--stage", "cubin", "--dtype", "bf16", "--head-dim", str(head_dim), "-o", os.path.join(folder, "kernel.cubin"), "--json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "FLEXC_CACHE_DIR": os.path.join(folder, "cache")})
    if result.returncode != 0:
        sys.exit(f"{variant} D {head_dim}: exit {result.returncode}: {result.stderr.strip()}")
    report = json.loads(result.stdout)
    if report["cache"] != "compiled" or report["spill_bytes"] != 0:
        sys.exit(f"{variant} D {head_dim}: a report that should not be: {report}")
    return 1000 * report["compile_s"]


def gallery(flexc):
    result = subprocess.run([flexc, "gallery", "list", "--json"], capture_output=True, text=True, check=True)
    return [entry["name"] for entry in json.loads(result.stdout)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("trivial_kernel")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gallery", action="store_true")
    parser.add_argument("--goal-ms", type=float)
    options = parser.parse_args()
    variants = gallery(options.flexc) if options.gallery else PAPER
    goal = options.goal_ms or (GALLERY_GOAL_MS if options.gallery else GOAL_MS)
    times, trivial = {(variant, head_dim): [] for variant in variants for head_dim in HEAD_DIMS}, []
    for _ in range(options.rounds):
        for (variant, head_dim), list_of in times.items():
            result = subprocess.run([options.trivial_kernel], capture_output=True, text=True, check=False)
            if result.returncode == 3:
                print(f"skipped: {result.stderr.strip()}")
                return SKIPPED
            if result.returncode != 0:
                sys.exit(result.stderr)
            trivial.append(float(result.stdout.split()[1]))
            list_of.append(cold(options.flexc, variant, head_dim))
    limit = goal if options.gallery else max(goal, TRIVIAL_KERNELS * statistics.median(trivial))
    medians = {case: statistics.median(list_of) for case, list_of in times.items()}
    for (variant, head_dim), median in medians.items():
        print(f"{variant:16} D {head_dim:3}: median {median:5.0f} ms, least {min(times[variant, head_dim]):5.0f} ms")
    slowest = max(medians, key=medians.get)
    print(f"trivial kernel: median {statistics.median(trivial):.0f} ms, least {min(trivial):.0f} ms")
    print(f"{sum(median <= limit for median in medians.values())} of {len(medians)} within {limit:.0f} ms; slowest {slowest[0]} D {slowest[1]} {medians[slowest]:.0f} ms, "
          f"fastest {min(medians.values()):.0f} ms; trivial kernel {statistics.median(trivial):.0f} ms")
    return 0 if medians[slowest] <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
