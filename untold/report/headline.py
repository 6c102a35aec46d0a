"""The answer of a study in one sentence with its interval, and the evidence for and against it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from untold.catalogue.metrics import primary_metrics
from untold.report.numbers import measured, p_value, percent, plain
from untold.report.wording import primary_space, space_label

LEVEL = 0.05  # significance level of the permutation test for an agreement, which has no interval


@dataclass(frozen=True)
class Answer:
    """The headline sentence, supporting sentences, and a warning if the images cannot support any answer."""

    sentence: str
    support: list[str]
    caution: str = ""


def answer(frames: Mapping[str, pd.DataFrame], contrast: str, confidence: float) -> Answer:
    """The answer of a generated dataset about one contrast.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The dataset's tables: contrasts and, if available, specifications_summary, age_shares, adherence, recovery,
        recovery_points.
    contrast : str
        Such as ``young-older``.
    confidence : float
        Confidence level of the intervals.
    """
    rows = frames["contrasts"]
    rows = rows[(rows["contrast"] == contrast) & rows["metric"].isin(primary_metrics()) & rows["estimate"].notna()]
    first, second = contrast.split("-", 1)
    images = rows[~rows["space"].str.endswith("_text")]
    space = primary_space(list(images.loc[images["metric"] == "cosine", "space"]))
    if space is None:
        sentence = f"There are no similarities with which to compare {first} and {second}."
        return Answer(sentence, [], _caution(frames))
    row = images[(images["space"] == space) & (images["metric"] == "cosine")].iloc[0]
    gap = f"in {space_label(space)} the gap in similarity is {measured(row['estimate'], row['low'], row['high'], True)}"
    interval = f"{confidence:.0%}".replace("%", " %") + " interval"
    n = f"{int(row['n'])} activities"
    if not np.isfinite(row["low"]):
        sentence = f"Too few activities to say who the neutral person resembles: {gap}, without an interval ({n})."
    elif row["low"] <= 0 <= row["high"]:
        sentence = (
            f"The data do not show whether the neutral person is closer to {first} or {second}: {gap}, "
            f"{interval}, which includes zero ({n})."
        )
    else:
        near, far = (first, second) if row["estimate"] > 0 else (second, first)
        sentence = f"The neutral person looks more like the {near} than the {far} person: {gap}, {interval} ({n})."
    return Answer(sentence, _support(frames, images, row, contrast), _caution(frames))


def _support(frames: Mapping[str, pd.DataFrame], images: pd.DataFrame, row: pd.Series, contrast: str) -> list[str]:
    sentences = []
    sign = np.sign(row["estimate"])
    excludes = (images["low"] > 0) | (images["high"] < 0)
    same = int((excludes & (np.sign(images["estimate"]) == sign)).sum())
    other = int((excludes & (np.sign(images["estimate"]) == -sign)).sum())
    if len(images) > 1:
        counts = f"The interval lies on this side of zero for {same} of {len(images)} measures on images"
        undecided = len(images) - same - other
        sentences.append(
            f"{counts} and on the other side for {other or 'none'}, leaving {undecided or 'none'} undecided."
        )
    if len(curve := frames.get("specifications_summary", pd.DataFrame())):
        agree = curve.iloc[0]
        sentences.append(
            f"Of {int(agree['n'])} ways to measure the gap, {percent(agree['share_agree'])} agree on its sign "
            f"(median effect: {plain(agree['estimate'], 2, signed=True)} standard deviations)."
        )
    if len(shares := frames.get("age_shares", pd.DataFrame())):
        chosen = (
            "corrected counts" if (shares["estimator"] == "corrected counts").any() else shares["estimator"].iloc[0]
        )
        part = shares[(shares["estimator"] == chosen) & shares["estimate"].notna()]
        words = [f"{percent(s['estimate'], s['low'], s['high'])} {s['group']}" for _, s in part.iterrows()]
        if words:
            sentences.append(f"According to CLIP, corrected for its errors, the neutral people are {', '.join(words)}.")
    if len(found := frames.get("recovery", pd.DataFrame())):
        part = found[(found["quantity"] == "spearman") & (found["group"] == contrast)].dropna(subset="estimate")
        if len(part):
            planted = _planted(frames.get("recovery_points", pd.DataFrame()), contrast)
            sentences.append(_recovered(part.sort_values("estimate", kind="stable"), planted))
    return sentences


def _planted(points: pd.DataFrame, contrast: str) -> str:
    """The mean planted share of each group, in parentheses; empty if nothing was planted."""
    if points.empty:
        return ""
    shares = points.drop_duplicates(["activity_id", "group"])
    means = shares[shares["group"] != contrast].groupby("group")["planted"].mean().sort_values(ascending=False)
    return f" ({', '.join(f'{percent(share)} {group}' for group, share in means.items())})"


def _recovered(part: pd.DataFrame, planted: str) -> str:
    """The best and worst estimators, because citing only the best of many would flatter the audit."""
    words = []
    for row in (part.iloc[-1], part.iloc[0]):
        name = space_label(row["space"], row["metric"]) if row["estimator"] == "nearest group" else row["estimator"]
        words.append(f"{measured(row['estimate'], row['low'], row['high'])} ({name})")
    activities = int(part["n"].max())
    return (
        f"This model’s bias was planted{planted}, so the audit can be checked: over {activities} activities, "
        f"Spearman’s rho with the truth is {words[0]} for the best of {len(part)} estimators and {words[1]} for the "
        "worst."
    )


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
