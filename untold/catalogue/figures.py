"""The static figures. To add one, add its entry here and its drawing function in `untold.report.figures`."""

from dataclasses import dataclass
from typing import Literal

from untold.catalogue.scope import Per, Scope, Trait

# Places on the page where figures are shown; `untold/report/templates/report.html.j2` defines where they are.
Place = Literal[
    "answer",
    "shares",
    "readout",
    "audit",
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
        Tables it is drawn from, in the order of the drawing function's arguments; for a figure of a space, the tables
        of that space.
    place : str
        Place on the page; figures at the same place follow one another.
    caption, alt : str
        Text below the figure, and alternative text for readers who cannot see it.
    per, requires
        Whether there is one figure per space, and the trait that a dataset must have.
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
            ("shares", "self_check"),
            "answer",
            "Share of each group among neutral images by each judge, corrected for its errors. Hollow: "
            "the judge fails its check on this study’s own images.",
            "Dot plot of the shares of the groups by judge, with intervals; the numbers are in the table of shares.",
        ),
        Figure(
            "stereotypes",
            ("share_ranks", "self_check"),
            "shares",
            "The activities at both ends of the ranking, by the judge that leads: shares of the groups among their "
            "neutral images, shrunken towards the mean of all activities because each has few images.",
            "Stacked bars of the shares of the groups in the activities at both ends of the ranking; all activities "
            "are in the table of ranks.",
        ),
        Figure(
            "readout",
            ("readout", "readout_shares", "self_check"),
            "readout",
            "What the denoiser expects of each activity before an image is made, and its share from images and readout "
            "together, by the judge that leads. Points on a line steeper than the diagonal: levels of the readout are "
            "pulled towards the middle, or guidance amplifies.",
            "Scatter plots of the share against the weight in the readout of each activity, with one panel per group; "
            "the numbers are in the tables below.",
            requires="readout",
        ),
        Figure(
            "audit_error",
            ("audit_error",),
            "audit",
            "Audit error: how far judged shares of an activity are from what the same images depict.",
            "Dot plot of the mean absolute error by judge and estimator, with intervals; the numbers are in the table.",
            requires="depicted",
        ),
        Figure(
            "generator_error",
            ("generator_error",),
            "audit",
            "Generator error: planted shares and what the neutral images depict, on every planted axis.",
            "Dot plot of planted and depicted shares by axis and group, with intervals; the numbers are in the table.",
            requires="depicted",
        ),
        Figure(
            "similarity",
            ("group_means",),
            "findings",
            "Mean similarity of each group to the neutral image of the same activity and seed.",
            "Dot plot of the mean similarity of each group to neutral in every space; the numbers are in the table of "
            "means.",
        ),
        Figure(
            "forest",
            ("contrasts",),
            "findings",
            "Gap between two groups in similarity to neutral, by space. To the right of zero, neutral is closer to the "
            "first group.",
            "Forest plot of the gaps between groups in every space, with intervals; the numbers are in the table of "
            "gaps.",
        ),
        Figure(
            "categories",
            ("categories",),
            "categories",
            "Gap by category. Colours show effect sizes, because similarities are on different scales in different "
            "spaces.",
            "Heat map of the gap by category of activity and by space; the numbers are in the table of categories.",
        ),
        Figure(
            "activities",
            ("activities",),
            "activities",
            "The activities with the largest gaps in either direction.",
            "Ranking of the activities with the largest gaps in either direction; all activities are in the table "
            "below.",
        ),
        Figure(
            "neutral",
            ("nearest",),
            "neutral",
            "The group whose image is nearest to the neutral one, by space.",
            "Dot plot of the shares of neutral images that are nearest to each group, with intervals.",
        ),
        Figure(
            "specifications",
            ("specifications",),
            "specifications",
            "All ways to measure the gap, sorted by effect size. The marks below a point show the choices behind it.",
            "Specification curve: sorted effect sizes under every choice of space, metric and seeds.",
        ),
        Figure(
            "recovery",
            ("recovery_points", "recovery"),
            "recovery",
            "The bias was planted, so the audit can be checked: points on the diagonal are correct.",
            "Scatter plots of the estimated against the planted share of each activity, with one panel per judge.",
            requires="planted",
        ),
        Figure(
            "variance",
            ("variance",),
            "variance",
            "Sources of the variance of a gap.",
            "Stacked bars of the shares of variance due to activities, seeds and the rest, by space.",
        ),
        Figure(
            "attribute_errors",
            ("attributes_errors",),
            "errors",
            "Error rate within each group, and the group’s share of all errors, which is a different quantity.",
            "Dot plot of the error rate within each group, with Wilson intervals, next to its share of all errors.",
            requires="audited",
        ),
        Figure(
            "attribute_thresholds",
            ("attributes_thresholds", "attributes_summary"),
            "thresholds",
            "Scores at every threshold. Choosing a threshold on the images it is scored on gives optimistic scores.",
            "Curves of macro F and accuracy against the threshold.",
            requires="audited",
        ),
        Figure(
            "attribute_calibration",
            ("attributes_calibration",),
            "calibration",
            "Calibration of the predicted probabilities: on the diagonal they match the observed shares.",
            "Reliability curve: observed share against predicted probability, with intervals.",
            requires="audited",
        ),
        Figure(
            "map",
            (),
            "map",
            "t-SNE and UMAP maps, for display only: large distances on them have no meaning.",
            "Two-dimensional maps of the space, with all groups together and with each group highlighted.",
            per="space",
            requires=None,
        ),
        Figure(
            "composition",
            ("composition",),
            "composition",
            "Composition of the k-means clusters of the original space.",
            "Heat map of the over-representation of each attribute value in each cluster.",
            per="space",
            requires=None,
        ),
    )
}


def entry(name: str) -> Figure:
    """The entry of a figure, by its name or by its name with a space as prefix, such as ``dino-map``."""
    return FIGURES[name.rsplit("-", 1)[-1]]


def figures(scope: Scope) -> list[str]:
    """Names of a dataset's figures; a figure of a space has the space as prefix, such as ``dino-map``."""
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
