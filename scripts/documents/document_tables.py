"""Write docs/tables.md, the dictionary of all tables, from the catalogue."""

from pathlib import Path

from scripts.cli import run
from untold.base.files import atomic
from untold.catalogue.scope import Per
from untold.catalogue.tables import SECTIONS, SHARED, Column, Table

HEAD = """# Tables

Generated from `untold/catalogue/tables.py` by `make docs`; do not edit.

Every table is a CSV file in `results/tables/`, named `<dataset>-<table>.csv`, or `<dataset>-<space>-<table>.csv` if
there is one table per space (or encoder). Files are in UTF-8, with commas, one header line and ten significant digits.
An empty cell means that the value is missing, and `note` says why. Text that a spreadsheet would run as a formula is
prefixed with an apostrophe. The page and the figures show the same numbers, rounded as their intervals justify. A table
without rows may have fewer columns.

Estimates come with `low` and `high`, the ends of their interval at the configured confidence. Columns that a table does
not explain are described under "Shared columns".
"""
FILES: dict[Per, str] = {
    "dataset": "<dataset>-{}.csv",
    "space": "<dataset>-<space>-{}.csv",
    "image space": "<dataset>-<space>-{}.csv",
    "first image space": "<dataset>-<space>-{}.csv",
    "text encoder": "<dataset>-<encoder>-{}.csv",
    "studies": "comparison/{}.csv",
}
WHEN = {
    None: "",
    "generated": "",
    "planted": " Only if a bias was planted.",
    "depicted": " Only if the bias was planted in the miniature world, whose oracle knows what images depict.",
    "readout": " Only with `readout`, or by `snakemake readout`.",
    "audited": " Only if there are labels to compare a classifier with.",
    "captioned": " Only if images have captions.",
    "published": " Only for keyword pairs with published results.",
    "several spaces": " Only if there is more than one space of images.",
}


def columns(listed: list[Column]) -> list[str]:
    """A Markdown table of columns."""
    rows = [f"| `{column.name}` | {column.unit or 'text'} | {column.description} |" for column in listed]
    return ["| column | unit | meaning |", "|---|---|---|", *rows, ""]


def section(table: Table) -> list[str]:
    """One table: its file, its rows, its key, and the columns that are not shared."""
    names = [f"`{column.name}`" for column in table.all_columns]
    own = [column for column in table.columns if isinstance(column, Column)]
    key = f"Key: {', '.join(f'`{name}`' for name in table.key)}." if table.key else "Rows may repeat."
    file = FILES[table.per].format(table.name.removeprefix("comparison_"))
    return [
        f"### {table.name}",
        "",
        f"`{file}`, by `scripts/{table.stage}.py`. One row per {table.description}.{WHEN[table.requires]} {key}",
        "",
        f"Columns: {', '.join(names)}.",
        "",
        *(columns(own) if own else []),
    ]


def documents() -> dict[str, str]:
    """Text of each file generated from the catalogue, by path."""
    lines = [HEAD, "## Shared columns", "", *columns(list(SHARED.values()))]
    for title, tables in SECTIONS.items():
        lines += [f"## {title}", ""]
        for table in tables:
            lines += section(table)
    return {"docs/tables.md": "\n".join(lines).rstrip() + "\n"}


def main() -> None:
    for path, text in documents().items():
        with atomic(Path(path)) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
