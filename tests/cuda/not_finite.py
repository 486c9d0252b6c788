"""`flexc run --device cuda` against the stand-in driver, with the kernel on the host model: its bits, and values that are not finite are an error.

not_finite.py FLEXC GPU_KIT MICRO FAKE_DRIVER_FOLDER. Data without a fault give what --device model gives; NaN in a kept value is refused as there (exit 1)
and no output is written. Exit 77 (skipped) without NVRTC.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

SKIPPED = 77


def main():
    binary, kit, micro, driver = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = subprocess.run([kit, folder / "kit", micro, "--entries", "causal", "--head-dims", "64", "--model", folder / "kernels"], capture_output=True, text=True)
        if made.returncode == 3:
            print(f"skipped: {made.stderr.strip()}")
            return SKIPPED
        if made.returncode != 0:
            sys.exit(f"{kit}: exit {made.returncode}\n{made.stderr}")
        random = np.random.default_rng(1)
        for tensor in "qkv":
            np.save(folder / f"{tensor}.npy", random.standard_normal((1, 2, 90, 64), dtype=np.float32))
        spoilt = np.load(folder / "v.npy")
        spoilt[0, 1, 70, 3] = np.nan
        np.save(folder / "spoilt.npy", spoilt)

        def run(device, values, out):
            command = [binary, "run", "causal", "--q", "q.npy", "--k", "k.npy", "--v", values, "--dtype", "bf16", "--device", device, "--out", out]
            environment = {**os.environ, "LD_LIBRARY_PATH": driver, "FLEXC_FAKE_CUDA_KERNELS": str(folder / "kernels"), "FLEXC_CACHE_DIR": str(folder / "cache")}
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)

        for device in ("cuda", "model"):
            done = run(device, "v.npy", f"{device}.npy")
            if done.returncode != 0:
                sys.exit(f"--device {device}: exit {done.returncode}\n{done.stderr}")
        if not np.array_equal(np.load(folder / "cuda.npy"), np.load(folder / "model.npy")):
            sys.exit("the stand-in driver's launch and the host model give different bits")
        for device in ("cuda", "model"):
            done = run(device, "spoilt.npy", "spoilt_out.npy")
            if done.returncode != 1 or f"device {device}: the output has values that are not finite" not in done.stderr or (folder / "spoilt_out.npy").exists():
                sys.exit(f"--device {device} with NaN: exit {done.returncode}\n{done.stderr}")
    print("values that are not finite are refused on cuda as on model; clean data give the model's bits")
    return 0


sys.exit(main())
