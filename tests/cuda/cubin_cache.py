"""Cubins in the kernel cache, through `flexc emit --stage cubin` with a compiler that is fake (fake_nvrtc.c): whatever is done to the cache, the right bytes come out.

cubin_cache.py FLEXC FAKE_NVRTC SHIM [--all | --negative]. Spoiled entries, directories that cannot be used, faults and kills at each call of the file system (fault_shim.c), a compiler
child that is killed, crashes, hangs or takes all memory, processes side by side. --all flips every byte and tries every cut. --negative plants a wrong kernel behind a
right digest, and entries that are broken: the checks must see them.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(os.environ["FLEXC_ROOT"], "tests", "cache")))
from cache_files import examine  # noqa: E402

FAULTS = {"open": ["ENOSPC", "EIO", "EMFILE"], "read": ["EIO", "EINTR", "SHORT"], "write": ["ENOSPC", "EINTR", "SHORT"], "flock": ["EIO"], "fcntl": ["EMFILE"],
          "close": ["ENOSPC"], "rename": ["EBUSY", "ENOSPC"], "unlink": ["EIO"]}
INTERNAL = 70


class Bench:
    """A folder with a cache in it, and flexc."""

    def __init__(self, options, root):
        self.flexc, self.fake, self.shim = options.flexc, options.fake_nvrtc, options.shim
        self.root, self.folder = root, root / "cache"
        self.failures, self.checks = [], 0

    def emit(self, *arguments, folder=None, nvrtc=None, **environment):
        """(exit status, where from, the cubin, stderr)"""
        output = self.root / f"kernel-{os.getpid()}.cubin"
        output.unlink(missing_ok=True)
        variables = {**os.environ, "FLEXC_CACHE_DIR": str(folder or self.folder), "FLEXC_NVRTC": str(nvrtc or self.fake), **environment}
        done = subprocess.run([self.flexc, "emit", *(arguments or ("causal",)), "--stage", "cubin", "-o", str(output), "--json"], env=variables, capture_output=True, text=True, check=False, timeout=120)
        origin = json.loads(done.stdout)["cache"] if done.returncode == 0 else None
        return done.returncode, origin, output.read_bytes() if output.exists() else None, done.stderr

    def expect(self, what, got, origin, cubin, warnings=0):
        """Whether an answer is right: exit 0, from where it should be, and the very bytes."""
        self.checks += 1
        status, from_where, bytes_, stderr = got
        fault = ""
        if status != 0:
            fault = f"exit {status}: {stderr.strip()[-300:]}"
        elif bytes_ != cubin:
            fault = "a wrong kernel"
        elif origin and from_where != origin:
            fault = f"from {from_where}, expected {origin}"
        elif stderr.count("warning:") > warnings:
            fault = f"warnings: {stderr.strip()}"
        if fault:
            self.failures.append(f"{what}: {fault}")
        return not fault

    def expect_folder(self, what, good):
        """Only whole entries and nothing else."""
        self.checks += 1
        found = examine(self.folder) if self.folder.exists() else (0, 0, 0)
        if found != (good, 0, 0):
            self.failures.append(f"{what}: {found} (good, bad, temporaries) instead of {good} good")

    def entry(self):
        return next(self.folder.iterdir())

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def origins(bench, cubin):
    bench.clear()
    bench.expect("the first", bench.emit(), "compiled", cubin)
    bench.expect("the second", bench.emit(), "disk", cubin)
    bench.expect_folder("one kernel", 1)
    bench.expect("no compiler: any toolchain's kernel serves", bench.emit(nvrtc="/nowhere/libnvrtc.so"), "disk", cubin)
    other = bench.root / "libother.so"
    shutil.copy(bench.fake, other)
    bench.expect("another compiler", bench.emit(nvrtc=other), "compiled", cubin)
    os.utime(other, ns=(1, 1))
    bench.expect("another compiler at that place", bench.emit(nvrtc=other), "compiled", cubin)
    bench.expect_folder("three toolchains", 3)
    seen = {cubin}
    for arguments in (("causal", "--dtype", "f16"), ("causal", "--head-dim", "128"), ("noop",)):
        status, origin, bytes_, _ = bench.emit(*arguments)
        if status != 0 or origin != "compiled" or bytes_ in seen:
            bench.failures.append(f"{arguments}: exit {status}, from {origin}: another kernel was expected")
        seen.add(bytes_)
    bench.expect_folder("and three other kernels", 6)
    renamed = ("--mask", "(q_idx) >= kv_idx")
    status, origin, first, _ = bench.emit(*renamed)
    bench.expect("equal in meaning to causal", (status, origin, cubin if status == 0 and first else None, ""), "disk", cubin)


def spoiled(bench, cubin, everything):
    bench.clear()
    bench.emit()
    entry = bench.entry()
    whole = entry.read_bytes()
    step = 1 if everything else max(1, len(whole) // 40)
    for at in [*range(0, len(whole), step), len(whole) - 1]:
        entry.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1:])
        bench.expect(f"byte {at} flipped", bench.emit(), "compiled", cubin)
    for size in [*range(0, len(whole), step * 3), len(whole) - 1]:
        entry.write_bytes(whole[:size])
        bench.expect(f"cut to {size} bytes", bench.emit(), "compiled", cubin)
    entry.write_bytes(whole + b"x")
    bench.expect("a byte more", bench.emit(), "compiled", cubin)
    bench.expect("healed", bench.emit(), "disk", cubin)
    status, _, other, _ = bench.emit("noop")
    paths = sorted(bench.folder.iterdir())
    contents = [path.read_bytes() for path in paths]
    paths[0].write_bytes(contents[1])
    paths[1].write_bytes(contents[0])
    bench.expect("swapped", bench.emit(), "compiled", cubin)
    bench.expect("swapped, the other", bench.emit("noop"), "compiled", other)
    os.unlink(entry)
    os.mkfifo(entry)
    bench.expect("a FIFO in its place", bench.emit(), "compiled", cubin)
    os.unlink(entry)
    (bench.root / "elsewhere").write_bytes(whole)
    os.symlink(bench.root / "elsewhere", entry)
    bench.expect("a link in its place", bench.emit(), "compiled", cubin)
    # A right digest over a payload that is no kernel, or one with another's name.
    for payload in (b"", b"x" * 100, whole_payload(whole)[:-8], whole_payload(whole).replace(b"flexc_attention_forward", b"flexc_attention_forwarx")):
        entry.write_bytes(with_payload(whole, payload))
        bench.expect(f"{len(payload)} bytes that are no kernel of ours", bench.emit(), "compiled", cubin)
    bench.expect_folder("healed", 2)
    # The payload, or the member in it, of another format: never read, though all else is right, and replaced.
    payload = whole_payload(whole)
    for what, at in (("payload", 0), ("member", 16)):
        for number in (0, 1, 3, 1 << 31):
            if number != struct.unpack_from("<I", payload, at)[0]:
                entry.write_bytes(with_payload(whole, payload[:at] + struct.pack("<I", number) + payload[at + 4:]))
                bench.expect(f"a {what} of format {number}", bench.emit(), "compiled", cubin)
    bench.expect("and after them", bench.emit(), "disk", cubin)


def whole_payload(data):
    key_bytes, payload_bytes = struct.unpack_from("<QQ", data, 16)
    return data[32 + key_bytes:32 + key_bytes + payload_bytes]


def with_payload(data, payload):
    key_bytes, = struct.unpack_from("<Q", data, 16)
    content = data[:24] + struct.pack("<Q", len(payload)) + data[32:32 + key_bytes] + payload
    return content + hashlib.sha256(content).digest()


def directories(bench, cubin):
    bench.clear()
    bench.folder.mkdir(mode=0o700)
    os.chmod(bench.folder, 0o777)
    bench.expect("writable by others", bench.emit(), "compiled", cubin, warnings=1)
    bench.expect_folder("nothing was trusted to it", 0)
    bench.clear()
    (bench.root / "real").mkdir(exist_ok=True)
    os.symlink(bench.root / "real", bench.folder)
    bench.expect("a link", bench.emit(), "compiled", cubin, warnings=1)
    bench.folder.unlink()
    bench.folder.write_text("a file")
    bench.expect("a file", bench.emit(), "compiled", cubin, warnings=1)
    bench.folder.unlink()
    bench.expect("a place where nothing can be made", bench.emit(folder="/proc/nothing/here"), "compiled", cubin, warnings=1)
    if os.geteuid() != 0:  # root writes anyway
        bench.folder.mkdir(mode=0o500)
        bench.expect("read-only", bench.emit(), "compiled", cubin, warnings=1)
        os.chmod(bench.folder, 0o700)
    bench.clear()
    bench.expect("made again", bench.emit(), "compiled", cubin)


def overridden(bench, cubin):
    """A kernel from an edited file is never kept, and none from the cache stands in for it."""
    bench.clear()
    bench.emit()
    edits, dump = bench.root / "edits", bench.root / "dump"
    bench.emit(FLEXC_DUMP=str(dump))
    text, = dump.glob("*.cu")
    edits.mkdir()
    (edits / text.name).write_text(text.read_text() + "// edited\n")
    edited = bench.emit(FLEXC_OVERRIDE=str(edits))
    if edited[0] != 0 or edited[1] != "compiled" or edited[2] == cubin:
        bench.failures.append(f"an edited text: exit {edited[0]}, from {edited[1]}, {edited[3]}")
    bench.expect("and after it", bench.emit(), "disk", cubin)
    bench.expect_folder("the edited kernel was not kept", 1)
    if bench.emit(FLEXC_OVERRIDE="/nowhere")[0] != 2:
        bench.failures.append("FLEXC_OVERRIDE that is no directory: exit 2 was expected")


def faults(bench, cubin, turns):
    for call, errors in FAULTS.items():
        for error in errors:
            for nth in range(turns):
                bench.clear()
                bench.emit()
                bench.entry().write_bytes(bench.entry().read_bytes()[:-1])  # so that removal and writing are on the way
                fault = f"{call}:{nth}:{error}:ever"
                bench.expect(fault, bench.emit(LD_PRELOAD=str(bench.shim), SHIM_FOLDER=str(bench.folder), SHIM_FAULT=fault), None, cubin, warnings=1)
                bench.expect(f"after {fault}", bench.emit(), None, cubin)
                bench.expect_folder(f"after {fault}", 1)


def kills(bench, cubin):
    count = 0
    for when in ("", ":after"):
        for nth in range(100):
            bench.clear()
            status, *_ = bench.emit(LD_PRELOAD=str(bench.shim), SHIM_FOLDER=str(bench.folder), SHIM_KILL=f"{nth}{when}")
            if status == 0:
                break
            count += 1
            good, bad, leftovers = examine(bench.folder) if bench.folder.exists() else (0, 0, 0)
            if bad or leftovers > 1:
                bench.failures.append(f"kill {nth}{when}: {bad} bad entries, {leftovers} leftovers")
            bench.expect(f"after kill {nth}{when}", bench.emit(), None, cubin)
    return count


def bad_children(bench, cubin):
    for mode, words, seconds in (("kill", "killed by signal 9", 20), ("crash", "killed by signal 11", 20), ("exit", "without an answer", 20), ("hang", "longer than 1 s", 20),
                                 ("memory", "in a child process", 60), ("reject", "rejects", 20), ("garbage", "cubin", 20)):
        bench.clear()
        start = time.monotonic()
        status, _, written, stderr = bench.emit(FAKE_NVRTC=mode, FLEXC_COMPILE_SECONDS="1" if mode == "hang" else "60", FLEXC_COMPILE_MIB="256")
        took = time.monotonic() - start
        bench.checks += 1
        if status != INTERNAL or words not in stderr or written is not None or took > seconds:
            bench.failures.append(f"a child that does {mode}: exit {status} after {took:.1f} s, {stderr.strip()[-300:]}")
        bench.expect_folder(f"after a child that does {mode}", 0)
        bench.expect(f"after a child that does {mode}", bench.emit(), "compiled", cubin)
    for value in ("0", "soon", "-1", "1e3"):
        bench.clear()
        if bench.emit(FLEXC_COMPILE_SECONDS=value)[0] != 2:
            bench.failures.append(f"FLEXC_COMPILE_SECONDS={value}: exit 2 was expected")


def side_by_side(bench, cubin):
    bench.clear()
    environment = {**os.environ, "FLEXC_CACHE_DIR": str(bench.folder), "FLEXC_NVRTC": str(bench.fake)}
    outputs = [bench.root / f"{i}.cubin" for i in range(8)]
    running = [subprocess.Popen([bench.flexc, "emit", "causal", "--stage", "cubin", "-o", str(output)], env=environment) for output in outputs]
    for process, output in zip(running, outputs):
        bench.expect("side by side", (process.wait(), None, output.read_bytes() if output.exists() else None, ""), None, cubin)
    bench.expect_folder("eight writers of one key", 1)


def negative(bench, cubin):
    bench.emit()
    entry = bench.entry()
    whole = entry.read_bytes()
    wrong = whole_payload(whole)
    wrong = wrong.replace(cubin, cubin[:272] + b"\xff" * 4 + cubin[276:])
    entry.write_bytes(with_payload(whole, wrong))
    seen = [not bench.expect("planted: a wrong kernel under a right key", bench.emit(), None, cubin), bench.failures[-1].endswith("a wrong kernel")]
    seen.append(not bench.expect("planted: an expectation that is wrong", bench.emit(), "compiled", cubin[:-1]))
    before = len(bench.failures)
    entry.write_bytes(whole[:-1])
    bench.expect_folder("planted: a cut entry", 1)
    (bench.folder / "tmp-0123456789abcdef").write_text("")
    entry.write_bytes(whole)
    bench.expect_folder("planted: a leftover", 1)
    seen.append(len(bench.failures) == before + 2)
    print(f"{sum(seen)} of {len(seen)} planted faults seen")
    return 0 if all(seen) else 1


def main():
    parser = argparse.ArgumentParser()
    for name in ("flexc", "fake_nvrtc", "shim"):
        parser.add_argument(name, type=os.path.abspath)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--negative", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        bench = Bench(options, pathlib.Path(root))
        status, _, cubin, stderr = bench.emit()
        if status != 0:
            sys.exit(f"the fake compiler is not taken: exit {status}: {stderr}")
        if options.negative:
            return negative(bench, cubin)
        origins(bench, cubin)
        spoiled(bench, cubin, options.all)
        directories(bench, cubin)
        overridden(bench, cubin)
        faults(bench, cubin, 6 if options.all else 1)
        killed = kills(bench, cubin)
        bad_children(bench, cubin)
        side_by_side(bench, cubin)
    print("\n".join(bench.failures[:20]))
    print(f"cubins: {bench.checks} checks, {killed} kills, {len(bench.failures)} failures")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
