"""Track live runs, so that a killed run does not lock out the next one."""

import fcntl
import os
import sys
from pathlib import Path
from typing import TextIO


def join_runs(folder: Path) -> TextIO:
    """Register this process as a live run in a folder; if it is the only one, clear the locks of dead runs.

    Snakemake's locks are files, which survive a SIGKILL; kernel locks vanish with the process that holds them. So
    each run holds a shared kernel lock, and only a run that can take it exclusively removes Snakemake's locks.

    Parameters
    ----------
    folder : Path
        Snakemake's folder, ``.snakemake``.

    Returns
    -------
    file
        The lock file. Keep it open for the life of the run.
    """
    folder.mkdir(exist_ok=True)
    alive = (folder / "alive").open("a", encoding="utf-8")
    try:
        fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        for lock in (folder / "locks").glob("*.lock"):
            lock.unlink(missing_ok=True)
    fcntl.flock(alive, fcntl.LOCK_SH)
    return alive


def prefer_this_interpreter() -> None:
    """Make ``python`` in a job's shell the current interpreter, even if its environment is not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
