#!/usr/bin/env python3
"""flexc bench --compare: the peers' script on a stand-in for PyTorch, and Pythons that are missing, silent, broken or wrong.

usage: test_compare.py FLEXC STAND_IN [--negative]

With --negative the stand-in computes a wrong attention, which the comparison of outputs must show.
"""
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

SHAPE = ["--random", "2,4,2,40,40,16,16"]
VARIANTS = ["noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document"]
CLOSE = 1e-5  # of the largest element: flexc computes in f32
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)
        print(f"FAILED: {what}")


class Command:
    def __init__(self, flexc, folder):
        self.flexc, self.folder = flexc, Path(folder)

    def python(self, name, body):
        """An executable in the place of a Python."""
        path = self.folder / name
        path.write_text(body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def bench(self, *arguments, python, json_output=True):
        env = dict(os.environ, FLEXC_CACHE_DIR=str(self.folder / "cache"), TMPDIR=str(self.folder))
        words = [self.flexc, "bench", *arguments, "--repeat", "2", "--compare", python] + (["--json"] if json_output else [])
        return subprocess.run(words, capture_output=True, text=True, timeout=300, env=env)

    def peers(self, *arguments, python):
        done = self.bench(*arguments, python=python)
        check(done.returncode == 0, f"{arguments}: exit {done.returncode}: {done.stderr}")
        return {peer["name"]: peer for peer in json.loads(done.stdout)["peers"]} if done.returncode == 0 else {}


def with_stand_in(command, stand_in, preparation=""):
    return command.python("stand_in_python", f"#!/bin/sh\n{preparation}PYTHONPATH='{stand_in}' exec '{sys.executable}' \"$@\"\n")


def positive(command, stand_in):
    python = with_stand_in(command, stand_in)
    for variant in VARIANTS:
        params = {"sliding_window": ["--param", "window=9"], "prefix_lm": ["--param", "prefix=7"], "softcap": ["--param", "cap=2.5"]}.get(variant, [])
        peers = command.peers(variant, *SHAPE, *params, python=python)
        flex = peers.get("flex_attention", {})
        check(flex.get("relative_difference", 1) < CLOSE and flex.get("ratio", 0) > 0 and flex.get("version") == "stand-in", f"{variant}: flex_attention is {flex}")
        sdpa = peers.get("sdpa", {})
        if variant in ("noop", "causal"):
            check(sdpa.get("relative_difference", 1) < CLOSE and sdpa.get("median_s", 0) > 0, f"{variant}: sdpa is {sdpa}")
        else:
            check(variant in sdpa.get("unavailable", ""), f"{variant}: sdpa is {sdpa}")
    # What a peer has no form of is said, and flexc's own figures stand.
    for arguments, words in ((["--score", "score * 2"], "no form"), (["causal", "--q-offset", "3"], "offsets"), (["causal", "--kv-step", "3"], "steps")):
        peers = command.peers(*arguments, *SHAPE, python=python)
        check(words in peers["flex_attention"].get("unavailable", ""), f"{arguments}: {peers}")
    done = command.bench("causal", *SHAPE, python=python, json_output=False)
    check("x flexc's median; outputs differ by" in done.stdout, f"the table lacks the peers: {done.stdout}")

    # A peer may use every CPU that flexc may, also where flexc's threads are bound to one each.
    cpus = command.python("cpus", f"#!/bin/sh\nexec '{sys.executable}' -c 'import os; print(chr(123) + chr(34) + \"unavailable\" + chr(34) + \":\" + chr(34) + str(len(os.sched_getaffinity(0))) + \" CPUs\" + chr(34) + chr(125))'\n")
    for pin in ([], ["--pin"]):
        peers = command.peers("causal", *SHAPE, "--threads", "2", *pin, python=cpus)
        check(peers["sdpa"].get("unavailable") == f"{len(os.sched_getaffinity(0))} CPUs", f"{pin}: a peer has {peers['sdpa']} of {len(os.sched_getaffinity(0))} CPUs")

    broken = {
        "silent": ("#!/bin/sh\nexit 0\n", "ended without a word"),
        "failing": ("#!/bin/sh\necho 'ImportError: all is lost' >&2\nexit 1\n", "ImportError: all is lost"),
        "chatty": ("#!/bin/sh\necho 'a greeting'\necho '{\"unavailable\": \"no PyTorch today\"}'\nread line\n", "no PyTorch today"),
        "mortal": ("#!/bin/sh\necho '{\"name\": \"p\", \"version\": \"1\"}'\nread line\necho 'killed' >&2\n", "killed"),
        "confused": ("#!/bin/sh\necho '{\"name\": \"p\", \"version\": \"1\"}'\nwhile read line; do echo '{\"seconds\": 1}'; done\n", "what was not asked"),
    }
    for name, (body, words) in broken.items():
        peers = command.peers("causal", *SHAPE, python=command.python(name, body))
        check(all(words in peer.get("unavailable", "") for peer in peers.values()) and len(peers) == 2, f"{name}: {peers}")
    done = command.bench("causal", *SHAPE, python=str(command.folder / "nowhere"))
    check(done.returncode == 1 and "nowhere" in done.stderr and "cannot be started" in done.stderr, f"a missing Python: {done.returncode}, {done.stderr}")
    done = command.bench("causal", *SHAPE, "--device", "oracle", python=python)
    check(done.returncode == 1 and "on the CPU" in done.stderr, f"another device: {done.returncode}, {done.stderr}")
    left = [path.name for path in command.folder.iterdir() if path.name.startswith("flexc-bench")]
    check(not left, f"folders are left: {left}")


def negative(command, stand_in):
    python = with_stand_in(command, stand_in)
    wrong = command.folder / "torch"
    subprocess.run(["cp", "-r", str(Path(stand_in) / "torch"), str(wrong)], check=True)
    source = wrong / "nn" / "attention" / "flex_attention.py"
    source.write_text(source.read_text().replace("weights.sum(-1, keepdims=True)", "weights.sum(-1, keepdims=True) * 1.001"))
    right = command.peers("alibi", *SHAPE, python=python)["flex_attention"]["relative_difference"]
    seen = command.peers("alibi", *SHAPE, python=with_stand_in(command, command.folder))["flex_attention"]["relative_difference"]
    check(right < CLOSE < seen, f"a wrong output differs by {seen}, a right one by {right}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        command = Command(sys.argv[1], folder)
        (negative if "--negative" in sys.argv else positive)(command, sys.argv[2])
    print(f"{len(failures)} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
