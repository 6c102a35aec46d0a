"""How every printed figure looks: one matplotlib style, colours, and files that are equal for equal figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from scripts.lib.files import atomic

INK, MUTED, GRID, PAPER = "#1c1e21", "#666b73", "#d9dce1", "#ffffff"
NEUTRAL = "#7a7f87"
# Text on the cells of a heat map, which keep their colours when the page turns dark.
ON_DARK, ON_LIGHT = "#fefefe", "#1c1e20"
# Distinct with protanopia and deuteranopia, and at least 3:1 against the page in light and dark (a test holds both).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b83280", "#8f7a00", "#3a8fc9", "#cc6677", "#7a7f87")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
DIVERGING = "PuOr_r"

STYLE = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so layout is the same on every machine
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
    # A dollar sign in an activity is a dollar sign.
    "text.parse_math": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "figure.facecolor": PAPER,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "svg.hashsalt": "tetrad",
}


def colours(names: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for each name, in order; those chosen by the user first, ``neutral`` always grey unless chosen."""
    chosen = chosen or {}
    marked = [name for name in names if name != "neutral"]
    free = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(marked)}
    return {name: chosen.get(name, free.get(name, NEUTRAL)) for name in names}


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure as SVG and PNG, whole or not at all, without dates."""
    with mpl.rc_context(STYLE):
        for path in paths:
            metadata = {"Date": None} if path.suffix == ".svg" else {}
            with atomic(path) as part:
                figure.savefig(part, format=path.suffix[1:], metadata=metadata, facecolor=PAPER)
            # Finding room for everything is half the work, and the same for every format.
            figure.set_layout_engine("none")
