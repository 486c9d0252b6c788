"""Inputs and environments that are at fault, and what a failed call leaves."""
import os
import signal

import numpy as np

from session import HAS_AVX2, QKV, RANDOM, Failure


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
    else:
        s.expect(2, "run", "causal", *RANDOM, "--device", "cpu", words=["FLEXC_CPU_TARGET", '"AVX9"', "AVX2"], environment={"FLEXC_CPU_TARGET": "AVX9"})
        s.expect(0, "run", "causal", *RANDOM, "--device", "cpu", environment={"FLEXC_CPU_TARGET": "AVX2"})
    s.expect(3, "run", "causal", *RANDOM, "--device", "cuda", words=["device cuda", "libcuda.so.1"])
    s.expect(2, "run", "causal", *RANDOM, "--device", "model", words=["bf16"], environment={"FLEXC_CUDA_KERNEL": "hopper"})
    s.expect(3, "emit", "causal", "--stage", "cuda", "--kernel", "hopper", "--head-dim", "264", words=["head dim 264"])
    s.expect(3, "emit", "causal", "--stage", "cuda", "--kernel", "hopper", "--value-dim", "300", words=["head dim 300"])
    s.expect(2, "emit", "causal", "--stage", "cuda", "--value-dim", "0", words=["--value-dim 0"])
    s.expect(2, "emit", "causal", "--stage", "cuda", "--steps", "--kernel", "simt", words=["plain CUDA kernel", "any steps"])
    s.expect(3, "emit", "causal", "--stage", "cubin", "--kernel", "hopper", "--dtype", "f32", words=["dtype f32"])
    s.expect(3, "run", "causal", "--random", "64,1024,1024,1048576,1048576,1024,1024", words=["machine has"])
    s.expect(3, "run", "causal", "--random", "9000000000,9000000000,9000000000,8,8,8,8", words=["machine has"])


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
