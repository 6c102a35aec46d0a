"""Test quadruplets: their prompts, their order and their noise seeds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from untold.base.identity import digest, noise_seed
from untold.study.activities import Activity
from untold.study.schema_prompts import AgeGrid, Prompts
from untold.synthesis.prompts import SCHEMA, wordings, write_prompts

PROMPTS = Prompts(
    neutral="a person {activity}",
    groups={"young": "a young person {activity}", "older": "an older person {activity}"},
    placebos={"nearby": "a nearby person {activity}"},
    age_grid={
        "ages": [20, 45, 75],
        "templates": {"number": "a {age} years-old person {activity}", "word": "a {word} person {activity}"},
        "words": {"0": "young", "40": "middle-aged", "60": "older"},
    },
    negative="drawing",
)
ACTIVITIES = [Activity("reading", "reading a book", "leisure", False), Activity("cooking", "cooking", "home", True)]


def table(activities=ACTIVITIES, seeds=(1, 2), neutral_seeds=(), noise="paired", prompts=PROMPTS):
    return write_prompts(activities, prompts, seeds, neutral_seeds, noise).to_pandas()


def test_further_seeds_are_for_the_neutral_wording_only():
    rows = table(seeds=(1, 2), neutral_seeds=(3, 4, 5))
    assert rows[rows["seed"] <= 2].reset_index(drop=True).groupby("activity_id").size().eq(2 * 10).all()
    further = rows[rows["seed"] > 2]
    assert set(further["group"]) == {"neutral"}
    assert len(further) == 2 * 3


def test_every_wording_in_order():
    assert [(w.group, w.role, w.age, w.word) for w in wordings(PROMPTS)] == [
        ("neutral", "neutral", None, None),
        ("young", "group", None, None),
        ("older", "group", None, None),
        ("nearby", "placebo", None, None),
        ("number_20", "age_grid", 20, "young"),
        ("number_45", "age_grid", 45, "middle-aged"),
        ("number_75", "age_grid", 75, "older"),
        ("word_20", "age_grid", 20, "young"),
        ("word_45", "age_grid", 45, "middle-aged"),
        ("word_75", "age_grid", 75, "older"),
    ]


def test_a_word_holds_from_its_age_on():
    grid = PROMPTS.age_grid.model_copy(update={"ages": [0, 39, 40, 59, 60, 120]})
    aged = [w.word for w in wordings(PROMPTS.model_copy(update={"age_grid": grid})) if w.group.startswith("word_")]
    assert aged == ["young", "young", "middle-aged", "middle-aged", "older", "older"]


def test_words_must_begin_at_the_lowest_age():
    template = {"word": "a {word} person {activity}"}
    assert AgeGrid(ages=[20, 30, 40], templates=template, words={"20": "young"}).words == {"20": "young"}
    with pytest.raises(ValidationError, match="age 20"):
        AgeGrid(ages=[20, 30, 40], templates=template, words={"21": "young"})


def test_one_row_per_activity_seed_and_wording():
    rows = table()
    assert len(rows) == 2 * 2 * 10
    assert not rows.duplicated(["activity_id", "seed", "group"]).any()
    first = rows[(rows["activity_id"] == "cooking") & (rows["seed"] == 1)].set_index("group")
    assert first.loc["neutral", "prompt"] == "a person cooking"
    assert first.loc["older", "prompt"] == "an older person cooking"
    assert first.loc["number_45", "prompt"] == "a 45 years-old person cooking"
    assert first.loc["word_75", "prompt"] == "a older person cooking"
    assert first.loc["number_45", "age"] == 45
    assert first.loc["neutral", "prompt_key"] == digest("a person cooking")
    assert set(rows["negative"]) == {"drawing"}


def test_a_pair_differs_by_its_prompt_only():
    rows = table()
    assert (rows.groupby(["activity_id", "seed"])["noise_seed"].nunique() == 1).all()
    assert rows["noise_seed"].nunique() == 4


def test_shared_noise_is_the_seed():
    rows = table(noise="shared")
    assert (rows["noise_seed"] == rows["seed"]).all()


def test_the_order_and_company_of_activities_do_not_matter():
    together = write_prompts(ACTIVITIES, PROMPTS, (1, 2), (), "paired")
    assert write_prompts(ACTIVITIES[::-1], PROMPTS, (1, 2), (), "paired").equals(together)
    alone = write_prompts(ACTIVITIES[1:], PROMPTS, (1, 2), (), "paired")
    assert alone.equals(together.slice(0, len(alone)))


def test_no_activities_give_an_empty_table_of_the_same_columns():
    assert write_prompts([], PROMPTS, (1,), (), "paired").schema == SCHEMA


@given(st.text(min_size=1, max_size=300).filter(lambda text: max(text) < "\ud800" or min(text) > "\udfff"))
def test_an_activity_is_text_and_never_a_template(text):
    rows = table([Activity("x", text, "c", False)], seeds=(0,))
    assert rows.loc[0, "prompt"] == f"a person {text}"
    assert rows.loc[1, "prompt"] == f"a young person {text}"


def test_doubled_braces_are_literal():
    prompts = Prompts(neutral="a {{person}} {activity}", groups={"a": "{activity}", "b": "{activity}"}, negative="")
    assert table(prompts=prompts).loc[0, "prompt"] == "a {person} cooking"


@pytest.mark.parametrize("seeds", [range(0), range(5)])
def test_seeds(seeds):
    assert set(table(seeds=seeds)["seed"]) == set(seeds)
    assert noise_seed("paired", "reading", 1) != noise_seed("paired", "reading", 2)
