"""The steps of a session, in the order in which a GPU is asked: what everything else rests on first, what takes long last."""
import json
import os
from pathlib import Path

PAPER = ["noop", "causal", "alibi", "sliding_window", "prefix_lm", "softcap", "document"]
HEAD_DIMS = [128, 64, 256]
# Long sequences decide most, so they come first where the time ends early.
LENGTHS = [8192, 2048, 16384, 512, 4096, 1024]
TOKENS, HIDDEN = 16384, 2048  # of a call, as the papers measure
ODD_SHAPES = "1x1,239x1,799x3,113x203,1023x1024"
SWEEP = [("noop", 128, 8192), ("causal", 128, 8192), ("noop", 64, 8192), ("causal", 64, 8192)]
DECODE = ["1,32,8,1,65536,128", "16,32,8,1,8192,128"]
REPEATED = ["noop_128", "causal_64", "alibi_128", "softcap_128", "document_64"]
TOOLS = ["memcheck", "initcheck", "synccheck"]
STEPS = "steps"  # among the forms, the kernels for positions in steps
# Stages by name, as --only takes them.
STAGES = ["micro", "cases", "masks", "shapes", "repeat", "sanitizer", "bench", "decode", "peers", "sweep", "cpu", "retile"]
FAST_PEERS, SLOW_PEERS = "cuDNN,FlashAttention-3", "FlexAttention,FlexAttention FLASH"  # the latter compile for half a minute a shape


def paper_shape(head_dim, length):
    heads = max(1, HIDDEN // head_dim)
    return [max(1, TOKENS // length), heads, heads, length, length, head_dim]


class Plan:
    """`size` has what a rehearsal makes smaller: the lists above by their names in lower case, runs, load_mib, repeats, shape."""

    def __init__(self, kit, size):
        self.kit, self.size = Path(kit), size
        self.runner = str(self.kit / "bin/runner")
        everything = sorted(path.stem for path in (self.kit / "cases").glob("*.json"))
        self.cases, self.forms = [name for name in everything if "@" not in name], [name for name in everything if "@" in name]

    def get(self, name, default):
        return self.size.get(name, default)

    def shape(self, head_dim, length):
        fixed = self.get("shape", None)
        return ",".join(map(str, fixed + [head_dim] if fixed else paper_shape(head_dim, length)))

    def entry(self, name):
        """VARIANT_D of a case, or nothing where the kit has none."""
        return name in self.cases

    def steps(self, stage):
        """(name, command) of a stage."""
        return list(getattr(self, "_" + stage)())

    def runner_step(self, name, verb, *words):
        return name, [self.runner, verb, str(self.kit), *map(str, words)]

    def _micro(self):
        yield self.runner_step("micro", "micro")

    def _cpu(self):
        for name in self.cases:
            yield self.runner_step(f"cpu.{name}", "case", name, "cpu")

    def _retile(self):
        for path in sorted((self.kit / "bundles").rglob("*.flexb")):
            bundle = path.relative_to(self.kit)
            yield self.runner_step(f"retile.{bundle}", "retile", bundle)

    def _cases(self):
        for name in self.cases + self.forms:
            yield self.runner_step(f"case.{name}", "case", name, "cuda")

    def _masks(self):
        for path in sorted((self.kit / "masks").glob("*.json")):
            yield self.runner_step(f"mask.{path.stem}", "mask", path.stem)

    def _shapes(self):
        for name in self.cases:
            yield self.runner_step(f"shapes.{name}", "shapes", name, self.get("odd_shapes", ODD_SHAPES), "cuda")

    def _repeat(self):
        for name in filter(self.entry, self.get("repeated", REPEATED)):
            yield self.runner_step(f"repeat.{name}", "repeat", name, self.get("runs", 1000), self.get("load_mib", 1024))

    def _sanitizer(self):
        for tool in TOOLS:
            for name in filter(self.entry, self.get("repeated", REPEATED)):
                yield f"sanitizer.{tool}.{name}", ["compute-sanitizer", "--tool", tool, "--error-exitcode", "1", self.runner, "case", str(self.kit), name, "cuda"]

    def _bench(self):
        for length in self.get("lengths", LENGTHS):
            for head_dim in HEAD_DIMS:
                for variant in PAPER:
                    if self.entry(f"{variant}_{head_dim}"):
                        yield self.bench(f"bench.{variant}_{head_dim}.{length}", f"bundles/{variant}.flexb", variant, self.shape(head_dim, length))

    def bench(self, name, bundle, variant, shape):
        return self.runner_step(name, "bench", bundle, variant, shape, self.get("repeats", 20))

    def _decode(self):
        for shape in self.get("decode", DECODE):
            head_dim = shape.split(",")[-1]
            if self.entry(f"noop_{head_dim}"):
                yield self.bench(f"decode.noop_{head_dim}.{shape}", "bundles/noop.flexb", "noop", shape)

    def _peers(self):
        peers = [os.environ.get("FLEXC_KIT_PYTHON", "python3"), "-B", str(self.kit / "peers.py"), str(self.kit)]
        yield "peers.machine", [*peers, "machine"]
        lengths, repeats = self.get("lengths", LENGTHS), str(self.get("repeats", 20))
        entries = [(variant, head_dim) for head_dim in HEAD_DIMS for variant in PAPER if self.entry(f"{variant}_{head_dim}")]
        for variant, head_dim in entries:
            yield f"peers.fast.{variant}_{head_dim}", [*peers, variant, FAST_PEERS, repeats, *(self.shape(head_dim, length) for length in lengths)]
        for length in lengths:
            for variant, head_dim in entries:
                yield f"peers.flex.{variant}_{head_dim}.{length}", [*peers, variant, SLOW_PEERS, repeats, self.shape(head_dim, length)]

    def _sweep(self):
        for folder in sorted((self.kit / "bundles/forms").glob("*")):
            if folder.name == STEPS:
                continue  # another call, not another form of the kernel for the same
            for variant, head_dim, length in SWEEP:
                if (folder / f"{variant}.flexb").is_file() and head_dim in json.loads((folder / "head_dims.json").read_text()):
                    yield self.bench(f"sweep.{folder.name}.{variant}_{head_dim}", f"bundles/forms/{folder.name}/{variant}.flexb", variant, self.shape(head_dim, length))
