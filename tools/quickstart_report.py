#!/usr/bin/env python3
"""Compares an output of flexc with what was expected, and draws the block mask. Python's standard library only.

usage: quickstart_report.py --out OUT.npy --expected FILE.safetensors:TENSOR --limit X --seconds S --map MAP.npy --mask-json MASK.json [--oracle ORACLE.npy]

Exit status: 0 every element is within the limit, 1 one is not (or a file is not what it should be).
"""
import argparse
import array
import ast
import json
import math
import struct
import sys


def fail(text):
    print(f"quickstart: {text}", file=sys.stderr)
    sys.exit(1)


def little_endian(code, data):
    values = array.array(code)
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def read_npy(path):
    """(shape, values) of a row-major .npy of f32 or u8."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x93NUMPY":
        fail(f"{path} is not a .npy file")
    length = struct.unpack_from("<H", data, 8)[0]
    header = ast.literal_eval(data[10:10 + length].decode("ascii"))
    code = {"<f4": "f", "|u1": "B"}.get(header["descr"])
    if code is None or header["fortran_order"]:
        fail(f"{path}: expected row-major f32 or u8, found {header}")
    return tuple(header["shape"]), little_endian(code, data[10 + length:])


def read_safetensors(path):
    """(shape, values) of FILE.safetensors:TENSOR, f32."""
    file_name, _, tensor = path.rpartition(":")
    with open(file_name, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<Q", data)[0]
    entry = json.loads(data[8:8 + length])[tensor]
    if entry["dtype"] != "F32":
        fail(f"{path}: expected F32, found {entry['dtype']}")
    begin, end = entry["data_offsets"]
    return tuple(entry["shape"]), little_endian("f", data[8 + length + begin:8 + length + end])


def compare(what, output, reference, limit):
    """Prints the largest difference; whether it is within the limit."""
    (shape, values), (expected_shape, expected) = output, reference
    if shape != expected_shape or len(values) != len(expected):
        fail(f"the output has shape {shape}, expected {expected_shape}")
    # max() would drop a NaN silently, so NaN is counted as infinitely far away.
    errors = (abs(a - b) for a, b in zip(values, expected))
    worst = max((math.inf if math.isnan(error) else error for error in errors), default=0.0)
    print(f"  largest difference from {what}: {worst:.3g} (limit {limit:g}) over {len(values)} values: {'equal' if worst <= limit else 'DIFFERENT'}")
    return worst <= limit


def draw(shape, tiles):
    """Lines of text, one character a tile, of the first batch and head."""
    rows, columns = shape[2], shape[3]
    return ["  " + "".join("·▒█"[tiles[row * columns + column]] for column in range(columns)) for row in range(rows)]


def main():
    parser = argparse.ArgumentParser(description="Compares flexc's output with the model's, and draws the mask.")
    parser.add_argument("--out", required=True)
    parser.add_argument("--expected", required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--seconds", required=True)
    parser.add_argument("--oracle", help="the float64 interpreter's output of the same call")
    parser.add_argument("--map", required=True)
    parser.add_argument("--mask-json", required=True)
    options = parser.parse_args()

    output = read_npy(options.out)
    holds = compare("the model's own output", output, read_safetensors(options.expected), options.limit)
    if options.oracle:
        holds = compare("the float64 oracle", output, read_npy(options.oracle), options.limit) and holds
    print(f"  time: {options.seconds} s, process start, compilation and files included")

    with open(options.mask_json, encoding="utf-8") as file:
        blocks = json.load(file)["blocks"]
    total = sum(blocks.values())
    map_shape, tiles = read_npy(options.map)
    if len(map_shape) != 4 or len(tiles) != math.prod(map_shape):
        fail(f"the map has shape {map_shape}, expected four dimensions")
    print(f"  tiles of 32 x 32 skipped: {100 * blocks['empty'] / total:.1f} % ({blocks['empty']} empty, {blocks['partial']} partial, {blocks['full']} full)")
    print("  the mask, one character a tile (· empty, ▒ partial, █ full):")
    print("\n".join(draw(map_shape, tiles)))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
