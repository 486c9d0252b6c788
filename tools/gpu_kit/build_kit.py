#!/usr/bin/env python3
"""Makes a kit and packs it: build_kit.py FOLDER [--entries a,b] [--head-dims 64,128] [--dtypes bf16,f16] [--forms none|all|FORM;FORM] [--wheel FILE]…

FOLDER holds the kit, FOLDER.tar.gz what travels: at most 48 MiB. $FLEXC_BUILD is the build folder (build/ beside tools/). Options that are not named
here go to flexc_gpu_kit. Exit status: 0 made, 1 too large, 2 usage, 3 nothing is built or no NVRTC.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import PAPER, STEPS  # noqa: E402

HERE = Path(__file__).resolve().parent
MOST_BYTES = 48 << 20
FILES = ["session.py", "plan.py", "state.py", "report.py", "figures.py", "plots.py", "peers.py", "README.md"]
# Of the C library's own package: every Linux machine has them, and they belong to its loader and kernel.
OF_LIBC = re.compile(r"(ld-linux-x86-64|libc|libm|libdl|libpthread|librt)\.so\.\d+$")
# docs/gpu_questions.md: what a GPU has to decide. Form: (entries, head dims).
FORMS = {
    "pin=sleep": (["noop", "causal"], [64, 128]),
    "turns=off": (["noop", "causal"], [64, 128]),
    "maximum=lazy": (["noop", "causal", "softcap"], [64, 128]),
    "tile=128x128": (["noop", "causal"], [64]),
    "tile=128x176": (["noop"], [128]),
    STEPS: (["causal", "alibi", "prefix_lm", "document", "t5_bias"], [64, 128]),
}


class Stop(Exception):
    def __init__(self, message, status):
        super().__init__(message)
        self.status = status


def run(*command, **options):
    done = subprocess.run(command, **options)
    if done.returncode != 0:
        raise Stop(f"{Path(command[0]).name} ended with status {done.returncode}", 3 if done.returncode == 3 else 1)


def libraries_of(program):
    """name → file of everything that the loader would open for it."""
    listed = subprocess.run([str(program)], env={"LD_TRACE_LOADED_OBJECTS": "1"}, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^\s*(\S+) => (\S+) \(", listed, re.M))
    missing = re.findall(r"^\s*(\S+) => not found", listed, re.M)
    if missing:
        raise Stop(f"{program} lacks {', '.join(missing)}", 3)
    return found


def copy_runner(build, kit):
    """The runner with every library that is not libc's."""
    (kit / "bin").mkdir(parents=True)
    (kit / "lib").mkdir()
    program = build / "bin/flexc_gpu_runner"
    copies = [(program, kit / "bin/runner")]
    copies += [(Path(file), kit / "lib" / name) for name, file in libraries_of(program).items() if not OF_LIBC.search(name)]
    for source, target in copies:
        shutil.copy(source, target)
        if shutil.which("strip"):
            subprocess.run(["strip", "--strip-unneeded", str(target)], stderr=subprocess.DEVNULL)


def write_forms(writer, kit, wanted, entries, rest):
    model = rest[rest.index("--model") :][:2] if "--model" in rest else []
    asked = set(map(int, rest[rest.index("--head-dims") + 1].split(","))) if "--head-dims" in rest else None
    for form in wanted:
        variants, head_dims = FORMS[form]
        chosen = [name for name in variants if name in entries]
        head_dims = [dim for dim in head_dims if asked is None or dim in asked]
        if chosen and head_dims:
            command = [writer, str(kit), "--form", form, "--entries", ",".join(chosen), "--head-dims", ",".join(map(str, head_dims)), *model]
            run(*command, env={**os.environ, "FLEXC_HOPPER_FORMS": "" if form == STEPS else form})
            (kit / "bundles/forms" / form / "head_dims.json").write_text(json.dumps(head_dims))


def bounds_of(build, kit):
    """Case → the share of the tensor cores' peak that the machine code allows, as `flexc explain --kernel` predicts it; nothing without nvdisasm."""
    bounds = {}
    for variant in PAPER:
        for case in sorted((kit / "cases").glob(f"{variant}_[0-9]*.json")):
            head_dim = case.stem.rpartition("_")[2]
            if not head_dim.isdigit():
                continue  # another dtype or form
            done = subprocess.run([str(build / "bin/flexc"), "explain", variant, "--kernel", "--dtype", "bf16", "--head-dim", head_dim, "--json"], capture_output=True, text=True)
            said = json.loads(done.stdout).get("kernel", {}) if done.returncode == 0 else {}
            if "static_prediction" in said:
                bounds[case.stem] = said["static_prediction"]["share_of_peak"]
    return bounds


def digest_of(kit):
    """Of all that runs and all that it is compared with."""
    digest = hashlib.sha256()
    for path in sorted(path for path in kit.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(kit)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def pack(kit, archive):
    """Without owners and dates, so that equal kits give equal bytes as far as gzip's header allows."""
    def plain(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for path in sorted(kit.rglob("*")):
            if path.is_file():
                tar.add(path, arcname=str(path.relative_to(kit)), filter=plain)


def check_size(archive, most):
    if (size := archive.stat().st_size) > most:
        raise Stop(f"the packed kit has {size} bytes, more than {most}", 1)


def build(options, rest):
    folder = Path(os.environ.get("FLEXC_BUILD", HERE.parent.parent / "build")).resolve()
    writer = str(folder / "bin/flexc_gpu_kit")
    if not os.access(writer, os.X_OK) or not os.access(folder / "bin/flexc_gpu_runner", os.X_OK):
        raise Stop("nothing is built; run tools/build.sh first", 3)
    kit = options.folder
    if kit.exists() and not (kit / "bin/runner").exists():
        raise Stop(f"{kit} exists and is no kit", 2)
    forms = list(FORMS) if options.forms == "all" else [] if options.forms == "none" else options.forms.split(";")
    if unknown := [form for form in forms if form not in FORMS]:
        raise Stop(f"no form {unknown[0]}; forms are {'; '.join(FORMS)}", 2)
    shutil.rmtree(kit, ignore_errors=True)
    copy_runner(folder, kit)
    for name in FILES:
        shutil.copy(HERE / name, kit / name)
    shutil.copy(HERE.parent / "gpu_session.sh", kit / "gpu_session.sh")
    chosen = ["--entries", options.entries] if options.entries else []
    run(writer, str(kit), str(HERE / "micro.cu"), *chosen, *rest)
    entries = {path.stem for path in (kit / "bundles").glob("*.flexb")}
    write_forms(writer, kit, forms, entries, rest)
    for wheel in options.wheel:
        (kit / "wheels").mkdir(exist_ok=True)
        shutil.copy(wheel, kit / "wheels")
    (kit / "kit.json").write_text(json.dumps({"made": time.strftime("%Y-%m-%d", time.gmtime()), "entries": sorted(entries), "forms": forms, "options": rest, "bounds": bounds_of(folder, kit), "digest": digest_of(kit)}) + "\n")
    archive = kit.with_name(kit.name + ".tar.gz")
    pack(kit, archive)
    size = archive.stat().st_size
    unpacked = sum(path.stat().st_size for path in kit.rglob("*") if path.is_file())
    print(f"kit: {archive} has {size} bytes, limit {MOST_BYTES}; {unpacked} unpacked; {len(entries)} bundles, {len(list((kit / 'cases').glob('*.json')))} cases, {len(forms)} forms")
    check_size(archive, MOST_BYTES)


def main():
    parser = argparse.ArgumentParser(prog="gpu_session.sh --build", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", help="gallery entries; all where left out")
    parser.add_argument("--forms", default="all")
    parser.add_argument("--wheel", action="append", default=[], type=Path)
    options, rest = parser.parse_known_args()
    try:
        build(options, rest)
    except (Stop, OSError) as problem:
        print(f"gpu_session.sh: {problem}", file=sys.stderr)
        return getattr(problem, "status", 3)
    return 0


if __name__ == "__main__":
    sys.exit(main())
