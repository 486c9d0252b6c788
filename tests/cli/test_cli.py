#!/usr/bin/env python3
"""The command line: every verb, every exit code, every usage error, one typing mistake of each kind, and the outputs.

usage: test_cli.py FLEXC [--only WORD] [--negative]

A test is a function of a Session; `--negative` runs the same checks against commands that break the rules, and passes if each is caught.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

RANDOM = ["--random", "1,2,1,24,24,8,8"]
CRASHES = ("AddressSanitizer", "runtime error:", "terminate called", "Assertion `")


class Failure(Exception):
    pass

# `auto` is the CPU back end, and the oracle where that cannot run.
HAS_AVX2 = " avx2 " in Path("/proc/cpuinfo").read_text().replace("\n", " ")
DEFAULT_DEVICE = "cpu" if HAS_AVX2 else "oracle"


class Session:
    """A folder with inputs, and flexc in it."""

    def __init__(self, flexc, folder):
        self.flexc, self.folder = flexc, Path(folder)
        rng = np.random.default_rng(5)
        for name, heads in (("q", 2), ("k", 1), ("v", 1)):
            array = rng.standard_normal((1, heads, 24, 8))
            self.save(name, array.astype(np.float32))
            self.save(name + "64", array)
            self.save(name + "16", array.astype(np.float16))
        self.save("integers", np.zeros((1, 2, 24, 8), np.int32))
        self.save("slopes", np.ones(2, np.float32))
        self.save("doc", (np.arange(24) // 7).astype(np.int32))
        self.write("causal.flex", "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n")
        self.write("bound.flex", "tensor slopes: f32[H]\nparam window: i32\nparam cap: f32 = 2\nconst N = 3\n"
                                 "def score_mod(score, b, h, q_idx, kv_idx):\n    return cap * score + slopes[h] * N\n"
                                 "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx - kv_idx < window\n")
        self.cache = tempfile.TemporaryDirectory()  # a folder of its own: tests look at what is left in the other
        self.write("wrong.flex", "def mask_mod(b, h, q_idx, kv_idx):\n    return q_idx >= kv_index\n")

    def save(self, name, array):
        np.save(self.folder / f"{name}.npy", array)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def call(self, *arguments, stdin=None, stdout=None, environment=None, shell_limit=""):
        env = {key: value for key, value in os.environ.items() if not key.startswith("FLEXC_")}
        env.update({"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "HOME": str(self.folder), "FLEXC_CACHE_DIR": self.cache.name, **(environment or {})})
        command = [self.flexc, *arguments]
        if shell_limit:
            command = ["/bin/sh", "-c", f'{shell_limit}; exec "$0" "$@"', *command]
        return subprocess.run(command, cwd=self.folder, env=env, input=stdin, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              stdin=subprocess.DEVNULL if stdin is None else None, timeout=120)

    def expect(self, code, *arguments, words=(), quiet_stdout=None, **options):
        """Runs; demands the exit code, each of `words` on stderr, and an empty stdout wherever the code is not 0."""
        done = self.call(*arguments, **options)
        shown = f"`flexc {' '.join(arguments)}`"
        for mark in CRASHES:
            if mark in done.stderr:
                raise Failure(f"{shown}: {mark}")
        if done.returncode != code:
            raise Failure(f"{shown}: exit {done.returncode}, expected {code}: {done.stderr.strip()[:300]}")
        for word in words:
            if word not in done.stderr:
                raise Failure(f"{shown}: '{word}' is not in: {done.stderr.strip()[:300]}")
        if code != 0 and quiet_stdout is not False and done.stdout:
            raise Failure(f"{shown}: failed, yet wrote to stdout: {done.stdout[:100]}")
        if code != 0 and not done.stderr.strip():
            raise Failure(f"{shown}: failed without a word")
        if code == 2 and "--help" not in done.stderr:
            raise Failure(f"{shown}: a usage error that does not point at --help")
        return done

    def files(self):
        return {p.name for p in self.folder.iterdir()}


QKV = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy"]


def test_help_and_version(s):
    for verb in ([], ["run"], ["bench"], ["check"], ["emit"], ["compile"], ["mask"], ["gallery"], ["doctor"]):
        text = s.expect(0, *verb, "--help").stdout
        if "Example" not in text or len(text) < 100:
            raise Failure(f"--help of {verb} has no example")
    if not re.fullmatch(r"flexc \d+\.\d+\.\d+\n", s.expect(0, "--version").stdout):
        raise Failure("--version")
    s.expect(2)
    s.expect(2, "gallery")


def test_usage_errors(s):
    run = ["run", "causal.flex"]
    cases = [
        (["rnu"], ["no verb 'rnu'", "did you mean 'run'"]),
        (["--jsn"], []),
        (["causal.flex", *RANDOM], ["flexc run causal.flex"]),
        (["causal", *RANDOM], ["flexc run causal"]),
        ([*run, *RANDOM, "--output", "x.npy"], ["--output", "did you mean '--out'"]),
        (["run", "bound.flex", *RANDOM, "--param", "window", "4"], ["'4'", "NAME=VALUE"]),
        ([*run, *RANDOM, "--dtype", "bfloat16"], ["did you mean 'bf16'"]),
        ([*run, *RANDOM, "--dtype", "float"], ["did you mean 'f32'"]),
        ([*run, *RANDOM, "--thread", "2"], ["--thread", "did you mean '--threads'"]),
        ([*run, *RANDOM, "extra"], ["extra"]),
        (["run", *RANDOM], ["no variant"]),
        (["run", "causal", "--mask", "q_idx >= kv_idx", *RANDOM], ["exclude each other"]),
        ([*run], ["no inputs"]),
        ([*run, "--q", "q.npy"], ["--k is missing"]),
        ([*run, *QKV, *RANDOM], ["exclude each other"]),
        ([*run, *QKV, "--seed", "1"], ["--seed"]),
        ([*run, "--random", "1,2,3"], ["B,H,HKV,Q,KV,D,DV", "3 numbers"]),
        ([*run, "--random", "1,2,1,x,24,8,8"], ["expected an integer, got 'x'"]),
        ([*run, "--random", "1,2,1,-1,24,8,8"], ["negative"]),
        ([*run, "--random", "1,2,1,,24,8,8"], ["expected an integer"]),
        ([*run, *RANDOM, "--seed", "-1"], ["--seed"]),
        ([*run, *RANDOM, "--seed", "99999999999999999999"], ["64 bits"]),
        ([*run, *RANDOM, "--threads", "0"], ["--threads 0"]),
        ([*run, *RANDOM, "--threads", "two"], ["'two'"]),
        ([*run, *RANDOM, "--threads", "1.5"], ["'1.5'"]),
        ([*run, *RANDOM, "--scale", "nan"], ["finite"]),
        ([*run, *RANDOM, "--scale", "inf"], ["finite"]),
        ([*run, *RANDOM, "--scale", "1x"], ["expected a number"]),
        ([*run, *RANDOM, "--dtype", "f8"], ["f32|f16|bf16", "'f8'"]),
        ([*run, *RANDOM, "--dtype", "fp16"], ["did you mean 'f16'"]),
        ([*run, *RANDOM, "--device", "orcale"], ["did you mean 'oracle'"]),
        ([*run, *RANDOM, "--refine", "all"], ["off|none|default|exact"]),
        ([*run, *RANDOM, "--split", "0"], ["--split"]),
        ([*run, *RANDOM, "--block", "128"], ["BQ,BKV"]),
        ([*run, *RANDOM, "--block", "0,128"], ["between 1"]),
        ([*run, *RANDOM, "--q-offset", "one"], ["--q-offset"]),
        ([*run, *RANDOM, "--capture", "slopes"], ["NAME=VALUE"]),
        ([*run, *RANDOM, "--capture", "=slopes.npy"], ["not a name"]),
        ([*run, *RANDOM, "--capture", "slopes="], ["after the '='"]),
        ([*run, *RANDOM, "--capture", "2x=slopes.npy"], ["'2x' is not a name"]),
        ([*run, *RANDOM, "--capture", "a=slopes.npy", "--capture", "a=doc.npy"], ["a is given twice"]),
        ([*run, *RANDOM, "--param", "a=1", "--param", "a=2"], ["twice"]),
        ([*run, *RANDOM, "--const", "a=1", "--const", "a=1"], ["twice"]),
        ([*run, *RANDOM, "--capture", "a=doc.npy", "--param", "a=2"], ["as a capture and as a param"]),
        ([*run, *RANDOM, "--param", "a=1.5.2"], ["expected a number"]),
        ([*run, *RANDOM, "--param", "a=99999999999999999999"], ["64 bits"]),
        ([*run, *RANDOM, "--scale", "1", "--scale", "2"], ["--scale is given twice"]),
        ([*run, *RANDOM, "--json", "--json"], ["--json is given twice"]),
        ([*run, *RANDOM, "--out"], ["--out needs a value"]),
        ([*run, *QKV, "--out", "q.npy"], ["the same file as --q"]),
        ([*run, *QKV, "--out", "./sub/../q.npy"], ["the same file as --q"]),
        ([*run, *QKV, "--out", "x.npy", "--lse", "x.npy"], ["the same file as --out"]),
        ([*run, *QKV, "--out", "x.npy", "--max-scores", "./x.npy"], ["the same file"]),
        ([*run, *QKV, "--out", "causal.flex"], ["the same file as VARIANT"]),
        (["run", "alibi", *QKV, "--capture", "slopes=slopes.npy", "--lse", "slopes.npy"], ["the same file as --capture slopes"]),
        (["bench", "causal"], ["--random B,H,HKV,Q,KV,D,DV"]),
        (["bench", "causal", "--seed", "1"], ["--random"]),
        (["bench", *RANDOM], ["no variant"]),
        (["bench", "causal", *RANDOM, "--repeat", "0"], ["--repeat 0"]),
        (["bench", "causal", *RANDOM, "--repeat", "-3"], ["--repeat -3"]),
        (["bench", "causal", *RANDOM, "--repeat", "2.5"], ["'2.5'"]),
        (["bench", "causal", *RANDOM, "--repeat", "1000001"], ["--repeat"]),
        (["bench", "causal", *RANDOM, "--repeat", "1", "--repeat", "2"], ["--repeat is given twice"]),
        (["bench", "causal", *RANDOM, "--threads", "0"], ["--threads 0"]),
        (["bench", "causal", *RANDOM, "--save", ""], ["--save"]),
        (["bench", "causal", *RANDOM, "--q", "q.npy"], ["--q"]),
        (["mask", "causal"], ["--shape"]),
        (["mask", "causal", "--shape", "1,1,8"], ["B,H,Q,KV[,HKV]"]),
        (["mask", "causal", "--shape", "1,1,8,8", "--refine", "off"], ["none|default|exact"]),
        (["mask", "causal", "--shape", "1,1,8,8", "--out", "a", "--png", "a"], ["the same file"]),
        (["emit", "causal"], ["--stage"]),
        (["emit", "causal", "--stage", "norml"], ["did you mean 'normal'"]),
        (["emit", "causal.flex", "--stage", "ast", "-o", "causal.flex"], ["the same file"]),
        (["check"], ["no variant"]),
        (["check", "causal", "--list-codes"], ["alone"]),
        (["check", "causal", "alibi"], ["alibi"]),
        (["check", "--score", ""], ["empty"]),
        (["gallery", "show"], []),
        (["gallery", "lst"], ["lst"]),
        (["gallery"], ["list, show"]),
        (["--bogus"], ["--bogus"]),
    ]
    before = s.files()
    for arguments, words in cases:
        s.expect(2, *arguments, words=words)
    if s.files() != before:
        raise Failure(f"usage errors left files: {s.files() - before}")


def test_usage_comes_first(s):
    s.expect(2, "run", "no_such_variant", "--q", "none.npy", "--k", "none.npy", "--v", "none.npy", "--threads", "0")


def test_input_errors(s):
    s.expect(1, "run", "casual", *RANDOM, words=["no variant 'casual'", "did you mean 'causal'", "gallery list"])
    s.expect(1, "run", "none.flex", *RANDOM, words=["none.flex", "No such file"])
    s.expect(1, "run", ".", *RANDOM, words=["directory"])
    s.expect(1, "run", "wrong.flex", *RANDOM, words=["wrong.flex:2:21: error:", "kv_idx", "[undefined-name]", "^"])
    s.expect(1, "check", "wrong.flex", words=["wrong.flex:2:21: error:"])
    s.expect(1, "check", "-", stdin="def mask_mod(b, h, q):\n    return True\n", words=["<stdin>:1:"])
    s.expect(1, "check", "causal", "--const", "N=3", words=["N", "[unknown-const]"])
    s.expect(1, "check", "--mask", "q_idx >= kv_idxx + 1.5 & 3", words=["<mask>:1:"])
    s.expect(1, "check", "--score", "score +", "--mask", "q_idx >=", words=["<score>:1:", "<mask>:1:", "q_idx >=\n"])
    s.expect(1, "gallery", "show", "aliby", words=["did you mean 'alibi'"])
    bound = ["run", "bound.flex", *QKV, "--capture", "slopes=slopes.npy"]
    s.expect(1, *bound, words=["window", "no default"])
    s.expect(1, *bound, "--param", "window=1.5", words=["window", "1.5"])
    s.expect(1, *bound, "--param", "window=3000000000", words=["i32"])
    s.expect(1, *bound, "--param", "windw=3", words=["no such param", "did you mean 'window'"])
    s.expect(1, *bound, "--param", "window=3", "--const", "M=2", words=["'M'"])
    s.expect(1, "run", "bound.flex", *QKV, "--param", "window=3", words=["'slopes'", "f32[H]", "--capture slopes=FILE"])
    s.expect(1, "run", "bound.flex", *QKV, "--param", "window=3", "--capture", "slope=slopes.npy", words=["did you mean 'slopes'"])
    s.expect(1, "run", "bound.flex", *QKV, "--param", "slopes=1", words=["use --capture slopes=FILE"])
    s.expect(1, "run", "bound.flex", *QKV, "--capture", "window=doc.npy", words=["use --param window=X"])
    s.expect(1, "run", "bound.flex", *QKV, "--param", "window=3", "--capture", "slopes=doc.npy", words=["i32", "f32[H]"])
    s.expect(1, "run", "bound.flex", *QKV, "--param", "window=3", "--capture", "slopes=none.npy", words=["none.npy"])
    s.expect(1, "run", "alibi", *QKV, words=["'slopes'"])  # makers serve --random alone
    s.expect(1, "run", "--score", "score + bias[q_idx, kv_idx]", *QKV, words=["'bias'"])
    s.save("short", np.ones(3, np.float32))
    s.expect(1, "run", "alibi", *QKV, "--capture", "slopes=short.npy", words=["slopes", "3", "2"])
    for extents, word in (("0,2,1,4,4,8,8", "B (batch)"), ("1,0,1,4,4,8,8", "H (heads)"), ("1,2,0,4,4,8,8", "HKV"), ("1,2,1,4,4,0,8", "D"), ("1,2,1,4,4,8,0", "DV"), ("1,3,2,4,4,8,8", "multiple")):
        s.expect(1, "run", "causal", "--random", extents, words=[word])
    s.expect(1, "mask", "causal", "--shape", "0,1,8,8", words=["B is 0"])
    s.expect(1, "mask", "causal", "--shape", "1,3,8,8,2", words=["multiple"])
    for arguments, words in (
            (["--q", "integers.npy", "--k", "k.npy", "--v", "v.npy"], ["i32"]),
            (["--q", "q64.npy", "--k", "k64.npy", "--v", "v64.npy"], ["f64", "--dtype"]),
            (["--q", "q.npy", "--k", "k16.npy", "--v", "v.npy"], ["f32, f16 and f32", "--dtype"]),
            (["--q", "slopes.npy", "--k", "k.npy", "--v", "v.npy"], ["four dimensions"]),
            (["--q", "none.npy", "--k", "k.npy", "--v", "v.npy"], ["--q", "none.npy"]),
            (["--q", "q.npy", "--k", "k.npy", "--v", "v.npy", "--sink", "short.npy"], ["sink", "[3]"])):
        s.expect(1, "run", "causal", *arguments, "--out", "never.npy", words=words)
    if "never.npy" in s.files():
        raise Failure("a failed run left an output file")
    s.write("gather.flex", "tensor t: f32[N]\ndef score_mod(score, b, h, q_idx, kv_idx):\n    return score + t[kv_idx]\n")
    s.expect(0, "run", "gather.flex", *QKV, "--capture", "t=short.npy")
    s.expect(1, "run", "gather.flex", *QKV, "--capture", "t=short.npy", "--checked", words=["t", "3"])


def test_environment_errors(s):
    if not HAS_AVX2:
        s.expect(3, "run", "causal", *RANDOM, "--device", "cpu", words=["AVX2"])
    s.expect(3, "run", "causal", *RANDOM, "--device", "cuda", words=["device cuda", "libcuda.so.1"])
    s.expect(2, "run", "causal", *RANDOM, "--device", "model", words=["bf16"])
    s.expect(3, "emit", "causal", "--stage", "cuda", "--head-dim", "96", words=["head dim 96"])
    s.expect(3, "emit", "causal", "--stage", "cubin", "--dtype", "f32", words=["dtype f32"])
    s.expect(3, "run", "causal", "--random", "64,1024,1024,1048576,1048576,1024,1024", words=["machine has"])
    s.expect(3, "run", "causal", "--random", "9000000000,9000000000,9000000000,8,8,8,8", words=["machine has"])


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


def test_outputs_whole_or_not_at_all(s):
    before = s.files()
    done = s.call("run", "causal", *QKV, "--out", "/dev/full")
    if done.returncode not in (1, 3) or "/dev/full" not in done.stderr:
        raise Failure(f"--out /dev/full: exit {done.returncode}: {done.stderr}")
    done = s.call("run", "causal", *QKV, "--out", "whole.npy", "--lse", "missing_folder/lse.npy")
    if done.returncode not in (1, 3) or "missing_folder" not in done.stderr:
        raise Failure(f"a missing folder: exit {done.returncode}: {done.stderr}")
    if s.files() != before:
        raise Failure(f"files are left behind: {s.files() - before}")
    # A file that grows past the limit: the old contents stay.
    s.write("old.npy", "old")
    s.save("long_q", np.zeros((1, 2, 4096, 8), np.float32))
    done = s.call("run", "--mask", "kv_idx == 0", "--q", "long_q.npy", "--k", "k.npy", "--v", "v.npy", "--out", "old.npy", shell_limit="ulimit -f 8; trap '' XFSZ")
    if done.returncode == 0 or (s.folder / "old.npy").read_text() != "old":
        raise Failure("a file that could not be written whole replaced the old one")
    if s.files() - before - {"old.npy", "long_q.npy"}:
        raise Failure(f"temporaries are left: {s.files() - before}")
    if os.geteuid() != 0:
        (s.folder / "sealed").mkdir(mode=0o555)
        done = s.call("run", "causal", *QKV, "--out", "sealed/out.npy")
        if done.returncode not in (1, 3):
            raise Failure("a read-only folder")
    s.expect(0, "run", "causal", *QKV, "--out", "/dev/null", "--lse", "/dev/null")


def test_standard_output(s):
    with open("/dev/full", "w") as full:
        for command in (["gallery", "list"], ["run", "causal", *RANDOM], ["doctor"], ["--help"], ["check", "causal"], ["check", "--list-codes"]):
            done = s.call(*command, stdout=full)
            if done.returncode != 3 or "standard output" not in done.stderr:
                raise Failure(f"{command} > /dev/full: exit {done.returncode}: {done.stderr}")
    reader, writer = os.pipe()
    os.close(reader)
    done = s.call("gallery", "list", stdout=writer)
    os.close(writer)
    if done.returncode not in (0, -signal.SIGPIPE) or done.stderr:
        raise Failure(f"a reader that went away: exit {done.returncode}: {done.stderr}")


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


def test_near_misses(s):
    """What people who come from elsewhere write."""
    s.write("named.flex", "def causal(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n")
    s.expect(0, "check", "named.flex", words=["to use 'causal', call it mask_mod"])
    s.write("scores.flex", "def twice(score, b, h, q_idx, kv_idx):\n    return 2 * score\n")
    s.expect(0, "check", "scores.flex", words=["to use 'twice', call it score_mod"])
    s.write("two.flex", "def f(b, h, q_idx, kv_idx):\n    return q_idx >= kv_idx\n\ndef g(b, h, q_idx, kv_idx):\n    return True\n")
    if "call it" in s.expect(0, "check", "two.flex", words=["neither score_mod nor mask_mod"]).stderr:
        raise Failure("which of two functions is meant is a guess")
    s.expect(1, "run", "--mask", "q >= kv", *RANDOM, words=["the query's position is q_idx", "the key's position is kv_idx"])
    leader, terminal = os.openpty()
    s.expect(2, "emit", "causal", "--stage", "cubin", stdout=terminal, words=["terminal", "-o FILE"])
    os.close(terminal)
    os.close(leader)
    if "position" in s.expect(1, "run", "--mask", "q_idx >= slopes[h]", *RANDOM, words=["nothing is bound to 'slopes'"]).stderr:
        raise Failure("a capture is no position")


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


def test_compile(s):
    compile_ = ["compile", "--dtype", "f32", "--head-dim", "8"]
    s.expect(2, "compile", "causal", "--dtype", "f32", "-o", "b.flexb", words=["--head-dim"])
    s.expect(2, *compile_, "-o", "b.flexb", words=["at least one VARIANT"])
    s.expect(2, *compile_, "causal", "-o", "b.bin", words=["ends in .flexb"])
    s.expect(2, *compile_, "causal", "causal", "-o", "b.flexb", words=["two variants", "`causal`"])
    s.expect(2, *compile_, "causal", "--mask", "q_idx >= kv_idx", "-o", "b.flexb", words=["--score and --mask"])
    s.expect(2, *compile_, "causal", "--features", "lse,,sink", "-o", "b.flexb", words=["--features"])
    s.expect(2, *compile_, "causal", "--features", "lsee", "-o", "b.flexb", words=["did you mean `lse`"])
    s.expect(1, *compile_, "cuasal", "-o", "b.flexb", words=["did you mean 'causal'"])
    s.expect(1, *compile_, "--score", "score + bias[h]", "-o", "b.flexb", words=["`bias`", "declared"])
    s.expect(3, *compile_, "causal", "--require-cuda", "-o", "b.flexb", words=["dtype f32"])
    s.expect(1, *compile_, "causal", "-o", "no/such/folder.flexb", words=["no/such"])
    if {"b.flexb", "b.h"} & s.files():
        raise Failure("a failed compile left a file")
    report = json.loads(s.expect(0, *compile_, "causal", "alibi", "-o", "b.flexb", "--json").stdout)
    if report["variants"] != ["causal", "alibi"] or report["bytes"] != (s.folder / "b.flexb").stat().st_size or report["cubins"] != 0:
        raise Failure(f"JSON: {report}")
    first = (s.folder / "b.flexb").read_bytes(), (s.folder / "b.h").read_text()
    done = s.expect(0, *compile_, "causal", "alibi", "-o", "b.flexb")
    if (first != ((s.folder / "b.flexb").read_bytes(), (s.folder / "b.h").read_text())) or "left out" not in done.stderr or "wrote b.flexb" not in done.stderr:
        raise Failure("the same again gives the same bytes, and says that f32 has no CUDA kernel")
    if first[0][:8] != b"flexcBDL" or "#define B_ALIBI_CAPTURE_SLOPES" not in first[1]:
        raise Failure("the bundle's magic, or the header's names")


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
    s.expect(0, "mask", "causal", "--shape", "1,1,0,8")
    s.expect(1, "mask", "bound.flex", "--shape", "1,2,8,8", words=["'slopes'"])


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
    s.expect(2, "explain", "causal", "--shape", "1,2,3")
    s.expect(2, "explain", "causal", "--shape", "0,1,8,8")
    s.expect(1, "explain", "causal", "--capture", "doc=doc.npy", words=["doc"])


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
    for variant, options, dtype in (("document", [], "f32"), ("alibi", ["--q-offset", "3", "--kv-offset", "1"], "bf16"), ("taken.flex", taken, "f16")):
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


def test_doctor(s):
    text = s.expect(0, "doctor", environment={"HOME": "", "XDG_CACHE_HOME": "", "FLEXC_CACHE_DIR": ""}).stdout
    for word in ("flexc", "cpu", "nvrtc", "driver", "cache", "oracle", "yes"):
        if word not in text:
            raise Failure(f"doctor has no '{word}'")
    report = json.loads(s.expect(0, "doctor", "--json", environment={"FLEXC_CACHE_DIR": str(s.folder / "causal.flex" / "cache")}).stdout)
    if not report["devices"]["oracle"]["works"] or report["devices"]["cpu"]["works"] != HAS_AVX2 or not report["cache"]["problem"]:
        raise Failure(f"JSON: {report}")


def test_cache(s):
    if not HAS_AVX2:
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name, "cache")
        own = {"FLEXC_CACHE_DIR": str(directory)}
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", "--out", "compiled.npy", environment=own)
        entries = list(directory.iterdir())
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", "--out", "found.npy", environment=own)
        if (s.folder / "compiled.npy").read_bytes() != (s.folder / "found.npy").read_bytes() or list(directory.iterdir()) != entries or len(entries) != 1:
            raise Failure(f"one entry, and the same answer from it: {entries}")
        listed = json.loads(s.expect(0, "cache", "list", "--json", environment=own).stdout)
        if listed["directory"] != str(directory) or [entry["name"] for entry in listed["entries"]] != [entries[0].name]:
            raise Failure(f"list: {listed}")
        if "cpu object" not in s.expect(0, "cache", "list", environment=own).stdout:
            raise Failure("list has no kind")
        shown = s.expect(0, "cache", "show", entries[0].name[:12], environment=own).stdout
        if "level: x86-64-v" not in shown or "slopes" in shown:
            raise Failure("show prints the key, which has none of the user's names")
        s.expect(1, "cache", "show", "zzz", words=["no entry begins with 'zzz'"], environment=own)
        s.expect(0, "cache", "verify", environment=own)
        entries[0].write_bytes(entries[0].read_bytes()[:-1])
        spoiled = s.call("cache", "verify", environment=own)
        if spoiled.returncode != 1 or "its length is not what its header says" not in spoiled.stdout or list(directory.iterdir()):
            raise Failure(f"verify: {spoiled.stdout}")
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", environment=own)
        if "1 files removed" not in s.expect(0, "cache", "clear", environment=own).stdout or list(directory.iterdir()):
            raise Failure("clear")
        directory.chmod(0o777)
        s.expect(3, "cache", "list", words=["other users may write to it"], environment=own)
        warned = s.call("run", "alibi", *RANDOM, "--device", "cpu", environment=own)
        if warned.returncode != 0 or warned.stderr.count("other users may write to it") != 1 or list(directory.iterdir()):
            raise Failure(f"an unusable cache: {warned.stderr}")


def test_real_data(s):
    data = Path(os.environ.get("FLEXC_ROOT", Path(__file__).resolve().parent.parent.parent)) / "tests/data/minilm_layer3.safetensors"
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


# Commands that break a rule which `expect` must notice.
NEGATIVE = [
    lambda s: s.expect(0, "rnu"),
    lambda s: s.expect(2, "gallery", "list"),
    lambda s: s.expect(1, "check", "wrong.flex", words=["a word that is not there"]),
    lambda s: s.expect(1, "check", "wrong.flex", "--json"),  # writes to stdout
    lambda s: s.expect(1, "run", "causal", *RANDOM, "--device", "cpu"),
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("flexc")
    parser.add_argument("--only", default="")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    flexc = str(Path(options.flexc).resolve())
    if options.negative:
        caught = 0
        for command in NEGATIVE:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    command(Session(flexc, folder))
                except Failure:
                    caught += 1
        print(f"cli, negative: {caught} of {len(NEGATIVE)} broken rules are noticed")
        return 0 if caught == len(NEGATIVE) else 1
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_") and options.only in name]
    failures = 0
    for name, test in tests:
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Session(flexc, folder))
            except (Failure, subprocess.TimeoutExpired) as failure:
                failures += 1
                print(f"{name}: {failure}")
    print(f"cli: {len(tests)} tests, {failures} failures")
    return 1 if failures or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
