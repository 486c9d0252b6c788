#!/bin/sh
# usage: runtime_links_negative.sh CHECKER
# The checker must reject what it is there to reject, and accept a clean listing.
checker=$1
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0
# expect STATUS LISTING: runs the checker with an ldd that prints LISTING.
expect() {
  printf '#!/bin/sh\ncat <<"END"\n%s\nEND\n' "$2" > "$folder/ldd"
  chmod +x "$folder/ldd"
  LDD="$folder/ldd" sh "$checker" libany.so 2> "$folder/said"
  if [ $? -ne "$1" ]; then
    echo "expected exit status $1 for the listing: $2" >&2
    failed=1
  fi
}
libc='	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)'
expect 0 "$libc"
expect 1 "$libc
	libLLVM.so.19.1 => /usr/lib/llvm-19/lib/libLLVM.so.19.1 (0x00007f0000000000)"
expect 1 "	libMLIR.so.19.1 => not found
$libc"
expect 1 "$libc
	libLLVM-14.so.1 => /lib/x86_64-linux-gnu/libLLVM-14.so.1 (0x00007f0000000000)"
expect 1 ""
expect 1 "	not a dynamic executable"
printf '#!/bin/sh\nexit 1\n' > "$folder/ldd"
chmod +x "$folder/ldd"
if LDD="$folder/ldd" sh "$checker" libany.so 2> "$folder/said"; then
  echo "expected a failure where ldd fails" >&2
  failed=1
fi
exit $failed
