#!/usr/bin/env python3
"""Every op of the dialect has a lit case of its own: usage `every_op_has_a_case.py flex_ops.td FOLDER`.

The ops' names are read from their TableGen definitions. Fails and names them where an op lacks its file, where a file tests no
such op, or where a file neither mentions its op in a CHECK line nor runs anything.
"""

import pathlib
import re
import sys
import tempfile


def faults(definitions: str, folder: pathlib.Path) -> list[str]:
    """What is wrong, one line each; empty if every op has its case."""
    ops = set(re.findall(r"^def Flex_\w+Op : \w+<\"([a-z0-9_]+)\"", definitions, re.MULTILINE))
    if not ops:
        return ["no op was found in the definitions"]
    cases = {path.stem: path.read_text() for path in folder.glob("*.mlir")}
    found = [f"flex.{op} has no case {op}.mlir" for op in sorted(ops - cases.keys())]
    found += [f"{case}.mlir tests no op of that name" for case in sorted(cases.keys() - ops)]
    for op in sorted(ops & cases.keys()):
        text = cases[op]
        if "// RUN: " not in text or not re.search(rf"// [A-Z-]+: .*flex\.{op}\b", text):
            found.append(f"{op}.mlir does not check flex.{op}")
    return found


def check_itself() -> None:
    """A missing case, a stray one and an empty one are each found."""
    definitions = 'def Flex_AddOp : Flex_Binary<"add", 1>;\ndef Flex_SubOp : Flex_Binary<"sub", 1>;\n'
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "add.mlir").write_text('// RUN: x\n// CHECK: flex.add %0\n')
        assert faults(definitions, folder) == ["flex.sub has no case sub.mlir"]
        (folder / "sub.mlir").write_text("// RUN: x\n// CHECK: flex.add\n")
        assert faults(definitions, folder) == ["sub.mlir does not check flex.sub"]
        (folder / "sub.mlir").write_text("// RUN: x\n// CHECK: flex.sub\n")
        (folder / "mul.mlir").write_text("")
        assert faults(definitions, folder) == ["mul.mlir tests no op of that name"]


if __name__ == "__main__":
    check_itself()
    problems = faults(pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2]))
    print("\n".join(problems) or "every op has its case")
    sys.exit(bool(problems))
