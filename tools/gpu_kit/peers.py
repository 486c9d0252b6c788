#!/usr/bin/env python3
"""PyTorch beside flexc on the shapes of gpu_session.sh: FlexAttention (compiled) and SDPA, where they are. One JSON object a line.

What is not there is listed as "not measured". Runs on a machine with a GPU; in a rehearsal (FLEXC_KIT_REHEARSAL set) it measures nothing.
"""
import json
import os
import sys

WARM_UPS, REPEATS = 3, 20


def say(**line):
    print(json.dumps(line), flush=True)


def main():
    if os.environ.get("FLEXC_KIT_REHEARSAL"):
        say(peer="torch", not_measured="a rehearsal")
        return 0
    try:
        import torch
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    except ImportError as problem:
        say(peer="torch", not_measured=str(problem))
        return 0
    if not torch.cuda.is_available():
        say(peer="torch", not_measured="torch sees no GPU")
        return 0
    compiled = torch.compile(flex_attention, dynamic=False)

    def causal(b, h, q, kv):
        return q >= kv

    def window(b, h, q, kv):
        return (q >= kv) & (q - kv <= 1024)

    def softcap(score, b, h, q, kv):
        return torch.tanh(score / 20.0) * 20.0

    def timed(work):
        for _ in range(WARM_UPS):
            work()
        times = []
        for _ in range(REPEATS):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            work()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end))
        return sorted(times)

    lengths = [int(x) for x in os.environ.get("FLEXC_BENCH_LENGTHS", "512 1024 2048 4096 8192 16384").split()]
    for d in (64, 128, 256):
        for length in lengths:
            batch, heads = max(1, 16384 // length), 2048 // d
            q, k, v = (torch.randn(batch, heads, length, d, device="cuda", dtype=torch.bfloat16) for _ in range(3))
            for name, mask, score in (("noop", None, None), ("causal", causal, None), ("sliding_window", window, None), ("softcap", None, softcap)):
                shape = [batch, heads, heads, length, length, d, d]
                try:
                    block = create_block_mask(mask, None, None, length, length) if mask else None
                    times = timed(lambda: compiled(q, k, v, score_mod=score, block_mask=block))
                    say(bench=name, who="FlexAttention", shape=shape, dtype="bf16", median_ms=times[len(times) // 2], min_ms=times[0], torch=torch.__version__)
                except Exception as problem:  # a peer that fails is a finding, not an end
                    say(bench=name, who="FlexAttention", shape=shape, not_measured=str(problem)[:200])
                if name in ("noop", "causal"):
                    times = timed(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=name == "causal"))
                    say(bench=name, who="SDPA", shape=shape, dtype="bf16", median_ms=times[len(times) // 2], min_ms=times[0], torch=torch.__version__)
    say(bench="all", who="FlashAttention-3", not_measured="not in this kit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
