"""Which runs meet which edges: a run takes one level of each factor, and every level of every factor is an edge.

A variant's runs are a covering array of strength two between variants and edges: each edge is met by at least one run of each variant, in a run
where it can show (no empty call, no single row).
"""
import random

LENGTHS = {f"{q} x {k}": (q, k) for q, k in ((1, 1), (17, 17), (64, 64), (127, 127), (243, 243), (255, 255), (259, 259), (511, 33), (33, 511), (1023, 18), (18, 1023),
                                             (1025, 17), (17, 1025), (113, 203), (799, 3), (239, 1), (1, 255), (0, 16), (16, 0))}
MANY = "B H = 68,160"
SQUARES = {f"{n} x {n}": (n, n) for n in (511, 1023, 1025)}  # nightly
DIMS = {f"D {d}" if d == dv else f"D {d}, DV {dv}": (d, dv) for d, dv in ((16, 16), (17, 17), (24, 24), (64, 64), (80, 80), (94, 94), (96, 96), (121, 121), (128, 128),
                                                                          (192, 192), (256, 256), (24, 80), (192, 128), (16, 9))}
HEADS = {"as many K heads": (2, 2), "GQA 4:1": (8, 2), "GQA 3:1": (6, 2), "MQA": (5, 1)}
BATCHES = ("K and V of their own batch", "K and V of batch 1")
LAYOUTS = {"row-major": "plain", "transposed views": "transposed", "offset views": "offset", "padded views, NaN between": "padded", "overlapping views": "overlapping",
           "KV beyond 2^31 elements": "far"}
EXTRAS = {"nothing besides": {}, "offsets": dict(q_offset=30, kv_offset=7), "steps": dict(q_offset=5, kv_offset=2, q_step=3, kv_step=2), "sink": dict(sink=True), "scale 2.8/sqrt(D)": dict(scale=2.8), "scale -1.2/sqrt(D)": dict(scale=-1.2),
          "scale 0": dict(scale=0.0), "NaN and inf in what is removed": dict(poison=True), "fully masked rows": dict(masked_rows=True)}
FACTORS = {"length": [*LENGTHS, MANY], "dims": [*DIMS], "heads": [*HEADS], "batch": [*BATCHES], "layout": [*LAYOUTS], "extra": [*EXTRAS]}
EDGES = [level for levels in FACTORS.values() for level in levels]
DEFAULTS = {"dims": "D 16", "heads": "as many K heads", "batch": BATCHES[0], "layout": "row-major", "extra": "nothing besides"}
LARGE = 30000  # pairs of a head beyond which a run keeps to few heads and a moderate head dim
WIDEST_OF_LARGE = 128


def lengths_of(run):
    return (1, 3) if run["length"] == MANY else {**LENGTHS, **SQUARES, "65 x 97": (65, 97)}[run["length"]]


def allowed(run, factor, level):
    rows, columns = lengths_of(run)
    if rows * columns <= 1:
        return level == DEFAULTS[factor]
    large = rows * columns > LARGE
    if factor == "dims":
        return (run["length"] != MANY or level == DEFAULTS["dims"]) and (not large or max(DIMS[level]) <= WIDEST_OF_LARGE)
    if factor in ("heads", "batch"):
        return (run["length"] != MANY and not large) or level == DEFAULTS[factor]
    if factor == "layout":
        return level == DEFAULTS["layout"] or columns >= 3
    return level in (DEFAULTS["extra"], "sink", *(level for level in EXTRAS if level.startswith("scale")), "offsets", "steps") or (rows >= 3 and columns >= 4)


def covering_runs(seed):
    """Runs of one variant, one a length, that meet every edge."""
    random_numbers = random.Random(seed)
    runs = [{"length": length} for length in FACTORS["length"]]
    for factor in list(FACTORS)[1:]:
        free = runs.copy()
        random_numbers.shuffle(free)
        levels = FACTORS[factor].copy()
        random_numbers.shuffle(levels)
        levels.sort(key=lambda level: sum(allowed(run, factor, level) for run in runs))  # the choosiest first
        for level in levels:
            run = next(run for run in free if allowed(run, factor, level) and (level == DEFAULTS[factor] or lengths_of(run)[0] * lengths_of(run)[1] > 1))
            run[factor] = level
            free.remove(run)
        for run in free:
            run[factor] = random_numbers.choice([level for level in levels if allowed(run, factor, level)])
    return runs


def product_runs():
    """Every edge by itself, and long squares."""
    base = {"length": "65 x 97", **DEFAULTS, "dims": "D 24"}
    runs = []
    for factor, levels in FACTORS.items():
        for level in levels:
            run = {**base, factor: level}
            if factor == "length":
                run["dims"] = DEFAULTS["dims"]
            runs.append(run)
    return runs + [{**base, "length": length, "dims": dims} for length in SQUARES for dims in ("D 16", "D 128")]
