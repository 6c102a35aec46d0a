"""Errors of the audit and of the generator, where the truth is made up."""

import numpy as np
import pandas as pd
import pytest

from untold.judges.depicted import audit_error, depicted_shares, generator_error
from untold.statistics.resampling import Resampling

FAST = Resampling(500, 499, 0.95, seed=1)
GROUPS = ["young", "middle", "older"]


@pytest.fixture
def depicted() -> pd.DataFrame:
    shares = np.random.default_rng(0).dirichlet([2, 2, 2], 30)
    return pd.DataFrame(shares, index=pd.Index([f"a{i:02}" for i in range(30)], name="activity_id"), columns=GROUPS)


def judged(shares: pd.DataFrame, **about) -> pd.DataFrame:
    long = shares.reset_index().melt("activity_id", var_name="group", value_name="estimate")
    return long.assign(level="activity", judge="probe", space="dino", estimator="inversion", **about)


def test_audit_error_is_the_difference_from_what_is_depicted(depicted):
    wrong = depicted + np.array([0.06, -0.03, -0.03])
    both = pd.concat([judged(depicted), judged(wrong).assign(space="latents")]).sample(frac=1, random_state=0)
    both = pd.concat([both, judged(depicted).assign(level="overall", estimate=9.0)])
    found = audit_error(both, depicted, FAST).set_index("space")
    assert found.loc["dino", "mae"] == 0 and found.loc["latents", "mae"] == pytest.approx(0.04)
    assert found["rho"].tolist() == pytest.approx([1, 1]) and found["n"].eq(30).all()


def test_activities_without_shares_are_left_out_and_counted(depicted):
    part = judged(depicted)
    part.loc[part["activity_id"] == "a03", "estimate"] = np.nan
    row = audit_error(part, depicted, FAST).iloc[0]
    assert row["n"] == 29 and row["note"] == "1 activities without shares"


def test_generator_error_compares_with_shares_by_activity_or_of_all(depicted):
    planted = depicted[::-1].set_axis(depicted.index)
    found = generator_error(depicted, planted, "age", FAST).set_index("group")
    assert found["planted"].tolist() == pytest.approx(depicted.mean().tolist())
    assert found.loc["young", "mae"] == pytest.approx((depicted - planted)["young"].abs().mean())
    assert (found["low"] < found["estimate"]).all() and (found["estimate"] < found["high"]).all()
    same = generator_error(depicted, dict.fromkeys(GROUPS, 1 / 3), "age", FAST)
    assert same["rho"].isna().all() and same["planted"].tolist() == pytest.approx([1 / 3] * 3)


def test_groups_that_no_image_depicts_have_a_share_of_zero():
    seen = pd.DataFrame({"activity_id": ["cook", "run"], "age": ["young", "young"]})
    assert depicted_shares(seen, "age", GROUPS).to_numpy().tolist() == [[1, 0, 0], [1, 0, 0]]
