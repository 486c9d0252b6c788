#!/usr/bin/env python3
"""tools/bench_suite.py: its judgement, on rows that keep each limit and rows that miss it; its table; a small measurement with the real command.

usage: test_bench_suite.py FLEXC SUITE_SCRIPT
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def row(variant="causal", share=0.84, flex=3.0, sdpa=2.0, dim=64, limits=None, **more):
    return {
        "variant": variant, "shape": {"Q": 8, "D": dim, "DV": dim}, "shape_text": f"1,1,1,8,8,{dim},{dim}", "dtype": "f32", "suite": "paper", "gflops": 1.0, "median_s": 1e-3,
        "kept_pairs": 36, "peak_share": share, "peak_share_quartiles": [share, share],
        "limits": {"share": 0.83, "flex_attention": 2.0, "sdpa": 1.5} if limits is None else limits,
        "peers": [{"name": "flex_attention", "ratio": flex, "median_s": flex * 1e-3}, {"name": "sdpa", "ratio": sdpa, "median_s": sdpa * 1e-3}],
    } | more


def main():
    flexc, script = sys.argv[1:3]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"

        def judged(*rows):
            results.write_text(json.dumps({"date": "d", "cpu": "c", "suite": "paper", "rows": rows}))
            done = subprocess.run([sys.executable, "-B", script, "judge", str(results)], capture_output=True, text=True)
            return done.returncode, done.stdout

        alone = {"peers": []}
        decode = {"peers": [], "read_bytes_per_s": 30e9, "kv_bytes_per_s": 25e9, "read_share": 0.6, "limits": {"read_share": 0.95}}
        mod = {"of": "noop", "of_ratio": 0.88}

        def threads(one, two):
            return [row(limits={}, threads=1, **{**alone, "median_s": one}), row(limits={"speedup": 1.9}, threads=2, **{**alone, "median_s": two})]

        def lengths(power):
            return [row(limits={"linear": True}, **{**alone, "kept_pairs": n, "median_s": 1e-9 * n**power}) for n in (1000, 4000, 16000, 64000)]

        cases = [
            ("all kept", 0, [row()], "3.00x FlexAttention"),
            ("a ratio below its limit, the share enough", 0, [row(flex=1.9), row(flex=4)], "within"),
            ("a ratio and the share below", 1, [row(flex=1.9, share=0.82), row(flex=4)], "1.90x flex_attention"),
            ("SDPA and the share below", 1, [row(sdpa=1.4, share=0.82)], "1.40x sdpa"),
            ("each enough, the mean too low", 1, [row(flex=2.4), row(flex=2.4)], "geometric mean, limit 2.5x"),
            ("the means of two head dims are apart", 1, [row(flex=9), row(flex=2.4, dim=128)], "D 128: 2.40x"),
            ("a share without peers", 0, [row(**alone)], "within"),
            ("a share without peers, missed", 1, [row(share=0.7, **alone)], "70.0 % of peak"),
            ("a share that is asked for by itself, with peers beside it", 1, [row(share=0.7, limits={"share": 0.75})], "70.0 % of peak, limit 75 %"),
            ("shares beside ratios", 0, [row(), row(share=0.82)], "D 64: 1 of 2 at the share of the peak"),
            ("bandwidth", 0, [row(read_share_quartiles=[0.5, 0.96], **decode)], "within"),
            ("bandwidth, missed", 1, [row(read_share_quartiles=[0.5, 0.667], **decode)], "66.7 %"),
            ("a mod beside noop", 0, [row("noop", share=0.8, limits={}, **alone), row("alibi", share=0.75, limits=mod, **alone)], "alibi 0.938 of noop's"),
            ("a mod's own mathematics", 0, [row("noop", share=0.8, limits={}, **alone), row("alibi", share=0.75, limits=mod | {"own_cost": 4.1}, **alone)], "(limit 0.880: own mathematics 4.1"),
            ("a mod too slow", 1, [row("noop", share=0.8, limits={}, **alone), row("alibi", share=0.6, limits=mod, **alone)], "alibi 0.750 of noop's"),
            ("bf16 beside f32", 0, [row("noop", share=0.8, limits={}, **alone), row("noop", share=0.9, limits={"of": "noop", "of_ratio": 1.0}, **{**alone, "dtype": "bf16"})], "noop in bf16 1.125 of noop in f32's"),
            ("bf16 slower than f32", 1, [row("noop", share=0.8, limits={}, **alone), row("noop", share=0.7, limits={"of": "noop", "of_ratio": 1.0}, **{**alone, "dtype": "bf16"})], "noop in bf16 0.875 of noop in f32's"),
            ("bf16 without f32 beside it", 3, [row("noop", share=0.9, limits={"of": "noop", "of_ratio": 1.0}, **{**alone, "dtype": "bf16"})], "nothing to judge"),
            ("two threads", 0, threads(1.0e-3, 0.52e-3), "1.92x one"),
            ("two threads too slow", 1, threads(1.0e-3, 0.6e-3), "1.67x one"),
            ("linear", 0, lengths(1.0), "power 1.000"),
            ("quadratic in the length where pairs are not", 1, lengths(2.0), "power 2.000"),
            ("nothing to judge", 3, [row(limits={}, **alone)], "nothing to judge"),
        ]
        for what, status, rows, words in cases:
            code, text = judged(*rows)
            if code != status or words not in text:
                failures += 1
                print(f"{what}: exit {code}, expected {status}; {text}")
        judged(row())
        table = subprocess.run([sys.executable, "-B", script, "table", str(results)], capture_output=True, text=True)
        if "| causal 1,1,1,8,8,64,64 f32 | 1.0 | 84.0; 84.0 % | 3.00 × (3 ms) | 2.00 × (2 ms) |" not in table.stdout:
            failures += 1
            print(f"the table: {table.stdout} {table.stderr}")
        measured = subprocess.run([sys.executable, "-B", script, "measure", flexc, "lengths", "--only", "causal 1,2,2,1024,", "--repeat", "2", "-o", str(results)], capture_output=True, text=True)
        if measured.returncode != 0 or [r["kept_pairs"] for r in json.loads(results.read_text())["rows"]] != [2 * 1024 * 1025 // 2]:
            failures += 1
            print(f"a measurement: exit {measured.returncode}; {measured.stdout} {measured.stderr}")
        operations = Path(folder) / "operations"
        costs = {"AVX3": [("maximum", 2.0), ("maximum of affine scores", 6.0), ("a copy of the score", 5.0), ("20 tanh(score / 20)", 50.0)], "AVX2": [("maximum", 9.0)]}
        lines = [f"{target} {what:<30} {cost:6.2f} multiply-adds a score (quartiles {cost}, {cost})" for target, rows in costs.items() for what, cost in rows]
        operations.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
        operations.chmod(0o755)
        measured = subprocess.run([sys.executable, "-B", script, "measure", flexc, "mods", "--only", "alibi|softcap", "--repeat", "1", "--operations", str(operations), "-o", str(results)], capture_output=True, text=True)
        limits = {r["variant"]: r["limits"] for r in json.loads(results.read_text())["rows"]} if measured.returncode == 0 else {}
        for variant, cost in (("alibi", 4.0), ("softcap", 45.0)):
            its = limits.get(variant, {})
            if its.get("own_cost") != cost or abs(its["of_ratio"] - 1 / (1 / 0.9 + cost / 140.6)) > 1e-9:
                failures += 1
                print(f"own mathematics of {variant}: {its}; {measured.stderr}")
        operations.write_text("#!/bin/sh\necho nothing\n")
        nothing = subprocess.run([sys.executable, "-B", script, "measure", flexc, "mods", "--operations", str(operations), "-o", str(results)], capture_output=True, text=True)
        if nothing.returncode == 0 or "has no 'maximum of affine scores'" not in nothing.stderr:
            failures += 1
            print(f"no operations: exit {nothing.returncode}; {nothing.stderr}")
        nothing = subprocess.run([sys.executable, "-B", script, "measure", flexc, "lengths", "--only", "nowhere", "-o", str(results)], capture_output=True, text=True)
        if nothing.returncode == 0 or "nothing of the suite" not in nothing.stderr:
            failures += 1
            print(f"no row: exit {nothing.returncode}; {nothing.stderr}")
    print(f"{failures} failures")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
