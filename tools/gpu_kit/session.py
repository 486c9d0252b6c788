#!/usr/bin/env python3
"""Runs a kit: every step that its state does not have yet, each in under eight minutes.

    session.py KIT [--only STAGE] [--budget SECONDS] [--list]

Results are in KIT/results/state.jsonl, which is all that a session knows of what it did; the tables and plots are beside it. A session that is killed
goes on with the step that was cut off. $FLEXC_KIT_REHEARSAL names a file of sizes for a rehearsal without a GPU, whose results are marked as one.
Exit status: 0 all done and as expected, 1 something differs, 2 usage or a damaged kit, 3 no GPU or no driver, 4 the time is up and steps are left.
"""
import argparse
import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import STAGES, Plan  # noqa: E402
from state import Busy, State  # noqa: E402

LIMIT = 480  # seconds a step
AS_EXPECTED, DIFFERS, USAGE, NO_GPU, TIME_IS_UP = 0, 1, 2, 3, 4
TIMED_OUT = 124
SAME = ("kit", "gpu", "driver", "multiprocessors", "power.limit")  # of all calls whose results share a state
TIMED = {"bench", "decode", "peers", "sweep"}  # stages whose steps have their clocks recorded
PR_SET_PDEATHSIG = 1


SESSION = os.getpid()
LIBC = ctypes.CDLL(None)


def die_with_parent():
    """In the child: a step does not outlive its session, nor one that ended before this was said."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != SESSION:
        os._exit(1)


def json_lines(text):
    lines = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # a tool's own words
        if isinstance(value, dict):
            lines.append(value)
    return lines


def run(command, seconds):
    """Status, lines of JSON, the end of what it said beside them; nothing where the time ended first."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent) as child:
        try:
            out, said = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return None
    return child.returncode, json_lines(out), said.strip()[-400:]


def asked_of_machine(runner):
    """The GPU, its driver and clocks, versions, and how the session was called."""
    done = run([runner, "probe"], LIMIT)
    if done is None or done[0] != 0:
        sys.exit(fail(done[2] if done else "the driver does not answer", NO_GPU))
    facts = done[1][0]
    fields = "driver_version,clocks.sm,clocks.max.sm,clocks.mem,clocks.max.mem,power.limit,memory.total"
    if shutil.which("nvidia-smi"):
        asked = subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=60)
        if asked.returncode == 0:
            facts.update(zip(fields.split(","), map(str.strip, asked.stdout.splitlines()[0].split(","))))
    facts.update(date=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()), command=" ".join(sys.argv), python=sys.version.split()[0])
    return facts


class Clocks:
    """The SM's clock and the power while a step runs, where nvidia-smi is; `facts` once it ended."""

    FIELDS = "clocks.sm,power.draw"

    def __init__(self, wanted):
        self.facts, self.child = {}, None
        if wanted and shutil.which("nvidia-smi"):
            command = ["nvidia-smi", f"--query-gpu={self.FIELDS}", "--format=csv,noheader,nounits", "-lms", "100"]
            self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child is None:
            return
        self.child.terminate()
        rows = [pair for line in self.child.communicate()[0].splitlines() if len(pair := line.split(",")) == 2]
        with contextlib.suppress(ValueError):  # "[N/A]" of a GPU that does not tell
            samples = sorted((float(watts), float(clock)) for clock, watts in rows)
            # The half with the most power: the others saw the host at work.
            busy = [clock for _, clock in samples[len(samples) // 2 :]]
            if busy:
                self.facts = {"sm_mhz": sorted(busy)[len(busy) // 2], "watts": samples[-1][0]}


def fail(message, status):
    print(f"gpu_session: {message}", file=sys.stderr)
    return status


def arguments_of(words):
    parser = argparse.ArgumentParser(prog="gpu_session.sh", description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("--only", choices=STAGES + ["report"], help="one stage")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which nothing new is begun")
    parser.add_argument("--list", action="store_true", help="the steps' names, and nothing is run")
    return parser.parse_args(words)


def work(kit, state, plan, stages, deadline, rehearsal):
    """Runs what is not done. Whether steps are left."""
    for stage in stages:
        for name, command in plan.steps(stage):
            if name in state.steps:
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            print(f"begin {name}", flush=True)
            if shutil.which(command[0]) is None:
                state.add({"step": name, "status": 0, "seconds": 0, "lines": [{"what": name, "not_measured": f"{command[0]} is not installed"}], "said": ""})
                continue
            begun = time.monotonic()
            with Clocks(stage in TIMED) as clocks:
                done = run(command, min(LIMIT, left))
            if done is None and left < LIMIT:
                return True  # cut off by the budget: the next call runs it
            status, lines, said = done if done else (TIMED_OUT, [], f"longer than {LIMIT} s")
            state.add({"step": name, "status": status, "seconds": round(time.monotonic() - begun, 3), "lines": lines, "said": said if status else "", "rehearsal": rehearsal, **clocks.facts})
            print(f"{'as expected' if status == 0 else f'status {status}: {said}'}: {name}", flush=True)
    return False


def report(kit):
    """Written elsewhere and moved, so that a report is whole or the one before."""
    results = kit / "results"
    print("begin report", flush=True)
    made = subprocess.run([sys.executable, "-B", str(kit / "report.py"), str(results / "state.jsonl"), str(results / "report.new")], preexec_fn=die_with_parent)
    if made.returncode != 0:
        return fail("the report could not be made", DIFFERS)
    shutil.rmtree(results / "report", ignore_errors=True)
    os.rename(results / "report.new", results / "report")
    with tarfile.open(results / "session.new", "w:gz") as tar:
        for name in ("state.jsonl", "report"):
            tar.add(results / name, arcname=name)
    os.replace(results / "session.new", results / "session.tar.gz")
    print(f"report: {results / 'report/report.md'}", flush=True)
    return AS_EXPECTED


def main():
    options = arguments_of(sys.argv[1:])
    kit = options.kit.resolve()
    if not (kit / "cases").is_dir() or not os.access(kit / "bin/runner", os.X_OK):
        return fail(f"{kit} is no kit; make one with --build", USAGE)
    rehearsal = os.environ.get("FLEXC_KIT_REHEARSAL", "")
    plan = Plan(kit, json.loads(Path(rehearsal).read_text()) if rehearsal else {})
    stages = [options.only] if options.only else STAGES
    if options.list:
        print("\n".join(name for stage in stages for name, _ in plan.steps(stage)))
        return AS_EXPECTED
    deadline = time.monotonic() + options.budget
    (kit / "results").mkdir(exist_ok=True)
    try:
        state = State(kit / "results/state.jsonl")
    except (Busy, ValueError) as problem:
        return fail(str(problem), USAGE)
    left = False
    if options.only != "report":
        made = json.loads((kit / "kit.json").read_text())
        facts = dict(asked_of_machine(plan.runner), kit=made["digest"])
        if "machine" not in state.steps:
            state.add({"step": "machine", "status": 0, "lines": [{"machine": facts}, {"bounds": made["bounds"]}], "rehearsal": bool(rehearsal)})
        before = state.steps["machine"]["lines"][0]["machine"]
        if other := [name for name in SAME if before.get(name) != facts.get(name)]:
            return fail(f"the state is of another {other[0]} ({before.get(other[0])}, now {facts.get(other[0])}); figures of both would not be comparable", USAGE)
        left = work(kit, state, plan, stages, deadline, bool(rehearsal))
    made = report(kit)
    if left:
        print("the time is up; call again for the steps that are left", flush=True)
        return TIME_IS_UP
    return made or (DIFFERS if any(record["status"] != 0 for record in state.steps.values()) else AS_EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
