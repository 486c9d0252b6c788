#!/usr/bin/env python3
"""One peer of `flexc bench --compare`: PyTorch's FlexAttention or SDPA, on the very inputs that flexc has.

    peer.py FOLDER PEER THREADS      PEER: flex_attention | sdpa

FOLDER holds what `flexc bench --save` writes. Standard input and output carry one JSON object a line: first this process says that it is
ready, or why it cannot take part; then it answers {"do": "run"} with the seconds of one call, and {"do": "check", "out": FILE} with how far
its output is from that one. It ends when its input does.
"""
import json
import os
import sys
import time


class NoForm(Exception):
    """The call is not one that this peer computes."""


def say(**line):
    print(json.dumps(line), flush=True)


def mods(variant, torch, params, captures):
    """The variant's score_mod and mask_mod as FlexAttention takes them, or None where this file does not know the variant."""

    def causal(b, h, q_idx, kv_idx):
        return q_idx >= kv_idx

    def window(b, h, q_idx, kv_idx):
        return (q_idx >= kv_idx) & (q_idx - kv_idx <= reach)

    def prefix_lm(b, h, q_idx, kv_idx):
        return (kv_idx < prefix) | (q_idx >= kv_idx)

    def document(b, h, q_idx, kv_idx):
        return doc[q_idx] == doc[kv_idx]

    def alibi(score, b, h, q_idx, kv_idx):
        return score + slopes[h] * (kv_idx - q_idx)

    def softcap(score, b, h, q_idx, kv_idx):
        return cap * torch.tanh(score / cap)

    reach, prefix, cap = params.get("window", 1024), params.get("prefix", 256), params.get("cap", 30.0)
    doc, slopes = captures.get("doc"), captures.get("slopes")
    return {
        "noop": (None, None),
        "causal": (None, causal),
        "sliding_window": (None, window),
        "prefix_lm": (None, prefix_lm),
        "document": (None, document),
        "alibi": (alibi, None),
        "softcap": (softcap, None),
    }.get(variant)


def prepare(torch, np, folder, peer):
    """A function of no arguments that computes the call, and what it took to get it."""
    with open(os.path.join(folder, "call.json")) as file:
        call = json.load(file)
    if call["q_offset"] or call["kv_offset"] or call["q_step"] != 1 or call["kv_step"] != 1 or call["consts"]:
        raise NoForm("it has no form of offsets, steps and replaced consts")
    load = lambda name: torch.from_numpy(np.load(os.path.join(folder, name)))
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[call["dtype"]]
    q, k, v = (load(call["inputs"][name]).to(dtype) for name in "qkv")
    captures = {name: load(path) for name, path in call.get("captures", {}).items()}
    known = mods(call["variant"], torch, call["params"], captures)
    if known is None:
        raise NoForm(f"it has no form of {call['variant']}")
    score_mod, mask_mod = known
    grouped = call["shape"]["H"] != call["shape"]["HKV"]
    scale = call.get("scale")
    if peer == "sdpa":
        if call["variant"] not in ("noop", "causal") or (mask_mod and call["shape"]["Q"] != call["shape"]["KV"]):
            raise NoForm(f"it has no form of {call['variant']} of this shape")
        attend = torch.nn.functional.scaled_dot_product_attention
        return lambda: attend(q, k, v, is_causal=mask_mod is not None, scale=scale, enable_gqa=grouped)
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    compiled = torch.compile(flex_attention, dynamic=False)
    # Built once, outside what is timed, as flexc's is.
    block = create_block_mask(mask_mod, None, None, call["shape"]["Q"], call["shape"]["KV"], device="cpu") if mask_mod else None
    return lambda: compiled(q, k, v, score_mod=score_mod, block_mask=block, scale=scale, enable_gqa=grouped)


def main():
    folder, peer, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        import numpy as np
        import torch
    except ImportError as problem:
        return say(unavailable=str(problem))
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            start = time.perf_counter()
            work = prepare(torch, np, folder, peer)
            work()
            say(name=peer, version=torch.__version__, first_call_s=time.perf_counter() - start)
            for line in sys.stdin:
                request = json.loads(line)
                start = time.perf_counter()
                out = work()
                seconds = time.perf_counter() - start
                if request["do"] == "run":
                    say(seconds=seconds)
                else:
                    theirs = torch.from_numpy(np.load(request["out"])).double()
                    say(difference=(out.double() - theirs).abs().max().item(), largest=theirs.abs().max().item())
    except NoForm as problem:
        say(unavailable=str(problem))
    except Exception as problem:  # a peer that fails is a finding, and flexc's own figures still count
        say(unavailable=f"{type(problem).__name__}: {str(problem).strip().splitlines()[0] if str(problem).strip() else ''}"[:300])


if __name__ == "__main__":
    main()
