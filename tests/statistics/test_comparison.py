"""Test the comparison of studies: differences over the activities that both contain."""

import numpy as np
import pandas as pd
import pytest

from untold.statistics.comparison import differences, side_by_side
from untold.statistics.resampling import Resampling

FAST = Resampling(300, 299, 0.95, seed=0)


def activities(estimate, names=None, space="dino"):
    names = names or [f"a{i}" for i in range(len(estimate))]
    frame = pd.DataFrame({"activity_id": names, "estimate": estimate})
    return frame.assign(space=space, metric="cosine", contrast="young-older")


def test_a_shift_between_two_studies_is_found_pairwise():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 1, 40)  # cancels out, because activities are paired
    one, two = activities(common + 0.1 + rng.normal(0, 0.01, 40)), activities(common)
    row = differences({"one": one, "two": two}, FAST).iloc[0]
    assert (row["study"], row["other_study"], row["n"]) == ("one", "two", 40)
    assert row["low"] < 0.1 < row["high"] and row["high"] - row["low"] < 0.02


def test_only_shared_activities_and_spaces_count():
    one = pd.concat([activities([1.0, 2.0, 4.0], ["x", "y", "z"]), activities([1.0], ["x"], "resnet50")])
    two = activities([0.5, 1.0, 9.0], ["x", "y", "other"])
    table = differences({"one": one, "two": two}, FAST)
    assert table["space"].tolist() == ["dino"] and table["n"].tolist() == [2]
    assert table["estimate"].iloc[0] == pytest.approx(0.75)


def test_what_cannot_be_said_is_said():
    same = differences({"one": activities([1.0, 2.0]), "two": activities([1.0, 2.0])}, FAST).iloc[0]
    assert np.isnan(same["low"]) and same["note"] == "the same in every activity"
    single = differences({"one": activities([1.0]), "two": activities([2.0])}, FAST).iloc[0]
    assert single["note"] == "fewer than two shared activities"
    assert differences({"one": activities([1.0]), "two": activities([1.0], ["b"])}, FAST).empty


def test_three_studies_give_three_pairs_and_one_table():
    studies = {name: activities([1.0, 2.0, 3.0 + i]) for i, name in enumerate("abc")}
    pairs = differences(studies, FAST)[["study", "other_study"]].to_numpy().tolist()
    assert pairs == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert side_by_side(studies)["study"].value_counts().to_dict() == {"a": 3, "b": 3, "c": 3}
