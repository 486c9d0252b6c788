#!/usr/bin/env bash
# Installs the Debian packages that flexc needs. Does nothing, quickly, if they are all there.
#   setup.sh           to build and test
#   setup.sh --build   to build the command line only
# Exit status: 0 done, 2 usage, 3 something is missing and cannot be installed from here.
set -euo pipefail

build_packages=(git cmake g++ pkg-config ninja-build libfmt-dev libcli11-dev nlohmann-json3-dev libxxhash-dev libssl-dev libpng-dev zlib1g-dev libgmp-dev libhwy-dev python3
                llvm-19-dev libmlir-19-dev mlir-19-tools)
test_packages=(llvm-19-tools catch2 clang-19 libclang-rt-19-dev python3-numpy python3-venv libbenchmark-dev)

case "${1-}" in
  "") packages=("${build_packages[@]}" "${test_packages[@]}") ;;
  --build) packages=("${build_packages[@]}") ;;
  -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
  *) echo "setup.sh: unknown option '$1' (--build, or nothing)" >&2; exit 2 ;;
esac

missing() {
  local package
  for package in "${packages[@]}"; do
    # ${Version} stays empty for what was removed; "installed" is the only state in which files are there.
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup.sh: this is not a Debian system; flexc needs the equivalents of: ${packages[*]}" >&2
  exit 3
fi
mapfile -t wanted < <(missing)
[ "${#wanted[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then
  become=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  become=(sudo -n)
elif command -v sudo >/dev/null && [ -t 0 ]; then
  become=(sudo)
else
  echo "setup.sh: these Debian packages are missing, and installing them needs root:" >&2
  echo "  apt-get install ${wanted[*]}" >&2
  exit 3
fi

echo "setup.sh: installing ${wanted[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_packages() {
  "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${wanted[@]}"
}
# The lists may be absent or old: fetch them only if the first attempt fails.
if ! install_packages >"$log" 2>&1; then
  if ! { "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update && install_packages; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup.sh: apt-get could not install: ${wanted[*]}" >&2
    exit 3
  fi
fi
mapfile -t wanted < <(missing)
if [ "${#wanted[@]}" -ne 0 ]; then
  echo "setup.sh: still missing: ${wanted[*]}" >&2
  exit 3
fi
