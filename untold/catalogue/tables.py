"""The tables of a study: to add one, add its entry here and let the script that makes it write it.

Rules, page, `docs/tables.md` and the check of what was written all read these entries. A ``description`` is for people
only: changing it reruns nothing.
"""

from dataclasses import dataclass
from typing import Literal

from untold.catalogue.metrics import METRICS
from untold.catalogue.scope import Per, Scope, Trait

Kind = Literal["words", "verbatim", "space", "other space", "contrast", "measured", "number", "count", "share", "p"]
# Places of the page that show tables; `untold/report/templates/report.html.j2` says where they are.
Place = Literal[
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

    ``unit`` is empty where the column holds text. An optional column is written where there is something to put in it.
    """

    name: str
    unit: str
    description: str
    optional: bool = False


@dataclass(frozen=True)
class Shown:
    """A column of the page: its heading, what it is made from, and how it reads.

    Attributes
    ----------
    kind : str
        ``measured`` is an estimate with its interval, ``number`` stands alone, ``share`` is in percent (with its
        interval if ``low`` and ``high`` name one), ``words`` have spaces for underscores, ``verbatim`` is as it is.
    low, high : str
        Columns with the ends of the interval.
    signed : bool
        Whether a positive number has its sign too.
    """

    heading: str
    kind: Kind
    column: str
    low: str = "low"
    high: str = "high"
    signed: bool = False


@dataclass(frozen=True)
class Page:
    """How the page shows a table; without columns, a function in `untold.report.tables` lays it out."""

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
        The file is ``{dataset}-{name}.csv``, or ``{dataset}-{space}-{name}.csv`` where there is one for each space.
    stage : str
        The script that makes it.
    key : tuple of str
        Columns that tell its rows apart; empty where rows may repeat.
    columns : tuple of str or Column
        All columns in order; those in `SHARED` by name.
    description : str
        What there is one row for.
    per, requires
        Whether there is one for every space, and the trait that a dataset must have.
    page : Page, optional
        Tables without it are for other programs.
    quoted : bool
        Whether the sentences of the page draw on a table that it does not show.
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
            "space", "", description="where similarity is measured: `clip_text`, `clip_image`, `dino`, `latents`, ..."
        ),
        Column("metric", "", description=_metrics()),
        Column("group", "", description="a group of the axis, such as `young`"),
        Column("contrast", "", description="`young-older`: positive where neutral is nearer to the first"),
        Column("category", "", description="of the activity, as in `config/activities.csv`"),
        Column("activity_id", "", description="of the activity, as in `config/activities.csv`"),
        Column("n", "activities", description="what the estimate is over"),
        Column("n_seeds", "seeds", description="averaged inside an activity"),
        Column("estimate", "similarity", description="the estimate"),
        Column("low", "as the estimate", description="lower end of its interval, at the configured confidence"),
        Column("high", "as the estimate", description="upper end of its interval"),
        Column("p", "probability", description="p-value; never zero, because the data count as one permutation"),
        Column(
            "p_adjusted",
            "probability",
            description="Holm over contrasts and spaces; Benjamini-Hochberg over lists of activities, categories or "
            "cells",
        ),
        Column(
            "d_z", "standard deviations", description="mean gap over the standard deviation of the activities' gaps"
        ),
        Column("algorithm", "", description="how clusters were made: `kmeans`, `dbscan`, `hdbscan`"),
        Column("attribute", "", description="the column of the images that groups are made from"),
        Column("target", "", description="the attribute that is predicted"),
        Column("classifier", "", description="the words that the attribute is asked with"),
        Column("key", "", description="of the image, as in every Parquet file of the study"),
        Column("path", "", description="of the image"),
        Column("method", "", description="how the interval or test was made"),
        Column("note", "", description="what could not be done and why"),
    )
}

PLACE = ("dataset", "space", "metric")
ESTIMATE = ("estimate", "low", "high")
TESTED = ("p", "p_adjusted")
ABOUT = ("method", "note")
SHARE_POSITIVE = Column("share_positive", "share", description="activities with a positive gap")
GAP_COLUMNS = (
    *(*PLACE, "contrast", "n", "n_seeds", *ESTIMATE, *TESTED, "d_z"),
    SHARE_POSITIVE,
    Column("gap_units", "ceiling - floor", description="the gap from floor (0) to ceiling (1)"),
    *ABOUT,
)
SHARE = Column("estimate", "share", description="share of the neutral images")
N_SEEDS = Column("n", "seeds", description="of the activity")
N_IMAGES = Column("n", "images", description="what the estimate is over")
WILSON = (
    Column("low", "share", description="lower end of Wilson's interval"),
    Column("high", "share", description="upper end of Wilson's interval"),
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
ALONE = ("", "")  # a share without interval


def _plain_share(heading: str, column: str) -> Shown:
    return Shown(heading, "share", column, *ALONE)


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
JUDGED = (CLASSIFIER, ATTRIBUTE, GROUP)

GAPS = (
    Table(
        "original_table",
        "infer",
        ("space", "metric"),
        (
            Column("row", "", description="its name in the original study's table"),
            *("space", "metric", "n", "n_seeds"),
            Column("<group>", "similarity", description="mean similarity to neutral"),
            Column("<group>_low", "similarity", description="lower end of its interval"),
            Column("<group>_high", "similarity", description="upper end of its interval"),
            Column("chi_square", "1", description="of the nearest-group counts against equal shares"),
            Column("df", "1", description="degrees of freedom"),
            Column("p", "probability", description="of the chi-square, adjusted by Holm's procedure"),
        ),
        description="row of the original study's table",
        requires="generated",
        page=Page("original", "Mean similarity of the neutral image to each group, with intervals", ()),
    ),
    Table(
        "contrasts",
        "infer",
        (*PLACE, "contrast"),
        GAP_COLUMNS,
        description="space and contrast",
        requires="generated",
        page=Page("findings", "Gaps between groups; positive: neutral is nearer to the first", GAP, open=True),
    ),
    Table(
        "contrasts_adherent",
        "infer",
        (*PLACE, "contrast"),
        GAP_COLUMNS,
        description="space and contrast, counting only images that show the group they were asked for",
        requires="generated",
        page=Page("findings", "The same without the images that do not show the group they were asked for", GAP),
    ),
    Table(
        "net_of_placebo",
        "infer",
        (*PLACE, "contrast"),
        GAP_COLUMNS,
        description="space and contrast: what a group's words do beyond a placebo of the same length",
        requires="generated",
        page=Page("findings", "What a group's words did beyond what a placebo of the same length did", GAP),
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
            Column("images", "images", description="neutral images that were counted"),
            Column("count_<group>", "images", description="neutral images nearest to it; ties are split"),
            Column("expected", "images", description="of each group under equal shares"),
            Column("df", "1", description="degrees of freedom"),
            Column("statistic", "1", description="Pearson's chi-square"),
            Column("design_effect", "1", description="by which it is divided: images of an activity are alike"),
            *(*TESTED, *ABOUT),
        ),
        description="space",
        requires="generated",
        page=Page(
            "findings",
            "Nearest-group counts of the neutral images against equal shares",
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
            Column("estimate", "1", description="mean rank correlation with the order"),
            *("low", "high", *TESTED, *ABOUT),
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
                Shown("L", "number", "statistic"),
                Shown("p (Holm, one-sided)", "p", "p_adjusted"),
            ),
        ),
    ),
    Table(
        "equivalence",
        "infer",
        (*PLACE, "contrast"),
        (
            *(*PLACE, "contrast", "n", "n_seeds", "estimate"),
            Column("low", "similarity", description="lower end of the interval at 1 - 2 alpha that decides"),
            Column("high", "similarity", description="upper end of the interval at 1 - 2 alpha that decides"),
            Column("margin", "similarity", description="set in the configuration"),
            *TESTED,
            Column("equivalent", "", description="whether the gap is smaller than the margin"),
            *ABOUT,
        ),
        description="space and contrast: two one-sided tests",
        requires="generated",
        page=Page(
            "findings",
            "Is a gap smaller than the margin that was set beforehand? Two one-sided tests",
            (
                SPACE,
                CONTRAST,
                N,
                Shown("Gap (interval that decides)", "measured", "estimate", signed=True),
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
            Column("n_seeds", "seeds", description="of all activities together"),
            Column("floor", "similarity", description="of neutral images of different activities"),
            Column("floor_low", "similarity", description="lower end of its interval"),
            Column("floor_high", "similarity", description="upper end of its interval"),
            Column("ceiling", "similarity", description="of neutral images of one activity with other seeds"),
            Column("ceiling_low", "similarity", description="lower end of its interval"),
            Column("ceiling_high", "similarity", description="upper end of its interval"),
            *ABOUT,
        ),
        description="space of images",
        requires="generated",
        page=Page(
            "findings",
            "What a similarity is to be compared with: neutral images of different activities, and of the same",
            (
                SPACE,
                N,
                Shown("Seeds", "count", "n_seeds"),
                Shown("Floor: different activities", "measured", "floor", "floor_low", "floor_high"),
                Shown("Ceiling: same activity, other seed", "measured", "ceiling", "ceiling_low", "ceiling_high"),
            ),
        ),
    ),
    Table(
        "cross_seed",
        "measure_reference",
        (*PLACE, "group"),
        (
            *(*PLACE, "group", "n", "n_seeds"),
            Column("estimate", "similarity", description="of neutral images to the group's images of other seeds"),
            *("low", "high"),
            Column("estimate_units", "ceiling - floor", description="the estimate from floor (0) to ceiling (1)"),
            Column("low_units", "ceiling - floor", description="lower end of its interval"),
            Column("high_units", "ceiling - floor", description="upper end of its interval"),
            *ABOUT,
        ),
        description="space of images and group",
        requires="generated",
        page=Page(
            "findings",
            "Similarity of neutral images to groups’ images of other seeds, from floor (0) to ceiling (1)",
            (
                SPACE,
                GROUP,
                N,
                Shown("Similarity", "measured", "estimate"),
                Shown("From floor to ceiling", "measured", "estimate_units", "low_units", "high_units"),
            ),
        ),
    ),
    Table(
        "clip_score",
        "score_prompts",
        ("group",),
        (
            *(*PLACE, "group", "n", "n_seeds"),
            Column("estimate", "cosine", description="of an image and its own prompt"),
            *("low", "high", *ABOUT),
        ),
        description="group",
        per="text encoder",
        requires="generated",
        page=Page(
            "findings",
            "How well the images show their own prompt: CLIP score",
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
            Column("rank", "1", description="from the largest gap"),
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
            Column("low", "similarity", description="lower end of Student's interval over seeds"),
            Column("high", "similarity", description="upper end of Student's interval over seeds"),
            *TESTED,
            Column("d_z", "standard deviations", description="gap over the standard deviation of the seeds' gaps"),
            Column("rank", "1", description="from the largest gap"),
            *ABOUT,
        ),
        description="space, contrast and activity",
        requires="generated",
        page=Page("activities", "Gap of every activity, interval over seeds", (), open=True, searchable=True),
    ),
    Table(
        "specifications",
        "infer",
        (*PLACE, "contrast", "template", "seeds"),
        (
            *(*PLACE, "contrast"),
            Column("template", "", description="wording of the prompts", optional=True),
            Column("seeds", "", description="all, a half, or one"),
            *("n", *ESTIMATE, "d_z"),
            Column("sign", "1", description="of the gap"),
            Column("agrees", "", description="whether it has the sign of the median `d_z`"),
            Column("rank", "1", description="by `d_z`, from the smallest"),
            *ABOUT,
        ),
        description="way to measure the main gap",
        requires="generated",
    ),
    Table(
        "specifications_summary",
        "infer",
        ("dataset", "contrast"),
        (
            *("dataset", "contrast"),
            Column("n", "specifications", description="that have an effect size"),
            Column("estimate", "standard deviations", description="median `d_z`"),
            Column("share_agree", "share", description="specifications with the sign of the median"),
            Column("share_significant", "share", description="the same, and the interval excludes zero"),
            Column("share_opposite", "share", description="other sign, and the interval excludes zero"),
            Column("p", "probability", description="of the median, by flipping signs in all specifications at once"),
            *ABOUT,
        ),
        description="contrast",
        requires="generated",
        page=Page(
            "specifications",
            "How far the specifications agree",
            (
                CONTRAST,
                Shown("Specifications", "count", "n"),
                Shown("Median d_z", "number", "estimate", signed=True),
                _plain_share("Same sign", "share_agree"),
                _plain_share("Same sign, interval excludes zero", "share_significant"),
                _plain_share("Other sign, interval excludes zero", "share_opposite"),
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
            Column("share", "share", description="of the total variance"),
            *ABOUT,
        ),
        description="space, contrast and component",
        requires="generated",
        page=Page(
            "variance",
            "Where the variance comes from",
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
            Column("target", "", description="what the interval is for: the mean over activities, or one activity"),
            "n",
            Column("n_seeds", "seeds", description="of this study"),
            Column("width", "similarity", description="wanted, as configured"),
            Column("width_now", "similarity", description="expected with the seeds of this study"),
            Column("seeds", "seeds", description="needed"),
            Column("activities", "activities", description="needed, where no number of seeds is enough"),
            *ABOUT,
        ),
        description="space, contrast and target",
        requires="generated",
        page=Page(
            "variance",
            "Seeds needed for an interval of the wanted width",
            (
                SPACE,
                CONTRAST,
                Shown("For", "words", "target"),
                Shown("Seeds now", "count", "n_seeds"),
                Shown("Width now", "number", "width_now"),
                Shown("Width wanted", "number", "width"),
                Shown("Seeds needed", "count", "seeds"),
                Shown("Activities needed", "count", "activities"),
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
            Column("estimate", "share", description="neutral images that are nearest to the group"),
            *("low", "high"),
            Column("expected", "share", description="equal shares"),
            *ABOUT,
        ),
        description="space and group",
        requires="generated",
        page=Page(
            "neutral",
            "The group whose image is nearest to the neutral one",
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
            Column("estimate", "share", description="neutral images that are nearest to the group"),
            *(*WILSON, "method"),
        ),
        description="space, group and activity",
        requires="generated",
    ),
    Table(
        "age_shares",
        "locate_neutral",
        ("dataset", "space", "estimator", "group"),
        (
            *("dataset", "space"),
            Column(
                "estimator",
                "",
                description="zero-shot counts or probabilities, raw or corrected for the classifier's errors",
            ),
            *("group", "n", "n_seeds"),
            SHARE,
            *("low", "high", *ABOUT),
        ),
        description="estimator and group",
        requires="generated",
        page=Page(
            "neutral",
            "Zero-shot shares of the neutral images, and corrected for the classifier’s errors on marked ones",
            (
                Shown("Estimator", "words", "estimator"),
                GROUP,
                N,
                Shown("Share of neutral images", "share", "estimate"),
            ),
            open=True,
        ),
    ),
    Table(
        "age_shares_activities",
        "locate_neutral",
        ("dataset", "space", "estimator", "group", "activity_id"),
        (
            *("dataset", "space"),
            Column("estimator", "", description="as in `age_shares`"),
            *("group", "activity_id"),
            N_SEEDS,
            SHARE,
            *("low", "high", *ABOUT),
        ),
        description="estimator, group and activity",
        requires="generated",
    ),
    Table(
        "implied_age",
        "locate_neutral",
        (*PLACE, "template"),
        (
            *PLACE,
            Column("template", "", description="how the prompts say the age"),
            "n",
            Column("estimate", "years", description="age at which images are most like neutral"),
            *("low", "high"),
            Column("r_squared", "1", description="of the quadratic whose maximum it is"),
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
            Column("group", "", description="the group that was asked for; `all marked` are all together"),
            *("n", "n_seeds"),
            Column("estimate", "share", description="of its images that are classified as the group"),
            *("low", "high", *ABOUT),
        ),
        description="group",
        requires="generated",
        page=Page(
            "neutral",
            "Share of marked images that are classified as the group they were asked for",
            (GROUP, N, Shown("Adherence", "share", "estimate")),
        ),
    ),
    Table(
        "confusion",
        "locate_neutral",
        ("dataset", "space", "group", "predicted"),
        (
            *("dataset", "space"),
            Column("group", "", description="the group that was asked for"),
            Column("predicted", "", description="the group that the classifier sees"),
            *("n", "n_seeds"),
            Column("estimate", "share", description="of the images asked for"),
            *("low", "high"),
            Column("probability", "probability", description="mean probability of the predicted group"),
            *ABOUT,
        ),
        description="group asked for and predicted",
        requires="generated",
        page=Page(
            "neutral",
            "What marked images are classified as",
            (
                Shown("Asked", "words", "group"),
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
            Column("bin", "probability", description="lower edge; empty for all images"),
            Column("images", "images", description="in the bin"),
            Column("confidence", "probability", description="mean probability of the predicted group"),
            Column("accuracy", "share", description="images whose prediction is right"),
            Column("gap", "share", description="between the two; for all images the expected calibration error"),
        ),
        description="bin of probability",
        requires="generated",
    ),
    Table(
        "recovery",
        "locate_neutral",
        (*PLACE, "estimator", "group", "quantity"),
        (
            *PLACE,
            Column("estimator", "", description="`nearest group`, or as in `age_shares`"),
            Column("group", "", description="a group, or a contrast: the difference of two shares"),
            Column(
                "quantity",
                "",
                description="`slope` (1 is right, 0 is blind), `spearman`, `mae`, `bias`, `coverage` of the intervals",
            ),
            "n",
            Column("estimate", "as the quantity", description="planted against estimated shares over activities"),
            *("low", "high", *ABOUT),
        ),
        description="estimator, space, group and quantity; empty where nothing was planted",
        requires="generated",
        page=Page(
            "recovery",
            "Planted against estimated shares over activities",
            (
                Shown("Estimator", "words", "estimator"),
                SPACE,
                GROUP,
                Shown("Quantity", "words", "quantity"),
                N,
                Shown("Value (interval)", "measured", "estimate"),
            ),
        ),
    ),
    Table(
        "recovery_points",
        "locate_neutral",
        (*PLACE, "estimator", "group", "activity_id"),
        (
            *PLACE,
            Column("estimator", "", description="as in `recovery`"),
            Column("group", "", description="as in `recovery`"),
            "activity_id",
            Column("planted", "share", description="the truth"),
            Column("estimate", "share", description="what the audit finds"),
            *("low", "high"),
        ),
        description="estimator, space, group and activity; empty where nothing was planted",
        requires="generated",
        quoted=True,
    ),
)

VALUE = Column("value", "", description="of the attribute")
STRUCTURE = (
    Table(
        "clusters",
        "cluster",
        ("space", "algorithm", "statistic"),
        (
            *("space", "algorithm"),
            Column("statistic", "", description="number of clusters, share of noise, silhouettes, stability"),
            N_IMAGES,
            Column("estimate", "as the statistic", description="the estimate"),
            *("low", "high"),
            Column("null_mean", "as the statistic", description="of the same data with permuted columns"),
            Column("null_low", "as the statistic", description="lower end of the range of permuted data"),
            Column("null_high", "as the statistic", description="upper end of the range of permuted data"),
            *("p", *ABOUT),
        ),
        description="algorithm and statistic",
        per="space",
        page=Page(
            "space",
            "Are there clusters? Silhouette against data with permuted columns, and stability over bootstraps",
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
            Column("chosen", "", description="whether it was taken"),
            "note",
        ),
        description="number of clusters",
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
            Column("estimate", "1", description="how much clusters and attribute tell about each other"),
            *("p", *ABOUT),
        ),
        description="algorithm, attribute and statistic",
        per="space",
        page=Page(
            "space",
            "How much the clusters tell about an attribute",
            (SPACE, METHOD, ATTRIBUTE, STATISTIC, N, Shown("Value", "number", "estimate"), P),
        ),
    ),
    Table(
        "composition",
        "compose",
        ("space", "algorithm", "attribute", "cluster", "value"),
        (
            *("space", "algorithm", "attribute"),
            Column("cluster", "", description="number of the cluster; -1 are images in none"),
            VALUE,
            Column("count", "images", description="of this value in the cluster"),
            Column("cluster_n", "images", description="of the cluster"),
            Column("value_n", "images", description="of this value"),
            N_IMAGES,
            Column("share", "share", description="of the value in the cluster"),
            Column("expected_share", "share", description="of the value in the whole set"),
            Column("ratio", "1", description="of the two shares: over-representation"),
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
            Column("metric", "", description="`mean_distance`, or `vendi_q...` with the order of the Vendi score"),
            Column("n", "images", description="of the group"),
            Column("units", "units", description="independent ones: activities, or images of a folder"),
            Column("size", "units", description="of the subsets, the same for all groups"),
            Column("estimate", "as the metric", description="mean over subsets"),
            *("low", "high", *ABOUT),
        ),
        description="attribute, group and measure",
        per="space",
        page=Page(
            "space",
            "How diverse groups are at equal size: mean distance and Vendi scores",
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
            Column("cluster", "", description="number of the cluster; -1 are images in none"),
            Column("kind", "", description="what the word tells of: gender, age or emotion"),
            Column("category", "", description="of the lexicon"),
            Column("word", "", description="a word of the lexicon; `(all)` are all words of the category together"),
            Column("count", "words", description="times in the captions of the cluster"),
            Column("words_n", "words", description="of the captions of the cluster"),
            Column("rest_count", "words", description="times in all other captions"),
            Column("rest_n", "words", description="of all other captions"),
            Column("log_odds", "natural logarithm", description="positive where the cluster uses the word more"),
            Column("z", "standard errors", description="the log-odds over their standard error"),
            *(*TESTED, "note"),
        ),
        description="cluster and word",
        per="image space",
        requires="captioned",
        page=Page(
            "space",
            "Words about gender, age and emotion that a cluster's captions use more or less than the others'",
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
            Column("cosine", "cosine", description="of the two"),
        ),
        description="image that has a copy",
        per="first image space",
        page=Page(
            "space",
            "Near-duplicates, which the keep-list leaves out",
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
            Column("n", "images", description="of this value in the cluster"),
            Column("share", "share", description="of the value in the cluster"),
            Column("weighted_n", "images", description="sum of the weights"),
            Column("weighted_share", "share", description="of the value, weighted"),
            Column("kept_n", "images", description="in the keep-list"),
            Column("kept_share", "share", description="of the value in the keep-list"),
            Column("effective_n", "images", description="that the weighted cluster is worth"),
            "note",
        ),
        description="cluster and attribute value",
        per="first image space",
        page=Page(
            "space",
            "Shares in each cluster as they are, weighted, and in the keep-list; equal shares are a choice of "
            "reference",
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
            Column("weight", "1", description="that gives attribute values equal shares in each cluster"),
            Column("kept", "", description="whether a subset with equal shares holds it"),
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
            Column("other_space", "", description="the space it is compared with"),
            Column("statistic", "", description="`adjusted_rand`"),
            N_IMAGES,
            Column("estimate", "1", description="adjusted Rand index: 1 the same clusters, 0 chance"),
            "note",
        ),
        description="algorithm and two spaces",
        requires="several spaces",
        page=Page(
            "spaces",
            "Do encoders find the same clusters? Adjusted Rand index: 1 the same, 0 chance",
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
            Column("reason", "", description="why it was not used, or not fully"),
        ),
        description="file that was not used, or not fully; generated images that failed have no path",
        page=Page(
            "rejects",
            "Files that could not be used",
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
            Column("n", "images", description="of the group"),
            Column("errors", "images", description="classified wrongly"),
            Column("error_rate", "share", description="of the group's images"),
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
            "Error rate within each group, and its share of all errors, which some reports call a rate",
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
            Column("estimate", "share", description="difference between the two ends"),
            *("low", "high"),
            Column("p", "probability", description="of a difference as large if groups were assigned by chance"),
            Column("low_group", "", description="the group at the lower end"),
            Column("high_group", "", description="the group at the upper end"),
            "note",
        ),
        description="classifier, attribute and statistic",
        requires="audited",
        page=Page(
            "errors",
            "How unequally groups are served",
            (
                CLASSIFIER,
                ATTRIBUTE,
                STATISTIC,
                N,
                Shown("Difference (interval)", "measured", "estimate"),
                Shown("p (groups by chance)", "p", "p"),
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
            Column("threshold", "probability", description="from which an image counts as the second label"),
            N_IMAGES,
            Column("macro_f", "1", description="F1 averaged over the two labels"),
            Column("accuracy", "share", description="images whose prediction is right"),
            Column("predicted_share", "share", description="images with the first label, as predicted"),
            Column("true_share", "share", description="images with the first label, as labelled"),
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
                description="predicted and true share; macro F, accuracy and threshold: best of the sweep, at 0.5, "
                "exact optimum, cross-validated; expected calibration error",
            ),
            N_IMAGES,
            Column("estimate", "as the statistic", description="the estimate"),
            "note",
        ),
        description="classifier and statistic",
        requires="audited",
        page=Page(
            "summary",
            "Accuracy, thresholds and predicted shares",
            (CLASSIFIER, STATISTIC, N, Shown("Value", "number", "estimate")),
            open=True,
        ),
    ),
    Table(
        "attributes_published",
        "compare_published",
        ("dataset", "pair", "statistic"),
        (
            "dataset",
            Column("pair", "", description="the two words that were asked with"),
            Column("statistic", "", description="as in `attributes_summary`"),
            N_IMAGES,
            Column("estimate", "as the statistic", description="of this study"),
            Column("published", "as the statistic", description="the published figure"),
            Column("difference", "as the statistic", description="this study minus published"),
            "note",
            Column("published_of", "", description="which model and images the published figure is of"),
        ),
        description="keyword pair and statistic",
        requires="published",
        page=Page(
            "summary",
            "Beside the published figures, which are of OpenAI ViT-B/32 on UTKFace",
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
            Column("n", "images", description="in the bin"),
            Column("predicted", "probability", description="mean probability of the second label"),
            Column("observed", "share", description="images with the second label"),
            *WILSON,
        ),
        description="classifier and bin of probability",
        requires="audited",
    ),
    Table(
        "attributes_confusion",
        "audit_attributes",
        (*ASKED, "attribute", "group", "true", "predicted"),
        (
            *(*ASKED, "attribute"),
            Column("group", "", description="a value of the attribute"),
            Column("true", "", description="the label"),
            Column("predicted", "", description="the label that the classifier gives"),
            Column("count", "images", description="with these two"),
            Column("row_share", "share", description="of the group's images with that true label"),
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
        (STUDY, *GAP_COLUMNS),
        description="study, space and contrast",
        per="studies",
        page=Page(
            "comparison",
            "The gaps of each study",
            (Shown("Study", "verbatim", "study"), *GAP[:6]),
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
            Column("n", "activities", description="that both studies have"),
            Column("estimate", "similarity", description="gap of the study minus that of the other"),
            *("low", "high", "note"),
        ),
        description="two studies, space and contrast",
        per="studies",
        page=Page(
            "comparison",
            "How much they differ over the activities they share",
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
    "Generated datasets: gaps": GAPS,
    "Generated datasets: where neutral sits": NEUTRAL,
    "Every dataset: structure and quality": STRUCTURE,
    "Labelled datasets: zero-shot attributes": AUDIT,
    "Studies side by side": COMPARISON,
}
TABLES = {table.name: table for tables in SECTIONS.values() for table in tables}


def entry(name: str) -> Table:
    """The entry of a table, also by its name with the space's or encoder's before it: ``dino-clusters``."""
    return TABLES[name.rsplit("-", 1)[-1]]


def tables_of(stage: str) -> list[str]:
    """Names of the tables that a script writes."""
    return [table.name for table in TABLES.values() if table.stage == stage]


def tables(scope: Scope) -> list[str]:
    """Names of a dataset's tables, those of a space as ``dino-clusters``."""
    return [name for table in TABLES.values() for name in scope.names(table.name, table.per, table.requires)]


def page_tables(scope: Scope) -> list[str]:
    """Names of the tables of a dataset that the page reads."""
    return [name for name in tables(scope) if entry(name).page or entry(name).quoted]
