"""The answer claims what shares allow: nothing in balanced worlds, a lean where there is one, never by a bad judge."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.judges.worlds import STRONG, World, simulate
from untold.judges.study import share_tables
from untold.report import headline
from untold.statistics.resampling import Resampling

FAST = Resampling(200, 199, 0.95, seed=1)


def frames(judgements, missing=None):
    count = max(judgement.activities for judgement in judgements.values())
    ids = [f"activity-{i}" for i in range(count)]
    return share_tables(judgements, missing or {}, {}, ids, ["home", "work"] * (count // 2), FAST, 0.1)


def said(judgements, missing=None) -> headline.Answer:
    return headline.answer(frames(judgements, missing), {"activity-0": "knitting"}, 0.95)


def claims(answer: headline.Answer) -> bool:
    """Whether the sentence gives the shares a direction."""
    return "person is more often" in answer.sentence or "person is less often" in answer.sentence


def test_balanced_worlds_are_seldom_given_a_direction():
    """Nominal 5 %; 40 studies have at most 6 with a probability of 0.99."""
    world = World("balanced", STRONG, accuracy=0.95, activities=24, seeds=12)
    studies = (simulate(world, np.random.default_rng([7, i])).judgement for i in range(40))
    assert sum(claims(said({"probe@dino": judgement})) for judgement in studies) <= 6


def test_a_lean_is_found():
    world = World("leaning", STRONG, accuracy=0.95, activities=48, seeds=12)
    answers = [said({"probe@dino": simulate(world, np.random.default_rng([8, i])).judgement}) for i in range(20)]
    assert sum("less often a" in answer.sentence for answer in answers) >= 19
    assert not any("more often a" in answer.sentence or "less often c" in answer.sentence for answer in answers)
    assert all("It depends on what they do" in answer.sentence for answer in answers)


def test_flat_shares_with_many_images_are_about_equal():
    world = World("balanced", accuracy=0.97, activities=48, seeds=64)
    answer = said({"probe@latents": simulate(world, np.random.default_rng(3)).judgement})
    start = "Averaged over 48 activities, the neutral person is about equally often a, b and c"
    assert answer.sentence.startswith(start)
    assert "probe in Latents" in answer.support[0] and "No other judge passes" in answer.support[1]


def test_few_images_settle_nothing():
    world = World("balanced", STRONG, accuracy=0.97, activities=20, seeds=4)
    answer = said({"probe@dino": simulate(world, np.random.default_rng(5)).judgement})
    assert "do not settle" in answer.sentence and not claims(answer)


def noise(judgement, seed=0):
    """A judge of the same study that sees nothing."""
    rng = np.random.default_rng(seed)
    draw = lambda part: rng.dirichlet(np.ones(3), len(part))  # noqa: E731
    return replace(judgement, neutral=draw(judgement.neutral), marked=draw(judgement.marked))


def test_a_judge_that_sees_nothing_never_leads():
    judgement = simulate(World("leaning", accuracy=0.9), np.random.default_rng(1)).judgement
    alone = said({"probe@resnet50": noise(judgement)}, {"probe@dino": "one seed"})
    assert alone.sentence == "These images cannot tell whom the model draws: no judge passes its self-check."
    assert [reason.split(":")[0] for reason in alone.support] == ["Probe in ResNet-50", "Probe in DINO"]
    beside = said({"probe@resnet50": noise(judgement), "probe@dino": judgement})
    assert "less often a" in beside.sentence and "probe in DINO" in beside.support[0]
    assert beside.support[1].endswith("1 fails it.")


def test_judges_that_contradict_each_other_give_no_direction():
    rng = np.random.default_rng(2)
    judgement = simulate(World("leaning", accuracy=0.95, seeds=16), rng).judgement
    # It reads the marked images well, and the neutral ones the other way round.
    other = replace(judgement, neutral=judgement.neutral[:, ::-1])
    answer = said({"probe@dino": judgement, "zero_shot@clip_image": other})
    assert answer.sentence.startswith("The judges disagree") and not claims(answer)


def test_without_a_judge_there_is_no_answer():
    empty = share_tables({}, {}, {}, [], [], FAST, 0.1)
    assert set(empty) == {"shares", "lean", "stereotype", "share_ranks", "self_check"}
    missing = share_tables({}, {"probe@dino": "marked images of 1 seed"}, {}, [], [], FAST, 0.1)
    answer = headline.answer(missing, {}, 0.95)
    assert "cannot tell" in answer.sentence and answer.support == ["Probe in DINO: marked images of 1 seed."]


def test_images_that_do_not_show_their_group_are_called_noise():
    judgement = simulate(World("balanced"), np.random.default_rng(0)).judgement
    tables = frames({"probe@dino": judgement})
    adherence = pd.DataFrame({"group": ["a", "b", "c", "all marked"], "estimate": 0.35, "low": 0.3, "high": 0.4})
    assert "noise" in headline.answer({**tables, "adherence": adherence}, {}, 0.95).caution
    sure = adherence.assign(estimate=0.95, low=0.9)
    assert not headline.answer({**tables, "adherence": sure}, {}, 0.95).caution


@pytest.mark.parametrize("seeds", [1, 12])
def test_few_activities_are_no_sample(seeds):
    world = World("leaning", accuracy=0.98, judge_concentration=200, activities=6, seeds=seeds)
    answer = said({"probe@dino": simulate(world, np.random.default_rng(4)).judgement})
    assert not claims(answer) and "fewer than" in answer.sentence
    assert ("without an interval" in answer.sentence) == (seeds == 1)
