"""Measure who a text-to-image model draws when the prompt leaves it untold."""

import typing

if typing.TYPE_CHECKING:
    import os

    from untold.data.results import Study


def open_study(results: "str | os.PathLike[str]") -> "Study":
    """Open the results of a finished study, for notebooks and scripts.

    Parameters
    ----------
    results : str or path
        The folder of its results.

    Returns
    -------
    Study
        Tables, images, vectors and predictions of each dataset, read when they are asked for.

    Raises
    ------
    FileNotFoundError
        If the folder holds no results of a study.

    Examples
    --------
    >>> study = open_study("results")  # doctest: +SKIP
    >>> study["people"].table("contrasts")  # doctest: +SKIP

    References
    ----------
    docs/notebook.md
    """
    # Imported here, because every job imports this package and few need pandas.
    from pathlib import Path

    from untold.data.results import Study

    return Study(Path(results))
