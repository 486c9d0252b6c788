"""Emission reads the IR and nothing else: no header of the syntax, of elaboration or of the normal form is included from
compiler/emit, directly or through other headers of the project.

test_emission_reads_ir.py [--negative]: the negative run adds such an include, behind another header, and must find it.
"""
import os
import pathlib
import re
import sys
import tempfile

FORBIDDEN = ("dsl/syntax/", "dsl/elaborate/", "dsl/include/flexc/dsl/normal_form.h", "compiler/import/")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def resolve(root, included, by):
    """The file of the project that an include names, or nothing: MLIR's and generated headers are none."""
    folders = [by.parent, root] + [root / part / "include" for part in ("compiler", "dsl", "runtime")]
    for folder in folders:
        candidate = folder / included
        if candidate.is_file():
            return candidate.resolve()
    return None


def violations(root, sources):
    found = []
    for source in sources:
        open_files, seen = [(source, [source])], set()
        while open_files:
            file, path = open_files.pop()
            for included in INCLUDE.findall(file.read_text()):
                header = resolve(root, included, file)
                if header is None or header in seen:
                    continue
                seen.add(header)
                name = header.relative_to(root).as_posix() if header.is_relative_to(root) else header.as_posix()
                if name.startswith(FORBIDDEN):
                    found.append(" -> ".join(part.name for part in path) + f" -> {name}")
                open_files.append((header, path + [header]))
    return found


def main():
    root = pathlib.Path(os.environ["FLEXC_ROOT"]).resolve()
    sources = sorted(path for path in (root / "compiler" / "emit").rglob("*") if path.suffix in (".h", ".cpp"))
    if not sources:
        sys.exit("no sources of emission")
    if "--negative" in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as folder:
            header, source = pathlib.Path(folder, "between.h"), pathlib.Path(folder, "emission.cpp")
            header.write_text('#include "flexc/dsl/normal_form.h"\n')
            source.write_text('#include <vector>\n#include "between.h"\n')
            found = violations(root, [source])
        print("\n".join(found))
        sys.exit(0 if any("normal_form.h" in line for line in found) else "an include of the normal form was not found")
    found = violations(root, sources)
    print("\n".join(found) or f"{len(sources)} files")
    sys.exit(1 if found else 0)


main()
