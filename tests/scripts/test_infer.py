"""Test the comparisons of a study whose groups have no order."""

import pandas as pd
import pytest

from scripts import infer
from tests.simulated import INFERENCE, SHARD
from untold.catalogue.tables import tables_of


@pytest.mark.parametrize("groups", [["young", "older"], ["older", "young", "middle"]])
def test_groups_without_an_order_have_no_trend(simulated, tmp_path, groups):
    folder = simulated / "people"
    files = [tmp_path / f"people-{name}.csv" for name in tables_of("infer")]
    pairs = [(groups[0], other) for other in groups[1:]]
    infer.main(
        settings=infer.Settings(
            dataset="people",
            groups=groups,
            ordered=False,
            placebos=[],
            pairs=pairs,
            rows=[("dino", "dino", "cosine", "")],
            shared_noise=False,
            inference=INFERENCE,
        ),
        similarity=[folder / "similarity" / SHARD],
        reference=simulated / "tables" / "people-reference.csv",
        images=[folder / "images" / SHARD],
        predictions=[],
        tables=files,
    )
    whole = pd.read_csv(simulated / "tables" / "people-trend.csv")
    assert len(whole) and pd.read_csv(tmp_path / "people-trend.csv").columns.tolist() == whole.columns.tolist()
    assert not len(pd.read_csv(tmp_path / "people-trend.csv"))
    found = pd.read_csv(tmp_path / "people-contrasts.csv")
    assert set(found["contrast"]) == {f"{a}-{b}" for a, b in pairs}
