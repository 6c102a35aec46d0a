"""Composition of clusters: counts, over-representation and association (docs/method.md section 10)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse, stats
from sklearn.metrics import adjusted_mutual_info_score, completeness_score, homogeneity_score

from untold.data.categories import in_order
from untold.statistics.resampling import FEW, wilson
from untold.structure.sampling import NOISE


def composition(
    attribute: ArrayLike,
    clusters: np.ndarray,
    *,
    nesting: Sequence[ArrayLike] = (),
    seed: int = 0,
    draws: int = 1_999,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Count each attribute value in each cluster and compute its over-representation ratio.

    The ratio is the share of the value in the cluster divided by its share in the whole set. It is 1 if both are
    equal.

    Parameters
    ----------
    attribute : sequence of length n
        Missing values are excluded from all counts; ``note`` gives their number.
    clusters : ndarray of int, shape (n,)
        Noise (-1) has rows of its own, because the composition of unclustered images is also a result.
    nesting : sequence of sequences of length n
        What images are nested in, from the widest: their activity, and their activity and seed. Intervals come from a
        bootstrap over the widest blocks, because images of one activity are alike. For p-values the attribute is
        permuted within the narrowest blocks in which it varies; an attribute that is constant in each widest block is
        permuted among these. Without nesting, images are treated as independent: intervals use the delta method on the
        log ratio, and p-values use Fisher's exact test.
    seed, draws : int
        Seed and number of draws of the bootstrap and the permutation.

    Returns
    -------
    DataFrame
        ``cluster, value, count, cluster_n, value_n, n, share, expected_share, ratio, low, high, p,
        p_adjusted, method, note``, one row per cell; ``p_adjusted`` uses Benjamini-Hochberg over all cells.

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
    told = pd.Series(np.asarray(attribute)[known].astype(str))
    values = np.array(in_order(told), dtype=str)
    columns = pd.Index(values).get_indexer(told)
    names, rows = np.unique(np.asarray(clusters)[known], return_inverse=True)
    table = _count(rows, columns, (len(names), len(values)))
    n = int(table.sum())
    ratio = _ratio(table)
    if n == 0:
        low = high = p = ratio
        method = ""
    elif not nesting:
        low, high = _delta_interval(table, confidence)
        p = _fisher(table)
        method = "delta method on log ratio; Fisher exact"
    else:
        codes = _codes(nesting, known)
        count = int(codes[0].max()) + 1
        shuffled, how = _permutations(columns, codes, seed, draws)
        p = _permuted(rows, shuffled, table)
        method = f"bootstrap over {count} blocks; {how}"
        if count < FEW:
            low = high = np.full(table.shape, np.nan)
            note = "; ".join(filter(None, [note, f"{count} blocks are too few for an interval ({FEW} are needed)"]))
        else:
            low, high = _block_interval(rows, columns, codes[0], table.shape, confidence, seed, draws)
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


def _codes(nesting: Sequence[ArrayLike], known: np.ndarray) -> list[np.ndarray]:
    """Number the blocks of each level, from the widest; a narrower block lies within a wider one."""
    levels = [np.unique(np.asarray(level)[known].astype(str), return_inverse=True)[1] for level in nesting]
    for wide, narrow in pairwise(levels):
        if len(np.unique(narrow)) < len(np.unique(np.stack([wide, narrow]), axis=1).T):
            raise ValueError("nesting: a narrower block lies in two wider ones; give the levels from the widest")
    return levels


def _count(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def _ratio(table: np.ndarray) -> np.ndarray:
    """Divide observed by expected counts; the ratio is 1 if the expected count is 0 (a resample without the value)."""
    table = table.astype(float)
    total = table.sum((-2, -1), keepdims=True)
    expected = table.sum(-1, keepdims=True) * table.sum(-2, keepdims=True) / np.maximum(total, 1)
    return np.divide(table, expected, out=np.ones_like(table), where=expected > 0)


def _delta_interval(table: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the interval of the ratio from the multinomial variance of its logarithm in the 2 x 2 table of each cell.

    For the upper limit of an empty cell, 0.5 is added to each of the four counts (Haldane).
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
    """Percentile limits over resamples of blocks; Wilson's for a value that no image of a cluster has, or all have."""
    rng = np.random.default_rng(seed)
    count = int(blocks.max()) + 1
    cells = rows * shape[1] + columns
    of_block = sparse.csr_array((np.ones(len(cells)), (cells, blocks)), shape=(shape[0] * shape[1], count))
    ratios = np.empty((draws, *shape))
    for draw in range(draws):
        weights = np.bincount(rng.integers(count, size=count), minlength=count)
        ratios[draw] = _ratio((of_block @ weights).reshape(shape))
    low, high = np.quantile(ratios, [0.5 - confidence / 2, 0.5 + confidence / 2], axis=0)
    table = _count(rows, columns, shape)
    held = np.array([len(np.unique(blocks[rows == row])) for row in range(shape[0])])[:, None]
    expected = table.sum(0, keepdims=True) / table.sum()
    none, every = table == 0, (table == table.sum(1, keepdims=True)) & (expected < 1)
    high = np.where(none, np.maximum(high, wilson(np.zeros_like(held), held, confidence)[1] / expected), high)
    low = np.where(every, np.minimum(low, wilson(held, held, confidence)[0] / expected), low)
    return low, high


def _permuted(rows: np.ndarray, shuffled: Iterator[np.ndarray], table: np.ndarray) -> np.ndarray:
    """Compute the two-sided p-value of each cell: how often a permutation is at least as far from their mean."""
    counts = np.array([_count(rows, columns, table.shape) for columns in shuffled], dtype=float)
    centre = counts.mean(0)
    extreme = np.abs(counts - centre) >= np.abs(table - centre) - 1e-9
    return (extreme.sum(0) + 1) / (len(counts) + 1)


def _permutations(
    codes: np.ndarray, levels: Sequence[np.ndarray], seed: int, draws: int
) -> tuple[Iterator[np.ndarray], str]:
    """Permutations of ``codes`` that keep what the nesting fixes, and how they were made.

    What is constant within the blocks of a level is one observation per block: whole blocks change places within the
    next wider block, or anywhere if there is none.
    """
    units = np.arange(len(codes))
    for level in reversed(levels):
        if not _constant(codes, level):
            return _shuffled(codes, units, level, seed, draws), "permutation within blocks"
        units = level
    nowhere = np.zeros(len(codes), dtype=int)
    return _shuffled(codes, units, nowhere, seed, draws), "permutation among blocks"


def _constant(codes: np.ndarray, blocks: np.ndarray) -> bool:
    of_block = np.zeros(blocks.max(initial=0) + 1, dtype=codes.dtype)
    of_block[blocks] = codes
    return np.array_equal(of_block[blocks], codes)


def _shuffled(codes: np.ndarray, units: np.ndarray, within: np.ndarray, seed: int, draws: int) -> Iterator[np.ndarray]:
    """Yield ``codes`` with the values of units exchanged at random within each block."""
    rng = np.random.default_rng(seed)
    _, first, member = np.unique(units, return_index=True, return_inverse=True)
    value, block = codes[first], within[first]
    home = np.argsort(block, kind="stable")
    rank, held = block[home], value[home]
    for _ in range(draws):
        moved = np.empty_like(value)
        moved[home] = held[np.argsort(rank + rng.random(len(value)))]
        yield moved[member]


def association(
    attribute: ArrayLike,
    clusters: np.ndarray,
    *,
    nesting: Sequence[ArrayLike] = (),
    seed: int = 0,
    permutations: int = 999,
) -> pd.DataFrame:
    """Measure the association between clusters and an attribute or labels.

    Parameters are those of `composition`.

    Returns
    -------
    DataFrame
        ``statistic`` (ami, homogeneity, completeness), ``n``, ``estimate``, ``p``, ``method``, ``note``.
        ``p`` of the adjusted mutual information is one-sided and comes from permutations with both margins fixed
        (as `composition` permutes). With fixed margins it has the same ranking as the mutual information, which the
        permutation test therefore uses. Noise and missing values are excluded; the note gives their number.

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
    if not nesting:
        margins = stats.random_table(table.sum(1), table.sum(0), seed=np.random.default_rng(seed))
        null = margins.rvs(permutations)
        method = f"{permutations} permutations"
    else:
        shuffled, how = _permutations(columns, _codes(nesting, known), seed, permutations)
        null = np.array([_count(rows, moved, shape) for moved in shuffled])
        method = how.replace("permutation", f"{permutations} permutations")
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
    """Compute the mutual information in nats of one table or a stack of tables."""
    share = table / table.sum((-2, -1), keepdims=True)
    independent = share.sum(-1, keepdims=True) * share.sum(-2, keepdims=True)
    ratio = np.divide(share, independent, out=np.ones_like(share), where=share > 0)
    return (share * np.log(ratio)).sum((-2, -1))
