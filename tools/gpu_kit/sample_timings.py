#!/usr/bin/env python3
"""Recorded lines as a session would leave them, with times that are made up, to try report and plots without a GPU: sample_timings.py STATE.jsonl

Every line says that it is synthetic, and so does whatever is made of them. The times follow a formula, not a machine.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import DECODE, HEAD_DIMS, LENGTHS, PAPER, paper_shape  # noqa: E402

# Speeds in units of nothing; what matters is who is faster than whom, so that each verdict of section 11 occurs.
SPEED = {"flexc": 100, "FlashAttention-3": 95, "cuDNN": 90, "FlexAttention": 50}
SHARE = {"causal": 0.5, "sliding_window": 0.1, "prefix_lm": 0.6, "document": 0.05}
SLOW = {"softcap": 0.5}  # below 0.9 of noop: a line that is not reached


def lines():
    for head_dim in HEAD_DIMS:
        for length in LENGTHS:
            for variant in PAPER:
                shape = paper_shape(head_dim, length)
                pairs = shape[0] * shape[1] * length * length * SHARE.get(variant, 1)
                for who, speed in SPEED.items():
                    if who in ("FlashAttention-3", "cuDNN") and variant not in ("noop", "causal"):
                        continue
                    rate = speed * 1e9 * (1 - 100 / (length + 100)) * SLOW.get(variant, 1)
                    bench = {"bench": variant, "who": who, "shape": shape, "dtype": "bf16", "median_ms": 4 * head_dim * pairs / rate, "synthetic": True}
                    if who == "flexc":
                        bench["kept_share"] = SHARE.get(variant, 1)
                        bench["host_ms"] = 0.01 + (bench["median_ms"] if variant == "document" and length == 512 else 0)
                    yield f"{'bench' if who == 'flexc' else 'peers'}.{variant}_{head_dim}.{length}" + ("" if who == "flexc" else f".{who}"), bench
    for shape in DECODE:
        extents = [int(x) for x in shape.split(",")]
        yield f"decode.{shape}", {"bench": "noop", "who": "flexc", "shape": extents, "dtype": "bf16", "median_ms": 4 * extents[0] * extents[2] * extents[4] * extents[5] / 0.95e9, "kept_share": 1, "synthetic": True}


def main():
    machine = {"gpu": "none: synthetic", "multiprocessors": 100, "clocks.max.sm": "1000", "date": "none", "command": "sample_timings.py"}
    records = [{"step": "machine", "lines": [{"machine": machine, "synthetic": True}, {"bounds": {"softcap_64": 0.2}}]}, {"step": "peers.machine", "lines": [{"torch": "none: synthetic", "bytes_a_second": 1e12, "synthetic": True}]}]
    records += [{"step": step, "lines": [line], "sm_mhz": 900 + number % 3, "watts": 1} for number, (step, line) in enumerate(lines())]
    with open(sys.argv[1], "w") as file:
        for record in records:
            file.write(json.dumps({**record, "status": 0, "rehearsal": True}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
