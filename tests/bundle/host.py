"""A host of bundles needs no compiler: host.py FLEXC HOST HOST_C CUDA_HOST REFUSER

Compiles the gallery with the command line, then asks ldd what the hosts link, and runs them three times: as they are, with the compiler's
libraries unreadable by a preloaded shim, and, where this user may, with folders of their own mounted over them. What they compute is what
`flexc run` computes, to the bit. The shim and the check of ldd are shown to notice a host that does need the compiler: the command line itself.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

FLEXC, HOST, HOST_C, CUDA_HOST, REFUSER = sys.argv[1:6]
COMPILER_LIBRARIES = ("LLVM", "MLIR", "nvrtc", "flexc_ir", "flexc_dsl", "flexc_compiler")
SHAPE = (2, 4, 96, 64)


def run(*command, expect=0, **environment):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != expect:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


def linked_compiler(program):
    text = run("ldd", program)
    if "libc.so" not in text:
        sys.exit(f"ldd says nothing of {program}")
    return [word for word in COMPILER_LIBRARIES if f"lib{word}" in text]


def main():
    for program in (HOST, HOST_C, CUDA_HOST):
        if found := linked_compiler(program):
            sys.exit(f"{program} links {found}")
    if "flexc_compiler" not in linked_compiler(FLEXC):
        sys.exit("the check of ldd does not notice the command line's libraries")

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        bundle = folder / "gallery.flexb"
        names = ["causal", "alibi", "sliding_window", "softcap"]
        run(FLEXC, "compile", *names, "--dtype", "f32", "--head-dim", "64", "-o", bundle)
        if f'"{names[0]}"' not in (folder / "gallery.h").read_text():
            sys.exit("the C header does not name the variant")
        random = np.random.default_rng(5)
        files = []
        for name in "qkv":
            np.save(folder / f"{name}.npy", random.standard_normal(SHAPE, dtype=np.float32))
            files.append(folder / f"{name}.npy")
        np.save(folder / "slopes.npy", (2.0 ** (-8.0 * (np.arange(SHAPE[1]) + 1) / SHAPE[1])).astype(np.float32))

        unreadable = {"LD_PRELOAD": REFUSER}
        # The shim works: the command line cannot even start without its libraries' files being opened, so what it opens late is tried.
        run(FLEXC, "run", "causal", "--random", "1,1,1,8,8,8,8", "--device", "cpu", expect=3, FLEXC_CACHE_DIR=str(folder / "empty"), **unreadable)
        for name in names:
            captures = [f"slopes={folder / 'slopes.npy'}"] if name == "alibi" else []
            expected, ours = folder / "expected.npy", folder / "ours.npy"
            options = [part for capture in captures for part in ("--capture", capture)]
            run(FLEXC, "run", name, "--q", files[0], "--k", files[1], "--v", files[2], *options, "--device", "cpu", "--out", expected)
            for environment in ({}, unreadable):
                run(HOST, bundle, name, *files, ours, *captures, **environment)
                if not np.array_equal(np.load(expected).view(np.uint32), np.load(ours).view(np.uint32)):
                    sys.exit(f"{name}: the host's bits are not those of `flexc run`")
        run(HOST_C, bundle, **unreadable)

        # Empty files over the compiler's libraries, in a mount namespace of the host's own.
        targets = [line.split("=>")[1].split()[0] for line in run("ldd", FLEXC).splitlines() if "=>" in line and any(f"lib{word}" in line for word in COMPILER_LIBRARIES)]
        targets += [str(p) for p in pathlib.Path(targets[0]).parent.glob("libflexc_ir.so*")]
        (folder / "nothing").write_bytes(b"")
        mounts = " && ".join(f"mount --bind '{folder / 'nothing'}' '{target}'" for target in targets)
        hidden = f"{mounts} && '{HOST}' '{bundle}' causal && '{HOST_C}' '{bundle}' && ! '{FLEXC}' --version 2>/dev/null"
        if shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0:
            run("unshare", "-m", "sh", "-c", hidden)
            print(f"also ran with {len(targets)} libraries hidden by mounts, where the command line does not start")
        else:
            print("no mount namespace for this user: the shim alone made the libraries unreadable")
    print(f"{len(names)} variants: the bits of flexc run, with the compiler's libraries unreadable")


main()
