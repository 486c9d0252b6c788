"""A folder with inputs, flexc in it, and what every test demands of a call."""
import os
import subprocess
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
