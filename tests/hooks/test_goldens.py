"""The emitted CUDA of every gallery entry is what was approved in tests/goldens/cuda.

test_goldens.py EMIT_STAGE [--update | --negative]: --update writes what is emitted now, to be read in the diff before it is committed;
the negative run spoils a golden in memory and must find the difference.
"""
import difflib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
GOLDENS = ROOT / "tests" / "goldens" / "cuda"


def emitted(emit_stage, name):
    result = subprocess.run([emit_stage, "cuda", name], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{name}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def main():
    emit_stage, mode = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    names = sorted(path.stem for path in (ROOT / "dsl" / "gallery").glob("*.flex"))
    if not names:
        sys.exit("no gallery")
    approved = {path.stem: path.read_text() for path in GOLDENS.glob("*.cuh")}
    if mode == "--update":
        GOLDENS.mkdir(parents=True, exist_ok=True)
        for name in approved.keys() - set(names):
            (GOLDENS / f"{name}.cuh").unlink()
        for name in names:
            (GOLDENS / f"{name}.cuh").write_text(emitted(emit_stage, name))
        return
    if mode == "--negative":
        approved[names[0]] = approved[names[0]].replace("kInterface", "kInterfaces", 1)
    problems = [f"{name}: a golden of no gallery entry" for name in sorted(approved.keys() - set(names))]
    for name in names:
        difference = difflib.unified_diff(approved.get(name, "").splitlines(), emitted(emit_stage, name).splitlines(), "approved", "emitted", lineterm="")
        text = "\n".join(list(difference)[:20])
        if text:
            problems.append(f"{name}:\n{text}")
    print("\n".join(problems) or f"{len(names)} entries")
    if mode == "--negative":
        sys.exit(0 if len(problems) == 1 else "the spoilt golden was not told from the others")
    if problems:
        sys.exit("if the change is meant: tests/hooks/test_goldens.py EMIT_STAGE --update, and read the diff")


main()
