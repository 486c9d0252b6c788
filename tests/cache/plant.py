#!/usr/bin/env python3
"""Copies the cache's sources with one fault planted: plant.py FAULT.txt SOURCE_FOLDER FOLDER SOURCE…

Fails if a text to be replaced is not there exactly once: a fault that is not planted would prove nothing.
"""

import pathlib
import sys


def parse(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines())


def main() -> int:
    fault = parse(pathlib.Path(sys.argv[1]).read_text())
    source, target = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    target.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[4:]:
        text = (source / f"{name}.cpp").read_text()
        if name == fault["file"]:
            for old, new in (("from", "to"), ("and", "with")):
                if old in fault:
                    if text.count(fault[old]) != 1:
                        sys.exit(f"{sys.argv[1]}: found {text.count(fault[old])} times, not once: {fault[old]}")
                    text = text.replace(fault[old], fault[new])
        (target / f"{name}.cpp").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
