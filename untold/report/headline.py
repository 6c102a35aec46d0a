"""The answer of a study in one sentence with its interval, and what speaks for and against it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from untold.catalogue.metrics import primary_metrics
from untold.report.numbers import measured, p_value, percent, plain
from untold.report.wording import primary_space, space_label

LEVEL = 0.05  # of the permutation test beside an agreement, which has no interval


@dataclass(frozen=True)
class Answer:
    """Sentence, further sentences, and a warning where the pictures do not carry any answer."""

    sentence: str
    support: list[str]
    caution: str = ""


def answer(frames: Mapping[str, pd.DataFrame], contrast: str, confidence: float) -> Answer:
    """What a generated dataset says about one contrast.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The dataset's tables: contrasts, and where they exist specifications_summary, age_shares, adherence, recovery.
    contrast : str
        ``young-older``.
    confidence : float
        Of the intervals.
    """
    rows = frames["contrasts"]
    rows = rows[(rows["contrast"] == contrast) & rows["metric"].isin(primary_metrics()) & rows["estimate"].notna()]
    first, second = contrast.split("-", 1)
    images = rows[~rows["space"].str.endswith("_text")]
    space = primary_space(list(images.loc[images["metric"] == "cosine", "space"]))
    if space is None:
        sentence = f"The similarities do not exist that would compare {first} and {second}."
        return Answer(sentence, [], _caution(frames))
    row = images[(images["space"] == space) & (images["metric"] == "cosine")].iloc[0]
    gap = f"in {space_label(space)} the gap in similarity is {measured(row['estimate'], row['low'], row['high'], True)}"
    interval = f"{confidence:.0%}".replace("%", " %") + " interval"
    n = f"{int(row['n'])} activities"
    if not np.isfinite(row["low"]):
        sentence = f"Too few activities to say whom the neutral person resembles: {gap}, without an interval ({n})."
    elif row["low"] <= 0 <= row["high"]:
        sentence = (
            f"It is not settled whether the neutral person is nearer to {first} or {second}: {gap}, "
            f"{interval}, which includes zero ({n})."
        )
    else:
        near, far = (first, second) if row["estimate"] > 0 else (second, first)
        sentence = f"The neutral person looks more like the {near} than the {far} one: {gap}, {interval} ({n})."
    return Answer(sentence, _support(frames, images, row, contrast), _caution(frames))


def _support(frames: Mapping[str, pd.DataFrame], images: pd.DataFrame, row: pd.Series, contrast: str) -> list[str]:
    sentences = []
    sign = np.sign(row["estimate"])
    excludes = (images["low"] > 0) | (images["high"] < 0)
    same = int((excludes & (np.sign(images["estimate"]) == sign)).sum())
    other = int((excludes & (np.sign(images["estimate"]) == -sign)).sum())
    if len(images) > 1:
        counts = f"{same} of {len(images)} image measures lean this way with an interval that excludes zero"
        sentences.append(f"{counts}, {other or 'none'} the other way, {len(images) - same - other} undecided.")
    if len(curve := frames.get("specifications_summary", pd.DataFrame())):
        agree = curve.iloc[0]
        sentences.append(
            f"Over {int(agree['n'])} ways to measure it, {percent(agree['share_agree'])} have the same sign "
            f"(median effect {plain(agree['estimate'], 2, signed=True)} standard deviations)."
        )
    if len(shares := frames.get("age_shares", pd.DataFrame())):
        chosen = (
            "corrected counts" if (shares["estimator"] == "corrected counts").any() else shares["estimator"].iloc[0]
        )
        part = shares[(shares["estimator"] == chosen) & shares["estimate"].notna()]
        words = [f"{percent(s.estimate, s.low, s.high)} {s.group}" for s in part.itertuples(index=False)]
        if words:
            sentences.append(
                f"Classified by CLIP and corrected for its errors, the neutral persons are {', '.join(words)}."
            )
    if len(found := frames.get("recovery", pd.DataFrame())):
        part = found[(found["quantity"] == "spearman") & (found["group"] == contrast)].dropna(subset="estimate")
        if len(part):
            planted = _planted(frames.get("recovery_points", pd.DataFrame()), contrast)
            sentences.append(_recovered(part.sort_values("estimate", kind="stable"), planted))
    return sentences


def _planted(points: pd.DataFrame, contrast: str) -> str:
    """The mean planted share of each group, in parentheses."""
    if points.empty:
        return ""
    shares = points.drop_duplicates(["activity_id", "group"])
    means = shares[shares["group"] != contrast].groupby("group")["planted"].mean().sort_values(ascending=False)
    return f" ({', '.join(f'{percent(share)} {group}' for group, share in means.items())})"


def _recovered(part: pd.DataFrame, planted: str) -> str:
    """Best and worst estimator: naming the best alone would praise the audit for having tried many."""
    words = []
    for row in (part.iloc[-1], part.iloc[0]):
        name = space_label(row["space"], row["metric"]) if row["estimator"] == "nearest group" else row["estimator"]
        words.append(f"{measured(row['estimate'], row['low'], row['high'])} ({name})")
    activities = int(part["n"].max())
    return (
        f"The bias of this model was planted{planted}, so the audit can be checked: Spearman’s rho with the truth over "
        f"{activities} activities is {words[0]} for the best of {len(part)} estimators and {words[1]} for the worst."
    )


def _caution(frames: Mapping[str, pd.DataFrame]) -> str:
    """Marked images that do not show what they were asked for make every similarity meaningless."""
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
        f"The marked images do not show the group they were asked for more often than chance "
        f"({percent(row['estimate'], row['low'], row['high'])}, chance {percent(1 / groups)}): the pictures are "
        "noise, or the classifier cannot read them. Do not read the gaps below as findings."
    )


def audit_answer(errors: pd.DataFrame, target: str, classifier: str) -> Answer:
    """What a labelled folder says: for which label of an audited attribute one of its classifiers errs most.

    Parameters
    ----------
    errors : DataFrame
        target, classifier, attribute, group, error_rate, low, high (shares of 1); of every attribute and classifier.
    target, classifier : str
        The attribute and the classifier that the sentence is about.
    """
    part = errors[(errors["target"] == target) & (errors["classifier"] == classifier)]
    part = part[(part["attribute"] == target) & part["error_rate"].notna()]
    if len(part) < 2:
        return Answer(f"There are too few labels of {target} to compare.", [])
    part = part.sort_values("error_rate", kind="stable")
    low, high = part.iloc[0], part.iloc[-1]
    rates = [percent(row["error_rate"], row["low"], row["high"]) for row in (high, low)]
    end = ": the intervals overlap, so the difference is not settled" if high["low"] <= low["high"] else ""
    sentence = (
        f"Zero-shot {target} ({classifier}) is wrong for {rates[0]} of the images labelled {high['group']} and for "
        f"{rates[1]} of those labelled {low['group']}{end}."
    )
    return Answer(sentence, [])


def structure_answer(associations: pd.DataFrame) -> Answer:
    """What a folder says whose images were only clustered: how far its k-means clusters follow the first label.

    Parameters
    ----------
    associations : DataFrame
        space, algorithm, attribute, statistic, n, estimate, p; of every space.
    """
    rows = associations[(associations["algorithm"] == "kmeans") & (associations["statistic"] == "ami")]
    rows = rows[rows["attribute"] == rows["attribute"].iloc[0]].dropna(subset=["estimate", "p"]) if len(rows) else rows
    if rows.empty:
        return Answer("There is one cluster, or one label, in every space: nothing to compare.", [])
    label, n = f"“{rows['attribute'].iloc[0].replace('_', ' ')}”", int(rows["n"].max())
    rows = rows.sort_values("estimate", ascending=False, kind="stable")
    follow, other = rows[rows["p"] < LEVEL], rows[rows["p"] >= LEVEL]
    words = [f"the k-means clusters follow {label} beyond chance in {_agreements(follow)}"] if len(follow) else []
    who = "they" if words else "the k-means clusters"
    words += [f"that {who} follow {label} at all is not settled in {_agreements(other)}"] if len(other) else []
    sentence = "; ".join(words)
    scale = f"Adjusted mutual information of {n} images: 0 is chance, 1 says that clusters and {label} are the same."
    return Answer(sentence[0].upper() + sentence[1:] + ".", [scale])


def _agreements(rows: pd.DataFrame) -> str:
    said = []
    for row in rows.itertuples(index=False):
        p = p_value(row.p)
        said.append(f"{space_label(row.space)} ({plain(row.estimate, 2)}, p {p if p.startswith('<') else f'= {p}'})")
    return ", ".join(said)
