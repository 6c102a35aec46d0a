"""Test the formatting of numbers for readers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untold.report.numbers import MINUS, decimals, measured, number, p_value, percent, plain

NAN = math.nan


@pytest.mark.parametrize(
    ("half", "places"),
    # The examples of the Particle Data Group's rounding rule: 0.119, 0.367, and 0.95 or more.
    [
        (0.119, 2),
        (0.354, 2),
        (0.355, 1),
        (0.367, 1),
        (0.949, 1),
        (0.951, 1),
        (0.0093, 3),
        (0.0021, 4),
        (12, 0),
        (480, -2),
    ],
)
def test_decimals_follow_the_uncertainty(half, places):
    assert decimals(half) == places


@pytest.mark.parametrize("half", [0, -1, NAN, math.inf])
def test_no_uncertainty_gives_no_rule(half):
    assert decimals(half) is None


def test_all_three_numbers_have_the_same_decimals():
    assert measured(0.0213456, 0.0120987, 0.0301234) == "0.021 (0.012 to 0.030)"
    assert measured(-0.5, -0.61, -0.39, signed=True) == f"{MINUS}0.50 ({MINUS}0.61 to {MINUS}0.39)"
    assert measured(0.1, -0.1, 0.3, signed=True) == f"+0.10 ({MINUS}0.10 to +0.30)"


def test_what_does_not_exist_is_a_dash_and_nothing_is_invented():
    assert measured(NAN, 0, 1) == number(NAN) == p_value(NAN) == "–"
    assert measured(0.81234, NAN, NAN) == "0.812"
    assert percent(0.5) == "50\N{NARROW NO-BREAK SPACE}%"


def test_small_and_large():
    assert plain(-0.0001, 2) == "0.00"
    assert plain(1234567, -3) == "1\N{NARROW NO-BREAK SPACE}235\N{NARROW NO-BREAK SPACE}000"
    assert percent(0.62, 0.5, 0.73) == "62\N{NARROW NO-BREAK SPACE}% (50 to 73)"
    assert p_value(0.0004) == "<\N{NARROW NO-BREAK SPACE}0.001" and p_value(0.04) == "0.040" and p_value(1) == "1.00"


@given(st.floats(-1e3, 1e3), st.floats(1e-5, 1e3))
def test_rounding_moves_a_number_by_less_than_a_quarter_of_its_uncertainty(value, half):
    places = decimals(half)
    shown = plain(value, places).replace(MINUS, "-").replace("\N{NARROW NO-BREAK SPACE}", "")
    assert abs(float(shown) - value) <= 0.16 * half + 1e-9
