"""The colours of figures and page."""

from collections.abc import Mapping, Sequence

INK, MUTED, GRID, PAPER = "#1c1e21", "#666b73", "#d9dce1", "#ffffff"
NEUTRAL = "#7a7f87"
# Text on the cells of a heat map, which keep their colours when the page turns dark.
ON_DARK, ON_LIGHT = "#fefefe", "#1c1e20"
# Distinct with protanopia and deuteranopia, and at least 3:1 against the page in light and dark (a test holds both).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b83280", "#8f7a00", "#3a8fc9", "#cc6677", "#7a7f87")


def colours(names: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """A colour for each name, in order; those chosen by the user first, ``neutral`` always grey unless chosen."""
    chosen = chosen or {}
    marked = [name for name in names if name != "neutral"]
    free = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(marked)}
    return {name: chosen.get(name, free.get(name, NEUTRAL)) for name in names}
