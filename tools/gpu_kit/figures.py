"""DESIGN.md section 11 as far as it speaks of a GPU: each line against a session's figures. Reached, not reached, or not measured; never guessed."""
from plan import PAPER

FORWARD_RATIO, FORWARD_THEN = 1.0, 1.05
OWN_RATIO = 0.9
FLEX_RATIO, FLASH_RATIO = 1.6, 1.2
DECODE_SHARE = 0.90
# Masks are compared with causal, dense mods with noop: their kept area has the same form.
OWN_PEER = {"alibi": "noop", "softcap": "noop", "sliding_window": "causal", "prefix_lm": "causal", "document": "causal"}


def pairs_of(bench):
    b, h, _, q, kv, _ = bench["shape"]
    return b * h * q * kv * bench["kept_share"]


def flops_of(bench):
    """Over kept pairs: two products of head dim multiply-adds each."""
    return 4 * bench["shape"][5] * pairs_of(bench)


def tflops(bench):
    return flops_of(bench) / bench["median_ms"] / 1e9


class Table:
    """Benchmarks by (variant, head dim, length, who). A peer's kept pairs are flexc's for the same shape."""

    def __init__(self, benches):
        self.rows = {}
        shares = {}
        for bench in benches:
            if bench["who"] == "flexc" and bench.get("kept_share") is not None:
                shares[bench["bench"], tuple(bench["shape"])] = bench["kept_share"]
        for bench in benches:
            share = shares.get((bench["bench"], tuple(bench["shape"])))
            if share is not None and bench["median_ms"] > 0:
                self.rows[bench["bench"], bench["shape"][5], bench["shape"][4], bench["who"]] = dict(bench, kept_share=share)

    def get(self, variant, head_dim, length, who):
        return self.rows.get((variant, head_dim, length, who))

    def shapes(self):
        return sorted({(variant, head_dim, length) for variant, head_dim, length, _ in self.rows})

    def peers(self):
        return sorted({who for *_, who in self.rows})


def ratios(table, peers, variants):
    """flexc's speed over that of the best of `peers`, for each shape where all of them were measured."""
    found = {}
    for variant, head_dim, length in table.shapes():
        own = table.get(variant, head_dim, length, "flexc")
        theirs = [row["median_ms"] for who in peers if (row := table.get(variant, head_dim, length, who))]
        if variant in variants and own and len(theirs) == len(peers):
            found[variant, head_dim, length] = min(theirs) / own["median_ms"]
    return found


def own_ratios(table, bounds, peak):
    """Over the lower of own noop or causal at equal kept area and the bound of its machine code; `peak` in TFLOP/s, nothing where it is not known."""
    found = {}
    for variant, head_dim, length in table.shapes():
        own, peer = table.get(variant, head_dim, length, "flexc"), OWN_PEER.get(variant)
        other = table.get(peer, head_dim, length, "flexc") if peer else None
        share = bounds.get(f"{variant}_{head_dim}")
        limits = ([tflops(other)] if other else []) + ([share * peak] if share and peak else [])
        if own and limits and (other or not peer):
            found[variant, head_dim, length] = tflops(own) / min(limits)
    return found


def line(what, limit, found, missing):
    if not found:
        return {"what": what, "limit": f"≥ {limit}×", "verdict": "not measured", "figure": missing}
    worst = min(found, key=found.get)
    reached = sum(value >= limit for value in found.values())
    figure = f"{reached} of {len(found)} shapes; least {found[worst]:.3f}× ({worst[0]}, D {worst[1]}, {worst[2]}), largest {max(found.values()):.3f}×"
    return {"what": what, "limit": f"≥ {limit}×", "verdict": "reached" if reached == len(found) else "not reached", "figure": figure}


def decode_line(decodes, bandwidth):
    what, limit = "decode, share of the measured memory bandwidth", f"≥ {DECODE_SHARE:.0%}"
    shares = []
    for bench in decodes:
        b, _, hkv, _, kv, d = bench["shape"]
        if bench["median_ms"] > 0 and bandwidth:
            shares.append(2 * 2 * b * hkv * kv * d / (bench["median_ms"] * 1e-3) / bandwidth)
    if not shares:
        return {"what": what, "limit": limit, "verdict": "not measured", "figure": "no decode call, or no bandwidth (torch)"}
    return {"what": what, "limit": limit, "verdict": "reached" if min(shares) >= DECODE_SHARE else "not reached", "figure": f"least {min(shares):.1%}, largest {max(shares):.1%}"}


def section_11(table, decodes, bandwidth, bounds=None, peak=None):
    """One dict a line: what, limit, verdict, figure."""
    best = ratios(table, ["FlashAttention-3", "cuDNN"], ("noop", "causal"))
    lines = [
        line("forward, noop and causal, against the better of FlashAttention-3 and cuDNN", FORWARD_RATIO, best, "needs both peers for a shape"),
        line("the same, the second step", FORWARD_THEN, best, "needs both peers for a shape"),
        line("each variant, against the lower of own noop or causal at equal kept area and " + ("the bound of its own SASS" if bounds and peak else "(not known here) the bound of its SASS"), OWN_RATIO,
             own_ratios(table, bounds or {}, peak), "needs the variant and noop or causal of a shape"),
        line("each variant, against PyTorch FlexAttention (Triton, max-autotune)", FLEX_RATIO, ratios(table, ["FlexAttention"], PAPER), "no FlexAttention"),
        line("each variant, against PyTorch FlexAttention (FLASH)", FLASH_RATIO, ratios(table, ["FlexAttention FLASH"], PAPER), "no FLASH back end"),
        decode_line(decodes, bandwidth),
    ]
    elsewhere = {"limit": "", "verdict": "not measured", "figure": "needs no GPU: `tools/show.sh cpu`, `masks`, `cache`, `speed`, `hopper`"}
    return lines + [dict(elsewhere, what="CPU, cold compile, cache hits, block masks, static issue slots")]
