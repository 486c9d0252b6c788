"""A cubin's machine code: the ELF file's facts, nvdisasm's listing, control flow, and paths through a loop. Used by sass_gates.py."""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

SECTION_HEADER_BYTES, SYMBOL_BYTES = 64, 24
EIATTR_REGISTERS, EIATTR_FRAME, EIATTR_MAX_THREADS, EIATTR_REQUIRED_THREADS = 0x2F, 0x11, 0x05, 0x10
ELF_MACHINE_CUDA = 190

INSTRUCTION = re.compile(r'^\s+/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z][A-Za-z0-9_.]*)\s*(.*?)\s*;')
LABEL = re.compile(r'^(\.L_[\w$.]+):')
TARGET = re.compile(r'`\((\.L_[\w$.]+)\)')
COMPILER = re.compile(rb'Cuda compilation tools, release [\d.]+, V([\d.]+)')
ENDS_BLOCK = {'BRA', 'BRX', 'JMP', 'EXIT', 'RET', 'BSYNC', 'BREAK', 'KILL'}
PREDICATE_TRUE = {'', 'PT', 'UPT'}


class InputError(Exception):
    """The input or the environment is at fault; the message says what to do."""


class Instruction:
    """Address, guard predicate, opcode, operands, and the stall count that the compiler wrote into it (0 without the code)."""

    def __init__(self, address, guard, opcode, operands):
        self.address, self.guard, self.opcode, self.operands, self.stall = address, guard or '', opcode, operands, 0

    def base(self):
        return self.opcode.split('.')[0]


# ------------------------------------------------------------------------------------------------------------------------------ the ELF file

def read_elf(path):
    """{kernel: {registers, frame, threads, static_smem, code, compiler}} of a cubin."""
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'cannot read {path}: {error.strerror}') from error
    if data[:4] != b'\x7fELF' or len(data) < 64 or struct.unpack_from('<H', data, 18)[0] != ELF_MACHINE_CUDA:
        raise InputError(f'{path} is not a cubin')
    try:
        return _kernels(data)
    except (struct.error, ValueError, IndexError) as error:
        raise InputError(f'{path}: damaged cubin ({error})') from error


def _kernels(data):
    table, = struct.unpack_from('<Q', data, 0x28)
    count, names_at = struct.unpack_from('<HH', data, 0x3C)
    headers = [struct.unpack_from('<IIQQQQIIQQ', data, table + i * SECTION_HEADER_BYTES) for i in range(count)]

    def text(offset):
        return data[offset:data.index(b'\0', offset)].decode()

    sections = {text(headers[names_at][4] + header[0]): header for header in headers}
    kernels, compiler = {}, COMPILER.search(data)
    for name, header in sections.items():
        if name.startswith('.text.'):
            shared = sections.get('.nv.shared.' + name[6:])
            kernels[name[6:]] = {'registers': None, 'frame': 0, 'threads': None, 'static_smem': shared[5] if shared else 0,
                                 'code': data[header[4]:header[4] + header[5]], 'compiler': compiler.group(1).decode() if compiler else None}
    symbols = []
    if '.symtab' in sections:
        header = sections['.symtab']
        strings = headers[header[6]][4]
        symbols = [text(strings + struct.unpack_from('<I', data, header[4] + i * SYMBOL_BYTES)[0]) for i in range(header[5] // SYMBOL_BYTES)]
    for name, header in sections.items():
        if not name.startswith('.nv.info'):
            continue
        own, at, end = kernels.get(name[len('.nv.info.'):]), header[4], header[4] + header[5]
        while at + 4 <= end:
            form, attribute, value = struct.unpack_from('<BBH', data, at)
            payload = data[at + 4:at + 4 + value] if form == 4 else b''
            at += 4 + len(payload)
            if attribute in (EIATTR_REGISTERS, EIATTR_FRAME) and len(payload) == 8:
                symbol, number = struct.unpack('<II', payload)
                kernel = kernels.get(symbols[symbol]) if symbol < len(symbols) else None
                if kernel:
                    kernel['registers' if attribute == EIATTR_REGISTERS else 'frame'] = number
            elif own and attribute in (EIATTR_MAX_THREADS, EIATTR_REQUIRED_THREADS) and len(payload) >= 12:
                x, y, z = struct.unpack_from('<III', payload)
                own['threads'] = x * y * z
    return kernels


# --------------------------------------------------------------------------------------------------------------------------- the disassembly

def find_nvdisasm(given):
    """The path given, $FLEXC_NVDISASM, the PATH, or the wheel nvidia-cuda-nvdisasm of this Python."""
    wheel = [os.path.join(root, *parts, 'bin', 'nvdisasm') for root in sys.path for parts in (('nvidia', 'cu13'), ('nvidia', 'cuda_nvdisasm'))]
    for path in [given, os.environ.get('FLEXC_NVDISASM'), shutil.which('nvdisasm')] + wheel:
        if path and os.access(path, os.X_OK):
            return path
    raise InputError('nvdisasm not found: pip install nvidia-cuda-nvdisasm into a venv (tools/cuda_versions.txt has the version) and give --nvdisasm')


def disassemble(nvdisasm, cubin):
    done = subprocess.run([nvdisasm, '-c', cubin], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f'nvdisasm failed on {cubin}: {done.stderr.strip()}')
    return done.stdout


def parse(listing):
    """{kernel: [label or Instruction]}"""
    kernels, items = {}, None
    for line in listing.splitlines():
        section = re.match(r'\s*\.section\s+\.text\.([^,\s"]+)', line)
        if section:
            items = kernels.setdefault(section.group(1), [])
        elif items is not None:
            label, instruction = LABEL.match(line), INSTRUCTION.match(line)
            if label:
                items.append(label.group(1))
            elif instruction:
                items.append(Instruction(int(instruction.group(1), 16), instruction.group(2), instruction.group(3), instruction.group(4)))
    return {name: items for name, items in kernels.items() if any(isinstance(i, Instruction) for i in items)}


# ------------------------------------------------------------------------------------------------------------------------------- control flow

class Graph:
    """Basic blocks of a kernel: lists of instructions, successors, and natural loops."""

    def __init__(self, items):
        targets = {t for i in items if isinstance(i, Instruction) for t in TARGET.findall(i.operands)}
        self.blocks, labels, current = [], {}, []
        for item in items:
            if isinstance(item, str):
                if item in targets:
                    current = self._close(current)
                    labels[item] = len(self.blocks)
                continue
            current.append(item)
            if item.base() in ENDS_BLOCK:
                current = self._close(current)
        self._close(current)
        self.successors = [self._after(n, labels) for n in range(len(self.blocks))]
        self._join(labels)
        self.predecessors = [[] for _ in self.blocks]
        for n, following in enumerate(self.successors):
            for s in following:
                self.predecessors[s].append(n)
        self.loops = self._loops()

    def _close(self, current):
        if current:
            self.blocks.append(current)
        return []

    def _after(self, n, labels):
        last, following = self.blocks[n][-1], set()
        base = last.base()
        if base in ('BRA', 'BRX', 'JMP'):
            following |= {labels[t] for t in TARGET.findall(last.operands) if t in labels}
        conditional = (last.guard not in PREDICATE_TRUE or last.opcode.startswith(('BRA.DIV', 'BRA.CONV')) or
                       (base == 'BRA' and re.match(r'!?U?P\d', last.operands)))
        if (base not in ENDS_BLOCK or conditional) and n + 1 < len(self.blocks):
            following.add(n + 1)
        return {s for s in following if s < len(self.blocks)}

    def _join(self, labels):
        """BSYNC on a barrier register goes where the BSSY that set it says: each BSSY is followed to the BSYNCs that it reaches, until no edge is new."""
        def scan(instructions, register):  # 'joins', 'ends' (the register is set anew) or None: goes on
            for i in instructions:
                if i.base() in ('BSSY', 'BSYNC') and i.operands.split(',')[0].strip() == register:
                    return 'joins' if i.base() == 'BSYNC' else 'ends'
            return None

        sets = [(n, at, i.operands.split(',')[0].strip(), {labels[t] for t in TARGET.findall(i.operands) if t in labels})
                for n, block in enumerate(self.blocks) for at, i in enumerate(block) if i.base() == 'BSSY']
        changed = True
        while changed:
            changed = False
            for first, at, register, targets in sets:
                seen, stack = set(), [(first, self.blocks[first][at + 1:])]
                while stack:
                    n, instructions = stack.pop()
                    outcome = scan(instructions, register)
                    if outcome == 'joins' and not targets <= self.successors[n]:
                        self.successors[n] |= targets
                        changed = True
                    if outcome is None:
                        new = self.successors[n] - seen
                        seen |= new
                        stack += [(s, self.blocks[s]) for s in new]

    def _loops(self):
        """[(header, body)] of the natural loops; one entry a header."""
        count = len(self.blocks)
        everything = (1 << count) - 1
        dominators = [everything] * count
        dominators[0] = 1
        reachable, stack = {0}, [0]
        while stack:
            for s in self.successors[stack.pop()]:
                if s not in reachable:
                    reachable.add(s)
                    stack.append(s)
        changed = True
        while changed:
            changed = False
            for n in sorted(reachable - {0}):
                new = everything
                for p in self.predecessors[n]:
                    if p in reachable:
                        new &= dominators[p]
                new |= 1 << n
                if new != dominators[n]:
                    dominators[n], changed = new, True
        bodies = {}
        for n in reachable:
            for s in self.successors[n]:
                if dominators[n] >> s & 1:
                    body, stack = bodies.setdefault(s, {s}), [n]
                    while stack:
                        b = stack.pop()
                        if b not in body:
                            body.add(b)
                            stack.extend(self.predecessors[b])
        return list(bodies.items())

    def path(self, loop, prefers=None):
        """(instructions, blocks) of one iteration, from the loop's header to its back edge. Of the ways there, those through the most blocks of the set `prefers`,
        and of these the one with the fewest instructions; without a set the fewest alone. 'longest' in its place: the most instructions."""
        header, body = loop
        spins = self.spins(loop)
        order, seen = [], set()

        def visit(n):
            stack = [(n, iter(sorted(self.successors[n])))]
            seen.add(n)
            while stack:
                node, rest = stack[-1]
                for s in rest:
                    if s in body and s != header and s not in seen and s not in spins:
                        seen.add(s)
                        stack.append((s, iter(sorted(self.successors[s]))))
                        break
                else:
                    order.append(node)
                    stack.pop()

        def value(n):  # the larger, the better
            size = len(self.blocks[n])
            return (size, 0) if prefers == 'longest' else (n in (prefers or ()), -size)

        visit(header)
        position = {n: i for i, n in enumerate(reversed(order))}
        best = {}
        for n in order:  # successors come before their predecessors
            own = value(n)
            ends = [(own, None)] if header in self.successors[n] else []
            ends += [((own[0] + best[s][0][0], own[1] + best[s][0][1]), s) for s in self.successors[n] if s in best and s != header and position[s] > position[n]]
            if ends:
                best[n] = max(ends, key=lambda e: e[0])
        if header not in best:
            raise InputError('the main loop has no path that avoids its wait loops; this is another kind of kernel')
        instructions, blocks, n = [], [], header
        while n is not None:
            instructions += self.blocks[n]
            blocks.append(n)
            n = best[n][1]
        return instructions, blocks

    def spins(self, loop):
        """Wait loops retry out of line; the inline try is what counts. Other nested loops count one turn."""
        header, body = loop
        return {b for other, inner in self.loops if other != header and inner < body and any('TRYWAIT' in i.opcode for n in inner for i in self.blocks[n])
                for b in inner}

    def has_loop(self, loop, blocks):
        """Whether a path goes through a nested loop that is no wait loop; its slots are then counted for one turn alone."""
        header, body = loop
        spins = self.spins(loop)
        return any(other != header and inner < body and other not in spins and other in blocks for other, inner in self.loops)
