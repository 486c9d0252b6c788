#!/usr/bin/env python3
"""The inner loops of the CPU kernel's two products, as the compiler made them: the multiply-adds that are meant, and nothing that spoils them.

    test_inner_loops.py OBJDUMP OBJECT … [--negative]

For each product's function the innermost loop with the most multiply-adds must have rows x vectors x 4 of them, none with a memory operand other than a
vector's load shared by nobody, no store, no use of the stack, and no move from register to register. --negative spoils the listing in each
of these ways and requires that it is rejected. Exit status 77 where the objects are not x86-64's.
"""
import re
import subprocess
import sys

UNROLL, VECTORS = 4, 2
# Instruction set, product, rows; and how the product's function is called.
PRODUCTS = [(target, product, rows, f"{product}<{rows}, {VECTORS}>") for target, rows in (("N_AVX3", 8), ("N_AVX3", 4), ("N_AVX2", 4)) for product in ("multiply_qk", "multiply_pv")]
PRODUCTS.append(("N_AVX3", "multiply_qk_pairs", 8, "multiply_qk_pairs("))
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")


def functions(listing):
    """Name → [(address, mnemonic, operands)]."""
    found, name = {}, None
    for line in listing.splitlines():
        if line.endswith(">:"):
            name = line[line.index("<") + 1 : -2]
            found[name] = []
        elif name and (match := LINE.match(line)):
            found[name].append((int(match[1], 16), match[2], match[3]))
    return found


def inner_loop(code):
    """The innermost loop with the most multiply-adds."""
    loops = []
    for address, mnemonic, operands in code:
        target = re.match(r"([0-9a-f]+)\b", operands)
        if mnemonic.startswith("j") and target and int(target[1], 16) <= address:
            loops.append((int(target[1], 16), address))
    inner = [loop for loop in loops if not any(other != loop and loop[0] <= other[0] and other[1] <= loop[1] for other in loops)]
    bodies = [[line for line in code if first <= line[0] <= last] for first, last in inner]
    return max(bodies, key=lambda body: sum("vfmadd" in line[1] for line in body), default=[])


def faults(body, rows):
    """What is wrong with the loop."""
    wrong = []
    adds = [line for line in body if line[1].startswith("vfmadd")]
    if len(adds) != rows * VECTORS * UNROLL:
        wrong.append(f"{len(adds)} multiply-adds, expected {rows * VECTORS * UNROLL}")
    if any("(" in line[2] for line in adds):
        wrong.append("a load is folded into a multiply-add")
    # AT&T order: what is written comes last.
    if any(line[2].endswith(")") and not line[1].startswith(("cmp", "test", "j", "nop", "cs", "prefetch")) for line in body if "," in line[2]):
        wrong.append("a store")
    if any("%rsp" in line[2] or "%rbp)" in line[2] for line in body):
        wrong.append("the stack is used")
    if any(re.fullmatch(r"v?mov[a-z0-9]+", line[1]) and re.fullmatch(r"%[xyz]mm\d+,%[xyz]mm\d+", line[2].strip()) for line in body):
        wrong.append("a move from register to register")
    return wrong


def spoiled(body):
    """Ways to spoil a loop: what each is called, the loop, and the fault that must be found."""
    at = next(i for i, line in enumerate(body) if line[1].startswith("vfmadd"))
    address, mnemonic, operands = body[at]
    insert = lambda *line: body[:at] + [(address, *line)] + body[at:]
    yield "a multiply-add less", body[:at] + body[at + 1 :], "multiply-adds"
    yield "a folded load", body[:at] + [(address, mnemonic, "(%rdi)," + operands.split(",", 1)[1])] + body[at + 1 :], "folded"
    yield "a spill", insert("vmovaps", "%zmm3,0x40(%rsp)"), "stack"
    yield "a store", insert("vmovups", "%ymm3,(%rdi,%rax,4)"), "a store"
    yield "a move", insert("vmovaps", "%zmm3,%zmm4"), "a move"


def main():
    arguments = [word for word in sys.argv[1:] if word != "--negative"]
    negative = len(arguments) < len(sys.argv) - 1
    objdump, objects = arguments[0], [path for word in arguments[1:] for path in word.split(";")]
    listing = ""
    for path in objects:
        done = subprocess.run([objdump, "-d", "--no-show-raw-insn", "-C", path], capture_output=True, text=True, check=True)
        if "x86-64" not in done.stdout:
            print("the objects are not x86-64's")
            return 77
        listing += done.stdout
    code = functions(listing)
    failures = 0
    for target, product, rows, function in PRODUCTS:
        title = f"{target} {product}, {rows} x {VECTORS}"
        names = [name for name in code if f"{target}::{function}" in name]
        if len(names) != 1:
            failures += 1
            print(f"{title}: {len(names)} functions of that name")
            continue
        body = inner_loop(code[names[0]])
        wrong = faults(body, rows)
        if not negative:
            failures += bool(wrong)
            print(f"{title}: {len(body)} instructions: {'; '.join(wrong) or 'as meant'}")
            continue
        for what, changed, fault in spoiled(body):
            if not any(fault in text for text in faults(changed, rows)):
                failures += 1
                print(f"{title}: {what} is not noticed")
    print(f"{failures} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
