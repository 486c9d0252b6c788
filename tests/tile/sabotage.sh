#!/usr/bin/env bash
# Runs the tile tests against every unsound range function of sabotage.def and requires that each is noticed.
# Usage: sabotage.sh [--self-test] BINARY SABOTAGE_DEF
# --self-test: hands the judgement a sound interpreter as if it were an unsound one, and requires that it is reported as a survivor.
set -u
self_test=0
if [ "${1:-}" = --self-test ]; then self_test=1; shift; fi
binary=$1
mapfile -t names < <(sed -n 's/^FLEXC_TILE_SABOTAGE_CASE(\([A-Za-z0-9]*\))$/\1/p' "$2")
minimum=25
unset FLEXC_NIGHTLY

# 0: the tests failed as they should; 1: they passed; 2: something else happened (a crash, a missing binary).
is_caught() {
  FLEXC_SABOTAGE=$1 "$binary" --abort >/dev/null 2>&1
  case $? in
    0) return 1 ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
}

if ! FLEXC_SABOTAGE=0 "$binary" >/dev/null 2>&1; then
  echo "the tests fail without any sabotage"
  exit 1
fi
if [ $self_test = 1 ]; then
  is_caught 0
  [ $? = 1 ] && echo "a sound interpreter is reported as not caught, as it should be" && exit 0
  echo "the judgement calls a sound interpreter caught"
  exit 1
fi

caught=0
for i in "${!names[@]}"; do
  is_caught $((i + 1))
  case $? in
    0) caught=$((caught + 1)) ;;
    1) echo "survived: ${names[$i]}" ;;
    2) echo "crashed: ${names[$i]}" ;;
  esac
done
echo "$caught/${#names[@]} unsound range functions caught"
[ $caught = ${#names[@]} ] && [ $caught -ge $minimum ]
