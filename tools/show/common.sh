# Sourced by show.sh: claims are counted, run and printed here.
held=0 failed=0 not_run=0

print_claim() { printf '%-8s %s | figure: %s | limit: %s | %s\n' "$1" "$2" "$3" "$4" "$5"; }

# claim TEXT LIMIT COMMAND…   The command's exit status is the verdict (77: it could not run here), its last line of output
# is the figure. The output of a command that fails is shown.
claim() {
  local text=$1 limit=$2
  shift 2
  local output status=0 figure
  output=$("$@" 2>&1) || status=$?
  figure=$(printf '%s\n' "$output" | grep -v '^[[:space:]]*$' | tail -n 1)
  case $status in
    0) held=$((held + 1)); print_claim HOLDS "$text" "$figure" "$limit" "$*" ;;
    77) not_run=$((not_run + 1)); print_claim "NOT RUN" "$text" none "$limit" "$figure" ;;
    *)
      failed=$((failed + 1))
      print_claim FAILS "$text" "$figure" "$limit" "$*"
      printf '%s\n' "$output" | tail -n 20 | sed 's/^/    /'
      ;;
  esac
}

# unproven TEXT LIMIT REASON: a claim that nothing here can run yet.
unproven() {
  not_run=$((not_run + 1))
  print_claim "NOT RUN" "$1" none "$2" "$3"
}

# tests REGEX: the tests of that name in the build folder; the figure is ctest's summary.
tests() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then
    echo "nothing is built: run tools/test.sh first"
    return 77
  fi
  local status=0
  FLEXC_NIGHTLY=${FLEXC_NIGHTLY-0} ctest --test-dir "$build" -R "$1" --output-on-failure --no-tests=error -j "$(nproc)" >"$build/show.log" 2>&1 || status=$?
  [ $status -eq 0 ] || tail -n 40 "$build/show.log"
  grep 'tests passed' "$build/show.log" || tail -n 1 "$build/show.log"
  return $status
}

# test_figure NAME PATTERN: runs one test; the figure is the last line of its output that matches.
test_figure() {
  if [ ! -f "$build/CTestTestfile.cmake" ]; then
    echo "nothing is built: run tools/test.sh first"
    return 77
  fi
  local status=0
  FLEXC_NIGHTLY=${FLEXC_NIGHTLY-0} ctest --test-dir "$build" -R "^$1\$" --verbose --no-tests=error >"$build/show.log" 2>&1 || status=$?
  [ $status -eq 0 ] || tail -n 40 "$build/show.log"
  local figure
  figure=$(grep -E "$2" "$build/show.log" | tail -n 1 | sed 's/^[0-9]*: //' || true)
  echo "$figure"
  case $figure in skipped*) return 77 ;; esac  # ctest calls a skipped test passed
  return $status
}

# compile_seconds LIMIT VARIANT…: from the text to loadable code for each, as `flexc bench` measures it: in fresh processes
# with an empty cache, the median of five. The figure is the slowest.
compile_seconds() {
  local limit=$1 variant report figures=""
  shift
  if [ ! -x "$build/bin/flexc" ]; then echo "nothing is built: run tools/quickstart.sh first"; return 77; fi
  for variant; do
    report=$("$build/bin/flexc" bench "$variant" --random 1,2,2,64,64,64,64 --device cpu --repeat 1 --json) || { [ $? -eq 3 ] && return 77 || return 1; }
    figures+="$variant $(sed -n 's/.*"compile_s":\([0-9.e+-]*\).*/\1/p' <<<"$report")"$'\n'
  done
  printf '%s' "$figures" | awk -v limit="$limit" '
    NF != 2 { bad = 1 }
    $2 > slowest { slowest = $2; name = $1 }
    { text = text sprintf("%s %.0f, ", $1, $2 * 1000) }
    END { printf "%sslowest %s %.1f ms\n", text, name, slowest * 1000; exit !(!bad && slowest > 0 && slowest <= limit) }'
}

finish_claims() {
  echo "$1: $held hold, $failed fail, $not_run not run"
  [ "$failed" -eq 0 ] || exit 1
  [ "$not_run" -eq 0 ] || exit 4
  [ "$held" -gt 0 ] || exit 4
}
