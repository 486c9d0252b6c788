"""`flexc run --device cuda` against the stand-in driver, with the kernels on the host model: its bits, and NaN and infinities as float64 attention has them.

not_finite.py FLEXC MODEL_KERNELS FAKE_DRIVER_FOLDER. NaN where nothing is kept has no effect; in a kept value it stands in the rows that keep it and nowhere
else. The same with a kernel that was not put in place of the second launch is seen. Exit 77 (skipped) without NVRTC.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SKIPPED = 77
WINDOW = "def mask_mod(b, h, q_idx, kv_idx):\n    return (q_idx >= kv_idx) and (q_idx - kv_idx < 40)\n"
ROWS, KEYS = 90, 120  # keys from 90 on are kept by nobody


def main():
    binary, kernels, driver = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "window.flex").write_text(WINDOW)
        (folder / "kernels").mkdir()
        made = subprocess.run([kernels, folder / "kernels", "bf16", "64", WINDOW], capture_output=True, text=True)
        if made.returncode == 3:
            print(f"skipped: {made.stderr.strip()}")
            return SKIPPED
        if made.returncode != 0:
            sys.exit(f"{kernels}: exit {made.returncode}\n{made.stderr}")
        random = np.random.default_rng(1)
        for tensor, length in (("q", ROWS), ("k", KEYS), ("v", KEYS)):
            np.save(folder / f"{tensor}.npy", random.standard_normal((1, 2, length, 64), dtype=np.float32))
        spoilt = np.load(folder / "v.npy")
        spoilt[0, :, 95:] = np.nan  # removed
        spoilt[0, 1, 30, 3] = np.nan  # kept by the rows 30 to 69
        np.save(folder / "spoilt.npy", spoilt)

        def run(device, values):
            command = [binary, "run", "window.flex", "--q", "q.npy", "--k", "k.npy", "--v", values, "--dtype", "bf16", "--device", device, "--out", "out.npy"]
            environment = {**os.environ, "LD_LIBRARY_PATH": driver, "FLEXC_FAKE_CUDA_KERNELS": str(folder / "kernels"), "FLEXC_CACHE_DIR": str(folder / "cache")}
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
            if done.returncode != 0:
                sys.exit(f"--device {device}, {values}: exit {done.returncode}\n{done.stderr}")
            return np.load(folder / "out.npy")

        clean = run("cuda", "v.npy")
        if not np.array_equal(clean, run("model", "v.npy")):
            sys.exit("the stand-in driver's launch and the host model give different bits")
        kept = np.zeros((1, 2, ROWS, 64), bool)
        kept[0, 1, 30:70, 3] = True

        def fits(out):
            return np.array_equal(np.isnan(out), kept) and np.abs(out - clean)[~kept].max() < 0.05

        out = run("cuda", "spoilt.npy")
        if not fits(out) or not np.array_equal(out, run("model", "spoilt.npy"), equal_nan=True):
            sys.exit("NaN stands elsewhere than in the rows that keep it, or cuda and model differ")
        (folder / "kernels" / "flexc_attention_simt.so").unlink()
        if fits(run("cuda", "spoilt.npy")):
            sys.exit("without the careful path the same answer: this test sees nothing")
    print("NaN stands in the rows that keep it alone, on cuda as on model; clean data give the model's bits; without the careful path it is seen")
    return 0


sys.exit(main())
