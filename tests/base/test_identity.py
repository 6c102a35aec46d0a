"""Test that identities do not depend on the machine, the order of keys or the version."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untold.base.identity import canonical_json, digest, file_digest, is_slug, noise_seed, shard_index, shard_name

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
IDENTITY = st.text(max_size=30)


@given(JSON)
def test_canonical_json_keeps_the_value(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), JSON, min_size=2))
def test_the_order_of_keys_does_not_matter(value):
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_swapped_values_differ():
    """Snakemake compares params as an unordered set, but swapped values change a single text."""
    assert canonical_json({"steps": 20, "seeds": 4}) != canonical_json({"steps": 4, "seeds": 20})


def test_the_text_is_ascii_without_spaces():
    assert canonical_json({"b": ["é", None], "a": 1.5}) == '{"a":1.5,"b":["\\u00e9",null]}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_refused(value):
    with pytest.raises(ValueError):
        canonical_json({"x": value})


# These values pin the identities: if one changed, every existing image would be generated again.
def test_known_identities(tmp_path):
    assert digest("a") == "ac8d8342bbb2362d13f0a559a3621bb407011368895164b628a54f7fc33fc43c"
    assert noise_seed("paired", "ironing", 123) == 5625630894297384033
    assert noise_seed("shared", "ironing", 123) == 123
    assert [shard_index(name, 64) for name in ("ironing", "cooking", "é")] == [2, 21, 19]
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_identities_do_not_depend_on_the_process():
    """Python's built-in hash differs between processes; the identities must not."""
    code = "from untold.base.identity import *; print(shard_index('é', 64), noise_seed('paired', 'x', 1))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(shard_index("é", 64)), str(noise_seed("paired", "x", 1))]


@given(IDENTITY, st.integers(1, 50), st.integers(1, 50))
def test_coarse_shards_are_unions_of_fine_ones(identity, coarse, factor):
    assert shard_index(identity, coarse) == shard_index(identity, coarse * factor) % coarse


@given(IDENTITY, st.integers(1, 4096))
def test_a_shard_exists(identity, count):
    assert 0 <= shard_index(identity, count) < count


def test_file_names_that_are_not_utf8_have_a_shard():
    assert 0 <= shard_index(b"\xff.jpg".decode("utf-8", "surrogateescape"), 7) < 7


def test_shard_names_carry_the_count_and_sort_like_numbers():
    assert shard_name(3, 64) == "0003-of-0064"
    names = [shard_name(index, 4096) for index in range(4096)]
    assert names == sorted(names)


def test_shards_are_even():
    """Each of 64 shards gets 100 of 6 400 activities on average, with a standard deviation of 10."""
    counts = [0] * 64
    for number in range(6400):
        counts[shard_index(f"activity-{number}", 64)] += 1
    assert min(counts) > 60 and max(counts) < 140


@given(st.text(max_size=10), st.integers(0, 2**63 - 1))
def test_noise_seeds_fit_generators(activity, seed):
    assert 0 <= noise_seed("paired", activity, seed) < 2**63
    assert noise_seed("shared", activity, seed) == seed


@given(st.text(max_size=100))
def test_a_slug_is_a_safe_file_name(text):
    if is_slug(text):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert text[0] != "-" and 0 < len(text) <= 80


@pytest.mark.parametrize("text", ["", "a-", "-a", "a--b", "A", "a_b", "a.b", "a\n", "..", "é", "٣", "a" * 81])
def test_no_slug(text):
    assert not is_slug(text)


@pytest.mark.parametrize("text", ["a", "a-b", "3-d-printing", "a" * 80])
def test_slug(text):
    assert is_slug(text)
