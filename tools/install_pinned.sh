#!/usr/bin/env bash
# Installs pinned packages of PyPI, without what they depend on, into a virtual environment. For setup_cuda.sh and setup_model.sh.
#   install_pinned.sh FOLDER REQUIREMENTS WHAT…    WHAT: said where they cannot be had
# Exit status: 0 done, 2 usage, 3 they cannot be installed from here (no network, no venv module).
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
folder=$1 requirements=$2
shift 2

# A folder that was finished for these versions is not touched again.
if ! cmp -s "$requirements" "$folder/installed.txt"; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  rm -rf "$folder"
  if ! { python3 -m venv "$folder" && "$folder/bin/pip" install --no-deps --disable-pip-version-check -r "$requirements"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "$*" >&2
    exit 3
  fi
  cp "$requirements" "$folder/installed.txt"
fi
