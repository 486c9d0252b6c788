#!/usr/bin/env bash
# Installs the pinned NVRTC and nvdisasm from PyPI into a virtual environment, and prints the variables that name them.
#   eval "$(setup_cuda.sh FOLDER)"
# They are for tests that compile kernels and judge machine code; nothing else needs them. Debian has neither.
# Exit status: 0 done, 2 usage, 3 they cannot be installed from here (no network, no venv module); nothing is printed then.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
folder=$1
here=$(dirname -- "${BASH_SOURCE[0]}")
"$here/install_pinned.sh" "$folder" "$here/cuda_versions.txt" "setup_cuda.sh: NVRTC and nvdisasm could not be installed from PyPI; tests that need them are skipped"
nvrtc=$(find "$folder" -name 'libnvrtc.so.*' ! -name '*.alt.*' -print -quit)
nvdisasm=$(find "$folder" -name nvdisasm -type f -print -quit)
[ -n "$nvrtc" ] && [ -n "$nvdisasm" ] || { echo "setup_cuda.sh: the wheels hold no libnvrtc.so or no nvdisasm" >&2; exit 3; }
chmod +x "$nvdisasm"
printf 'export FLEXC_NVRTC=%q FLEXC_NVDISASM=%q\n' "$(realpath "$nvrtc")" "$(realpath "$nvdisasm")"
