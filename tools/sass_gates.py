#!/usr/bin/env python3
"""Static gates on a Hopper attention kernel's machine code: what ptxas made of it, judged.

Takes a cubin (flexc emit --stage cubin) and nvdisasm, finds the main loop (the innermost loop with matrix products), and follows two paths through one
iteration: the shortest, a tile that needs no mask and no rescale, and the longest, with every branch taken. A *slot* is one warp instruction issued,
predicated or not; retries of barrier waits are left out. *el* is the number of score elements that a thread owns in a tile.

Gates (exit status 1 where one fails):
  spills     no local-memory instruction, no stack frame
  log        no message C75xx of ptxas (--log; they tell of serialised matrix products)
  pool       registers x threads fit into the register file
  shared     shared memory within 227 KiB (--smem, which is dynamic and therefore not in the cubin)
  products   as many matrix instructions a tile as D/16 + N/16 (--tile)
  overlap    at least 90 % of the loop's exponentials (EX2) lie between the wait for QK and the wait for PV
  uniform    no divergent branch (BRA.DIV) in the loop, and no descriptor moved from vector registers (R2UR) for each product

Examples:
  sass_gates.py kernel.cubin --tile 128,128,128,128 --log ptxas.log --smem 197632
  sass_gates.py kernel.sass --tile 192,128,64,64            # a listing of nvdisasm -c; facts of the ELF file are not judged
"""
import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys

REGISTER_FILE = 65536
SHARED_LIMIT = 232448
OVERLAP_GATE = 0.90
INSTRUCTION_BYTES = 16
SECTION_HEADER_BYTES, SYMBOL_BYTES = 64, 24
EIATTR_REGISTERS, EIATTR_FRAME, EIATTR_MAX_THREADS, EIATTR_REQUIRED_THREADS = 0x2F, 0x11, 0x05, 0x10
ELF_MACHINE_CUDA = 190

INSTRUCTION = re.compile(r'^\s+/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z0-9_.]+)\s*(.*?)\s*;')
LABEL = re.compile(r'^(\.L_[\w$.]+):')
TARGET = re.compile(r'`\((\.L_[\w$.]+)\)')
ENDS_BLOCK = {'BRA', 'BRX', 'JMP', 'EXIT', 'RET', 'BSYNC', 'BREAK', 'KILL'}
UNIFORM = re.compile(r'U(?!TMA|BLK|SETMAXREG|CGABAR)[A-Z]')
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
    """{kernel: {registers, frame, threads, static_smem, code}} of a cubin."""
    try:
        data = open(path, 'rb').read()
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
    kernels = {}
    for name, header in sections.items():
        if name.startswith('.text.'):
            shared = sections.get('.nv.shared.' + name[6:])
            kernels[name[6:]] = {'registers': None, 'frame': 0, 'threads': None, 'static_smem': shared[5] if shared else 0,
                                 'code': data[header[4]:header[4] + header[5]]}
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
        sync = {}  # barrier register -> where BSYNC on it goes
        for block in self.blocks:
            for i in block:
                if i.base() == 'BSSY':
                    sync.setdefault(i.operands.split(',')[0].strip(), []).extend(labels[t] for t in TARGET.findall(i.operands) if t in labels)
        self.successors = [self._after(n, labels, sync) for n in range(len(self.blocks))]
        self.predecessors = [[] for _ in self.blocks]
        for n, following in enumerate(self.successors):
            for s in following:
                self.predecessors[s].append(n)
        self.loops = self._loops()

    def _close(self, current):
        if current:
            self.blocks.append(current)
        return []

    def _after(self, n, labels, sync):
        last, following = self.blocks[n][-1], set()
        base = last.base()
        if base in ('BRA', 'BRX', 'JMP'):
            following |= {labels[t] for t in TARGET.findall(last.operands) if t in labels}
        if base == 'BSYNC':
            following |= set(sync.get(last.operands.split(',')[0].strip(), []))
        conditional = (last.guard not in PREDICATE_TRUE or last.opcode.startswith(('BRA.DIV', 'BRA.CONV')) or
                       (base == 'BRA' and re.match(r'!?U?P\d', last.operands)))
        if (base not in ENDS_BLOCK or conditional) and n + 1 < len(self.blocks):
            following.add(n + 1)
        return {s for s in following if s < len(self.blocks)}

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

    def path(self, loop, longest):
        """The instructions of one iteration: from the loop's header to its back edge, by the fewest or the most instructions."""
        header, body = loop
        spins = set()
        for other, inner in self.loops:  # wait loops retry out of line; the inline try is what counts. Other nested loops count one turn.
            if other != header and inner < body and any('TRYWAIT' in i.opcode for b in inner for i in self.blocks[b]):
                spins |= inner
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

        visit(header)
        position = {n: i for i, n in enumerate(reversed(order))}
        best = {}
        for n in order:  # successors come before their predecessors
            own = len(self.blocks[n])
            ends = [(own, None)] if header in self.successors[n] else []
            ends += [(own + best[s][0], s) for s in self.successors[n] if s in best and s != header and position[s] > position[n]]
            if ends:
                best[n] = max(ends, key=lambda e: e[0]) if longest else min(ends, key=lambda e: e[0])
        if header not in best:
            raise InputError('the main loop has no path that avoids its wait loops; this is another kind of kernel')
        instructions, n = [], header
        while n is not None:
            instructions += self.blocks[n]
            n = best[n][1]
        return instructions


# ------------------------------------------------------------------------------------------------------------------------------- measurement

def is_wait(instruction, at_most):
    return instruction.opcode.startswith('WARPGROUP.DEPBAR') and int(instruction.operands.split(',')[-1].strip(), 16) == at_most


def after_qk_wait(path):
    """The iteration, rotated to begin behind the wait for QK (the wait that leaves PV in flight)."""
    for n, instruction in enumerate(path):
        if is_wait(instruction, 1):
            return path[n + 1:] + path[:n + 1]
    return None


def measure(graph):
    """Counts of the main loop, or None where there is no loop with matrix products."""
    def products(body):
        return sum(i.base() == 'HGMMA' for b in body for i in graph.blocks[b])

    candidates = [loop for loop in graph.loops if products(loop[1]) and
                  not any(inner < loop[1] and products(inner) for _, inner in graph.loops)]
    if not candidates:
        return None
    loop = max(candidates, key=lambda l: products(l[1]))
    shortest, longest = graph.path(loop, False), graph.path(loop, True)
    counts = {'hgmma': sum(i.base() == 'HGMMA' for i in shortest), 'slots': len(shortest), 'slots_longest': len(longest),
              'ex2': sum(i.opcode.startswith('MUFU.EX2') for i in shortest), 'mufu': sum(i.base() == 'MUFU' for i in shortest),
              'uniform': sum(bool(UNIFORM.match(i.opcode)) for i in shortest), 'r2ur': sum(i.base() == 'R2UR' for i in shortest),
              'divergent': sum(i.opcode.startswith('BRA.DIV') for i in shortest), 'stalls': sum(i.stall for i in shortest),
              'body_bytes': INSTRUCTION_BYTES * sum(len(graph.blocks[b]) for b in loop[1])}
    counts['mufu_overlapped'] = counts['ex2_overlapped'] = 0
    rotated = after_qk_wait(shortest)
    if rotated:
        end = next((n for n, i in enumerate(rotated) if is_wait(i, 0)), 0)
        counts['mufu_overlapped'] = sum(i.base() == 'MUFU' for i in rotated[:end])
        counts['ex2_overlapped'] = sum(i.opcode.startswith('MUFU.EX2') for i in rotated[:end])
        first = next((n for n, i in enumerate(rotated) if i.opcode.startswith('MUFU.EX2')), 0)
        counts['clocks_to_first_ex2'] = sum(i.stall for i in rotated[:first])
    return counts


def judge(kernel, items, options):
    """{facts, gates}: gates are (name, passed or None where it was not judged, what was found)."""
    instructions = [i for i in items if isinstance(i, Instruction)]
    local = sum(i.base() in ('LDL', 'STL') for i in instructions)
    facts = {'instructions': len(instructions), 'local_memory_instructions': local}
    gates = []
    if kernel:
        facts.update({k: kernel[k] for k in ('registers', 'frame', 'threads', 'static_smem')})
        for i in instructions:
            at = i.address + 8
            if at + 8 <= len(kernel['code']):
                i.stall = struct.unpack_from('<Q', kernel['code'], at)[0] >> 41 & 0xF
        gates.append(('spills', local == 0 and kernel['frame'] == 0, f"{local} local-memory instructions, frame {kernel['frame']} bytes"))
        if kernel['registers'] and kernel['threads']:
            used = kernel['registers'] * kernel['threads']
            gates.append(('pool', used <= REGISTER_FILE, f"{kernel['registers']} x {kernel['threads']} = {used} of {REGISTER_FILE}"))
    else:
        gates.append(('spills', local == 0, f'{local} local-memory instructions'))
    if options.log:
        try:
            messages = sorted(set(re.findall(r'C75\d\d', open(options.log, encoding='utf-8', errors='replace').read())))
        except OSError as error:
            raise InputError(f'cannot read {options.log}: {error.strerror}') from error
        gates.append(('log', not messages, ' '.join(messages) or 'no C75xx'))
    if options.smem is not None:
        gates.append(('shared', options.smem <= SHARED_LIMIT, f'{options.smem} of {SHARED_LIMIT} bytes'))
    loop = measure(Graph(items))
    if loop is None:
        gates.append(('products', False, 'no loop with matrix products'))
        return {'facts': facts, 'loop': None, 'gates': gates}
    if options.tile:
        _, n, d, _ = options.tile
        wanted = d // 16 + n // 16
        gates.append(('products', loop['hgmma'] == wanted, f"{loop['hgmma']} HGMMA a tile, {wanted} expected"))
        elements = n // 2
        loop.update(elements=elements, slots_per_element=loop['slots'] / elements, slots_per_element_longest=loop['slots_longest'] / elements)
    loop['uniform_per_hgmma'] = (loop['uniform'] + loop['r2ur']) / max(1, loop['hgmma'])
    share = loop['mufu_overlapped'] / loop['mufu'] if loop['mufu'] else 0.0
    loop['overlap'] = share
    gates.append(('overlap', share >= OVERLAP_GATE, f"{loop['mufu_overlapped']} of {loop['mufu']} MUFU between the QK wait and the PV wait"))
    gates.append(('uniform', loop['divergent'] == 0 and loop['r2ur'] < loop['hgmma'], f"{loop['divergent']} BRA.DIV, {loop['r2ur']} R2UR"))
    return {'facts': facts, 'loop': loop, 'gates': gates}


# ------------------------------------------------------------------------------------------------------------------------------------- output

def tile_of(text):
    numbers = text.split(',')
    if len(numbers) != 4 or not all(n.isdigit() and int(n) > 0 for n in numbers):
        raise argparse.ArgumentTypeError('M,N,D,DV is wanted, for example 128,128,128,128')
    return tuple(map(int, numbers))


def show(name, report):
    facts, loop = report['facts'], report['loop']
    print(f'kernel {name}: ' + ', '.join(f'{key} {value}' for key, value in facts.items() if value is not None))
    if loop:
        per = f" = {loop['slots_per_element']:.2f} an element (longest path {loop['slots_per_element_longest']:.2f})" if 'elements' in loop else ''
        print(f"  full tile: {loop['slots']} slots{per}; HGMMA {loop['hgmma']}, EX2 {loop['ex2']}, uniform {loop['uniform_per_hgmma']:.2f} a HGMMA, "
              f"stalls {loop['stalls']}" + (f", {loop['clocks_to_first_ex2']} clocks to the first EX2" if 'clocks_to_first_ex2' in loop else '') +
              f", loop {loop['body_bytes']} bytes")
    for gate, passed, found in report['gates']:
        print(f"  {'pass' if passed else 'FAIL'}  {gate:9s} {found}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('input', help='cubin, or a listing of nvdisasm -c ending in .sass')
    parser.add_argument('--nvdisasm', help='path (default: $FLEXC_NVDISASM, PATH, the wheel of this Python)')
    parser.add_argument('--tile', type=tile_of, metavar='M,N,D,DV', help='the tile, for the count of products and slots an element')
    parser.add_argument('--log', metavar='FILE', help="ptxas's messages, of a compilation with --no-cache")
    parser.add_argument('--smem', type=int, metavar='BYTES', help='dynamic shared memory of a launch')
    parser.add_argument('--json', action='store_true', help='print the report as JSON')
    options = parser.parse_args(argv)
    try:
        if options.input.endswith('.sass'):
            kernels, listing = {}, open(options.input, encoding='utf-8').read()
        else:
            kernels = read_elf(options.input)
            listing = disassemble(find_nvdisasm(options.nvdisasm), options.input)
        reports = {name: judge(kernels.get(name), items, options) for name, items in parse(listing).items()}
        if not reports:
            raise InputError(f'{options.input} holds no kernel')
    except (InputError, OSError) as error:
        print(f'sass_gates: {error}', file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(reports, indent=1))
    else:
        for name, report in reports.items():
            show(name, report)
    return 0 if all(passed for report in reports.values() for _, passed, _ in report['gates']) else 1


if __name__ == '__main__':
    sys.exit(main())
