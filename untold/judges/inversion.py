"""Score intervals for the shares behind an imperfect judge: its confusion matrix inverted (docs/method.md section 7).

A judge gives every picture *scores*, one number per group that add up to 1: its probabilities, or 1 for the most
probable group. Shares and intervals depend on the means and second moments of the scores only. In shapes, G is the
number of groups, A of activities, K of contrasts (weights of the groups, such as one group's own share) and D of
*domains*: sets of activities whose mean share is wanted, such as all of them, a category or a single one.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import stats

from untold.judges.judgement import Judgement

# The two populations that an interval may speak of.
SAMPLE = "activities"  # other activities could have been chosen, and other seeds
THESE = "these"  # these activities: only the seeds are random
# Prior of a row of the confusion matrix: one picture, right with this probability. Without it, a judge that made no
# mistake on the marked pictures would pass for one that never makes any.
PRIOR_ACCURACY = 0.8
# Pictures that pull a variance towards that of independent pictures, and shares towards equal ones (Agresti and Coull).
PRIOR_PICTURES = 4.0


@dataclass(frozen=True)
class Moments:
    """Moments of the scores of the pictures in each cell of a table, such as one activity.

    Attributes
    ----------
    pictures : ndarray of shape (...)
        Number of pictures.
    mean : ndarray of shape (..., G)
        Mean scores; 0 without pictures.
    square : ndarray of shape (..., G, G)
        Mean products of two scores of a picture; 0 without pictures.
    """

    pictures: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, cell: np.ndarray, shape: tuple[int, ...]) -> "Moments":
        """Moments of scores (n, G) whose cells are flat indices (n,) into a table of this shape."""
        size, k = int(np.prod(shape)), scores.shape[1]
        pictures = np.bincount(cell, minlength=size).astype(float)
        products = (scores[:, :, None] * scores[:, None, :]).reshape(-1, k * k)
        values = np.concatenate([scores, products], axis=1)
        sums = np.stack([np.bincount(cell, column, size) for column in values.T], axis=1)
        means = sums / np.maximum(pictures, 1)[:, None]
        return cls(pictures.reshape(shape), means[:, :k].reshape(*shape, k), means[:, k:].reshape(*shape, k, k))

    def variance(self, loadings: np.ndarray) -> np.ndarray:
        """Variance of one picture's ``loadings @ scores`` within its cell: loadings (K, G) give (..., K)."""
        quadratic = np.einsum("ki,...ij,kj->...k", loadings, self.square, loadings)
        return np.clip(quadratic - (self.mean @ loadings.T) ** 2, 0, None)


def moments(judgement: Judgement, neutral: np.ndarray, marked: np.ndarray) -> tuple[Moments, Moments]:
    """Moments of neutral pictures by activity (A,), and of marked ones by activity and group (A, G).

    Parameters
    ----------
    judgement : Judgement
        Tells which activity and group each picture belongs to.
    neutral, marked : ndarray of shape (n, G) and (m, G)
        Scores of its pictures.
    """
    activities, k = judgement.activities, len(judgement.groups)
    cells = judgement.marked_activity * k + judgement.truth
    return (
        Moments.of(neutral, judgement.neutral_activity, (activities,)),
        Moments.of(marked, cells, (activities, k)),
    )


@dataclass(frozen=True)
class Inversion:
    """Scores of a judge, with its confusion matrix and the inverse of it.

    Rogan and Gladen 1978 for two groups; ACC (Forman 2008) for counts and PACC (Bella et al. 2010) for probabilities.

    Attributes
    ----------
    neutral : Moments of shape (A,)
    marked : Moments of shape (A, G)
        By the group named in the prompt.
    dispersion : float
        Variance of a score relative to that of a count.
    seeds : int or None
        Number of seeds whose noise all activities share; None if every activity has its own noise.
    alike : float
        Correlation of the neutral pictures of different activities that share their noise.
    """

    neutral: Moments
    marked: Moments
    dispersion: float = 1.0
    seeds: int | None = None
    alike: float = 0.0

    @property
    def groups(self) -> int:
        return self.neutral.mean.shape[-1]

    @cached_property
    def seen(self) -> np.ndarray:
        """Number of activities with a marked picture of each group: (G,)."""
        return (self.marked.pictures > 0).sum(0)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Mean scores (G, G) of pictures of a group (rows), averaged over activities; NaN where it has no picture."""
        with np.errstate(invalid="ignore"):
            return self.marked.mean.sum(0) / self.seen[:, None]

    @cached_property
    def rates(self) -> np.ndarray:
        """Confusion matrix of each activity: (A, G, G); rows of the mean one where it has no marked picture."""
        return np.where((self.marked.pictures > 0)[..., None], self.marked.mean, self.confusion)

    @cached_property
    def typical(self) -> Moments:
        """Moments of a picture of each group, with one prior picture, so that no variance is zero: shape (G,)."""
        k = self.groups
        prior = np.where(np.eye(k) > 0, PRIOR_ACCURACY, (1 - PRIOR_ACCURACY) / (k - 1))
        n = self.marked.pictures
        total = n.sum(0) + 1
        mean = (np.einsum("ag,agi->gi", n, self.marked.mean) + prior) / total[:, None]
        square = np.einsum("ag,agij->gij", n, self.marked.square) + prior[:, :, None] * np.eye(k)
        return Moments(total, mean, square / total[:, None, None])

    @cached_property
    def condition(self) -> float:
        """Condition number of the confusion matrix; infinite where a group has no marked picture."""
        return float(np.linalg.cond(self.confusion)) if np.isfinite(self.confusion).all() else np.inf

    @cached_property
    def inverse(self) -> np.ndarray:
        """Matrix that turns mean scores into shares: (G, G)."""
        return np.linalg.inv(self.confusion.T)

    def shares(self, domains: np.ndarray) -> np.ndarray:
        """Mean shares of domains (D, A): (D, G). They add up to 1 and may leave [0, 1]."""
        return weights(domains) @ self.neutral.mean @ self.inverse.T


def uncorrected(neutral: Moments) -> Inversion:
    """The scores taken at their word: as if a great many marked pictures had been judged without a mistake."""
    activities, k = neutral.mean.shape
    identity = np.broadcast_to(np.eye(k), (activities, k, k))
    atoms = np.broadcast_to(np.eye(k)[:, :, None] * np.eye(k)[:, None, :], (activities, k, k, k))
    perfect = Moments(np.full((activities, k), 1e12), identity, atoms)
    # Probabilities vary less than counts with the same mean.
    pooled = neutral.pictures @ neutral.mean / neutral.pictures.sum()
    spread = neutral.pictures @ np.trace(neutral.square, axis1=-2, axis2=-1) / neutral.pictures.sum()
    independent, n = 1 - pooled @ pooled, neutral.pictures.sum()
    own = (spread - pooled @ pooled) / independent if independent > 0 else 1.0
    return Inversion(neutral, perfect, (own * n + PRIOR_PICTURES) / (n + PRIOR_PICTURES))


def sharing_noise(inversion: Inversion, judgement: Judgement, scores: np.ndarray) -> Inversion:
    """The same scores, with what neutral pictures have in common where all activities share the noise of a seed.

    A seed that makes all its pictures young moves the mean over activities as much as it moves one of them. The
    correlation is that of a two-way layout of activities and seeds (Cochran and Cox), over all groups together.

    Parameters
    ----------
    inversion : Inversion
    judgement : Judgement
        With ``shared_seed``; without, nothing changes.
    scores : ndarray of shape (n, G)
        Scores of the neutral pictures.
    """
    if judgement.shared_seed is None:
        return inversion
    seeds, place = np.unique(judgement.shared_seed, return_inverse=True)
    activities = int((inversion.neutral.pictures > 0).sum())
    alike = 0.0
    if len(seeds) > 1 and activities > 1:
        residual = scores - inversion.neutral.mean[judgement.neutral_activity]
        held = np.bincount(place)
        means = np.stack([np.bincount(place, column) for column in residual.T], axis=1) / held[:, None]
        between = (held[:, None] * means**2).sum() / (len(seeds) - 1)
        within = ((residual - means[place]) ** 2).sum() / ((len(seeds) - 1) * (activities - 1))
        if within > 0:
            alike = max(0.0, (between / within - 1) / (between / within - 1 + activities))
    return replace(inversion, seeds=len(seeds), alike=alike)


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
    """Variance of ``contrasts @ shares`` in each domain, as a function of the shares that are tested.

    Attributes
    ----------
    inversion : Inversion
    domains : boolean ndarray of shape (D, A)
        Activities with neutral pictures.
    contrasts : ndarray of shape (K, G)
    """

    inversion: Inversion
    domains: np.ndarray
    contrasts: np.ndarray

    @cached_property
    def loadings(self) -> np.ndarray:
        """What each score adds to each contrast: (K, G)."""
        return self.contrasts @ self.inversion.inverse

    @cached_property
    def estimates(self) -> np.ndarray:
        """(D, K)."""
        return self.inversion.shares(self.domains) @ self.contrasts.T

    @cached_property
    def pictures(self) -> np.ndarray:
        """Independent neutral pictures that a domain's mean is worth when activities have unequal numbers: (D,)."""
        return 1 / (weights(self.domains) ** 2 @ (1 / np.maximum(self.inversion.neutral.pictures, 1)))

    @cached_property
    def plausible(self) -> np.ndarray:
        """Shares inside the simplex, pulled towards equal ones by four pictures: (D, G)."""
        n = self.pictures[:, None]
        shares = possible(self.inversion.shares(self.domains))
        return (shares * n + PRIOR_PICTURES / shares.shape[-1]) / (n + PRIOR_PICTURES)

    @cached_property
    def confusion_variance(self) -> np.ndarray:
        """Variance of the mean confusion matrix's rows if pictures were independent: (G, K)."""
        n = self.inversion.marked.pictures
        each = np.where(n > 0, 1 / np.maximum(n, 1), 0).sum(0) / self.inversion.seen**2
        return self.inversion.typical.variance(self.loadings) * each[:, None]

    def picture(self, shares: np.ndarray) -> np.ndarray:
        """Variance of one neutral picture where the shares are (D, K, P, G): (D, K, P)."""
        typical, b = self.inversion.typical, self.loadings
        linear, quadratic = b @ typical.mean.T, np.einsum("ki,gij,kj->kg", b, typical.square, b)
        first = (shares * quadratic[:, None, :]).sum(-1)
        return self.inversion.dispersion * np.clip(first - (shares * linear[:, None, :]).sum(-1) ** 2, 0, None)

    def independent(self, shares: np.ndarray) -> np.ndarray:
        """Variance if all pictures were independent and every activity had these shares.

        Parameters
        ----------
        shares : ndarray of shape (D, K, P, G)
            P points on the path of each contrast.

        Returns
        -------
        ndarray of shape (D, K, P)
        """
        confusion = self.confusion_variance.T[:, None, :]
        return self.picture(shares) / self.pictures[:, None, None] + (shares**2 * confusion).sum(-1)

    @cached_property
    def influence(self) -> np.ndarray:
        """Influence of each activity on each domain's contrasts, through neutral and marked pictures: (D, A, K).

        Activities of the domain bring their neutral pictures; all bring their part of the confusion matrix.
        """
        inversion, w, b = self.inversion, weights(self.domains), self.loadings.T
        scores = inversion.neutral.mean @ b
        own = w[:, :, None] * (scores - (w @ scores)[:, None, :])
        errors = (inversion.rates - inversion.confusion) @ b / inversion.seen[:, None]
        return own - np.einsum("dg,agk->dak", inversion.shares(self.domains), errors)

    @cached_property
    def over_activities(self) -> np.ndarray:
        """Variance with activities as a sample, from how they differ: (D, K). The infinitesimal jackknife."""
        n = self.domains.sum(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.influence**2).sum(-2) * (n / (n - 1))[:, None]

    @cached_property
    def design_effect(self) -> np.ndarray:
        """Variance over activities relative to that of independent pictures: (D, K)."""
        at = np.broadcast_to(self.plausible[:, None, None, :], (*self.estimates.shape, 1, self.inversion.groups))
        return self.over_activities / self.independent(at)[..., 0]

    @cached_property
    def pooled_effect(self) -> np.ndarray:
        """The design effect of all groups together, which is less noisy than that of one: (D,)."""
        every = Variance(self.inversion, self.domains, np.eye(self.inversion.groups))
        at = np.broadcast_to(every.plausible[:, None, None, :], (*every.estimates.shape, 1, every.inversion.groups))
        return every.over_activities.sum(-1) / every.independent(at)[..., 0].sum(-1)

    def of_sample(self, shares: np.ndarray) -> np.ndarray:
        """Variance with activities as a sample; shapes as in `independent`.

        A contrast's design effect is not taken to be below the pooled one or below 1: few activities can be alike by
        chance.
        """
        effect = np.maximum(np.maximum(self.design_effect, self.pooled_effect[:, None]), 1)
        return self.independent(shares) * effect[..., None] + self.of_seeds(shares)

    def of_seeds(self, shares: np.ndarray) -> np.ndarray:
        """What shared noise adds to the variance of a mean over activities; shapes as in `independent`."""
        others = (self.domains.sum(-1) - 1) * self.inversion.alike
        return self.picture(shares) / self.pictures[:, None, None] * others[:, None, None]

    @cached_property
    def judge_between(self) -> np.ndarray:
        """How much the judge differs between activities, as variance of its rows in each contrast: (G, K).

        With one marked picture per activity and group all of its error may belong to the activity.
        """
        marked, b = self.inversion.marked, self.loadings
        seen = np.maximum(self.inversion.seen, 1)[:, None]
        away = (self.inversion.rates - self.inversion.confusion) @ b.T
        total = (away**2).sum(0) / np.maximum(seen - 1, 1)
        repeated = (marked.pictures > 1)[..., None]
        within = np.where(repeated, marked_errors(self.inversion, b), 0).sum(0) / np.maximum(repeated.sum(0), 1)
        typical = self.inversion.typical.variance(b)
        return np.where(repeated.any(0), np.clip(total - within, 0, None), np.maximum(total, typical))

    @cached_property
    def stratification(self) -> np.ndarray:
        """Variance within activities relative to that of pictures drawn from the whole domain: (D, K), at most 1.

        Activities that differ make the mean over them more certain than independent pictures would be. A few expected
        pictures of a group say little about how it spreads: four of them pull the ratio towards 1.
        """
        neutral, b, w = self.inversion.neutral, self.loadings, weights(self.domains)
        repeated = self.domains & (neutral.pictures > 1)
        mean, square = w @ neutral.mean, np.einsum("da,aij->dij", w, neutral.square)
        within = weights(repeated) @ picture_variance(neutral, b)
        total = Moments(self.pictures, mean, square).variance(b)
        ratio = np.minimum(np.divide(within, total, out=np.ones_like(within), where=total > 0), 1)
        pooled = np.minimum(within.sum(-1) / np.maximum(total.sum(-1), 1e-12), 1)[:, None]
        expected = self.pictures[:, None] * ((self.plausible * (1 - self.plausible)) @ np.abs(self.contrasts).T)
        return (expected * np.maximum(ratio, pooled) + PRIOR_PICTURES) / (expected + PRIOR_PICTURES)

    @cached_property
    def share_variance(self) -> np.ndarray:
        """Variance of shares over the activities of each domain beyond sampling: (D, G); 0 for single activities."""
        several = (self.domains.sum(-1) > 1)[:, None]
        excess = np.clip(weights(self.domains) @ excess_squares(self.inversion), 0, None)
        return np.where(several, excess, 0)

    def path(self, values: np.ndarray) -> np.ndarray:
        """Shares at which the contrasts, sets of groups, have values (P,): (D, K, P, G).

        The groups of a set keep their proportions, and so do the others.
        """
        base = self.plausible[:, None, :]
        none, every = possible(base * (1 - self.contrasts)), possible(base * self.contrasts)
        return none[:, :, None] * (1 - values)[:, None] + every[:, :, None] * values[:, None]

    def of(self, population: str, shares: np.ndarray) -> np.ndarray:
        """Variance in a population; shapes as in `independent`."""
        return self.of_sample(shares) if population == SAMPLE else self.of_these(shares)

    def freedom(self, population: str) -> np.ndarray:
        """Degrees of freedom of the variance: (D,).

        One activity's variance is not estimated. But with the normal quantile its interval would cover too little at
        some shares, because a share of few pictures takes few values. Where activities share their noise, it is a few
        seeds that tell how alike their pictures are.
        """
        n, pictures = self.domains.sum(-1), self.domains @ self.inversion.neutral.pictures
        own = n - 1 if population == SAMPLE else np.where(n > 1, np.maximum(pictures - n, 1), pictures)
        if self.inversion.seeds is None:
            return own
        return np.where(n > 1, np.minimum(own, max(self.inversion.seeds - 1, 1)), own)

    def quantile(self, population: str, confidence: float) -> np.ndarray:
        """Student's quantile of each domain: (D,)."""
        return np.asarray(stats.t.ppf((1 + confidence) / 2, self.freedom(population)))

    def of_these(self, shares: np.ndarray) -> np.ndarray:
        """Variance for these activities, where only seeds are random; shapes as in `independent`.

        It adds up the neutral pictures within activities, the mean confusion matrix's own error, how far the judge's
        errors in the domain are from its mean errors, and, where shares and errors both differ, their product.
        """
        n, activities = self.domains.sum(-1), len(self.inversion.neutral.pictures)
        neutral = self.picture(shares) / self.pictures[:, None, None] * self.stratification[..., None]
        judge = self.judge_between.T
        away = np.clip(1 / n - 1 / activities, 0, None)[:, None, None]
        confusion = self.confusion_variance.T + judge * away
        together = (judge * self.share_variance[:, None, :]).sum(-1) / n[:, None]
        own = neutral + (shares**2 * confusion[:, :, None, :]).sum(-1) + together[..., None]
        return own + self.of_seeds(shares)


def picture_variance(neutral: Moments, loadings: np.ndarray) -> np.ndarray:
    """Unbiased variance of one picture within its activity: (A, K); 0 with fewer than two pictures."""
    n = neutral.pictures[:, None]
    return np.where(n > 1, neutral.variance(loadings) * n / np.maximum(n - 1, 1), 0)


def marked_errors(inversion: Inversion, loadings: np.ndarray) -> np.ndarray:
    """Variance of the confusion matrix of each activity by the choice of its marked pictures: (A, G, K).

    An activity with one marked picture of a group has the variance of a typical one.
    """
    n = inversion.marked.pictures[..., None]
    own = inversion.marked.variance(loadings) / np.maximum(n - 1, 1)
    return np.where(n > 1, own, np.where(n > 0, inversion.typical.variance(loadings), 0))


def excess_squares(inversion: Inversion) -> np.ndarray:
    """Squared deviation of each activity's shares from the mean, less its sampling variance: (A, G).

    The activity's own confusion matrix is used, which removes what the judge does differently there. The expected value
    is 0 if all activities are alike.
    """
    loadings, n = inversion.inverse, inversion.neutral.pictures
    drawn = (n > 0)[None]
    shares = possible(inversion.shares(drawn))[0]
    deviation = (inversion.neutral.mean - np.einsum("g,agj->aj", shares, inversion.rates)) @ loadings.T
    noise = picture_variance(inversion.neutral, loadings) / np.maximum(n, 1)[:, None]
    noise = noise + np.einsum("g,agk->ak", shares**2, marked_errors(inversion, loadings))
    count = drawn.sum()
    return np.where(drawn.T, deviation**2 * count / max(count - 1, 1) - noise, 0)


def set_intervals(
    inversion: Inversion, domains: np.ndarray, sets: np.ndarray, population: str, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of the shares of sets of groups: all values that a score test keeps.

    The variance is that at the tested value, as in Wilson's interval, so that an interval at 0 or 1 still has a width.
    It includes the error of the confusion matrix.

    Parameters
    ----------
    inversion : Inversion
    domains : boolean ndarray of shape (D, A)
        Activities with neutral pictures.
    sets : ndarray of shape (K, G)
        1 for the groups of a set and 0 for others; the identity gives each group's own share.
    population : {SAMPLE, THESE}
    confidence : float

    Returns
    -------
    low, high : ndarray of shape (D, K)
        Within [0, 1].

    References
    ----------
    docs/method.md section 7. Wilson 1927, JASA 22:209; Rogan and Gladen 1978, Am. J. Epidemiol. 107:71.
    """
    variance = Variance(inversion, domains, sets)
    # The variance is quadratic in the tested value, so three points determine it.
    path = variance.path(np.array([0.0, 0.5, 1.0]))
    reach = variance.of(population, path) * variance.quantile(population, confidence)[:, None, None] ** 2
    return _limits(np.clip(variance.estimates, 0, 1), *np.moveaxis(reach, -1, 0))


def set_tests(
    inversion: Inversion, domains: np.ndarray, sets: np.ndarray, values: np.ndarray, population: str
) -> np.ndarray:
    """Two-sided p-values (D, K) that sets have these shares (K,): the score tests that `set_intervals` inverts."""
    score, freedom = _scores(inversion, domains, sets, values, population)
    return np.asarray(2 * stats.t.sf(np.abs(score), freedom))


def equivalence_tests(
    inversion: Inversion, domains: np.ndarray, sets: np.ndarray, values: np.ndarray, margin: float, population: str
) -> np.ndarray:
    """p-values (D, K) that sets differ from these shares (K,) by a margin or more: two one-sided score tests.

    A bound outside [0, 1] cannot be crossed and needs no test.

    References
    ----------
    docs/method.md section 7. Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657.
    """
    p = []
    for side in (-1, 1):
        bound = values + side * margin
        score, freedom = _scores(inversion, domains, sets, np.clip(bound, 0, 1), population)
        p.append(np.where((bound > 0) & (bound < 1), stats.t.sf(-side * score, freedom), 0))
    return np.maximum(*p)


def _scores(
    inversion: Inversion, domains: np.ndarray, sets: np.ndarray, values: np.ndarray, population: str
) -> tuple[np.ndarray, np.ndarray]:
    """Estimates less values in units of their standard error under the values (D, K), and degrees of freedom (D, 1)."""
    variance = Variance(inversion, domains, sets)
    at = variance.path(values)[:, np.arange(len(sets)), np.arange(len(sets))][:, :, None, :]
    spread = np.sqrt(variance.of(population, at)[..., 0])
    return (np.clip(variance.estimates, 0, 1) - values) / spread, variance.freedom(population)[:, None]


def joint_test(inversion: Inversion, reference: np.ndarray, population: str) -> float:
    """p-value of the score test that the mean shares over all activities are the reference (Hotelling's T squared).

    The covariance is that of independent pictures under the reference, scaled by the largest ratio of any group's
    variance in this population to its variance with independent pictures.
    """
    k, domain = inversion.groups, (inversion.neutral.pictures > 0)[None]
    variance = Variance(inversion, domain, np.eye(k))
    at = np.broadcast_to(reference, (1, k, 1, k))
    ratio = (variance.of(population, at) / variance.independent(at)).max()
    typical, n = inversion.typical, inversion.marked.pictures
    mean = reference @ typical.mean
    picture = np.einsum("g,gij->ij", reference, typical.square) - np.outer(mean, mean)
    rows = typical.square - typical.mean[:, :, None] * typical.mean[:, None, :]
    each = np.where(n > 0, 1 / np.maximum(n, 1), 0).sum(0) / inversion.seen**2
    scores = inversion.dispersion * picture / variance.pictures[0] + np.einsum("g,gij->ij", reference**2 * each, rows)
    # The last share follows from the others.
    loadings = inversion.inverse[:-1]
    covariance = ratio * loadings @ scores @ loadings.T
    away = (inversion.shares(domain)[0] - reference)[:-1]
    squared, df = away @ np.linalg.pinv(covariance) @ away, float(variance.freedom(population)[0])
    return float(stats.f.sf(squared * (df - k + 2) / ((k - 1) * df), k - 1, max(df - k + 2, 1)))


def _limits(
    estimate: np.ndarray, at_zero: np.ndarray, at_half: np.ndarray, at_one: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the values v in [0, 1] with ``(estimate - v)**2 <= reach(v)``, a quadratic through these three values."""
    curvature = 2 * at_zero - 4 * at_half + 2 * at_one
    slope = -3 * at_zero + 4 * at_half - at_one
    a, b, c = 1 - curvature, -2 * estimate - slope, estimate**2 - at_zero
    # a > 0 unless the reach covers everything; the estimate itself always belongs to the interval.
    root = np.sqrt(np.clip(b**2 - 4 * a * c, 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (-b - root) / (2 * a), (-b + root) / (2 * a)
    low, high = np.where(a > 0, low, 0), np.where(a > 0, high, 1)
    return np.clip(np.minimum(low, estimate), 0, 1), np.clip(np.maximum(high, estimate), 0, 1)
