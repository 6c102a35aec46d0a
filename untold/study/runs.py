"""Track live runs, so that a killed run does not lock out the next one."""

import fcntl
import os
import sys
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


def prefer_this_interpreter() -> None:
    """Let ``python`` in a job's shell be the one that runs now, also when its environment is not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
