"""Every pass of the pipeline is needed: without any single one, the text of some input after the pipeline is another.

test_passes.py EMIT_STAGE FLEXC_OPT [--negative]: inputs are the gallery's entries and the lit cases of the passes. The list of passes
is the compiler's own, as flexc-opt prints it. The negative run has a pass too many, which must be found to be removable.
"""
import os
import pathlib
import re
import subprocess
import sys

SEPARATOR = "// -----\n"


def run(command, text=None, may_fail=False):
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stderr}")
    return result.stdout if result.returncode == 0 else "failed: " + result.stderr


def passes_of(flexc_opt):
    """The names behind --flexc-pipeline, in order."""
    result = subprocess.run([flexc_opt, "--flexc-pipeline", "--dump-pass-pipeline"], input="module {}", capture_output=True, text=True, check=True)
    names = re.search(r"builtin\.module\((.*?)\)\s*$", result.stderr.strip(), re.S)
    return [name.strip().split("{")[0] for name in names[1].split(",")]


def inputs(emit_stage, root):
    """One text of many modules."""
    entries = sorted((root / "dsl" / "gallery").glob("*.flex"))
    cases = [path for path in sorted((root / "tests" / "lit" / "passes").glob("*.mlir")) if "--flexc-show-ranges" not in path.read_text()]
    if not entries or not cases:
        sys.exit("no inputs")
    return SEPARATOR.join([run([emit_stage, "ir", entry]) for entry in entries] + [case.read_text() for case in cases])


def removable(flexc_opt, names, text):
    """Places in `names` whose pass can go without any output changing."""
    def outcome(list_of_passes):
        return run([flexc_opt, f"--pass-pipeline=builtin.module({','.join(list_of_passes)})", "--split-input-file"], text, may_fail=True)
    whole = outcome(names)
    if whole.startswith("failed"):
        sys.exit(whole)
    return [i for i in range(len(names)) if outcome(names[:i] + names[i + 1:]) == whole]


def main():
    emit_stage, flexc_opt = sys.argv[1:3]
    names = passes_of(flexc_opt)
    text = inputs(emit_stage, pathlib.Path(os.environ["FLEXC_ROOT"]))
    if run([flexc_opt, "--flexc-pipeline", "--split-input-file"], text) != run([flexc_opt, f"--pass-pipeline=builtin.module({','.join(names)})", "--split-input-file"], text):
        sys.exit(f"the pipeline is not {names}")
    if "--negative" in sys.argv[3:]:
        found = removable(flexc_opt, names + names[-1:], text)
        print(f"removable: {found}")
        sys.exit(0 if len(names) in found else "a pass that runs twice was not found to be removable")
    found = removable(flexc_opt, names, text)
    for i in found:
        print(f"pass {i + 1} of {len(names)}, {names[i]}, changes no output")
    if not found:
        print(f"{len(names)} passes, none of which can go")
    sys.exit(1 if found else 0)


main()
