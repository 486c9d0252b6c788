#!/usr/bin/env python3
"""Builds and runs the project that docs/embedding.md shows, from its text alone, against an installed flexc.

usage: guide.py DOCS/EMBEDDING.md PREFIX CXX [--negative]
       guide.py DOCS/EMBEDDING.md SOURCE CXX --subdirectory IR_LIBRARY LAUNCHER

Blocks with `file=NAME` are the project's files. --negative takes the installation away and demands that configuring fails. --subdirectory puts
flexc's sources in place of find_package, and takes the library behind MLIR from elsewhere.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def project_files(text):
    return {name: body for name, body in re.findall(r"^```\w+ file=(\S+)\n(.*?)^```$", text, re.M | re.S)}


def main():
    guide, prefix, cxx = sys.argv[1:4]
    negative = "--negative" in sys.argv[4:]
    files = project_files(Path(guide).read_text("utf-8"))
    if set(files) != {"CMakeLists.txt", "main.cpp"}:
        print(f"guide: the page shows {sorted(files)}, expected CMakeLists.txt and main.cpp")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        where = [f"-DCMAKE_PREFIX_PATH={'/nonexistent' if negative else prefix}", "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF"]
        if "--subdirectory" in sys.argv:
            library, launcher = sys.argv[5:7]
            where = [f"-DFLEXC_IR_LIBRARY={library}", f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}", "-DCMAKE_BUILD_TYPE=Release"]
            inside = re.sub(r"^find_package\(flexc .*\)$", f'add_subdirectory("{prefix}" flexc EXCLUDE_FROM_ALL)', files["CMakeLists.txt"], flags=re.M)
            if inside == files["CMakeLists.txt"]:
                print("guide: the page's project has no find_package(flexc …)")
                return 1
            files["CMakeLists.txt"] = inside
        for name, body in files.items():
            (Path(folder) / name).write_text(body)
        build = f"{folder}/build"
        commands = [["cmake", "-S", folder, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={cxx}", *where], ["cmake", "--build", build], [f"{build}/my_host"]]
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if negative:
                refused = done.returncode != 0 and "flexc" in done.stderr
                print("guide, negative: without an installation the project is " + ("refused" if refused else "NOT refused"))
                return 0 if refused else 1
            if done.returncode != 0:
                print(f"guide: {' '.join(command)} exits {done.returncode}:\n{done.stdout}{done.stderr}")
                return 1
        print(f"guide: built and run from the page; it printed {done.stdout.strip()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
