#!/usr/bin/env bash
# One visit to a machine with a Hopper GPU, in steps of under eight minutes each, from a kit that needs no LLVM there.
#   tools/gpu_session.sh --build FOLDER [--entries a,b] [--head-dims 64,128]   here: makes the kit (at most 48 MiB)
#   FOLDER/gpu_session.sh [--only micro|cases|masks|bench|peers|report]              there: runs what is not done yet
#   tools/gpu_session.sh --rehearse                                            here, without a GPU: makes a small kit and runs it on the host model
# Results are lines of JSON in FOLDER/results, the state is FOLDER/results/done.txt, the tables are FOLDER/results/report.md. A session that was cut off
# goes on where it stopped. flexc has not yet run on a GPU; what a rehearsal writes is marked as one.
# Exit status: 0 all is as expected, 1 something differs, 2 usage, 3 no GPU, no driver, or nothing is built.
set -uo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
limit=480            # seconds a step
most_bytes=50331648  # 48 MiB
usage() { sed -n '2,9s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }

build_kit() {
  local kit=$1 bin=${FLEXC_BUILD:-$here/../build}/bin
  shift
  [ -x "$bin/flexc_gpu_kit" ] && [ -x "$bin/flexc_gpu_runner" ] || { echo "gpu_session.sh: nothing is built; run tools/build.sh first" >&2; exit 3; }
  mkdir -p "$kit/bin" && cp "$bin/flexc_gpu_runner" "$here/gpu_session.sh" "$here/gpu_kit/peers.py" "$here/gpu_kit/report.py" "$kit/" || exit 3
  strip "$kit/flexc_gpu_runner" 2>/dev/null || true
  mv "$kit/flexc_gpu_runner" "$kit/bin/runner" && rm -rf "$kit/results"
  "$bin/flexc_gpu_kit" "$kit" "$here/gpu_kit/micro.cu" "$@" || exit $?
  local bytes
  bytes=$(du -sb "$kit" | cut -f1)
  [ "$bytes" -le "$most_bytes" ] || { echo "gpu_session.sh: the kit has $bytes bytes, more than $most_bytes" >&2; exit 1; }
  echo "kit: $bytes bytes, limit $most_bytes, $(ls "$kit/cases" | wc -l) cases, $(grep -c FLEXC_KERNEL "$here/gpu_kit/micro.cu") micro-tests"
}

# step NAME COMMAND…: once, its lines to results/NAME.jsonl. A step that was cut off is run again; what differs is kept as such and not run again.
differs=0
step() {
  local name=$1 status=0
  shift
  if grep -qx "$name [01]" "$results/done.txt" 2>/dev/null; then
    grep -qx "$name 1" "$results/done.txt" && differs=1
    return 0
  fi
  timeout "$limit" "$@" >"$results/$name.part" 2>"$results/$name.err" || status=$?
  case $status in
    0|1) mv "$results/$name.part" "$results/$name.jsonl"; echo "$name $status" >>"$results/done.txt"; [ $status -eq 0 ] || differs=1 ;;
    3) cat "$results/$name.err" >&2; exit 3 ;;
    *) differs=1; echo "gpu_session.sh: $name ended with status $status: $(tail -n 1 "$results/$name.err")" >&2 ;;
  esac
  echo "$name: $([ $status -eq 0 ] && echo as expected || echo "status $status")"
}

run_kit() {
  local kit=$1 only=$2 name d
  [ -x "$kit/bin/runner" ] && [ -d "$kit/cases" ] || { echo "gpu_session.sh: $kit is no kit; make one with --build" >&2; exit 3; }
  "$kit/bin/runner" probe || exit 3
  results=$kit/results
  mkdir -p "$results"
  wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }
  if wanted micro; then step micro "$kit/bin/runner" micro "$kit"; fi
  if wanted cases; then
    for name in "$kit"/cases/*.json; do name=$(basename "$name" .json); step "case.$name" "$kit/bin/runner" case "$kit" "$name"; done
  fi
  if wanted masks; then
    for name in "$kit"/masks/*.json; do name=$(basename "$name" .json); step "mask.$name" "$kit/bin/runner" mask "$kit" "$name"; done
  fi
  if wanted bench; then
    # 16k tokens a call, as the papers measure; captures of a case fit its own shape only, so the entries without any.
    for d in 64 128 256; do
      for name in "noop_$d" "noop_${d}_widest" "causal_$d" "sliding_window_$d" "softcap_$d"; do
        [ -f "$kit/cases/$name.json" ] || continue
        for length in ${FLEXC_BENCH_LENGTHS:-512 1024 2048 4096 8192 16384}; do
          local batch=$((16384 / length)) heads=$((2048 / d))
          [ "$batch" -ge 1 ] || batch=1
          step "bench.$name.$length" "$kit/bin/runner" bench "$kit" "$name" "${FLEXC_BENCH_SHAPE:-$batch,$heads,$heads,$length,$length}" "${FLEXC_BENCH_REPEATS:-20}"
        done
      done
    done
  fi
  if wanted peers; then step peers python3 "$kit/peers.py"; fi
  if wanted report || [ -z "$only" ]; then python3 "$kit/report.py" "$results" >"$results/report.md" && echo "report: $results/report.md"; fi
  exit $differs
}

rehearse() {
  local build=${FLEXC_BUILD:-$here/../build} status=0
  folder=$(mktemp -d)  # not local: the trap comes after this function
  trap 'rm -rf "$folder"' EXIT
  build=$(cd "$build" && pwd) || exit 3
  [ -f "$build/fake_driver/libcuda.so.1" ] || { echo "gpu_session.sh: the stand-in driver is not built (it is one of the tests)" >&2; exit 3; }
  build_kit "$folder/made" --entries causal,alibi --head-dims 64 --model "$folder/model"
  # As on the other machine: a tar, an empty environment, no build folder.
  tar -C "$folder/made" -cf "$folder/kit.tar" . && mkdir "$folder/kit" && tar -C "$folder/kit" -xf "$folder/kit.tar" || exit 1
  if readelf -d "$folder/kit/bin/runner" | grep NEEDED | grep -vqE 'libc\.so|libm\.so|ld-linux|libdl|libpthread|linux-vdso'; then
    readelf -d "$folder/kit/bin/runner" | grep NEEDED >&2
    echo "rehearsal: the runner needs more than libc" >&2
    exit 1
  fi
  env -i PATH=/usr/bin:/bin "$folder/kit/gpu_session.sh" >"$folder/without.txt" 2>&1 || status=$?
  [ $status -eq 3 ] && grep -q "libcuda.so.1" "$folder/without.txt" || { cat "$folder/without.txt" >&2; echo "rehearsal: without a driver the status is $status, not 3" >&2; exit 1; }
  local environment=(PATH=/usr/bin:/bin "LD_LIBRARY_PATH=$build/fake_driver" "FLEXC_FAKE_CUDA_KERNELS=$folder/model" FLEXC_BENCH_LENGTHS=512 FLEXC_BENCH_SHAPE=1,1,1,130,130 FLEXC_BENCH_REPEATS=1 FLEXC_KIT_REHEARSAL=1)
  # Cut off after the micro-tests; then whole.
  env -i "${environment[@]}" "$folder/kit/gpu_session.sh" --only micro || { cat "$folder"/kit/results/*.part "$folder"/kit/results/micro.jsonl 2>/dev/null >&2; exit 1; }
  status=0
  env -i "${environment[@]}" "$folder/kit/gpu_session.sh" || status=$?
  [ $status -eq 0 ] || { cat "$folder"/kit/results/*.jsonl "$folder"/kit/results/*.err >&2; echo "rehearsal: status $status" >&2; exit 1; }
  [ "$(grep -c '^micro ' "$folder/kit/results/done.txt")" -eq 1 ] || { echo "rehearsal: a step was run twice" >&2; exit 1; }
  grep -q "REHEARSAL" "$folder/kit/results/report.md" || { echo "rehearsal: the report is not marked as one" >&2; exit 1; }
  # The comparison has teeth: an expected output that is off is noticed.
  printf '\0\0\200\77' | dd of="$folder/kit/expected/causal_64_out.f32" bs=1 seek=4096 conv=notrunc status=none
  status=0
  env -i "${environment[@]}" "$folder/kit/bin/runner" case "$folder/kit" causal_64 >/dev/null || status=$?
  [ $status -eq 1 ] || { echo "rehearsal: a wrong expected output was not noticed (status $status)" >&2; exit 1; }
  # A kernel of masks that does nothing leaves another mask.
  rm "$folder/model/flexc_tile_verdicts.so"
  status=0
  env -i "${environment[@]}" "$folder/kit/bin/runner" mask "$folder/kit" document >/dev/null || status=$?
  [ $status -eq 1 ] || { echo "rehearsal: a wrong mask was not noticed (status $status)" >&2; exit 1; }
  grep -q '"mask":"document","ok":true' "$folder/kit/results/mask.document.jsonl" || { echo "rehearsal: no mask was built" >&2; exit 1; }
  echo "rehearsal: kit $(du -sb "$folder/made" | cut -f1) bytes of $most_bytes for two entries; exit 3 without a driver; micro-tests, cases and masks as expected on the host model; a wrong output and a wrong mask kernel noticed; no GPU was used"
}

kit=$here only=""
case ${1-} in
  --build) [ $# -ge 2 ] || usage; kit=$2; shift 2; build_kit "$kit" "$@"; exit 0 ;;
  --rehearse) [ $# -eq 1 ] || usage; rehearse; exit 0 ;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --kit) [ $# -ge 2 ] || usage; kit=$2; shift 2 ;;
    --only) [ $# -ge 2 ] || usage; only=$2; shift 2 ;;
    *) usage ;;
  esac
done
run_kit "$kit" "$only"
