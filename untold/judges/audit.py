"""Zero-shot attributes from CLIP, and their errors on labelled images (docs/method.md section 9).

Labels of faces record what annotators perceived, and gender is binary in these datasets; reports must say so.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.model_selection import StratifiedKFold

from untold.data.categories import in_order, sort_by_category
from untold.statistics.resampling import wilson

CLASS_RESAMPLES = 2000
THRESHOLDS = tuple(np.round(np.arange(0.05, 0.951, 0.05), 2))


# Published for OpenAI ViT-B/32 on 24 105 UTKFace images (docs/method.md section 9). The threshold applies to the
# probability of the female keyword: at 0.5, 66 % are predicted male but only 52 % are, so a lower one is better.
PUBLISHED = pd.DataFrame(
    [
        ("male/female", 0.6630, 0.5220, 0.9603, 0.20, 0.9604, 0.8503),
        ("man/woman", 0.5365, 0.5220, 0.9487, 0.30, np.nan, 0.9421),
        ("boy/girl", 0.6134, 0.5220, 0.9412, 0.20, np.nan, 0.8865),
    ],
    columns=[
        *("pair", "predicted_male", "true_male", "macro_f_best", "threshold_best", "accuracy_best"),
        "accuracy_at_0.5",
    ],
).melt(id_vars="pair", var_name="statistic", value_name="published")


def _macro_f(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> np.ndarray:
    """Mean F1 of the two classes; a class neither present nor predicted has F1 0, as in scikit-learn."""
    positive = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    negative = 2 * tn / np.maximum(2 * tn + fp + fn, 1)
    return (positive + negative) / 2


def _scores(truth: np.ndarray, probability: np.ndarray, thresholds: np.ndarray) -> pd.DataFrame:
    truth, thresholds = np.asarray(truth, dtype=bool), np.asarray(thresholds, dtype=float)
    n, positives = len(truth), int(truth.sum())
    above = n - np.searchsorted(np.sort(probability), thresholds, side="left")
    tp = positives - np.searchsorted(np.sort(np.asarray(probability)[truth]), thresholds, side="left")
    fp, fn = above - tp, positives - tp
    tn = n - above - fn
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "n": n,
            "macro_f": _macro_f(tp, fp, fn, tn),
            "accuracy": (tp + tn) / max(n, 1),
            "predicted_share": above / max(n, 1),
            "true_share": positives / max(n, 1),
        }
    )


def sweep(truth: np.ndarray, probability: np.ndarray, thresholds: Sequence[float] = THRESHOLDS) -> pd.DataFrame:
    """Macro F and accuracy at each threshold; an image is positive if its probability is at least the threshold.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
    probability : ndarray of shape (n,)
        Of the positive class.

    Returns
    -------
    DataFrame
        ``threshold, n, macro_f, accuracy, predicted_share, true_share``.

    Examples
    --------
    >>> truth, probability = np.array([True, True, True, False]), np.array([0.9, 0.4, 0.3, 0.2])
    >>> sweep(truth, probability, [0.25, 0.5])[["threshold", "macro_f", "accuracy", "predicted_share"]].round(2)
       threshold  macro_f  accuracy  predicted_share
    0       0.25      1.0       1.0             0.75
    1       0.50      0.5       0.5             0.25
    """
    return _scores(truth, probability, np.asarray(thresholds))


def best_threshold(truth: np.ndarray, probability: np.ndarray) -> pd.Series:
    """The threshold that maximises macro F, in the form of a row of :func:`sweep`.

    Scores change only at the observed probabilities, so one threshold between each pair of neighbours is
    tried, in O(n log n). Ties go to the threshold nearest 0.5.
    """
    observed = np.unique(probability)
    candidates = np.concatenate([[0.0], (observed[:-1] + observed[1:]) / 2, [np.nextafter(1.0, 2.0)]])
    # The mean of neighbouring floats can be rounded down to the lower one, which >= would then include.
    candidates[1:-1] = np.maximum(candidates[1:-1], np.nextafter(observed[:-1], 2.0))
    table = _scores(truth, probability, candidates)
    best = table[table["macro_f"] >= table["macro_f"].max() - 1e-12]
    return best.loc[(best["threshold"] - 0.5).abs().idxmin()]


def nested_threshold(
    truth: np.ndarray,
    probability: np.ndarray,
    *,
    seed: int,
    confidence: float = 0.95,
    folds: int = 5,
    splits: int = 10,
    resamples: int = 1000,
) -> tuple[pd.DataFrame, str]:
    """Cross-validated scores of the optimal threshold, with bootstrap intervals over images.

    Each fold is scored with the optimum of the other folds; counts are pooled over folds. One split into folds moves
    the score as much as the optimism that it corrects, so it is repeated and averaged.

    Returns
    -------
    DataFrame
        Indexed by ``macro_f, threshold, accuracy``: ``estimate, low, high``; the threshold has no interval.
        Empty with a note if a class has fewer images than folds.
    """
    truth, probability = np.asarray(truth, dtype=bool), np.asarray(probability)
    columns = ["estimate", "low", "high"]
    smallest = int(min(truth.sum(), (~truth).sum()))
    if smallest < folds:
        note = f"the smaller class has {smallest} images, fewer than {folds} folds"
        return pd.DataFrame(np.nan, ["macro_f", "threshold", "accuracy"], columns), note
    predicted, thresholds = np.zeros((splits, len(truth)), dtype=bool), []
    for split in range(splits):
        cross = StratifiedKFold(folds, shuffle=True, random_state=(seed + split) % 2**32)
        for train, test in cross.split(truth, truth):
            thresholds.append(best_threshold(truth[train], probability[train])["threshold"])
            predicted[split, test] = probability[test] >= thresholds[-1]
    # Of each image and split: 0 to 3 for (truth, predicted) = 00, 01, 10, 11.
    outcome = 2 * truth + predicted
    scores = _resampled_scores(outcome, np.ones((1, len(truth))))
    rng = np.random.default_rng(seed)
    block = max(1, 4_000_000 // len(truth))
    drawn = np.concatenate(
        [
            _resampled_scores(outcome, rng.multinomial(len(truth), np.full(len(truth), 1 / len(truth)), size))
            for size in np.diff([*range(0, resamples, block), resamples])
        ]
    )
    low, high = np.quantile(drawn, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    table = pd.DataFrame({"estimate": scores[0], "low": low, "high": high}, index=["macro_f", "accuracy"])
    table.loc["threshold"] = [np.mean(thresholds), np.nan, np.nan]
    return table, ""


def _resampled_scores(outcome: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Macro F and accuracy, averaged over splits, for each row of weights of the images: (B, 2)."""
    counts = np.stack([weights @ (outcome == kind).T.astype(np.float32) for kind in range(4)])
    tn, fp, fn, tp = counts
    return np.stack([_macro_f(tp, fp, fn, tn).mean(1), ((tp + tn) / counts.sum(0)).mean(1)], axis=1)


def summary(truth: np.ndarray, probability: np.ndarray, *, seed: int, confidence: float = 0.95) -> pd.DataFrame:
    """The statistics published for a keyword pair, and their unbiased counterparts.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
        True for female.
    probability : ndarray of shape (n,)
        Probability of female.

    Returns
    -------
    DataFrame
        ``statistic, n, estimate, low, high, note`` with predicted_male (at 0.5), true_male, macro_f_best,
        threshold_best, accuracy_best (of the sweep), macro_f_at_0.5, accuracy_at_0.5, macro_f_optimum,
        threshold_optimum, accuracy_optimum (exact), macro_f_nested, accuracy_nested, threshold_nested
        (cross-validated; only these have intervals, because the others are chosen on the images they are scored on or
        shown with theirs elsewhere).
    """
    if len(truth) == 0:
        return pd.DataFrame(
            [("true_male", 0, np.nan, np.nan, np.nan, "no labelled images")],
            columns=["statistic", "n", "estimate", "low", "high", "note"],
        )
    grid = sweep(truth, probability)
    best = grid.iloc[grid["macro_f"].argmax()]
    half = sweep(truth, probability, [0.5]).iloc[0]
    optimum = best_threshold(truth, probability)
    nested, note = nested_threshold(truth, probability, seed=seed, confidence=confidence)
    chosen = "threshold chosen on the images it is scored on: optimistic"
    rows = [
        ("predicted_male", 1 - half["predicted_share"], "at threshold 0.5"),
        ("true_male", 1 - half["true_share"], "perceived, binary labels"),
        *((f"{name}_best", best[name], chosen) for name in ("macro_f", "threshold", "accuracy")),
        *((f"{name}_at_0.5", half[name], "") for name in ("macro_f", "accuracy")),
        *((f"{name}_optimum", optimum[name], chosen) for name in ("macro_f", "threshold", "accuracy")),
    ]
    table = pd.DataFrame(rows, columns=["statistic", "estimate", "note"])
    validated = nested.rename_axis("statistic").reset_index().assign(note=note)
    validated["statistic"] += "_nested"
    table = pd.concat([table, validated], ignore_index=True).assign(n=len(truth))
    return table[["statistic", "n", "estimate", "low", "high", "note"]]


def class_scores(
    truth: ArrayLike, predicted: ArrayLike, labels: Sequence[str], *, seed: int, confidence: float = 0.95
) -> pd.DataFrame:
    """Accuracy and macro F of a classifier of any number of classes, beside what a constant answer reaches.

    Parameters
    ----------
    truth, predicted : sequence of str, length n
    labels : sequence of str
        All classes; one that neither occurs nor is predicted has F1 0, as in scikit-learn.

    Returns
    -------
    DataFrame
        ``statistic, n, estimate, low, high, note`` with accuracy, macro_f (bootstrap intervals over images) and
        accuracy_of_most_common, the share of the most common true label.
    """
    codes = [pd.Index(labels).get_indexer(pd.Index(np.asarray(values))) for values in (truth, predicted)]
    n, k = len(codes[0]), len(labels)
    columns = ["statistic", "n", "estimate", "low", "high", "note"]
    if n == 0:
        return pd.DataFrame([("accuracy", 0, np.nan, np.nan, np.nan, "no labelled images")], columns=columns)
    cells = np.bincount(codes[0] * k + codes[1], minlength=k * k)
    # An image is drawn by drawing its cell of the confusion matrix.
    drawn = np.random.default_rng(seed).multinomial(n, cells / n, CLASS_RESAMPLES)
    (accuracy, macro_f), replicates = _class_scores(cells[None], k)[0], _class_scores(drawn, k)
    low, high = np.quantile(replicates, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    constant = "a classifier that always gives this label would be as accurate"
    rows = [
        ("accuracy", n, accuracy, low[0], high[0], ""),
        ("macro_f", n, macro_f, low[1], high[1], ""),
        ("accuracy_of_most_common", n, np.bincount(codes[0]).max() / n, np.nan, np.nan, constant),
    ]
    return pd.DataFrame(rows, columns=columns)


def _class_scores(cells: np.ndarray, k: int) -> np.ndarray:
    """Accuracy and macro F of confusion matrices, flattened to (B, k * k): (B, 2)."""
    matrices = cells.reshape(-1, k, k)
    hits = matrices.diagonal(axis1=1, axis2=2)
    f = 2 * hits / np.maximum(matrices.sum(1) + matrices.sum(2), 1)
    return np.stack([hits.sum(1) / cells.sum(1), f.mean(1)], axis=1)


def beside_published(summaries: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compare our :func:`summary` of each keyword pair with the published figures.

    Returns
    -------
    DataFrame
        ``pair, statistic, n, estimate, published, difference, note``; missing if nothing was published.
    """
    ours = pd.concat([table.assign(pair=pair) for pair, table in summaries.items()], ignore_index=True)
    joined = ours.merge(PUBLISHED, on=["pair", "statistic"], how="left")
    joined["difference"] = joined["estimate"] - joined["published"]
    return joined[["pair", "statistic", "n", "estimate", "published", "difference", "note"]]


def by_group(groups: pd.DataFrame, *, intersections: int = 2) -> pd.DataFrame:
    """Group memberships in long form, for every attribute and every intersection of attributes.

    Parameters
    ----------
    groups : DataFrame of shape (n, attributes)
        For instance race, age_band, gender.

    Returns
    -------
    DataFrame
        ``position, attribute`` (``race``, ``race x gender``), ``group`` (``black x female``), without the
        images that lack a label of the attribute.
    """
    groups = groups.reset_index(drop=True)
    frames = []
    for size in range(1, min(intersections, groups.shape[1]) + 1):
        for names in combinations(groups.columns, size):
            known = groups[list(names)].dropna().astype(str)
            frames.append(
                pd.DataFrame(
                    {
                        "position": known.index,
                        "attribute": " x ".join(names),
                        "group": known.agg(" x ".join, axis=1) if len(known) else pd.Series(dtype=str),
                    }
                )
            )
    columns = ["position", "attribute", "group"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def errors(
    truth: ArrayLike, predicted: ArrayLike, groups: pd.DataFrame, *, intersections: int = 2, confidence: float = 0.95
) -> pd.DataFrame:
    """Errors of each group: the rate within it, and its share of all errors, which some reports call a rate.

    Returns
    -------
    DataFrame
        ``attribute, group, n, errors, error_rate, low, high`` (Wilson), ``share_of_errors, share_low,
        share_high`` (Wilson), ``share_of_images``, ``note``.

    Examples
    --------
    >>> groups = pd.DataFrame({"race": ["white"] * 4 + ["black"] * 2})
    >>> table = errors(["m", "m", "f", "f", "m", "f"], ["m", "m", "f", "m", "m", "m"], groups)
    >>> table[["group", "n", "errors", "error_rate", "share_of_errors"]]
       group  n  errors  error_rate  share_of_errors
    0  black  2       1        0.50              0.5
    1  white  4       1        0.25              0.5
    """
    wrong = np.asarray(truth) != np.asarray(predicted)
    long = by_group(groups, intersections=intersections)
    long["wrong"] = wrong[long["position"].to_numpy(dtype=int)]
    table = long.groupby(["attribute", "group"], sort=True)["wrong"].agg(n="size", errors="sum").reset_index()
    totals = table.groupby("attribute")[["n", "errors"]].transform("sum")
    with np.errstate(invalid="ignore"):
        table["error_rate"] = table["errors"] / table["n"]
        table["low"], table["high"] = wilson(table["errors"], table["n"], confidence)
        table["share_of_errors"] = table["errors"] / totals["errors"]
        table["share_low"], table["share_high"] = wilson(table["errors"], totals["errors"], confidence)
        table["share_of_images"] = table["n"] / totals["n"]
    missing = len(wrong) - totals["n"]
    table["note"] = np.where(missing > 0, missing.astype(str) + " images without this label left out", "")
    table.loc[totals["errors"] == 0, "note"] = "no errors to share"
    return sort_by_category(table, ["attribute"], "group")


def confusion(truth: ArrayLike, predicted: ArrayLike, groups: pd.DataFrame, *, intersections: int = 2) -> pd.DataFrame:
    """Confusion matrix of each group, and of all images.

    Returns
    -------
    DataFrame
        ``attribute, group, true, predicted, count, row_share`` (of the images with that truth); every pair of
        labels has a row, even if its count is 0. The matrix of all images has attribute ``all`` and group ``all``.
    """
    true_labels, predicted_labels = np.asarray(truth).astype(str), np.asarray(predicted).astype(str)
    labels = in_order([*true_labels, *predicted_labels])
    everyone = pd.DataFrame({"position": np.arange(len(true_labels)), "attribute": "all", "group": "all"})
    long = pd.concat([everyone, by_group(groups, intersections=intersections)], ignore_index=True)
    rows = []
    for (attribute, group), part in long.groupby(["attribute", "group"], sort=True):
        at = part["position"].to_numpy(dtype=int)
        crossed = pd.crosstab(true_labels[at], predicted_labels[at])
        counts = crossed.reindex(index=labels, columns=labels, fill_value=0).to_numpy()
        shares = counts / np.where(counts.sum(1, keepdims=True) > 0, counts.sum(1, keepdims=True), np.nan)
        for (i, j), count in np.ndenumerate(counts):
            rows.append((attribute, group, labels[i], labels[j], int(count), shares[i, j]))
    table = pd.DataFrame(rows, columns=["attribute", "group", "true", "predicted", "count", "row_share"])
    return sort_by_category(table, ["attribute"], "group")


WORST = "worst_group_gap"
GAPS = {WORST: "wrong", "demographic_parity_difference": "selected"}
ODDS = "equalized_odds_difference"


def gaps(
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: pd.DataFrame,
    *,
    intersections: int = 2,
    minimum: int = 1,
    seed: int = 0,
    draws: int = 999,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Disparities between the groups of each attribute.

    Parameters
    ----------
    truth, predicted : ndarray of bool, shape (n,)
    minimum : int
        Groups with fewer images are left out, and the note names them.
    draws : int
        Permutations for p and for what chance shows.

    Returns
    -------
    DataFrame
        ``attribute, statistic, n, estimate, low, high, chance, p, low_group, high_group, note``; the groups at the two
        ends.
        worst_group_gap: highest minus lowest error rate. demographic_parity_difference: of the predicted
        positive share. equalized_odds_difference: the larger of the differences in true and false positive rate
        (fairlearn's ``worst_case``; Hardt, Price, Srebro 2016). The highest of many noisy rates minus the lowest is
        above 0 by chance alone: ``chance`` is its mean in random groups of the same sizes (and truths, for equalized
        odds), and ``p`` the probability that those are at least as far apart. The interval is from simultaneous Wilson
        intervals of all rates, so it holds the true difference however many groups there are. An attribute whose
        groups have one truth each, such as the predicted attribute itself, has only the first.
    """
    truth, predicted = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
    outcome = 2 * truth + predicted
    rng = np.random.default_rng(seed)
    rows = []
    for attribute, part in by_group(groups, intersections=intersections).groupby("attribute", sort=True):
        names, codes = np.unique(part["group"], return_inverse=True)
        cells = np.bincount(4 * codes + outcome[part["position"].to_numpy(dtype=int)], minlength=4 * len(names))
        cells = cells.reshape(-1, 4)
        small = cells.sum(1) < minimum
        left_out = f"left out, fewer than {minimum} images: {', '.join(names[small])}" if small.any() else ""
        names, cells = names[~small], cells[~small]
        rates = pd.DataFrame(_rates(cells), index=names)
        odds = max(("hit", "alarm"), key=lambda name: np.nan_to_num(_spread(rates[name].to_numpy()), nan=-1))
        lacking = rates.index[rates[["hit", "alarm"]].isna().any(axis=1)]
        unknown = f"no true or no false images in: {', '.join(lacking)}" if len(lacking) else ""
        spreads = _spreads(cells)
        limits = _limits(cells, confidence)
        chance = _by_chance(cells, draws, rng)
        # Groups of one truth each are the target itself: even a perfect classifier selects them differently.
        itself = bool(len(cells)) and not ((cells[:, :2].sum(1) > 0) & (cells[:, 2:].sum(1) > 0)).any()
        for statistic, column in (GAPS | {ODDS: odds}).items():
            if itself and statistic != "worst_group_gap":
                continue
            estimate, known = float(spreads[statistic]), rates[column].dropna()
            low, high = limits[statistic]
            expected, p = _significance(estimate, chance[statistic])
            ends = (known.idxmin(), known.idxmax()) if len(known) else ("", "")
            alone = "fewer than two groups to compare" if np.isnan(estimate) else ""
            note = "; ".join(filter(None, [left_out, alone, unknown if statistic == ODDS else ""]))
            rows.append((attribute, statistic, int(cells.sum()), estimate, low, high, expected, p, *ends, note))
    columns = [
        "attribute",
        "statistic",
        "n",
        "estimate",
        "low",
        "high",
        "chance",
        "p",
        "low_group",
        "high_group",
        "note",
    ]
    return pd.DataFrame(rows, columns=columns)


def _rates(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Rates of each group from its counts of (truth, predicted) = 00, 01, 10, 11 on the last axis."""
    tn, fp, fn, tp = np.moveaxis(cells, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = cells.sum(-1)
        return {"wrong": (fp + fn) / n, "selected": (fp + tp) / n, "hit": tp / (tp + fn), "alarm": fp / (fp + tn)}


def _spread(rates: np.ndarray) -> np.ndarray:
    """Highest minus lowest known rate over the last axis; NaN unless two are known."""
    known = ~np.isnan(rates)
    highest = np.where(known, rates, -1).max(-1, initial=-1)
    lowest = np.where(known, rates, 2).min(-1, initial=2)
    return np.where(known.sum(-1) > 1, highest - lowest, np.nan)


def _spreads(cells: np.ndarray) -> dict[str, np.ndarray]:
    spans = {name: _spread(rates) for name, rates in _rates(cells).items()}
    gaps = {statistic: spans[column] for statistic, column in GAPS.items()}
    return gaps | {ODDS: np.fmax(spans["hit"], spans["alarm"])}


def _by_chance(cells: np.ndarray, draws: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Spreads of random groups of the same sizes and, for equalized odds, the same truths."""
    spreads = _spreads(_shuffled(cells, [[0, 1, 2, 3]], draws, rng))
    return spreads | {ODDS: _spreads(_shuffled(cells, [[0, 1], [2, 3]], draws, rng))[ODDS]}


def _limits(cells: np.ndarray, confidence: float) -> dict[str, tuple[float, float]]:
    """Interval of each spread, from Wilson intervals that hold all rates of the groups at once (Sidak 1967).

    The highest true rate minus the lowest is at least the highest lower limit minus the lowest upper limit, and at most
    the highest upper limit minus the lowest lower limit.
    """
    tn, fp, fn, tp = cells.T
    counted = {
        "wrong": (fp + fn, cells.sum(1)),
        "selected": (fp + tp, cells.sum(1)),
        "hit": (tp, tp + fn),
        "alarm": (fp, fp + tn),
    }

    def ends(columns: Sequence[str]) -> tuple[float, float]:
        family = sum(int((counted[column][1] > 0).sum()) for column in columns)
        each = confidence ** (1 / max(family, 1))
        pairs = []
        for column in columns:
            first, last = (limit[counted[column][1] > 0] for limit in wilson(*counted[column], each))
            if len(first) > 1:
                pairs.append((max(0.0, first.max() - last.min()), last.max() - first.min()))
        return tuple(np.max(pairs, axis=0)) if pairs else (np.nan, np.nan)

    return {statistic: ends([column]) for statistic, column in GAPS.items()} | {ODDS: ends(["hit", "alarm"])}


def _significance(estimate: float, chance: np.ndarray) -> tuple[float, float]:
    """Mean spread by chance, and the probability of one at least as large."""
    if np.isnan(estimate):
        return np.nan, np.nan
    return float(np.nanmean(chance)), (np.sum(chance >= estimate - 1e-12) + 1) / (len(chance) + 1)


def _shuffled(cells: np.ndarray, strata: list[list[int]], draws: int, rng: np.random.Generator) -> np.ndarray:
    """Tables of random groups that keep the margins of each stratum of columns; shape (draws, groups, 4)."""
    tables = np.zeros((draws, *cells.shape))
    for columns in strata:
        part = cells[:, columns]
        if part.sum():
            tables[..., columns] = stats.random_table(part.sum(1), part.sum(0), seed=rng).rvs(draws)
    return tables


def calibration(
    truth: np.ndarray, probability: np.ndarray, *, bins: int = 10, confidence: float = 0.95
) -> tuple[pd.DataFrame, float]:
    """Reliability curve over equal bins of probability, and the expected calibration error.

    Returns
    -------
    curve : DataFrame
        ``bin_low, bin_high, n, predicted`` (mean probability), ``observed`` (true share), ``low, high``
        (Wilson); empty bins have n 0 and missing values.
    ece : float
        Mean of \\|observed - predicted\\| over images, in [0, 1] (Guo et al. 2017, for the positive class).
    """
    truth, probability = np.asarray(truth, dtype=bool), np.asarray(probability, dtype=float)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, bins - 1)
    n = np.bincount(place, minlength=bins)
    hits = np.bincount(place, truth, minlength=bins)
    with np.errstate(invalid="ignore"):
        predicted = np.bincount(place, probability, minlength=bins) / n
        observed = hits / n
    low, high = wilson(hits, n, confidence)
    curve = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], "n": n, "predicted": predicted})
    curve = curve.assign(observed=observed, low=low, high=high)
    gap = np.nan_to_num(np.abs(observed - predicted))
    return curve, float(gap @ n / n.sum()) if n.sum() else np.nan
