#!/bin/sh
# usage: runtime_links.sh LIBRARY
# Fails when ldd shows that LIBRARY links MLIR, LLVM or clang, directly or through another library, or when ldd says nothing.
# LDD names the program to ask (default ldd), so that the check itself can be tested.
library=$1
listed=$("${LDD:-ldd}" "$library") || { echo "runtime_links: ldd failed on $library" >&2; exit 1; }
# A check that looked at nothing must not pass: every C++ library needs libc.
if ! printf '%s\n' "$listed" | grep -q 'libc\.so'; then
  echo "runtime_links: ldd lists no libc for $library; is it a shared library?" >&2
  exit 1
fi
if printf '%s\n' "$listed" | grep -iE 'lib(MLIR|LLVM|clang)' >&2; then
  echo "runtime_links: $library links the libraries above, which the runtime must not" >&2
  exit 1
fi
