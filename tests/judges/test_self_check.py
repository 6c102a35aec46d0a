"""The self-check tells judges that can be trusted from those that cannot (docs/method.md section 7)."""

from functools import cache

import numpy as np
import pytest

from tests.judges.vector_worlds import GROUPS, inverted, simulate, uncorrected
from untold.judges.judgement import Judgement
from untold.judges.probe import NEUTRAL, probe
from untold.judges.self_check import (
    ActivityShares,
    best_judge,
    self_check,
    unexplained,
)

SETTINGS = {"clear": {}, "blurred": {"effect": 0.35}, "null": {"effect": 0.0}, "novel": {"novel": 0.4}}


@cache
def judged(name):
    world = simulate(11, **SETTINGS[name])
    return world, probe(*world.asked)


@cache
def checked(name):
    world, said = judged(name)
    return self_check(world.judgement(said), uncorrected, seed=0)


def test_a_judge_of_nothing_fails_and_never_leads():
    check = checked("null")
    assert check.verdict == "fails"
    assert "hardly tells the groups apart" in check.note
    assert best_judge({"null": check}) is None
    assert best_judge({"null": check, "clear": checked("clear")}) == "clear"


def test_a_corrected_judge_of_nothing_fails_too():
    world, said = judged("null")
    assert self_check(world.judgement(said), inverted, seed=0).verdict == "fails"


def test_the_better_judge_leads_and_says_how_wrong_it_is():
    checks = {name: checked(name) for name in ("blurred", "clear")}
    assert checks["clear"].verdict == "passes"
    assert best_judge(checks) == "clear"
    for name, check in checks.items():
        world, said = judged(name)
        real = np.abs(uncorrected(world.judgement(said)).estimate - world.shares()).mean()
        assert check.mae == pytest.approx(real, rel=0.5, abs=0.01), name
        assert check.shift == pytest.approx(1, abs=0.5)


def test_a_judge_that_always_says_the_same_fails():
    world, said = judged("clear")
    honest = world.judgement(said)
    always = np.array([0.98, 0.01, 0.01])
    check = self_check(
        Judgement(
            GROUPS,
            np.tile(always, (len(honest.neutral), 1)),
            honest.neutral_activity,
            np.tile(always, (len(honest.marked), 1)),
            honest.marked_activity,
            honest.marked_seed,
            honest.truth,
        ),
        uncorrected,
        seed=0,
    )
    # In mixtures as it reads them it is never wrong; in mixtures of any shares it is.
    assert check.mae == pytest.approx(0)
    assert check.verdict == "fails"


@pytest.mark.parametrize(("width", "verdict"), [(0.35, "passes"), (0.02, "fails")])
def test_intervals_that_miss_fail(width, verdict):
    world, said = judged("clear")

    def estimator(judgement):
        estimate = uncorrected(judgement).estimate
        return ActivityShares(estimate, estimate - width, estimate + width)

    check = self_check(world.judgement(said), estimator, seed=0)
    assert check.verdict == verdict
    assert (check.coverage > 0.9) == (verdict == "passes")


def test_what_no_group_explains():
    found = {}
    for name in ("clear", "novel"):
        world, said = judged(name)
        neutral = world.group == NEUTRAL
        parts = [values[rows] for values in (said.probabilities, said.distances) for rows in (neutral, ~neutral)]
        found[name] = unexplained(*parts)
    assert found["clear"] < 0.05
    assert found["novel"] == pytest.approx(SETTINGS["novel"]["novel"], abs=0.1)


def test_no_marked_picture_of_a_group_is_no_check():
    world, said = judged("clear")
    whole = world.judgement(said)
    some = whole.truth != 1
    parts = (whole.marked, whole.marked_activity, whole.marked_seed, whole.truth)
    check = self_check(
        Judgement(GROUPS, whole.neutral, whole.neutral_activity, *(values[some] for values in parts)),
        uncorrected,
        seed=0,
    )
    assert not check.passes
    assert "no marked picture of middle" in check.note
