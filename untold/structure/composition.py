"""Who is in the clusters: counts, over-representation and association (docs/method.md section 10)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse, stats
from sklearn.metrics import adjusted_mutual_info_score, completeness_score, homogeneity_score

from untold.structure.sampling import NOISE


def composition(
    attribute: ArrayLike,
    clusters: np.ndarray,
    *,
    blocks: ArrayLike | None = None,
    seed: int = 0,
    draws: int = 1_999,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Counts of each attribute value in each cluster, with its over-representation ratio.

    The ratio is the value's share in the cluster over its share in the set: 1 where the cluster is like the
    set.

    Parameters
    ----------
    attribute : sequence of length n
        Missing values are left out of every count; ``note`` says how many.
    clusters : ndarray of int, shape (n,)
        Noise (-1) is a row of its own: who fits nowhere is part of the answer.
    blocks : sequence of length n, optional
        What the images are nested in (the activity and seed of a quadruplet). Then intervals are bootstrapped
        over blocks and p-values come from permuting the attribute within blocks, or among blocks if it is the
        same all through each block. Without blocks images count as independent: the interval is the delta
        method's on the log ratio, p is Fisher's exact.
    seed, draws : int
        Of the bootstrap and the permutation.

    Returns
    -------
    DataFrame
        ``cluster, value, count, cluster_n, value_n, n, share, expected_share, ratio, low, high, p,
        p_adjusted, method, note``, one row per cell; ``p_adjusted`` is Benjamini-Hochberg over all cells.

    Examples
    --------
    >>> table = composition(["f", "f", "m", "m", "m", "m"], np.array([0, 0, 0, 1, 1, 1]))
    >>> table[["cluster", "value", "count", "share", "expected_share", "ratio"]].round(2)
       cluster value  count  share  expected_share  ratio
    0        0     f      2   0.67            0.33    2.0
    1        0     m      1   0.33            0.67    0.5
    2        1     f      0   0.00            0.33    0.0
    3        1     m      3   1.00            0.67    1.5
    """
    known, note = _known(attribute)
    values, columns = np.unique(np.asarray(attribute)[known].astype(str), return_inverse=True)
    names, rows = np.unique(np.asarray(clusters)[known], return_inverse=True)
    table = _count(rows, columns, (len(names), len(values)))
    n = int(table.sum())
    ratio = _ratio(table)
    if n == 0:
        low = high = p = ratio
        method = ""
    elif blocks is None:
        low, high = _delta_interval(table, confidence)
        p = _fisher(table)
        method = "delta method on log ratio; Fisher exact"
    else:
        codes = np.unique(np.asarray(blocks)[known].astype(str), return_inverse=True)[1]
        low, high = _block_interval(rows, columns, codes, table.shape, confidence, seed, draws)
        p = _block_permutation(rows, columns, codes, table, seed, draws)
        method = f"bootstrap over {codes.max() + 1} blocks; permutation within blocks"
    cluster_n, value_n = table.sum(1, keepdims=True), table.sum(0, keepdims=True)
    shape = table.shape
    return pd.DataFrame(
        {
            "cluster": np.repeat(names, len(values)),
            "value": np.tile(values, len(names)),
            "count": table.ravel(),
            "cluster_n": np.broadcast_to(cluster_n, shape).ravel(),
            "value_n": np.broadcast_to(value_n, shape).ravel(),
            "n": n,
            "share": (table / np.maximum(cluster_n, 1)).ravel(),
            "expected_share": np.broadcast_to(value_n / max(n, 1), shape).ravel(),
            "ratio": ratio.ravel(),
            "low": low.ravel(),
            "high": high.ravel(),
            "p": p.ravel(),
            "p_adjusted": stats.false_discovery_control(p.ravel()) if n else p.ravel(),
            "method": method,
            "note": note,
        }
    )


def _known(attribute: ArrayLike) -> tuple[np.ndarray, str]:
    missing = pd.isna(pd.Series(attribute, dtype=object)).to_numpy()
    return ~missing, f"{missing.sum()} images without this attribute left out" if missing.any() else ""


def _count(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def _ratio(table: np.ndarray) -> np.ndarray:
    """Observed over expected count; 1 where nothing is expected (a resample without the value)."""
    table = table.astype(float)
    total = table.sum((-2, -1), keepdims=True)
    expected = table.sum(-1, keepdims=True) * table.sum(-2, keepdims=True) / np.maximum(total, 1)
    return np.divide(table, expected, out=np.ones_like(table), where=expected > 0)


def _delta_interval(table: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the ratio from the multinomial variance of its logarithm over the 2 x 2 table of each cell.

    A cell without images gets half an image added to each of the four counts (Haldane), for its upper end.
    """
    n = table.sum()
    inside = table.astype(float)
    value_elsewhere = table.sum(0, keepdims=True) - inside
    others_here = table.sum(1, keepdims=True) - inside
    half = np.where(inside == 0, 0.5, 0.0)
    total = n + 4 * half
    both, value_only, here_only = ((x + half) / total for x in (inside, value_elsewhere, others_here))
    value, here = both + value_only, both + here_only
    gradient = 1 / both - 1 / value - 1 / here
    variance = (both * gradient**2 + value_only / value**2 + here_only / here**2 - 1) / total
    spread = np.exp(stats.norm.ppf(0.5 + confidence / 2) * np.sqrt(np.maximum(variance, 0)))
    ratio = both / (value * here)
    return np.where(inside == 0, 0.0, ratio / spread), ratio * spread


def _fisher(table: np.ndarray) -> np.ndarray:
    n, here, value = table.sum(), table.sum(1), table.sum(0)
    p = np.empty(table.shape)
    for (i, j), a in np.ndenumerate(table):
        cells = np.array([[a, here[i] - a], [value[j] - a, n - here[i] - value[j] + a]])
        p[i, j] = stats.fisher_exact(cells).pvalue
    return np.clip(p, 0, 1)


def _block_interval(
    rows: np.ndarray,
    columns: np.ndarray,
    blocks: np.ndarray,
    shape: tuple[int, int],
    confidence: float,
    seed: int,
    draws: int,
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    count = int(blocks.max()) + 1
    cells = rows * shape[1] + columns
    of_block = sparse.csr_array((np.ones(len(cells)), (cells, blocks)), shape=(shape[0] * shape[1], count))
    ratios = np.empty((draws, *shape))
    for draw in range(draws):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)
        ratios[draw] = _ratio((of_block @ weights).reshape(shape))
    low, high = np.quantile(ratios, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    return low, high


def _block_permutation(
    rows: np.ndarray, columns: np.ndarray, blocks: np.ndarray, table: np.ndarray, seed: int, draws: int
) -> np.ndarray:
    """Two-sided p of each cell: how often permuting within blocks is as far from the permutations' mean."""
    counts = np.array([_count(rows, c, table.shape) for c in _within(columns, blocks, seed, draws)], dtype=float)
    centre = counts.mean(0)
    extreme = np.abs(counts - centre) >= np.abs(table - centre) - 1e-9
    return (extreme.sum(0) + 1) / (draws + 1)


def _within(codes: np.ndarray, blocks: np.ndarray, seed: int, draws: int) -> Iterator[np.ndarray]:
    """Permutations of ``codes`` within blocks; among blocks if codes are the same all through each."""
    rng = np.random.default_rng(seed)
    of_block = np.zeros(blocks.max() + 1, dtype=codes.dtype)
    of_block[blocks] = codes
    if np.array_equal(of_block[blocks], codes):
        for _ in range(draws):
            yield rng.permutation(of_block)[blocks]
        return
    home = np.argsort(blocks, kind="stable")
    rank, held = blocks[home], codes[home]
    for _ in range(draws):
        shuffled = np.empty_like(codes)
        shuffled[home] = held[np.argsort(rank + rng.random(len(codes)))]
        yield shuffled


def association(
    attribute: ArrayLike,
    clusters: np.ndarray,
    *,
    blocks: ArrayLike | None = None,
    seed: int = 0,
    permutations: int = 999,
) -> pd.DataFrame:
    """How much the clusters tell about an attribute, or about labels.

    Returns
    -------
    DataFrame
        ``statistic`` (ami, homogeneity, completeness), ``n``, ``estimate``, ``p``, ``method``, ``note``.
        ``p`` of the adjusted mutual information is one-sided, from permutations with both margins fixed
        (within blocks where given); under fixed margins it orders like the mutual information, which is what
        is permuted. Noise and missing values are left out, and the note says how many.

    References
    ----------
    Vinh, Epps, Bailey (2010); Rosenberg and Hirschberg (2007).
    """
    known, note = _known(attribute)
    clusters = np.asarray(clusters)
    noise = int((known & (clusters == NOISE)).sum())
    note = "; ".join(filter(None, [note, f"{noise} images in no cluster left out" if noise else ""]))
    known &= clusters != NOISE
    columns = np.unique(np.asarray(attribute)[known].astype(str), return_inverse=True)[1]
    rows = np.unique(clusters[known], return_inverse=True)[1]
    names = ["ami", "homogeneity", "completeness"]
    if len(rows) < 2 or rows.max() == 0 or columns.max() == 0:
        note = "; ".join(filter(None, [note, "one cluster or one value only: nothing to associate"]))
        frame = {"n": len(rows), "estimate": np.nan, "p": np.nan, "method": "", "note": note}
        return pd.DataFrame({"statistic": names, **frame})
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    table = _count(rows, columns, shape)
    if blocks is None:
        margins = stats.random_table(table.sum(1), table.sum(0), seed=np.random.default_rng(seed))
        null = margins.rvs(permutations)
        method = f"{permutations} permutations"
    else:
        codes = np.unique(np.asarray(blocks)[known].astype(str), return_inverse=True)[1]
        null = np.array([_count(rows, c, shape) for c in _within(columns, codes, seed, permutations)])
        method = f"{permutations} permutations within blocks"
    p = (np.sum(_information(null) >= _information(table) - 1e-12) + 1) / (permutations + 1)
    estimates = [f(columns, rows) for f in (adjusted_mutual_info_score, homogeneity_score, completeness_score)]
    return pd.DataFrame(
        {
            "statistic": names,
            "n": len(rows),
            "estimate": estimates,
            "p": [p, np.nan, np.nan],
            "method": [method, "", ""],
            "note": note,
        }
    )


def _information(table: np.ndarray) -> np.ndarray:
    """Mutual information in nats of one table or a stack of tables."""
    share = table / table.sum((-2, -1), keepdims=True)
    independent = share.sum(-1, keepdims=True) * share.sum(-2, keepdims=True)
    ratio = np.divide(share, independent, out=np.ones_like(share), where=share > 0)
    return (share * np.log(ratio)).sum((-2, -1))
