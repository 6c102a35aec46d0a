"""Shares of groups behind an imperfect judge: its confusion inverted, with score intervals (docs/method.md section 7).

Counts of what a judge calls the pictures go in. Every array may have leading dimensions, many studies at once: a
simulation is then one call. G is the number of groups, A of activities, D of *domains*: sets of activities whose mean
share is wanted, such as all of them, a category or a single one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from untold.judges.judgement import Judgement

# The two populations that an interval may speak of.
SAMPLE = "activities as a sample"  # other activities could have been chosen, and other seeds
THESE = "these activities"  # only the seeds are random
# Above this condition number the confusion says too little about the shares.
SINGULAR = 30.0
# Prior of a row of the confusion: one picture, right with this probability. Without it a judge that made no mistake on
# the marked pictures would be taken for one that makes none.
PRIOR_ACCURACY = 0.8
# Pictures that pull a variance towards that of independent pictures, and shares towards equal ones (Agresti and Coull).
PRIOR_PICTURES = 4.0


def hard_counts(judgement: Judgement) -> tuple[np.ndarray, np.ndarray]:
    """Count the most probable group of every picture.

    Returns
    -------
    neutral : ndarray of shape (A, G)
        How many neutral pictures of each activity are called each group.
    marked : ndarray of shape (A, G, G)
        The same of the marked pictures, by the group named in the prompt (second axis).
    """
    activities, k = judgement.activities, len(judgement.groups)
    neutral, marked = np.zeros((activities, k)), np.zeros((activities, k, k))
    np.add.at(neutral, (judgement.neutral_activity, judgement.neutral.argmax(1)), 1)
    np.add.at(marked, (judgement.marked_activity, judgement.truth, judgement.marked.argmax(1)), 1)
    return neutral, marked


def all_activities(neutral: np.ndarray) -> np.ndarray:
    """The single domain of all activities that have a neutral picture: boolean, of shape (1, A)."""
    return (neutral.reshape(-1, *neutral.shape[-2:]).sum(-1) > 0).all(0)[None]


@dataclass(frozen=True)
class Inversion:
    """Counts of a judge with its confusion and the inverse of it (Rogan and Gladen 1978; ACC of Forman 2008).

    Attributes
    ----------
    neutral : ndarray of shape (..., A, G)
        Counts of what the judge calls the neutral pictures.
    marked : ndarray of shape (..., A, G, G)
        Counts of the marked pictures: group named in the prompt, group called.
    """

    neutral: np.ndarray
    marked: np.ndarray

    @cached_property
    def pictures(self) -> np.ndarray:
        """Neutral pictures of each activity: (..., A)."""
        return self.neutral.sum(-1)

    @cached_property
    def marked_pictures(self) -> np.ndarray:
        """Marked pictures of each activity and group: (..., A, G)."""
        return self.marked.sum(-1)

    @cached_property
    def called(self) -> np.ndarray:
        """Shares of the calls of each activity's neutral pictures: (..., A, G); 0 without pictures."""
        return self.neutral / np.maximum(self.pictures, 1)[..., None]

    @cached_property
    def confusion(self) -> np.ndarray:
        """Probability that a picture of a group (rows) is called a group (columns): (..., G, G).

        A mean over the activities that have marked pictures of the group; NaN where none has.
        """
        rates = self.marked / np.maximum(self.marked_pictures, 1)[..., None]
        with np.errstate(invalid="ignore"):
            return rates.sum(-3) / (self.marked_pictures > 0).sum(-2)[..., None]

    @cached_property
    def rates(self) -> np.ndarray:
        """Confusion of each activity: (..., A, G, G); the mean one where it has no marked picture of a group."""
        seen = (self.marked_pictures > 0)[..., None]
        own = self.marked / np.maximum(self.marked_pictures, 1)[..., None]
        return np.where(seen, own, self.confusion[..., None, :, :])

    @cached_property
    def smooth_confusion(self) -> np.ndarray:
        """The confusion with one picture of prior per row: variances under it are never zero."""
        k = self.neutral.shape[-1]
        prior = np.full((k, k), (1 - PRIOR_ACCURACY) / (k - 1))
        np.fill_diagonal(prior, PRIOR_ACCURACY)
        counts = self.marked.sum(-3) + prior
        return counts / counts.sum(-1, keepdims=True)

    @cached_property
    def condition(self) -> np.ndarray:
        """Condition number of the confusion: (...,); infinite where a group has no marked picture."""
        known = np.isfinite(self.confusion).all((-1, -2))
        values = np.linalg.cond(np.where(known[..., None, None], self.confusion, np.eye(self.neutral.shape[-1])))
        return np.where(known, values, np.inf)

    @cached_property
    def inverse(self) -> np.ndarray:
        """Matrix that turns shares of calls into shares of groups: (..., G, G)."""
        k = self.neutral.shape[-1]
        # A singular confusion has no inverse; a touch of the identity gives numbers, and the condition withholds them.
        worthless = (self.condition > 1e6)[..., None, None]
        usable = np.where(worthless, 0.99 * np.nan_to_num(self.confusion, nan=1 / k) + 0.01 * np.eye(k), self.confusion)
        return np.linalg.inv(np.swapaxes(usable, -1, -2))

    def shares(self, domains: np.ndarray) -> np.ndarray:
        """Mean shares of each domain, (..., D, G); they add up to 1 and may leave [0, 1].

        Parameters
        ----------
        domains : boolean ndarray of shape (D, A)
        """
        return weights(domains) @ self.called @ np.swapaxes(self.inverse, -1, -2)


def weights(domains: np.ndarray) -> np.ndarray:
    """Equal weights of a domain's activities: (D, A), rows add up to 1."""
    return domains / domains.sum(-1, keepdims=True)


def possible(shares: np.ndarray) -> np.ndarray:
    """Shares within [0, 1]: negative ones are set to 0 and the others scaled down.

    Examples
    --------
    >>> possible(np.array([0.9, 0.3, -0.2]))
    array([0.75, 0.25, 0.  ])
    """
    positive = np.clip(shares, 0, None)
    return positive / positive.sum(-1, keepdims=True)


@dataclass(frozen=True)
class Variance:
    """Variance of ``contrasts @ shares`` of each domain, as a function of the shares that are tested.

    Attributes
    ----------
    inversion : Inversion
    domains : boolean ndarray of shape (D, A)
    contrasts : ndarray of shape (K, G)
    """

    inversion: Inversion
    domains: np.ndarray
    contrasts: np.ndarray

    @cached_property
    def loadings(self) -> np.ndarray:
        """What a call of each group adds to each contrast: (..., K, G)."""
        return self.contrasts @ self.inversion.inverse

    @cached_property
    def estimates(self) -> np.ndarray:
        """(..., D, K)."""
        return self.inversion.shares(self.domains) @ self.contrasts.T

    @cached_property
    def plausible(self) -> np.ndarray:
        """Shares inside the simplex, pulled towards equal ones by four pictures: (..., D, G)."""
        n = self.pictures[..., None]
        shares = possible(self.inversion.shares(self.domains))
        return (shares * n + PRIOR_PICTURES / shares.shape[-1]) / (n + PRIOR_PICTURES)

    @cached_property
    def pictures(self) -> np.ndarray:
        """Independent neutral pictures that a domain's mean is worth at unequal numbers: (..., D)."""
        return 1 / (weights(self.domains) ** 2 @ (1 / np.maximum(self.inversion.pictures, 1))[..., None])[..., 0]

    @cached_property
    def call_variance(self) -> np.ndarray:
        """Variance that one marked picture of each group would have: (..., G, K)."""
        return self._of_calls(self.inversion.smooth_confusion)

    @cached_property
    def mean_confusion_variance(self) -> np.ndarray:
        """Variance of the mean confusion's rows if pictures were independent: (..., G, K)."""
        m = self.inversion.marked_pictures
        each = np.where(m > 0, 1 / np.maximum(m, 1), 0).sum(-2) / np.maximum((m > 0).sum(-2), 1) ** 2
        return self.call_variance * each[..., None]

    def _of_calls(self, probabilities: np.ndarray) -> np.ndarray:
        """Multinomial variance of one picture in each contrast: (..., P, G) probabilities give (..., P, K)."""
        b = np.swapaxes(self.loadings, -1, -2)
        return np.clip(probabilities @ b**2 - (probabilities @ b) ** 2, 0, None)

    def _neutral(self, shares: np.ndarray) -> np.ndarray:
        """Multinomial variance of one neutral picture at shares (..., D, K, P, G): (..., D, K, P)."""
        q = shares @ self.inversion.smooth_confusion[..., None, None, :, :]
        b = self.loadings[..., None, :, None, :]
        return np.clip((q * b**2).sum(-1) - (q * b).sum(-1) ** 2, 0, None)

    def independent(self, shares: np.ndarray) -> np.ndarray:
        """Variance if all pictures were independent and every activity had these shares.

        Parameters
        ----------
        shares : ndarray of shape (..., D, K, P, G)
            P points on the path of each contrast.

        Returns
        -------
        ndarray of shape (..., D, K, P)
        """
        confusion = np.swapaxes(self.mean_confusion_variance, -1, -2)[..., None, :, None, :]
        return self._neutral(shares) / self.pictures[..., None, None] + (shares**2 * confusion).sum(-1)

    @cached_property
    def over_activities(self) -> np.ndarray:
        """Variance with activities as a sample, from how they differ: (..., D, K).

        Activities of the domain bring their neutral pictures, all bring their confusion.
        """
        inversion, w = self.inversion, weights(self.domains)
        b, x = np.swapaxes(self.loadings, -1, -2), inversion.shares(self.domains)
        called = inversion.called @ b
        centered = called[..., None, :, :] - (w @ called)[..., :, None, :]
        seen = np.maximum((inversion.marked_pictures > 0).sum(-2), 1)
        errors = (inversion.rates - inversion.confusion[..., None, :, :]) @ b[..., None, :, :] / seen[..., None, :, None]
        influence = w[..., None] * centered - np.einsum("...dg,...agk->...dak", x, errors)
        n = self.domains.sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (influence**2).sum(-2) * (n / (n - 1))[:, None]

    @cached_property
    def pooled_effect(self) -> np.ndarray:
        """Design effect pooled over groups: variance over activities relative to independent pictures, (..., D)."""
        groups = Variance(self.inversion, self.domains, np.eye(self.inversion.neutral.shape[-1]))
        at = groups.plausible[..., None, None, :]
        at = np.broadcast_to(at, (*groups.estimates.shape, 1, at.shape[-1]))
        return groups.over_activities.sum(-1) / groups.independent(at)[..., 0].sum(-1)

    @cached_property
    def judge_between(self) -> np.ndarray:
        """How much the judge differs between activities, as variance of its rows in each contrast: (..., G, K).

        With one marked picture per activity all of its error may belong to the activity.
        """
        inversion = self.inversion
        m, b = inversion.marked_pictures, np.swapaxes(self.loadings, -1, -2)
        seen = np.maximum((m > 0).sum(-2), 1)[..., None]
        rows = inversion.rates @ b[..., None, :, :]
        total = ((rows - (inversion.confusion @ b)[..., None, :, :]) ** 2).sum(-3) / np.maximum(seen - 1, 1)
        repeated = (m > 1)[..., None]
        within = np.where(repeated, self._marked_within / np.maximum(m - 1, 1)[..., None], 0).sum(-3) / seen
        return np.where(repeated.any(-3), np.clip(total - within, 0, None), np.maximum(total, self.call_variance))

    @cached_property
    def _marked_within(self) -> np.ndarray:
        b = np.swapaxes(self.loadings, -1, -2)[..., None, :, :]
        rates = self.inversion.rates
        return np.clip(rates @ b**2 - (rates @ b) ** 2, 0, None)

    @cached_property
    def neutral_within(self) -> np.ndarray:
        """Variance of one neutral picture within its activity: (..., A, K); NaN with fewer than two pictures."""
        n = self.inversion.pictures[..., None]
        return self._of_calls(self.inversion.called) * np.where(n > 1, n / np.maximum(n - 1, 1), np.nan)

    @cached_property
    def stratification(self) -> np.ndarray:
        """Variance within activities relative to that of pictures drawn from all of the domain: (..., D, K), <= 1.

        Activities that differ make the mean over them more certain than independent pictures would be. Few expected
        pictures of a group say little about how it spreads: towards 1 by four of them.
        """
        w, x = weights(self.domains), self.plausible
        within = w @ np.where(self.domains.any(0)[:, None], self.neutral_within, 0)
        total = self._of_calls(w @ self.inversion.called)
        ratio = np.minimum(np.divide(within, total, out=np.ones_like(within), where=total > 0), 1)
        pooled = np.minimum(within.sum(-1) / np.maximum(total.sum(-1), 1e-12), 1)[..., None]
        seen = self.pictures[..., None] * ((x * (1 - x)) @ np.abs(self.contrasts).T)
        return (seen * np.maximum(ratio, pooled) + PRIOR_PICTURES) / (seen + PRIOR_PICTURES)

    def of_these(self, shares: np.ndarray) -> np.ndarray:
        """Variance for these activities, where only seeds are random; shapes as in `independent`.

        Neutral pictures within activities; the mean confusion's own error; how far the judge's errors in the domain are
        from its mean errors; and, where shares and errors both differ, their product.
        """
        n, activities = self.domains.sum(-1), self.inversion.neutral.shape[-2]
        neutral = self._neutral(shares) / self.pictures[..., None, None] * self.stratification[..., None]
        away = (1 / n - 1 / activities)[:, None, None]
        judge = np.swapaxes(self.judge_between, -1, -2)[..., None, :, :]
        confusion = np.swapaxes(self.mean_confusion_variance, -1, -2)[..., None, :, :] + judge * away
        together = (judge * self.share_variance[..., None, :]).sum(-1) * (1 / n)[:, None]
        return neutral + (shares**2 * confusion[..., None, :]).sum(-1) + together[..., None]

    @cached_property
    def share_variance(self) -> np.ndarray:
        """Variance of shares over the activities of each domain beyond sampling: (..., D, G); 0 for single ones."""
        w = weights(self.domains)
        squares = net_squares(self.inversion)
        squares = np.where(np.isfinite(squares), squares, 0)
        several = (self.domains.sum(-1) > 1)[:, None]
        return np.where(several, np.clip(w @ squares, 0, None), 0)


def net_squares(inversion: Inversion) -> np.ndarray:
    """Squared deviation of each activity's share from the mean, less its sampling variance: (..., A, G).

    The activity's own confusion is used, which removes what the judge does differently there. The mean is 0 if all
    activities are alike; NaN with fewer than two neutral pictures.
    """
    activities, k = inversion.neutral.shape[-2:]
    everything = np.ones((1, activities), bool)
    variance = Variance(inversion, everything, np.eye(k))
    x = possible(inversion.shares(everything))[..., 0, :]
    deviation = (inversion.called - np.einsum("...g,...agj->...aj", x, inversion.rates)) @ np.swapaxes(
        inversion.inverse, -1, -2
    )
    neutral = variance.neutral_within / np.maximum(inversion.pictures, 1)[..., None]
    m = inversion.marked_pictures[..., None]
    own = np.where(m > 1, variance._marked_within / np.maximum(m - 1, 1), variance.call_variance[..., None, :, :])
    errors = np.where(m > 0, own / np.where(m > 1, 1, np.maximum(m, 1)), 0)
    judge = np.einsum("...g,...agk->...ak", x**2, errors)
    return deviation**2 * activities / max(activities - 1, 1) - neutral - judge


def _quantile_times_variance(variance: Variance, shares: np.ndarray, population: str, confidence: float) -> np.ndarray:
    """Squared distance at which a score test rejects, for each tested share (..., D, K, P)."""
    level = (1 + confidence) / 2
    normal = stats.norm.ppf(level)
    n = variance.domains.sum(-1)
    if population == THESE:
        # Variances within activities are estimated too, with this many degrees of freedom.
        spare = np.minimum(variance.inversion.pictures, 1e9) - 1
        df = np.maximum((variance.domains * spare[..., None, :]).sum(-1), 1)
        several = (n > 1).astype(bool)
        quantile = np.where(several, stats.t.ppf(level, df), normal)
        return variance.of_these(shares) * quantile[..., None, None] ** 2
    at = np.broadcast_to(variance.plausible[..., None, None, :], (*variance.estimates.shape, 1, shares.shape[-1]))
    expected, seen = variance.independent(at)[..., 0], variance.over_activities
    # A contrast's own design effect, but not below the one pooled over the groups, which is less noisy.
    effect = np.maximum(seen / expected, variance.pooled_effect[..., None])
    quantile = stats.t.ppf(level, n - 1)[:, None]
    return variance.independent(shares) * np.maximum(quantile**2 * effect, normal**2)[..., None]


def _limits(estimate: np.ndarray, nodes: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the set of values v with ``(estimate - v)^2 <= reach(v)``, where reach is quadratic between nodes.

    Parameters
    ----------
    estimate : ndarray of shape (...)
        Within the first and last node.
    nodes : ndarray of shape (..., P)
        Increasing values.
    reach : ndarray of shape (..., 2 P - 1)
        At the nodes and half-way between them.
    """
    start, stop = nodes[..., :-1], nodes[..., 1:]
    first, middle, last = reach[..., :-1:2], reach[..., 1::2], reach[..., 2::2]
    step, distance = stop - start, estimate[..., None] - start
    # a s^2 + b s + c <= 0 for s in [0, 1] between two nodes.
    a = step**2 - (2 * first - 4 * middle + 2 * last)
    b = -2 * step * distance - (-3 * first + 4 * middle - last)
    c = distance**2 - first
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(b**2 - 4 * a * c)
        # The stable form of both roots: no difference of two nearly equal numbers.
        half = -(b + np.where(b >= 0, 1, -1) * root) / 2
        roots = np.stack([half / a, c / half, np.zeros_like(a), np.ones_like(a)], -1)
    kept = (roots >= 0) & (roots <= 1)
    kept[..., 2] &= c <= 0
    kept[..., 3] &= a + b + c <= 0
    values = start[..., None] + np.clip(np.nan_to_num(roots), 0, 1) * step[..., None]
    low = np.where(kept, values, np.inf).min((-1, -2))
    high = np.where(kept, values, -np.inf).max((-1, -2))
    return np.minimum(low, estimate), np.maximum(high, estimate)


def _with_midpoints(nodes: np.ndarray) -> np.ndarray:
    """Points on a path (..., P, G) and half-way between them (..., 2 P - 1, G)."""
    path = np.empty((*nodes.shape[:-2], 2 * nodes.shape[-2] - 1, nodes.shape[-1]))
    path[..., ::2, :] = nodes
    path[..., 1::2, :] = (nodes[..., :-1, :] + nodes[..., 1:, :]) / 2
    return path


def set_intervals(
    inversion: Inversion, domains: np.ndarray, sets: np.ndarray, population: str, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of the shares of sets of groups: all values that a score test keeps.

    The test's variance is that at the tested value, as in Wilson's interval, so that the interval has a width and holds
    its level at 0 and 1. It carries the neutral pictures, the judge's confusion, and with `SAMPLE` the design effect of
    activities that differ, with Student's t.

    Parameters
    ----------
    inversion : Inversion
    domains : boolean ndarray of shape (D, A)
    sets : ndarray of shape (K, G)
        1 for the groups of a set and 0 for others; the identity gives the groups' own shares.
    population : {SAMPLE, THESE}
    confidence : float

    Returns
    -------
    low, high : ndarray of shape (..., D, K)
        Within [0, 1].

    References
    ----------
    docs/method.md section 7. Wilson 1927, JASA 22:209; Rogan and Gladen 1978, Am. J. Epidemiol. 107:71.
    """
    sets = np.asarray(sets, float)
    variance = Variance(inversion, domains, sets)
    base = variance.plausible[..., None, :]
    ends = np.stack([possible(base * (1 - sets)), possible(base * sets)], -2)
    reach = _quantile_times_variance(variance, _with_midpoints(ends), population, confidence)
    estimate = np.clip(variance.estimates, 0, 1)
    return _limits(estimate, np.broadcast_to([0.0, 1.0], (*estimate.shape, 2)), reach)


def share_intervals(
    inversion: Inversion, domains: np.ndarray, population: str, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of every group's share in every domain, low and high (..., D, G); see `set_intervals`."""
    return set_intervals(inversion, domains, np.eye(inversion.neutral.shape[-1]), population, confidence)


def difference_interval(
    inversion: Inversion, domains: np.ndarray, pair: tuple[int, int], population: str, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of one group's share minus another's, low and high (..., D) within [-1, 1]; see `set_intervals`."""
    first, second = np.eye(inversion.neutral.shape[-1])[list(pair)]
    variance = Variance(inversion, domains, (first - second)[None])
    others = variance.plausible * (1 - first - second)
    both = 1 - others.sum(-1, keepdims=True)
    # The other groups give way only where the two need more than they have.
    corners = [np.broadcast_to(second, others.shape), others + both * second, others + both * first]
    path = np.stack([*corners, np.broadcast_to(first, others.shape)], -2)
    nodes = path @ (first - second)
    reach = _quantile_times_variance(variance, _with_midpoints(path)[..., None, :, :], population, confidence)
    low, high = _limits(np.clip(variance.estimates[..., 0], -1, 1), nodes, reach[..., 0, :])
    return low, high
