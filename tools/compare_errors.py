#!/usr/bin/env python3
"""Errors against float64, beside PyTorch's: flexc on the CPU, compiled FlexAttention and SDPA on the same inputs.

    tools/compare_errors.py FLEXC [--shape 1,4,4,1024,1024,64,64] [--dtypes f32,bf16] [--variants noop,causal,…]

Run it with a Python that has torch (2.5 or later) and NumPy. The reference is dense attention in float64 on the inputs as they were rounded. Prints, as a Markdown
table, the largest error and its root mean square, each over the largest element of the reference. Exit status 3: no torch.
"""
import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VARIANTS = "noop,causal,alibi,sliding_window,prefix_lm,softcap,document"


def load_peer():
    spec = importlib.util.spec_from_file_location("peer", os.path.join(HERE, "compare", "peer.py"))
    peer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peer)
    return peer


def reference(torch, np, peer, folder):
    """The output, in float64, of the call that `folder` holds."""
    with open(os.path.join(folder, "call.json")) as file:
        call = json.load(file)
    load = lambda name: torch.from_numpy(np.load(os.path.join(folder, name)))
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[call["dtype"]]
    q, k, v = (load(call["inputs"][name]).to(dtype).double() for name in "qkv")
    captures = {name: load(path) for name, path in call.get("captures", {}).items()}
    captures = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in captures.items()}
    score_mod, mask_mod = peer.mods(call["variant"], torch, call["params"], captures)
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    places = [torch.arange(extent).view([-1 if axis == i else 1 for axis in range(4)]) for i, extent in enumerate(scores.shape)]
    if score_mod:
        scores = score_mod(scores, *places)
    if mask_mod:
        scores = scores.masked_fill(~mask_mod(*places), float("-inf"))
    return torch.softmax(scores, -1) @ v


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("flexc")
    parser.add_argument("--shape", default="1,4,4,1024,1024,64,64")
    parser.add_argument("--dtypes", default="f32,bf16")
    parser.add_argument("--variants", default=VARIANTS)
    options = parser.parse_args()
    try:
        import numpy as np
        import torch
    except ImportError as problem:
        print(problem)
        return 3
    peer = load_peer()
    print(f"PyTorch {torch.__version__}, {options.shape}\n\n| variant | type | flexc: largest; rms | FlexAttention | SDPA |\n| --- | --- | --- | --- | --- |")
    for dtype in options.dtypes.split(","):
        for variant in options.variants.split(","):
            with tempfile.TemporaryDirectory() as folder:
                inputs = os.path.join(folder, "inputs")
                base = [options.flexc, "bench", variant, "--random", options.shape, "--dtype", dtype, "--repeat", "1", "--device", "cpu", "--save", inputs]
                subprocess.run(base, check=True, capture_output=True)
                with open(os.path.join(inputs, "call.json")) as file:
                    call = json.load(file)
                files = [word for name in "qkv" for word in (f"--{name}", os.path.join(inputs, f"{name}.npy"))]
                files += [word for name, path in call.get("captures", {}).items() for word in ("--capture", f"{name}={os.path.join(inputs, path)}")]
                out = os.path.join(folder, "out.npy")
                subprocess.run([options.flexc, "run", variant, *files, "--dtype", dtype, "--device", "cpu", "--out", out], check=True, capture_output=True)
                exact = reference(torch, np, peer, inputs)
                largest = exact.abs().max().item()

                def error(result):
                    off = result.double() - exact
                    return f"{off.abs().max().item() / largest:.1e}; {off.square().mean().sqrt().item() / largest:.1e}"

                torch.compiler.reset()  # beyond a few compilations FlexAttention would be computed without its kernel
                cells = [error(torch.from_numpy(np.load(out)))]
                for name in ("flex_attention", "sdpa"):
                    try:
                        with torch.inference_mode():
                            cells.append(error(peer.prepare(torch, np, inputs, name)()))
                    except peer.NoForm:
                        cells.append("")
                print(f"| {variant} | {dtype} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
