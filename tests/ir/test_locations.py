"""Operations know where they were written, from import to the end of the pipeline; the text shows it only where asked.

test_locations.py EMIT_STAGE FLEXC_OPT [--negative]: the negative run takes one place off the text, and points another one beyond
the source; both must be found.
"""
import os
import pathlib
import re
import subprocess
import sys

ALIAS = re.compile(r'^(#loc\d*) = loc\((.*)\)$', re.M)
PLACE = re.compile(r'^"(.*)":(\d+):(\d+)$')


def run(command, text=None):
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def faults(text, variant):
    """Operations without a place in the variant's text, one line each."""
    lines = variant.read_text().split("\n")
    aliases = dict(ALIAS.findall(text))
    found = []
    for line in text.splitlines():
        if (" = flex." not in line and " = arith." not in line and " = math." not in line and "flex.yield" not in line) or " = arith.constant " in line:
            continue  # constants are shared, and MLIR's folder takes their places away
        if line.endswith("{"):
            continue  # an operation with a body: its place stands behind the body
        match = re.search(r"loc\((#?[^()]*)\)$", line)
        place = aliases.get(match[1], match[1]) if match else ""
        at = PLACE.match(place)
        if not at or pathlib.Path(at[1]).name != variant.name:
            found.append(f"no place: {line.strip()} {place}")
        elif "flex.yield" in line and at[2] == at[3] == "1":
            continue  # a mod that returns its argument, which nobody wrote
        elif int(at[2]) > len(lines) or int(at[3]) > len(lines[int(at[2]) - 1]) or lines[int(at[2]) - 1][int(at[3]) - 1] in " #":
            found.append(f"a place where nothing is written, {place}: {line.strip()}")
    return found


def main():
    emit_stage, flexc_opt = sys.argv[1:3]
    variants = sorted(pathlib.Path(os.environ["FLEXC_ROOT"], "dsl", "gallery").glob("*.flex"))
    if not variants:
        sys.exit("no gallery")
    if "--negative" in sys.argv[3:]:
        variant = variants[0]
        text = run([emit_stage, "opt", variant, "locations"])
        assert not faults(text, variant)
        without = re.sub(r" loc\(#loc\d*\)(?=\n\s+flex\.yield)", "", text, count=1)
        beyond = re.sub(r'(#loc\d+ = loc\(".*":)\d+(:\d+\))', r"\g<1>9999\2", text)
        counts = [len(faults(changed, variant)) for changed in (without, beyond)]
        print(counts)
        sys.exit(0 if all(counts) else "a missing or a wrong place was not found")
    found = []
    for variant in variants:
        for stage in ("ir", "opt"):
            text = run([emit_stage, stage, variant, "locations"])
            found += [f"{variant.stem}, {stage}: {fault}" for fault in faults(text, variant)]
            if "loc(" in run([emit_stage, stage, variant]):
                found.append(f"{variant.stem}, {stage}: places although not asked for")
        piped = run([flexc_opt, "--flexc-pipeline", "-mlir-print-debuginfo"], run([emit_stage, "ir", variant, "locations"]))
        if piped != text:
            found.append(f"{variant.stem}: flexc-opt's places differ from the compiler's")
    print("\n".join(found[:20]) or f"{len(variants)} entries")
    sys.exit(1 if found else 0)


main()
