"""Write docs/tables.md, the dictionary of all tables, from the catalogue."""

from pathlib import Path

from scripts.cli import run
from untold.base.files import atomic
from untold.catalogue.scope import Per
from untold.catalogue.tables import SECTIONS, SHARED, Column, Table

HEAD = """# Tables

Made from `untold/catalogue/tables.py` by `make docs`; do not edit.

Every table is a CSV in `results/tables/`, named `<dataset>-<table>.csv`, with a space or an encoder between the two
where there is one table for each. UTF-8, comma, one header line, ten significant digits; an empty cell means missing,
and `note` says why. A text that a spreadsheet would run as a formula is prefixed with an apostrophe. Page and figures
show the same numbers, rounded to what their interval allows. A table without rows has fewer columns: nothing was there
to measure.

Estimates come with `low` and `high`, the ends of their interval at the configured confidence. Columns that a table does
not explain are among the shared ones.
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
    "planted": " Only where a bias was planted.",
    "audited": " Only where labels can be held against a classifier.",
    "captioned": " Only where images have captions.",
    "published": " Only for keyword pairs with published figures.",
    "several spaces": " Only with more than one space of images.",
}


def columns(listed: list[Column]) -> list[str]:
    """A Markdown table of columns."""
    rows = [f"| `{column.name}` | {column.unit or 'text'} | {column.description} |" for column in listed]
    return ["| column | unit | meaning |", "|---|---|---|", *rows, ""]


def section(table: Table) -> list[str]:
    """One table: its file, its rows, its key, and the columns of its own."""
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
    """Text of every file that follows from the catalogue, by its path."""
    lines = [HEAD, "## Columns that many tables share", "", *columns(list(SHARED.values()))]
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
