"""The client of tests/pointwise/pointwise: evaluates mods of a variant at single pairs."""
import json
import os
import struct
import subprocess

import numpy as np


def double_bits(value):
    return struct.unpack("<Q", struct.pack("<d", float(value)))[0]


def double_from_bits(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def float_bits(value):
    return int(np.float32(value).view(np.uint32))


def capture(dtype, values, shape=None):
    """A capture of the request: floats as bits. `values` is flat, or an array."""
    array = np.asarray(values)
    shape = list(array.shape) if shape is None else list(shape)
    flat = array.reshape(-1)
    if dtype == "f32":
        data = [int(v) for v in flat.astype(np.float32).view(np.uint32)]
    elif dtype in ("f16", "bf16"):
        data = [int(v) for v in (flat.astype(np.float16).view(np.uint16) if dtype == "f16" else flat)]
    else:
        data = [int(v) for v in flat]
    return {"dtype": dtype, "shape": shape, "data": data}


class Rejected(Exception):
    """The variant has errors: [{"code", "message", "line", "column"}]."""

    def __init__(self, errors):
        super().__init__("; ".join(f"{e['line']}:{e['column']}: {e['message']} [{e['code']}]" for e in errors))
        self.errors = errors


class LaunchError(Exception):
    """Tensors that do not fit the variant."""


class Pointwise:
    """One process that answers many requests."""

    def __init__(self, program):
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment)
        self.requests = 0

    def ask(self, **request):
        self.requests += 1
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            status = self.process.wait()
            raise RuntimeError(f"pointwise ended with status {status} on this request: {json.dumps(request)[:4000]}")
        answer = json.loads(line)
        if "errors" in answer:
            raise Rejected(answer["errors"])
        if "launch_error" in answer:
            raise LaunchError(answer["launch_error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    # Shorthands. `points` of a mask are (b, h, q_idx, kv_idx); of a score, (score, b, h, q_idx, kv_idx).

    def masks(self, source, points, **more):
        return [bool(v) for v in self.ask(source=source, points={"mask": [list(map(int, p)) for p in points]}, **more)["mask"]]

    def scores(self, source, points, **more):
        encoded = [[double_bits(p[0]), *map(int, p[1:])] for p in points]
        return [double_from_bits(v) for v in self.ask(source=source, points={"score": encoded}, **more)["score"]]

    def accepts(self, source, **more):
        try:
            self.ask(source=source, **more)
            return True
        except LaunchError:  # tensors are not given: the text is right
            return True
        except Rejected:
            return False

    # Observers: programs whose mod shows the value `v` that `body` (lines of a function) computes at each kv_idx in turn.

    def observe_bool(self, header, body, count, **more):
        source = f"{header}\ndef mask_mod(b, h, q_idx, kv_idx):\n{indent(body)}\n    return v\n"
        return self.masks(source, [(0, 0, 0, i) for i in range(count)], **more)

    def observe_int(self, header, body, count, **more):
        """All 64 bits, in three pieces that a float holds exactly; h says which."""
        source = (f"{header}\ndef score_mod(score, b, h, q_idx, kv_idx):\n{indent(body)}\n"
                  "    return where(h == 0, v & 0xFFFFFF, where(h == 1, (v >> 24) & 0xFFFFFF, (v >> 48) & 0xFFFF))\n")
        pieces = self.scores(source, [(0, 0, piece, 0, i) for i in range(count) for piece in range(3)], **more)
        values = []
        for i in range(count):
            low, middle, high = (int(p) for p in pieces[3 * i:3 * i + 3])
            values.append(((low | middle << 24 | high << 48) + 2**63) % 2**64 - 2**63)
        return values

    def observe_float(self, header, body, count, strict=True, scores=None, **more):
        """The f32 of the strict cone (a condition depends on v), or the oracle's f64 outside of it."""
        result = "where(v == v, v, v)" if strict else "v"
        source = f"{header}\ndef score_mod(score, b, h, q_idx, kv_idx):\n{indent(body)}\n    return {result}\n"
        return self.scores(source, [(scores[i] if scores else 0, 0, 0, 0, i) for i in range(count)], **more)


def indent(body):
    return "\n".join("    " + line for line in body.split("\n"))
