"""flexc check, emit, gallery: what is said of a variant without running it; and what FLEXC_DUMP leaves."""
import json

from session import DEFAULT_DEVICE, HAS_AVX2, QKV, RANDOM, Failure


def test_check(s):
    if "ok" not in s.expect(0, "check", "bound.flex").stdout:
        raise Failure("check says nothing")
    codes = s.expect(0, "check", "--list-codes").stdout.split()
    if len(codes) < 40 or codes != sorted(codes) or "undefined-name" not in codes:
        raise Failure("--list-codes")
    if json.loads(s.expect(0, "check", "--list-codes", "--json").stdout) != codes:
        raise Failure("--list-codes --json")
    report = json.loads(s.expect(0, "check", "bound.flex", "--json").stdout)
    if not report["ok"] or [c["name"] for c in report["captures"]] != ["slopes"] or [p["has_default"] for p in report["params"]] != [False, True] or len(report["hash"]) != 32:
        raise Failure(f"JSON: {report}")
    report = json.loads(s.expect(1, "check", "wrong.flex", "--json", quiet_stdout=False).stdout)
    first = report["diagnostics"][0]
    if report["ok"] or (first["line"], first["column"], first["code"], first["file"]) != (2, 21, "undefined-name", "wrong.flex"):
        raise Failure(f"JSON: {report}")
    done = s.expect(0, "check", "--score", "score + bias[q_idx]")
    if "warning:" not in done.stderr or "bias" not in done.stderr:
        raise Failure("an undeclared capture is assumed f32, with a warning")


def test_emit(s):
    normal = s.expect(0, "emit", "causal", "--stage", "normal").stdout
    if normal != s.expect(0, "emit", "--mask", "q_idx >= kv_idx", "--stage", "normal", "--dtype", "bf16", "--head-dim", "128").stdout or not normal:
        raise Failure("equal variants have equal normal forms")
    s.expect(0, "emit", "causal", "--stage", "normal", "-o", "normal.txt")
    if (s.folder / "normal.txt").read_text() != normal:
        raise Failure("-o")
    report = json.loads(s.expect(0, "emit", "causal", "--stage", "ast", "--json").stdout)
    if set(report) != {"variant", "stage", "hash", "text"} or report["stage"] != "ast":
        raise Failure(f"JSON: {report}")


def test_dump(s):
    """FLEXC_DUMP: every kernel compiled leaves its stages; a directory that cannot be used is an error."""
    dump = {"FLEXC_DUMP": "stages/deep"}
    s.expect(0, "run", "alibi", *RANDOM, "--device", DEFAULT_DEVICE, environment=dump)
    report = json.loads(s.expect(0, "emit", "alibi", "--stage", "normal", "--json").stdout)
    files = {p.name: p for p in (s.folder / "stages/deep").iterdir()}
    endings = {"normal": "txt", **({"ir": "mlir", "opt": "mlir", "llvm": "ll", "asm": "s"} if HAS_AVX2 else {})}
    names = {f"{report['hash']}.{stage}.{ending}": stage for stage, ending in endings.items()}
    if set(files) != set(names) | ({f"{report['hash']}.o"} if HAS_AVX2 else set()):
        raise Failure(f"FLEXC_DUMP left {sorted(files)}")
    for name, stage in names.items():
        if files[name].read_text().rstrip("\n") != s.expect(0, "emit", "alibi", "--stage", stage).stdout.rstrip("\n"):
            raise Failure(f"{name} is not what `emit --stage {stage}` prints")
    if HAS_AVX2 and files[f"{report['hash']}.o"].read_bytes()[:4] != b"\x7fELF":
        raise Failure("the object is no ELF file")
    s.expect(0, "run", "causal", *RANDOM, "--device", "oracle", environment={"FLEXC_DUMP": "interpreted"})
    if [p.name.split(".", 1)[1] for p in (s.folder / "interpreted").iterdir()] != ["normal.txt"]:
        raise Failure("the interpreter has one stage")
    for device in (DEFAULT_DEVICE, "auto", "oracle"):
        s.expect(3, "run", "causal", *RANDOM, "--device", device, environment={"FLEXC_DUMP": "causal.flex"}, words=["FLEXC_DUMP", "causal.flex", "directory"])
    s.expect(0, "run", "causal", *RANDOM, environment={"FLEXC_DUMP": ""})


def test_gallery(s):
    lines = s.expect(0, "gallery", "list").stdout.splitlines()
    if len(lines) < 27 or any(len(line.split()) < 3 for line in lines):
        raise Failure("gallery list")
    for name in (line.split()[0] for line in lines):
        text = s.expect(0, "gallery", "show", name).stdout
        if f"# example: flexc run {name} " not in text:
            raise Failure(f"gallery show {name}")
        s.expect(0, "check", "-", stdin=text)
    shown = s.expect(0, "gallery", "show", "alibi").stdout
    s.write("copy.flex", shown)
    s.expect(0, "run", "copy.flex", *QKV, "--capture", "slopes=slopes.npy")
