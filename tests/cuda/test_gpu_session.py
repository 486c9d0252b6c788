"""The GPU kit's Python: state, session, figures, plots, size, peers. test_gpu_session.py KIT_TOOLS (tools/gpu_kit) STAND_IN (of PyTorch).

The session runs with a runner of a few lines in place of the real one; what needs kernels is in `gpu_session.sh --rehearse`.
"""
import contextlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

TOOLS, STAND_IN = Path(sys.argv.pop(1)).resolve(), Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(TOOLS))
import build_kit  # noqa: E402
import figures  # noqa: E402
import plan  # noqa: E402
import plots  # noqa: E402
import rehearse  # noqa: E402
import state  # noqa: E402

RUNNER = """#!/bin/sh
case $1 in
  probe) echo '{"gpu":"none","driver":0,"multiprocessors":1,"l2_bytes":1}' ;;
  slow) exec sleep 60 ;;
  capture) head -c 65536 /dev/zero >"$7" ;;
  *) echo "$1" >>"$2/ran"; echo 'words of a tool'; echo "{\\"$1\\":\\"x\\",\\"ok\\":true}"; test ! -e "$2/fails_$1" ;;
esac
"""


def record(step, status=0, **line):
    return {"step": step, "status": status, "lines": [line] if line else []}


def bench(who, milliseconds, variant="noop", head_dim=64, length=1024, share=1.0):
    line = {"bench": variant, "who": who, "shape": [1, 2, 2, length, length, head_dim], "median_ms": milliseconds}
    return dict(line, kept_share=share) if who == "flexc" else line


class Folder(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.folder = Path(made.name)


class StateFile(Folder):
    def test_whole_lines_count(self):
        path = self.folder / "state"
        kept = state.State(path)
        kept.add(record("a"))
        kept.add(record("b", 1))
        with self.assertRaises(state.Busy):
            state.State(path)
        kept.file.close()
        whole = path.read_bytes()
        for torn in range(len(whole)):
            path.write_bytes(whole[:torn])
            again = state.State(path)
            self.assertEqual(list(again.steps), ["a", "b"][: whole[:torn].count(b"\n")])
            again.add(record("c"))
            again.file.close()
            self.assertEqual(len(state.read(path)), whole[:torn].count(b"\n") + 1)

    def test_damage_is_an_error(self):
        path = self.folder / "state"
        for text in (b'{"step":"a"}\n', b'{"step":\n{"step":"b","status":0,"lines":[]}\n', b"[]\n", b"3\n"):
            path.write_bytes(text)
            with self.assertRaises(ValueError):
                state.State(path)


class Session(Folder):
    def setUp(self):
        super().setUp()
        for name in ("bin", "cases", "masks", "bundles"):
            (self.folder / name).mkdir()
        for file in TOOLS.glob("*.py"):
            os.symlink(file, self.folder / file.name)
        (self.folder / "kit.json").write_text('{"bounds": {}, "digest": "0"}')
        runner = self.folder / "bin/runner"
        runner.write_text(RUNNER)
        runner.chmod(0o755)
        for name in ("noop_64", "causal_64"):
            (self.folder / f"cases/{name}.json").write_text("{}")

    def run_session(self, *words):
        return subprocess.run([sys.executable, "-B", str(TOOLS / "session.py"), str(self.folder), *words], capture_output=True, text=True)

    def ran(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "ran").read_text().split()
        return []

    def test_each_step_once(self):
        for _ in range(2):
            done = self.run_session("--only", "cases")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.ran(), ["case", "case"])
        self.assertTrue((self.folder / "results/report/report.md").exists())
        with tarfile.open(self.folder / "results/session.tar.gz") as tar:
            self.assertLessEqual({"state.jsonl", "report/report.md"}, set(tar.getnames()))

    def test_what_differs_stays_so(self):
        (self.folder / "fails_case").touch()
        self.assertEqual(self.run_session("--only", "cases").returncode, 1)
        self.assertEqual(self.run_session("--only", "cases").returncode, 1)
        self.assertEqual(len(self.ran()), 2)
        self.assertIn("| case.noop_64 |", (self.folder / "results/report/report.md").read_text())

    def test_budget(self):
        done = self.run_session("--only", "cases", "--budget", "0")
        self.assertEqual((done.returncode, self.ran()), (4, []), done.stderr)

    def test_cut_off_by_the_budget_is_not_done(self):
        runner = self.folder / "bin/runner"
        runner.write_text(RUNNER.replace("slow)", "micro)"))
        done = self.run_session("--only", "micro", "--budget", "0.5")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual([each["step"] for each in state.read(self.folder / "results/state.jsonl")], ["machine"])

    def test_another_machine_or_kit_is_refused(self):
        self.run_session("--only", "cases")
        for file, change in ((self.folder / "bin/runner", ('"gpu":"none"', '"gpu":"another"')), (self.folder / "kit.json", ('"0"', '"1"'))):
            before = file.read_text()
            file.write_text(before.replace(*change))
            done = self.run_session("--only", "cases")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("the state is of another", done.stderr)
            file.write_text(before)
        self.assertEqual(self.run_session("--only", "cases").returncode, 0)

    def test_no_kit(self):
        (self.folder / "bin/runner").unlink()
        self.assertEqual(self.run_session().returncode, 2)


class Peers(Folder):
    """On a stand-in for PyTorch, which computes nothing: every variant and peer is gone through."""

    def setUp(self):
        super().setUp()
        for name in ("bin", "wheels", "results"):
            (self.folder / name).mkdir()
        (self.folder / "bin/runner").write_text(RUNNER)
        (self.folder / "bin/runner").chmod(0o755)
        rehearse.stand_in_wheel(self.folder / "wheels")

    def run_peers(self, *words):
        command = [sys.executable, "-B", str(TOOLS / "peers.py"), str(self.folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(STAND_IN)})
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_variant(self):
        forms = {"cuDNN": {"noop", "causal"}, "FlashAttention-3": {"noop", "causal", "sliding_window", "softcap"}, "FlexAttention": set(plan.PAPER), "FlexAttention FLASH": set()}
        for variant in plan.PAPER:
            lines = self.run_peers(variant, ",".join(forms), "1", "1,4,2,512,512,64", "1,4,2,1024,1024,64")
            self.assertEqual({line["who"] for line in lines}, set(forms))
            measured = {line["who"] for line in lines if "median_ms" in line}
            self.assertEqual(measured, {who for who, variants in forms.items() if variant in variants}, lines)

    def test_a_peer_that_is_missing_is_listed(self):
        for wheel in (self.folder / "wheels").iterdir():
            wheel.unlink()
        (line,) = self.run_peers("noop", "FlashAttention-3", "1", "1,4,2,512,512,64")
        self.assertIn("no wheel", line["not_measured"])

    def test_the_machine(self):
        (line,) = self.run_peers("machine")
        self.assertEqual((line["torch"], "bytes_a_second" in line), ("stand-in", False))


class Figures(unittest.TestCase):
    def verdicts(self, benches, decodes=(), bandwidth=None, **machine):
        return [each["verdict"] for each in figures.section_11(figures.Table(benches), decodes, bandwidth, **machine)]

    def test_nothing_is_guessed(self):
        self.assertEqual(set(self.verdicts([])), {"not measured"})
        self.assertEqual(set(self.verdicts([bench("flexc", 0.0), bench("cuDNN", 0.0), bench("FlashAttention-3", 0.0)])), {"not measured"})
        # One of the two peers is not "the better of both".
        self.assertEqual(self.verdicts([bench("flexc", 1.0), bench("cuDNN", 2.0)])[0], "not measured")

    def test_limits(self):
        for own, expected in ((1.0, ["reached", "reached"]), (1.03, ["reached", "not reached"]), (1.06, ["not reached", "not reached"])):
            found = self.verdicts([bench("flexc", own), bench("cuDNN", 1.055), bench("FlashAttention-3", 1.3)])
            self.assertEqual(found[:2], expected)
        for theirs, expected in ((1.61, "reached"), (1.59, "not reached")):
            self.assertEqual(self.verdicts([bench("flexc", 1.0), bench("FlexAttention", theirs)])[3], expected)
        causal = bench("flexc", 1.0, "causal", share=0.5)
        for share, expected in ((0.25, "reached"), (0.2, "not reached")):
            self.assertEqual(self.verdicts([causal, bench("flexc", 0.5, "sliding_window", share=share)])[2], expected)
        # The bound of its machine code counts where it is the lower one, and alone for noop.
        slow = [bench("flexc", 1.0), bench("flexc", 2.0, "softcap")]
        rate = figures.tflops(dict(slow[1], kept_share=1.0))
        self.assertEqual(self.verdicts(slow)[2], "not reached")
        for share, expected in ((0.5, "reached"), (0.6, "not reached")):
            self.assertEqual(self.verdicts(slow, bounds={"softcap_64": share}, peak=2 * rate)[2], expected)
            self.assertEqual(self.verdicts(slow[:1], bounds={"noop_64": share}, peak=4 * rate)[2], expected)
        self.assertEqual(self.verdicts(slow[:1], bounds={"noop_64": 0.5})[2], "not measured")
        decode = {"shape": [1, 32, 8, 1, 65536, 128], "median_ms": 1.0}
        bytes_read = 2 * 2 * 8 * 65536 * 128
        for share, expected in ((0.91, "reached"), (0.89, "not reached")):
            self.assertEqual(self.verdicts([], [decode], bytes_read / 1e-3 / share)[5], expected)

    def test_one_bad_shape_is_not_hidden(self):
        rows = [bench(who, time, length=length) for length in (1024, 2048) for who, time in (("flexc", 1.0), ("FlexAttention", 9.0 if length == 1024 else 1.5))]
        self.assertEqual(self.verdicts(rows)[3], "not reached")


class Rest(Folder):
    def test_plots_are_svg(self):
        root = ElementTree.fromstring(plots.svg("a < b", "x", "y", {"one & two": [(512, 1.0), (1024, 90.0)], "single": [(512, 3)]}, mark="MADE UP", log_y=True))
        self.assertIn("MADE UP", "".join(root.itertext()))

    def test_a_kit_that_is_too_large_is_refused(self):
        kit = self.folder / "kit"
        kit.mkdir()
        (kit / "noise").write_bytes(os.urandom(4096))
        build_kit.pack(kit, self.folder / "kit.tar.gz")
        with self.assertRaises(build_kit.Stop):
            build_kit.check_size(self.folder / "kit.tar.gz", 4096)
        build_kit.check_size(self.folder / "kit.tar.gz", 8192)

    def test_shapes_are_the_papers(self):
        for head_dim in plan.HEAD_DIMS:
            for length in plan.LENGTHS:
                batch, heads, _, q_len, _, _ = plan.paper_shape(head_dim, length)
                self.assertEqual((batch * q_len, heads * head_dim), (plan.TOKENS, plan.HIDDEN))


if __name__ == "__main__":
    unittest.main()
