"""flexc run: its outputs, dtypes, and data of a real model."""
import json
import os
from pathlib import Path

import numpy as np

from session import DEFAULT_DEVICE, QKV, RANDOM, Failure


def test_run(s):
    plain = s.expect(0, "run", "causal.flex", *QKV).stdout
    for word in (DEFAULT_DEVICE, "tiles", "out", "lse"):
        if word not in plain:
            raise Failure(f"the summary has no '{word}'")
    if "kept" in plain or "kept       52.08 % of the pairs" not in s.expect(0, "run", "causal.flex", *QKV, "--refine", "exact").stdout:
        raise Failure("kept pairs are counted where the refinement is exact, and there alone")
    if s.expect(0, "run", "causal.flex", *QKV, "--out", "out.npy", "--lse", "lse.npy", "--max-scores", "max.npy").stdout:
        raise Failure("with --out the summary is not wanted")
    out, lse, most = (np.load(s.folder / f"{name}.npy") for name in ("out", "lse", "max"))
    if out.shape != (1, 2, 24, 8) or out.dtype != np.float32 or lse.shape != (1, 2, 24) or most.shape != (1, 2, 24):
        raise Failure(f"shapes {out.shape} {lse.shape} {most.shape}")
    v = np.load(s.folder / "v.npy")
    if abs(out[:, :, 0] - v[:, :, 0]).max() > 1e-6:
        raise Failure("the first row of a causal call is the first value")
    report = json.loads(s.expect(0, "run", "causal.flex", *QKV, "--refine", "exact", "--json", "--out", "again.npy").stdout)
    if report["shape"] != {"B": 1, "H": 2, "HKV": 1, "Q": 24, "KV": 24, "D": 8, "DV": 8} or report["device"] != DEFAULT_DEVICE or abs(report["kept"] - 300 / 576) > 1e-12:
        raise Failure(f"JSON: {report}")
    if report["blocks"] != {"empty": 0, "partial": 1, "full": 0} or report["out"]["file"] != "again.npy":
        raise Failure(f"JSON: {report}")
    if (s.folder / "out.npy").read_bytes() != (s.folder / "again.npy").read_bytes():
        raise Failure("two runs differ")
    for form in (["-"], ["--mask", "q_idx >= kv_idx"], ["causal"], ["./causal.flex"], ["causal.flex", "--device", DEFAULT_DEVICE, "--threads", "3", "--refine", "exact", "--split", "2", "--block", "8,16", "--checked"]):
        stdin = (s.folder / "causal.flex").read_text() if form == ["-"] else None
        s.expect(0, "run", *form, *QKV, "--out", "form.npy", stdin=stdin)
        if (s.folder / "out.npy").read_bytes() != (s.folder / "form.npy").read_bytes():
            raise Failure(f"{form} differs from causal.flex")
    if json.loads(s.expect(0, "run", "causal", *RANDOM, "--refine", "off", "--json").stdout)["kept"] is not None:
        raise Failure("--refine off builds no mask")
    s.expect(0, "run", "bound.flex", *QKV, "--capture", "slopes=slopes.npy", "--param", "window=4", "--param", "cap=1", "--const", "N=2+3")
    s.expect(0, "run", "--mask", "q_idx - kv_idx < window", "--param", "window=3", *QKV, "--out", "scalar.npy")
    s.expect(0, "run", "--mask", "q_idx - kv_idx < 3", *QKV, "--out", "literal.npy")
    if (s.folder / "scalar.npy").read_bytes() != (s.folder / "literal.npy").read_bytes():
        raise Failure("--param binds a scalar of a bare expression")
    s.expect(0, "run", "--score", "-score", *QKV)
    s.expect(0, "run", "causal", *QKV, "--q-offset", "-3", "--kv-offset", "+2")
    # Equal steps double every distance: half the window, every other difference.
    s.expect(0, "run", "--mask", "abs(q_idx - kv_idx) < 6", *QKV, "--q-step", "2", "--kv-step", "2", "--refine", "exact", "--out", "stepped.npy")
    s.expect(0, "run", "--mask", "abs(q_idx - kv_idx) < 3", *QKV, "--out", "plain.npy")
    if (s.folder / "stepped.npy").read_bytes() != (s.folder / "plain.npy").read_bytes():
        raise Failure("--q-step and --kv-step reach the mods")
    s.expect(1, "run", "causal", *QKV, "--q-step", "9223372036854775807", words=["q_step 9223372036854775807"])


def test_dtypes(s):
    s.expect(0, "run", "causal", *QKV, "--out", "f32.npy")
    exact = np.load(s.folder / "f32.npy")
    for dtype, stored in (("bf16", np.float32), ("f16", np.float16), ("f32", np.float32)):
        s.expect(0, "run", "causal", "--q", "q64.npy", "--k", "k64.npy", "--v", "v64.npy", "--dtype", dtype, "--out", f"o_{dtype}.npy")
        out = np.load(s.folder / f"o_{dtype}.npy")
        if out.dtype != stored or abs(out.astype(float) - exact).max() > (1e-6 if dtype == "f32" else 0.05):
            raise Failure(f"--dtype {dtype}: {out.dtype}, off by {abs(out.astype(float) - exact).max()}")
        if dtype == "bf16" and (out.view(np.uint32) & 0xFFFF).any():
            raise Failure("bf16 outputs are not bf16 values")
    s.expect(0, "run", "causal", "--q", "q16.npy", "--k", "k16.npy", "--v", "v16.npy", "--out", "half.npy")
    if np.load(s.folder / "half.npy").dtype != np.float16:
        raise Failure("f16 inputs give f16 outputs")
    s.expect(0, "run", "causal", "--q", "q.npy", "--k", "k16.npy", "--v", "v64.npy", "--dtype", "f32")


def test_real_data(s):
    data = Path(os.environ.get("FLEXC_ROOT", Path(__file__).resolve().parents[3])) / "tests/data/minilm_layer3.safetensors"
    tensors = [f"--{name}" if i == 0 else f"{data}:{name}" for name in "qkv" for i in (0, 1)]
    s.expect(0, "run", "document", *tensors, "--capture", f"doc={data}:doc", "--out", "model.npy")
    raw = data.read_bytes()
    header = json.loads(raw[8:8 + int.from_bytes(raw[:8], "little")])
    begin, end = header["out"]["data_offsets"]
    start = 8 + int.from_bytes(raw[:8], "little")
    expected = np.frombuffer(raw[start + begin:start + end], np.float32).reshape(header["out"]["shape"])
    error = abs(np.load(s.folder / "model.npy") - expected).max()
    if error > 2e-5:
        raise Failure(f"the model's own attention output is missed by {error}")
