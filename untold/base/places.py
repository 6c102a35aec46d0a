"""Find files independently of the folder in which a study runs."""

from pathlib import Path

# The workflow's own folder, with the files that ship with it (built-in models, activities, templates).
ROOT = Path(__file__).resolve().parents[2]


def find(path: str | Path) -> Path:
    """Resolve a path of a study's configuration in the study's folder, or else in the workflow's folder.

    A study may be anywhere (``snakemake --directory``). Its own files take precedence; files that it lacks, such as the
    built-in models, come from the workflow.

    Parameters
    ----------
    path : str or Path
        Absolute, or relative to the study's folder, which is the working directory of every job.

    Returns
    -------
    Path
        ``path`` itself if it exists or if neither folder has it, so that messages show what the user wrote.

    Examples
    --------
    >>> find("no/such/file").as_posix()
    'no/such/file'
    """
    own = Path(path)
    try:
        if not own.exists() and (ROOT / own).exists():
            return ROOT / own
    except OSError:  # a name that no file system accepts
        pass
    return own
