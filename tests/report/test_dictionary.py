"""The data dictionary names every column that the library functions give."""

import re

import pandas as pd

from tests.conftest import ROOT
from tests.simulated import GROUPS

DICTIONARY = ROOT / "docs" / "tables.md"


def test_every_table_and_column_is_described(simulated):
    text = DICTIONARY.read_text(encoding="utf-8")
    shared = text[: text.index("## Generated datasets: gaps")]
    rows = dict(re.findall(r"^\| `(?:<encoder>-)?(\w+)` \|(.*)\|$", text, re.M))
    named = set(re.findall(r"`(\w+)`", shared))
    for path in sorted((simulated / "tables").glob("*.csv")):
        table = path.stem.rsplit("-", 1)[-1]
        assert table in rows, f"docs/tables.md has no row for {table}"
        # The second column of the row is what a row of the table is: it may name key columns in words.
        about = rows[table] + (" target classifier attribute" if table.startswith("attributes_") else "")
        for column in pd.read_csv(path).columns:
            grouped = any(column in (group, f"{group}_low", f"{group}_high", f"count_{group}") for group in GROUPS)
            words = {column, column.removesuffix("_low"), column.removesuffix("_high")}
            assert grouped or words & named or any(re.search(rf"\b{word}\b", about) for word in words), (table, column)
