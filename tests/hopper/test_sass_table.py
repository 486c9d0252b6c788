"""The approved table of machine code (tools/sass_table.py): what compares it rejects a worse row, a missing row, a row too many, a stale compiler; the documentation is
what it prints. Needs no compiler."""
import copy
import os
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("FLEXC_ROOT") or pathlib.Path(__file__).resolve().parents[2])
sys.path.insert(0, str(ROOT / "tools"))
import sass_gates  # noqa: E402
import sass_table  # noqa: E402

KEY = ("causal", "bf16", 128, "")


class Table(unittest.TestCase):
    def setUp(self):
        self.versions, self.rows = sass_table.read_table()

    def faults(self, emitted, rows=None, versions=None):
        return sass_table.faults(self.rows if rows is None else rows, self.versions if versions is None else versions, emitted, sass_table.keys(), sass_table.pinned())

    def changed(self, **fields):
        row = copy.deepcopy(self.rows[KEY])
        row.update(fields)
        return {KEY: row}

    def test_the_table_is_complete_and_current(self):
        self.assertEqual(self.faults({}), [])
        self.assertEqual(self.faults(self.rows), [])

    def test_fast_rows_are_rows(self):
        self.assertLessEqual(set(sass_table.FAST), set(self.rows))

    def test_a_worse_row(self):
        row = self.rows[KEY]
        for field in sass_table.LESS_IS_BETTER:
            if row[field] is not None:
                self.assertEqual(len(self.faults(self.changed(**{field: row[field] + 1}))), 1, field)
                self.assertEqual(self.faults(self.changed(**{field: row[field] - 1})), [], field)  # better: approve.sh may take it
        self.assertEqual(len(self.faults(self.changed(overlapped=row["overlapped"] - 1))), 1)
        self.assertEqual(len(self.faults(self.changed(tile="192x128"))), 1)
        self.assertEqual(len(self.faults(self.changed(diagonal=None))), 1)
        self.assertEqual(len(self.faults(self.changed(loops="full"))), 1)
        self.assertEqual(len(self.faults(self.changed(violated="gate spills"))), 1)

    def test_a_missing_row(self):
        rows = {key: row for key, row in self.rows.items() if key != KEY}
        self.assertEqual(len(self.faults({}, rows)), 1)
        self.assertEqual(len(self.faults(self.rows, rows)), 1)

    def test_a_row_too_many(self):
        self.assertEqual(len(self.faults({}, {**self.rows, ("gone", "bf16", 64, ""): self.rows[KEY]})), 1)

    def test_a_stale_compiler(self):
        self.assertEqual(len(self.faults({}, versions={**self.versions, "nvrtc": "12.9.86"})), 1)
        self.assertEqual(len(self.faults({}, versions={"nvrtc": self.versions["nvrtc"]})), 1)

    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "table.tsv")
            sass_table.write_table(self.versions, self.rows, path)
            self.assertEqual(path.read_text(), sass_table.TABLE.read_text())  # nothing but approve.sh wrote it
            self.assertEqual(sass_table.read_table(path), (self.versions, self.rows))
            path.write_text(path.read_text() + "causal\tbf16\n")
            self.assertRaises(sass_gates.InputError, sass_table.read_table, path)

    def test_violations_are_what_the_rules_say(self):
        """Nobody wrote a verdict into the table by hand."""
        for key, row in self.rows.items():
            said = {name for name in (row["violated"] or "").split(",") if name and not name.startswith("gate ")}
            self.assertEqual(said, {rule for rule, _, _, holds in sass_table.rules_of(row) if not holds}, key)

    def test_no_gate_is_violated(self):
        self.assertEqual([key for key, row in self.rows.items() if "gate " in (row["violated"] or "")], [])

    def test_a_violated_rule_is_counted(self):
        row = self.changed(full=10000)[KEY]
        judged, kept, worst = sass_table.tally({KEY: row})["full"]
        self.assertEqual((judged, kept, worst[1]), (1, 0, KEY))

    def test_documentation(self):
        page = (ROOT / "docs" / "performance" / "hopper_static.md").read_text()
        begin, end = sass_table.BEGIN, sass_table.END
        self.assertEqual(page.count(begin), 1)
        self.assertEqual(page.split(begin)[1].split(end)[0], sass_table.docs_text(self.versions, self.rows))

    def test_usage(self):
        """Each line of the help, with all that may be left out and without it, is a command line."""
        lines = [line.split("  ")[0] for line in sass_table.__doc__.split("  sass_table.py ")[1:]]
        self.assertEqual(len(lines), 4)
        for line in lines:
            for short in (re.sub(r" \[[^]]*\]", "", line), line):
                words = re.sub(r"[\[\]…]", "", short.replace("fast|all", "all").replace("N]", "2]")).split()
                self.assertEqual(sass_table.parse(words).verb, words[0])
        self.assertEqual(sass_table.parse(["approve", "-j", "2", "flexc", "causal", "noop"]).variants, ["causal", "noop"])


if __name__ == "__main__":
    unittest.main()
