#!/usr/bin/env bash
# One visit to a machine with a Hopper GPU, in steps of under eight minutes each, from a kit that needs no LLVM there.
#   tools/gpu_session.sh --build FOLDER [options of gpu_kit/build_kit.py]         here: makes FOLDER and FOLDER.tar.gz (at most 48 MiB)
#   KIT/gpu_session.sh [--only STAGE] [--budget SECONDS] [--list]                 there: runs what is not done yet
#   tools/gpu_session.sh --rehearse [--whole]                                     here, without a GPU: a small kit, on the host model
# gpu_kit/README.md tells what is in a kit and what a session does. flexc has not yet run on a GPU; what a rehearsal writes is marked as one.
# Exit status: 0 all is as expected, 1 something differs, 2 usage, 3 no GPU, no driver, or nothing is built, 4 the time is up and steps are left.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
python=${FLEXC_KIT_PYTHON:-python3}
case ${1-} in
  --build) shift; exec "$python" -B "$here/gpu_kit/build_kit.py" "$@" ;;
  --rehearse) shift; exec "$python" -B "$here/gpu_kit/rehearse.py" "$@" ;;
  -h | --help) sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
esac
[ -f "$here/session.py" ] || { sed -n '2,7s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
exec "$python" -B "$here/session.py" "$here" "$@"
