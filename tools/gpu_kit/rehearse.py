#!/usr/bin/env python3
"""A rehearsal of a visit to a GPU, without one: makes a small kit, unpacks it where no compiler is, and runs all of it.

CPU kernels run as they are; CUDA's run through the tests' stand-in driver on the host model; PyTorch is a stand-in that computes nothing; recorded times
are made up and say so. The session is killed, cut off and resumed, and everything that judges is shown something wrong.
--whole makes the kit that travels, of all entries, and runs what needs neither a GPU nor the host model: CPU kernels, and every CUDA text compiled again.
Exit status: 0 all is as expected, 1 something is not, 3 nothing is built, or no NVRTC.
"""
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import STAGES, STEPS  # noqa: E402
from sandbox import Sandbox, needed, outside, processes_of, strays  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENTRIES, HEAD_DIM, FORM = "causal,alibi", "64", "tile=128x128"
# What makes the session's steps small; sizes only, every kind of step is there.
SIZE = {"odd_shapes": "1x1,113x203", "runs": 3, "load_mib": 1, "repeats": 1, "lengths": [512], "shape": [1, 1, 1, 130, 130], "repeated": ["causal_64"], "decode": []}
# Step and stage; the stages before it are run first. The stand-in's launches hang meanwhile, so that the kill comes in the middle.
KILLED_IN = [("micro", "micro"), ("case.alibi_64", "cases"), ("bench.causal_64.512", "bench"), ("report", "report")]
FA3 = "def flash_attn_func(q, k, v, causal=False, window_size=(-1, -1), softcap=0.0):\n    assert q.shape[:2] == k.shape[:2] and k.shape == v.shape\n    return q\n"


class Wrong(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Wrong(message)


def stand_in_wheel(folder):
    """The names of FlashAttention-3's wheel, and nothing of what is in it."""
    path = folder / "fa3_fwd-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("fa3_fwd_interface.py", FA3)
        wheel.writestr("fa3_fwd_config.py", "CONFIG = {}\n")
    return path


class Rehearsal:
    def __init__(self, build, folder):
        self.build, self.folder, self.kit, self.model = build, folder, folder / "kit", folder / "model"
        self.facts = []

    def make(self, *options):
        made = self.folder / "made"
        words = [sys.executable, "-B", str(HERE / "build_kit.py"), str(made), "--replay", HEAD_DIM, *options]
        done = subprocess.run(words, env={**os.environ, "FLEXC_BUILD": str(self.build)}, capture_output=True, text=True)
        if done.returncode == 3:
            print(f"skipped: {done.stderr.strip()}")
            sys.exit(3)
        check(done.returncode == 0, f"the kit was not made: {done.stdout}{done.stderr}")
        archive = self.folder / "made.tar.gz"
        with tarfile.open(archive) as tar:
            tar.extractall(self.kit)
        shutil.rmtree(made)  # what runs is what travelled
        self.facts.append(f"kit {archive.stat().st_size} bytes of {48 << 20}")
        self.model.mkdir(exist_ok=True)
        (self.folder / "size.json").write_text(json.dumps(SIZE))
        self.sandbox = Sandbox(self.build)
        stand_in = ROOT / "tests/cuda/stand_in"
        self.gpu = {"PATH": f"{stand_in / 'bin'}:/usr/sbin:/usr/bin:/bin", "LD_LIBRARY_PATH": str(self.build / "fake_driver"), "FLEXC_FAKE_CUDA_KERNELS": str(self.model), "FLEXC_KIT_REHEARSAL": str(self.folder / "size.json"),
                    "PYTHONPATH": str(stand_in), "FLEXC_NVRTC": os.environ.get("FLEXC_NVRTC", "")}
        if not self.gpu["FLEXC_NVRTC"]:
            del self.gpu["FLEXC_NVRTC"]

    def runner(self, *words, **more):
        done = self.sandbox.run([self.kit / "bin/runner", *words], **{**self.gpu, **more})
        return done.returncode, done.stdout + done.stderr

    def session(self, *words, **more):
        return self.sandbox.run([self.kit / "gpu_session.sh", *words], **{**self.gpu, **more})

    def records(self):
        """Whole lines of the state."""
        path = self.kit / "results/state.jsonl"
        raw = path.read_bytes() if path.exists() else b""
        return [json.loads(line) for line in raw[: raw.rfind(b"\n") + 1].splitlines()]

    # What the kit rests on.

    def no_compiler(self):
        files = [self.kit / "bin/runner", *sorted((self.kit / "lib").iterdir())]
        for file in files:
            check(not outside(self.kit, needed(file)), f"{file.name} needs {outside(self.kit, needed(file))}")
        status, text = self.runner("libraries", self.kit, "causal_64", LD_LIBRARY_PATH="")
        check(status == 0, f"libraries: {text}")
        mapped = json.loads(text.splitlines()[-1])["libraries"]
        check(any("libflexc_runtime" in file for file in mapped) and not strays(self.kit, mapped), f"a CPU kernel ran with {strays(self.kit, mapped)}")
        # The two checks see what they look for.
        check(outside(self.kit, ["libflexc_ir.so", "libLLVM-19.so.1", "libc.so.6"]) == ["libflexc_ir.so", "libLLVM-19.so.1"], "a compiler's library is not seen among NEEDED")
        check(strays(self.kit, [str(self.kit / "lib/libMLIR.so"), "/usr/lib/libc.so.6", "/opt/other.so"]) == [str(self.kit / "lib/libMLIR.so"), "/opt/other.so"], "a stray library is not seen")
        self.facts.append("LLVM and the build's libraries hidden" if self.sandbox.hides else "no mount namespaces here: NEEDED and /proc/self/maps only")

    def no_driver(self):
        try:
            ctypes.CDLL("libcuda.so.1")
            return  # a machine with a driver
        except OSError:
            pass
        done = self.session(LD_LIBRARY_PATH="")
        check(done.returncode == 3 and "libcuda.so.1" in done.stderr, f"without a driver: status {done.returncode}, {done.stderr}")

    # Killed, cut off, resumed.

    def kill_in(self, step, stage):
        session = self.sandbox.start([self.kit / "gpu_session.sh", "--only", stage], FLEXC_FAKE_CUDA_HANG="1", **self.gpu)
        said = []
        for line in session.stdout:
            said.append(line.strip())
            if said[-1] == f"begin {step}":
                session.kill()
                break
        session.wait()
        session.stdout.close()
        check(said and said[-1] == f"begin {step}", f"the session never began {step}: {said}")
        names = [record["step"] for record in self.records()]
        check(step not in names, f"{step} was killed and is in the state")
        end = time.monotonic() + 5
        while processes_of(self.kit) and time.monotonic() < end:
            time.sleep(0.02)
        check(not processes_of(self.kit), f"the session was killed in {step} and left processes")
        return names

    def resume(self):
        planned, before, begun = self.session("--list").stdout.split(), [], 0
        for number, (step, stage) in enumerate(KILLED_IN):
            end = STAGES.index(stage) if stage in STAGES else len(STAGES)
            for earlier in STAGES[begun:end]:
                done = self.session("--only", earlier)
                check(done.returncode == 0, f"--only {earlier}: status {done.returncode}\n{done.stdout}{done.stderr}")
            begun = end
            names = self.kill_in(step, stage)
            check(names[: len(before)] == before, f"steps were lost: {before} became {names}")
            before = names
            if number == 0:
                with open(self.kit / "results/state.jsonl", "ab") as file:
                    file.write(b'{"step":"case.causal_64","status":0,"li')  # cut off while it wrote
                done = self.session("--budget", "0")
                check(done.returncode == 4 and "begin" not in done.stdout.replace("begin report", ""), f"no time: status {done.returncode}, {done.stdout}")
        with open(self.kit / "results/state.jsonl", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.session()
            check(done.returncode == 2 and "another session" in done.stderr, f"two sessions at once: status {done.returncode}, {done.stderr}")
        done = self.session()
        check(done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}")
        names = [record["step"] for record in self.records()]
        check(sorted(names) == sorted(["machine", *planned]), f"steps twice or lost: {sorted(names)} in place of {sorted(planned)}")
        check("begin" not in self.session().stdout.replace("begin report", ""), "a finished session ran a step again")
        self.facts.append(f"{len(names)} steps, killed in {', '.join(step for step, _ in KILLED_IN)}, each once")

    def everything_ran(self):
        lines = [line for record in self.records() for line in record["lines"]]
        bundles = sorted(path.name for path in (self.kit / "bundles").glob("*.flexb"))
        cpu = [line for line in lines if line.get("device") == "cpu" and line["ok"]]
        check(len(cpu) == len(bundles), f"CPU kernels of {len(cpu)} of {len(bundles)} bundles")
        cuda = [line for record in self.records() if record["step"].startswith("case.") for line in record["lines"]]
        replayed = [line["words_unlike_host_model"] for line in cuda if "words_unlike_host_model" in line]
        check(replayed == [0] * len(bundles), f"the stand-in does not give the host model's bits: {cuda}")
        for form in (FORM, STEPS):
            check(any(line["case"].endswith(f"@{form}") and line["ok"] for line in cuda), f"no case of the form {form}")
        steps = (self.kit / "bundles/forms" / STEPS / "causal.flexb").read_bytes()
        check(b"SteppedHooks" in steps and b"SteppedHooks" not in (self.kit / "bundles/causal.flexb").read_bytes(), "the bundle for positions in steps has no kernel for them")
        form = (self.kit / f"bundles/forms/{FORM}/causal.flexb").read_bytes()
        check(b"128 query rows by 128 keys" in form and b"128 query rows by 128 keys" not in (self.kit / "bundles/causal.flexb").read_bytes(), f"the bundle of {FORM} is not of that form")
        retiled = [line for line in lines if "retile" in line and line.get("ok")]
        check(len(retiled) > len(bundles) and not any("not_measured" in line for line in lines if "retile" in line), f"{len(retiled)} texts compiled again")
        for what in ("repeat", "mask", "shape", "micro", "bench"):
            check(any(what in line for line in lines), f"no line of {what}")
        special = [line for line in lines if line.get("what", "").startswith("NaN and infinity")]
        check(special and all(line["ok"] for line in special), f"values that are not finite: {special}")
        wheel = [line for line in lines if line.get("who") == "FlashAttention-3" and "median_ms" in line]
        triton = [line for line in lines if line.get("who") == "FlexAttention" and "median_ms" in line]
        cudnn = [line for line in lines if line.get("who") == "cuDNN" and "median_ms" in line]
        flash = [line for line in lines if line.get("who") == "FlexAttention FLASH" and "no FLASH" in line.get("not_measured", "")]
        check(len(flash) == len(bundles), "a peer that fails is not listed")
        check([record for record in self.records() if record["step"].startswith("sanitizer.") and record["lines"]] and any("sm_mhz" in record for record in self.records()), "compute-sanitizer and nvidia-smi were not asked")
        check(wheel and cudnn and len(triton) == len(bundles), f"peers.py did not get through: {[line for line in lines if 'who' in line]}")
        self.facts.append(f"CPU kernels of {len(bundles)} bundles, {len(retiled)} texts to the same cubins, {len(special)} calls with values that are not finite")

    # Report and plots.

    def reports(self):
        text = (self.kit / "results/report/report.md").read_text()
        check("REHEARSAL" in text and "SYNTHETIC" not in text and "A stand-in driver has no times." in text and "TFLOP/s over" not in text, "a rehearsal's report is not marked as one, or has figures")
        recorded, out = self.folder / "recorded.jsonl", self.folder / "recorded"
        for words in ([HERE / "sample_timings.py", recorded], [self.kit / "report.py", recorded, out]):
            done = self.sandbox.run([sys.executable, "-B", *words])
            check(done.returncode == 0, f"{words[0]}: {done.stderr}")
        text = (out / "report.md").read_text()
        check("REHEARSAL" in text and "SYNTHETIC" in text and text.count("NOT MEASURED") == 0, "recorded times are not marked as synthetic")
        for verdict in ("| reached |", "| not reached |", "| not measured |"):
            check(verdict in text, f"section 11 has no line with {verdict}")
        check(text.count(" †") == 3, "a benchmark that the host held up is not marked")
        plots = sorted(out.glob("*.svg"))
        for plot in plots:
            root = ElementTree.parse(plot).getroot()
            check("SYNTHETIC, NOT MEASURED" in "".join(root.itertext()), f"{plot.name} is not marked")
        for name in ("roofline", "head_dims", "variants_d64", "causal_d128"):
            check((out / f"{name}.svg").exists(), f"no plot {name}")
        self.facts.append(f"report and {len(plots)} plots from recorded times that are marked as synthetic")

    # Everything that judges is shown something wrong.

    def wrong_things(self):
        noticed = 0

        def notices(status, what, *words, **more):
            nonlocal noticed
            found, text = self.runner(*words, **more)
            check(found == status, f"{what}: status {found}, not {status}: {text}")
            noticed += 1

        kit = self.kit
        notices(1, "a run that differs from the one before", "repeat", kit, "causal_64", "3", "1", FLEXC_FAKE_CUDA_SPOIL="3")
        notices(1, "a first run that differs from the second", "case", kit, "causal_64", "cuda", FLEXC_FAKE_CUDA_SPOIL="3")
        out = kit / "expected/causal_64_out.f32"
        out.write_bytes(out.read_bytes()[:4096] + struct.pack("<f", 1.0) + out.read_bytes()[4100:])
        notices(1, "a wrong output of the CPU", "case", kit, "causal_64", "cpu")
        notices(1, "a wrong output of the GPU", "case", kit, "causal_64", "cuda")
        micro = kit / "expected/flexc_micro_warp.bin"
        micro.write_bytes(bytes([micro.read_bytes()[0] ^ 1]) + micro.read_bytes()[1:])
        notices(1, "a wrong word of a micro-test", "micro", kit)
        notices(1, "a kernel that does nothing", "shapes", kit, "causal_64", "1x1", "cuda", FLEXC_FAKE_CUDA_KERNELS=str(self.folder / "none"))
        notices(1, "a mask kernel that does nothing", "mask", kit, "document", FLEXC_FAKE_CUDA_KERNELS=str(self.folder / "none"))
        bundle = kit / "bundles/causal.flexb"
        raw = bytearray(bundle.read_bytes())
        at = raw.index(b"1ll)", raw.index(b"band(const Params&"))  # the causal band ends one key later
        raw[at : at + 1] = b"2"
        bundle.write_bytes(raw)
        notices(2, "a damaged bundle", "retile", kit, "bundles/causal.flexb")
        bundle.write_bytes(bytes(raw[:-32]) + hashlib.sha256(raw[:-32]).digest())
        notices(1, "a damaged hook text", "retile", kit, "bundles/causal.flexb")
        state = kit / "results/state.jsonl"
        state.write_bytes(state.read_bytes().replace(b'"step"', b'"stop"', 1))
        done = self.session()
        check(done.returncode == 2 and "line 1" in done.stderr, f"a damaged state: status {done.returncode}, {done.stderr}")
        self.facts.append(f"{noticed + 1} wrong things noticed")

    def run(self):
        self.make("--entries", ENTRIES, "--head-dims", HEAD_DIM, "--forms", f"{FORM};{STEPS}", "--wheel", str(stand_in_wheel(self.folder)), "--model", str(self.model))
        (self.folder / "none").mkdir()  # the stand-in's kernels but those that are left out
        for file in (*self.model.glob("flexc_tile_summaries.*"), *self.model.glob("flexc_tile_pairs.*")):
            shutil.copy(file, self.folder / "none")
        for part in (self.no_compiler, self.no_driver, self.resume, self.everything_ran, self.reports, self.wrong_things):
            part()
        self.tell()

    def run_whole(self):
        """The kit that travels: what of it needs neither a GPU nor the host model."""
        wheel = os.environ.get("FLEXC_KIT_WHEEL")
        self.make(*(["--wheel", wheel] if wheel else []))
        self.facts.append(f"with {Path(wheel).name}" if wheel else "without a wheel of FlashAttention-3 ($FLEXC_KIT_WHEEL names none)")
        self.no_compiler()
        for stage in ("cpu", "retile"):
            done = self.session("--only", stage)
            check(done.returncode == 0, f"--only {stage}: status {done.returncode}\n{done.stdout}{done.stderr}")
        lines = [line for record in self.records() for line in record["lines"]]
        bundles = list((self.kit / "bundles").rglob("*.flexb"))
        cpu, texts = {line["case"] for line in lines if "case" in line}, [line for line in lines if "retile" in line]
        entries = {json.loads((self.kit / f"cases/{name}.json").read_text())["variant"] for name in cpu}
        check(entries == {path.stem for path in bundles} and {line["retile"] for line in texts} == entries, "a bundle was left out")
        check(all(line.get("ok") for line in texts), f"not compared: {[line for line in texts if not line.get('ok')]}")
        self.facts.append(f"{len(cpu)} calls of the CPU kernels of {len(entries)} variants, {len(texts)} texts of {len(bundles)} bundles to the same cubins")
        self.tell()

    def tell(self):
        print("rehearsal: " + "; ".join(self.facts) + "; no GPU was used")


def main():
    if sys.argv[1:] not in ([], ["--whole"]):
        print("gpu_session.sh --rehearse [--whole]", file=sys.stderr)
        return 2
    whole = sys.argv[1:] == ["--whole"]
    build = Path(os.environ.get("FLEXC_BUILD", ROOT / "build")).resolve()
    if not (build / "fake_driver/libcuda.so.1").exists():
        print("gpu_session.sh: the stand-in driver is not built (it is one of the tests)", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = Rehearsal(build, Path(folder).resolve())
        try:
            rehearsal.run_whole() if whole else rehearsal.run()
        except Wrong as problem:
            print(f"rehearsal: {problem}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
