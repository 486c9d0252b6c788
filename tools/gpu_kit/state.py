"""What a session has done: one file, a line of JSON for each step that ended, with all that it printed. A line counts once it is whole."""
import fcntl
import json
import os


class Busy(Exception):
    """Another session works on this file."""


class State:
    """Steps that ended, by name. Holds the file's lock until the process ends, however it does."""

    def __init__(self, path):
        self.file = open(path, "a+b")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.file.seek(0)
            whole, _, torn = self.file.read().rpartition(b"\n")
            if torn:  # the session was cut off while it wrote
                self.file.truncate(len(whole) + 1 if whole else 0)
            self.steps = {record["step"]: record for record in parse(whole)}
        except (OSError, ValueError) as problem:
            self.file.close()
            if isinstance(problem, BlockingIOError):
                raise Busy(f"{path}: another session works on it") from None
            raise

    def add(self, record):
        self.file.write(json.dumps(record).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.steps[record["step"]] = record


def parse(raw):
    """Records of whole lines. A damaged one is an error: it is no torn end."""
    records = []
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            record = json.loads(line)
            if not {"step", "status", "lines"} <= record.keys():
                raise ValueError("a record has a step, a status and lines")
        except (ValueError, AttributeError) as problem:
            raise ValueError(f"line {number} of the session's state is damaged: {problem}") from None
        records.append(record)
    return records


def read(path):
    """For readers that do not run steps: what is whole."""
    with open(path, "rb") as file:
        whole, _, _ = file.read().rpartition(b"\n")
    return parse(whole)
