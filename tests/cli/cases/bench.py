"""flexc bench: what it reports, and the inputs that it saves."""
import json

import numpy as np

from session import DEFAULT_DEVICE, RANDOM, Failure


BENCH_FIELDS = ["variant", "device", "dtype", "shape", "median_s", "min_s", "gflops", "compile_s"]


def test_bench(s):
    report = json.loads(s.expect(0, "bench", "causal", "--random", "2,4,2,48,48,16,8", "--repeat", "3", "--threads", "1", "--json").stdout)
    if list(report)[:len(BENCH_FIELDS)] != BENCH_FIELDS or report["variant"] != "causal" or report["device"] != DEFAULT_DEVICE or report["dtype"] != "f32":
        raise Failure(f"JSON: {report}")
    if report["shape"] != {"B": 2, "H": 4, "HKV": 2, "Q": 48, "KV": 48, "D": 16, "DV": 8} or report["repeat"] != 3 or report["threads"] != 1:
        raise Failure(f"JSON: {report}")
    # The mask depends on no batch and no head, so it is counted once and stands for all of them.
    kept = 2 * 4 * 48 * 49 // 2
    low, high = report["quartiles_s"]
    if report["kept_pairs"] != kept or not 0 < report["min_s"] <= low <= report["median_s"] <= high <= report["max_s"] or not report["compile_s"] > 0:
        raise Failure(f"JSON: {report}")
    if abs(report["gflops"] * 1e9 * report["median_s"] / (2 * (16 + 8) * kept) - 1) > 1e-9:
        raise Failure(f"gflops is not 2 (D + DV) a kept pair: {report}")
    s.write("heads.flex", "def mask_mod(b, h, q, k):\n    return k < 3 * h + b\n")
    report = json.loads(s.expect(0, "bench", "heads.flex", "--random", "2,3,3,5,40,8,8", "--repeat", "1", "--device", "oracle", "--json").stdout)
    if report["kept_pairs"] != 5 * sum(3 * h + b for h in range(3) for b in range(2)) or report["device"] != "oracle":
        raise Failure(f"a mask of batches and heads: {report}")
    s.save("bias", np.ones(24, np.float32))
    report = json.loads(s.expect(0, "bench", "--score", "score + bias[q_idx]", "--capture", "bias=bias.npy", *RANDOM, "--repeat", "1", "--json").stdout)
    if report["kept_pairs"] != 2 * 24 * 24 or not report["compile_s"] > 0:
        raise Failure(f"an undeclared capture: {report}")
    if json.loads(s.expect(0, "bench", "-", *RANDOM, "--repeat", "1", "--json", stdin="def mask_mod(b, h, q, k):\n    return q > k\n").stdout)["kept_pairs"] != 2 * 23 * 12:
        raise Failure("standard input")
    text = s.expect(0, "bench", "alibi", *RANDOM, "--repeat", "4").stdout
    for word in ("alibi", DEFAULT_DEVICE, "median", "least", "4 calls", "GFLOP/s", "compile", "100 %"):
        if word not in text:
            raise Failure(f"the table has no '{word}': {text}")
    for shape in ("1,1,1,0,8,8,8", "1,1,1,8,0,8,8"):
        if json.loads(s.expect(0, "bench", "causal", "--random", shape, "--repeat", "1", "--json").stdout)["gflops"] != 0:
            raise Failure("no pairs, no work")
    s.expect(1, "bench", "casual", *RANDOM, words=["did you mean 'causal'"])
    s.expect(1, "bench", "wrong.flex", *RANDOM, words=["[undefined-name]"])
    s.expect(1, "bench", "bound.flex", *RANDOM, words=["'slopes'"])
    s.expect(1, "bench", "causal", "--random", "0,2,1,4,4,8,8", words=["B is 0"])
    s.expect(1, "bench", "causal", "--random", "1,3,2,4,4,8,8", words=["multiple"])
    s.expect(3, "bench", "causal", *RANDOM, "--device", "cuda", words=["device cuda", "libcuda.so.1"])


def test_bench_saves_its_inputs(s):
    """What --save writes gives `flexc run` the bits that --random gives it."""
    s.write("taken.flex", "tensor k: f32[KV]\ntensor w: bf16[H]\nparam cap: f32 = 2\n"
                          "def score_mod(score, b, h, q_idx, kv_idx):\n    return cap * score + k[kv_idx] * w[h]\n")
    s.save("keys", np.linspace(-1, 1, 24, dtype=np.float32))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (s.folder / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes.fromhex("803f20c0"))  # 1 and -2.5
    taken = ["--capture", "k=keys.npy", "--capture", "w=w.safetensors:w", "--param", "cap=1.5"]
    for variant, options, dtype in (("document", [], "f32"), ("alibi", ["--q-offset", "3", "--kv-offset", "1", "--q-step", "2", "--kv-step", "3"], "bf16"), ("taken.flex", taken, "f16")):
        folder = f"inputs_{dtype}"
        where = [*RANDOM, "--seed", "9", "--dtype", dtype]
        s.expect(0, "bench", variant, *where, *options, "--repeat", "1", "--save", folder)
        call = json.loads((s.folder / folder / "call.json").read_text())
        if sorted(p.name for p in (s.folder / folder).iterdir()) != sorted(["call.json", *(f.split(":")[0] for group in ("inputs", "captures") for f in call[group].values())]):
            raise Failure(f"{folder}: other files than call.json says")
        if call["dtype"] != dtype or call["seed"] != 9 or (variant == "taken.flex" and call["params"] != {"cap": 1.5}):
            raise Failure(f"call.json: {call}")
        files = [x for name, file in call["inputs"].items() for x in (f"--{name}", f"{folder}/{file}")]
        files += [x for name, file in call["captures"].items() for x in ("--capture", f"{name}={folder}/{file}")]
        rest = [x for x in options if "=" not in x and x not in ("--capture", "--param")] + [x for name, value in call["params"].items() for x in ("--param", f"{name}={value}")]
        s.expect(0, "run", variant, *files, *rest, "--dtype", dtype, "--out", "saved.npy")
        s.expect(0, "run", variant, *where, *options, "--out", "drawn.npy")
        if (s.folder / "saved.npy").read_bytes() != (s.folder / "drawn.npy").read_bytes():
            raise Failure(f"{variant}, {dtype}: the saved inputs give another output")
    s.expect(0, "bench", "document", *RANDOM, "--repeat", "1", "--save", "inputs_f32")  # again: replaced
    for target, words in (("causal.flex", "no directory"), ("nowhere/inputs", "nowhere")):
        s.expect(1, "bench", "causal", *RANDOM, "--repeat", "1", "--save", target, words=[words])
    # Whole or not at all: a file of that name cannot be replaced where a directory stands.
    (s.folder / "blocked" / "v.npy").mkdir(parents=True)
    s.expect(1, "bench", "causal", *RANDOM, "--repeat", "1", "--save", "blocked", words=["v.npy"])
    if [p.name for p in (s.folder / "blocked").iterdir()] != ["v.npy"]:
        raise Failure("a failed --save left files")
