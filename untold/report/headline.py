"""The answer of a study in one sentence with its interval, and the evidence for and against it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from untold.report.numbers import p_value, percent, plain
from untold.report.wording import judge_label, space_label

# Shares are called about equal if the upper limit of their total variation distance from equal ones is this small.
ABOUT_EQUAL = 0.1
LEVEL = 0.05  # significance level of the permutation test for an agreement, which has no interval


@dataclass(frozen=True)
class Answer:
    """The headline sentence, supporting sentences, and a warning if the images cannot support any answer."""

    sentence: str
    support: list[str]
    caution: str = ""


def answer(frames: Mapping[str, pd.DataFrame], titles: Mapping[str, str], confidence: float) -> Answer:
    """The answer of a generated dataset: which groups its neutral images show.

    A group is only said to be drawn more or less often than others if the joint test of all shares rejects equal ones,
    and no judge that passes its self-check contradicts the leading one.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The dataset's tables: shares, self_check, lean, stereotype, share_ranks and, if available, adherence and
        audit_error.
    titles : mapping of str to str
        Human-readable names of the activities, by id.
    confidence : float
        Confidence level of the intervals and tests.

    References
    ----------
    docs/method.md section 7.
    """
    checks = frames["self_check"]
    leads = checks[checks["leads"].astype(bool)]
    if leads.empty:
        said = zip(checks["judge"], checks["space"], checks["note"], strict=True)
        reasons = [f"{_capital(judge_label(judge, space))}: {note}." for judge, space, note in said]
        reason = "no judge passes its self-check" if len(checks) else "there is no judge"
        return Answer(f"These images cannot tell whom the model draws: {reason}.", reasons, _caution(frames))
    leader = leads.iloc[0]
    shares, population = _overall(frames["shares"], leader)
    if shares["estimate"].isna().all():
        note = str(shares["note"].iloc[0])
        return Answer(f"These images cannot tell whom the model draws: {note}.", [], _caution(frames))
    lean = _of(frames["lean"], leader).set_index("group")
    sentence = _sentence(shares, population, lean, _contradicted(frames, shares, population), confidence)
    dependence = _dependence(frames, leader, titles, confidence)
    return Answer(" ".join(filter(None, [sentence, dependence])), _support(frames, leader), _caution(frames))


def _of(table: pd.DataFrame, judge: pd.Series) -> pd.DataFrame:
    """The rows of one judge."""
    return table[(table["judge"] == judge["judge"]) & (table["space"] == judge["space"])]


def _overall(shares: pd.DataFrame, judge: pd.Series) -> tuple[pd.DataFrame, str]:
    """Corrected overall shares of a judge, for activities like these or, without such intervals, for these."""
    rows = _of(shares, judge)
    rows = rows[(rows["level"] == "overall") & (rows["estimator"] == "inversion")]
    sample = rows[rows["population"] == "activities"]
    population = "activities" if sample["low"].notna().any() else "these"
    return rows[rows["population"] == population], population


def _contradicted(frames: Mapping[str, pd.DataFrame], shares: pd.DataFrame, population: str) -> bool:
    """Whether a judge that passes puts a share on the other side of equal shares than the leading judge."""
    equal = 1 / len(shares)
    sides = _sides(shares, equal)
    for judge in frames["self_check"].query("verdict == 'passes'").to_dict("records"):
        others, kind = _overall(frames["shares"], pd.Series(judge))
        if kind == population and (_sides(others, equal) * sides.to_numpy() < 0).any():
            return True
    return False


def _sides(shares: pd.DataFrame, equal: float) -> pd.Series:
    """1 or -1 where an interval lies above or below equal shares, else 0."""
    return (shares["low"] > equal).astype(int) - (shares["high"] < equal).astype(int)


def _sentence(shares: pd.DataFrame, population: str, lean: pd.DataFrame, contradicted: bool, confidence: float) -> str:
    activities = int(lean["n"].iloc[0])
    known = shares["low"].notna().all()
    numbers = shares[["estimate", "low", "high"]].to_numpy(dtype=float)
    listed = _listed([f"{percent(*row)} {group}" for row, group in zip(numbers, shares["group"], strict=True)])
    where = f"Averaged over {activities} activities" if activities > 1 else "In this activity"
    interval = f" ({confidence:.0%} intervals)".replace("%", " %") if known else " (without an interval)"
    whole = lean.loc["all groups"]
    sides = _sides(shares, 1 / len(shares))
    if not known or population != "activities":
        return f"{where}, the neutral person is {listed}{interval}; activities as a sample: {whole['note']}."
    if contradicted:
        return f"The judges disagree about whom the model draws; the leading one says {listed}{interval}."
    if whole["p"] <= 1 - confidence and sides.any():
        words = []
        for sign, word in ((1, "more"), (-1, "less")):
            if names := shares.loc[sides == sign, "group"].tolist():
                words.append(f"{word} often {_listed(names)}")
        return f"{where}, the neutral person is {' and '.join(words)} than equal shares would be: {listed}{interval}."
    if whole["high"] <= ABOUT_EQUAL:
        groups = _listed(shares["group"].tolist())
        return f"{where}, the neutral person is about equally often {groups}: {listed}{interval}."
    return f"{where}, the data do not settle whether any group is drawn more often: {listed}{interval}."


def _dependence(
    frames: Mapping[str, pd.DataFrame], leader: pd.Series, titles: Mapping[str, str], confidence: float
) -> str:
    """Whether shares depend on the activity, with the activity in which each group is most frequent."""
    table = _of(frames["stereotype"], leader).set_index("group")
    whole = table.loc["all groups"]
    if not np.isfinite(whole["p"]):
        return ""
    if whole["p"] > 1 - confidence:
        return "Differences between activities are not settled."
    ranks = _of(frames["share_ranks"], leader)
    words = []
    for group in [name for name in table.index if name != "all groups"]:
        if table.loc[group, "p"] > 1 - confidence or not (own := ranks[ranks["group"] == group].dropna()).size:
            continue
        first = own.sort_values("shrunken", kind="stable").iloc[-1]
        title = titles.get(first["activity_id"], first["activity_id"])
        words.append(f"{group} when {title} ({percent(first['shrunken'])})")
    return f"It depends on what they do: most often {_listed(words)}." if words else "It depends on what they do."


def _support(frames: Mapping[str, pd.DataFrame], leader: pd.Series) -> list[str]:
    checks = frames["self_check"]
    name = judge_label(leader["judge"], leader["space"])
    sentences = [
        f"This is what the {name} says, corrected for its errors. On mixtures of this study’s own marked images, an "
        f"activity’s shares are wrong by {_points(leader['mae'])} on average (at most {_points(leader['mae_high'])})."
    ]
    others = checks[(checks["verdict"] == "passes") & ~checks["leads"].astype(bool)]
    failing = int((checks["verdict"] == "fails").sum())
    agree = "No other judge passes the self-check"
    if len(others):
        one = len(others) == 1
        pass_and_differ = (
            "other judge passes the self-check and differs" if one else ("other judges pass the self-check and differ")
        )
        agree = f"{len(others)} {pass_and_differ} from it by at most {_points(others['difference'].max())} overall"
    sentences.append(f"{agree}; {failing or 'none'} {'fails' if failing == 1 else 'fail'} it.")
    if len(errors := frames.get("audit_error", pd.DataFrame())):
        own = _of(errors, leader)
        row = own[own["estimator"] == "inversion"].iloc[0]
        sentences.append(
            "This model’s bias was planted, and an oracle knows what its images depict, so the audit can be checked: "
            f"over {int(row['n'])} activities the shares are wrong by {_points(row['mae'])} on average, and "
            f"Spearman’s rho with the truth is {plain(row['rho'], 2)}."
        )
    return sentences


def _points(share: float) -> str:
    """A difference of shares in percentage points."""
    return f"{plain(100 * share, 1)} points"


def _listed(words: list[str]) -> str:
    """Such as ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _caution(frames: Mapping[str, pd.DataFrame]) -> str:
    """A warning if marked images do not show the requested group, which makes every similarity meaningless."""
    table = frames.get("adherence", pd.DataFrame())
    if table.empty:
        return ""
    groups = table.loc[table["group"] != "all marked", "group"].nunique()
    whole = table[table["group"] == "all marked"]
    if whole.empty or not groups or not np.isfinite(whole["estimate"].iloc[0]):
        return ""
    row = whole.iloc[0]
    low = row["low"] if np.isfinite(row["low"]) else row["estimate"]
    if low > 1 / groups:
        return ""
    return (
        f"The marked images show the requested group no more often than chance "
        f"({percent(row['estimate'], row['low'], row['high'])}; chance is {percent(1 / groups)}). Either the images "
        "are noise or the classifier cannot read them. Do not treat the gaps below as findings."
    )


def audit_answer(errors: pd.DataFrame, target: str, classifier: str) -> Answer:
    """The answer of a labelled folder: the labels of an audited attribute with the highest and lowest error rates.

    Parameters
    ----------
    errors : DataFrame
        Columns target, classifier, attribute, group, error_rate, low, high (as shares of 1), for all attributes and
        classifiers.
    target, classifier : str
        The attribute and classifier to report.
    """
    part = errors[(errors["target"] == target) & (errors["classifier"] == classifier)]
    part = part[(part["attribute"] == target) & part["error_rate"].notna()]
    if len(part) < 2:
        return Answer(f"There are too few labels for {target} to compare.", [])
    part = part.sort_values("error_rate", kind="stable")
    low, high = part.iloc[0], part.iloc[-1]
    rates = [percent(row["error_rate"], row["low"], row["high"]) for row in (high, low)]
    end = "; the intervals overlap, so the difference is uncertain" if high["low"] <= low["high"] else ""
    sentence = (
        f"Zero-shot {target} ({classifier}) is wrong for {rates[0]} of the images labelled {high['group']} and "
        f"{rates[1]} of those labelled {low['group']}{end}."
    )
    return Answer(sentence, [])


def structure_answer(associations: pd.DataFrame) -> Answer:
    """The answer of a folder that was only clustered: how closely its k-means clusters follow the first attribute.

    Parameters
    ----------
    associations : DataFrame
        Columns space, algorithm, attribute, statistic, n, estimate, p, for all spaces.
    """
    rows = associations[(associations["algorithm"] == "kmeans") & (associations["statistic"] == "ami")]
    rows = rows[rows["attribute"] == rows["attribute"].iloc[0]].dropna(subset=["estimate", "p"]) if len(rows) else rows
    if rows.empty:
        return Answer("Every space has only one cluster or one label, so there is nothing to compare.", [])
    label, n = f"“{rows['attribute'].iloc[0].replace('_', ' ')}”", int(rows["n"].max())
    rows = rows.sort_values("estimate", ascending=False, kind="stable")
    follow, other = rows[rows["p"] < LEVEL], rows[rows["p"] >= LEVEL]
    words = [f"the k-means clusters follow {label} beyond chance in {_agreements(follow)}"] if len(follow) else []
    who = "they" if words else "the k-means clusters"
    words += [f"{who} do not follow {label} demonstrably beyond chance in {_agreements(other)}"] if len(other) else []
    sentence = "; ".join(words)
    scale = f"Adjusted mutual information over {n} images: 0 is chance; 1 means that clusters and {label} coincide."
    return Answer(sentence[0].upper() + sentence[1:] + ".", [scale])


def _agreements(rows: pd.DataFrame) -> str:
    said = []
    for _, row in rows.iterrows():
        p = p_value(row["p"])
        p = p if p.startswith("<") else f"= {p}"
        said.append(f"{space_label(row['space'])} ({plain(row['estimate'], 2)}, p {p})")
    return ", ".join(said)
