"""The probe in simulated spaces whose answer is known (docs/method.md section 7)."""

import numpy as np
import pytest

from tests.judges.vector_worlds import ACTIVITIES, GROUPS, simulate
from untold.data.vectors import unit
from untold.judges.groups import hot
from untold.judges.probe import NEUTRAL, centered, predictions, probe, why_not


def shares(world, probabilities):
    neutral = world.group == NEUTRAL
    called = hot(probabilities[neutral])
    return np.stack([called[world.activity[neutral] == i].mean(0) for i in range(ACTIVITIES)])


def accuracy(world, probabilities):
    marked = world.group != NEUTRAL
    return (probabilities[marked].argmax(1) == world.group[marked]).mean()


def test_what_groups_share_over_activities_is_found():
    world = simulate(1)
    judged = probe(*world.asked)
    assert accuracy(world, judged.probabilities) > 0.97
    assert np.abs(shares(world, judged.probabilities) - world.shares()).mean() < 0.02
    # The world is not easy for a judge of no use: equal shares for every activity are far off.
    assert np.abs(1 / len(GROUPS) - world.shares()).mean() > 0.15


def test_what_a_group_is_in_one_activity_only_does_not_leak():
    world = simulate(2, effect=0, own=20)
    judged = probe(*world.asked)
    marked = world.group != NEUTRAL
    assert accuracy(world, judged.probabilities) < 0.5
    assert judged.probabilities[marked].max(1).mean() < 0.6, "and it does not claim to know"
    # A model that saw the activity would know: nearest of the activity's own pictures of other seeds.
    vectors, right = unit(world.vectors), []
    for row in np.flatnonzero(marked):
        others = np.flatnonzero(marked & (world.activity == world.activity[row]) & (world.seed != world.seed[row]))
        right.append(world.group[others[(vectors[others] @ vectors[row]).argmax()]] == world.group[row])
    assert np.mean(right) > 0.9


def test_a_picture_is_judged_without_the_pictures_of_its_activity():
    world = simulate(3)
    judged = probe(*world.asked)
    # Labels of one activity are turned round: nothing that is said of its fold changes but the calibration, which
    # uses the marked pictures of other folds; of other folds, it does.
    turned = np.where((world.activity == 5) & (world.group != NEUTRAL), (world.group + 1) % 3, world.group)
    again = probe(world.vectors, world.activity, world.seed, turned)
    same = judged.fold == judged.fold[world.activity == 5][0]
    np.testing.assert_array_equal(judged.probabilities[same].argmax(1), again.probabilities[same].argmax(1))
    assert np.abs(judged.probabilities[~same] - again.probabilities[~same]).max() > 0.01
    assert (np.array([len(np.unique(judged.fold[world.activity == i])) for i in range(ACTIVITIES)]) == 1).all()


def test_probabilities_are_as_sure_as_they_are_right():
    world = simulate(4, effect=0.4)
    judged = probe(*world.asked)
    neutral = world.group == NEUTRAL
    right = judged.probabilities[neutral].argmax(1) == world.depicted[neutral]
    assert 0.5 < right.mean() < 0.95
    assert abs(judged.probabilities[neutral].max(1).mean() - right.mean()) < 0.08


def test_large_spaces_are_read_through_their_marked_pictures():
    world = simulate(5, effect=0.6)
    whole = probe(*world.asked).probabilities
    wide = np.zeros((len(world.vectors), 4, 8, 20), np.float16)
    wide[:, 0, 0, :16] = world.vectors
    through = probe(wide, world.activity, world.seed, world.group, dimensions=300).probabilities
    assert np.abs(whole - through).mean() < 0.01


def test_two_groups():
    world = simulate(6)
    keep = (world.group != 2) & (world.depicted != 2)
    judged = probe(*(values[keep] for values in world.asked))
    assert judged.probabilities.shape[1] == 2
    assert (judged.probabilities.argmax(1) == world.depicted[keep]).mean() > 0.97


def test_a_missing_group_leaves_its_activity_without_an_answer():
    world = simulate(7)
    keep = ~((world.activity == 3) & (world.group == 1))
    judged = probe(*(values[keep] for values in world.asked))
    silent = np.isnan(judged.probabilities).any(1)
    np.testing.assert_array_equal(silent, world.activity[keep] == 3)
    keys = [f"k{i}" for i in range(keep.sum())]
    table = predictions(judged, keys, "age", GROUPS)
    assert table.columns.tolist() == ["key", "axis", "group", "probability", "fold"]
    assert len(table) == 3 * (~silent).sum()
    np.testing.assert_allclose(table.groupby("key")["probability"].sum(), 1, atol=1e-5)


def test_too_few_pictures_are_refused():
    world = simulate(8)
    one_seed = (world.group == NEUTRAL) | (world.seed == 0)
    with pytest.raises(ValueError, match="marked pictures of 1 seed"):
        probe(*(values[one_seed] for values in world.asked))
    few = world.activity < 4
    assert "4 activities" in why_not(*(values[few] for values in world.asked[1:]))
    assert why_not(*world.asked[1:]) == ""


def test_a_picture_is_centered_by_other_seeds():
    vectors = np.array([[0.0], [2.0], [1.0], [3.0]])
    moved = vectors + np.array([[100.0], [0.0], [0.0], [0.0]])
    seed, group = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    # What one picture of seed 0 looks like does not change the centre of its own seed.
    np.testing.assert_allclose(centered(moved, seed, group)[1], centered(vectors, seed, group)[1])
