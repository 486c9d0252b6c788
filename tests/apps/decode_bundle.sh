#!/usr/bin/env bash
# The decoder compiled ahead of time by the installed flexc, and run by the host that links flexc::runtime alone.
#   decode_bundle.sh SCRATCH DECODER.flex
# Exit status: 0 it runs and links no compiler, and a bundle with a flipped byte, a wrong offset and the host with the compiler are told apart.
set -euo pipefail
scratch=$1 decoder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$scratch/prefix/bin/flexc" compile "$decoder" --dtype f32 --head-dim 16 -o "$work/decoder.flexb" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

# links_compiler PROGRAM: whether any of the compiler's libraries is among those that the loader opens.
links_compiler() { ldd "$1" >"$work/ldd" && grep -Eq 'libflexc_(compiler|ir|dsl)|libLLVM|libMLIR|libnvrtc' "$work/ldd"; }
if links_compiler "$scratch/build/decode_bundle"; then echo "the host of bundles links the compiler:"; cat "$work/ldd"; exit 1; fi
links_compiler "$scratch/build/decode" || { echo "the check of libraries does not notice the compiler"; exit 1; }

"$scratch/build/decode_bundle" "$work/decoder.flexb"
if "$scratch/build/decode_bundle" "$work/decoder.flexb" --plant offset >"$work/log"; then echo "a wrong offset is not noticed"; exit 1; fi
cp "$work/decoder.flexb" "$work/bad.flexb"
printf '\x5a' | dd of="$work/bad.flexb" bs=1 seek=700 conv=notrunc status=none
if cmp -s "$work/decoder.flexb" "$work/bad.flexb"; then printf '\xa5' | dd of="$work/bad.flexb" bs=1 seek=700 conv=notrunc status=none; fi
status=0
"$scratch/build/decode_bundle" "$work/bad.flexb" >"$work/log" 2>&1 || status=$?
[ "$status" -eq 3 ] || { echo "a bundle with a flipped byte: exit status $status, expected 3"; cat "$work/log"; exit 1; }
