"""Where files are, wherever a study runs."""

from pathlib import Path

# The workflow's own folder: what comes with it (embedded models, activities, templates) is found from here.
ROOT = Path(__file__).resolve().parents[2]


def find(path: str | Path) -> Path:
    """Where a path that a study names leads: into the study's folder, else among the files of the workflow.

    A study may lie anywhere (``snakemake --directory``). Its own files come first; what it does not have, such as the
    embedded models, comes with the workflow.

    Parameters
    ----------
    path : str or Path
        Absolute, or relative to the study's folder, which is the working directory of every job.

    Returns
    -------
    Path
        ``path`` itself where it exists or nothing has this name, so that messages show what the user wrote.

    Examples
    --------
    >>> find("no/such/file").as_posix()
    'no/such/file'
    """
    own = Path(path)
    try:
        if not own.exists() and (ROOT / own).exists():
            return ROOT / own
    except OSError:  # a name that no file system takes
        pass
    return own
