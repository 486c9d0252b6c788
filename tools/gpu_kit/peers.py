#!/usr/bin/env python3
"""Peers beside flexc on the shapes of a session, one JSON object a line. What is not there is listed as not measured, with the reason.

    peers.py KIT machine          versions, and the memory bandwidth of a copy
    peers.py KIT VARIANT WHO,… REPEATS B,H,HKV,Q,KV,D…

WHO is cuDNN (SDPA's back end), FlashAttention-3, FlexAttention (Triton with max-autotune) or FlexAttention FLASH.

Times are medians over samples of ten calls between two events, as flexc's are. FlashAttention-3 comes from a wheel in KIT/wheels (fa3-fwd).
"""
import array
import contextlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WARM_UPS, INNER = 3, 10
COPY_BYTES = 1 << 31
WINDOW, PREFIX, CAP = 1024, 256, 30.0  # the gallery's defaults
# Variants that a peer can compute at all; FlexAttention, all of them.
FORMS = {"cuDNN": ("noop", "causal"), "FlashAttention-3": ("noop", "causal", "sliding_window", "softcap")}


def say(**line):
    print(json.dumps(line), flush=True)


def reason(problem):
    text = str(problem).strip()
    return f"{type(problem).__name__}: {text.splitlines()[0] if text else ''}"[:240]


def median_ms(torch, work, repeats):
    """Sorted milliseconds a call."""
    for _ in range(WARM_UPS):
        work()
    times = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(INNER):
            work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / INNER)
    return sorted(times)


def capture(torch, kit, variant, shape, name, code):
    """The tensor that flexc's runner makes for the same call."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "capture.bin"
        subprocess.run([str(kit / "bin/runner"), "capture", str(kit), f"bundles/{variant}.flexb", variant, ",".join(map(str, shape)), name, str(file)], check=True)
        values = array.array(code, file.read_bytes())
    return torch.tensor(values.tolist(), device="cuda", dtype=torch.float32 if code == "f" else torch.int32)


def mods(torch, kit, variant, shape):
    """(score_mod, mask_mod) as FlexAttention takes them."""
    if variant == "alibi":
        slopes = capture(torch, kit, variant, shape, "slopes", "f")
        return (lambda score, b, h, q_idx, kv_idx: score + slopes[h] * (kv_idx - q_idx)), None
    if variant == "softcap":
        return (lambda score, b, h, q_idx, kv_idx: CAP * torch.tanh(score / CAP)), None
    if variant == "document":
        doc = capture(torch, kit, variant, shape, "doc", "i")
        return None, lambda b, h, q_idx, kv_idx: doc[q_idx] == doc[kv_idx]
    masks = {
        "causal": lambda b, h, q_idx, kv_idx: q_idx >= kv_idx,
        "sliding_window": lambda b, h, q_idx, kv_idx: (q_idx >= kv_idx) & (q_idx - kv_idx <= WINDOW),
        "prefix_lm": lambda b, h, q_idx, kv_idx: (kv_idx < PREFIX) | (q_idx >= kv_idx),
    }
    return None, masks.get(variant)


def flash_attention_3(kit):
    """flash_attn_func of the wheel that the kit carries. Raises where it cannot be had."""
    wheels = sorted((kit / "wheels").glob("fa3_fwd*.whl"))
    if not wheels:
        raise FileNotFoundError("the kit carries no wheel of fa3-fwd (--wheel)")
    folder = kit / "results" / "fa3_fwd"
    if not (folder / "whole").exists():
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(folder)
        (folder / "whole").touch()
    sys.path.insert(0, str(folder))
    import fa3_fwd_config

    sys.modules.setdefault("flash_attn_config", fa3_fwd_config)  # its interface asks for the module by the name that it had upstream
    from fa3_fwd_interface import flash_attn_func

    return flash_attn_func


def flex_attention(torch, q, k, v, score_mod, mask_mod, options):
    from torch.nn.attention.flex_attention import create_block_mask
    from torch.nn.attention.flex_attention import flex_attention as attend

    mode = {} if options else {"mode": "max-autotune-no-cudagraphs"}
    compiled = torch.compile(attend, dynamic=False, **mode)
    block = create_block_mask(mask_mod, None, None, q.shape[2], k.shape[2], device="cuda") if mask_mod else None
    extra = {"kernel_options": options} if options else {}
    return lambda: compiled(q, k, v, score_mod=score_mod, block_mask=block, enable_gqa=q.shape[1] != k.shape[1], **extra)


def cudnn(torch, q, k, v, variant):
    return lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=variant == "causal", enable_gqa=q.shape[1] != k.shape[1])


def back_end_of(who):
    """What holds while a peer is timed."""
    if who != "cuDNN":
        return contextlib.nullcontext()
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.CUDNN_ATTENTION)


def flash3(kit, q, k, v, variant):
    options = {"noop": {}, "causal": {"causal": True}, "sliding_window": {"causal": True, "window_size": (WINDOW, 0)}, "softcap": {"softcap": CAP}}
    attend = flash_attention_3(kit)
    rows = [tensor.transpose(1, 2).contiguous() for tensor in (q, k, v)]
    return lambda: attend(*rows, **options[variant])


def measure(torch, kit, variant, wanted, repeats, shape):
    batch, heads, kv_heads, q_len, kv_len, head_dim = shape
    torch.manual_seed(0)
    q, k, v = (torch.randn(batch, count, length, head_dim, device="cuda", dtype=torch.bfloat16) for count, length in ((heads, q_len), (kv_heads, kv_len), (kv_heads, kv_len)))
    score_mod, mask_mod = mods(torch, kit, variant, shape)
    peers = {
        "cuDNN": lambda: cudnn(torch, q, k, v, variant),
        "FlashAttention-3": lambda: flash3(kit, q, k, v, variant),
        "FlexAttention": lambda: flex_attention(torch, q, k, v, score_mod, mask_mod, None),
        "FlexAttention FLASH": lambda: flex_attention(torch, q, k, v, score_mod, mask_mod, {"BACKEND": "FLASH"}),
    }
    for who in wanted:
        try:
            with back_end_of(who):
                times = median_ms(torch, peers[who](), repeats)
        except Exception as problem:  # a peer that fails is a finding, not an end
            say(what=variant, who=who, shape=shape, not_measured=reason(problem))
            continue
        say(bench=variant, who=who, shape=shape, dtype="bf16", median_ms=times[len(times) // 2], min_ms=times[0], max_ms=times[-1], repeats=repeats, inner=INNER)


def machine(torch):
    facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    try:
        import triton

        facts["triton"] = triton.__version__
    except ImportError:
        facts["triton"] = "none"
    source = torch.empty(COPY_BYTES, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    times = median_ms(torch, lambda: target.copy_(source), 10)
    if times[len(times) // 2] > 0:
        facts["bytes_a_second"] = 2 * COPY_BYTES / (times[len(times) // 2] * 1e-3)  # read and written
    say(**facts)


def main():
    words = sys.argv[1:]
    if len(words) < 5 and words[1:] != ["machine"]:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = []
    for who in words[2].split(",") if len(words) > 2 else []:
        if words[1] in FORMS.get(who, (words[1],)):
            wanted.append(who)
        else:
            say(what=words[1], who=who, not_measured=f"it has no form of {words[1]}")
    if not wanted and words[1:] != ["machine"]:
        return 0
    try:
        import torch
    except ImportError as problem:
        say(what="PyTorch and its peers", not_measured=reason(problem))
        return 0
    if not torch.cuda.is_available():
        say(what="PyTorch and its peers", not_measured="torch sees no GPU")
        return 0
    with torch.inference_mode():
        if words[1] == "machine":
            machine(torch)
        else:
            for shape in words[4:]:
                measure(torch, Path(words[0]), words[1], wanted, int(words[3]), [int(x) for x in shape.split(",")])
    return 0


if __name__ == "__main__":
    sys.exit(main())
