#!/usr/bin/env python3
"""The CPU kernel's figures: suites of `flexc bench` calls, with PyTorch beside them, judged, as tables, as plots.

    tools/bench_suite.py measure FLEXC SUITE -o RESULTS.json [--compare PYTHON] [--repeat 15] [--only REGEX] [--operations PROGRAM]
    tools/bench_suite.py judge RESULTS.json                    exit 0: every limit is kept, 1: not, 3: nothing to judge
    tools/bench_suite.py table RESULTS.json                    Markdown
    tools/bench_suite.py plot RESULTS.json -o PREFIX           PREFIX.png and PREFIX.svg; needs matplotlib
    tools/bench_suite.py roofline RESULTS.json … -o PREFIX     the same of several suites, decode among them

Suites: paper (the seven variants at D 64 and 128), shapes (short sequences, bf16), lengths (cost against the length), decode (one row),
mods (dense mods beside noop, masks beside causal), threads (two against one).
Threads are pinned; every sample of flexc is followed by one of each peer. Shares are of the peak, or for decode of the rate of reading memory, that
is measured beside each call, over kept pairs, packing included; the share of a row is its upper quartile, ratios are of medians.
"""
import argparse
import json
import math
import platform
import re
import subprocess
import sys
import time

PAPER = ["noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document"]
OPTIONS = {"prefix_lm": ["--param", "prefix=512"]}
# The share of peak that is enough where the ratio to a peer is not reached, by D: docs/performance/cpu.md has their source.
SHARES = {
    "noop": (0.85, 0.85), "causal": (0.83, 0.83), "sliding_window": (0.81, 0.81), "prefix_lm": (0.81, 0.81),
    "alibi": (0.80, 0.80), "softcap": (0.75, 0.80), "document": (0.73, 0.73),
}
FLEX_RATIO, FLEX_MEAN = 2.0, 2.5
# What a dense mod's own mathematics takes, in the time of a multiply-add of as many lanes, where it is not measured: as a prototype did it, alibi a
# conversion, a product, a sum; softcap a tanh of eight multiply-adds, four products, two clamps and a division, of 5 units in the last place. A score at
# head dim D takes D for each product and SOFTMAX.
OWN_COST, SOFTMAX = {"alibi": 3.2, "softcap": 16.4}, 12.6
# The same by itself on the machine, as compiled mods do it (docs/math.md, "The CPU's pairs"): what bench_operations prints for the one, less the other.
MEASURED_COST = {"alibi": ("maximum of affine scores", "maximum"), "softcap": ("20 tanh(score / 20)", "a copy of the score")}
MOD_RATIO, MASK_RATIO, DOCUMENT_RATIO = 0.90, 0.90, 0.85
THREADS_RATIO = 1.9
# bf16 beside f32.
BF16_RATIO = 1.0
# Time as a power of kept pairs, over all lengths of a variant: 1 is linear, and a little less is small calls' fixed cost.
LEAST_POWER, MOST_POWER = 0.90, 1.05
SDPA_RATIO = {"noop": 1.1, "causal": 1.5}


def case(variant, shape, dtype="f32", threads=None, **limits):
    return {"variant": variant, "shape": shape, "dtype": dtype, "threads": threads, "limits": limits}


def least_rate(cost, head_dim):
    """The share of noop's rate that a dense mod must have: a tenth less, and its own mathematics, over two products of head_dim each."""
    return 1 / (1 / MOD_RATIO + cost / (2 * head_dim + SOFTMAX))


def costs_in(text):
    """The mods' own costs, from what bench_operations prints of the best instruction set."""
    rows = re.findall(r"^(\S+) (.+?) +([\d.]+) multiply-adds a score", text, re.MULTILINE)
    best = {what: float(cost) for target, what, cost in rows if target == rows[0][0]}
    missing = [what for pair in MEASURED_COST.values() for what in pair if what not in best]
    if missing:
        raise SystemExit(f"bench_suite.py: what bench_operations printed has no '{missing[0]}'")
    return {variant: round(best[with_it] - best[without], 1) for variant, (with_it, without) in MEASURED_COST.items()}


def measured_costs(program):
    done = subprocess.run([program, "15"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench_suite.py: {program}: {done.stderr.strip()}")
    return costs_in(done.stdout)


def suite(name, own_cost=OWN_COST):
    if name == "paper":
        for column, shape in enumerate(("1,8,8,4096,4096,64,64", "1,4,4,4096,4096,128,128")):
            for variant in PAPER:
                limits = {"share": SHARES[variant][column], "flex_attention": FLEX_RATIO}
                if variant in SDPA_RATIO:
                    limits["sdpa"] = SDPA_RATIO[variant]
                yield case(variant, shape, **limits)
    elif name == "shapes":
        yield case("noop", "8,12,12,512,512,64,64", share=0.80)
        yield case("causal", "8,12,12,512,512,64,64", share=0.75)
        yield case("noop", "1,8,8,2048,2048,64,64")
        yield case("noop", "1,8,8,2048,2048,64,64", dtype="bf16", of="noop", of_ratio=BF16_RATIO)
    elif name == "lengths":
        for variant in ("noop", "causal", "sliding_window", "document"):
            for length in (1024, 2048, 4096, 8192, 16384, 32768, 65536):
                if variant in ("sliding_window", "document") or length <= 16384:
                    yield case(variant, f"1,2,2,{length},{length},64,64", linear=True)
    elif name == "decode":
        for shape, dtype, share in (("1,8,8,1,65536,64,64", "f32", 0.95), ("1,8,8,1,65536,64,64", "bf16", 0.80), ("1,32,8,1,65536,64,64", "f32", 0.65)):
            yield case("noop", shape, dtype=dtype, read_share=share)
    elif name == "mods":
        shape = "1,8,8,4096,4096,64,64"
        yield case("noop", shape)
        for variant, cost in own_cost.items():
            yield case(variant, shape, of="noop", of_ratio=least_rate(cost, 64), own_cost=cost)
        yield case("causal", shape)
        for variant, ratio in (("sliding_window", MASK_RATIO), ("prefix_lm", MASK_RATIO), ("document", DOCUMENT_RATIO)):
            yield case(variant, shape, of="causal", of_ratio=ratio)
    elif name == "threads":
        for variant in ("noop", "causal"):
            yield case(variant, "1,8,8,4096,4096,64,64", threads=1)
            yield case(variant, "1,8,8,4096,4096,64,64", threads=2, speedup=THREADS_RATIO)
    else:
        raise SystemExit(f"bench_suite.py: no suite '{name}' (paper, shapes, lengths, decode, mods, threads)")


def title(row):
    one = ", 1 thread" if row.get("threads") == 1 else ""
    return f"{row['variant']} {row['shape_text']} {row['dtype']}{one}"


def measure(arguments):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    head = {"date": time.strftime("%Y-%m-%d"), "cpu": cpu, "suite": arguments.suite}
    rows = []
    own_cost = measured_costs(arguments.operations) if arguments.operations else OWN_COST
    for entry in suite(arguments.suite, own_cost):
        name = f"{entry['variant']} {entry['shape']} {entry['dtype']}"
        if arguments.only and not re.search(arguments.only, name):
            continue
        command = [arguments.flexc, "bench", entry["variant"], "--random", entry["shape"], "--dtype", entry["dtype"], "--repeat", str(arguments.repeat), "--pin", "--json"]
        command += OPTIONS.get(entry["variant"], [])
        if entry["threads"]:
            command += ["--threads", str(entry["threads"])]
        if arguments.compare:
            command += ["--compare", arguments.compare]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"bench_suite.py: {' '.join(command)}: {done.stderr.strip()}")
        row = json.loads(done.stdout)
        row.update(limits=entry["limits"], shape_text=entry["shape"], suite=arguments.suite)
        rows.append(row)
        print(line_of(row), flush=True)
        # After each row: a run that is cut off keeps what it has.
        with open(arguments.output, "w") as file:
            file.write(json.dumps(head)[:-1] + ', "rows": [\n' + ",\n".join(json.dumps(each) for each in rows) + "\n]}\n")
    if not rows:
        raise SystemExit(f"bench_suite.py: nothing of the suite {arguments.suite} matches --only {arguments.only}")
    return 0


def share_of(row):
    return row["peak_share_quartiles"][1] if "peak_share_quartiles" in row else None


def read_share_of(row):
    return row["read_share_quartiles"][1] if "read_share_quartiles" in row else None


def peer_of(row, name):
    return next((peer for peer in row.get("peers", []) if peer["name"] == name and "ratio" in peer), None)


def line_of(row):
    text = f"{title(row)}: {row['gflops']:.1f} GFLOP/s"
    if share_of(row) is not None:
        text += f", {100 * share_of(row):.1f} % of peak (median {100 * row['peak_share']:.1f})"
    if read_share_of(row) is not None:
        text += f", {row['kv_bytes_per_s'] / 1e9:.1f} GB/s, {100 * read_share_of(row):.1f} % of what the machine reads (median {100 * row['read_share']:.1f})"
    for peer in row.get("peers", []):
        text += f", {peer['name']} {peer['ratio']:.2f}x" if "ratio" in peer else ""
    return text


def judged(row):
    """What of the row's limits is missed, as texts, and how many could be judged."""
    limits, missed, count = row["limits"], [], 0
    share, read = share_of(row), read_share_of(row)
    enough = share is not None and "share" in limits and share >= limits["share"]
    for name in ("flex_attention", "sdpa"):
        peer = peer_of(row, name)
        if name in limits and peer:
            count += 1
            # The machine's own limit bounds a ratio: the share is enough.
            if peer["ratio"] < limits[name] and not enough:
                missed.append(f"{title(row)}: {peer['ratio']:.2f}x {name}, limit {limits[name]}x or {100 * limits['share']:.0f} % of peak, which is {100 * share:.1f} %")
    if count == 0 and "share" in limits and share is not None:  # no peer to be judged by, or a share that is asked for by itself
        count += 1
        if not enough:
            missed.append(f"{title(row)}: {100 * share:.1f} % of peak, limit {100 * limits['share']:.0f} %")
    if "read_share" in limits and read is not None:
        count += 1
        if read < limits["read_share"]:
            missed.append(f"{title(row)}: {100 * read:.1f} % of what the machine reads, limit {100 * limits['read_share']:.0f} %")
    return missed, count


def beside(rows):
    """Judgements of a row by another one of the same suite: what is missed, and each as a text."""
    missed, texts = [], []
    for row in rows:
        limits = row["limits"]
        if "of" in limits:
            # By shares of the peak, which is measured beside each call: the two rows are minutes apart.
            base = next((other for other in rows if other is not row and other["dtype"] == "f32" and other["variant"] == limits["of"] and other["shape_text"] == row["shape_text"]), None)
            if base is None or not share_of(row) or not share_of(base):
                continue
            ratio, limit = share_of(row) / share_of(base), limits["of_ratio"]
            names = [row["variant"], limits["of"]] if row["dtype"] == base["dtype"] else [f"{each['variant']} in {each['dtype']}" for each in (row, base)]
            own = f": own mathematics {limits['own_cost']} multiply-adds a score" if "own_cost" in limits else ""
            texts.append(f"{names[0]} {ratio:.3f} of {names[1]}'s rate (limit {limit:.3f}{own})")
        elif "speedup" in limits:
            base = next((other for other in rows if other["variant"] == row["variant"] and other["threads"] == 1 and other["shape_text"] == row["shape_text"]), None)
            if base is None:
                continue
            ratio, limit = base["median_s"] / row["median_s"], limits["speedup"]
            texts.append(f"{row['variant']}: {row['threads']} threads {ratio:.2f}x one (limit {limit})")
        else:
            continue
        if ratio < limit:
            missed.append(texts[-1])
    for variant in dict.fromkeys(row["variant"] for row in rows if row["limits"].get("linear")):
        mine = [row for row in rows if row["variant"] == variant]
        if len(mine) < 3:
            continue
        power = power_of([row["kept_pairs"] for row in mine], [row["median_s"] for row in mine])
        texts.append(f"{variant}: time is kept pairs to the power {power:.3f} (limits {LEAST_POWER}, {MOST_POWER})")
        if not LEAST_POWER <= power <= MOST_POWER:
            missed.append(texts[-1])
    return missed, texts


def power_of(xs, ys):
    """The slope of the least squares line through the logarithms."""
    xs, ys = [math.log(x) for x in xs], [math.log(y) for y in ys]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys)) / sum((a - x) ** 2 for a in xs)


def mean_ratio(rows):
    ratios = [peer["ratio"] for peer in (peer_of(row, "flex_attention") for row in rows) if peer]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def judge(rows):
    missed, count = [], 0
    for row in rows:
        texts, judgements = judged(row)
        missed += texts
        count += judgements
    others, summary = beside(rows)
    missed += others
    count += len(summary)
    for dim in sorted({row["shape"]["D"] for row in rows if row["suite"] == "paper"}):
        mean = mean_ratio([row for row in rows if row["shape"]["D"] == dim])
        if mean is not None:
            shares = [(share_of(row), row["limits"]["share"]) for row in rows if row["shape"]["D"] == dim and share_of(row) is not None and "share" in row["limits"]]
            summary.append(f"D {dim}: {sum(share >= limit for share, limit in shares)} of {len(shares)} at the share of the peak that is enough by itself")
            count += 1
            summary.append(f"D {dim}: {mean:.2f}x FlexAttention in the geometric mean")
            if mean < FLEX_MEAN:
                missed.append(f"D {dim}: {mean:.2f}x FlexAttention in the geometric mean, limit {FLEX_MEAN}x")
    for text in missed:
        print(text)
    if count == 0:
        print("nothing to judge")
        return 3
    print("; ".join([f"{count - len(missed)} of {count} within their limits", *summary]))
    return 1 if missed else 0


def table(data):
    print(f"{data['date']}, {data['cpu']}, suite {data['suite']}\n")
    print("| call | GFLOP/s | of peak: upper quartile; median | FlexAttention | SDPA |\n| --- | --- | --- | --- | --- |")
    for row in data["rows"]:
        peers = [peer_of(row, name) for name in ("flex_attention", "sdpa")]
        ratios = [f"{peer['ratio']:.2f} × ({1e3 * peer['median_s']:.4g} ms)" if peer else "" for peer in peers]
        share = f"{100 * share_of(row):.1f}; {100 * row['peak_share']:.1f} %" if share_of(row) is not None else ""
        if read_share_of(row) is not None:
            share = f"reads {row['kv_bytes_per_s'] / 1e9:.1f} GB/s, {100 * read_share_of(row):.1f}; {100 * row['read_share']:.1f} % of the machine's"
        print(f"| {title(row)} | {row['gflops']:.1f} | {share} | {ratios[0]} | {ratios[1]} |")
    return 0


def plot(data, prefix):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = data["rows"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), constrained_layout=True)
    figure.suptitle(f"flexc on {data['cpu']}, {data['date']}: {data['suite']}", x=0.01, ha="left")
    for variant in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == variant]
        left.plot([row["shape"]["Q"] for row in mine], [row["gflops"] for row in mine], marker="o", label=variant)
        right.plot([row["kept_pairs"] for row in mine], [1e3 * row["median_s"] for row in mine], marker="o", label=variant)
    peak = max((row.get("peak_gflops", 0) for row in rows), default=0)
    if peak:
        left.axhline(peak, color="grey", linestyle=":", label="peak of multiply-adds")
        pairs = sorted(row["kept_pairs"] for row in rows)
        flops = 2 * (rows[0]["shape"]["D"] + rows[0]["shape"]["DV"])
        right.plot(pairs, [1e3 * count * flops / peak / 1e9 for count in pairs], color="grey", linestyle=":", label="at the peak")
    left.set(xscale="log", xlabel="Q = KV, positions", ylim=(0, None))
    left.set_title("GFLOP/s over kept pairs", loc="left", fontsize=10)
    right.set(xscale="log", yscale="log", xlabel="kept pairs")
    right.set_title("time, ms", loc="left", fontsize=10)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=9)
    for ending in ("png", "svg"):
        figure.savefig(f"{prefix}.{ending}", dpi=110)
    return 0


def roofline(files, prefix):
    """GFLOP/s over operations a byte of Q, K, V and out, read or written once."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = [row for data in files for row in data["rows"]]
    peak = max(row.get("peak_gflops", 0) for row in rows)
    read = max((row.get("read_bytes_per_s", 0) for row in rows), default=0) / 1e9
    if not peak or not read:
        raise SystemExit("bench_suite.py: a roofline needs the measured peak and, from the suite decode, the read bandwidth")
    figure, axes = plt.subplots(figsize=(8, 5), constrained_layout=True)
    axes.set_title(f"flexc on {files[0]['cpu']}, {files[0]['date']}", loc="left", fontsize=10)
    points = {}
    for row in rows:
        shape, size = row["shape"], 4 if row["dtype"] == "f32" else 2
        flops = 2 * (shape["D"] + shape["DV"]) * row["kept_pairs"]
        moved = size * shape["B"] * (shape["H"] * shape["Q"] + shape["HKV"] * shape["KV"]) * (shape["D"] + shape["DV"])
        points.setdefault((row["variant"], row["dtype"]), []).append((flops / moved, row["gflops"]))
    for (variant, dtype), own in points.items():
        axes.plot(*zip(*sorted(own)), marker="o", linestyle="none", label=f"{variant} {dtype}")
    ends = [min(point[0] for own in points.values() for point in own) / 2, max(point[0] for own in points.values() for point in own) * 2]
    knee = peak / read
    if ends[0] < knee:
        axes.plot([ends[0], knee], [ends[0] * read, peak], color="grey", label=f"{read:.0f} GB/s read")
    axes.plot([max(knee, ends[0]), ends[1]], [peak, peak], color="grey", linestyle=":", label=f"{peak:.0f} GFLOP/s of f32 multiply-adds")
    axes.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="GFLOP/s over kept pairs")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    for ending in ("png", "svg"):
        figure.savefig(f"{prefix}.{ending}", dpi=110)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("measure")
    verb.add_argument("flexc")
    verb.add_argument("suite")
    verb.add_argument("-o", "--output", required=True)
    verb.add_argument("--compare", metavar="PYTHON")
    verb.add_argument("--repeat", type=int, default=15)
    verb.add_argument("--only", metavar="REGEX")
    verb.add_argument("--operations", metavar="PROGRAM", help="bench_operations, for what a mod's own mathematics costs here; else as a prototype's did")
    for name in ("judge", "table", "plot", "roofline"):
        verb = verbs.add_parser(name)
        verb.add_argument("results", nargs="+" if name == "roofline" else None)
        if name in ("plot", "roofline"):
            verb.add_argument("-o", "--output", required=True)
    arguments = parser.parse_args()
    if arguments.verb == "measure":
        return measure(arguments)
    if arguments.verb == "roofline":
        return roofline([json.load(open(name)) for name in arguments.results], arguments.output)
    with open(arguments.results) as file:
        data = json.load(file)
    if arguments.verb == "judge":
        return judge(data["rows"])
    return table(data) if arguments.verb == "table" else plot(data, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
