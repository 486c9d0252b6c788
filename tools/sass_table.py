#!/usr/bin/env python3
"""The approved table of what the Hopper kernels' machine code costs (tests/hopper/approved_sass.tsv): compared with what is emitted, changed, printed as documentation.

  sass_table.py compare FLEXC [--rows fast|all] [-j N]   exit 1 where a kernel is worse than its row or has none, or the table is of other compiler versions than
                                                          tools/cuda_versions.txt; 77 without the pinned NVRTC and nvdisasm
  sass_table.py approve [-j N] FLEXC [VARIANT…]          prints old and new of each row that changes, and writes the table (tools/approve.sh calls it)
  sass_table.py rules                                     how many rows keep each rule of sass_gates.py; exit 1 where one does not
  sass_table.py docs [--write]                            the tables of docs/performance/hopper_static.md, printed or put there

A row is a gallery entry, a dtype, a head dim, and the forms asked for ($FLEXC_HOPPER_FORMS, or `steps`: the kernel for positions in steps); its figures are counts of the path through the main loop that
sass_gates.py takes, as `flexc emit --stage cubin` makes the code.
"""
import argparse
import concurrent.futures
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import json

ROOT = pathlib.Path(os.environ.get('FLEXC_ROOT') or pathlib.Path(__file__).resolve().parents[1])
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import sass_gates  # noqa: E402

TABLE = ROOT / 'tests' / 'hopper' / 'approved_sass.tsv'
PAGE = ROOT / 'docs' / 'performance' / 'hopper_static.md'
BEGIN, END = '<!-- begin: python3 tools/sass_table.py docs -->\n', '\n<!-- end -->'
SKIPPED = 77
KEY = ('variant', 'dtype', 'head_dim', 'forms')
LESS_IS_BETTER = ('full', 'diagonal', 'exact', 'uniform', 'first_ex2', 'moves', 'registers', 'spill_bytes', 'smem_bytes')
FIELDS = KEY + ('tile', 'score') + LESS_IS_BETTER + ('hgmma', 'mufu', 'overlapped', 'loops', 'violated')
NUMBERS = LESS_IS_BETTER + ('hgmma', 'mufu', 'overlapped')
PAPER = ('noop', 'causal', 'alibi', 'sliding_window', 'prefix_lm', 'softcap', 'document')
SOFTCAPS = ('softcap', 'causal_softcap')
HEAD_DIMS, DTYPES = (64, 128, 256), ('bf16', 'f16')
STEPS = 'steps'  # no form: the kernel for positions in steps (flexc emit --steps)
FAST = [('causal', 'bf16', 64, ''), ('causal', 'bf16', 128, ''), ('causal', 'bf16', 256, ''), ('document', 'f16', 128, ''), ('softcap', 'bf16', 128, ''),
        ('causal', 'bf16', 128, 'maximum=lazy'), ('noop', 'bf16', 128, 'tile=128x176'), ('causal', 'bf16', 128, STEPS)]


def keys(root=ROOT):
    """All rows that the table must have."""
    names = sorted(path.stem for path in (root / 'dsl' / 'gallery').glob('*.flex'))
    rows = [(name, dtype, dim, '') for name in names for dtype in DTYPES for dim in HEAD_DIMS]
    rows += [(name, 'bf16', dim, 'maximum=lazy') for name in PAPER for dim in HEAD_DIMS]
    rows += [(name, 'bf16', dim, STEPS) for name in PAPER + ('t5_bias',) for dim in HEAD_DIMS]
    return rows + [('noop', 'bf16', 128, 'tile=128x176'), ('noop', 'bf16', 128, 'maximum=lazy,tile=128x176')]


def pinned(root=ROOT):
    text = (root / 'tools' / 'cuda_versions.txt').read_text()
    return {name: re.search(rf'^nvidia-cuda-{name}==([\d.]+)$', text, re.M).group(1) for name in ('nvrtc', 'nvdisasm')}


# -------------------------------------------------------------------------------------------------------------------------------- the table

def read_table(path=TABLE):
    """(versions, {key: row})"""
    versions, rows = {}, {}
    for line in pathlib.Path(path).read_text(encoding='utf-8').splitlines():
        if line.startswith('# '):
            words = line[2:].split()
            if len(words) == 2:
                versions[words[0]] = words[1]
            continue
        cells = line.split('\t')
        if cells[0] == 'variant' or len(cells) != len(FIELDS):
            if tuple(cells) != FIELDS:
                raise sass_gates.InputError(f'{path}: a line has {len(cells)} columns, {len(FIELDS)} are wanted: {line!r}')
            continue
        row = dict(zip(FIELDS, (None if cell == '-' else cell for cell in cells)))
        for field in NUMBERS + ('head_dim',):
            row[field] = None if row[field] is None else int(row[field])
        row['forms'] = row['forms'] or ''
        rows[tuple(row[k] for k in KEY)] = row
    return versions, rows


def write_table(versions, rows, path=TABLE):
    lines = ['# Machine code of the Hopper kernels, approved. Only tools/approve.sh changes it.', *(f'# {name} {version}' for name, version in versions.items()), '\t'.join(FIELDS)]
    lines += ['\t'.join('-' if rows[key][f] in (None, '') else str(rows[key][f]) for f in FIELDS) for key in sorted(rows)]
    pathlib.Path(path).write_text('\n'.join(lines) + '\n', encoding='utf-8')


def tile_numbers(row):
    m, n = map(int, row['tile'].split('x'))
    return m, n, row['head_dim'], row['head_dim']


def rules_of(row):
    """The rules of sass_gates.py, of a row."""
    loops = (row['loops'] or '').split(',')
    paths = {name: {'slots': row[name], 'has_loop': name in loops} for name in ('full', 'diagonal', 'exact') if row[name] is not None}
    loop = {'tile': tile_numbers(row), 'paths': paths, 'uniform_per_hgmma': row['uniform'] / row['hgmma'], 'overlap': row['overlapped'] / row['mufu']}
    if row['first_ex2'] is not None:
        loop['clocks_to_first_ex2'] = row['first_ex2']
    return sass_gates.rules(loop, row['score'])


# ------------------------------------------------------------------------------------------------------------------------------ what is emitted

class AnotherCompiler(Exception):
    """What is installed is not what the table was made with."""


def row_of(key, report, score, emitted):
    """A row from a report of sass_gates.judge and what `flexc emit --json` says."""
    row, loop = dict(zip(KEY, key)), report['loop']
    if loop is None or loop['tile'] is None:
        raise sass_gates.InputError(f'{" ".join(map(str, key))}: no loop with matrix products')
    m, n, _, _ = loop['tile']
    row.update(tile=f'{m}x{n}', score=score, uniform=loop['uniform'] + loop['r2ur'], first_ex2=loop.get('clocks_to_first_ex2'), moves=loop['moves'], hgmma=loop['hgmma'],
               mufu=loop['mufu'], overlapped=loop['mufu_overlapped'], registers=emitted['registers'], spill_bytes=emitted['spill_bytes'], smem_bytes=emitted['smem_bytes'])
    row.update({name: loop['paths'][name]['slots'] if name in loop['paths'] else None for name in ('full', 'diagonal', 'exact')})
    row['loops'] = ','.join(name for name in ('full', 'diagonal', 'exact') if name in loop['paths'] and loop['paths'][name]['has_loop']) or None
    failed = [f'gate {name}' for name, passed, _ in report['gates'] if not passed] + [rule for rule, _, _, holds in rules_of(row) if not holds]
    row['violated'] = ','.join(failed) or None
    return row


def emit(flexc, nvdisasm, versions, key):
    """The row that a kernel has today. A message of ptxas that products are serialised fails the compilation itself."""
    variant, dtype, head_dim, forms = key
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, 'FLEXC_HOPPER_FORMS': '' if forms == STEPS else forms, 'FLEXC_DUMP': folder, 'FLEXC_CACHE_DIR': os.path.join(folder, 'cache')}
        command = [flexc, 'emit', variant, '--stage', 'cubin', '--dtype', dtype, '--head-dim', str(head_dim), '-o', os.path.join(folder, 'kernel'), '--json', *(['--steps'] if forms == STEPS else [])]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode == 3:
            raise AnotherCompiler(done.stderr.strip())
        if done.returncode:
            raise sass_gates.InputError(f'{" ".join(map(str, key))}: flexc emit ends with {done.returncode}: {done.stderr.strip()}')
        emitted = json.loads(done.stdout)
        text, = pathlib.Path(folder).glob('*.cu')
        score = re.search(r'^//   score    (\w+)', text.read_text(), re.M).group(1)
        cubin = str(text.with_suffix('.cubin'))
        kernels = sass_gates.read_elf(cubin)
        (name, items), = sass_gates.parse(sass_gates.disassemble(nvdisasm, cubin)).items()
    if kernels[name]['compiler'] != versions['nvrtc']:
        raise AnotherCompiler(f"NVRTC here is {kernels[name]['compiler']}, the table is of {versions['nvrtc']}")
    report = sass_gates.judge(kernels[name], items, argparse.Namespace(tile=None, log=None, smem=emitted['smem_bytes']))
    if forms == STEPS and score == 'affine':
        score = 'affine in steps'
    return row_of(key, report, 'softcap' if variant in SOFTCAPS else score, emitted)


def find_pinned_nvdisasm(versions):
    nvdisasm = sass_gates.find_nvdisasm(None)
    version = re.search(r'V([\d.]+)', subprocess.run([nvdisasm, '--version'], capture_output=True, text=True, check=False).stdout)
    if not version or version.group(1) != versions['nvdisasm']:
        raise AnotherCompiler(f"nvdisasm here is {version.group(1) if version else 'unknown'}, the table is of {versions['nvdisasm']}")
    return nvdisasm


def emit_all(flexc, versions, wanted, jobs):
    nvdisasm = find_pinned_nvdisasm(versions)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return dict(zip(wanted, pool.map(functools.partial(emit, flexc, nvdisasm, versions), wanted)))


# ------------------------------------------------------------------------------------------------------------------------------------ comparing

def faults(approved, versions, emitted, expected, current_versions):
    """What is wrong with the table or with what is emitted, a line each: `expected` are all keys it must have, `emitted` the rows that were looked at."""
    found = []
    if versions != current_versions:
        found.append(f'the table is of {versions}, tools/cuda_versions.txt has {current_versions}: tools/approve.sh makes it anew')
    name = lambda key: ' '.join(str(part) for part in key if part != '')
    found += [f'{name(key)}: no row in the table' for key in expected if key not in approved]
    found += [f'{name(key)}: a row of a kernel that there is not' for key in approved if key not in set(expected)]
    for key, row in emitted.items():
        old = approved.get(key)
        if old is None:
            continue
        for field in ('tile', 'score', 'hgmma', 'loops'):
            if row[field] != old[field]:
                found.append(f'{name(key)}: {field} {row[field]}, approved {old[field]}')
        for field in LESS_IS_BETTER:
            if (row[field] is None) != (old[field] is None) or (row[field] is not None and row[field] > old[field]):
                found.append(f'{name(key)}: {field} {row[field]}, approved {old[field]}')
        if row['overlapped'] * old['mufu'] < old['overlapped'] * row['mufu']:
            found.append(f"{name(key)}: {row['overlapped']} of {row['mufu']} MUFU before the wait for PV, approved {old['overlapped']} of {old['mufu']}")
        new = set((row['violated'] or '').split(',')) - set((old['violated'] or '').split(',')) - {''}
        found += [f'{name(key)}: violates {rule}, and is not approved to' for rule in sorted(new)]
    return found


def compare(options):
    approved, current = read_table(), pinned()
    versions, rows = approved
    expected = keys()
    wrong = faults(rows, versions, {}, expected, current)  # needs no compiler, so it is never skipped
    wanted = [key for key in (FAST if options.rows == 'fast' else expected) if key in rows]
    emitted = {}
    if not wrong:
        try:
            emitted = emit_all(options.flexc, versions, wanted, options.jobs)
        except (AnotherCompiler, sass_gates.InputError) as error:
            if isinstance(error, AnotherCompiler) or 'nvdisasm not found' in str(error):
                print(f'skipped: {error}')
                return SKIPPED
            raise
        wrong = faults(rows, versions, emitted, expected, current)
    for line in wrong:
        print(line)
    better = sum(any(row[f] is not None and row[f] < rows[key][f] for f in LESS_IS_BETTER) for key, row in emitted.items()) if not wrong else 0
    print(f'approved table: {len(emitted)} of {len(rows)} kernels compared, {len(wrong)} faults' + (f', {better} better than approved (tools/approve.sh)' if better else ''))
    return 1 if wrong else 0


def approve(options):
    current = pinned()
    old_versions, old = read_table() if TABLE.exists() else ({}, {})
    wanted = [key for key in keys() if not options.variants or key[0] in options.variants]
    new = emit_all(options.flexc, current, wanted, options.jobs)
    if old_versions != current:
        print(f'compilers: {old_versions or "none"} -> {current}')
    if options.variants and old_versions not in ({}, current):
        raise sass_gates.InputError('the compilers are others, so all rows have to be made anew: name no variant')
    rows = {key: old[key] for key in keys() if key in old}
    rows.update(new)
    changed = 0
    for key in sorted({*old, *rows}):
        before, after = old.get(key), rows.get(key)
        if before == after:
            continue
        changed += 1
        name = ' '.join(str(part) for part in key if part != '')
        if before is None or after is None:
            print(f"{name}: {'new' if before is None else 'gone'}: " + ', '.join(f'{f} {(after or before)[f]}' for f in FIELDS[len(KEY):] if (after or before)[f] is not None))
        else:
            print(f'{name}: ' + ', '.join(f'{f} {before[f]} -> {after[f]}' for f in FIELDS if before[f] != after[f]))
    write_table(current, rows)
    print(f'{changed} of {len(rows)} rows changed')
    return 0


# ---------------------------------------------------------------------------------------------------------------------------------- reporting

def tally(rows):
    """{rule: [rows judged, rows that keep it, (excess, key, value, limit) of the worst]}"""
    result = {}
    for key, row in rows.items():
        for rule, value, limit, holds in rules_of(row):
            if limit is None:
                continue
            entry = result.setdefault(rule, [0, 0, None])
            entry[0] += 1
            entry[1] += holds
            excess = (limit - value) if rule == 'overlap' else (value - limit)
            if entry[2] is None or excess > entry[2][0]:
                entry[2] = (excess, key, value, limit)
    gates = [row for row in rows.values() if not any(name.startswith('gate ') for name in (row['violated'] or '').split(','))]
    result['gates'] = [len(rows), len(gates), None]
    return result


def rules(options):
    _, rows = read_table()
    found = tally(rows)
    print('rows that keep the rules: ' + ', '.join(f'{rule} {kept} of {judged}' for rule, (judged, kept, _) in found.items()))
    return 0 if all(kept == judged for judged, kept, _ in found.values()) else 1


FA3_TABLE = {'causal': {64: ('192 × 128', 6.73, 9.02), 128: ('128 × 128', 7.33, 9.62), 256: ('128 × 80', 11.65, 13.78)},
             'sliding_window': {64: ('192 × 128', 6.73, 10.69), 128: ('128 × 128', 7.33, 11.36)},
             'noop': {64: ('192 × 192', 6.58, None), 128: ('128 × 176', 6.75, None), 256: ('128 × 80', 11.65, None)},
             'softcap': {64: ('192 × 192', 8.55, None), 128: ('128 × 176', 8.75, None)}}


def docs_table(rows, chosen):
    lines = ['| kernel | D | tile | full | limit | FA3 | masked | limit | FA3 | uniform | first EX2 | registers | shared KiB |', '| --- ' * 13 + '|']
    for key in chosen:
        row = rows[key]
        found = {rule: (value, limit, holds) for rule, value, limit, holds in rules_of(row)}
        loops = (row['loops'] or '').split(',')
        peer = FA3_TABLE.get(row['variant'], {}).get(row['head_dim'])
        mark = lambda rule, digits=2: '–' if rule not in found else ('' if found[rule][2] else '**') + f'{found[rule][0]:.{digits}f}' + ('' if found[rule][2] else '**') + (' +' if rule in loops else '')
        limit = lambda rule: '–' if rule not in found or found[rule][1] is None else f'{found[rule][1]:.2f}'
        tile = row['tile'].replace('x', ' × ')
        lines.append(f"| {row['variant']} | {row['head_dim']} | {tile} | {mark('full')} | {limit('full')} | {f'{peer[1]:.2f}, {peer[0]}' if peer else '–'} | {mark('diagonal')} | "
                     f"{limit('diagonal')} | {f'{peer[2]:.2f}' if peer and peer[2] else '–'} | {mark('uniform')} | {mark('first ex2', 0)} | {row['registers']} | {row['smem_bytes'] / 1024:.0f} |")
    return lines


def docs_text(versions, rows):
    found = tally(rows)
    lines = [f"Machine code as `flexc emit --stage cubin` makes it, NVRTC {versions['nvrtc']}, nvdisasm {versions['nvdisasm']}, {len(rows)} kernels: the whole gallery in bf16 and f16 at D 64, 128, 256, and "
             'some forms that a GPU may choose instead.', '', '| rule | kernels judged | keep it | farthest from it |', '| --- | --- | --- | --- |']
    words = {'full': 'slots an element, full tile', 'diagonal': 'slots an element, masked tile', 'uniform': 'uniform instructions a product', 'first ex2': 'clocks from the wait for QK to the first EX2',
             'overlap': 'MUFU before the wait for PV', 'gates': 'no spill, stack, local memory; register pool, shared memory, products, uniform loop'}
    for rule in words:
        if rule not in found:
            continue
        judged, kept, worst = found[rule]
        far = '–' if worst is None else f"{worst[1][0]} {worst[1][1]} D {worst[1][2]}{' ' + worst[1][3] if worst[1][3] else ''}: {worst[2]:.2f}, limit {worst[3]:.2f}"
        lines.append(f'| {words[rule]} | {judged} | {kept if kept == judged else f"**{kept}**"} | {far} |')
    lines += ['', 'The paper\'s seven, and three more that read block masks, bf16. *Full* and *masked* are slots an element of a tile that needs no mask and of one that does; *FA3* is FlashAttention-3\'s loop '
              '(wheel fa3-fwd 0.0.3, counted the same way; its masked tiles are causal\'s diagonal and the local edge), with its tile. **Bold** is above the limit; *+*: the path has a loop of its own, of which one '
              'turn is counted, and no limit says anything.', '']
    lines += docs_table(rows, [(name, 'bf16', dim, '') for name in PAPER + ('document_causal', 'natten', 'sliding_tile_3d') for dim in HEAD_DIMS])
    lines += ['', 'With the lazy maximum (`FLEXC_HOPPER_FORMS=maximum=lazy`):', '']
    lines += docs_table(rows, [(name, 'bf16', dim, 'maximum=lazy') for name in PAPER for dim in HEAD_DIMS])
    lines += ['', 'For positions in steps (`flexc emit --steps`); T5 bias reads no table of differences there:', '']
    lines += docs_table(rows, [(name, 'bf16', dim, STEPS) for name in PAPER + ('t5_bias',) for dim in HEAD_DIMS])
    lines += ['', 'With `tile=128x176`, exact and lazy:', '']
    lines += docs_table(rows, [('noop', 'bf16', 128, 'tile=128x176'), ('noop', 'bf16', 128, 'maximum=lazy,tile=128x176')])
    return '\n'.join(lines)


def docs(options):
    text = docs_text(*read_table())
    if not options.write:
        print(text)
        return 0
    before, rest = PAGE.read_text(encoding='utf-8').split(BEGIN)
    PAGE.write_text(before + BEGIN + text + END + rest.split(END, 1)[1], encoding='utf-8')
    return 0


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest='verb', required=True)
    for name, function in (('compare', compare), ('approve', approve), ('rules', rules), ('docs', docs)):
        verb = verbs.add_parser(name)
        verb.set_defaults(function=function)
        if name in ('compare', 'approve'):
            verb.add_argument('flexc')
            verb.add_argument('-j', '--jobs', type=int, default=1)
    verbs.choices['compare'].add_argument('--rows', choices=('fast', 'all'), default='fast')
    verbs.choices['approve'].add_argument('variants', nargs='*')
    verbs.choices['docs'].add_argument('--write', action='store_true')
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    try:
        return options.function(options)
    except (sass_gates.InputError, AnotherCompiler, OSError) as error:
        print(f'sass_table: {error}', file=sys.stderr)
        return 2


if __name__ == '__main__':
    sys.exit(main())
