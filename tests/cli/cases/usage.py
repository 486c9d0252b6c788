"""What is wrong on the command line itself: misspelt verbs and options, values that cannot be, and help."""
import os
import re

from session import QKV, RANDOM, Failure


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
        ([*run, *RANDOM, "--q-step", "0"], ["--q-step 0", "at least 1"]),
        ([*run, *RANDOM, "--kv-step", "-2"], ["--kv-step -2", "at least 1"]),
        ([*run, *RANDOM, "--kv-step", "1.5"], ["--kv-step"]),
        (["mask", "causal", "--shape", "1,1,8,8", "--q-step", "9223372036854775807"], ["--q-step 9223372036854775807", "64 bits"]),
        (["bench", "causal", *RANDOM, "--kv-step", "0"], ["--kv-step 0"]),
        (["explain", "causal", "--q-step", "-1"], ["--q-step -1"]),
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
        (["mask", "causal", "--shape", "1,1,8,8", "--png", "map.jpg"], ["--png map.jpg", "is .png and not .jpg"]),
        (["mask", "causal", "--shape", "1,1,8,8", "--svg", "map.png"], ["is .svg and not .png"]),
        (["mask", "causal", "--shape", "1,1,8,8", "--out", "map.png"], ["is .npy and not .png"]),
        ([*run, *QKV, "--out", "o.txt"], ["--out o.txt", "is .npy and not .txt"]),
        ([*run, *QKV, "--lse", "o.safetensors"], ["--lse", "ends in .npy"]),
        ([*run, *QKV, "--max-scores", "o.npz"], ["--max-scores", "ends in .npy"]),
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
