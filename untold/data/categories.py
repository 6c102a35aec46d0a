"""Attributes of images as categories."""

import re
from collections.abc import Iterable

import pandas as pd

# Of a column with more values, such as a name or a number, tables show the most common and the rebalancing nothing.
MOST_VALUES = 50


def too_many(attribute: pd.Series) -> bool:
    """Whether an attribute has too many values to be balanced or shown whole.

    Examples
    --------
    >>> too_many(pd.Series(["male", "female", None])), too_many(pd.Series(range(60)))
    (False, True)
    """
    return attribute.nunique() > MOST_VALUES


def common_values(attribute: pd.Series) -> pd.Series:
    """The attribute with all but its most common values joined into one, if it has more than ``MOST_VALUES``.

    Of equally common values, those that come first as text are kept.

    Examples
    --------
    >>> common_values(pd.Series([*"aab", *map(str, range(60))])).value_counts().iloc[[0, 1]].to_dict()
    {'13 rarer values': 13, 'a': 2}
    """
    if not too_many(attribute):
        return attribute
    counts = attribute.dropna().astype(str).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    rare = counts.index[MOST_VALUES - 1 :]
    return attribute.astype(object).where(~attribute.astype(str).isin(rare), f"{len(rare)} rarer values")


def in_order(values: Iterable[str]) -> list[str]:
    """Distinct values in the order in which people list them: by their first number, then as text.

    "under 3" comes before "3-9", and "more than 70" after "60-69". Of an intersection, each part has its order.

    Examples
    --------
    >>> in_order(["more than 70", "10-19", "3-9", "0-2", "100", "unknown"])
    ['0-2', '3-9', '10-19', 'more than 70', '100', 'unknown']
    >>> in_order(["old x b", "10-19 x a", "3-9 x b", "under 3 x a", "3-9 x a"])
    ['under 3 x a', '3-9 x a', '3-9 x b', '10-19 x a', 'old x b']
    """
    return sorted(set(values), key=lambda value: [_place(part) for part in value.split(" x ")])


def sort_by_category(table: pd.DataFrame, before: list[str], category: str) -> pd.DataFrame:
    """Sort a table by some columns and then by a category in its order; rows that are equal in these keep theirs.

    Examples
    --------
    >>> sort_by_category(pd.DataFrame({"n": [2, 1, 1], "age": ["0-2", "10-19", "3-9"]}), ["n"], "age")["age"].tolist()
    ['3-9', '10-19', '0-2']
    """
    places = {value: place for place, value in enumerate(in_order(table[category]))}
    by = table[before].assign(**{category: table[category].map(places)})
    return table.loc[by.sort_values([*before, category], kind="stable").index].reset_index(drop=True)


def _place(value: str) -> tuple[float, int, str]:
    number = re.search(r"\d+(\.\d+)?", value)
    if not number:
        return (float("inf"), 0, value)
    side = re.match(r"\s*(?:(<|under|below|less|up to)|(>|over|above|more))", value.lower())
    return (float(number[0]), (-1 if side[1] else 1) if side else 0, value)
