"""The tables of a study as a person reads them: estimate and interval in one cell, no digit too many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from untold.report.numbers import NONE, measured, number, p_value, percent
from untold.report.wording import contrast_label, space_label


@dataclass(frozen=True)
class Cell:
    """What is shown, and the number it sorts by (text sorts by itself)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page; ``file`` is the CSV with every column and digit."""

    file: str
    caption: str
    header: list[str]
    rows: list[list[Cell]]
    notes: list[str] = field(default_factory=list)


Maker = Callable[[pd.Series], Cell]


def text(column: str) -> Maker:
    """The words of a column."""
    return lambda row: Cell(NONE if pd.isna(row[column]) else str(row[column]).replace("_", " "))


def verbatim(column: str) -> Maker:
    """The words of a column as they are: file names."""
    return lambda row: Cell(NONE if pd.isna(row[column]) else str(row[column]))


def space(row: pd.Series) -> Cell:
    """Space and metric."""
    metric = row.get("metric", "cosine")
    return Cell(space_label(row["space"], metric if isinstance(metric, str) else "cosine"))


def contrast(row: pd.Series) -> Cell:
    """A contrast with minus signs; an order of groups as it is."""
    name = row["contrast"]
    return Cell(contrast_label(name) if ">" not in name and "<" not in name and " " not in name else name)


def value(column: str, low: str = "low", high: str = "high", signed: bool = False) -> Maker:
    """An estimate with its interval, where the table has one."""
    return lambda row: Cell(
        measured(row[column], row.get(low, float("nan")), row.get(high, float("nan")), signed), float(row[column])
    )


def alone(column: str, signed: bool = False) -> Maker:
    """A number without an interval."""
    return lambda row: Cell(number(float(row[column]), signed=signed), float(row[column]))


def whole(column: str) -> Maker:
    """A count."""
    return lambda row: Cell(NONE if pd.isna(row[column]) else f"{int(row[column])}", float(row[column]))


def share(column: str, low: str = "low", high: str = "high") -> Maker:
    """A share in percent with its interval."""
    return lambda row: Cell(
        percent(row[column], row.get(low, float("nan")), row.get(high, float("nan"))), float(row[column])
    )


def p(column: str = "p_adjusted") -> Maker:
    """A p-value."""
    return lambda row: Cell(p_value(float(row[column])), float(row[column]))


Spec = Sequence[tuple[str, Maker]]
PLACE: Spec = [("Space", space)]
GAP: Spec = [
    *PLACE,
    ("Gap", contrast),
    ("n", whole("n")),
    ("Gap in similarity (interval)", value("estimate", signed=True)),
    ("Floor-to-ceiling units", alone("gap_units", signed=True)),
    ("d_z", alone("d_z", signed=True)),
    ("Activities above zero", share("share_positive", "", "")),
    ("p (Holm)", p()),
]
JUDGED: Spec = [
    ("Classifier", text("classifier")),
    ("Attribute", text("attribute")),
    ("Group", text("group")),
]

# Table, caption, columns. A table that a study does not have, or has without rows, is left out.
SPECS: dict[str, tuple[str, Spec]] = {
    "group_means": (
        "Mean similarity of each group to the neutral image of the same activity and seed",
        [*PLACE, ("Group", text("group")), ("n", whole("n")), ("Similarity (interval)", value("estimate"))],
    ),
    "contrasts": ("Gaps between groups; positive: neutral is nearer to the first", GAP),
    "contrasts_adherent": ("The same without the images that do not show the group they were asked for", GAP),
    "net_of_placebo": ("What a group's words did beyond what a placebo of the same length did", GAP),
    "trend": (
        "Page’s test for an order of the groups",
        [
            *PLACE,
            ("Order", contrast),
            ("n", whole("n")),
            ("Mean rank correlation", value("estimate", signed=True)),
            ("L", alone("statistic")),
            ("p (Holm, one-sided)", p()),
        ],
    ),
    "equivalence": (
        "Is a gap smaller than the margin that was set beforehand? Two one-sided tests",
        [
            *PLACE,
            ("Gap", contrast),
            ("n", whole("n")),
            ("Gap (interval that decides)", value("estimate", signed=True)),
            ("Margin", alone("margin")),
            ("Smaller than the margin", text("equivalent")),
            ("p (Holm)", p()),
        ],
    ),
    "chi_square": (
        "Nearest-group counts of the neutral images against equal shares",
        [
            *PLACE,
            ("n", whole("n")),
            ("Images", whole("images")),
            ("Expected per group", alone("expected")),
            ("Chi-square", alone("statistic")),
            ("df", whole("df")),
            ("Design effect", alone("design_effect")),
            ("p (Holm)", p()),
        ],
    ),
    "reference": (
        "What a similarity is to be compared with: neutral images of different activities, and of the same",
        [
            *PLACE,
            ("n", whole("n")),
            ("Seeds", whole("n_seeds")),
            ("Floor: different activities", value("floor", "floor_low", "floor_high")),
            ("Ceiling: same activity, other seed", value("ceiling", "ceiling_low", "ceiling_high")),
        ],
    ),
    "cross_seed": (
        "Similarity of neutral images to groups’ images of other seeds, from floor (0) to ceiling (1)",
        [
            *PLACE,
            ("Group", text("group")),
            ("n", whole("n")),
            ("Similarity", value("estimate")),
            ("From floor to ceiling", value("estimate_units", "low_units", "high_units")),
        ],
    ),
    "clip_score": (
        "How well the images show their own prompt: CLIP score",
        [("Group", text("group")), ("n", whole("n")), ("Cosine of image and prompt", value("estimate"))],
    ),
    "categories": (
        "Gaps by category of activity",
        [
            ("Category", text("category")),
            *PLACE,
            ("Gap", contrast),
            ("n", whole("n")),
            ("Gap in similarity (interval)", value("estimate", signed=True)),
            ("d_z", alone("d_z", signed=True)),
            ("p (BH)", p()),
        ],
    ),
    "nearest": (
        "The group whose image is nearest to the neutral one",
        [*PLACE, ("Group", text("group")), ("n", whole("n")), ("Share of neutral images", share("estimate"))],
    ),
    "age_shares": (
        "Zero-shot shares of the neutral images, and corrected for the classifier’s errors on marked ones",
        [
            ("Estimator", text("estimator")),
            ("Group", text("group")),
            ("n", whole("n")),
            ("Share of neutral images", share("estimate")),
        ],
    ),
    "adherence": (
        "Share of marked images that are classified as the group they were asked for",
        [("Group", text("group")), ("n", whole("n")), ("Adherence", share("estimate"))],
    ),
    "confusion": (
        "What marked images are classified as",
        [
            ("Asked", text("group")),
            ("Classified", text("predicted")),
            ("n", whole("n")),
            ("Share", share("estimate")),
            ("Mean probability", alone("probability")),
        ],
    ),
    "implied_age": (
        "Implied age of the neutral person, from the age grid",
        [
            *PLACE,
            ("Wording", text("template")),
            ("n", whole("n")),
            ("Years (interval)", value("estimate")),
            ("Fit r\N{SUPERSCRIPT TWO}", alone("r_squared")),
        ],
    ),
    "specifications_summary": (
        "How far the specifications agree",
        [
            ("Gap", contrast),
            ("Specifications", whole("n")),
            ("Median d_z", alone("estimate", signed=True)),
            ("Same sign", share("share_agree", "", "")),
            ("Same sign, interval excludes zero", share("share_significant", "", "")),
            ("Other sign, interval excludes zero", share("share_opposite", "", "")),
            ("p (joint)", p("p")),
        ],
    ),
    "recovery": (
        "Planted against estimated shares over activities",
        [
            ("Estimator", text("estimator")),
            *PLACE,
            ("Group", text("group")),
            ("Quantity", text("quantity")),
            ("n", whole("n")),
            ("Value (interval)", value("estimate")),
        ],
    ),
    "variance": (
        "Where the variance comes from",
        [
            *PLACE,
            ("Gap", contrast),
            ("Component", text("component")),
            ("n", whole("n")),
            ("Variance or ICC (interval)", value("estimate")),
            ("Share", share("share", "", "")),
        ],
    ),
    "seeds_needed": (
        "Seeds needed for an interval of the wanted width",
        [
            *PLACE,
            ("Gap", contrast),
            ("For", text("target")),
            ("Seeds now", whole("n_seeds")),
            ("Width now", alone("width_now")),
            ("Width wanted", alone("width")),
            ("Seeds needed", whole("seeds")),
            ("Activities needed", whole("activities")),
        ],
    ),
    "attributes_summary": (
        "Accuracy, thresholds and predicted shares",
        [
            ("Classifier", text("classifier")),
            ("Statistic", text("statistic")),
            ("n", whole("n")),
            ("Value", alone("estimate")),
        ],
    ),
    "attributes_errors": (
        "Error rate within each group, and its share of all errors, which some reports call a rate",
        [
            *JUDGED,
            ("n", whole("n")),
            ("Errors", whole("errors")),
            ("Error rate (Wilson)", share("error_rate")),
            ("Share of errors", share("share_of_errors", "share_low", "share_high")),
            ("Share of images", share("share_of_images", "", "")),
        ],
    ),
    "attributes_gaps": (
        "How unequally groups are served",
        [
            ("Classifier", text("classifier")),
            ("Attribute", text("attribute")),
            ("Statistic", text("statistic")),
            ("n", whole("n")),
            ("Difference (interval)", value("estimate")),
            ("p (groups by chance)", p("p")),
            ("Lowest", text("low_group")),
            ("Highest", text("high_group")),
        ],
    ),
    "attributes_confusion": (
        "Confusion matrix of each group",
        [
            *JUDGED,
            ("True", text("true")),
            ("Predicted", text("predicted")),
            ("Images", whole("count")),
            ("Share of the true label", share("row_share", "", "")),
        ],
    ),
    "attributes_published": (
        "Beside the published figures, which are of OpenAI ViT-B/32 on UTKFace",
        [
            ("Words", text("pair")),
            ("Statistic", text("statistic")),
            ("n", whole("n")),
            ("Ours", alone("estimate")),
            ("Published", alone("published")),
            ("Difference", alone("difference", signed=True)),
        ],
    ),
    "rejects": ("Files that could not be used", [("File", verbatim("path")), ("Reason", verbatim("reason"))]),
    "clusters": (
        "Are there clusters? Silhouette against data with permuted columns, and stability over bootstraps",
        [
            *PLACE,
            ("Method", text("algorithm")),
            ("Statistic", text("statistic")),
            ("n", whole("n")),
            ("Value", value("estimate")),
            ("Null mean", alone("null_mean")),
            ("p", p("p")),
        ],
    ),
    "association": (
        "How much the clusters tell about an attribute",
        [
            *PLACE,
            ("Method", text("algorithm")),
            ("Attribute", text("attribute")),
            ("Statistic", text("statistic")),
            ("n", whole("n")),
            ("Value", alone("estimate")),
            ("p", p("p")),
        ],
    ),
    "composition": (
        "Who is in the clusters",
        [
            *PLACE,
            ("Method", text("algorithm")),
            ("Attribute", text("attribute")),
            ("Cluster", whole("cluster")),
            ("Value", text("value")),
            ("Images", whole("count")),
            ("Share", share("share", "", "")),
            ("Over-representation", value("ratio")),
            ("p (BH)", p()),
        ],
    ),
    "agreement": (
        "Do encoders find the same clusters? Adjusted Rand index: 1 the same, 0 chance",
        [
            ("Method", text("algorithm")),
            *PLACE,
            ("Other space", lambda row: Cell(space_label(row["other_space"]))),
            ("n", whole("n")),
            ("Adjusted Rand", alone("estimate")),
        ],
    ),
    "captions": (
        "Words about gender, age and emotion that a cluster's captions use more or less than the others'",
        [
            ("Cluster", whole("cluster")),
            ("Category", text("category")),
            ("Word", verbatim("word")),
            ("Times", whole("count")),
            ("Log-odds", alone("log_odds", signed=True)),
            ("z", alone("z", signed=True)),
            ("p (BH)", p()),
        ],
    ),
    "duplicates": (
        "Near-duplicates, which the keep-list leaves out",
        [
            ("File", verbatim("path")),
            ("Copy of", verbatim("duplicate_path")),
            ("Kind", text("kind")),
            ("Cosine", alone("cosine")),
        ],
    ),
    "rebalance": (
        "Shares in each cluster as they are, weighted, and in the keep-list; equal shares are a choice of reference",
        [
            ("Cluster", whole("cluster")),
            ("Attribute", text("attribute")),
            ("Value", text("value")),
            ("Images", whole("n")),
            ("Share", share("share", "", "")),
            ("Weighted share", share("weighted_share", "", "")),
            ("Kept", whole("kept_n")),
            ("Kept share", share("kept_share", "", "")),
        ],
    ),
    "comparison": (
        "The gaps of each study",
        [
            ("Study", verbatim("study")),
            *PLACE,
            ("Gap", contrast),
            ("n", whole("n")),
            ("Gap in similarity (interval)", value("estimate", signed=True)),
            ("Floor-to-ceiling units", alone("gap_units", signed=True)),
            ("d_z", alone("d_z", signed=True)),
        ],
    ),
    "comparison_differences": (
        "How much they differ over the activities they share",
        [
            ("Study", verbatim("study")),
            ("minus", verbatim("other_study")),
            *PLACE,
            ("Gap", contrast),
            ("n", whole("n")),
            ("Difference (interval)", value("estimate", signed=True)),
        ],
    ),
    "diversity": (
        "How diverse groups are at equal size: mean distance and Vendi scores",
        [
            ("Space", lambda row: Cell(space_label(row["space"]))),
            ("Attribute", text("attribute")),
            ("Group", text("group")),
            ("Measure", text("metric")),
            ("n", whole("n")),
            ("At size", whole("size")),
            ("Value (interval)", value("estimate")),
        ],
    ),
}
ANCILLARY = {"dcr_split", "dcr_cross", "maxsim_forward"}


def make_table(name: str, file: str, frame: pd.DataFrame) -> Table | None:
    """A table of the page, or none where there is nothing in it.

    Columns that are missing or empty all through are left out; notes that rows carry are collected below.
    """
    caption, spec = SPECS[name]
    if frame.empty:
        return None
    header, columns = [], []
    for title, maker in spec:
        try:
            cells = [maker(row) for _, row in frame.iterrows()]
        except KeyError:
            continue
        if any(cell.text != NONE for cell in cells):
            header.append(title)
            columns.append(cells)
    notes = frame["note"].dropna().astype(str).unique().tolist() if "note" in frame else []
    return Table(file, caption, header, [list(row) for row in zip(*columns, strict=True)], notes[:4])


def original(file: str, frame: pd.DataFrame, groups: Sequence[str]) -> Table:
    """The original study's table: a row per space, a column per group, and its chi-square column filled."""
    rows = [
        [
            Cell(row["row"]),
            *(value(group, f"{group}_low", f"{group}_high")(row) for group in groups),
            alone("chi_square")(row),
            p("p")(row),
            whole("n")(row),
        ]
        for _, row in frame.iterrows()
    ]
    header = ["", *(f"Neutral against {group}" for group in groups), "Chi-square", "p (Holm)", "n"]
    return Table(file, "Mean similarity of the neutral image to each group, with intervals", header, rows)


def by_activity(file: str, frame: pd.DataFrame, contrast_name: str, names: dict[str, str]) -> Table | None:
    """One row per activity, one column per space: the gap of the main contrast with its interval over seeds."""
    part = frame[(frame["contrast"] == contrast_name) & ~frame["metric"].isin(ANCILLARY)]
    if part.empty:
        return None
    places = list(part[["space", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    found = part.set_index(["activity_id", "space", "metric"]).sort_index()
    who = part.drop_duplicates("activity_id").sort_values("activity_id")
    maker = value("estimate", signed=True)
    rows = []
    for activity, category in who[["activity_id", "category"]].itertuples(index=False, name=None):
        cells = [
            maker(found.loc[(activity, *place)]) if (activity, *place) in found.index else Cell(NONE)
            for place in places
        ]
        rows.append([Cell(names.get(activity, activity)), Cell(str(category)), *cells])
    header = ["Activity", "Category", *(space_label(*place) for place in places)]
    return Table(file, f"Gap {contrast_label(contrast_name)} of every activity, interval over seeds", header, rows)
