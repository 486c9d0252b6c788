"""Every gallery entry: `ir` through flexc-opt --flexc-pipeline is `opt`, and `asm` calls nothing and leaves no vector loop out.

test_stages.py EMIT_STAGE FLEXC_OPT [--negative]: the negative run feeds another entry's `ir` and must find a difference.
"""
import os
import pathlib
import subprocess
import sys


def run(command, text=None):
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def problems(emit_stage, flexc_opt, variant, other):
    found = []
    if run([flexc_opt, "--flexc-pipeline"], run([emit_stage, "ir", other])) != run([emit_stage, "opt", variant]):
        found.append(f"{variant.stem}: flexc-opt's text differs from the compiler's")
    for level in ("v3", "v4"):
        assembly = run([emit_stage, "asm", other, level])
        mnemonics = {line.split()[0] for line in assembly.splitlines() if line.startswith("\t") and line.split()}
        if any(name.startswith("call") for name in mnemonics):
            found.append(f"{variant.stem}: calls something at {level}")
        if ("flexc_mask_row:" in assembly or "flexc_score_row:" in assembly) and not any(register in assembly for register in ("%ymm", "%zmm")):
            found.append(f"{variant.stem}: no vectors at {level}")
    return found


def main():
    emit_stage, flexc_opt = sys.argv[1:3]
    variants = sorted(pathlib.Path(os.environ["FLEXC_ROOT"], "dsl", "gallery").glob("*.flex"))
    if not variants:
        sys.exit("no gallery")
    if "--negative" in sys.argv[3:]:
        found = problems(emit_stage, flexc_opt, variants[0], variants[-1])
        print("\n".join(found))
        sys.exit(0 if found else "another entry's IR was accepted")
    found = [problem for variant in variants for problem in problems(emit_stage, flexc_opt, variant, variant)]
    print("\n".join(found) or f"{len(variants)} entries")
    sys.exit(1 if found else 0)


main()
