"""Check that a table matches its entry in the catalogue."""

from collections.abc import Sequence

import pandas as pd

from untold.catalogue.tables import entry

GROUP = "<group>"


def problems(name: str, frame: pd.DataFrame, groups: Sequence[str] = ()) -> list[str]:
    """List how a table differs from its entry in the catalogue.

    Parameters
    ----------
    name : str
        Name of the table, possibly prefixed by a space or encoder: ``dino-clusters``.
    frame : DataFrame
        The table as read. If it has no rows, columns may be missing.
    groups : sequence of str
        The groups of the dataset's axis, for columns that exist once per group.

    Returns
    -------
    list of str
        One message per difference; empty if there is none.

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
