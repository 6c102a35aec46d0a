"""Attributes of images as categories."""

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
