"""Whether a table that was written is what the catalogue says."""

from collections.abc import Sequence

import pandas as pd

from untold.catalogue.tables import entry

GROUP = "<group>"


def problems(name: str, frame: pd.DataFrame, groups: Sequence[str] = ()) -> list[str]:
    """How a table differs from its entry in the catalogue; an empty list where it does not.

    Parameters
    ----------
    name : str
        Of the table, also with a space's or encoder's before it: ``dino-clusters``.
    frame : DataFrame
        As it was read. Without rows it may lack columns: what could not be measured has none of its own.
    groups : sequence of str
        The groups of the dataset's axis, for columns of which there is one per group.

    Examples
    --------
    >>> problems("rejects", pd.DataFrame({"dataset": ["people"], "path": ["a.png"], "size": [1]}))
    ['rejects: size is not in the catalogue', 'rejects: reason was not written']
    """
    table = entry(name)
    known = {
        column.name.replace(GROUP, group): column
        for column in table.all_columns
        for group in (groups if GROUP in column.name else [""])
    }
    found = [f"{name}: {column} is not in the catalogue" for column in frame.columns if column not in known]
    if frame.empty:
        return found
    found += [
        f"{name}: {column} was not written"
        for column, about in known.items()
        if column not in frame and not about.optional
    ]
    key = [column for column in table.key if column in frame]
    if key and frame.duplicated(key).any():
        twice = frame.loc[frame.duplicated(key), key].iloc[0].to_dict()
        found.append(f"{name}: two rows for one key, {twice}")
    return found
