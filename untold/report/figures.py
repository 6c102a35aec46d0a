"""Static figures: pure functions from the tables named in the catalogue to matplotlib figures.

Every figure states its unit, its n and its intervals. A table without rows gives a figure that says so, because
Snakemake expects the file even if there is nothing to show.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from untold.catalogue.metrics import METRICS, primary_metrics
from untold.report.colours import GRID, INK, MUTED, NEUTRAL, ON_DARK, ON_LIGHT, PALETTE, PAPER, colours
from untold.report.numbers import MINUS, plain
from untold.report.style import DIVERGING, MARKERS, STYLE
from untold.report.wording import SPACES, contrast_label, judge_label, metric_label, primary_space, space_label

WIDTH = 7.2  # inches
ENDS = 14  # activities shown at each end of the ranking by gap
EXTREMES = 8  # and at each end of the ranking by share


@dataclass(frozen=True)
class Design:
    """Settings shared by the figures of a dataset.

    Attributes
    ----------
    groups : sequence of str
        The axis without neutral, in order.
    contrast : str
        The main contrast, such as ``young-older``; empty if there are no groups.
    colour : mapping of str to str
        Colour of each group.
    confidence : float
        Confidence level of the intervals.
    activities : mapping of str to str
        Titles of the activities, by id.
    points : DataFrame
        For the map of a space: columns method, x, y, group.
    title : str
        For the map of a space: its name in words.
    """

    groups: Sequence[str] = ()
    contrast: str = ""
    colour: Mapping[str, str] = field(default_factory=dict)
    confidence: float = 0.95
    activities: Mapping[str, str] = field(default_factory=dict)
    points: pd.DataFrame = field(default_factory=pd.DataFrame)
    title: str = ""


# The drawing function of each figure of the catalogue, by the figure's name.
DRAW: dict[str, Callable[..., Figure]] = {}


def draws(name: str) -> Callable[[Callable[..., Figure]], Callable[..., Figure]]:
    """Register the drawing function of a figure, which takes the tables named in the catalogue and the design."""

    def register(draw: Callable[..., Figure]) -> Callable[..., Figure]:
        DRAW[name] = styled(draw)
        return DRAW[name]

    return register


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in our style, or draw a note instead if the table is empty."""

    @wraps(draw)
    def wrapper(*arguments: object) -> Figure:
        frame = next((found for found in arguments if isinstance(found, pd.DataFrame)), None)
        with mpl.rc_context(STYLE):
            if frame is not None and (frame.empty or ("estimate" in frame and frame["estimate"].isna().all())):
                notes = frame["note"].dropna() if "note" in frame else pd.Series(dtype=str)
                return empty(notes.iloc[0] if len(notes) else "the table has no rows")
            return draw(*arguments)

    return wrapper


def empty(reason: str) -> Figure:
    """A placeholder that says why there is nothing to show."""
    with mpl.rc_context(STYLE):
        figure = Figure((WIDTH, 1.2))
        figure.text(0.5, 0.5, f"Nothing to show: {reason}", ha="center", va="center", color=MUTED)
        return figure


def _n(frame: pd.DataFrame, unit: str = "activities") -> str:
    """Such as ``n = 48 activities``, or a range if n varies."""
    n = frame["n"].dropna()
    if n.empty:
        return f"no {unit}"
    low, high = int(n.min()), int(n.max())
    return f"n = {low} {unit}" if low == high else f"n = {low} to {high} {unit}"


def _interval(axes, y, rows: pd.DataFrame, colour, marker="o", label=None, filled=True) -> None:
    """Draw estimates at heights ``y``, with a line for each interval."""
    axes.hlines(y, rows["low"], rows["high"], color=colour, linewidth=1.8)
    face = colour if filled else PAPER
    axes.plot(
        rows["estimate"], y, marker, color=colour, markerfacecolor=face, linestyle="none", label=label, clip_on=False
    )


def _labels(axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def _rows(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of space and metric in the order of `METRICS` and `SPACES`."""
    pairs = frame[["space", "metric"]].drop_duplicates().itertuples(index=False, name=None)
    spaces, metrics = list(SPACES), list(METRICS)

    def place(names: list[str], name: str) -> tuple[int, str]:
        return (names.index(name) if name in names else len(names), name)

    return sorted(pairs, key=lambda pair: (place(metrics, pair[1]), place(spaces, pair[0])))


def _gaps(axes, part: pd.DataFrame, contrast: str) -> None:
    """Draw the gaps of one contrast, one per row; markers are filled if the interval excludes zero."""
    for y, (_, row) in enumerate(part.iterrows()):
        sure = row["low"] > 0 or row["high"] < 0
        _interval(axes, [y], row.to_frame().T, INK if sure else MUTED, filled=sure)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.margins(x=0.12)
    axes.locator_params(axis="x", nbins=4)
    first, second = contrast.split("-", 1)
    axes.text(0, 1.01, f"\N{LEFTWARDS ARROW} {second}", transform=axes.transAxes, fontsize=8, color=MUTED)
    axes.text(1, 1.01, f"{first} \N{RIGHTWARDS ARROW}", transform=axes.transAxes, fontsize=8, color=MUTED, ha="right")


@draws("answer")
def answer(shares: pd.DataFrame, checks: pd.DataFrame, design: Design) -> Figure:
    """The overall shares by every judge, the leading one first, small enough for the top of the page."""
    part = overall_shares(shares, checks)
    rows = list(dict.fromkeys(part["label"]))
    figure = Figure((4.6, 1.25 + 0.5 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for i, group in enumerate(design.groups):
        own = part[part["group"] == group].set_index("label").reindex(rows)
        height = np.arange(len(rows)) + (i - (len(design.groups) - 1) / 2) * 0.2
        marker, colour = MARKERS[i % len(MARKERS)], design.colour[group]
        passes = own["passes"].to_numpy(dtype=bool)
        _interval(axes, height[passes], own[passes], colour, marker, group)
        _interval(axes, height[~passes], own[~passes], colour, marker, None if passes.any() else group, filled=False)
    axes.axvline(1 / len(design.groups), color=MUTED, linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    _labels(axes, rows)
    axes.legend(ncols=len(design.groups), loc="lower right", bbox_to_anchor=(1, 1), handletextpad=0.2, fontsize=8)
    axes.set_xlabel(
        f"Share of neutral images, {design.confidence:.0%} interval\n{_n(part, 'images')}; dotted: equal shares",
        fontsize=8,
    )
    return figure


@draws("stereotypes")
def stereotypes(ranks: pd.DataFrame, checks: pd.DataFrame, design: Design) -> Figure:
    """The activities with the largest and smallest shares of the first group, according to the judge that leads."""
    leads = checks[checks["leads"].astype(bool)]
    if leads.empty:
        return empty("every judge fails its check on this study’s own images")
    own = ranks[(ranks["judge"] == leads["judge"].iloc[0]) & (ranks["space"] == leads["space"].iloc[0])]
    wide = own.pivot(index="activity_id", columns="group", values="shrunken").reindex(columns=list(design.groups))
    wide = wide.dropna().sort_values(design.groups[0], ascending=False, kind="stable")
    wide = wide.div(wide.sum(axis=1), axis=0)  # each group is shrunken alone
    if wide.empty:
        return empty("one neutral image per activity says too little about it")
    shown = wide if len(wide) <= 2 * EXTREMES else pd.concat([wide[:EXTREMES], wide[-EXTREMES:]])
    figure = Figure((WIDTH, 1.1 + 0.27 * len(shown)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(shown))
    for group in design.groups:
        axes.barh(range(len(shown)), shown[group], left=left, color=design.colour[group], label=group, height=0.78)
        left += shown[group].to_numpy()
    if len(shown) < len(wide):
        axes.axhline(EXTREMES - 0.5, color=MUTED, linewidth=0.8, linestyle=":")
    _labels(axes, [design.activities.get(name, name) for name in shown.index])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.set_xlabel(f"Share of neutral images; {len(shown)} of {len(wide)} activities")
    axes.legend(ncols=len(design.groups), loc="lower right", bbox_to_anchor=(1, 1), handletextpad=0.4)
    return figure


@draws("readout")
def readout(weights: pd.DataFrame, joined: pd.DataFrame, checks: pd.DataFrame, design: Design) -> Figure:
    """Shares from images and readout against the weights in the readout, with one panel per group."""
    leads = checks.loc[checks["leads"].astype(bool), ["judge", "space"]]
    both = joined.merge(leads, on=["judge", "space"]).merge(weights, on=["activity_id", "group"])
    both = both.dropna(subset=["weight", "shrunken"])
    if both.empty:
        return empty("no judge passes its check, or the groups do not differ")
    columns = min(3, len(design.groups))
    lines = -(-len(design.groups) // columns)
    figure = Figure((WIDTH, 0.7 + 2.4 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, group in zip(grid.flat, design.groups, strict=False):
        rows, colour = both[both["group"] == group], design.colour[group]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8)
        axes.vlines(rows["weight"], rows["low"], rows["high"], color=colour, linewidth=0.6, alpha=0.35)
        axes.plot(rows["weight"], rows["shrunken"], "o", color=colour, markersize=3.5)
        axes.set_title(group, fontsize=8.5)
        axes.set_ylim(-0.04, 1.04)
        axes.set_aspect("equal")
        axes.grid(False)
    for axes in grid.flat[len(design.groups) :]:
        axes.set_visible(False)
    count = both["activity_id"].nunique()
    figure.supxlabel(f"Weight in the readout\nn = {count} activities; vertical lines: intervals", fontsize=8)
    figure.supylabel("Share of neutral images", fontsize=8)
    return figure


@draws("audit_error")
def audit_error(errors: pd.DataFrame, design: Design) -> Figure:
    """Mean absolute error of judged shares by judge, with one marker per estimator."""
    table = errors.assign(estimate=errors["mae"], label=_judges(errors))
    rows = list(dict.fromkeys(table["label"]))
    figure = Figure((WIDTH, 1.2 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    estimators = list(dict.fromkeys(table["estimator"]))
    for i, estimator in enumerate(estimators):
        own = table[table["estimator"] == estimator].set_index("label").reindex(rows)
        shift = (i - (len(estimators) - 1) / 2) * 0.18
        marker, colour = MARKERS[i % len(MARKERS)], PALETTE[i % len(PALETTE)]
        _interval(axes, np.arange(len(rows)) + shift, own, colour, marker, estimator)
    _labels(axes, rows)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"Mean absolute error of a share, {design.confidence:.0%} interval, {_n(table)}")
    axes.legend(ncols=len(estimators), loc="lower right", bbox_to_anchor=(1, 1), handletextpad=0.2)
    return figure


@draws("generator_error")
def generator_error(errors: pd.DataFrame, design: Design) -> Figure:
    """Depicted shares with intervals beside the planted ones, by axis and group."""
    rows = [f"{axis}: {group}" for axis, group in errors[["axis", "group"]].itertuples(index=False)]
    figure = Figure((WIDTH, 1.2 + 0.27 * len(rows)), layout="constrained")
    axes = figure.subplots()
    _interval(axes, np.arange(len(rows)), errors, INK, "o", "depicted")
    axes.plot(errors["planted"], np.arange(len(rows)), "|", color=PALETTE[1], markersize=11, label="planted")
    _labels(axes, rows)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.set_xlabel(f"Share of neutral images, {design.confidence:.0%} interval, {_n(errors)}")
    axes.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), handletextpad=0.2)
    return figure


def overall_shares(shares: pd.DataFrame, checks: pd.DataFrame) -> pd.DataFrame:
    """Corrected overall shares of every judge as rows with label and passes, the judge that leads first."""
    part = shares[(shares["level"] == "overall") & (shares["estimator"] == "inversion")]
    part = part[part["population"] == "activities"]
    found = part.merge(checks[["judge", "space", "leads", "verdict"]], on=["judge", "space"])
    found = found.assign(passes=found["verdict"] == "passes", label=_judges(found))
    return found.sort_values(["leads", "passes"], ascending=False, kind="stable", ignore_index=True)


def _judges(frame: pd.DataFrame) -> list[str]:
    return [judge_label(judge, space) for judge, space in frame[["judge", "space"]].itertuples(index=False)]


@draws("forest")
def forest(contrasts: pd.DataFrame, design: Design) -> Figure:
    """Gap between two groups in every space, with one panel per contrast, the main one first."""
    rows = _rows(contrasts)
    names = sorted(set(contrasts["contrast"]), key=lambda name: (name != design.contrast, name))
    figure = Figure((WIDTH, 1.5 + 0.3 * len(rows)), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        part = contrasts[contrasts["contrast"] == name].set_index(["space", "metric"]).reindex(rows)
        _gaps(axes, part, name)
        axes.set_title(f"{contrast_label(name)}\n")
    _labels(panels[0], [space_label(*row) for row in rows])
    figure.supxlabel(
        f"Gap in similarity to the neutral image (cosine units), {design.confidence:.0%} interval; {_n(contrasts)}. "
        "Filled: interval excludes zero.",
        fontsize=8,
        color=MUTED,
    )
    return figure


@draws("similarity")
def similarity(means: pd.DataFrame, design: Design) -> Figure:
    """Mean similarity of each group to neutral, by space."""
    return by_group(means, design, "Mean similarity to the neutral image")


@styled
def by_group(table: pd.DataFrame, design: Design, what: str) -> Figure:
    """An estimate and its interval for each group, by space."""
    rows = _rows(table)
    figure = Figure((WIDTH, 1.3 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for i, group in enumerate(design.groups):
        part = table[table["group"] == group].set_index(["space", "metric"]).reindex(rows)
        shift = (i - (len(design.groups) - 1) / 2) * 0.2
        _interval(axes, np.arange(len(rows)) + shift, part, design.colour[group], MARKERS[i % len(MARKERS)], group)
    _labels(axes, [space_label(*row) for row in rows])
    axes.set_xlabel(f"{what}, {design.confidence:.0%} interval; {_n(table)}")
    axes.legend(ncols=len(design.groups), loc="lower left", bbox_to_anchor=(0, 1), handletextpad=0.2)
    return figure


@draws("categories")
def categories(table: pd.DataFrame, design: Design) -> Figure:
    """Gap of one contrast in each category and space; colours show d_z, numbers the gap."""
    table = table[(table["contrast"] == design.contrast) & (table["metric"].isin(primary_metrics()))]
    if table["d_z"].isna().all():
        return empty("no category has at least two activities")
    rows = _rows(table)
    names = table.groupby("category")["d_z"].mean().sort_values(ascending=False).index
    size = table.pivot(index="category", columns=["space", "metric"], values="d_z").reindex(names)[rows]
    gap = table.pivot(index="category", columns=["space", "metric"], values="estimate").reindex(names)[rows]
    sure = table.assign(sure=(table["low"] > 0) | (table["high"] < 0))
    sure = sure.pivot(index="category", columns=["space", "metric"], values="sure").reindex(names)[rows]
    figure = Figure((WIDTH, 1.6 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.grid(False)
    limit = max(0.1, float(np.nanmax(np.abs(size.to_numpy()), initial=0)))
    image = axes.imshow(size, aspect="auto", cmap=DIVERGING, vmin=-limit, vmax=limit)
    dark, starred = size.abs().to_numpy() > 0.65 * limit, (sure == 1).to_numpy()
    for (y, x), value in np.ndenumerate(gap.to_numpy()):
        if np.isfinite(value):
            text = plain(value, 3, signed=True) + ("*" if starred[y, x] else "")
            axes.text(x, y, text, ha="center", va="center", fontsize=7, color=ON_DARK if dark[y, x] else ON_LIGHT)
    _labels(axes, list(names))
    axes.set_xticks(range(len(rows)), [space_label(*row) for row in rows], rotation=25, ha="right")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, label="Effect size d_z", shrink=0.8)
    axes.set_title(f"Gap {contrast_label(design.contrast)} by category")
    figure.supxlabel(
        f"Numbers: gap in cosine units; *: interval excludes zero; {_n(table)} per category", fontsize=8, color=MUTED
    )
    return figure


@draws("activities")
def activities(table: pd.DataFrame, design: Design) -> Figure:
    """The activities with the largest gaps in either direction, in the primary space."""
    space = primary_space(list(table["space"].unique()))
    part = table[(table["contrast"] == design.contrast) & (table["space"] == space) & (table["metric"] == "cosine")]
    part = part.dropna(subset="estimate").sort_values("estimate", ascending=False, kind="stable")
    if space is None or part.empty:
        return empty("no activity has both images of the pair")
    shown = part if len(part) <= 2 * ENDS else pd.concat([part.head(ENDS), part.tail(ENDS)])
    figure = Figure((WIDTH, 1.3 + 0.2 * len(shown)), layout="constrained")
    axes = figure.subplots()
    first, second = design.contrast.split("-", 1)
    positive = (shown["estimate"] > 0).to_numpy()
    for sign, group in ((positive, first), (~positive, second)):
        rows = shown[sign]
        _interval(
            axes,
            np.flatnonzero(sign),
            rows,
            design.colour[group],
            MARKERS[0 if group == first else 1],
            f"closer to {group}",
        )
    axes.axvline(0, color=MUTED, linewidth=0.8)
    if len(part) > len(shown):
        axes.axhline(ENDS - 0.5, color=MUTED, linewidth=0.8, linestyle=":")
    _labels(axes, [design.activities.get(i, i)[:60] for i in shown["activity_id"]])
    axes.set_title(f"{contrast_label(design.contrast)} in {space_label(space)}: extremes of {len(part)} activities")
    axes.set_xlabel(f"Gap in cosine units; interval over seeds ({_n(shown, 'seeds')})")
    axes.legend(loc="lower right")
    return figure


@draws("specifications")
def specifications(curve: pd.DataFrame, design: Design) -> Figure:
    """The specification curve: sorted effect sizes above the choices behind each of them."""
    curve = curve.dropna(subset="d_z").sort_values("d_z", kind="stable").reset_index(drop=True)
    choices = [
        (name, list(dict.fromkeys(curve[name]))) for name in ("space", "metric", "template", "seeds") if name in curve
    ]
    lines = [(name, value) for name, values in choices if len(values) > 1 for value in values]
    figure = Figure((WIDTH, 2.6 + 0.19 * len(lines)), layout="constrained")
    ratios = [2.2, max(0.19 * len(lines), 0.2)]
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
    sure = ((curve["low"] > 0) | (curve["high"] < 0)).to_numpy()
    x = np.arange(len(curve))
    size = 18 if len(curve) < 120 else 7
    top.axhline(0, color=MUTED, linewidth=0.8)
    top.axhline(curve["d_z"].median(), color=INK, linewidth=0.8, linestyle=":", label="median")
    top.scatter(x[sure], curve["d_z"][sure], size, color=INK, label=f"{design.confidence:.0%} interval excludes zero")
    top.scatter(x[~sure], curve["d_z"][~sure], size, edgecolor=MUTED, facecolor=PAPER, label="does not")
    top.set_ylabel("Effect size d_z")
    top.grid(False)
    top.legend(loc="upper left", ncols=3, handletextpad=0.2, bbox_to_anchor=(0, 1.16), borderaxespad=0)
    for y, (name, value) in enumerate(lines):
        chosen = (curve[name] == value).to_numpy()
        bottom.scatter(x[chosen], np.full(chosen.sum(), y), 26, marker="|", linewidths=1.1, color=INK)
    words: dict[str, Callable[[str], str]] = {
        "space": space_label,
        "metric": lambda m: metric_label(m) or m,
        "seeds": lambda s: f"seeds: {s}",
        "template": str,
    }
    _labels(bottom, [words[name](value) for name, value in lines])
    bottom.grid(False)
    bottom.set_xlabel(
        f"{len(curve)} specifications of {contrast_label(curve['contrast'].iloc[0])}, sorted by effect size; "
        f"{_n(curve)} each"
    )
    return figure


@draws("neutral")
def neutral(nearest: pd.DataFrame, design: Design) -> Figure:
    """The group whose image is nearest to the neutral one, by space."""
    table = nearest.assign(row=[space_label(*pair) for pair in nearest[["space", "metric"]].to_numpy()])
    rows = list(dict.fromkeys(table["row"]))
    figure = Figure((WIDTH, 1.9 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for i, group in enumerate(design.groups):
        part = table[table["group"] == group].set_index("row").reindex(rows)
        shift = (i - (len(design.groups) - 1) / 2) * 0.2
        _interval(axes, np.arange(len(rows)) + shift, part, design.colour[group], MARKERS[i % len(MARKERS)], group)
    axes.axvline(1 / len(design.groups), color=MUTED, linewidth=0.8, linestyle=":")
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    _labels(axes, rows)
    axes.set_xlabel(
        f"Share of neutral images nearest to the group ({_n(table)}), {design.confidence:.0%} interval; dotted: equal"
    )
    figure.legend(loc="outside upper left", ncols=len(design.groups), handletextpad=0.2)
    return figure


@draws("recovery")
def recovery(points: pd.DataFrame, summary: pd.DataFrame, design: Design) -> Figure:
    """Estimated against planted shares, with one panel per judge and one for perfect labels of the same images."""
    points = points[points["group"].isin(design.groups) & points["estimator"].isin(("inversion", "perfect labels"))]
    keys = ["judge", "space", "estimator"]
    panels = list(points[keys].drop_duplicates().itertuples(index=False, name=None))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure((WIDTH, 0.7 + 2.6 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        part = points[(points[keys] == list(panel)).all(axis=1)]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8)
        for i, group in enumerate(design.groups):
            rows = part[part["group"] == group]
            axes.vlines(
                rows["planted"], rows["low"], rows["high"], color=design.colour[group], linewidth=0.6, alpha=0.35
            )
            axes.plot(
                rows["planted"],
                rows["estimate"],
                MARKERS[i % len(MARKERS)],
                color=design.colour[group],
                markersize=3.5,
                label=group,
            )
        facts = summary[(summary[keys] == list(panel)).all(axis=1) & summary["group"].isin(design.groups)]
        means = facts.groupby("quantity")["estimate"].mean()
        judge, space, estimator = panel
        name = judge_label(judge, space) if estimator == "inversion" else estimator
        words = [("spearman", "\N{GREEK SMALL LETTER RHO}"), ("slope", "slope"), ("mae", "error")]
        text = "  ".join(f"{word} {means[key]:.2f}".replace("-", MINUS) for key, word in words if key in means)
        axes.set_title(f"{name}\n", fontsize=8.5)
        axes.text(0, 1.02, text, transform=axes.transAxes, fontsize=7.5)
        axes.set_ylim(-0.04, 1.04)
        axes.set_aspect("equal")
        axes.grid(False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    # The legend belongs to the whole figure; in a panel it would hide points.
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=len(design.groups))
    count = points["activity_id"].nunique()
    note = f"n = {count} activities; numbers above the panels: means over groups; vertical lines: intervals over seeds"
    figure.supxlabel(f"Planted share\n{note}", fontsize=8)
    figure.supylabel("Estimated share", fontsize=8)
    return figure


@draws("variance")
def variance(components: pd.DataFrame, design: Design) -> Figure:
    """Shares of the variance of a gap, by space."""
    part = components[(components["contrast"] == design.contrast) & ~components["component"].str.startswith("ICC")]
    part = part.dropna(subset="share")
    if part.empty:
        return empty("variance components need more than one seed")
    rows = _rows(part)
    figure = Figure((WIDTH, 1.3 + 0.28 * len(rows)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(rows))
    tones = dict(
        zip(["activity", "seed", "activity x seed", "residual"], ["#0072b2", "#d55e00", "#8f7a00", GRID], strict=True)
    )
    for name in dict.fromkeys(part["component"]):
        share = (
            part[part["component"] == name].set_index(["space", "metric"])["share"].reindex(rows).fillna(0).to_numpy()
        )
        axes.barh(range(len(rows)), share, left=left, height=0.66, color=tones.get(name, MUTED), label=name)
        left += share
    _labels(axes, [space_label(*row) for row in rows])
    axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    axes.set_xlim(0, 1)
    axes.set_xlabel(
        f"Share of the variance of {contrast_label(design.contrast)}; {_n(part)}, {int(part['n_seeds'].max())} seeds"
    )
    axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


@draws("map")
def mapped(design: Design) -> Figure:
    """Two-dimensional maps: one row per method, showing all groups together and then each highlighted."""
    points, colour = design.points, design.colour
    if points.empty:
        return empty("nothing was mapped")
    methods, groups = sorted(points["method"].unique()), [g for g in colour if (points["group"] == g).any()]
    columns = 1 + (len(groups) if len(groups) > 1 else 0)
    side = WIDTH / max(columns, 3)
    figure = Figure((side * columns, 0.6 + (side + 0.15) * len(methods)), layout="constrained")
    grid = figure.subplots(len(methods), columns, squeeze=False)
    size = float(np.clip(4000 / max(len(points) / len(methods), 1), 0.5, 12))
    for line, method in zip(grid, methods, strict=True):
        part = points[points["method"] == method]
        for axes, shown in zip(line, [None, *groups], strict=False):
            if shown is not None:
                # A bitmap keeps its colours in dark mode; transparent grey recedes on light and dark backgrounds.
                axes.scatter(part["x"], part["y"], size * 0.6, color=NEUTRAL, linewidths=0, alpha=0.25, rasterized=True)
            order = part.sample(frac=1, random_state=0) if shown is None else part[part["group"] == shown]
            tone = order["group"].map(colour).fillna(MUTED)
            axes.scatter(order["x"], order["y"], size, color=tone, linewidths=0, alpha=0.8, rasterized=True)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
            axes.spines[:].set_visible(False)
            count = len(order)
            label = "all" if shown is None else shown
            axes.set_title(f"{label} (n = {count})", fontsize=8, color=INK if shown is None else colour[shown])
        line[0].set_ylabel({"tsne": "t-SNE", "umap": "UMAP"}.get(method, method))
    figure.suptitle(design.title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return figure


@draws("composition")
def composition(table: pd.DataFrame, design: Design) -> Figure:
    """Over-representation of each attribute value in each k-means cluster."""
    table = table[(table["algorithm"] == "kmeans") & (table["cluster"] >= 0)]
    if table.empty:
        return empty("no clusters")
    attributes = list(dict.fromkeys(table["attribute"]))
    counts = [table.loc[table["attribute"] == name, "value"].nunique() for name in attributes]
    clusters = sorted(table["cluster"].unique())
    figure = Figure((WIDTH, 1.3 + 0.24 * sum(counts) + 0.35 * len(attributes)), layout="constrained")
    panels = figure.subplots(len(attributes), 1, height_ratios=counts, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, attributes, strict=True):
        part = table[table["attribute"] == name]
        ratio = part.pivot(index="value", columns="cluster", values="ratio").reindex(columns=clusters)
        sure = part.assign(sure=part["p_adjusted"] < 0.05).pivot(index="value", columns="cluster", values="sure")
        with np.errstate(divide="ignore"):
            image = axes.imshow(
                np.clip(np.log2(ratio.to_numpy(float)), -2, 2),
                aspect="auto",
                cmap=DIVERGING,
                norm=TwoSlopeNorm(0, -2, 2),
            )
        for y, x in np.ndindex(ratio.shape):
            if np.isfinite(value := ratio.iat[y, x]) and len(clusters) <= 14:
                dark = not 0.38 < value < 2.6
                star = "*" if sure.iat[y, x] == 1 else ""
                axes.text(
                    x,
                    y,
                    f"{value:.1f}{star}",
                    ha="center",
                    va="center",
                    fontsize=6.5,
                    color=ON_DARK if dark else ON_LIGHT,
                )
        _labels(axes, [str(value) for value in ratio.index])
        axes.set_title(name.replace("_", " "), fontsize=9)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    sizes = table.drop_duplicates("cluster").set_index("cluster")["cluster_n"]
    axes.set_xticks(range(len(clusters)), [f"{c}\n({int(sizes[c])})" for c in clusters], fontsize=7)
    axes.set_xlabel(
        "Cluster (n images); numbers: share in the cluster / share in the dataset; *: adjusted p < 0.05", fontsize=8
    )
    bar = figure.colorbar(image, ax=list(panels), ticks=[-2, -1, 0, 1, 2], shrink=0.7)
    bar.ax.set_yticklabels(["\N{VULGAR FRACTION ONE QUARTER}", "\N{VULGAR FRACTION ONE HALF}", "1", "2", "4"])
    bar.set_label("Over-representation")
    return figure


@draws("attribute_errors")
def error_rates(errors: pd.DataFrame, design: Design) -> Figure:
    """Error rate within each group, with Wilson intervals, next to the group's share of all errors."""
    errors = errors[~errors["attribute"].str.contains(" x ")]
    classifiers, attributes = list(dict.fromkeys(errors["classifier"])), list(dict.fromkeys(errors["attribute"]))
    counts = [errors.loc[errors["attribute"] == name, "group"].nunique() for name in attributes]
    figure = Figure((WIDTH, 1.2 + 0.3 * sum(counts) + 0.3 * len(attributes)), layout="constrained")
    grid = figure.subplots(len(attributes), 2, height_ratios=counts, sharex="col", squeeze=False)
    tone = colours(classifiers)
    for (rate, share), name in zip(grid, attributes, strict=True):
        part = errors[errors["attribute"] == name]
        groups = list(dict.fromkeys(part["group"]))
        for i, classifier in enumerate(classifiers):
            rows = part[part["classifier"] == classifier].set_index("group").reindex(groups)
            y = np.arange(len(groups)) + (i - (len(classifiers) - 1) / 2) * 0.22
            marker = MARKERS[i % len(MARKERS)]
            _interval(
                rate,
                y,
                rows.rename(columns={"error_rate": "estimate"})[["estimate", "low", "high"]],
                tone[classifier],
                marker,
                classifier,
            )
            other = rows[["share_of_errors", "share_low", "share_high"]].set_axis(["estimate", "low", "high"], axis=1)
            _interval(share, y, other, tone[classifier], marker)
            if i == 0:
                share.plot(
                    rows["share_of_images"],
                    np.arange(len(groups)),
                    "|",
                    color=INK,
                    markersize=11,
                    label="share of images",
                )
        n = part.drop_duplicates("group").set_index("group")["n"]
        _labels(rate, [f"{group} (n = {int(n[group])})" for group in groups])
        _labels(share, [""] * len(groups))
        rate.set_title(name.replace("_", " "), fontsize=9)
    grid[-1, 0].set_xlabel(f"Error rate within the group, {design.confidence:.0%} Wilson interval", fontsize=8)
    grid[-1, 1].set_xlabel("Share of all errors", fontsize=8)
    for axes in grid.flat:
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axes.set_xlim(left=0)
    # The legend belongs to the whole figure; in a panel it would take up width.
    (rates, classifiers), (shares, what) = (axes.get_legend_handles_labels() for axes in grid[0])
    figure.legend(rates + shares, classifiers + what, loc="outside upper left", ncols=5, handletextpad=0.2)
    return figure


@draws("attribute_thresholds")
def thresholds(sweep: pd.DataFrame, summary: pd.DataFrame, design: Design) -> Figure:
    """Macro F and accuracy at each threshold, by classifier of two classes."""
    if sweep.empty:
        return empty("there is no threshold for more than two classes")
    pairs = list(sweep[["target", "classifier"]].drop_duplicates().itertuples(index=False, name=None))
    figure = Figure((WIDTH, 2.9), layout="constrained")
    panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for axes, (attribute, classifier) in zip(panels, pairs, strict=True):
        part = sweep[(sweep["target"] == attribute) & (sweep["classifier"] == classifier)]
        facts = summary[(summary["target"] == attribute) & (summary["classifier"] == classifier)]
        estimates = facts.set_index("statistic")["estimate"]
        axes.plot(part["threshold"], part["macro_f"], color="#0072b2", label="macro F")
        axes.plot(part["threshold"], part["accuracy"], color="#d55e00", linestyle="--", label="accuracy")
        for key, style, word in (("threshold_optimum", ":", "optimum"), ("threshold_nested", "-.", "cross-validated")):
            if np.isfinite(estimates.get(key, np.nan)):
                axes.axvline(estimates[key], color=MUTED, linewidth=0.9, linestyle=style, label=word)
        axes.set_title(f"{attribute}: {classifier}", fontsize=8.5)
        axes.set_xlabel(f"Threshold (n = {int(part['n'].max())} images)", fontsize=8)
        axes.set_xlim(0, 1)
        axes.grid(True, axis="y")
    panels[0].set_ylabel("Score")
    panels[0].legend(loc="lower center", fontsize=7.5)
    return figure


@draws("attribute_calibration")
def calibration(curve: pd.DataFrame, design: Design) -> Figure:
    """Observed share against predicted probability, by classifier."""
    pairs = list(curve[["target", "classifier"]].drop_duplicates().itertuples(index=False, name=None))
    curve = curve[curve["n"] > 0]
    figure = Figure((WIDTH, 3.1), layout="constrained")
    panels = figure.subplots(1, len(pairs), sharey=True, squeeze=False)[0]
    for axes, (attribute, classifier) in zip(panels, pairs, strict=True):
        part = curve[(curve["target"] == attribute) & (curve["classifier"] == classifier)]
        middle = part["predicted"]
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8)
        axes.vlines(middle, part["low"], part["high"], color="#0072b2", linewidth=1.5)
        axes.plot(middle, part["observed"], "o", color="#0072b2")
        for x, y, n in zip(middle, part["high"], part["n"], strict=True):
            axes.annotate(
                f"{int(n)}", (x, y), (0, 2), textcoords="offset points", ha="center", fontsize=6.5, color=MUTED
            )
        axes.set_title(f"{attribute}: {classifier}", fontsize=8.5)
        axes.set_xlabel("Predicted probability (small numbers: n images)", fontsize=8)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.05)
        axes.grid(False)
    panels[0].set_ylabel(f"Observed share, {100 * design.confidence:g} % Wilson interval")
    return figure
