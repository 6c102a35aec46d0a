"""Bootstrap and permutation over activities, for many columns at once.

A column has one number per activity, such as a seed-averaged gap in one space. All columns with the same activities
share their resamples, so a table of hundreds of cells costs one matrix product instead of one loop per cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

# Weights generated at once. Half a megabyte stays in the cache; large arrays cause page faults.
BLOCK_CELLS = 1 << 16
# Differences below this share of a column's scale are rounding errors, and such values must count as ties.
ROUNDING = 1e-12
# Below this number of units a resample cannot leave the range of the data, and intervals are Student's.
FEW = 10


@dataclass(frozen=True)
class Resampling:
    """Parameters of bootstrap intervals and permutation tests (docs/method.md section 6).

    Attributes
    ----------
    resamples : int
        Bootstrap resamples of the activities.
    permutations : int
        Sign flips of a permutation test.
    confidence : float
        Coverage of the intervals, in (0, 1).
    seed : int
        Draws depend only on the seed and the number of activities, so columns with equally many activities share them.

    Examples
    --------
    >>> resampling = Resampling(resamples=10_000, permutations=9_999, confidence=0.95, seed=0)
    >>> block, weights = next(resampling.weights(4))
    >>> weights[:2]
    array([[1., 2., 0., 1.],
           [0., 2., 1., 1.]])
    """

    resamples: int
    permutations: int
    confidence: float
    seed: int

    def weights(self, n: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Draw the number of times that each of ``n`` units occurs in each bootstrap resample, in blocks.

        Yields
        ------
        slice, ndarray of shape (block, n)
            The resamples in this block and their counts; every row sums to ``n``. The size of blocks does not affect
            the draws.
        """
        rng = np.random.default_rng([self.seed, n])
        for block in _blocks(self.resamples, n):
            rows = block.stop - block.start
            index = rng.integers(0, n, (rows, n))
            index += np.arange(rows)[:, None] * n
            yield block, np.bincount(index.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)

    def enumerates(self, n: int) -> bool:
        """Whether the permutation test of ``n`` units takes every pattern of signs instead of random ones."""
        return 2**n <= self.permutations + 1

    def p_value(self, extreme: np.ndarray, n: int) -> np.ndarray:
        """Share of the patterns of signs of ``n`` units that are as extreme as the data, which count as one of them."""
        exact = self.enumerates(n)
        return extreme / 2.0**n if exact else (extreme + 1) / (self.permutations + 1)

    def signs(self, n: int) -> Iterator[np.ndarray]:
        """Draw a random sign for each of ``n`` units in each permutation, in blocks.

        If there are no more patterns of signs than permutations, each pattern comes once (see `enumerates`).

        Yields
        ------
        ndarray of shape (block, n)
            -1.0 or 1.0.
        """
        if self.enumerates(n):
            yield 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
            return
        rng = np.random.default_rng([self.seed, n, 1])
        for block in _blocks(self.permutations, n):
            yield rng.integers(0, 2, (block.stop - block.start, n), dtype=np.int8) * 2.0 - 1.0


@dataclass(frozen=True)
class Means:
    """Column means with intervals; every field has shape (n_columns,).

    ``n`` counts the finite values; ``constant`` marks columns without variation, which have no interval.
    """

    n: np.ndarray
    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    constant: np.ndarray


def _blocks(rows: int, width: int) -> Iterator[slice]:
    step = max(1, BLOCK_CELLS // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def bca_limits(
    estimate: np.ndarray,
    replicates: np.ndarray,
    influence: np.ndarray,
    confidence: float,
    expand: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected and accelerated interval from replicates and influence values.

    Parameters
    ----------
    estimate : ndarray of shape (k,)
        The statistic on the data.
    replicates : ndarray of shape (k, resamples)
        The statistic on each resample.
    influence : ndarray of shape (n, k)
        Any multiple of ``mean(jackknife) - jackknife``, such as the centred data for a mean. Determines the
        acceleration.
    confidence : float
        In (0, 1).
    expand : bool
        Widen the nominal level to that of a t interval, because otherwise intervals would be too short for few
        activities: the bootstrap variance of a mean is (n - 1) / n of the unbiased one, and its quantiles are normal.

    Returns
    -------
    low, high : ndarray of shape (k,)

    References
    ----------
    Efron 1987, JASA 82:171; the expansion is Hesterberg 2015, Am. Stat. 69:371, the default of R's
    ``resample``.
    """
    n, resamples = len(influence), replicates.shape[1]
    cubes, squares = (influence**3).sum(0), (influence**2).sum(0)
    acceleration = np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)
    ordered = np.sort(replicates, axis=1)
    tolerance = ROUNDING * np.maximum(np.abs(ordered).max(1), np.abs(estimate))
    below = (ordered < (estimate - tolerance)[:, None]).sum(1)
    not_above = (ordered <= (estimate + tolerance)[:, None]).sum(1)
    share = np.clip((below + not_above) / (2 * resamples), 0.5 / resamples, 1 - 0.5 / resamples)
    bias = special.ndtri(share)
    tail = (1 - confidence) / 2
    quantile = np.sqrt(n / (n - 1)) * stats.t.ppf(tail, n - 1) if expand else special.ndtri(tail)
    limits = []
    for z in (quantile, -quantile):
        shifted = bias + z
        room = 1 - acceleration * shifted
        # Past the pole of the transformation the wanted level is beyond every replicate.
        moved = np.where(room > 0, bias + shifted / np.where(room > 0, room, 1), np.sign(z) * np.inf)
        limits.append(_quantile(ordered, special.ndtr(moved)))
    return limits[0], limits[1]


def _quantile(ordered: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Quantile of each sorted row at its own level, linear between order statistics."""
    position = level * (ordered.shape[1] - 1)
    lower = np.floor(position).astype(int)
    upper = np.minimum(lower + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    return ordered[rows, lower] + (position - lower) * (ordered[rows, upper] - ordered[rows, lower])


def column_means(values: np.ndarray) -> Means:
    """Means over activities without intervals: ``low`` and ``high`` are NaN.

    Parameters
    ----------
    values : ndarray of shape (n_activities, n_columns)
        Not finite where an activity has no value.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    n = finite.sum(0)
    filled = np.where(finite, values, 0.0)
    estimate = np.divide(filled.sum(0), n, out=np.full(values.shape[1], np.nan), where=n > 0)
    spread = np.where(finite, np.abs(values - estimate), 0.0).max(0, initial=0)
    constant = (n > 0) & (spread <= ROUNDING * np.abs(filled).max(0, initial=0))
    unknown = np.full_like(estimate, np.nan)
    return Means(n, estimate, unknown, unknown, constant)


def mean_intervals(values: np.ndarray, resampling: Resampling, *, expand: bool = True) -> Means:
    """Means over activities with BCa bootstrap intervals, or Student's below ten activities.

    Activities are resampled, each with the average over its own seeds, which are nested in it. The variance of seeds
    is then part of the variance between activities, and resampling seeds within each activity would count it twice
    (Davison and Hinkley 1997, section 3.8). No resample leaves the range of the data, so that of two activities BCa
    would cover 51 % and of five 90 %.

    Parameters
    ----------
    values : ndarray of shape (n_activities, n_columns)
        Not finite where an activity has no value; each column is resampled only over its own activities.
    resampling : Resampling
    expand : bool
        See `bca_limits`.

    Returns
    -------
    Means
        ``low`` and ``high`` are NaN for fewer than two activities and for constant columns.

    References
    ----------
    docs/method.md section 6.

    Examples
    --------
    >>> gaps = np.array([[0.05], [0.02], [0.03], [-0.01], [0.04], [0.06]])
    >>> means = mean_intervals(gaps, Resampling(10_000, 9_999, 0.95, seed=0))
    >>> f"{means.estimate[0]:.3f} in [{means.low[0]:.3f}, {means.high[0]:.3f}]"
    '0.032 in [0.006, 0.058]'
    """
    values = np.asarray(values, dtype=np.float64)
    means = column_means(values)
    low, high = means.low.copy(), means.high.copy()
    todo = np.flatnonzero((means.n > 1) & ~means.constant)
    if todo.size:
        patterns, member = np.unique(np.isfinite(values[:, todo]), axis=1, return_inverse=True)
        for number, rows in enumerate(patterns.T):
            columns = todo[member.ravel() == number]
            centred = values[np.ix_(rows, columns)] - means.estimate[columns]
            if (n := len(centred)) < FEW:
                half = stats.t.ppf(0.5 + resampling.confidence / 2, n - 1) * centred.std(0, ddof=1) / np.sqrt(n)
                low[columns], high[columns] = means.estimate[columns] - half, means.estimate[columns] + half
                continue
            replicates = np.empty((len(columns), resampling.resamples))
            for block, weights in resampling.weights(len(centred)):
                replicates[:, block] = (weights @ centred).T / len(centred)
            below, above = bca_limits(np.zeros(len(columns)), replicates, centred, resampling.confidence, expand)
            low[columns], high[columns] = means.estimate[columns] + below, means.estimate[columns] + above
    return replace(means, low=low, high=high)


def sign_flip(values: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Two-sided paired permutation test of a zero mean by flipping the signs of whole activities.

    The statistic is Hall's: Student's t with the skewness of the data taken out. The test is exact for symmetric
    differences, whatever the statistic; with this one it also holds its level for skewed differences with a zero mean,
    for which flips of the plain mean reject too often.

    Parameters
    ----------
    values : ndarray of shape (n_activities, n_columns)
        Differences; not finite where an activity has none.
    resampling : Resampling
        Gives the number m of random flips; all columns see the same ones.

    Returns
    -------
    ndarray of shape (n_columns,)
        ``(b + 1) / (m + 1)`` with b the flips at least as extreme as the data, which never gives zero
        (Phipson and Smyth 2010), or the exact share if all patterns of signs are taken. NaN for fewer than two
        activities, and where every difference is zero.

    References
    ----------
    Hall 1992, JRSS B 54:221; docs/method.md section 6.

    Examples
    --------
    >>> gaps = np.array([[0.05], [0.02], [0.03], [-0.01], [0.04], [0.06]])
    >>> sign_flip(gaps, Resampling(10_000, 9_999, 0.95, seed=0)).round(3)
    array([0.062])
    """
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    n = finite.sum(0)
    filled = np.where(finite, values, 0.0)
    scale = np.abs(filled).max(0, initial=0)
    filled = np.divide(filled, scale, out=np.zeros_like(filled), where=scale > 0)
    squares, cubes = (filled**2).sum(0), filled**3
    bound = np.abs(_hall(filled.sum(0), squares, cubes.sum(0), n))
    bound -= np.where(np.isfinite(bound), 1e-9 * bound, 0)
    extreme = np.zeros(values.shape[1], dtype=np.int64)
    for signs in resampling.signs(len(values)):
        extreme += (np.abs(_hall(signs @ filled, squares, signs @ cubes, n)) >= bound).sum(0)
    return np.where((n > 1) & (scale > 0), resampling.p_value(extreme, len(values)), np.nan)


def _hall(total: np.ndarray, squares: np.ndarray, cubes: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Hall's monotone transformation of Student's t from sums of values, squares and cubes; infinite without spread."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n
        variance = squares / n - mean**2
        flat = variance <= 1e-12 * squares / n
        t = mean / np.sqrt(np.where(flat, np.nan, variance))
        skewness = (cubes / n - 3 * mean * squares / n + 2 * mean**3) / np.where(flat, np.nan, variance) ** 1.5
        hall = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / (6 * n)
    return np.where(flat, np.inf, hall)


def wilson(successes: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson score interval of a proportion (Wilson 1927); NaN where n is 0.

    Examples
    --------
    >>> low, high = wilson(8, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.49, 0.943)
    """
    successes, n = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
    z = stats.norm.ppf(0.5 + confidence / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = successes / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # The limits at 0 and 1 are the share itself but for rounding.
    return np.clip(np.minimum(centre - half, share), 0, 1), np.clip(np.maximum(centre + half, share), 0, 1)
