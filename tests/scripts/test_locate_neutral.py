"""Test that tables that need a classifier or an age grid are empty but valid without them."""

import pandas as pd

from scripts import locate_neutral
from tests.simulated import GROUPS
from untold.catalogue.tables import tables_of
from untold.data.check import problems
from untold.data.parquet import read_table, write_table
from untold.statistics.resampling import Resampling


def test_tables_without_rows_have_no_column_that_the_catalogue_does_not_know(simulated, tmp_path):
    results = simulated
    measured = read_table(sorted((results / "people" / "similarity").glob("*.parquet")))
    write_table(tmp_path / "similarity.parquet", measured[measured["role"] != "age_grid"])
    resampling = Resampling(200, 200, 0.95, 0)
    tables = [tmp_path / f"people-{name}.csv" for name in tables_of("locate_neutral")]
    locate_neutral.main(
        settings=locate_neutral.Settings(dataset="people", groups=GROUPS, space=None, resampling=resampling),
        similarity=[tmp_path / "similarity.parquet"],
        images=sorted((results / "people" / "images").glob("*.parquet")),
        predictions=[],
        tables=tables,
    )
    frames = {path.stem.removeprefix("people-"): pd.read_csv(path) for path in tables}
    assert {name for name, frame in frames.items() if len(frame)} == {"nearest", "nearest_activities"}
    assert [problem for name, frame in frames.items() for problem in problems(name, frame, GROUPS)] == []
