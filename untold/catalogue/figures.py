"""The printed figures: to add one, add its entry here and its drawing function in `untold.report.figures`."""

from dataclasses import dataclass
from typing import Literal

from untold.catalogue.scope import Per, Scope, Trait

# Places of the page that show figures; `untold/report/templates/report.html.j2` says where they are.
Place = Literal[
    "answer",
    "findings",
    "categories",
    "activities",
    "neutral",
    "specifications",
    "recovery",
    "variance",
    "errors",
    "thresholds",
    "calibration",
    "map",
    "composition",
]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        The file is ``{dataset}-{name}.svg``, or ``{dataset}-{space}-{name}.svg``.
    tables : tuple of str
        What it is drawn from, as the drawing function takes them; those of the space if it is a figure of a space.
    place : str
        Where on the page it is; several at one place follow each other.
    caption, alt : str
        Below the figure, and for those who cannot see it.
    per, requires
        Whether there is one for every space, and the trait that a dataset must have.
    """

    name: str
    tables: tuple[str, ...]
    place: Place
    caption: str
    alt: str
    per: Per = "dataset"
    requires: Trait | None = "generated"


FIGURES = {
    figure.name: figure
    for figure in (
        Figure(
            "answer",
            ("contrasts",),
            "answer",
            "The main gap by space. Right of zero: the neutral image is nearer to the first group.",
            "Forest plot: the main gap in every space with its interval; the numbers are in the table of gaps.",
        ),
        Figure(
            "similarity",
            ("group_means",),
            "findings",
            "Mean similarity of each group to the neutral image of the same activity and seed.",
            "Dot plot: mean similarity of each group to neutral in every space; the numbers are in the table of means.",
        ),
        Figure(
            "forest",
            ("contrasts",),
            "findings",
            "Gap in similarity to neutral between two groups, by space. Right of zero: neutral is nearer to the first.",
            "Forest plot: gap between groups in every space with intervals; the numbers are in the table of gaps.",
        ),
        Figure(
            "categories",
            ("categories",),
            "categories",
            "Gap by category. Colours compare effect sizes, because the spaces have different scales.",
            "Heat map: gap by category of activity and space; the numbers are in the table of categories.",
        ),
        Figure(
            "activities",
            ("activities",),
            "activities",
            "The activities with the largest gaps on both sides.",
            "Ranking of the activities with the largest gaps on both sides; every activity is in the table below.",
        ),
        Figure(
            "neutral",
            ("nearest", "age_shares"),
            "neutral",
            "Which group the neutral image resembles most, by space and by classifier.",
            "Dot plot: share of neutral images nearest to each group, and classified as each group, with intervals.",
        ),
        Figure(
            "specifications",
            ("specifications",),
            "specifications",
            "Every way to measure it, in order of effect size; the marks below say which choices a point stands for.",
            "Specification curve: effect size under every choice of space, metric and seeds, in order.",
        ),
        Figure(
            "recovery",
            ("recovery_points", "recovery"),
            "recovery",
            "The bias was planted, so the audit can be checked: points on the diagonal are right.",
            "Scatter plots: planted share of each activity against the estimated one, a panel per estimator.",
            requires="planted",
        ),
        Figure(
            "variance",
            ("variance",),
            "variance",
            "Where the variance of a gap comes from.",
            "Stacked bars: share of variance between activities, seeds and the rest, by space.",
        ),
        Figure(
            "attribute_errors",
            ("attributes_errors",),
            "errors",
            "Error rate within each group, and its share of all errors, which is another thing.",
            "Dot plot: error rate within each group with Wilson intervals, beside its share of all errors.",
            requires="audited",
        ),
        Figure(
            "attribute_thresholds",
            ("attributes_thresholds", "attributes_summary"),
            "thresholds",
            "Scores at every threshold. A threshold chosen on the images it is scored on is optimistic.",
            "Curves: macro F and accuracy against the threshold.",
            requires="audited",
        ),
        Figure(
            "attribute_calibration",
            ("attributes_calibration",),
            "calibration",
            "Whether a probability is what it says: on the diagonal it is.",
            "Reliability curve: observed share against predicted probability, with intervals.",
            requires="audited",
        ),
        Figure(
            "map",
            (),
            "map",
            "t-SNE and UMAP maps, for display only: distances between far points mean nothing.",
            "Two-dimensional maps of the space, all groups together and each highlighted.",
            per="space",
            requires=None,
        ),
        Figure(
            "composition",
            ("composition",),
            "composition",
            "Who is in the k-means clusters of the original space.",
            "Heat map: over-representation of each attribute value in each cluster.",
            per="space",
            requires=None,
        ),
    )
}


def entry(name: str) -> Figure:
    """The entry of a figure, also by its name with the space's before it: ``dino-map``."""
    return FIGURES[name.rsplit("-", 1)[-1]]


def figures(scope: Scope) -> list[str]:
    """Names of a dataset's figures, those of a space as ``dino-map``."""
    return [name for figure in FIGURES.values() for name in scope.names(figure.name, figure.per, figure.requires)]


def drawn_tables(scope: Scope) -> list[str]:
    """Names of the tables that a dataset's figures are drawn from."""
    found = {
        name
        for figure in FIGURES.values()
        for table in figure.tables
        for name in scope.names(table, figure.per, figure.requires)
    }
    return sorted(found)
