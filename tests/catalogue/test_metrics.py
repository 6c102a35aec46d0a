"""Test that a metric needs only one entry and one function: an invented one passes through all stages with metrics."""

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.conftest import ROOT
from tests.simulated import GROUPS, PAIRS
from untold.catalogue.metrics import METRICS, Metric, of, primary_metrics
from untold.report import figures
from untold.report.tables import by_activity, make_table
from untold.similarity import patches, vectors
from untold.similarity.nearest import chi_square
from untold.similarity.original import original_table
from untold.similarity.paired import paired_patches, paired_vectors
from untold.statistics.contrasts import by_activity as gaps_by_activity
from untold.statistics.contrasts import contrasts, group_means
from untold.statistics.resampling import Resampling
from untold.study.plan import Plan
from untold.study.schema import parse_study

RESAMPLING = Resampling(200, 99, 0.95, seed=1)


@pytest.fixture
def made_up(monkeypatch) -> Metric:
    metric = Metric("halves", "halved", "tokens", True, description="half of the mean inner product", row="halved")
    monkeypatch.setitem(METRICS, metric.name, metric)
    monkeypatch.setattr(patches, metric.name, lambda x, y: (x * y).sum(-1).mean(-1) / 2, raising=False)
    return metric


def similarity(metric: str) -> pd.DataFrame:
    """Simulate six activities and two seeds whose neutral person is nearer to young than to the other groups."""
    rng = np.random.default_rng(0)
    rows = [
        {"activity_id": f"a{a}", "category": "c", "seed": seed, "group": group, "value": 0.9 - 0.1 * place}
        for a in range(6)
        for seed in range(2)
        for place, group in enumerate(GROUPS)
    ]
    frame = pd.DataFrame(rows).assign(dataset="people", space="dino", metric=metric)
    return frame.assign(value=frame["value"] + rng.normal(0, 0.01, len(frame)))


def test_it_is_measured(made_up):
    tokens = np.random.default_rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    found = paired_patches(np.array(["a", "b"]), tokens, pd.Series(["a"]), pd.Series(["b"]))
    assert found["halves"] == pytest.approx([(tokens[0] * tokens[1]).sum(-1).mean() / 2])


def test_a_metric_of_vectors_is_measured_too(monkeypatch):
    monkeypatch.setitem(METRICS, "dot", Metric("dot", "dot", "vectors", False, description="inner product"))
    monkeypatch.setattr(vectors, "dot", lambda x, y: (x * y).sum(1), raising=False)
    stored = np.array([[1, 2], [3, 4]], np.float32)
    found = paired_vectors(np.array(["a", "b"]), stored, pd.Series(["a"]), pd.Series(["b"]))
    assert found.keys() == {"cosine", "dot"} and found["dot"] == pytest.approx([11])


def test_it_is_tested_shown_and_drawn(made_up):
    long = similarity(made_up.name)
    gaps = contrasts(long, PAIRS, RESAMPLING)
    assert gaps["p_adjusted"].notna().all(), "a primary metric is in Holm's family"
    counts = chi_square(long, GROUPS)
    assert counts["p_adjusted"].notna().all()
    rows = make_table("contrasts", "x.csv", gaps).rows
    assert {row[0].text for row in rows} == {"DINO, halved"}
    table = by_activity("x.csv", gaps_by_activity(long, PAIRS, confidence=0.95), "young-older", {})
    assert table.header == ["Activity", "Category", "DINO, halved"]
    drawn = figures.forest(gaps, figures.Design(contrast="young-older"))
    assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == ["DINO, halved"]


def test_it_has_a_row_in_the_original_table(made_up):
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    rows = Plan(parse_study(study, "config.yaml"))["people"].original_rows
    assert rows[-1] == ("dino halved", "dino", "halves", "")
    long = similarity(made_up.name)
    table = original_table(group_means(long, RESAMPLING), chi_square(long, GROUPS), GROUPS, rows).set_index("row")
    assert table.loc["dino halved", GROUPS].notna().all()


def test_sensitivity_checks_stay_out_of_the_family(made_up):
    assert primary_metrics() == ["cosine", "patch_maxsim", "halves"]
    gaps = contrasts(similarity("dcr_split"), PAIRS, RESAMPLING)
    assert gaps["p"].notna().all() and gaps["p_adjusted"].isna().all()


@pytest.mark.parametrize("metric", [*of("vectors"), *of("tokens")], ids=lambda metric: metric.name)
def test_every_metric_has_its_function(metric):
    module = vectors if metric.compares == "vectors" else patches
    assert callable(getattr(module, metric.name))
