#!/usr/bin/env bash
# Checks what flexc claims about itself: one command for each claim of an area.
#   show.sh AREA    AREA: language cpu hopper masks cache speed
# Each line: HOLDS, FAILS or NOT RUN; the claim; the figure; the limit; the command, or the reason why it did not run.
# Exit status: 0 every claim holds, 1 some fails, 2 usage, 4 none fails but some did not run.
set -uo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
source "$here/build.sh"
source "$here/show/common.sh"

areas=(language cpu hopper masks cache speed)
case "${1-}" in
  -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
esac
if [ $# -ne 1 ]; then
  echo "show.sh: expected one area of: ${areas[*]}" >&2
  exit 2
fi
case " ${areas[*]} " in
  *" $1 "*) ;;
  *) echo "show.sh: unknown area '$1'; expected one of: ${areas[*]}" >&2; exit 2 ;;
esac
if [ -d "$build" ]; then
  export FLEXC_CACHE_DIR=$build/show-cache  # the user's own is left alone
  if { [ "$1" = hopper ] || [ "$1" = cache ]; } && cuda=$("$here/setup_cuda.sh" "$build/cuda-tools"); then eval "$cuda"; fi
fi
# shellcheck source=/dev/null
source "$here/show/$1.sh"
finish_claims "$1"
