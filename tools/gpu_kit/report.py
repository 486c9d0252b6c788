#!/usr/bin/env python3
"""The tables of a GPU session: report.py RESULTS > report.md. Reads the lines that gpu_session.sh's steps left; needs Python alone."""
import json
import os
import sys
from pathlib import Path

KEPT_OF_CAUSAL = 0.5


def lines(folder):
    for file in sorted(Path(folder).glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)


def tflops(bench, shape, milliseconds):
    """Over kept pairs where their number is simple; nothing for the others, and nothing for a stand-in's 0 ms."""
    share = {"noop": 1.0, "softcap": 1.0, "causal": KEPT_OF_CAUSAL}.get(bench)
    if share is None or milliseconds <= 0:
        return "–"
    b, h, _, q, kv, d, dv = shape
    return f"{2 * b * h * q * kv * share * (d + dv) / milliseconds / 1e9:.0f}"


def main():
    found = list(lines(sys.argv[1]))
    rehearsal = bool(os.environ.get("FLEXC_KIT_REHEARSAL"))
    print("# A GPU session of flexc\n")
    if rehearsal:
        print("**REHEARSAL: a stand-in driver and the host model; nothing here was measured on a GPU.**\n")
    micro, cases, masks = [x for x in found if "micro" in x], [x for x in found if "case" in x], [x for x in found if "mask" in x]
    print(f"Micro-tests: {sum(x['ok'] for x in micro)} of {len(micro)} as the host model. Cases: {sum(x['ok'] for x in cases)} of {len(cases)} within both rules, two runs bitwise equal. Masks of captures on the GPU: {sum(x['ok'] for x in masks)} of {len(masks)} as the host's.\n")
    if any(not x["ok"] for x in micro + cases + masks):
        print("| differs | what |\n| --- | --- |")
        for x in micro + cases + masks:
            if not x["ok"]:
                print(f"| {x.get('micro', x.get('case', x.get('mask')))} | {json.dumps({k: v for k, v in x.items() if k not in ('ok', 'micro', 'case', 'mask')})} |")
        print()
    benches = [x for x in found if "bench" in x and "median_ms" in x]
    if benches and not rehearsal:
        print("| variant | B,H,HKV,Q,KV,D,DV | who | median ms | least ms | TFLOP/s over kept pairs |\n| --- | --- | --- | --- | --- | --- |")
        for x in sorted(benches, key=lambda x: (x["bench"], x["shape"], x["who"])):
            print(f"| {x['bench']} | {','.join(map(str, x['shape']))} | {x['who']} | {x['median_ms']:.4f} | {x['min_ms']:.4f} | {tflops(x['bench'], x['shape'], x['median_ms'])} |")
        print()
    elif benches:
        print(f"{len(benches)} benchmark steps ran; a stand-in has no times.\n")
    for x in found:
        if "not_measured" in x:
            print(f"- not measured: {x.get('who', x.get('peer'))} {x.get('bench', '')}: {x['not_measured']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
