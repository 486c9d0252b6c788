"""Where a rehearsal runs a kit: an environment of its own, and no compiler library within reach."""
import glob
import os
import re
import shutil
import subprocess
from pathlib import Path

from build_kit import OF_LIBC

# No part of the kit may open one of these.
COMPILER = re.compile(r"lib(LLVM|MLIR|clang|flexc_ir|flexc_compiler)")
HIDE = """
for folder in $FLEXC_KIT_HIDE; do
  if [ -d "$folder" ]; then mount -t tmpfs none "$folder" || exit 125; else mount --bind /dev/null "$folder" || exit 125; fi
done
unset FLEXC_KIT_HIDE
exec "$@"
"""


class Sandbox:
    """Runs commands with an empty environment and, where mount namespaces are to be had, with LLVM and the build folder's libraries hidden."""

    def __init__(self, build):
        libraries = [path for name in ("libLLVM*", "libMLIR*", "libclang*") for path in glob.glob(f"/usr/lib/x86_64-linux-gnu/{name}.so*") if not os.path.islink(path)]
        self.hide = [path for path in (*glob.glob("/usr/lib/llvm-*"), str(build / "lib"), *libraries) if os.path.exists(path)]
        asked = subprocess.run(self.command(["test", "!", "-e", str(build / "lib/libflexc_runtime.so")]), env=self.environment({}), capture_output=True) if shutil.which("unshare") else None
        self.hides = asked is not None and asked.returncode == 0
        if not self.hides:
            self.hide = []

    def command(self, words):
        return ["unshare", "-m", "bash", "-c", HIDE, "hide", *map(str, words)] if self.hide else list(map(str, words))

    def environment(self, more):
        hidden = {"FLEXC_KIT_HIDE": " ".join(self.hide)} if self.hide else {}
        return {"PATH": "/usr/sbin:/usr/bin:/bin", **hidden, **more}

    def run(self, words, **more):
        return subprocess.run(self.command(words), env=self.environment(more), capture_output=True, text=True)

    def start(self, words, **more):
        return subprocess.Popen(self.command(words), env=self.environment(more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def needed(file):
    """What an ELF file names as NEEDED."""
    listed = subprocess.run(["readelf", "-d", str(file)], capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", listed)


def outside(kit, names):
    """Of NEEDED names, those that neither the kit nor the C library has; a compiler's are, wherever they lie."""
    return [name for name in names if COMPILER.search(name) or not (OF_LIBC.search(name) or (kit / "lib" / name).is_file())]


def strays(kit, files):
    """Of mapped files, those that are neither the kit's nor the C library's."""
    return [file for file in files if COMPILER.search(file) or not (OF_LIBC.search(file) or Path(file).is_relative_to(kit / "lib"))]


def processes_of(folder):
    """Processes whose command names the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(entry.name) != os.getpid() and any(str(folder).encode() in word for word in words):
            found.append(entry.name)
    return found
