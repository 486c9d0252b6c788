#!/usr/bin/env python3
"""The scripts under tools/ without building anything: what they accept, what they refuse, and that their checkers reject broken input."""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(os.environ.get("FLEXC_ROOT", Path(__file__).resolve().parents[2]))
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)


def run(*command, cwd=None, **environment):
    return subprocess.run([str(c) for c in command], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, errors="replace")


def npy(values, shape, descr):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).ljust(117) + "\n"
    code = {"<f4": "f", "|u1": "B"}[descr]
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}{code}", *values)


def safetensors(values, shape):
    header = json.dumps({"out": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 4 * len(values)]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack(f"<{len(values)}f", *values)


def test_quickstart_report(folder):
    expected = [0.5, -1.0, 2.0, 0.25]
    (folder / "e.safetensors").write_bytes(safetensors(expected, (1, 1, 2, 2)))
    (folder / "map.npy").write_bytes(npy([0, 1, 2, 0], (1, 1, 2, 2), "|u1"))
    (folder / "mask.json").write_text(json.dumps({"blocks": {"empty": 2, "partial": 1, "full": 1}}))
    cases = {"equal": (expected, (1, 1, 2, 2), 0), "within": ([0.50001, *expected[1:]], (1, 1, 2, 2), 0), "off": ([0.5001, *expected[1:]], (1, 1, 2, 2), 1),
             "nan": ([math.nan, *expected[1:]], (1, 1, 2, 2), 1), "last nan": ([*expected[:3], math.nan], (1, 1, 2, 2), 1), "shape": (expected, (1, 1, 4, 1), 1)}
    for name, (values, shape, status) in cases.items():
        (folder / "out.npy").write_bytes(npy(values, shape, "<f4"))
        done = run(sys.executable, ROOT / "tools/quickstart_report.py", "--out", folder / "out.npy", "--expected", f"{folder}/e.safetensors:out", "--limit", "2e-5",
                   "--seconds", "1.0", "--map", folder / "map.npy", "--mask-json", folder / "mask.json")
        check(done.returncode == status, f"quickstart_report, {name}: status {done.returncode}, expected {status}: {done.stdout}{done.stderr}")
        if name == "equal":
            check("50.0 %" in done.stdout and "·▒" in done.stdout and "█·" in done.stdout, f"quickstart_report draws: {done.stdout}")


def test_test_report(folder):
    case = lambda name, status, inner="": f'<testcase name="{name}" time="1.5" status="{status}">{inner}</testcase>'
    files = {
        "all pass": ([case("a", "run"), case("b", "run")], 0, "2 passed, 0 failed", 0),
        "one fails": ([case("a", "run"), case("b", "fail", '<failure message=""/>')], 8, "1 passed, 1 failed", 1),
        "one skips": ([case("a", "run"), case("b", "notrun", '<skipped message=""/>')], 0, "1 passed, 0 failed", 0),
        "nothing ran": ([], 0, "0 passed, 0 failed", 1),
        "ctest failed": ([case("a", "run")], 1, "1 passed, 1 failed", 1),
    }
    for name, (cases, ctest_status, last, status) in files.items():
        (folder / "tests.xml").write_text(f'<?xml version="1.0"?><testsuite name="x">{"".join(cases)}</testsuite>')
        done = run(sys.executable, ROOT / "tools/test_report.py", folder / "tests.xml", "--ctest-status", ctest_status)
        seen = done.stdout.rstrip("\n").split("\n")[-1]
        check((seen, done.returncode) == (last, status), f"test_report, {name}: {seen!r} and {done.returncode}, expected {last!r} and {status}")
    done = run(sys.executable, ROOT / "tools/test_report.py", folder / "absent.xml")
    check(done.returncode == 1 and done.stdout.endswith("0 passed, 1 failed\n"), "test_report without a file")


def test_show(folder):
    """Verdicts and exit statuses, with a made-up area in a copy of the scripts; paths with blanks, another working folder."""
    tools = folder / "a copy" / "tools"
    (tools / "show").mkdir(parents=True)
    for name in ("show.sh", "build.sh", "show/common.sh"):
        (tools / name).write_bytes((ROOT / "tools" / name).read_bytes())
    areas = {"good": ('claim "a" "b" echo 7', 0, "HOLDS"), "bad": ('claim "a" "b" false', 1, "FAILS"), "absent": ('unproven "a" "b" "why"', 4, "NOT RUN"),
             "cannot": ("claim a b bash -c 'echo no gpu; exit 77'", 4, "NOT RUN"), "mixed": ('claim a b true\nunproven c d e', 4, "HOLDS"),
             "empty": ("", 4, "0 hold"), "unbuilt": ('claim a b tests x', 4, "NOT RUN")}
    for name, (text, status, word) in areas.items():
        (tools / "show" / "cpu.sh").write_text(text + "\n")
        done = run("bash", tools / "show.sh", "cpu", cwd="/")
        check(done.returncode == status and word in done.stdout, f"show.sh, {name}: status {done.returncode}, expected {status}: {done.stdout}{done.stderr}")
    for arguments in (["nonsense"], [], ["cpu", "masks"], ["../show"]):
        done = run("bash", tools / "show.sh", *arguments)
        check(done.returncode == 2 and "expected one" in done.stderr, f"show.sh {arguments}: status {done.returncode}")


def test_usage():
    for script in ("setup.sh", "test.sh", "quickstart.sh"):
        done = run("bash", ROOT / "tools" / script, "--nonsense")
        check(done.returncode == 2 and "--nonsense" in done.stderr, f"{script} --nonsense: status {done.returncode}")
        done = run("bash", ROOT / "tools" / script, "--help")
        check(done.returncode == 0 and done.stdout, f"{script} --help: status {done.returncode}")
    for script in ("setup.sh", "quickstart.sh", "test.sh", "show.sh", "setup_model.sh", "setup_cuda.sh", "install_pinned.sh", "../.ci/run"):
        path = ROOT / "tools" / script
        check(os.access(path, os.X_OK), f"{script} is not executable")
        check(run("bash", "-n", path).returncode == 0, f"{script} does not parse")


def main():
    with tempfile.TemporaryDirectory() as folder:
        for index, test in enumerate((test_quickstart_report, test_test_report, test_show)):
            place = Path(folder) / f"{index}"
            place.mkdir()
            test(place)
    test_usage()
    for failure in failures:
        print(failure)
    print(f"scripts: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
