#!/usr/bin/env bash
# Makes the Hopper kernels' machine code anew and approves it: prints old and new of each row that changes, and writes tests/hopper/approved_sass.tsv and the
# tables of docs/performance/hopper_static.md. What it prints is for a person to judge before the change is committed.
#   tools/approve.sh             all rows (minutes)
#   tools/approve.sh VARIANT…    those gallery entries alone
# Exit status: 0 done, 1 a kernel could not be made, 2 usage or the environment is at fault, 3 nothing is built.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
case "${1-}" in
  -h | --help) sed -n '2,6s/^# //p' "$0"; exit 0 ;;
  -*) echo "approve.sh: unknown option '$1' (names of gallery entries, or nothing)" >&2; exit 2 ;;
esac
source "$here/build.sh"
[ -x "$build/bin/flexc" ] || { echo "approve.sh: nothing is built; run tools/build.sh first" >&2; exit 3; }
cuda=$("$here/setup_cuda.sh" "$build/cuda-tools")
eval "$cuda"
python3 -B "$here/sass_table.py" approve -j "$(nproc)" "$build/bin/flexc" "$@"
python3 -B "$here/sass_table.py" docs --write
