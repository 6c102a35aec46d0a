"""Test that the activities are many and distinct, and that their words state no age or gender."""

import csv
import re
from collections import Counter
from difflib import SequenceMatcher
from functools import cache
from itertools import combinations

import pytest

from tests.conftest import ROOT

LEXICON = ROOT / "tests" / "data" / "atus_lexicon_2023.csv"  # all codes; see README.md in the same folder
CATEGORIES = (
    "sleep and rest",
    "personal care",
    "work and education",
    "household tasks",
    "shopping and services",
    "care for others",
    "social activities",
    "leisure and entertainment",
    "exercise and sports",
    "artistic activities",
)

JARGON = r"hh|non-?hh|non-?household|n\.?e\.?c|misc|svcs?|appts?|unspecified|etc|telehealth|telemedicine"
AGE = (
    r"age|aged|ageing|aging|middle-?aged|old(?:er|est)?|elder(?:s|ly)?|seniors?|young(?:er|est)?|youths?|youngsters?"
    r"|bab(?:y|ies)|infants?|newborns?|toddlers?|child\w*|kids?|teen\w*|adolescents?|minors?|juniors?|adults?"
    r"|grand\w*|great-grand\w*|parent\w*|retire\w*|pension\w*|nursing home|hospice|dentures?"
    r"|\w*school\w*|homework|kindergarten|pupils?|students?|college|campus|dorm\w*|graduat\w*|prom"
    r"|daycare|nann(?:y|ies)|babysit\w*|diapers?|cribs?|strollers?|toys?|dolls?|playgrounds?|playdates?"
    r"|piggyback|santa|trick-or-treat\w*"
)
GENDER = (
    r"boys?|girls?|\w*m[ae]n|guys?|lad(?:s|y|ies)?|males?|females?|masculine|feminine|he|she|his|hers?|him|himself|herself"
    r"|mothers?|moms?|fathers?|dads?|wife|wives|husbands?|sons?|daughters?|brothers?|sisters?|uncles?|aunts?|nieces?"
    r"|nephews?|girlfriends?|boyfriends?|brid(?:e|es|al)|bridegrooms?|bachelor\w*|fraternit\w*|sororit\w*"
    r"|waitress\w*|actress\w*|hostess\w*|maids?|barbers?|beards?|mustaches?|shav(?:e|ing)|neckties?|tuxedos?|suits?"
    r"|makeup|lipsticks?|mascara|nail polish|manicures?|pedicures?|bras?|skirts?|gowns?|dress(?:es)?|heels"
    r"|pregnan\w*|breast\w*"
)
SEXUAL = (
    r"sex\w*|nud(?:e|es|ity)|naked|undress\w*|strip(?:ping|pers?|tease)|erotic\w*|porn\w*|intima\w*|lingerie|kiss\w*"
    r"|necking|making out|seduc\w*|flirt\w*|cuddl\w*|lovers?|bikinis?|licking|sunbath\w*"
)
BRITISH = (
    r"neighbour\w*|colour\w*|favourite|jewellery|grey|tyres?|pyjamas|theatres?|moustaches?|plough\w*|kerb|cheque\w*"
    r"|organis\w*|apologis\w*|practis\w*|travell\w*|modell\w*|labell\w*|centre|metre|aeroplane\w*"
)
NOT_GENDERED = {"human", "ramen", "specimen"}  # words that end in "man" or "men" without referring to gender
# Words that do not identify the activity.
STOPWORD = re.compile(
    r"an?|the|of|in|on|at|to|for|from|with|by|into|onto|off|out|up|over|under|through|around|across|and|along|as"
    r"|after|beside|behind"
)
NEAR = 0.6


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with open(ROOT / "config" / "activities.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.fixture(scope="module")
def phrases(rows: list[dict[str, str]]) -> list[str]:
    return [row["activity"] for row in rows]


def banned(pattern: str, phrase: str) -> list[str]:
    """Return the whole words of a phrase that a pattern forbids, including parts of hyphenated words."""
    hits = re.findall(rf"(?<![a-z])(?:{pattern})(?![a-z])", phrase.lower())
    return [hit for hit in hits if hit not in NOT_GENDERED]


def stem(word: str) -> str:
    """Return a light stem, without possessive, plural, -ing, -ed, doubled last consonant and final e."""
    word = word.removesuffix("'s").replace("'", "")
    for suffix in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            word = word.removesuffix(suffix) + ("y" if suffix == "ies" else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@cache
def content(phrase: str) -> frozenset[str]:
    """Return the stems of the content words."""
    words = re.findall(r"[a-z0-9']+", phrase.lower())
    return frozenset(stem(word) for word in words if not STOPWORD.fullmatch(word))


def nearness(one: str, other: str) -> float:
    """Compute the similarity of two phrases, from 0 to 1.

    It is the maximum of three values: the Jaccard index of the stems; 1 if a phrase of at least two stems is
    contained in the other (`walking the dog`, `walking the dog in a park`); and the string similarity of the sorted
    stems, which counts only from 0.95 on, because distinct short phrases share letters (`playing baseball`,
    `playing basketball`: 0.92).
    """
    a, b = content(one), content(other)
    common = len(a & b)
    jaccard = common / len(a | b)
    within = float(min(len(a), len(b)) >= 2 and common == min(len(a), len(b)))
    matcher = SequenceMatcher(None, "".join(sorted(a)), "".join(sorted(b)), autojunk=False)
    # The quick ratio is an upper bound and makes the full ratio unnecessary for almost every pair.
    spelling = matcher.ratio() if matcher.quick_ratio() >= 0.95 else 0.0
    return max(jaccard, within, spelling if spelling >= 0.95 else 0.0)


def test_columns_and_file_form(rows: list[dict[str, str]]) -> None:
    data = (ROOT / "config" / "activities.csv").read_bytes()
    assert data.startswith(b"id,activity,category,lexicon_code,miniature\n")
    assert data.endswith(b"\n")
    assert b"\r" not in data
    assert b'"' not in data
    data.decode("utf-8")
    assert all(None not in row and None not in row.values() for row in rows)
    assert all(cell == cell.strip() != "" for row in rows for cell in row.values())


def test_at_least_512_activities_all_distinct(rows: list[dict[str, str]]) -> None:
    assert len(rows) >= 512
    for column in ("id", "activity"):
        count = Counter(row[column].lower() for row in rows)
        assert [value for value in count if count[value] > 1] == []


def test_at_least_25_in_each_of_the_ten_categories(rows: list[dict[str, str]]) -> None:
    count = Counter(row["category"] for row in rows)
    assert set(count) == set(CATEGORIES)
    assert min(count.values()) >= 25, count


def test_id_is_the_slug_of_its_phrase(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["id"]), row["id"]
        assert row["id"] == re.sub(r"[^a-z0-9]+", "-", row["activity"].lower().replace("'", "")), row["id"]


def test_phrases_complete_a_person(phrases: list[str]) -> None:
    for phrase in phrases:
        words = phrase.split(" ")
        assert 1 <= len(words) <= 8, phrase
        assert re.fullmatch(r"[A-Za-z' -]+", phrase), phrase
        # The gerund is the first word, or the second word of a compound (`roller skating`).
        gerund = words[-1] if len(words) == 2 and not words[0].endswith("ing") else words[0]
        assert re.fullmatch(r"([a-z]+-)?[a-z]{2,}ing", gerund), phrase


def test_sorted_by_category_code_and_id(rows: list[dict[str, str]]) -> None:
    keys = [(CATEGORIES.index(row["category"]), row["lexicon_code"], row["id"]) for row in rows]
    assert keys == sorted(keys)


def test_codes_have_six_digits(rows: list[dict[str, str]]) -> None:
    assert [row["id"] for row in rows if not re.fullmatch(r"[0-9]{6}", row["lexicon_code"])] == []


def test_codes_are_in_the_lexicon(rows: list[dict[str, str]]) -> None:
    with open(LEXICON, encoding="utf-8", newline="") as file:
        known = {row["code"] for row in csv.DictReader(file)}
    assert {row["lexicon_code"] for row in rows} - known == set()


@pytest.mark.parametrize(
    "pattern",
    [JARGON, AGE, GENDER, SEXUAL, BRITISH],
    ids=["jargon", "age", "gender", "sexual", "British spelling"],
)
def test_no_phrase_holds_a_banned_word(phrases: list[str], pattern: str) -> None:
    assert {phrase: hits for phrase in phrases if (hits := banned(pattern, phrase))} == {}


@pytest.mark.parametrize(
    ("pattern", "phrase"),
    [
        (JARGON, "feeding hh member"),
        (JARGON, "playing sports n.e.c."),
        (AGE, "visiting grandchildren"),
        (AGE, "planning retirement"),
        (AGE, "walking to school"),
        (AGE, "Teaching a Child to swim"),
        (AGE, "playing with toys"),
        (AGE, "visiting elderly neighbors"),
        (GENDER, "calling a girlfriend"),
        (GENDER, "trimming a beard"),
        (GENDER, "waving at a fireman"),
        (GENDER, "helping her friend"),
        (SEXUAL, "kissing a partner"),
        (SEXUAL, "stripping on a stage"),
        (BRITISH, "greeting a neighbour"),
    ],
)
def test_the_lists_catch_what_they_are_for(pattern: str, phrase: str) -> None:
    assert banned(pattern, phrase)


@pytest.mark.parametrize("phrase", ["eating ramen", "packing a suitcase", "reading a comic strip"])
def test_the_lists_spare_words_that_only_contain_a_banned_one(phrase: str) -> None:
    assert not any(banned(pattern, phrase) for pattern in (JARGON, AGE, GENDER, SEXUAL))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ironing a shirt", "ironing shirts"),
        ("walking a dog", "walking the dog in a park"),
        ("folding clean clothes", "folding clothes"),
        ("sweeping the floor", "sweeping floors with a broom"),
        ("carving wood", "wood carving"),
        ("watering the houseplants", "watering the house plants"),
        ("jogging", "jogging"),
    ],
)
def test_measure_catches_near_duplicates(one: str, other: str) -> None:
    assert nearness(one, other) >= NEAR
    assert nearness(other, one) == nearness(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("washing hair", "washing hands"),
        ("eating soup", "eating salad"),
        ("playing baseball", "playing basketball"),
        ("watching a tennis match", "watching a boxing match"),
    ],
)
def test_measure_keeps_distinct_activities(one: str, other: str) -> None:
    assert nearness(one, other) < NEAR


def test_no_near_duplicates(phrases: list[str]) -> None:
    near = [(a, b) for a, b in combinations(phrases, 2) if nearness(a, b) >= NEAR]
    assert near == []


def test_miniature_rows_are_those_of_the_miniature_world(rows: list[dict[str, str]]) -> None:
    assert {row["miniature"] for row in rows} == {"true", "false"}
    with open(ROOT / "resources" / "miniature" / "world.csv", encoding="utf-8", newline="") as file:
        world = {(row["id"], row["activity"]) for row in csv.DictReader(file)}
    assert {(row["id"], row["activity"]) for row in rows if row["miniature"] == "true"} == world
    assert len(world) == 48
