#!/usr/bin/env python3
"""What building a block mask costs as the sequence grows: 4,096 to 16,777,216 positions, blocks of 128, default refinement.

    tools/plot_mask_cost.py measure FLEXC -o docs/performance/mask_cost.json
    tools/plot_mask_cost.py plot docs/performance/mask_cost.json docs/performance/mask_cost.svg docs/performance/mask_cost.png

`measure` takes any Python with NumPy; `plot` needs matplotlib too. Each point is the median of five builds of one flexc process (flexc
mask --json; a build slower than 50 ms is timed once), at Q = KV = length. Documents have 2,048 tokens each; NATTEN 13x13 is on a canvas as
square as the length allows.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

LENGTHS = [1 << bits for bits in range(12, 25)]
DOCUMENT = 2048
COLOURS = {"causal": "#1f5fa8", "window 1024": "#c4472b", "prefix 512": "#2c8a4b", "documents of 2,048": "#7a4fa3", "NATTEN 13x13": "#b8860b"}


def cases(folder, length):
    import numpy as np

    ids = os.path.join(folder, "doc.npy")
    np.save(ids, (np.arange(length) // DOCUMENT).astype(np.int32))
    width = 1 << ((length.bit_length() - 1) // 2)
    return [
        ("causal", ["causal"]),
        ("window 1024", ["sliding_window"]),
        ("prefix 512", ["prefix_lm", "--param", "prefix=512"]),
        (f"documents of {DOCUMENT:,}", ["document", "--capture", f"doc={ids}"]),
        ("NATTEN 13x13", ["natten", "--const", f"WIDTH={width}", "--const", f"HEIGHT={length // width}", "--const", "KERNEL_W=13", "--const", "KERNEL_H=13"]),
    ]


def measure(flexc, output):
    points = []
    with tempfile.TemporaryDirectory() as folder:
        for length in LENGTHS:
            for name, words in cases(folder, length):
                report = json.loads(subprocess.run([flexc, "mask", *words, "--shape", f"1,2,{length},{length}", "--json"], check=True, capture_output=True, text=True).stdout)
                points.append({"mask": name, "length": length, **{key: report[key] for key in ("build_s", "bytes", "evaluations", "pair_evaluations", "method")}})
    with open(output, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(point) for point in points) + "\n]\n")


def plot(data, outputs):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, FuncFormatter

    matplotlib.rcParams.update({"font.family": "sans-serif", "font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "flexc"})
    with open(data) as file:
        points = json.load(file)

    def lengths_text(value, _):
        value = int(value)
        return f"{value >> 20}M" if value >= 1 << 20 else f"{value >> 10}k"

    figure, (time, size) = plt.subplots(1, 2, figsize=(11, 4.6))
    for axis, key, factor, title in ((time, "build_s", 1e3, "build time, ms"), (size, "bytes", 2.0**-20, "CSR form, MiB")):
        for name, colour in COLOURS.items():
            own = [point for point in points if point["mask"] == name]
            axis.plot([point["length"] for point in own], [point[key] * factor for point in own], color=colour, marker="o", markersize=3.5, linewidth=1.6, label=name)
        if key == "build_s":  # the slope of a cost that follows the length, to compare with
            first = LENGTHS[0]
            axis.plot([first, LENGTHS[-1]], [2e-3, 2e-3 * LENGTHS[-1] / first], color="#888888", linestyle=":", linewidth=1.2, label="linear in the length")
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.xaxis.set_major_locator(FixedLocator(LENGTHS[::2]))
        axis.xaxis.set_major_formatter(FuncFormatter(lengths_text))
        axis.set_xlabel("Q = KV, positions")
        axis.set_title(title, loc="left", fontsize=10)
        axis.grid(True, which="major", color="#dddddd", linewidth=0.6)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    time.legend(frameon=False, fontsize=9)
    figure.suptitle("Block masks of flexc: blocks of 128 x 128, default refinement", x=0.01, ha="left", fontsize=11)
    figure.tight_layout()
    for output in outputs:
        figure.savefig(output, dpi=130, metadata={"Date": None} if output.endswith(".svg") else None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    measuring = verbs.add_parser("measure")
    measuring.add_argument("flexc")
    measuring.add_argument("-o", "--output", required=True)
    plotting = verbs.add_parser("plot")
    plotting.add_argument("data")
    plotting.add_argument("outputs", nargs="+")
    options = parser.parse_args()
    if options.verb == "measure":
        measure(options.flexc, options.output)
    else:
        plot(options.data, options.outputs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
