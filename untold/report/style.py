"""The common matplotlib style of all static figures, and reproducible figure files."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from untold.base.files import atomic
from untold.report.colours import GRID, INK, PAPER

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DIVERGING = "PuOr_r"

STYLE: dict[RcKeyType, object] = {
    "font.family": ["DejaVu Sans"],  # ships with matplotlib, so the layout is the same on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    # Activities may contain dollar signs.
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "figure.facecolor": PAPER,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "svg.hashsalt": "figure",
}


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure to files atomically, without dates."""
    with mpl.rc_context(STYLE):
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            with atomic(path) as part:
                figure.savefig(part, format=path.suffix[1:], metadata=metadata, facecolor=PAPER)
            # Layout is half the work and the same for every format, so it is done only once.
            figure.set_layout_engine("none")
