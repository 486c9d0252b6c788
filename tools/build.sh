# Sourced by the scripts beside it: where things are, and how flexc is configured and built.
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
build="$root/build"

# configure_flexc FOLDER [CMAKE ARGUMENT]…
configure_flexc() {
  local folder=$1
  shift
  mkdir -p "$folder"
  local launcher=()
  # A ccache that cannot write (no HOME) would fail every compilation.
  if command -v ccache >/dev/null && ccache --show-stats >/dev/null 2>&1; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
  cmake -S "$root" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" "$@" >"$folder/configure.log" 2>&1 || {
    cat "$folder/configure.log" >&2
    return 1
  }
  rm -f "$folder/configure.log"
}

# seconds_since START, with one decimal; START as printed by `now`.
now() { date +%s.%N; }
seconds_since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }
