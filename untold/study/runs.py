"""Which runs of a study are alive, so that one that was killed does not lock the next one out."""

import fcntl
from pathlib import Path
from typing import TextIO


def join_runs(folder: Path) -> TextIO:
    """Count this process among the runs in a folder, and clear the locks of dead ones if it is the only one.

    Snakemake's locks are files, which survive a SIGKILL; the kernel's are gone with the process that held them. So
    each run holds a shared kernel lock, and only one that can have it alone removes Snakemake's.

    Parameters
    ----------
    folder : Path
        Snakemake's own folder, ``.snakemake``.

    Returns
    -------
    file
        Keep it open for as long as the run lives.
    """
    folder.mkdir(exist_ok=True)
    alive = (folder / "alive").open("a")
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        for lock in (folder / "locks").glob("*.lock"):
            lock.unlink(missing_ok=True)
    fcntl.flock(alive, fcntl.LOCK_SH)
    return alive
