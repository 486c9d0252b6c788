"""Every cubin of a bundle can be had: cuda_gallery.py FLEXC LIBFLEXC_RUNTIME [--all]

Compiles gallery entries for CUDA with the command line, loads the bundle through the C ABI of libflexc_runtime alone, and asks for each kernel; the driver that is
found (the tests' stand-in) checks the machine code that it is given. --all takes the whole gallery, both dtypes and all head dims. Skipped (77) without NVRTC.
"""
import ctypes
import json
import pathlib
import subprocess
import sys
import tempfile

F16, BF16, CUDA = 1, 2, 2
DTYPES = {"bf16": BF16, "f16": F16}


class Options(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("device", ctypes.c_int), ("head_dim", ctypes.c_int64), ("value_dim", ctypes.c_int64)]


def runtime(path):
    library = ctypes.CDLL(path)
    for name, result, arguments in (("flexc_engine_create", ctypes.c_void_p, 2), ("flexc_engine_load_bundle", ctypes.c_void_p, 3), ("flexc_bundle_kernel", ctypes.c_void_p, 4),
                                    ("flexc_error_message", ctypes.c_char_p, 1), ("flexc_kernel_device", ctypes.c_int, 1)):
        function = getattr(library, name)
        function.restype, function.argtypes = result, [ctypes.c_void_p] * arguments
    library.flexc_bundle_kernel.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
    library.flexc_engine_load_bundle.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return library


def main():
    flexc, library_path = sys.argv[1:3]
    everything = "--all" in sys.argv
    listed = subprocess.run([flexc, "gallery", "list"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line.strip()] if everything else ["causal", "alibi", "document"]
    dtypes, head_dims = (["bf16", "f16"], [64, 128, 256]) if everything else (["bf16"], [64])
    with tempfile.TemporaryDirectory() as folder:
        bundle_path = pathlib.Path(folder) / "gallery.flexb"
        done = subprocess.run([flexc, "compile", *names, "--dtype", ",".join(dtypes), "--head-dim", ",".join(map(str, head_dims)), "--device", "cuda", "-o", bundle_path, "--json"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 3 and "NVRTC" in done.stderr:
            print(f"skipped: {done.stderr.strip()}")
            return 77
        if done.returncode != 0:
            sys.exit(f"flexc compile: exit {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        library = runtime(library_path)
        error = ctypes.c_void_p()

        def failed(what):
            sys.exit(f"{what}: {library.flexc_error_message(error).decode()}")

        bundle = library.flexc_engine_load_bundle(library.flexc_engine_create(None, None), str(bundle_path).encode(), ctypes.byref(error))
        if not bundle:
            failed("the bundle that was just written")
        asked = 0
        for name in names:
            for dtype in dtypes:
                for head_dim in head_dims:
                    options = Options(DTYPES[dtype], CUDA, head_dim, 0)
                    kernel = library.flexc_bundle_kernel(bundle, name.encode(), ctypes.byref(options), ctypes.byref(error))
                    if not kernel:
                        failed(f"{name} for {dtype} with head dim {head_dim}")
                    if library.flexc_kernel_device(kernel) != CUDA:
                        sys.exit(f"{name}: a kernel of another device")
                    asked += 1
        # A head dim that it was not compiled for: the question is not answered by whatever is there.
        if library.flexc_bundle_kernel(bundle, names[0].encode(), ctypes.byref(Options(BF16, CUDA, 80, 0)), ctypes.byref(error)):
            sys.exit("a kernel for a head dim that was not asked for")
        print(f"gallery on CUDA: {asked} kernels of {len(names)} variants, {report['cubins']} cubins, {report['bytes']} bytes: all loaded")
    return 0


sys.exit(main())
