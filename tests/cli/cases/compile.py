"""flexc compile: bundles and their headers."""
import json

from session import Failure


def test_compile(s):
    compile_ = ["compile", "--dtype", "f32", "--head-dim", "1024"]  # for which no CUDA kernel exists
    s.expect(2, "compile", "causal", "--dtype", "f32", "-o", "b.flexb", words=["--head-dim"])
    s.expect(2, *compile_, "-o", "b.flexb", words=["at least one VARIANT"])
    s.expect(2, *compile_, "causal", "-o", "b.bin", words=["ends in .flexb"])
    s.expect(2, *compile_, "causal", "causal", "-o", "b.flexb", words=["two variants", "`causal`"])
    s.expect(2, *compile_, "causal", "--mask", "q_idx >= kv_idx", "-o", "b.flexb", words=["--score and --mask"])
    s.expect(2, *compile_, "causal", "--features", "lse,,sink", "-o", "b.flexb", words=["--features"])
    s.expect(2, *compile_, "causal", "--features", "lsee", "-o", "b.flexb", words=["did you mean `lse`"])
    s.expect(1, *compile_, "cuasal", "-o", "b.flexb", words=["did you mean 'causal'"])
    s.expect(1, *compile_, "--score", "score + bias[h]", "-o", "b.flexb", words=["`bias`", "declared"])
    s.expect(3, *compile_, "causal", "--require-cuda", "-o", "b.flexb", words=["value dims up to 512"])
    s.expect(2, *compile_, "causal", "--device", "tpu", "-o", "b.flexb", words=["--device", "cpu|cuda|all"])
    s.expect(2, *compile_, "causal", "--device", "cpu", "--require-cuda", "-o", "b.flexb", words=["contradict"])
    s.expect(3, *compile_, "causal", "--device", "cuda", "-o", "b.flexb", words=["value dims up to 512"])
    s.expect(1, *compile_, "causal", "-o", "no/such/folder.flexb", words=["no/such"])
    s.expect(2, "compile", "causal", "--dtype", "bf16", "--head-dim", "8", "-o", "b.flexb", environment={"FLEXC_HOPPER_FORMS": "pin=nail"}, words=["`pin=nail`"])
    if {"b.flexb", "b.h"} & s.files():
        raise Failure("a failed compile left a file")
    report = json.loads(s.expect(0, *compile_, "causal", "alibi", "-o", "b.flexb", "--json").stdout)
    if report["variants"] != ["causal", "alibi"] or report["bytes"] != (s.folder / "b.flexb").stat().st_size or report["cubins"] != 0:
        raise Failure(f"JSON: {report}")
    first = (s.folder / "b.flexb").read_bytes(), (s.folder / "b.h").read_text()
    done = s.expect(0, *compile_, "causal", "alibi", "-o", "b.flexb")
    if (first != ((s.folder / "b.flexb").read_bytes(), (s.folder / "b.h").read_text())) or "left out" not in done.stderr or "wrote b.flexb" not in done.stderr:
        raise Failure("the same again gives the same bytes, and says that a head of 1024 has no CUDA kernel")
    if first[0][:8] != b"flexcBDL" or "#define B_ALIBI_CAPTURE_SLOPES" not in first[1]:
        raise Failure("the bundle's magic, or the header's names")
    done = s.expect(0, *compile_, "causal", "--device", "cpu", "-o", "cpu.flexb")
    if "warning" in done.stderr or b'"devices":["cpu"]' not in (s.folder / "cpu.flexb").read_bytes():
        raise Failure(f"--device cpu makes nothing for CUDA, and misses nothing: {done.stderr}")
