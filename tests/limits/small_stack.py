"""Runs flexc on a 256 KiB stack, with a bound on time and memory, and judges how it ended."""
import concurrent.futures
import os
import subprocess

STACK_KIB = 256
MEMORY_KIB = 2 * 1024 * 1024
TIMEOUT_S = 120  # a hang, not a speed limit: no verdict depends on speed


class Outcome:
    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr

    def clean_error(self):
        """Exit 1 with at least one diagnostic and nothing on stdout."""
        return self.status == 1 and ": error: " in self.stderr and not self.stdout


def run_flexc(flexc, arguments, text=""):
    """`text` goes to standard input."""
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLEXC_")}
    try:
        done = subprocess.run(["/bin/sh", "-c", f'ulimit -c 0; ulimit -s {STACK_KIB}; ulimit -v {MEMORY_KIB}; exec "$0" "$@"', flexc, *arguments], input=data,
                              capture_output=True, timeout=TIMEOUT_S, env=dict(environment, LC_ALL="C.UTF-8"))
    except subprocess.TimeoutExpired:
        return Outcome(None, "", f"no answer after {TIMEOUT_S} s")
    return Outcome(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, items))
