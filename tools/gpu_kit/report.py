#!/usr/bin/env python3
"""Tables and plots of a GPU session: report.py STATE.jsonl FOLDER. Needs Python alone; PNG beside SVG where matplotlib is."""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import plots  # noqa: E402
from figures import Table, flops_of, section_11, tflops  # noqa: E402
from plan import HEAD_DIMS, PAPER  # noqa: E402
from state import read  # noqa: E402

# A Hopper SM's dense bf16 multiply-adds count twice.
FLOPS_A_CLOCK = 4096
HOST_BOUND = 0.9
JUDGED = {"micro": "micro-tests", "case": "cases of the kit", "retile": "CUDA texts compiled again", "mask": "block masks of captures on the GPU", "shape": "odd shapes and special values", "repeat": "repeated under memory load"}
PARTS = {"peers.": "peers", "sanitizer.": "compute-sanitizer", "sweep.": "sweeps"}


class Session:
    def __init__(self, records):
        self.records = records
        self.lines = [dict(line, step=record["step"]) for record in records for line in record["lines"]]
        # An older result of a rehearsal beside a GPU's would be a mistake of the one who ran it: either marks the whole report.
        self.rehearsal = any(record.get("rehearsal") for record in records)
        self.synthetic = any(line.get("synthetic") for line in self.lines)
        self.machine = next((line["machine"] for line in self.lines if "machine" in line), {})
        self.torch = next((line for line in self.lines if "torch" in line), {})
        self.bounds = next((line["bounds"] for line in self.lines if "bounds" in line), {})
        self.benches = [line for line in self.lines if line["step"].startswith(("bench.", "peers.")) and "median_ms" in line]
        self.decodes = [line for line in self.lines if line["step"].startswith("decode.") and "median_ms" in line]
        self.sweeps = [line for line in self.lines if line["step"].startswith("sweep.") and "median_ms" in line]
        self.table = Table(self.benches)

    def mark(self):
        return "SYNTHETIC, NOT MEASURED" if self.synthetic else "REHEARSAL" if self.rehearsal else ""


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def header(*cells):
    return [row(*cells), row(*["---"] * len(cells))]


def head(session):
    text = ["# A GPU session of flexc", ""]
    if session.rehearsal:
        text += ["**REHEARSAL: a stand-in driver and the host model; nothing here was measured on a GPU.**", ""]
    if session.synthetic:
        text += ["**SYNTHETIC: times in this report were made up to try the tables and plots. They are no measurement of anything.**", ""]
    facts = {**session.machine, **{name: value for name, value in session.torch.items() if name not in ("step", "synthetic")}}
    text += header("what", "value") + [row(name, value) for name, value in facts.items()]
    return text + [""]


def judged(session):
    text = ["## Right or wrong", ""] + header("what", "as expected", "of")
    wrong = []
    for key, title in JUDGED.items():
        found = [line for line in session.lines if key in line and "ok" in line]
        wrong += [line for line in found if not line["ok"]]
        text.append(row(title, sum(line["ok"] for line in found), len(found)))
    replayed = [line["words_unlike_host_model"] for line in session.lines if "words_unlike_host_model" in line]
    if replayed:
        text.append(row("cases with the host model's bits (the values count, the bits are told)", sum(count == 0 for count in replayed), len(replayed)))
    text.append("")
    failed = [record for record in session.records if record["status"] != 0 and not any(not line.get("ok", True) for line in record["lines"])]
    if wrong or failed:
        text += header("differs", "how")
        text += [row(line["step"], json.dumps({name: value for name, value in line.items() if name not in ("step", "ok")})) for line in wrong]
        text += [row(record["step"], f"status {record['status']}: {record.get('said', '')}".replace("|", "\\|").replace("\n", " ")) for record in failed]
        text.append("")
    return text


def held_up(bench):
    """Whether the host took as long to put the launches on the stream as the GPU took for them."""
    return " †" if bench.get("host_ms", 0) > HOST_BOUND * bench["median_ms"] else ""


def length_table(session, variant, head_dim):
    lengths = [length for name, dim, length in session.table.shapes() if (name, dim) == (variant, head_dim)]
    if not lengths:
        return []
    text = [f"### {variant}, D {head_dim}: TFLOP/s over kept pairs (median ms)", ""] + header("who", *lengths)
    for who in session.table.peers():
        cells = [f"{tflops(found):.1f} ({found['median_ms']:.4f})" + held_up(found) if (found := session.table.get(variant, head_dim, length, who)) else "–" for length in lengths]
        if any(cell != "–" for cell in cells):
            text.append(row(who, *cells))
    return text + [""]


def bench_tables(session):
    text = ["## Benchmarks", ""]
    if not session.table.rows:
        zero = any(line["median_ms"] == 0 for line in session.benches)
        return text + ["Nothing was timed." if not zero else "A stand-in driver has no times.", ""]
    for variant in PAPER:
        for head_dim in sorted(HEAD_DIMS):
            text += length_table(session, variant, head_dim)
    if any("†" in cell for cell in text):
        text += ["† The host took about as long to launch it as the GPU took to run it: no figure of the kernel alone.", ""]
    return text


def clocks_table(session):
    """What the SM's clock was while steps were timed: figures of one session are comparable where it was the same."""
    timed = [record for record in session.records if record.get("sm_mhz")]
    if not timed:
        return []
    clocks, watts = sorted(record["sm_mhz"] for record in timed), max(record["watts"] for record in timed)
    lowest = min(timed, key=lambda record: record["sm_mhz"])
    return [f"SM clock while {len(timed)} steps were timed: {clocks[0]:.0f} ({lowest['step']}) to {clocks[-1]:.0f} MHz, median {clocks[len(clocks) // 2]:.0f}; at most {watts:.0f} W.", ""]


def sweep_table(session):
    timed = [bench for bench in session.sweeps if bench["median_ms"] > 0]
    if not timed:
        return []
    text = ["## Sweeps of the kernel's forms", ""] + header("form", "variant", "shape", "median ms", "against the default form")
    for bench in timed:
        own = session.table.get(bench["bench"], bench["shape"][5], bench["shape"][4], "flexc")
        text.append(row(bench["step"].split(".")[1], bench["bench"], bench["shape"], f"{bench['median_ms']:.4f}", f"{own['median_ms'] / bench['median_ms']:.3f}×" if own else "–"))
    return text + [""]


def figures_table(session):
    text = ["## DESIGN.md, section 11", ""] + header("what", "reach", "verdict", "figure")
    return text + [row(each["what"], each["limit"], each["verdict"], each["figure"]) for each in section_11(session.table, session.decodes, session.torch.get("bytes_a_second"), session.bounds, peak_of(session))] + [""]


def not_measured(session):
    found = [(line.get("who") or line.get("what") or line["step"], line["step"], line["not_measured"]) for line in session.lines if "not_measured" in line]
    ran = {prefix for prefix in PARTS for record in session.records if record["step"].startswith(prefix)}
    found += [(title, prefix + "*", "not run in this session") for prefix, title in PARTS.items() if prefix not in ran]
    if not found:
        return []
    grouped = {}
    for who, step, why in found:
        grouped.setdefault((who, why), []).append(step)
    text = ["## Not measured", ""] + header("what", "why", "steps")
    return text + [row(who, str(why).replace("|", "\\|"), f"{len(steps)}: {steps[0]}" + (" …" if len(steps) > 1 else "")) for (who, why), steps in grouped.items()] + [""]


def peak_of(session):
    """TFLOP/s of the tensor cores at the SM's highest clock; nothing where that is not known."""
    clock, multiprocessors = session.machine.get("clocks.max.sm"), session.machine.get("multiprocessors")
    return FLOPS_A_CLOCK * multiprocessors * float(clock) * 1e6 / 1e12 if clock and multiprocessors else None


def roof_of(session):
    """(peak TFLOP/s, bytes a second) where clocks and bandwidth are known."""
    peak, bandwidth = peak_of(session), session.torch.get("bytes_a_second")
    return (peak, bandwidth) if peak and bandwidth else None


def intensity(bench):
    """FLOP over the bytes of q, k, v and out, each moved once."""
    b, h, hkv, q, kv, d = bench["shape"]
    return flops_of(bench) / (2 * (2 * b * h * q * d + 2 * b * hkv * kv * d))


def save_plots(session, folder):
    files, table = [], session.table
    mark = session.mark()
    for head_dim in sorted({dim for _, dim, _ in table.shapes()}):
        for variant in PAPER:
            series = {}
            for name, dim, length in table.shapes():
                for who in table.peers():
                    if (name, dim) == (variant, head_dim) and (found := table.get(name, dim, length, who)):
                        series.setdefault(who, []).append((length, tflops(found)))
            if series:
                files += plots.save(folder, f"{variant}_d{head_dim}", f"{variant}, D {head_dim}, bf16", "length", "TFLOP/s over kept pairs", series, mark=mark)
        own = {}
        for name, dim, length in table.shapes():
            if dim == head_dim and (found := table.get(name, dim, length, "flexc")):
                own.setdefault(name, []).append((length, tflops(found)))
        if own:
            files += plots.save(folder, f"variants_d{head_dim}", f"flexc's variants, D {head_dim}, bf16", "length", "TFLOP/s over kept pairs", own, mark=mark)
    dims = {}
    for name, dim, length in table.shapes():
        if name == "noop" and (found := table.get(name, dim, length, "flexc")):
            dims.setdefault(f"length {length}", []).append((dim, tflops(found)))
    if dims:
        files += plots.save(folder, "head_dims", "flexc, noop, bf16", "head dim", "TFLOP/s", dims, mark=mark)
    points = {}
    for (name, dim, length, who), found in table.rows.items():
        if who == "flexc":
            points.setdefault(name, []).append((intensity(found), tflops(found)))
    for found in session.decodes:
        if found["median_ms"] > 0 and found.get("kept_share") is not None:
            points.setdefault("decode", []).append((intensity(found), tflops(found)))
    roof = roof_of(session)
    if points and roof:
        peak, bandwidth = roof
        knee = peak * 1e12 / bandwidth
        least, most = min(x for line in points.values() for x, _ in line), max(x for line in points.values() for x, _ in line)
        ends = sorted({min(least, knee / 4), knee, max(most, knee * 4)})
        points["roof"] = [(x, min(peak, x * bandwidth / 1e12)) for x in ends]
    if points:
        files += plots.save(folder, "roofline", "Roofline", "FLOP a byte", "TFLOP/s", points, mark=mark, log_y=True)
    return files


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        session = Session(read(sys.argv[1]))
    except (OSError, ValueError) as problem:
        print(f"report.py: {problem}", file=sys.stderr)
        return 1
    folder = Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    text = head(session) + figures_table(session) + judged(session) + bench_tables(session) + clocks_table(session) + sweep_table(session) + not_measured(session)
    files = save_plots(session, folder)
    if files:
        text += ["## Plots", ""] + [f"![{name}]({name})" for name in files if name.endswith(".svg")] + [""]
        if not any(name.endswith(".png") for name in files):
            text += ["PNG: not written, matplotlib is not installed.", ""]
    (folder / "report.md").write_text("\n".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
