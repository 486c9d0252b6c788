"""What the tests of the cache share: an independent reader of entries, and the driver under the shim."""

import hashlib
import os
import pathlib
import re
import struct
import subprocess

CALLS = ["none", "open", "read", "write", "flock", "fcntl", "close", "rename", "unlink"]


def fault_of(data: bytes, name: str) -> str:
    """Why the bytes are not the entry of this name; empty if they are. Written from docs/cache.md, not from the reader."""
    if len(data) < 64 or data[:8] != b"flexcKEY":
        return "header"
    version, kind, key_bytes, payload_bytes = struct.unpack_from("<IIQQ", data, 8)
    if version != 1 or len(data) != 32 + key_bytes + payload_bytes + 32:
        return "lengths"
    if hashlib.sha256(data[:-32]).digest() != data[-32:]:
        return "digest"
    kind_name = {1: b"cpu object", 2: b"cubin", 3: b"mask"}[kind]
    return "" if hashlib.sha256(kind_name + b"\n" + data[32:32 + key_bytes]).hexdigest() == name else "name"


def examine(folder: pathlib.Path) -> tuple[int, int, int]:
    """(good entries, bad entries, temporaries) in the folder; anything else counts as bad."""
    good = bad = temporaries = 0
    for path in folder.iterdir():
        if path.name.startswith("tmp-"):
            temporaries += 1
        elif re.fullmatch("[0-9a-f]{64}", path.name) and not fault_of(path.read_bytes(), path.name):
            good += 1
        else:
            bad += 1
    return good, bad, temporaries


class Driver:
    """cache_driver, with or without the shim."""

    def __init__(self, driver: str, shim: str):
        self.driver, self.shim = driver, shim

    def command(self, folder, *arguments) -> list[str]:
        return [self.driver, str(folder), *map(str, arguments)]

    def environment(self, folder, **shim) -> dict[str, str]:
        if not shim:
            return dict(os.environ)
        return {**os.environ, "LD_PRELOAD": self.shim, "SHIM_FOLDER": str(folder), **{f"SHIM_{key.upper()}": str(value) for key, value in shim.items()}}

    def run(self, folder, *arguments, **shim) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(folder, *arguments), env=self.environment(folder, **shim), capture_output=True, text=True, timeout=600)
