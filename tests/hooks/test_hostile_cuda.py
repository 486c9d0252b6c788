"""A thousand hostile names, literals and comments: no byte of the user's text may reach the emitted CUDA (the programs of tests/limits).

test_hostile_cuda.py EMIT_STAGE [--negative]: the negative run looks for a word that is there, and must find it in every text.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(os.environ["FLEXC_ROOT"], "tests", "limits")))
from test_hostile import COUNT, MARKER, make  # noqa: E402


def emitted(emit_stage, folder, programs):
    """The CUDA of each program; None for one that is refused."""
    paths = []
    for index, text in enumerate(programs):
        paths.append(pathlib.Path(folder, f"{MARKER}{index}.flex"))
        paths[-1].write_bytes(text.encode("utf-8", "surrogatepass"))
    result = subprocess.run([emit_stage, "cuda-each", *map(str, paths)], capture_output=True, check=False)
    if result.returncode != 0:
        sys.exit(f"exit {result.returncode}: {result.stderr[-600:]}")
    texts = result.stdout.split(b"\f")[:-1]
    return [text or None for text in texts]


def main():
    emit_stage, is_negative = sys.argv[1], "--negative" in sys.argv[2:]
    draw = random.Random(11)
    pairs = [make(draw) for _ in range(20 if is_negative else COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        hostile, plain = emitted(emit_stage, folder, [text for text, _ in pairs]), emitted(emit_stage, folder, [text for _, text in pairs])
    marker = b"gather_f32" if is_negative else MARKER.encode()
    accepted = [index for index, text in enumerate(hostile) if text is not None]
    faults = []
    for index in accepted:
        text = hostile[index]
        strange = set(text) - set(range(32, 127)) - {10}
        if marker in text:
            faults.append(f"{marker} stands in the emitted CUDA of\n{pairs[index][0]}")
        elif strange:
            faults.append(f"bytes {sorted(strange)} in the emitted CUDA of\n{pairs[index][0]}")
        elif text != plain[index]:
            faults.append(f"renaming changes the emitted CUDA of\n{pairs[index][0]}")
    print("\n".join(faults[:3]) if not is_negative else "")
    print(f"hostile texts: {len(pairs)} programs, {len(accepted)} accepted, {len(faults)} failures")
    if is_negative:
        sys.exit(0 if accepted and len(faults) == len(accepted) else 1)
    sys.exit(1 if faults or len(accepted) < len(pairs) // 10 or len(hostile) != len(pairs) else 0)


main()
