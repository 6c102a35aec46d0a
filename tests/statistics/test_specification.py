"""Test the specification curve against manual counts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from untold.statistics import contrasts
from untold.statistics.resampling import Resampling
from untold.statistics.specification import specification_curve

PAIR = ("young", "older")
FAST = Resampling(300, 299, 0.95, seed=0)


def study(gaps, activities=30, seeds=4, sd=0.02, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    parts = []
    for space, gap in gaps.items():
        index = pd.MultiIndex.from_product(
            [[f"a{i:02d}" for i in range(activities)], range(seeds), ["young", "older"]],
            names=["activity_id", "seed", "group"],
        )
        value = 0.7 + rng.normal(0, sd, len(index)) + np.where(index.get_level_values(2) == "young", gap, 0)
        parts.append(pd.Series(scale * value, index, name="value").reset_index().assign(space=space))
    return pd.concat(parts).assign(dataset="d", metric="cosine", category="c")


def test_every_choice_is_a_row_and_agreement_is_counted():
    curve, summary = specification_curve(study({"s1": 0.05, "s2": 0.05, "s3": -0.05}), PAIR, FAST)
    subsets = {"all", "first half", "second half", "0", "1", "2", "3"}
    assert len(curve) == 21 and set(curve["seeds"]) == subsets
    assert (curve["agrees"] == (curve["space"] != "s3")).all()
    row = summary.iloc[0]
    assert row["n"] == 21
    assert row["share_agree"] == pytest.approx(14 / 21)
    assert row["share_significant"] == pytest.approx(14 / 21)
    assert row["share_opposite"] == pytest.approx(7 / 21)
    assert sorted(curve["rank"]) == list(range(1, 22))


def test_all_seeds_row_is_the_contrast():
    frame = study({"s1": 0.01, "s2": 0.0})
    curve, _ = specification_curve(frame, PAIR, FAST)
    contrast = contrasts.contrasts(frame, [PAIR], FAST)
    row = curve[curve["seeds"] == "all"]
    for name in ("estimate", "low", "high", "d_z"):
        np.testing.assert_allclose(row[name], contrast[name], rtol=1e-9)


def test_prompts_have_no_seeds_and_do_not_move_the_halves_of_images():
    images = study({"s1": 0.05})
    prompts = images[images["seed"] == 0].assign(space="clip_text", seed=-1)
    curve, _ = specification_curve(pd.concat([images, prompts]), PAIR, FAST)
    assert curve.loc[curve["space"] == "clip_text", "seeds"].tolist() == ["all"]
    alone, _ = specification_curve(images, PAIR, FAST)
    both = curve[curve["space"] == "s1"].set_index("seeds")["estimate"]
    pd.testing.assert_series_equal(both.sort_index(), alone.set_index("seeds")["estimate"].sort_index())


def test_template_is_a_choice_and_one_seed_is_enough():
    frame = study({"s1": 0.02}, seeds=1)
    both = pd.concat([frame.assign(template="photo"), frame.assign(template="drawing", value=frame["value"] / 2)])
    curve, _ = specification_curve(both, PAIR, FAST)
    assert curve[["template", "seeds"]].to_numpy().tolist() == [["drawing", "all"], ["photo", "all"]]
    np.testing.assert_allclose(curve["estimate"].iloc[0] * 2, curve["estimate"].iloc[1])


def test_constant_space_is_shown_and_not_counted():
    frame = study({"s1": 0.02})
    flat = frame.assign(space="flat", value=1.0)
    curve, summary = specification_curve(pd.concat([frame, flat]), PAIR, FAST)
    assert curve.query("space == 'flat'")["agrees"].isna().all()
    assert curve.query("space == 'flat'")["note"].str.startswith("the same value").all()
    assert summary["n"].iloc[0] == 7
    _, nothing = specification_curve(flat, PAIR, FAST)
    assert nothing["n"].iloc[0] == 0 and nothing["note"].iloc[0]
    assert nothing[["p", "share_agree"]].isna().all(axis=None)


def test_joint_test_keeps_its_level_under_the_null():
    settings = replace(FAST, resamples=20, permutations=99)
    found = [
        specification_curve(study({"s1": 0, "s2": 0}, 12, 2, seed=k), PAIR, settings)[1]["p"][0] for k in range(60)
    ]
    # More than 8 of 60 draws are rejected at level 0.05 with a probability of 0.3 %.
    assert sum(p <= 0.05 for p in found) <= 8
    _, summary = specification_curve(study({"s1": 0.05, "s2": 0.04}), PAIR, FAST)
    assert summary["p"][0] == pytest.approx(1 / 300)


def test_signs_do_not_depend_on_scale_or_row_order():
    frame, large = study({"s1": 0.01, "s2": 0.0}), study({"s1": 0.01, "s2": 0.0}, scale=7.0)
    one, first = specification_curve(frame, PAIR, FAST)
    two, second = specification_curve(large, PAIR, FAST)
    np.testing.assert_allclose(one["d_z"], two["d_z"])
    pd.testing.assert_series_equal(first["p"], second["p"])
    again, _ = specification_curve(frame.sample(frac=1, random_state=0), PAIR, FAST)
    pd.testing.assert_frame_equal(one, again)
