"""tools/sass_gate on small listings: a good loop passes, and each fault that a gate or a rule is for is found."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tools"))
import sass_gates  # noqa: E402

loader = importlib.machinery.SourceFileLoader("sass_gate", str(ROOT / "tools" / "sass_gate"))
spec = importlib.util.spec_from_loader("sass_gate", loader)
sass_gate = importlib.util.module_from_spec(spec)
loader.exec_module(sass_gate)

EXPONENTIALS = ["MUFU.EX2 R1, R1"] * 10
# N = 16, D = 16: one product each. A wait that retries out of line, a mask behind a branch, the two products, and the loop.
GOOD = (["LABEL .L_x_1", "@P1 BRA `(.L_x_2)", "FSEL R1, R1, -INF , P2", "FSEL R2, R2, -INF , P2", "LABEL .L_x_2"] + EXPONENTIALS +
        ["WARPGROUP.DEPBAR.LE gsb0, 0x0", "SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [R15+UR16+0x410], R2", "@!P0 BRA `(.L_x_3)", "LABEL .L_x_4",
         "UIADD3.64 UR26, UR22, 0x80, URZ", "HGMMA.64x16x16.F32.BF16 R24, gdesc[UR24], RZ, !UPT, gsb0", "HGMMA.64x64x16.F32.BF16 R32, R4, gdesc[UR20].tnspB, R32, gsb0",
         "WARPGROUP.DEPBAR.LE gsb0, 0x1", "@P3 BRA `(.L_x_1)", "EXIT", "LABEL .L_x_3", "SYNCS.PHASECHK.TRANS64.TRYWAIT P0, [R15+UR16+0x410], R2",
         "@!P0 BRA `(.L_x_3)", "BRA `(.L_x_4)"])


def listing(lines):
    text, address = '\t.section\t.text.kernel,"ax",@progbits\n', 0
    for line in lines:
        if line.startswith("LABEL "):
            text += line[6:] + ":\n"
            continue
        guard, rest = line.split(" ", 1) if line.startswith("@") else ("", line)
        text += f"        /*{address:04x}*/         {guard} {rest} ;\n"
        address += 16
    return text


class Gates(unittest.TestCase):
    def judged(self, lines, log="", smem="1000"):
        with tempfile.TemporaryDirectory() as folder:
            sass, messages = os.path.join(folder, "kernel.sass"), os.path.join(folder, "log")
            pathlib.Path(sass).write_text(listing(lines))
            pathlib.Path(messages).write_text(log)
            options = type("Options", (), {"tile": (128, 16, 16, 64), "log": messages, "smem": int(smem)})()
            items = sass_gates.parse(pathlib.Path(sass).read_text())["kernel"]
            report = sass_gates.judge(None, items, options)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                status = sass_gate.main([sass, "--tile", "128,16,16,64", "--log", messages, "--smem", smem, "--json"])
        failed = [name for name, passed, _ in report["gates"] if not passed]
        self.violated = [rule for rule, _, _, holds in json.loads(printed.getvalue())["kernel"]["rules"] if not holds]
        self.assertEqual(status, 1 if failed or self.violated else 0)
        return report, failed

    def test_good_loop_passes(self):
        report, failed = self.judged(GOOD)
        self.assertEqual(failed, [])
        loop = report["loop"]
        self.assertEqual((loop["hgmma"], loop["ex2"], loop["ex2_overlapped"]), (2, 10, 10))
        self.assertEqual(loop["slots"], 1 + 10 + 1 + 2 + 1 + 2 + 1 + 1)  # the shortest path: without the mask, without retries
        self.assertEqual(loop["slots_longest"], loop["slots"] + 2)
        self.assertEqual({name: path["slots"] for name, path in loop["paths"].items()}, {"full": loop["slots"], "diagonal": loop["slots"] + 2})
        self.assertEqual(self.violated, [])

    def test_rules(self):
        """Each rule's limit is met by a loop at the limit and violated by the next one; scores get what their operations may cost, and no more."""
        def loop(tile, full, diagonal=None, **changes):
            paths = {name: {"slots": slots, "has_loop": False} for name, slots in (("full", full), ("diagonal", diagonal)) if slots is not None}
            return {"tile": tile, "paths": paths, "uniform_per_hgmma": 2.5, "clocks_to_first_ex2": 150, "overlap": 1.0, **changes}

        def violated(*arguments, score="identity", **changes):
            return [rule for rule, _, _, holds in sass_gates.rules(loop(*arguments, **changes), score) if not holds]

        d128, d64, odd = (128, 128, 128, 128), (192, 128, 64, 64), (128, 80, 128, 128)
        self.assertEqual(violated(d128, 416, 512), [])  # 6.5, and 1.5 more
        self.assertEqual(violated(d128, 417, 514), ["full", "diagonal"])
        self.assertEqual(violated(d64, 409), [])  # 6.39 of 6.4
        self.assertEqual(violated(d64, 410), ["full"])
        self.assertEqual(violated((128, 112, 192, 192), 494), [])  # 8.77 of FlashAttention-3, and three slots a tile
        self.assertEqual(violated((128, 112, 192, 192), 495), ["full"])
        self.assertEqual(violated(odd, 394, 394 + 92), [])  # 4.5 + 1.6 + 3.75, and 2.3 for a mask
        self.assertEqual(violated(odd, 395, 395 + 93), ["full", "diagonal"])
        self.assertEqual(violated(d128, 512, score="affine", clocks_to_first_ex2=400), [])
        self.assertEqual(violated(d128, 513, score="affine"), ["full"])
        self.assertEqual(violated(d128, 544, score="softcap"), [])
        self.assertEqual(violated(d128, 545, score="softcap"), ["full"])
        self.assertEqual(violated(d128, 512 + 3, score="affine in steps"), [])
        self.assertEqual(violated(d128, 512 + 4, score="affine in steps"), ["full"])
        self.assertEqual(violated(d128, 5000, score="general"), [])
        self.assertEqual(violated(d128, 416, uniform_per_hgmma=2.51, clocks_to_first_ex2=151, overlap=0.99), ["uniform", "first ex2", "overlap"])
        self.assertEqual(violated(d64, 409, uniform_per_hgmma=3.0), [])
        lazy = {"paths": {"full": {"slots": 339, "has_loop": False}, "exact": {"slots": 600, "has_loop": False}}}
        self.assertEqual(violated(d128, 0, **lazy), [])
        lazy["paths"]["full"]["slots"] = 340
        self.assertEqual(violated(d128, 0, **lazy), ["full"])
        counted = {"paths": {"full": {"slots": 416, "has_loop": False}, "diagonal": {"slots": 900, "has_loop": True}}}
        self.assertEqual(violated(d128, 0, **counted), [])  # one turn of a loop says nothing
        for has_loop, expected in ((False, ["full", "uniform"]), (True, [])):  # and a loop of the score's own brings uniform instructions of its own
            own = {"paths": {"full": {"slots": 900, "has_loop": has_loop}}}
            self.assertEqual(violated(d128, 0, uniform_per_hgmma=2.51, **own), expected)

    def test_exponentials_below_the_wait(self):
        lines = [line for line in GOOD if not line.startswith("MUFU")]
        at = lines.index("WARPGROUP.DEPBAR.LE gsb0, 0x0") + 1
        self.assertEqual(self.judged(lines[:at] + EXPONENTIALS + lines[at:])[1], ["overlap"])
        at -= 1  # 8 of 10 above is not enough, 9 of 10 is
        self.assertEqual(self.judged(lines[:at] + EXPONENTIALS[:8] + [lines[at]] + EXPONENTIALS[8:] + lines[at + 1:])[1], ["overlap"])
        self.assertEqual(self.judged(lines[:at] + EXPONENTIALS[:9] + [lines[at]] + EXPONENTIALS[9:] + lines[at + 1:])[1], [])
        self.assertEqual(self.violated, ["overlap"])  # which the rule for a complete kernel does not forgive

    def test_spill(self):
        self.assertEqual(self.judged(["STL [R1+0x4], R3"] + GOOD)[1], ["spills"])
        self.assertEqual(self.judged(["LDL R3, [R1+0x4]"] + GOOD)[1], ["spills"])

    def test_message_of_ptxas(self):
        log = "ptxas info : (C7510) Potential Performance Loss: wgmma.mma_async instructions are serialized"
        self.assertEqual(self.judged(GOOD, log=log)[1], ["log"])

    def test_shared_memory(self):
        self.assertEqual(self.judged(GOOD, smem="232448")[1], [])
        self.assertEqual(self.judged(GOOD, smem="232449")[1], ["shared"])

    def test_missing_product(self):
        self.assertEqual(self.judged([line for line in GOOD if "tnspB" not in line])[1], ["products"])

    def test_no_loop(self):
        self.assertIn("products", self.judged(GOOD[:4] + ["EXIT"])[1])

    def test_loop_that_is_not_uniform(self):
        at = GOOD.index("UIADD3.64 UR26, UR22, 0x80, URZ")
        self.assertEqual(self.judged(GOOD[:at] + ["R2UR UR4, R5", "R2UR UR5, R6"] + GOOD[at:])[1], ["uniform"])
        self.assertEqual(self.judged(GOOD[:at] + ["BRA.DIV UR4, `(.L_x_5)", "LABEL .L_x_6"] + GOOD[at:] + ["LABEL .L_x_5", "BRA `(.L_x_6)"])[1], ["uniform"])

    def test_input_errors(self):
        with contextlib.redirect_stderr(io.StringIO()):
            self.input_errors()

    def input_errors(self):
        self.assertEqual(sass_gate.main(["no such file.cubin"]), 2)
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(b"\x7fELF")
            file.flush()
            self.assertEqual(sass_gate.main([file.name]), 2)


if __name__ == "__main__":
    unittest.main()
