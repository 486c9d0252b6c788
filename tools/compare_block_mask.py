#!/usr/bin/env python3
"""Block masks beside PyTorch's create_block_mask, compiled, on the same CPU.

    tools/compare_block_mask.py FLEXC [--lengths 8192,32768] [--rounds 7] [--json] [--least RATIO]

Run it with a Python that has torch (2.5 or later) and NumPy. Both build the same masks, B 1, H 1, blocks of 128, in turn, round after round;
what is compared is what a caller waits for: torch.compile(create_block_mask) after its compilation, and flexc's build from the
same captures with its cache off (flexc mask reports it; process start and compilation apart on both sides). The two maps must be equal:
flexc's partial and full blocks to PyTorch's. Prints a table with the least, median and most of each, and the ratio of the medians.
With --least the exit status says whether every ratio reaches it (0), or not (1); 3: no torch.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

BLOCK = 128


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def sliding_window(b, h, q_idx, kv_idx):
    return (q_idx >= kv_idx) & (q_idx - kv_idx <= 1024)


def prefix_lm(b, h, q_idx, kv_idx):
    return (kv_idx < 512) | (q_idx >= kv_idx)


def masks(torch, length):
    """Name, PyTorch's mask_mod, flexc's arguments, captures."""
    ids = torch.arange(length, dtype=torch.int64) * (length // 512) // length  # documents of 512

    def document(b, h, q_idx, kv_idx):
        return ids[q_idx] == ids[kv_idx]

    text = "{}\ndef mask_mod(b, h, q_idx, kv_idx):\n    return {}\n"
    return [
        ("causal", causal, text.format("", "q_idx >= kv_idx"), {}),
        ("window 1024", sliding_window, text.format("", "(q_idx >= kv_idx) & (q_idx - kv_idx <= 1024)"), {}),
        ("prefix 512", prefix_lm, text.format("", "(kv_idx < 512) | (q_idx >= kv_idx)"), {}),
        ("documents of 512", document, text.format("tensor doc: i64[N]", "doc[q_idx] == doc[kv_idx]"), {"doc": ids.numpy()}),
    ]


def torch_map(np, mask, length):
    """PyTorch's lists as flexc's map: 0 empty, 1 partial, 2 full."""
    blocks = -(-length // BLOCK)
    out = np.zeros((blocks, blocks), np.uint8)
    for value, counts, indices in ((1, mask.kv_num_blocks, mask.kv_indices), (2, mask.full_kv_num_blocks, mask.full_kv_indices)):
        if counts is None:
            continue
        counts, indices = counts[0, 0].numpy(), indices[0, 0].numpy()
        for row in range(blocks):
            out[row, indices[row, : counts[row]]] = value
    return out


def spread(times):
    return {"least_s": min(times), "median_s": statistics.median(times), "most_s": max(times)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flexc", help="the flexc binary")
    parser.add_argument("--lengths", default="8192,32768")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--masks", help="names, separated by commas (default: all)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--least", type=float)
    options = parser.parse_args()
    try:
        import numpy as np
        import torch
        from torch.nn.attention.flex_attention import create_block_mask
    except ImportError as error:
        print(f"this Python lacks what PyTorch's side needs: {error}", file=sys.stderr)
        return 3
    torch.set_num_threads(os.cpu_count() or 1)
    compiled_block_mask = torch.compile(create_block_mask)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for length in map(int, options.lengths.split(",")):
            for name, mask_mod, text, captures in masks(torch, length):
                if options.masks and name not in options.masks.split(","):
                    continue
                path = os.path.join(folder, "mask.flex")
                with open(path, "w") as file:
                    file.write(text)
                command = [options.flexc, "mask", path, "--shape", f"1,1,{length},{length}", "--block", f"{BLOCK},{BLOCK}", "--json"]
                for capture, values in captures.items():
                    np.save(os.path.join(folder, capture + ".npy"), values)
                    command += ["--capture", f"{capture}={os.path.join(folder, capture)}.npy"]

                def theirs():
                    start = time.perf_counter()
                    built = compiled_block_mask(mask_mod, None, None, length, length, device="cpu", BLOCK_SIZE=BLOCK)
                    return time.perf_counter() - start, built

                def ours(extra=()):
                    return json.loads(subprocess.run(command + list(extra), check=True, capture_output=True, text=True).stdout)

                torch.compiler.reset()
                compile_s, built = theirs()
                _, built = theirs()
                ours(["--out", os.path.join(folder, "map.npy")])
                equal = bool((np.load(os.path.join(folder, "map.npy"))[0, 0] == torch_map(np, built, length)).all())
                torch_times, flexc_times = [], []
                for _ in range(options.rounds):
                    torch_times.append(theirs()[0])
                    flexc_times.append(ours()["build_s"])
                row = {"mask": name, "length": length, "torch": spread(torch_times), "torch_compile_s": compile_s, "flexc": spread(flexc_times), "same_tiles": equal}
                row["ratio"] = row["torch"]["median_s"] / row["flexc"]["median_s"]
                rows.append(row)
                if not options.json:
                    if len(rows) == 1:
                        print(f"torch {torch.__version__} ({torch.get_num_threads()} threads), Python {platform.python_version()}, {options.rounds} rounds in turn; least / median / most")
                    times = ["{:.4g} / {:.4g} / {:.4g} ms".format(*(1e3 * row[side][key] for key in ("least_s", "median_s", "most_s"))) for side in ("torch", "flexc")]
                    print(f"{name:<17} {length:>7}  create_block_mask {times[0]} (first call {compile_s:.1f} s)  flexc {times[1]}  ratio {row['ratio']:.0f}{'' if equal else '  MAPS DIFFER'}", flush=True)
    if options.json:
        print(json.dumps({"torch": torch.__version__, "python": platform.python_version(), "threads": torch.get_num_threads(), "rounds": options.rounds, "rows": rows}))
    least = min(row["ratio"] for row in rows)
    if not options.json:
        print(f"least ratio {least:.0f}; tiles {'equal' if all(row['same_tiles'] for row in rows) else 'DIFFER'}")
    if not all(row["same_tiles"] for row in rows):
        return 1
    return 1 if options.least is not None and least < options.least else 0


if __name__ == "__main__":
    sys.exit(main())
