#!/usr/bin/env bash
# The whole sentence-embedding model. embeddings.sh EMBED FOLDER [OPTION]…: the program, and where the weights are or go.
# Exit status: that of the program; 77 where the weights cannot be had from here.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
embed=$1 folder=$2
shift 2
if ! model=$("$root/tools/setup_model.sh" "$folder"); then echo "skipped: the model's weights cannot be installed from here"; exit 77; fi
exec "$embed" "$model" "$root/tests/data/minilm_layer3.safetensors" "$@"
