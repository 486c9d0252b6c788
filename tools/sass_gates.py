"""Static gates on a Hopper attention kernel's machine code: what ptxas made of it, counted and judged. tools/sass_gate is the command.

Of a kernel's main loop (the innermost loop with the most matrix products) paths through one iteration are followed: *full*, the fewest instructions, a tile that needs
no mask and no rescale; *diagonal*, the fewest through the mask's region; *exact*, with the lazy maximum, the fewest through the region that looks for a maximum;
*rescaled*; and the longest. A *slot* is one warp instruction issued, predicated or not; retries of barrier waits are left out. *el* is the number of score elements
that a thread owns in a tile. A nested loop counts one turn, and the path says so.

Gates, which every kernel passes:
  spills     no local-memory instruction, no stack frame
  log        no message C75xx of ptxas (of a log given; they tell of serialised matrix products)
  pool       registers x threads fit into the register file
  shared     shared memory within 227 KiB (where the dynamic part is given; it is not in the cubin)
  products   as many matrix instructions a tile as D/16 + N/16
  overlap    at least 90 % of the loop's MUFU instructions lie between the wait for QK and the wait for PV
  uniform    no divergent branch (BRA.DIV) in the loop, and no descriptor moved from vector registers (R2UR) for each product

Rules, which say how good a loop is beside FlashAttention-3's and prototypes (`rules`): limits to slots of the full and the diagonal path, to instructions of the
uniform datapath, to the clocks before the first exponential, and all MUFU before the wait for PV.
"""
import pathlib
import re
import struct

from sass_code import Graph, InputError, Instruction, disassemble, find_nvdisasm, parse, read_elf  # noqa: F401 (part of this module's face)

REGISTER_FILE = 65536
SHARED_LIMIT = 232448
OVERLAP_GATE = 0.90
INSTRUCTION_BYTES = 16
UNIFORM = re.compile(r'U(?!TMA|BLK|SETMAXREG|CGABAR)[A-Z]')
PRODUCT = re.compile(r'HGMMA\.64x(\d+)x16\.')

# Slots an element of FlashAttention-3's full tile (wheel fa3-fwd 0.0.3, bf16), by (M, N, D). A kernel may have three slots a tile more.
FLASH_ATTENTION_3 = {(192, 128, 64): 6.73, (192, 192, 64): 6.58, (128, 128, 128): 7.33, (128, 176, 128): 6.75, (128, 112, 192): 8.77, (128, 80, 256): 11.65}
FLASH_ATTENTION_3_MORE = 3
# What prototypes showed, with the mask's branch compiled in.
PROTOTYPES = {(192, 128, 64): 6.4, (128, 128, 64): 6.5, (128, 128, 128): 6.5, (128, 176, 128): 6.1, (128, 64, 256): 9.0}
LAZY = 5.3  # at head dims 64 and 128
SCORES = {'identity': 0.0, 'affine': 1.5, 'affine in steps': 1.5, 'softcap': 2.0, 'general': None}  # slots an element that a score_mod may add; None: as many as it has
IN_STEPS_MORE = 3  # slots a tile: positions in steps are multiplied out, which is no operation of the mod's
DIAGONAL_MORE, DIAGONAL_MORE_128 = 2.3, 1.5  # beyond the full path; at N = 128
UNIFORM_LIMIT, UNIFORM_LIMIT_64 = 2.5, 3.0   # a product; at head dim 64
FIRST_EX2_CLOCKS = 150


def is_wait(instruction, at_most):
    return instruction.opcode.startswith('WARPGROUP.DEPBAR') and int(instruction.operands.split(',')[-1].strip(), 16) == at_most


def after_qk_wait(path):
    """The iteration, rotated to begin behind the wait for QK (the wait that leaves PV in flight)."""
    for n, instruction in enumerate(path):
        if is_wait(instruction, 1):
            return path[n + 1:] + path[:n + 1]
    return None


def main_loop(graph):
    """The innermost loop with the most matrix products, or None."""
    def products(body):
        return sum(i.base() == 'HGMMA' for b in body for i in graph.blocks[b])

    candidates = [loop for loop in graph.loops if products(loop[1]) and
                  not any(inner < loop[1] and products(inner) for _, inner in graph.loops)]
    return max(candidates, key=lambda l: products(l[1]), default=None)


def tile_of(path, threads):
    """(M, N, D, DV) as the products say: QK's B operand is K-major, PV's is not."""
    qk = [i for i in path if i.base() == 'HGMMA' and '.tnspB' not in i.operands]
    pv = [i for i in path if i.base() == 'HGMMA' and '.tnspB' in i.operands]
    shapes = [PRODUCT.match(part[0].opcode) if part else None for part in (qk, pv)]
    if not all(shapes) or not threads:
        return None
    return 64 * (threads // 128 - 1), int(shapes[0].group(1)), 16 * len(qk), int(shapes[1].group(1))


def paths_of(graph, loop, full_blocks):
    """{name: (instructions, blocks)} beyond the full path: a region is told by what it is made of."""
    _, body = loop
    elements = max((int(m.group(1)) for b in body for i in graph.blocks[b] if (m := PRODUCT.match(i.opcode)) and '.tnspB' not in i.operands), default=0) // 2

    def with_many(*opcodes):
        return {b for b in body if b not in full_blocks and sum(i.base() in opcodes for i in graph.blocks[b]) >= max(2, elements // 3)}

    regions = {'diagonal': with_many('FSEL'), 'exact': with_many('FMNMX'), 'rescaled': with_many('FMUL') - with_many('FSEL', 'FMNMX', 'IMAD')}
    regions['diagonal exact'] = regions['diagonal'] | regions['exact'] if regions['exact'] and regions['diagonal'] else set()
    return {name: graph.path(loop, blocks) for name, blocks in regions.items() if blocks}


def measure(graph):
    """Counts of the main loop, or None where there is no loop with matrix products."""
    loop = main_loop(graph)
    if loop is None:
        return None
    (shortest, blocks), (longest, _) = graph.path(loop), graph.path(loop, 'longest')
    counts = {'hgmma': sum(i.base() == 'HGMMA' for i in shortest), 'slots': len(shortest), 'slots_longest': len(longest),
              'ex2': sum(i.opcode.startswith('MUFU.EX2') for i in shortest), 'mufu': sum(i.base() == 'MUFU' for i in shortest),
              'moves': sum(i.base() == 'MOV' for i in shortest),
              'uniform': sum(bool(UNIFORM.match(i.opcode)) for i in shortest), 'r2ur': sum(i.base() == 'R2UR' for i in shortest),
              'divergent': sum(i.opcode.startswith('BRA.DIV') for i in shortest), 'stalls': sum(i.stall for i in shortest),
              'body_bytes': INSTRUCTION_BYTES * sum(len(graph.blocks[b]) for b in loop[1])}
    counts['paths'] = {'full': {'slots': len(shortest), 'has_loop': graph.has_loop(loop, blocks)}}
    for name, (path, through) in paths_of(graph, loop, set(blocks)).items():
        counts['paths'][name] = {'slots': len(path), 'has_loop': graph.has_loop(loop, through)}
    counts['mufu_overlapped'] = counts['ex2_overlapped'] = 0
    rotated = after_qk_wait(shortest)
    if rotated:
        end = next((n for n, i in enumerate(rotated) if is_wait(i, 0)), 0)
        counts['mufu_overlapped'] = sum(i.base() == 'MUFU' for i in rotated[:end])
        counts['ex2_overlapped'] = sum(i.opcode.startswith('MUFU.EX2') for i in rotated[:end])
        first = next((n for n, i in enumerate(rotated) if i.opcode.startswith('MUFU.EX2')), 0)
        counts['clocks_to_first_ex2'] = sum(i.stall for i in rotated[:first])
    counts['path'] = shortest
    return counts


def judge(kernel, items, options):
    """{facts, loop, gates}: gates are (name, passed or None where it was not judged, what was found). `options`: tile (or None: as the products say), log, smem."""
    instructions = [i for i in items if isinstance(i, Instruction)]
    local = sum(i.base() in ('LDL', 'STL') for i in instructions)
    facts = {'instructions': len(instructions), 'local_memory_instructions': local}
    gates = []
    if kernel:
        facts.update({k: kernel[k] for k in ('registers', 'frame', 'threads', 'static_smem', 'compiler')})
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
            messages = sorted(set(re.findall(r'C75\d\d', pathlib.Path(options.log).read_text(encoding='utf-8', errors='replace'))))
        except OSError as error:
            raise InputError(f'cannot read {options.log}: {error.strerror}') from error
        gates.append(('log', not messages, ' '.join(messages) or 'no C75xx'))
    if options.smem is not None:
        gates.append(('shared', options.smem <= SHARED_LIMIT, f'{options.smem} of {SHARED_LIMIT} bytes'))
    loop = measure(Graph(items))
    if loop is None:
        gates.append(('products', False, 'no loop with matrix products'))
        return {'facts': facts, 'loop': None, 'gates': gates}
    path = loop.pop('path')
    loop['tile'] = tile = options.tile or tile_of(path, facts.get('threads'))
    if tile:
        _, n, d, _ = tile
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


def full_limit(tile, lazy=False, score='identity'):
    """Slots an element that the full path may have, or None."""
    more = SCORES[score]
    if more is None:
        return None
    m, n, d, dv = tile
    shape = (m, n, d)
    if lazy and d <= 128:
        limit = LAZY
    elif shape in PROTOTYPES:
        limit = PROTOTYPES[shape]
    elif shape in FLASH_ATTENTION_3:
        limit = FLASH_ATTENTION_3[shape] + FLASH_ATTENTION_3_MORE / (n / 2)
    else:
        limit = 4.5 + dv / n + 150 / (n / 2)
    return limit + more + (IN_STEPS_MORE / (n / 2) if score == 'affine in steps' else 0)


def rules(loop, score='identity'):
    """[(rule, value, limit or None, holds)] of a loop whose tile is known; a rule without a limit is reported and holds."""
    m, n, d, dv = loop['tile']
    elements, paths = n / 2, loop['paths']
    lazy = 'exact' in paths
    full = paths['full']['slots'] / elements

    def at_most(rule, value, limit):
        return rule, value, limit, limit is None or value <= limit + 1e-9

    def path(rule, limit):  # a nested loop's slots are not all in the count, so no limit says anything of them
        return at_most(rule, paths[rule]['slots'] / elements, None if paths[rule]['has_loop'] else limit)

    found = [path('full', full_limit((m, n, d, dv), lazy, score))]
    if lazy:
        found.append(path('exact', None))
    if 'diagonal' in paths:
        found.append(path('diagonal', full + (DIAGONAL_MORE_128 if n == 128 else DIAGONAL_MORE)))
    found += [path(name, None) for name in ('diagonal exact', 'rescaled') if name in paths]
    # A loop of the score_mod's own has uniform instructions of its own, in it and before it: a general score's operations are reported, these as its slots.
    uniform_limit = None if paths['full']['has_loop'] else UNIFORM_LIMIT_64 if d <= 64 else UNIFORM_LIMIT
    found.append(at_most('uniform', loop['uniform_per_hgmma'], uniform_limit))
    if 'clocks_to_first_ex2' in loop:
        found.append(at_most('first ex2', loop['clocks_to_first_ex2'], FIRST_EX2_CLOCKS if score == 'identity' else None))
    found.append(('overlap', loop['overlap'], 1.0, loop['overlap'] == 1.0))
    return found
