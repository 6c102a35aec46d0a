"""Progress that a person sees on the terminal while the job's own output goes to its log."""

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
TERMINAL = "/dev/tty"  # the controlling one, whatever the job's streams go to


def track(
    items: Iterable[T], description: str, total: int, unit: str = "image", size: Callable[[T], int] = lambda item: 1
) -> Iterator[T]:
    """Yield ``items`` and show how far we are.

    A bar on the controlling terminal when there is one and ``CI`` is not set (Snakemake redirects a job's streams to
    its log, so the bar is drawn on the terminal itself), and a line in the log every 15 s in any case.

    Parameters
    ----------
    items : iterable
    total : int
        Number of units.
    size : callable
        How many units an item carries; 1 by default.
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
    """The terminal that a person watches, to be closed after use; None if there is none."""
    if os.environ.get("CI"):
        return nullcontext()
    try:
        return open(TERMINAL, "w", encoding="locale")
    except OSError:
        return nullcontext()
