"""Test the comparison of two finished studies: their gaps, the differences and a page that shows both."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scripts import compare_studies
from tests.report.test_page import Tags
from tests.simulated import HOSTILE, INFERENCE

KEYS = ["space", "metric", "contrast"]


@pytest.fixture
def compared(simulated, tmp_path):
    """Compare the simulated study with a copy of it that has gaps wider by 0.01 and one activity less."""
    other = shutil.copytree(simulated / "tables", tmp_path / "other" / "tables").parent
    table = pd.read_csv(other / "tables" / "people-activities.csv")
    dropped = table["activity_id"].iloc[0]
    table = table[table["activity_id"] != dropped].assign(estimate=table["estimate"] + 0.01)
    table.to_csv(other / "tables" / "people-activities.csv", index=False)
    studies = {"first": (str(simulated), "people"), "second": (str(other), "people")}
    settings = compare_studies.Settings(title=HOSTILE[0], studies=studies, inference=INFERENCE)
    names = {"contrasts": "csv", "different": "csv", "svg": "svg", "png": "png", "page": "html"}
    outputs = {name: tmp_path / f"{name}.{suffix}" for name, suffix in names.items()}
    compare_studies.main(settings=settings, **outputs)
    return outputs


def test_gaps_are_those_of_each_study(compared, simulated):
    table = pd.read_csv(compared["contrasts"])
    own = pd.read_csv(simulated / "tables" / "people-contrasts.csv")
    for name in ("first", "second"):
        part = table[table["study"] == name].reset_index(drop=True)
        assert np.allclose(part["estimate"], own["estimate"], equal_nan=True)
        assert part[KEYS].equals(own[KEYS])
    assert list(dict.fromkeys(table["study"])) == ["first", "second"]


def test_differences_are_over_the_activities_that_both_have(compared, simulated):
    table = pd.read_csv(compared["different"])
    assert set(table["study"]) == {"first"} and set(table["other_study"]) == {"second"}
    activities = pd.read_csv(simulated / "tables" / "people-activities.csv")
    assert (table["n"] == activities["activity_id"].nunique() - 1).all()
    assert table["estimate"].to_numpy() == pytest.approx(-0.01, abs=1e-4)


def test_the_page_shows_both_studies_and_stays_text(compared):
    text = compared["page"].read_text(encoding="utf-8")
    tags = Tags(text)
    words = "".join(tags.text)
    assert HOSTILE[0] in words and not tags.all("script")
    assert "first" in words and "second" in words and len(tags.all("table")) == 2
    assert [svg["aria-label"].split(":")[0] for svg in tags.all("svg")] == ["Dot plot"]
    assert compared["svg"].read_text().startswith("<?xml") and Image.open(compared["png"]).width > 300
