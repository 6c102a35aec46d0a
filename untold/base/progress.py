"""Show progress on the terminal while a job's output goes to its log."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)

T = TypeVar("T")
LOG_EVERY = 15.0  # seconds
TERMINAL = "/dev/tty"  # the controlling terminal, wherever the job's streams go


def track(
    items: Iterable[T], description: str, total: int, unit: str = "image", size: Callable[[T], int] = lambda item: 1
) -> Iterator[T]:
    """Yield ``items`` and show progress.

    Draws a bar on the controlling terminal if there is one and ``CI`` is not set (not on standard error, which
    Snakemake redirects to the job's log), and writes a line to the log every 15 s in any case.

    Parameters
    ----------
    items : iterable
    total : int
        Number of units.
    size : callable
        Number of units in an item; 1 by default.
    """
    done, last = 0, time.monotonic()
    with (
        _terminal() as terminal,
        tqdm(total=total, desc=description, unit=unit, file=terminal, disable=terminal is None, leave=False) as bar,
    ):
        for item in items:
            yield item
            done += size(item)
            bar.update(size(item))
            if time.monotonic() - last > LOG_EVERY:
                last = time.monotonic()
                log.info("%s: %d of %d %ss", description, done, total, unit)
    log.info("%s: %d of %d %ss, done", description, done, total, unit)


def _terminal() -> AbstractContextManager[TextIO | None]:
    """Open the controlling terminal, to be closed after use; None if there is none."""
    if os.environ.get("CI"):
        return nullcontext()
    try:
        return open(TERMINAL, "w", encoding="locale")
    except OSError:
        return nullcontext()
