#!/usr/bin/env bash
# From a fresh clone to a checked answer: installs what is missing, builds build/bin/flexc (no tests) and runs the main job,
# the attention of a real sentence-embedding model, against the model's own output.
# Exit status: 0 the answer is right, 1 it is not, 3 something is missing here.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/build.sh"

"$root/tools/setup.sh" --build
started=$(now)
configure_flexc "$build" -DFLEXC_BUILD_TESTS=OFF
cmake --build "$build" --target flexc
echo "built $build/bin/flexc in $(seconds_since "$started") s"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tensors="$root/tests/data/minilm_layer3.safetensors"
echo
echo "flexc run document: layer 3 of all-MiniLM-L6-v2 on six documents packed into 470 tokens"
started=$(now)
"$build/bin/flexc" run document --q "$tensors:q" --k "$tensors:k" --v "$tensors:v" --capture "doc=$tensors:doc" --out "$work/out.npy"
elapsed=$(seconds_since "$started")
"$build/bin/flexc" run document --q "$tensors:q" --k "$tensors:k" --v "$tensors:v" --capture "doc=$tensors:doc" --out "$work/oracle.npy" --device oracle
# One head stands for all twelve: the document mask depends on neither b nor h.
"$build/bin/flexc" mask document --shape 1,12,470,470 --capture "doc=$tensors:doc" --block 32,32 --out "$work/map.npy" --json >"$work/mask.json"
python3 "$root/tools/quickstart_report.py" --out "$work/out.npy" --expected "$tensors:out" --oracle "$work/oracle.npy" --limit 2e-5 --seconds "$elapsed" \
  --map "$work/map.npy" --mask-json "$work/mask.json"
