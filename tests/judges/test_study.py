"""The judges of a study in one table: who leads, how far the others are from it, and who says nothing."""

import numpy as np
import pytest

from tests.judges.worlds import World, simulate
from untold.judges.judgement import Judgement
from untold.judges.study import share_tables
from untold.statistics.resampling import Resampling

FAST = Resampling(200, 199, 0.95, seed=1)


@pytest.fixture(scope="module")
def tables():
    judges = {
        "probe@resnet50": simulate(World(accuracy=0.9, activities=24, seeds=8), np.random.default_rng(0)).judgement,
        "probe@dino": simulate(World(accuracy=0.98, activities=24, seeds=8), np.random.default_rng(0)).judgement,
    }
    ids = [f"activity-{i:02}" for i in range(24)]
    return share_tables(
        judges, {"zero_shot@clip_image": "no text"}, {"probe@dino": 0.07}, ids, ["home"] * 24, FAST, 0.1
    )


def test_the_judge_with_the_smallest_error_leads(tables):
    checks = tables["self_check"].set_index(["judge", "space"])
    assert checks.index.tolist() == [("probe", "resnet50"), ("probe", "dino"), ("zero_shot", "clip_image")]
    assert checks["leads"].tolist() == [False, True, False]
    assert checks["mae"].iloc[0] > checks["mae"].iloc[1]
    assert checks.loc[("zero_shot", "clip_image"), ["verdict", "note"]].tolist() == ["fails", "no text"]
    assert checks["unexplained"].isna().tolist() == [True, False, True]


def test_the_difference_is_that_of_the_overall_shares(tables):
    rows = tables["shares"].query("level == 'activity' and estimator == 'inversion'")
    means = rows.groupby(["space", "group"])["estimate"].mean().unstack("space")
    apart = (means["resnet50"] - means["dino"]).abs().max()
    checks = tables["self_check"].set_index("space")
    assert checks.loc["resnet50", "difference"] == pytest.approx(apart)
    assert np.isnan(checks.loc["dino", "difference"])


def test_a_judge_that_says_nothing_of_the_last_activity_still_counts():
    whole = simulate(World(accuracy=0.98, activities=24, seeds=8), np.random.default_rng(0)).judgement
    marked, neutral = whole.marked_activity < 23, whole.neutral_activity < 23
    less = Judgement(
        groups=whole.groups,
        neutral=whole.neutral[neutral],
        neutral_activity=whole.neutral_activity[neutral],
        marked=whole.marked[marked],
        marked_activity=whole.marked_activity[marked],
        marked_seed=whole.marked_seed[marked],
        truth=whole.truth[marked],
    )
    ids = [f"activity-{i:02}" for i in range(24)]
    made = share_tables({"probe@dino": whole, "probe@latents": less}, {}, {}, ids, ["home"] * 24, FAST, 0.1)
    said = made["shares"].query("level == 'activity'").groupby("space")["activity_id"].nunique()
    assert said.to_dict() == {"dino": 24, "latents": 23}
    assert (
        made["self_check"].set_index("leads").loc[False, "difference"] < 0.02
    )  # the confusion of the others differs a little
