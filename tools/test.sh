#!/usr/bin/env bash
# Builds flexc and runs every test that needs no GPU. The last line reads `N passed, N failed`.
#   test.sh             the fast set
#   test.sh --nightly   the fast set and the long forms
# Exit status: 0 all passed, 1 some test or the build failed, 2 usage, 3 something is missing here.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/build.sh"

exclude=(-LE nightly)
case "${1-}" in
  "") ;;
  --nightly) exclude=() ;;
  -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
  *) echo "test.sh: unknown option '$1' (--nightly, or nothing)" >&2; exit 2 ;;
esac

started=$(now)
"$root/tools/setup.sh"
# Without them, tests that compile for Hopper use what the machine has, or are skipped.
if cuda=$("$root/tools/setup_cuda.sh" "$build/cuda-tools"); then eval "$cuda"; fi
echo "packages: $(seconds_since "$started") s"

stage=$(now)
configure_flexc "$build" -DFLEXC_BUILD_TESTS=ON
cmake --build "$build"
built=$(seconds_since "$stage")
echo "build: $built s"

# The fuzz targets want clang, libFuzzer and the sanitizers, so they have a build folder of their own; ctest in the first one
# runs them from there.
stage=$(now)
configure_flexc "$root/build-fuzz" -DFLEXC_BUILD_TESTS=ON -DFLEXC_FUZZ=ON -DFLEXC_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19
cmake --build "$root/build-fuzz" --target fuzzers
echo "fuzz targets: $(seconds_since "$stage") s"

stage=$(now)
status=0
# Tests start from an empty cache of kernels, and leave the user's alone.
export FLEXC_CACHE_DIR=$build/test-cache
rm -rf "$FLEXC_CACHE_DIR"
# Random inputs are seeded by each test, so a rerun is the same run.
FLEXC_NIGHTLY=$([ "${#exclude[@]}" -eq 0 ] && echo 1 || echo 0) \
  ctest --test-dir "$build" -j "$(nproc)" "${exclude[@]}" --output-on-failure --no-tests=error --output-junit "$build/tests.xml" || status=$?
echo "tests: $(seconds_since "$stage") s"
total=$(seconds_since "$started")
echo "wall time: $total s"
printf 'build %s\ntotal %s\n' "$built" "$total" >"$build/test_seconds"
python3 "$root/tools/test_report.py" "$build/tests.xml" --ctest-status "$status"
