"""The tables of a study. To add one, add its entry here and write it in the script of its stage.

The rules, the page, `docs/tables.md` and the check of written tables all read these entries. A ``description`` is only
documentation: changing it reruns nothing.
"""

from dataclasses import dataclass
from typing import Literal

from untold.catalogue.metrics import METRICS
from untold.catalogue.scope import Per, Scope, Trait

Kind = Literal["words", "verbatim", "space", "other space", "contrast", "measured", "number", "count", "share", "p"]
# Places on the page where tables are shown; `untold/report/templates/report.html.j2` defines where they are.
Place = Literal[
    "shares",
    "readout",
    "audit",
    "original",
    "findings",
    "categories",
    "activities",
    "neutral",
    "specifications",
    "recovery",
    "variance",
    "errors",
    "summary",
    "confusion",
    "space",
    "spaces",
    "rejects",
    "comparison",
]


@dataclass(frozen=True)
class Column:
    """A column of a CSV file; ``<group>`` in its name stands for each group of the axis.

    ``unit`` is empty for text. An optional column is written only if there is something to put in it.
    """

    name: str
    unit: str
    description: str
    optional: bool = False


@dataclass(frozen=True)
class Shown:
    """A column of a table on the page: its heading, its source and its format.

    Attributes
    ----------
    kind : str
        ``measured`` is an estimate with its interval, ``number`` has no interval, ``share`` is in percent (with its
        interval if ``low`` and ``high`` name one), ``words`` has spaces for underscores, ``verbatim`` is unchanged.
    low, high : str
        Columns with the ends of the interval.
    signed : bool
        Whether positive numbers are shown with a plus sign.
    """

    heading: str
    kind: Kind
    column: str
    low: str = "low"
    high: str = "high"
    signed: bool = False


@dataclass(frozen=True)
class Page:
    """How the page shows a table. If no columns are given, a function in `untold.report.tables` lays it out."""

    place: Place
    caption: str
    columns: tuple[Shown, ...]
    open: bool = False
    searchable: bool = False


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    name : str
        The file is ``{dataset}-{name}.csv``, or ``{dataset}-{space}-{name}.csv`` if there is one per space.
    stage : str
        The script that writes it.
    key : tuple of str
        Columns that identify a row; empty if rows may repeat.
    columns : tuple of str or Column
        All columns in order; those in `SHARED` are given by name.
    description : str
        What one row stands for.
    per, requires
        Whether there is one table per space, and the trait that a dataset must have.
    page : Page, optional
        How the page shows the table; tables without it are only written as CSV.
    quoted : bool
        Whether sentences on the page use the table although the page does not show it.
    """

    name: str
    stage: str
    key: tuple[str, ...]
    columns: tuple[str | Column, ...]
    description: str
    per: Per = "dataset"
    requires: Trait | None = None
    page: Page | None = None
    quoted: bool = False

    @property
    def all_columns(self) -> list[Column]:
        """The columns, shared ones included."""
        return [SHARED[column] if isinstance(column, str) else column for column in self.columns]


def _metrics() -> str:
    return "; ".join(f"`{metric.name}`: {metric.description}" for metric in METRICS.values())


SHARED = {
    column.name: column
    for column in (
        Column("dataset", "", description="name of the dataset in the configuration"),
        Column(
            "space",
            "",
            description="embedding space of the measurement: `clip_text`, `clip_image`, `dino`, `latents`, ...",
        ),
        Column("metric", "", description=_metrics()),
        Column("group", "", description="a group of the axis, such as `young`"),
        Column("contrast", "", description="such as `young-older`; positive if neutral is closer to the first group"),
        Column("category", "", description="category of the activity, as in `config/activities.csv`"),
        Column("activity_id", "", description="id of the activity, as in `config/activities.csv`"),
        Column("n", "activities", description="number of activities in the estimate"),
        Column("n_seeds", "seeds", description="number of seeds averaged within an activity"),
        Column("estimate", "similarity", description="point estimate"),
        Column("low", "as the estimate", description="lower end of its interval, at the configured confidence"),
        Column("high", "as the estimate", description="upper end of its interval, at the configured confidence"),
        Column(
            "p",
            "probability",
            description="p-value; in permutation tests never zero, because the data count as one permutation",
        ),
        Column(
            "p_adjusted",
            "probability",
            description="adjusted by Holm's procedure over contrasts and spaces, or by Benjamini-Hochberg for lists of "
            "activities, categories or cells",
        ),
        Column(
            "d_z",
            "standard deviations",
            description="mean gap divided by the standard deviation of the activities' gaps",
        ),
        Column("algorithm", "", description="clustering algorithm: `kmeans`, `dbscan`, `hdbscan`"),
        Column("attribute", "", description="attribute of the images that defines the groups"),
        Column("target", "", description="the attribute that is predicted"),
        Column("classifier", "", description="name of the set of prompts used to predict the attribute"),
        Column("key", "", description="identity of the image, as in every Parquet file of the study"),
        Column("path", "", description="path of the image"),
        Column("method", "", description="how the interval or test was computed"),
        Column("note", "", description="what could not be computed, and why"),
    )
}

PLACE = ("dataset", "space", "metric")
ESTIMATE = ("estimate", "low", "high")
TESTED = ("p", "p_adjusted")
ABOUT = ("method", "note")
SHARE_POSITIVE = Column("share_positive", "share", description="share of activities with a positive gap")
GAP_COLUMNS = (
    *(*PLACE, "contrast", "n", "n_seeds", *ESTIMATE, *TESTED, "d_z"),
    SHARE_POSITIVE,
    Column("gap_units", "ceiling - floor", description="the gap divided by the distance from floor to ceiling"),
    *ABOUT,
)
NET_COLUMNS = (
    Column(
        "balanced",
        "similarity",
        description="the gap if neutral images showed all groups equally often, from marked ones",
    ),
    Column("net", "similarity", description="the gap minus the balanced one"),
    Column("net_low", "similarity", description="lower end of its interval"),
    Column("net_high", "similarity", description="upper end of its interval"),
    Column("net_p", "probability", description="p-value of a net gap of zero"),
    Column("net_p_adjusted", "probability", description="adjusted as `p_adjusted` is"),
)
NET_GAP_COLUMNS = (*GAP_COLUMNS[:-2], *NET_COLUMNS, *ABOUT)
SHARE = Column("estimate", "share", description="share of the neutral images")
N_SEEDS = Column("n", "seeds", description="number of seeds of the activity")
N_IMAGES = Column("n", "images", description="number of images in the estimate")
WILSON = (
    Column("low", "share", description="lower end of the Wilson interval"),
    Column("high", "share", description="upper end of the Wilson interval"),
)

SPACE = Shown("Space", "space", "space")
CONTRAST = Shown("Gap", "contrast", "contrast")
GROUP = Shown("Group", "words", "group")
N = Shown("n", "count", "n")
D_Z = Shown("d_z", "number", "d_z", signed=True)
P = Shown("p", "p", "p")
P_HOLM = Shown("p (Holm)", "p", "p_adjusted")
P_BH = Shown("p (BH)", "p", "p_adjusted")
METHOD = Shown("Method", "words", "algorithm")
ATTRIBUTE = Shown("Attribute", "words", "attribute")
STATISTIC = Shown("Statistic", "words", "statistic")
CLASSIFIER = Shown("Classifier", "words", "classifier")
CLUSTER = Shown("Cluster", "count", "cluster")
ALONE = ("", "")  # no columns for an interval


def _plain_share(heading: str, column: str) -> Shown:
    return Shown(heading, "share", column, *ALONE)


NET = (
    Shown("Gap of equal shares", "number", "balanced", signed=True),
    Shown("Net gap (interval)", "measured", "net", "net_low", "net_high", signed=True),
    Shown("p of the net gap", "p", "net_p_adjusted"),
)
GAP = (
    SPACE,
    CONTRAST,
    N,
    Shown("Gap in similarity (interval)", "measured", "estimate", signed=True),
    Shown("Floor-to-ceiling units", "number", "gap_units", signed=True),
    D_Z,
    _plain_share("Activities above zero", "share_positive"),
    P_HOLM,
)
NET_GAP = (*GAP[:4], *NET, *GAP[4:])
JUDGED = (CLASSIFIER, ATTRIBUTE, GROUP)

GAPS = (
    Table(
        "original_table",
        "infer",
        ("space", "metric"),
        (
            Column("row", "", description="name of the row in the original study's table"),
            *("space", "metric", "n", "n_seeds"),
            Column("<group>", "similarity", description="mean similarity to neutral"),
            Column("<group>_low", "similarity", description="lower end of its interval"),
            Column("<group>_high", "similarity", description="upper end of its interval"),
            Column("chi_square", "1", description="statistic of the nearest-group counts against equal shares"),
            Column("df", "1", description="degrees of freedom"),
            Column("p", "probability", description="p-value of the chi-square test, adjusted by Holm's procedure"),
            Column("note", "", description="how the row relates to the published code"),
        ),
        description="row of the original study's table",
        requires="generated",
        page=Page("original", "Mean similarity of the neutral image to each group, with intervals", ()),
    ),
    Table(
        "contrasts",
        "infer",
        (*PLACE, "contrast"),
        NET_GAP_COLUMNS,
        description="space and contrast",
        requires="generated",
        page=Page("findings", "Gaps between groups; positive if neutral is closer to the first", NET_GAP, open=True),
    ),
    Table(
        "contrasts_adherent",
        "infer",
        (*PLACE, "contrast"),
        NET_GAP_COLUMNS,
        description="space and contrast, using only images that show the requested group",
        requires="generated",
        page=Page("findings", "Gaps using only images that show the requested group", NET_GAP),
    ),
    Table(
        "net_of_placebo",
        "infer",
        (*PLACE, "contrast"),
        GAP_COLUMNS,
        description="space and contrast: the effect of a group's words beyond that of a placebo of the same length",
        requires="generated",
        page=Page("findings", "Effect of a group’s words beyond that of a placebo of the same length", GAP),
    ),
    Table(
        "group_means",
        "infer",
        (*PLACE, "group"),
        (*PLACE, "group", "n", "n_seeds", *ESTIMATE, *ABOUT),
        description="space and group: mean similarity to the neutral image of the same activity and seed",
        requires="generated",
        page=Page(
            "findings",
            "Mean similarity of each group to the neutral image of the same activity and seed",
            (SPACE, GROUP, N, Shown("Similarity (interval)", "measured", "estimate")),
        ),
    ),
    Table(
        "chi_square",
        "infer",
        PLACE,
        (
            *(*PLACE, "n"),
            Column("images", "images", description="number of neutral images counted"),
            Column("count_<group>", "images", description="neutral images nearest to the group; ties are split"),
            Column("expected", "images", description="expected count of each group under equal shares"),
            Column("df", "1", description="degrees of freedom"),
            Column("statistic", "1", description="Pearson's chi-square, before division by the design effect"),
            Column(
                "design_effect", "1", description="divisor of the statistic, because images of an activity are alike"
            ),
            *(*TESTED, *ABOUT),
        ),
        description="space",
        requires="generated",
        page=Page(
            "findings",
            "Chi-square test of nearest-group counts of the neutral images against equal shares",
            (
                SPACE,
                N,
                Shown("Images", "count", "images"),
                Shown("Expected per group", "number", "expected"),
                Shown("Chi-square", "number", "statistic"),
                Shown("df", "count", "df"),
                Shown("Design effect", "number", "design_effect"),
                P_HOLM,
            ),
        ),
    ),
    Table(
        "trend",
        "infer",
        (*PLACE, "contrast"),
        (
            *PLACE,
            Column("contrast", "", description="an order of all groups, such as `young > middle > older`"),
            "n",
            Column("statistic", "1", description="Page's L"),
            Column("estimate", "1", description="mean rank correlation with that order"),
            *("low", "high", *TESTED),
            Column("net", "1", description="mean rank correlation of the similarities minus those of equal shares"),
            Column("net_low", "1", description="lower end of its interval"),
            Column("net_high", "1", description="upper end of its interval"),
            *NET_COLUMNS[-2:],
            *ABOUT,
        ),
        description="space and order of groups",
        requires="generated",
        page=Page(
            "findings",
            "Page’s test for an order of the groups",
            (
                SPACE,
                Shown("Order", "contrast", "contrast"),
                N,
                Shown("Mean rank correlation", "measured", "estimate", signed=True),
                Shown("Net of equal shares", "measured", "net", "net_low", "net_high", signed=True),
                Shown("L", "number", "statistic"),
                Shown("p (Holm, one-sided)", "p", "p_adjusted"),
                Shown("p, net", "p", "net_p_adjusted"),
            ),
        ),
    ),
    Table(
        "equivalence",
        "infer",
        (*PLACE, "contrast"),
        (
            *(*PLACE, "contrast", "n", "n_seeds"),
            Column("estimate", "similarity", description="the net gap: the gap minus that of equal shares"),
            Column("low", "similarity", description="lower end of its 1 - 2 alpha interval"),
            Column("high", "similarity", description="upper end of its 1 - 2 alpha interval"),
            Column(
                "range",
                "similarity",
                description="largest gap that the space can show: all neutral images show the first group, minus all "
                "show the second",
            ),
            Column("margin", "similarity", description="the configured share of that range"),
            *TESTED,
            Column("equivalent", "", description="whether the net gap is smaller than the margin, by `p_adjusted`"),
            *ABOUT,
        ),
        description="space and contrast: two one-sided tests",
        requires="generated",
        page=Page(
            "findings",
            "Is the net gap smaller than the preset margin? Two one-sided tests",
            (
                SPACE,
                CONTRAST,
                N,
                Shown("Net gap (interval for the test)", "measured", "estimate", signed=True),
                Shown("Largest possible gap", "number", "range"),
                Shown("Margin", "number", "margin"),
                Shown("Smaller than the margin", "words", "equivalent"),
                P_HOLM,
            ),
        ),
    ),
    Table(
        "reference",
        "measure_reference",
        PLACE,
        (
            *(*PLACE, "n"),
            Column("n_seeds", "seeds", description="number of seeds over all activities"),
            Column("floor", "similarity", description="mean between neutral images of different activities"),
            Column("floor_low", "similarity", description="lower end of its interval"),
            Column("floor_high", "similarity", description="upper end of its interval"),
            Column(
                "ceiling", "similarity", description="mean between marked images of one group and activity across seeds"
            ),
            Column("ceiling_low", "similarity", description="lower end of its interval"),
            Column("ceiling_high", "similarity", description="upper end of its interval"),
            *ABOUT,
        ),
        description="space of images",
        requires="generated",
        page=Page(
            "findings",
            "Reference similarities: neutral images of different activities (floor), images of one group (ceiling)",
            (
                SPACE,
                N,
                Shown("Seeds", "count", "n_seeds"),
                Shown("Floor: different activities", "measured", "floor", "floor_low", "floor_high"),
                Shown(
                    "Ceiling: same group and activity, different seeds",
                    "measured",
                    "ceiling",
                    "ceiling_low",
                    "ceiling_high",
                ),
            ),
        ),
    ),
    Table(
        "cross_seed",
        "measure_reference",
        (*PLACE, "group"),
        (
            *(*PLACE, "group", "n", "n_seeds"),
            Column("estimate", "similarity", description="mean between neutral and the group's images across seeds"),
            *("low", "high"),
            Column(
                "estimate_units", "ceiling - floor", description="estimate on a scale from floor (0) to ceiling (1)"
            ),
            Column("low_units", "ceiling - floor", description="lower end of its interval"),
            Column("high_units", "ceiling - floor", description="upper end of its interval"),
            *ABOUT,
        ),
        description="space of images and group",
        requires="generated",
        page=Page(
            "findings",
            "Similarity of neutral images to each group across seeds, on a scale from floor (0) to ceiling (1)",
            (
                SPACE,
                GROUP,
                N,
                Shown("Similarity", "measured", "estimate"),
                Shown("Floor-to-ceiling units", "measured", "estimate_units", "low_units", "high_units"),
            ),
        ),
    ),
    Table(
        "clip_score",
        "score_prompts",
        ("group",),
        (
            *(*PLACE, "group", "n", "n_seeds"),
            Column("estimate", "cosine", description="mean similarity of an image and its own prompt"),
            *("low", "high", *ABOUT),
        ),
        description="group",
        per="text encoder",
        requires="generated",
        page=Page(
            "findings",
            "CLIP score: how well images match their own prompt",
            (GROUP, N, Shown("Cosine of image and prompt", "measured", "estimate")),
        ),
    ),
    Table(
        "categories",
        "infer",
        (*PLACE, "contrast", "category"),
        (
            *(*PLACE, "contrast", "category", "n", "n_seeds", *ESTIMATE, *TESTED, "d_z"),
            SHARE_POSITIVE,
            *NET_COLUMNS,
            Column("rank", "1", description="rank by gap, starting from the largest"),
            *ABOUT,
        ),
        description="space, contrast and category",
        requires="generated",
        page=Page(
            "categories",
            "Gaps by category of activity",
            (
                Shown("Category", "words", "category"),
                SPACE,
                CONTRAST,
                N,
                Shown("Gap in similarity (interval)", "measured", "estimate", signed=True),
                Shown("Net gap (interval)", "measured", "net", "net_low", "net_high", signed=True),
                D_Z,
                P_BH,
            ),
        ),
    ),
    Table(
        "activities",
        "infer",
        (*PLACE, "contrast", "activity_id"),
        (
            *(*PLACE, "contrast", "category", "activity_id"),
            N_SEEDS,
            "estimate",
            Column("low", "similarity", description="lower end of Student's t interval over seeds"),
            Column("high", "similarity", description="upper end of Student's t interval over seeds"),
            *TESTED,
            Column(
                "d_z",
                "standard deviations",
                description="mean gap divided by the standard deviation of the seeds' gaps",
            ),
            *NET_COLUMNS,
            Column("rank", "1", description="rank by gap, starting from the largest"),
            *ABOUT,
        ),
        description="space, contrast and activity",
        requires="generated",
        page=Page("activities", "Gap for each activity, with intervals over seeds", (), open=True, searchable=True),
    ),
    Table(
        "specifications",
        "infer",
        (*PLACE, "contrast", "template", "seeds"),
        (
            *(*PLACE, "contrast"),
            Column("template", "", description="wording of the prompts", optional=True),
            Column("seeds", "", description="seeds used: all, half of them, or one"),
            *("n", *ESTIMATE, "d_z"),
            Column("sign", "1", description="sign of the gap"),
            Column("agrees", "", description="whether the gap has the sign of the summary's `d_z`"),
            Column("rank", "1", description="rank by `d_z`, starting from the smallest"),
            *NET_COLUMNS[1:4],
            *ABOUT,
        ),
        description="way to measure the main gap",
        requires="generated",
    ),
    Table(
        "specifications_summary",
        "infer",
        ("dataset", "quantity", "contrast"),
        (
            "dataset",
            Column("quantity", "", description="`gap`, or `net`: the gap minus that of equal shares"),
            "contrast",
            Column("n", "specifications", description="number of specifications with an effect size"),
            Column("spaces", "spaces", description="number of spaces, each of which has one vote"),
            Column("estimate", "standard deviations", description="median over spaces of the median `d_z` of each"),
            Column(
                "share_agree", "share", description="share of specifications with its sign, as the mean over spaces"
            ),
            Column("share_significant", "share", description="share with that sign and an interval that excludes zero"),
            Column(
                "share_opposite", "share", description="share with the opposite sign and an interval that excludes zero"
            ),
            Column(
                "p", "probability", description="p-value of the median, by flipping signs in all specifications at once"
            ),
            *ABOUT,
        ),
        description="contrast",
        requires="generated",
        page=Page(
            "specifications",
            "Agreement between specifications",
            (
                Shown("Quantity", "words", "quantity"),
                CONTRAST,
                Shown("Specifications", "count", "n"),
                Shown("Spaces", "count", "spaces"),
                Shown("Median d_z", "number", "estimate", signed=True),
                _plain_share("Same sign", "share_agree"),
                _plain_share("Same sign, interval excludes zero", "share_significant"),
                _plain_share("Opposite sign, interval excludes zero", "share_opposite"),
                Shown("p (joint)", "p", "p"),
            ),
            open=True,
        ),
    ),
    Table(
        "variance",
        "infer",
        (*PLACE, "contrast", "component"),
        (
            *(*PLACE, "contrast"),
            Column("component", "", description="activity, seed, residual, or an intraclass correlation"),
            *("n", "n_seeds"),
            Column("estimate", "similarity squared", description="a variance; an intraclass correlation has no unit"),
            *("low", "high"),
            Column("share", "share", description="share of the total variance"),
            *ABOUT,
        ),
        description="space, contrast and component",
        requires="generated",
        page=Page(
            "variance",
            "Components of the variance of gaps",
            (
                SPACE,
                CONTRAST,
                Shown("Component", "words", "component"),
                N,
                Shown("Variance or ICC (interval)", "measured", "estimate"),
                _plain_share("Share", "share"),
            ),
        ),
    ),
    Table(
        "seeds_needed",
        "infer",
        (*PLACE, "contrast", "target"),
        (
            *(*PLACE, "contrast"),
            Column("target", "", description="quantity of the interval: the mean over activities, or one activity"),
            "n",
            Column("n_seeds", "seeds", description="number of seeds in this study"),
            Column("width", "similarity", description="target width of the interval, as configured"),
            Column("width_now", "similarity", description="expected width with the seeds of this study"),
            Column("seeds", "seeds", description="number of seeds needed"),
            Column(
                "activities", "activities", description="number of activities needed, if no number of seeds is enough"
            ),
            *ABOUT,
        ),
        description="space, contrast and target",
        requires="generated",
        page=Page(
            "variance",
            "Number of seeds needed for the target interval width",
            (
                SPACE,
                CONTRAST,
                Shown("For", "words", "target"),
                Shown("Seeds now", "count", "n_seeds"),
                Shown("Width now", "number", "width_now"),
                Shown("Target width", "number", "width"),
                Shown("Seeds needed", "count", "seeds"),
                Shown("Activities needed", "count", "activities"),
            ),
        ),
    ),
)

AXIS = Column("axis", "", description="the axis: the column of the manifest that names the groups")
JUDGE = Column(
    "judge",
    "",
    description="`zero_shot` (CLIP and prompts) or `probe` (a linear classifier trained on the marked images of other "
    "activities)",
)
RECOVERING = Column("judge", "", description="as in `shares`; `depicted`: the ceiling, what the images depict")
JUDGED_IN = Column("space", "", description="embedding space that the judge reads")
ESTIMATOR = Column(
    "estimator",
    "",
    description="uncorrected `counts` and `probabilities`, or corrected for the judge's errors on marked images: "
    "`inversion` of its confusion matrix, `EMQ` (expectation maximization)",
)
BY_JUDGE = ("dataset", AXIS, JUDGE, JUDGED_IN)
JUDGE_KEY = ("dataset", "axis", "judge", "space")
UNADJUSTED = Column("p", "probability", description="p-value, not adjusted for the number of groups")
SHOWN_JUDGE = (Shown("Judge", "words", "judge"), SPACE)

RANKED = (
    *("low", "high"),
    Column("rank", "1", description="rank of the activity by this share; 1 has the largest"),
    Column("rank_low", "1", description="lower end of the interval of the rank"),
    Column("rank_high", "1", description="upper end of the interval of the rank"),
)

SHARES = (
    Table(
        "shares",
        "estimate_shares",
        (*JUDGE_KEY, "estimator", "level", "activity_id", "group", "population"),
        (
            *(*BY_JUDGE, ESTIMATOR),
            Column("level", "", description="`overall`, `category` or `activity`"),
            Column(
                "activity_id",
                "",
                description="id of the activity, or the name of the category; empty for all activities",
            ),
            "group",
            Column("n", "images", description="number of neutral images"),
            Column("estimate", "share", description="share of the neutral images; activities have equal weight"),
            *("low", "high"),
            Column(
                "population",
                "",
                description="what the interval is for: `activities` like these, or `these` activities with other seeds",
            ),
            "note",
        ),
        description="judge, estimator, level, population and group",
        requires="generated",
        page=Page(
            "shares",
            "Share of each group among the neutral images of all activities, corrected for the judge’s errors",
            (
                *SHOWN_JUDGE,
                GROUP,
                Shown("Images", "count", "n"),
                Shown("Share of neutral images (interval)", "share", "estimate"),
                Shown("Interval for", "words", "population"),
            ),
            open=True,
        ),
    ),
    Table(
        "self_check",
        "estimate_shares",
        JUDGE_KEY,
        (
            *BY_JUDGE,
            Column(
                "mae", "share", description="mean absolute error of an activity's share in mixtures of marked images"
            ),
            Column("mae_high", "share", description="upper limit of it (95 %)"),
            Column("mae_blind", "share", description="the same error if equal shares are said of every activity"),
            Column("bias", "share", description="estimated minus true share of the group for which it is largest"),
            Column("coverage", "share", description="share of the intervals of activities that hold the true share"),
            Column(
                "shift", "ratio", description="doubt about neutral images relative to marked ones; 1 if they are alike"
            ),
            Column(
                "unexplained",
                "share",
                description="share of neutral images that are unlike the marked images of every group (probes only)",
            ),
            Column(
                "difference", "share", description="largest difference of an overall share from the leading judge's"
            ),
            Column("leads", "", description="whether the answer uses this judge"),
            Column("verdict", "", description="`passes` or `fails`; a judge that fails never leads"),
            "note",
        ),
        description="judge: its errors on mixtures of the study's own marked images, whose shares are known",
        requires="generated",
        page=Page(
            "shares",
            "Self-check: errors of the judges on mixtures of this study’s marked images, whose shares are known",
            (
                *SHOWN_JUDGE,
                Shown("Mean absolute error", "number", "mae"),
                Shown("At most", "number", "mae_high"),
                Shown("Of equal shares", "number", "mae_blind"),
                Shown("Bias", "number", "bias", signed=True),
                _plain_share("Coverage", "coverage"),
                Shown("Shift", "number", "shift"),
                _plain_share("Unexplained", "unexplained"),
                Shown("Apart from the leading judge", "number", "difference"),
                Shown("Leads", "words", "leads"),
                Shown("Verdict", "words", "verdict"),
            ),
            open=True,
        ),
    ),
    Table(
        "lean",
        "estimate_shares",
        (*JUDGE_KEY, "group"),
        (
            *BY_JUDGE,
            Column("group", "", description="a group of the axis; `all groups` for the total variation distance"),
            Column("estimate", "share", description="overall share minus the reference (equal shares)"),
            *("low", "high", UNADJUSTED),
            Column(
                "p_equivalent",
                "probability",
                description="p-value that the share differs by `inference.equivalence_margin` or more (two one-sided "
                "tests); adjusted by Holm, and for `all groups` that any does",
            ),
            "n",
            Column(
                "note",
                "",
                description="empty if the test rejects the reference, `no difference that matters` if `p_equivalent` "
                "is small, else `not settled`, or what is missing",
            ),
        ),
        description="judge and group: how far the overall shares are from equal ones",
        requires="generated",
        page=Page(
            "shares",
            "Lean: overall shares minus equal shares",
            (
                *SHOWN_JUDGE,
                GROUP,
                N,
                Shown("Lean (interval)", "measured", "estimate", signed=True),
                P,
                Shown("p (differs by the margin)", "p", "p_equivalent"),
                Shown("Finding", "words", "note"),
            ),
        ),
    ),
    Table(
        "stereotype",
        "estimate_shares",
        (*JUDGE_KEY, "group"),
        (
            *BY_JUDGE,
            Column("group", "", description="a group of the axis; `all groups` for the root mean square over groups"),
            Column("sd", "share", description="standard deviation of the shares over activities, beyond chance"),
            *("low", "high", UNADJUSTED, "n"),
            Column(
                "note", "", description="`not settled` if the shares may be the same everywhere, or what is missing"
            ),
        ),
        description="judge and group: how much activities differ from each other",
        requires="generated",
        page=Page(
            "shares",
            "Stereotype: standard deviation of the shares over activities, beyond chance",
            (*SHOWN_JUDGE, GROUP, N, Shown("Standard deviation (interval)", "measured", "sd"), P),
        ),
    ),
    Table(
        "share_ranks",
        "estimate_shares",
        (*JUDGE_KEY, "activity_id", "group"),
        (
            *(*BY_JUDGE, "activity_id", "group"),
            Column("shrunken", "share", description="share of the group, shrunken towards the mean of all activities"),
            *RANKED,
        ),
        description="judge, activity and group",
        requires="generated",
        quoted=True,
    ),
    Table(
        "readout",
        "read_denoiser",
        ("activity_id", "group"),
        (
            *("dataset", AXIS, "activity_id", "group"),
            Column("weight", "share", description="weight in the neutral prediction: for ranking, no level"),
            Column(
                "deviation", "share", description="standard error of the weight over noises; no interval of a share"
            ),
            Column("noises", "noises", description="number of noises that each prompt was read with"),
            Column("r2", "share", description="part of neutral's way to the groups' mean that the weights explain"),
            Column(
                "distance",
                "ratio",
                description="distance of neutral from the mixture of the groups, relative to that of two groups",
            ),
            "note",
        ),
        description="activity and group: what the denoiser expects before an image is made",
        requires="readout",
        page=Page(
            "readout",
            "Weight of each group in what the denoiser expects of the neutral prompt",
            (
                Shown("Activity", "verbatim", "activity_id"),
                GROUP,
                Shown("Weight", "number", "weight"),
                Shown("Standard error over noises", "number", "deviation"),
                Shown("R²", "number", "r2"),
                Shown("Distance", "number", "distance"),
                Shown("Note", "words", "note"),
            ),
            searchable=True,
        ),
    ),
    Table(
        "readout_shares",
        "calibrate_readout",
        (*JUDGE_KEY, "activity_id", "group"),
        (
            *(*BY_JUDGE, "activity_id", "group"),
            Column(
                "shrunken",
                "share",
                description="share of the group, shrunken towards a line in the weights of the readout",
            ),
            *RANKED,
        ),
        description="judge that passes its self-check, activity and group: shares from images and readout together",
        requires="readout",
        page=Page(
            "readout",
            "Shares of activities from images and readout together",
            (
                *SHOWN_JUDGE,
                Shown("Activity", "verbatim", "activity_id"),
                GROUP,
                Shown("Share (interval)", "share", "shrunken"),
                Shown("Rank (interval)", "measured", "rank", "rank_low", "rank_high"),
            ),
            searchable=True,
        ),
    ),
    Table(
        "amplification",
        "calibrate_readout",
        (*JUDGE_KEY, "against", "group"),
        (
            *BY_JUDGE,
            Column("against", "", description="`readout`, or the dataset that differs only in having no guidance"),
            Column("group", "", description="a group of the axis; `all groups` for all together"),
            Column(
                "slope", "ratio", description="how much more the shares of activities differ than those it is against"
            ),
            *("low", "high", "n", "note"),
        ),
        description="judge that passes its self-check, what it is against, and group",
        requires="readout",
        page=Page(
            "readout",
            "Amplification: how much more activities differ in the images than before guidance",
            (
                *SHOWN_JUDGE,
                Shown("Against", "verbatim", "against"),
                GROUP,
                N,
                Shown("Slope (interval)", "measured", "slope"),
            ),
            open=True,
        ),
    ),
    Table(
        "audit_error",
        "audit_shares",
        ("dataset", "judge", "space", "estimator"),
        (
            *("dataset", JUDGE, JUDGED_IN, ESTIMATOR),
            Column("mae", "share", description="mean absolute difference of judged and depicted shares of an activity"),
            *("low", "high"),
            Column("rho", "1", description="Spearman's rank correlation of the first minus the last group's share"),
            *("n", "note"),
        ),
        description="judge and estimator: judged against depicted shares",
        requires="depicted",
        page=Page(
            "audit",
            "Audit error: judged shares of activities against what the same images depict",
            (
                *SHOWN_JUDGE,
                Shown("Estimator", "words", "estimator"),
                N,
                Shown("Mean absolute error (interval)", "measured", "mae"),
                Shown("Spearman’s rho", "number", "rho"),
            ),
        ),
    ),
    Table(
        "generator_error",
        "audit_shares",
        ("dataset", "axis", "group"),
        (
            "dataset",
            Column("axis", "", description="`age`, `gender` or `tone`"),
            "group",
            Column("planted", "share", description="mean share in the captions that the generator was trained on"),
            Column("estimate", "share", description="mean share that the neutral images depict"),
            *("low", "high"),
            Column("mae", "share", description="mean absolute difference of the two over activities"),
            Column(
                "rho", "1", description="Spearman's rank correlation over activities; empty if planted shares are equal"
            ),
            "n",
        ),
        description="axis and group: depicted against planted shares",
        requires="depicted",
        page=Page(
            "audit",
            "Generator error: depicted against planted shares",
            (
                Shown("Axis", "words", "axis"),
                GROUP,
                N,
                _plain_share("Planted", "planted"),
                Shown("Depicted (interval)", "share", "estimate"),
                Shown("Mean absolute error", "number", "mae"),
                Shown("Spearman’s rho", "number", "rho"),
            ),
        ),
    ),
)

NEUTRAL = (
    Table(
        "nearest",
        "locate_neutral",
        (*PLACE, "group"),
        (
            *(*PLACE, "group", "n", "n_seeds"),
            Column("estimate", "share", description="share of neutral images that are nearest to the group"),
            *("low", "high"),
            Column("expected", "share", description="share of each group if all shares were equal"),
            *ABOUT,
        ),
        description="space and group",
        requires="generated",
        page=Page(
            "neutral",
            "Group whose image is nearest to the neutral one",
            (SPACE, GROUP, N, Shown("Share of neutral images", "share", "estimate")),
        ),
    ),
    Table(
        "nearest_activities",
        "locate_neutral",
        (*PLACE, "group", "activity_id"),
        (
            *(*PLACE, "group", "category", "activity_id"),
            N_SEEDS,
            Column("estimate", "share", description="share of neutral images that are nearest to the group"),
            *(*WILSON, "method"),
        ),
        description="space, group and activity",
        requires="generated",
    ),
    Table(
        "implied_age",
        "locate_neutral",
        (*PLACE, "template"),
        (
            *PLACE,
            Column("template", "", description="name of the prompt template that states the age"),
            "n",
            Column("estimate", "years", description="age at which images are most similar to neutral"),
            *("low", "high"),
            Column("r_squared", "1", description="fit of the quadratic whose maximum is the estimate"),
            *ABOUT,
        ),
        description="space and wording",
        requires="generated",
        page=Page(
            "neutral",
            "Implied age of the neutral person, from the age grid",
            (
                SPACE,
                Shown("Wording", "words", "template"),
                N,
                Shown("Years (interval)", "measured", "estimate"),
                Shown("Fit r\N{SUPERSCRIPT TWO}", "number", "r_squared"),
            ),
            open=True,
        ),
    ),
    Table(
        "adherence",
        "locate_neutral",
        ("dataset", "space", "group"),
        (
            *("dataset", "space"),
            Column("group", "", description="the requested group; `all marked` for all groups together"),
            *("n", "n_seeds"),
            Column("estimate", "share", description="share of its images that are classified as the group"),
            *("low", "high", *ABOUT),
        ),
        description="group",
        requires="generated",
        page=Page(
            "neutral",
            "Adherence: share of marked images that are classified as the requested group",
            (GROUP, N, Shown("Adherence", "share", "estimate")),
        ),
    ),
    Table(
        "confusion",
        "locate_neutral",
        ("dataset", "space", "group", "predicted"),
        (
            *("dataset", "space"),
            Column("group", "", description="the requested group"),
            Column("predicted", "", description="the group predicted by the classifier"),
            *("n", "n_seeds"),
            Column("estimate", "share", description="share of the requested group's images with this prediction"),
            *("low", "high"),
            Column("probability", "probability", description="mean probability of the predicted group"),
            *ABOUT,
        ),
        description="requested group and predicted group",
        requires="generated",
        page=Page(
            "neutral",
            "Classification of the marked images",
            (
                Shown("Requested", "words", "group"),
                Shown("Classified", "words", "predicted"),
                N,
                Shown("Share", "share", "estimate"),
                Shown("Mean probability", "number", "probability"),
            ),
        ),
    ),
    Table(
        "calibration",
        "locate_neutral",
        ("dataset", "space", "bin"),
        (
            *("dataset", "space"),
            Column("bin", "probability", description="lower edge of the bin; empty for all images"),
            Column("images", "images", description="number of images in the bin"),
            Column("confidence", "probability", description="mean probability of the predicted group"),
            Column("accuracy", "share", description="share of images whose prediction is correct"),
            Column(
                "gap",
                "share",
                description="difference between the two; for all images, the expected calibration error",
            ),
        ),
        description="probability bin",
        requires="generated",
    ),
    Table(
        "recovery",
        "recover_planted",
        ("dataset", "judge", "space", "estimator", "group", "quantity"),
        (
            "dataset",
            RECOVERING,
            "space",
            Column("estimator", "", description="as in `shares`, or `perfect labels`"),
            Column("group", "", description="a group, or a contrast (the difference of two shares)"),
            Column(
                "quantity",
                "",
                description="`slope` (1 if correct, 0 if unrelated), `spearman`, `mae`, `bias`, interval `coverage`",
            ),
            "n",
            Column("estimate", "as the quantity", description="estimated compared with planted shares over activities"),
            *("low", "high", *ABOUT),
        ),
        description="judge, estimator, group and quantity",
        requires="planted",
        page=Page(
            "recovery",
            "Estimated compared with planted shares over activities",
            (
                Shown("Judge", "words", "judge"),
                SPACE,
                Shown("Estimator", "words", "estimator"),
                GROUP,
                Shown("Quantity", "words", "quantity"),
                N,
                Shown("Value (interval)", "measured", "estimate"),
            ),
        ),
    ),
    Table(
        "recovery_points",
        "recover_planted",
        ("dataset", "judge", "space", "estimator", "group", "activity_id"),
        (
            *("dataset", RECOVERING, "space"),
            Column("estimator", "", description="as in `recovery`"),
            Column("group", "", description="as in `recovery`"),
            "activity_id",
            Column("planted", "share", description="the true share"),
            Column("estimate", "share", description="the share estimated by the audit"),
            *("low", "high"),
        ),
        description="judge, estimator, group and activity",
        requires="planted",
        quoted=True,
    ),
)

VALUE = Column("value", "", description="value of the attribute")
STRUCTURE = (
    Table(
        "clusters",
        "cluster",
        ("space", "algorithm", "statistic"),
        (
            *("space", "algorithm"),
            Column("statistic", "", description="number of clusters, share of noise, silhouettes, stability"),
            N_IMAGES,
            Column("estimate", "as the statistic", description="point estimate"),
            *("low", "high"),
            Column(
                "null_mean",
                "as the statistic",
                description="mean over single clouds with the data's mean and covariance",
            ),
            Column("null_low", "as the statistic", description="lower end of their range"),
            Column("null_high", "as the statistic", description="upper end of their range"),
            *("p", *ABOUT),
        ),
        description="algorithm and statistic",
        per="space",
        page=Page(
            "space",
            "Are there clusters? Silhouettes beside those of single clouds of the same shape, and stability",
            (
                SPACE,
                METHOD,
                STATISTIC,
                N,
                Shown("Value", "measured", "estimate"),
                Shown("Null mean", "number", "null_mean"),
                P,
            ),
        ),
    ),
    Table(
        "choice_of_k",
        "cluster",
        ("space", "k"),
        (
            "space",
            Column("k", "clusters", description="candidate for k-means"),
            N_IMAGES,
            Column("silhouette_micro", "1", description="mean silhouette over images"),
            Column("silhouette_macro", "1", description="mean silhouette over clusters"),
            Column("chosen", "", description="whether it was chosen"),
            "note",
        ),
        description="candidate number of clusters",
        per="space",
    ),
    Table(
        "association",
        "compose",
        ("space", "algorithm", "attribute", "statistic"),
        (
            *("space", "algorithm", "attribute"),
            Column("statistic", "", description="`ami` (adjusted mutual information), `homogeneity`, `completeness`"),
            N_IMAGES,
            Column("estimate", "1", description="strength of the association between clusters and attribute"),
            *("p", *ABOUT),
        ),
        description="algorithm, attribute and statistic",
        per="space",
        page=Page(
            "space",
            "Association between clusters and attributes",
            (SPACE, METHOD, ATTRIBUTE, STATISTIC, N, Shown("Value", "number", "estimate"), P),
        ),
    ),
    Table(
        "composition",
        "compose",
        ("space", "algorithm", "attribute", "cluster", "value"),
        (
            *("space", "algorithm", "attribute"),
            Column("cluster", "", description="number of the cluster; -1 for images in no cluster"),
            VALUE,
            Column("count", "images", description="number with this value in the cluster"),
            Column("cluster_n", "images", description="number in the cluster"),
            Column("value_n", "images", description="number with this value"),
            N_IMAGES,
            Column("share", "share", description="share of the value in the cluster"),
            Column("expected_share", "share", description="share of the value in the whole dataset"),
            Column("ratio", "1", description="over-representation: the ratio of the two shares"),
            *("low", "high", *TESTED, *ABOUT),
        ),
        description="algorithm, attribute, cluster and value",
        per="space",
    ),
    Table(
        "diversity",
        "compose",
        ("space", "attribute", "group", "metric"),
        (
            *("space", "attribute"),
            Column("group", "", description="images with one value of the attribute"),
            Column(
                "metric", "", description="`mean_distance`, or `vendi_q...` followed by the order of the Vendi score"
            ),
            Column("n", "images", description="number in the group"),
            Column("units", "units", description="number of independent units: activities, or the images of a folder"),
            Column("size", "units", description="size of the subsets, the same for all groups"),
            Column("estimate", "as the metric", description="mean over subsets"),
            *("low", "high", *ABOUT),
        ),
        description="attribute, group and measure",
        per="space",
        page=Page(
            "space",
            "Diversity of groups at equal size: mean distance and Vendi scores",
            (
                Shown("Space", "other space", "space"),
                ATTRIBUTE,
                GROUP,
                Shown("Measure", "words", "metric"),
                N,
                Shown("At size", "count", "size"),
                Shown("Value (interval)", "measured", "estimate"),
            ),
        ),
    ),
    Table(
        "captions",
        "describe_captions",
        ("space", "algorithm", "cluster", "category", "word"),
        (
            *("space", "algorithm"),
            Column("cluster", "", description="number of the cluster; -1 for images in no cluster"),
            Column("kind", "", description="subject of the word: gender, age or emotion"),
            Column("category", "", description="category in the lexicon"),
            Column("word", "", description="word of the lexicon; `(all)` for all words of the category together"),
            Column("count", "words", description="occurrences in the captions of the cluster"),
            Column("words_n", "words", description="total words in the captions of the cluster"),
            Column("rest_count", "words", description="occurrences in all other captions"),
            Column("rest_n", "words", description="total words in all other captions"),
            Column(
                "log_odds",
                "natural logarithm",
                description="log-odds ratio; positive if the word is more frequent in the cluster",
            ),
            Column("z", "standard errors", description="log-odds ratio divided by its standard error"),
            *(*TESTED, "note"),
        ),
        description="cluster and word",
        per="image space",
        requires="captioned",
        page=Page(
            "space",
            "Words about gender, age and emotion in each cluster’s captions compared with all other captions",
            (
                CLUSTER,
                Shown("Category", "words", "category"),
                Shown("Word", "verbatim", "word"),
                Shown("Times", "count", "count"),
                Shown("Log-odds", "number", "log_odds", signed=True),
                Shown("z", "number", "z", signed=True),
                P_BH,
            ),
        ),
    ),
    Table(
        "duplicates",
        "rebalance",
        ("space", "key"),
        (
            *("space", "key", "path"),
            Column("duplicate_of", "", description="key of the image it is a copy of"),
            Column("duplicate_path", "", description="path of the image it is a copy of"),
            Column("kind", "", description="`exact` (the same file) or `near`"),
            Column("cosine", "cosine", description="similarity of the two images"),
        ),
        description="image that has a copy",
        per="first image space",
        page=Page(
            "space",
            "Near-duplicates, which are left out of the keep-list",
            (
                Shown("File", "verbatim", "path"),
                Shown("Copy of", "verbatim", "duplicate_path"),
                Shown("Kind", "words", "kind"),
                Shown("Cosine", "number", "cosine"),
            ),
        ),
    ),
    Table(
        "rebalance",
        "rebalance",
        ("space", "cluster", "attribute", "value"),
        (
            "space",
            Column("cluster", "", description="number of the cluster"),
            "attribute",
            VALUE,
            Column("n", "images", description="number with this value in the cluster"),
            Column("share", "share", description="share of the value in the cluster"),
            Column("weighted_n", "images", description="sum of the weights"),
            Column("weighted_share", "share", description="weighted share of the value"),
            Column("kept_n", "images", description="number in the keep-list"),
            Column("kept_share", "share", description="share of the value in the keep-list"),
            Column("effective_n", "images", description="effective sample size of the weighted cluster"),
            "note",
        ),
        description="cluster and attribute value",
        per="first image space",
        page=Page(
            "space",
            "Shares in each cluster: raw, weighted and in the keep-list (equal shares are a choice of reference)",
            (
                CLUSTER,
                ATTRIBUTE,
                Shown("Value", "words", "value"),
                Shown("Images", "count", "n"),
                _plain_share("Share", "share"),
                _plain_share("Weighted share", "weighted_share"),
                Shown("Kept", "count", "kept_n"),
                _plain_share("Kept share", "kept_share"),
            ),
        ),
    ),
    Table(
        "keep_list",
        "rebalance",
        ("key",),
        (
            *("key", "path"),
            Column("cluster", "", description="number of the cluster"),
            Column("weight", "1", description="weight that gives attribute values equal shares in each cluster"),
            Column("kept", "", description="whether the image belongs to the subset with equal shares"),
        ),
        description="image",
        per="first image space",
    ),
    Table(
        "agreement",
        "compare_clusters",
        ("dataset", "algorithm", "space", "other_space"),
        (
            *("dataset", "algorithm", "space"),
            Column("other_space", "", description="the space that `space` is compared with"),
            Column("statistic", "", description="`adjusted_rand`"),
            N_IMAGES,
            Column("estimate", "1", description="adjusted Rand index: 1 for the same clusters, 0 for chance"),
            "note",
        ),
        description="algorithm and two spaces",
        requires="several spaces",
        page=Page(
            "spaces",
            "Do encoders find the same clusters? Adjusted Rand index: 1 for the same clusters, 0 for chance",
            (
                METHOD,
                SPACE,
                Shown("Other space", "other space", "other_space"),
                N,
                Shown("Adjusted Rand", "number", "estimate"),
            ),
        ),
    ),
    Table(
        "rejects",
        "list_rejects",
        (),
        (
            *("dataset", "path"),
            Column("reason", "", description="why the file was rejected or used only in part"),
        ),
        description="file that was rejected or used only in part; generated images that failed have no path",
        page=Page(
            "rejects",
            "Files that were rejected or used only in part",
            (Shown("File", "verbatim", "path"), Shown("Reason", "verbatim", "reason")),
        ),
    ),
)

ASKED = ("dataset", "target", "classifier")
AUDIT = (
    Table(
        "attributes_errors",
        "audit_attributes",
        (*ASKED, "attribute", "group"),
        (
            *(*ASKED, "attribute"),
            Column("group", "", description="a value of the attribute; `race x gender` for intersections"),
            Column("n", "images", description="number in the group"),
            Column("errors", "images", description="number misclassified"),
            Column("error_rate", "share", description="share of the group's images that are misclassified"),
            *WILSON,
            Column("share_of_errors", "share", description="the group's share of all errors"),
            Column("share_low", "share", description="lower end of its interval"),
            Column("share_high", "share", description="upper end of its interval"),
            Column("share_of_images", "share", description="the group's share of all images"),
            "note",
        ),
        description="classifier, attribute and group",
        requires="audited",
        page=Page(
            "errors",
            "Error rate within each group, and the group’s share of all errors, which some reports call a rate",
            (
                *JUDGED,
                N,
                Shown("Errors", "count", "errors"),
                Shown("Error rate (Wilson)", "share", "error_rate"),
                Shown("Share of errors", "share", "share_of_errors", "share_low", "share_high"),
                _plain_share("Share of images", "share_of_images"),
            ),
        ),
    ),
    Table(
        "attributes_gaps",
        "audit_attributes",
        (*ASKED, "attribute", "statistic"),
        (
            *(*ASKED, "attribute"),
            Column(
                "statistic",
                "",
                description="worst-group gap, demographic parity difference, equalised odds difference",
            ),
            N_IMAGES,
            Column("estimate", "share", description="difference between the highest and the lowest group"),
            *("low", "high"),
            Column("chance", "share", description="mean difference between random groups of the same sizes"),
            Column(
                "p",
                "probability",
                description="probability of at least this difference if groups were assigned at random",
            ),
            Column("low_group", "", description="the group with the lowest value"),
            Column("high_group", "", description="the group with the highest value"),
            "note",
        ),
        description="classifier, attribute and statistic",
        requires="audited",
        page=Page(
            "errors",
            "Disparities between groups",
            (
                CLASSIFIER,
                ATTRIBUTE,
                STATISTIC,
                N,
                Shown("Difference (interval)", "measured", "estimate"),
                Shown("By chance", "share", "chance"),
                Shown("p (permuted groups)", "p", "p"),
                Shown("Lowest", "words", "low_group"),
                Shown("Highest", "words", "high_group"),
            ),
        ),
    ),
    Table(
        "attributes_thresholds",
        "audit_attributes",
        (*ASKED, "threshold"),
        (
            *ASKED,
            Column("threshold", "probability", description="probability from which the second label is predicted"),
            N_IMAGES,
            Column("macro_f", "1", description="F1 averaged over the two labels"),
            Column("accuracy", "share", description="share of images whose prediction is correct"),
            Column("predicted_share", "share", description="share of images predicted to have the first label"),
            Column("true_share", "share", description="share of images with the first label"),
        ),
        description="classifier and threshold",
        requires="audited",
    ),
    Table(
        "attributes_summary",
        "audit_attributes",
        (*ASKED, "statistic"),
        (
            *ASKED,
            Column(
                "statistic",
                "",
                description="predicted and true share; macro F, accuracy and threshold (best of the sweep, at 0.5, "
                "exact optimum, cross-validated); expected calibration error; of more than two classes, accuracy and "
                "macro F beside the accuracy of the most common label",
            ),
            N_IMAGES,
            Column("estimate", "as the statistic", description="point estimate"),
            Column(
                "low",
                "as the statistic",
                description="lower end of the interval; only cross-validated scores, and those of more than two "
                "classes, have one",
            ),
            Column("high", "as the statistic", description="upper end of the interval"),
            "note",
        ),
        description="classifier and statistic",
        requires="audited",
        page=Page(
            "summary",
            "Accuracy, thresholds and predicted shares",
            (CLASSIFIER, STATISTIC, N, Shown("Value (interval)", "measured", "estimate")),
            open=True,
        ),
    ),
    Table(
        "attributes_published",
        "compare_published",
        ("dataset", "pair", "statistic"),
        (
            "dataset",
            Column("pair", "", description="the two keywords used as prompts"),
            Column("statistic", "", description="as in `attributes_summary`"),
            N_IMAGES,
            Column("estimate", "as the statistic", description="result of this study"),
            Column("published", "as the statistic", description="published result"),
            Column("difference", "as the statistic", description="this study minus the published result"),
            "note",
            Column("published_of", "", description="model and images of the published result"),
        ),
        description="keyword pair and statistic",
        requires="published",
        page=Page(
            "summary",
            "Comparison with published results for OpenAI ViT-B/32 on UTKFace",
            (
                Shown("Words", "words", "pair"),
                STATISTIC,
                N,
                Shown("Ours", "number", "estimate"),
                Shown("Published", "number", "published"),
                Shown("Difference", "number", "difference", signed=True),
            ),
        ),
    ),
    Table(
        "attributes_calibration",
        "audit_attributes",
        (*ASKED, "bin_low"),
        (
            *ASKED,
            Column("bin_low", "probability", description="lower edge of the bin"),
            Column("bin_high", "probability", description="upper edge of the bin"),
            Column("n", "images", description="number of images in the bin"),
            Column(
                "predicted",
                "probability",
                description="mean probability of the second label; of more than two, of the predicted one",
            ),
            Column(
                "observed",
                "share",
                description="share of images with the second label; of more than two, with the predicted one",
            ),
            *WILSON,
        ),
        description="classifier and probability bin",
        requires="audited",
    ),
    Table(
        "attributes_confusion",
        "audit_attributes",
        (*ASKED, "attribute", "group", "true", "predicted"),
        (
            *(*ASKED, "attribute"),
            Column("group", "", description="a value of the attribute"),
            Column("true", "", description="the true label"),
            Column("predicted", "", description="the predicted label"),
            Column("count", "images", description="number with this true and predicted label"),
            Column("row_share", "share", description="share of the group's images with that true label"),
        ),
        description="classifier, group, true and predicted label",
        requires="audited",
        page=Page(
            "confusion",
            "Confusion matrix of each group",
            (
                *JUDGED,
                Shown("True", "words", "true"),
                Shown("Predicted", "words", "predicted"),
                Shown("Images", "count", "count"),
                _plain_share("Share of the true label", "row_share"),
            ),
        ),
    ),
)

STUDY = Column("study", "", description="name of the study")
COMPARISON = (
    Table(
        "comparison_contrasts",
        "compare_studies",
        ("study", *PLACE, "contrast"),
        (STUDY, *NET_GAP_COLUMNS),
        description="study, space and contrast",
        per="studies",
        page=Page(
            "comparison",
            "Gaps in each study",
            (Shown("Study", "verbatim", "study"), *NET_GAP[:6]),
        ),
    ),
    Table(
        "comparison_differences",
        "compare_studies",
        ("study", "other_study", "space", "metric", "contrast"),
        (
            STUDY,
            Column("other_study", "", description="the study that is subtracted"),
            *("space", "metric", "contrast"),
            Column("n", "activities", description="number of activities in both studies"),
            Column("estimate", "similarity", description="gap of the study minus that of the other"),
            *("low", "high", "note"),
        ),
        description="two studies, space and contrast",
        per="studies",
        page=Page(
            "comparison",
            "Differences between studies over the activities they share",
            (
                Shown("Study", "verbatim", "study"),
                Shown("minus", "verbatim", "other_study"),
                SPACE,
                CONTRAST,
                N,
                Shown("Difference (interval)", "measured", "estimate", signed=True),
            ),
        ),
    ),
)

SECTIONS = {
    "Generated datasets: shares of the groups": SHARES,
    "Generated datasets: gaps": GAPS,
    "Generated datasets: the group of the neutral person": NEUTRAL,
    "Every dataset: structure and quality": STRUCTURE,
    "Labelled datasets: zero-shot attributes": AUDIT,
    "Studies side by side": COMPARISON,
}
TABLES = {table.name: table for tables in SECTIONS.values() for table in tables}
# How the page shows the tables that it shows.
PAGES = {name: table.page for name, table in TABLES.items() if table.page}


def entry(name: str) -> Table:
    """The entry of a table, by its name or its name with a space or encoder as prefix, such as ``dino-clusters``."""
    return TABLES[name.rsplit("-", 1)[-1]]


def tables_of(stage: str) -> list[str]:
    """Names of the tables that a script writes."""
    return [table.name for table in TABLES.values() if table.stage == stage]


def tables(scope: Scope) -> list[str]:
    """Names of a dataset's tables; a table of a space has the space as prefix, such as ``dino-clusters``."""
    return [name for table in TABLES.values() for name in scope.names(table.name, table.per, table.requires)]


def page_tables(scope: Scope) -> list[str]:
    """Names of the tables of a dataset that the page uses."""
    return [name for name in tables(scope) if entry(name).page or entry(name).quoted]
