"""flexc mask and explain."""
import json

import numpy as np

from session import Failure


def test_mask(s):
    report = json.loads(s.expect(0, "mask", "causal", "--shape", "2,3,2048,2048", "--refine", "exact", "--out", "map.npy", "--png", "map.png", "--svg", "map.svg", "--json").stdout)
    if report["blocks"] != {"empty": 120, "partial": 16, "full": 120} or abs(report["kept"] - 2049 / 4096) > 1e-12 or report["build_s"] <= 0 or report["bytes"] <= 0:
        raise Failure(f"JSON: {report}")
    tiles = np.load(s.folder / "map.npy")
    if tiles.shape != (1, 1, 16, 16) or tiles.dtype != np.uint8 or (tiles[0, 0] != 2 * np.tri(16, k=-1, dtype=np.uint8) + np.eye(16, dtype=np.uint8)).any():
        raise Failure("map.npy")
    if (s.folder / "map.png").read_bytes()[:8] != b"\x89PNG\r\n\x1a\n" or b"<svg" not in (s.folder / "map.svg").read_bytes():
        raise Failure("pictures")
    text = s.expect(0, "mask", "causal", "--shape", "1,1,1024,1024").stdout
    if "28 empty" not in text or len(text.splitlines()) < 10:
        raise Failure(f"no picture: {text}")
    one = json.loads(s.expect(0, "mask", "document", "--shape", "1,1,2000,2000", "--refine", "exact", "--json").stdout)
    two = json.loads(s.expect(0, "mask", "document", "--shape", "1,1,2000,2000", "--refine", "exact", "--seed", "1", "--json").stdout)
    proved = json.loads(s.expect(0, "mask", "document", "--shape", "1,1,2000,2000", "--refine", "none", "--json").stdout)
    if proved["kept"] is not None or proved["pair_evaluations"] != 0 or proved["evaluations"] <= 0 or proved["blocks"] != one["blocks"]:
        raise Failure(f"proof alone: {proved}")
    if one["kept"] == two["kept"]:
        raise Failure("--seed does not reach the maker")
    report = json.loads(s.expect(0, "mask", "causal", "--shape", "1,1,64,128", "--q-offset", "64", "--block", "64,64", "--json").stdout)
    if report["blocks"] != {"empty": 0, "partial": 1, "full": 1}:
        raise Failure(f"offset: {report}")
    # Every fourth position of 256: the tiles of all of them, 16 wide.
    report = json.loads(s.expect(0, "mask", "causal", "--shape", "1,1,64,64", "--q-step", "4", "--kv-step", "4", "--kv-offset", "1", "--block", "16,16", "--refine", "exact", "--json").stdout)
    if report["blocks"] != {"empty": 6, "partial": 4, "full": 6} or abs(report["kept"] - 64 * 63 / 2 / 64 ** 2) > 1e-12:
        raise Failure(f"steps: {report}")
    for step, kernel in (("3", {"q_step": 1, "kv_step": 3, "cuda_kernel": "in steps"}), ("1", None)):
        report = json.loads(s.expect(0, "explain", "causal", "--shape", "1,1,64,64", "--kv-step", step, "--json").stdout)
        if report.get("positions") != kernel:
            raise Failure(f"explain --kv-step {step}: {report}")
    s.expect(0, "mask", "causal", "--shape", "1,1,0,8")
    s.expect(1, "mask", "bound.flex", "--shape", "1,2,8,8", words=["'slopes'"])


def test_explained_work(s):
    """What is computed where, and what is known of each gather."""
    def work(variant, *options):
        return json.loads(s.expect(0, "explain", variant, "--shape", "1,1,256,256", *options, "--json").stdout)["work"]

    gather = lambda capture, level, in_table, bounds: {"capture": capture, "level": level, "in_table": in_table, "bounds": bounds}
    if work("noop") != {"operations": {"launch": 0, "head": 0, "q_side": 0, "kv_side": 0, "relative": 0, "pair": 0}, "gathers": [], "launch_checks": []}:
        raise Failure(f"noop: {work('noop')}")
    if work("alibi")["gathers"] != [gather("slopes", "head", False, "proven")]:  # h is below H
        raise Failure(f"alibi: {work('alibi')}")
    if work("relative_bias")["gathers"] != [gather("bias", "relative", True, "proven")]:  # clamped into its 129 elements
        raise Failure(f"relative_bias: {work('relative_bias')}")
    if work("t5_bias")["operations"]["pair"] != 1 or work("t5_bias")["operations"]["relative"] < 20:  # the pair adds what the table has
        raise Failure(f"t5_bias: {work('t5_bias')}")
    if "a table a tile of q - kv" not in s.expect(0, "explain", "t5_bias", "--shape", "1,1,256,256").stdout:
        raise Failure("t5_bias: no table of differences")
    found = work("flashmask")["gathers"]
    if [(each["level"], each["in_table"], each["bounds"]) for each in found] != [("kv_side", True, "guarded")] * 4:
        raise Failure(f"flashmask: {found}")
    s.write("gathers.flex", "tensor t: f32[16]\ntensor u: i32[100]\nparam p: i32 = 1\n"
            "def score_mod(score, b, h, q_idx, kv_idx):\n    return score + t[h % 16] + t[u[q_idx % 100]] + t[p // 67108864]\n")
    found = [(each["capture"], each["level"], each["bounds"]) for each in work("gathers.flex")["gathers"]]
    if sorted(found) != [("t", "head", "launch-checked"), ("t", "head", "proven"), ("t", "q_side", "guarded"), ("u", "q_side", "proven")]:
        raise Failure(f"gathers: {found}")  # an i32 is below 32 · 2^26 in magnitude, a small one below 16 · 2^26
    text = s.expect(0, "explain", "gathers.flex").stdout
    for words in ("once a head", "proven", "launch-checked", "guarded", "32-bit positions"):
        if words not in text:
            raise Failure(f"no '{words}' in {text}")


def test_explain(s):
    text = s.expect(0, "explain", "sliding_window").stdout
    for word in ("identity", "band", "diagonal", "0: proof alone settles every tile"):
        if word not in text:
            raise Failure(f"sliding_window: no '{word}' in {text}")
    report = json.loads(s.expect(0, "explain", "document", "--shape", "1,1,2048,2048", "--json").stdout)
    if report["mask"]["kernel"] != "metadata" or report["mask"]["tiles"]["way"] != "descent" or sum(report["mask"]["tiles"]["blocks"].values()) != 256:
        raise Failure(f"document: {report}")
    # A product of positions: no proof, and the product is what stands in the way.
    report = json.loads(s.expect(0, "explain", "--mask", "(q_idx + 1) * (kv_idx + 1) % 2 > 7", "--shape", "1,1,512,512", "--json").stdout)
    if report["mask"]["tiles"]["undecided"]["none"] < 0:
        raise Failure(f"product: {report}")
    # Documents in no order whose numbers share every residue: the equality of the two gathers is undecided, and its capture is named.
    np.save(s.folder / "doc.npy", (np.arange(512) // 16 * 7919 % 31).astype(np.int32))
    s.write("doc.flex", "tensor doc: i32[N]\ndef mask_mod(b, h, q_idx, kv_idx):\n    return doc[q_idx] * doc[q_idx] == doc[kv_idx] * doc[kv_idx] + 2\n")
    report = json.loads(s.expect(0, "explain", "doc.flex", "--shape", "1,1,512,512", "--block", "16,16", "--capture", "doc=doc.npy", "--json").stdout)
    tiles = report["mask"]["tiles"]
    if sum(cause["tiles"] for cause in tiles["causes"]) != tiles["examined"] or tiles["examined"] != min(64, tiles["undecided"]["none"]):
        raise Failure(f"causes: {tiles}")
    for cause in tiles["causes"]:
        if cause["captures"] != ["doc"] or "doc[" not in cause["expression"]:
            raise Failure(f"cause: {cause}")
    report = json.loads(s.expect(0, "explain", "doc.flex", "--json").stdout)
    if report["mask"]["tiles"] is not None or report["mask"]["missing_captures"] != ["doc"]:
        raise Failure(f"without the capture: {report}")
    if json.loads(s.expect(0, "explain", "alibi", "--json").stdout)["mask"]["kernel"] != "none":
        raise Failure("a variant without a mask")
    s.expect(2, "explain", "causal", "--head-dim", "64", words=["--kernel"])
    s.expect(2, "explain", "causal", "--kernel", "--head-dim", "0")
    s.expect(2, "explain", "causal", "--kernel", "--dtype", "f8")
    s.expect(2, "explain", "causal", "--shape", "1,2,3")
    s.expect(1, "explain", "causal", "--shape", "0,1,8,8", words=["B is 0"])
    s.expect(2, "explain", "causal", "--shape", "1,1,-8,8", words=["negative"])
    s.expect(1, "explain", "causal", "--capture", "doc=doc.npy", words=["doc"])
