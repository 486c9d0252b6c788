#!/usr/bin/env bash
# Runs a fuzz target a fixed number of times with a fixed seed, over a copy of its seeds.
#   run_fuzz.sh [--expect-crash] BINARY RUNS MAX_LENGTH [SEED FOLDER]…
# Exit status: 0 no crash (with --expect-crash: a crash), 1 otherwise, 77 the target is not built.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
expect=0
if [ "$1" = --expect-crash ]; then expect=1; shift; fi
binary=$(realpath -m -- "$1") runs=$2 length=$3
shift 3
if [ ! -x "$binary" ]; then
  echo "run_fuzz: $binary is not built (tools/test.sh builds it, or the preset \"sanitize\" with target fuzzers)"
  exit 77
fi
[ "${FLEXC_NIGHTLY-0}" != 1 ] || runs=$((runs * 10))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
for folder in "$@"; do
  [ -d "$folder" ] && find "$folder" -maxdepth 1 -type f -size -64k -exec cp -- {} "$work/corpus/" \;
done
dictionary="$here/dictionaries/$(basename -- "$binary").dict"
[ -f "$dictionary" ] || dictionary="$here/flex.dict"
status=0
# A hang is a failure too, but the bound is far beyond what any machine needs.
(cd "$work" && "$binary" -runs="$runs" -seed="${FLEXC_SEED-1}" -max_len="$length" -timeout=300 -rss_limit_mb=3000 -print_final_stats=1 -verbosity=1 \
  -dict="$dictionary" corpus >log 2>&1) || status=$?
if [ "$expect" -eq 1 ]; then
  grep -q 'deadly signal\|ERROR: ' "$work/log" && [ $status -ne 0 ] && echo "run_fuzz: the crash was found" && exit 0
  echo "run_fuzz: no crash was found"
  exit 1
fi
if [ $status -ne 0 ]; then
  tail -n 60 "$work/log"
  for found in "$work"/crash-* "$work"/leak-* "$work"/timeout-* "$work"/oom-*; do
    [ -e "$found" ] || continue
    echo "input (base64):"
    base64 "$found"
  done
  echo "run_fuzz: $binary failed with status $status, seed ${FLEXC_SEED-1}"
  exit 1
fi
grep 'number_of_executed_units' "$work/log"
