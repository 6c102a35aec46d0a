"""The colours of the figures and the page."""

from collections.abc import Mapping, Sequence

INK, MUTED, GRID, PAPER = "#1c1e21", "#666b73", "#d9dce1", "#ffffff"
NEUTRAL = "#7a7f87"
# Text on the cells of a heat map, which keep their colours in dark mode.
ON_DARK, ON_LIGHT = "#fefefe", "#1c1e20"
# Distinct for readers with protanopia or deuteranopia, with a contrast of at least 3:1 in light and dark mode (tested).
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#b83280", "#8f7a00", "#3a8fc9", "#cc6677", "#7a7f87")


def colours(names: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """Colour of each name: the user's choice if there is one, else grey for ``neutral`` and the palette in order."""
    chosen = chosen or {}
    marked = [name for name in names if name != "neutral"]
    free = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(marked)}
    return {name: chosen.get(name, free.get(name, NEUTRAL)) for name in names}
