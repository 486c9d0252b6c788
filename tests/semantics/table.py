"""Reads the op × type table of docs/language.md."""
import re

COLUMNS = ("bool", "i64", "f32", "bool, i64", "bool, f32", "i64, f32", "row i64", "row f32")
RESULTS = {"bool", "i64", "f32", "row i64", "row f32", "error", "–"}


def read_table(text):
    """{operation: {column: result}} of the document; ValueError where it is not what it should be."""
    lines = text.split("\n")
    heads = [i for i, line in enumerate(lines) if line.startswith("| operation |")]
    if len(heads) != 1:
        raise ValueError(f"expected one table that starts with '| operation |', found {len(heads)}")
    split = lambda line: [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    if tuple(split(lines[heads[0]])[1:]) != COLUMNS:
        raise ValueError("the table's columns are not the expected ones")
    table = {}
    for line in lines[heads[0] + 2:]:
        if not line.startswith("|"):
            break
        cells = split(line)
        match = re.fullmatch(r"`(.*)`", cells[0])
        if not match or len(cells) != len(COLUMNS) + 1:
            raise ValueError(f"not a row of the table: {line}")
        wrong = set(cells[1:]) - RESULTS
        if wrong or match[1] in table:
            raise ValueError(f"{match[1]}: unknown result {wrong}" if wrong else f"{match[1]} stands there twice")
        table[match[1]] = dict(zip(COLUMNS, cells[1:]))
    return table
