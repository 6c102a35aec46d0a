"""Test word statistics of captions: counts are correct, words are ranked by evidence, and none is invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untold.structure import captions
from untold.structure.captions import word_log_odds


def row(table, cluster, word, category=None):
    chosen = table[(table["cluster"] == cluster) & (table["word"] == word)]
    return (chosen if category is None else chosen[chosen["category"] == category]).iloc[0]


def test_words_are_found_whatever_their_dress():
    assert captions.words("A WOMAN\u2019s dog, the middle-aged man; he's 75.") == [
        *("a", "woman", "dog", "the", "middle-aged", "man", "he")
    ]
    assert "man" not in captions.words("woman mankind human")


def test_every_category_has_a_kind_and_clean_words():
    assert captions.KINDS.keys() == captions.LEXICON.keys()
    assert not captions.LEXICON["feminine"] & captions.LEXICON["masculine"]
    assert not captions.LEXICON["young"] & captions.LEXICON["old"]
    for listed in captions.LEXICON.values():
        assert all(captions.words(word) == [word] for word in listed)


def test_log_odds_are_those_of_the_paper():
    # Computed by hand: "woman" is 6 of 10 words here and 2 of 30 elsewhere; 8 / 40 of the 4 prior words are "woman".
    here = ["woman woman woman woman woman woman x x x x"]
    there = ["woman woman " + "x " * 28]
    table = word_log_odds(here + there, np.array([0, 1]), prior_words=4)
    got = row(table, 0, "woman")
    alpha = 4 * 8 / 40
    delta = np.log((6 + alpha) / (10 + 4 - 6 - alpha)) - np.log((2 + alpha) / (30 + 4 - 2 - alpha))
    assert got["log_odds"] == pytest.approx(delta)
    assert got["z"] == pytest.approx(delta / np.sqrt(1 / (6 + alpha) + 1 / (2 + alpha)))
    assert (got["count"], got["words_n"], got["rest_count"], got["rest_n"]) == (6, 10, 2, 30)
    assert row(table, 1, "woman")["z"] == pytest.approx(-got["z"])


def test_evidence_ranks_above_a_single_rare_word():
    texts = ["a woman smiling at home"] * 40 + ["a man at work"] * 40
    texts[0] += " princess"
    table = word_log_odds(texts, np.repeat([0, 1], 40))
    assert row(table, 0, "woman")["z"] > 3 > row(table, 0, "princess")["z"] > 0
    assert row(table, 0, "man")["z"] < -3
    assert row(table, 0, "(all)", "feminine")["count"] == 41
    assert row(table, 0, "smiling")["kind"] == "emotion"
    assert row(table, 0, "woman")["p_adjusted"] < 0.01


def test_equal_clusters_have_no_log_odds():
    table = word_log_odds(["a young man", "a young man"], np.array([0, 1]))
    np.testing.assert_allclose(table["log_odds"], 0, atol=1e-12)
    np.testing.assert_allclose(table["p"], 1)


def test_missing_captions_and_silent_clusters_are_noted():
    table = word_log_odds(["an old man", None, "a girl", np.nan, "he"], np.array([0, 0, 1, 2, -1]))
    assert row(table, 0, "man")["note"] == "2 images without a caption left out"
    assert "no captions here" in row(table, 2, "man")["note"]
    assert np.isnan(row(table, 2, "man")["z"])
    assert "images in no cluster" in row(table, -1, "he")["note"]
    assert word_log_odds([None, None], np.array([0, 1])).empty
    assert word_log_odds(["trees"], np.array([0])).empty
    assert word_log_odds(["a man"], np.array([0]))["z"].isna().all()


TEXT = st.text(alphabet="a manwomoldh'-😀\n<", max_size=30)


@given(st.lists(st.tuples(TEXT, st.integers(-1, 2)), max_size=12))
def test_any_text_is_counted_once(pairs):
    table = word_log_odds([text for text, _ in pairs], np.array([c for _, c in pairs], dtype=int))
    for (_, word), part in table[table["word"] != "(all)"].groupby(["category", "word"]):
        assert part["count"].sum() == sum(captions.words(text).count(word) for text, _ in pairs)
        assert (part["count"] + part["rest_count"]).nunique() == 1
