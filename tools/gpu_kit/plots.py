"""Plots of a session as SVG, drawn here, so that nothing has to be installed; as PNG too where matplotlib is."""
import math
from html import escape

COLOURS = ["#0b5fa5", "#c8501e", "#3a7d34", "#7a4fa3", "#b8860b", "#d6457f", "#1aa3a3", "#7a3b1e", "#111111", "#8a8a8a"]
MOST_TICKS = 10
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 64, 170, 44, 48


class Scale:
    def __init__(self, low, high, begin, end, logarithmic):
        self.logarithmic = logarithmic
        self.low, self.high = (math.log2(low), math.log2(high)) if logarithmic else (low, high)
        self.begin, self.end = begin, end

    def __call__(self, value):
        value = math.log2(value) if self.logarithmic else value
        span = self.high - self.low
        return self.begin + (self.end - self.begin) * ((value - self.low) / span if span else 0.5)


def ticks_of(values, logarithmic):
    low, high = min(values), max(values)
    if logarithmic:
        first, last = math.floor(math.log2(low)), math.ceil(math.log2(high))
        step = 1 + (last - first) // MOST_TICKS
        return [2.0**power for power in range(first, last + step, step)]
    step = 10 ** math.floor(math.log10(high or 1))
    step = next(step * factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2) if high / (step * factor) <= 8)
    return [step * i for i in range(math.ceil(high / step) + 1)]


def svg(title, x_label, y_label, series, mark="", log_y=False):
    """`series`: name → [(x, y), …]. x is logarithmic; `mark` is written across the plot."""
    points = [point for line in series.values() for point in line]
    x_ticks = ticks_of([x for x, _ in points], True)
    y_ticks = ticks_of([y for _, y in points], log_y)
    x_of = Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT, True)
    y_of = Scale(y_ticks[0], y_ticks[-1], HEIGHT - BOTTOM, TOP, log_y)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/><text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>']
    for x in x_ticks:
        parts.append(f'<line x1="{x_of(x):.1f}" x2="{x_of(x):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#e4e4e4"/><text x="{x_of(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    for y in y_ticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}" stroke="#e4e4e4"/><text x="{LEFT - 6}" y="{y_of(y) + 4:.1f}" text-anchor="end">{y:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(f'<text x="14" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 14 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y_label)}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour, y = COLOURS[number % len(COLOURS)], TOP + 8 + 18 * number
        path = " ".join(f"{x_of(x):.1f},{y_of(value):.1f}" for x, value in sorted(line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x_of(x):.1f}" cy="{y_of(value):.1f}" r="3" fill="{colour}"/>' for x, value in line]
        parts.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 28}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/><text x="{WIDTH - RIGHT + 34}" y="{y + 4}">{escape(name)}</text>')
    if mark:
        parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT / 2}" text-anchor="middle" font-size="26" fill="#d00000" opacity="0.5">{escape(mark)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def png(path, title, x_label, y_label, series, mark="", log_y=False):
    """False where there is no matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.5))
    for name, line in series.items():
        axes.plot(*zip(*sorted(line)), marker="o", label=name)
    axes.set(title=title, xlabel=x_label, ylabel=y_label, xscale="log", yscale="log" if log_y else "linear")
    axes.set_xscale("log", base=2)
    if not log_y:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    if mark:
        figure.text(0.45, 0.5, mark, fontsize=26, color="#d00000", alpha=0.5, ha="center")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    return True


def save(folder, stem, *plot, **options):
    """Names of the files that were written."""
    (folder / f"{stem}.svg").write_text(svg(*plot, **options))
    return [f"{stem}.svg"] + ([f"{stem}.png"] if png(folder / f"{stem}.png", *plot, **options) else [])
