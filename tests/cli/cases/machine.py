"""flexc doctor and cache: what is on this machine."""
import json
import tempfile
from pathlib import Path

from session import HAS_AVX2, RANDOM, Failure


def test_doctor(s):
    text = s.expect(0, "doctor", environment={"HOME": "", "XDG_CACHE_HOME": "", "FLEXC_CACHE_DIR": ""}).stdout
    for word in ("flexc", "cpu", "nvrtc", "driver", "cache", "oracle", "yes"):
        if word not in text:
            raise Failure(f"doctor has no '{word}'")
    report = json.loads(s.expect(0, "doctor", "--json", environment={"FLEXC_CACHE_DIR": str(s.folder / "causal.flex" / "cache")}).stdout)
    if not report["devices"]["oracle"]["works"] or report["devices"]["cpu"]["works"] != HAS_AVX2 or not report["cache"]["problem"]:
        raise Failure(f"JSON: {report}")


def test_cache(s):
    if not HAS_AVX2:
        return
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name, "cache")
        own = {"FLEXC_CACHE_DIR": str(directory)}
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", "--out", "compiled.npy", environment=own)
        entries = list(directory.iterdir())
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", "--out", "found.npy", environment=own)
        if (s.folder / "compiled.npy").read_bytes() != (s.folder / "found.npy").read_bytes() or list(directory.iterdir()) != entries or len(entries) != 1:
            raise Failure(f"one entry, and the same answer from it: {entries}")
        listed = json.loads(s.expect(0, "cache", "list", "--json", environment=own).stdout)
        if listed["directory"] != str(directory) or [entry["name"] for entry in listed["entries"]] != [entries[0].name]:
            raise Failure(f"list: {listed}")
        if "cpu object" not in s.expect(0, "cache", "list", environment=own).stdout:
            raise Failure("list has no kind")
        shown = s.expect(0, "cache", "show", entries[0].name[:12], environment=own).stdout
        if "level: x86-64-v" not in shown or "slopes" in shown:
            raise Failure("show prints the key, which has none of the user's names")
        s.expect(1, "cache", "show", "zzz", words=["no entry begins with 'zzz'"], environment=own)
        s.expect(0, "cache", "verify", environment=own)
        entries[0].write_bytes(entries[0].read_bytes()[:-1])
        spoiled = s.call("cache", "verify", environment=own)
        if spoiled.returncode != 1 or "its length is not what its header says" not in spoiled.stdout or list(directory.iterdir()):
            raise Failure(f"verify: {spoiled.stdout}")
        s.expect(0, "run", "alibi", *RANDOM, "--device", "cpu", environment=own)
        if "1 files removed" not in s.expect(0, "cache", "clear", environment=own).stdout or list(directory.iterdir()):
            raise Failure("clear")
        directory.chmod(0o777)
        s.expect(3, "cache", "list", words=["other users may write to it"], environment=own)
        warned = s.call("run", "alibi", *RANDOM, "--device", "cpu", environment=own)
        if warned.returncode != 0 or warned.stderr.count("other users may write to it") != 1 or list(directory.iterdir()):
            raise Failure(f"an unusable cache: {warned.stderr}")
