"""A linear classifier in one embedding space, trained on the study's own marked pictures (docs/method.md section 7).

It needs no text and no further picture, and exists in every space.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp, softmax
from sklearn.covariance import ledoit_wolf
from sklearn.linear_model import LogisticRegression

from untold.data.vectors import unit

FOLDS = 8
# Inverse penalties that are tried, from strong to weak, for vectors whose mean square length is 1.
PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)
# Fewer activities, or marked pictures of one seed alone, leave nothing to train on that a picture is no part of.
LEAST_ACTIVITIES = 5
LEAST_SEEDS = 2
# Spaces of more dimensions are read through this many combinations of marked pictures.
DIMENSIONS = 2048
# Singular values below this share of the largest are rounding.
TINY = 1e-4
NEUTRAL = -1


@dataclass(frozen=True)
class Probe:
    """What a probe says of every picture, each by a model that saw no picture of its activity.

    Attributes
    ----------
    probabilities : ndarray of float32, shape (n, G)
        NaN for pictures whose activity cannot be removed: a group has no marked picture of another seed there.
    distances : ndarray of float32, shape (n, G)
        Mahalanobis distances from the means of the groups.
    fold : ndarray of int8, shape (n,)
        Which of the cross-fitted models judged the picture.
    """

    probabilities: np.ndarray
    distances: np.ndarray
    fold: np.ndarray


def why_not(activity: np.ndarray, seed: np.ndarray, group: np.ndarray) -> str:
    """Why a study has no probe, or an empty string if it can have one; arguments as in :func:`probe`."""
    marked = group != NEUTRAL
    seeds, activities = len(np.unique(seed[marked])), len(np.unique(activity[marked]))
    if seeds < LEAST_SEEDS:
        return f"marked pictures of {seeds} seed: a probe needs {LEAST_SEEDS}, or pictures are centered by themselves"
    if activities < LEAST_ACTIVITIES:
        return (
            f"{activities} activities with marked pictures: a probe needs {LEAST_ACTIVITIES}, cross-fitted by activity"
        )
    return ""


def probe(
    vectors: np.ndarray,
    activity: np.ndarray,
    seed: np.ndarray,
    group: np.ndarray,
    *,
    random_seed: int = 0,
    dimensions: int = DIMENSIONS,
) -> Probe:
    """Judge all pictures of a study by multinomial logistic regression, cross-fitted by activity.

    The activity is removed from the vectors by :func:`centered`. One L2 penalty, the same for all folds, is chosen by
    the cross-fitted likelihood of the marked pictures, and the probabilities are calibrated on the marked pictures of
    the other folds. Groups count alike, however many pictures they have. Distances, which tell what no group explains,
    use a covariance within groups that is shrunk after Ledoit and Wolf (2004).

    Parameters
    ----------
    vectors : ndarray of shape (n, ...)
        In any type; read twice, one activity at a time, so that it may be mapped from a file.
    activity, seed : ndarray of shape (n,)
    group : integer ndarray of shape (n,)
        0 to G - 1 for marked pictures, -1 for neutral ones.
    random_seed : int
        Of the folds, and of the combinations that stand for a space of many dimensions.
    dimensions : int
        Larger spaces are read through as many random combinations of the marked pictures. With no more marked pictures
        than this nothing is lost, because the weights of a penalised classifier lie in their span.

    Raises
    ------
    ValueError
        If the study cannot have a probe; :func:`why_not` says why.

    References
    ----------
    docs/method.md section 7.
    """
    if note := why_not(activity, seed, group):
        raise ValueError(note)
    _, activity = np.unique(activity, return_inverse=True)
    points = _coordinates(vectors, activity, seed, group, dimensions, np.random.default_rng([random_seed, 0]))
    count = activity.max() + 1
    dealt = np.random.default_rng([random_seed, 1]).permutation(count) % min(FOLDS, count)
    fold = dealt[activity].astype(np.int8)
    known = np.isfinite(points).all(1)
    groups = group.max() + 1
    if set(range(groups)) - set(group[known]):
        raise ValueError("a group has no marked picture beside those of other seeds and groups of its activity")
    marked = known & (group != NEUTRAL)
    logits = _cross_fitted_logits(points, group, marked, fold)
    squares, probabilities = np.full_like(logits, np.nan), np.full_like(logits, np.nan)
    for number in np.unique(fold):
        others, judged = marked & (fold != number), known & (fold == number)
        squares[judged] = _squared_distances(points[judged], points[others], group[others], groups)
        probabilities[judged] = softmax(logits[judged] * calibration(logits[others], group[others]), axis=1)
    # Six decimals hide in which order a matrix product was added up.
    distances = np.sqrt(np.maximum(squares, 0))
    return Probe(probabilities.round(6).astype(np.float32), distances.round(3).astype(np.float32), fold)


def predictions(judged: Probe, keys: Sequence[str], axis: str, groups: Sequence[str]) -> pd.DataFrame:
    """What a probe says as a table: key, axis, group, probability, fold; pictures without an answer are left out.

    Parameters
    ----------
    judged : Probe
    keys : sequence of str of length n
        Of its pictures.
    axis : str
    groups : sequence of str of length G
        In the order of the integers that :func:`probe` was given.

    Examples
    --------
    >>> said = Probe(np.array([[0.25, 0.75]], np.float32), np.ones((1, 2), np.float32), np.array([3], np.int8))
    >>> predictions(said, ["k"], "age", ["young", "older"])
      key axis  group  probability  fold
    0   k  age  young         0.25     3
    1   k  age  older         0.75     3
    """
    answered = np.isfinite(judged.probabilities).all(1)
    count = int(answered.sum())
    return pd.DataFrame(
        {
            "key": np.repeat(np.asarray(keys, dtype=object)[answered], len(groups)),
            "axis": axis,
            "group": np.tile(np.asarray(groups, dtype=object), count),
            "probability": judged.probabilities[answered].ravel(),
            "fold": np.repeat(judged.fold[answered], len(groups)),
        }
    )


def centered(vectors: np.ndarray, seed: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Pictures of one activity less the mean of its marked pictures of other seeds.

    A picture that is part of the mean it is centered by comes nearer to its own group than any new picture can; a
    neutral one shares its noise with the marked pictures of its seed. Groups have equal weight, however many pictures
    they have.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    seed, group : ndarray of shape (n,)
        As in :func:`probe`.

    Returns
    -------
    ndarray of shape (n, d)
        NaN where a group that the activity has in another seed, or the whole activity, lacks pictures.

    Examples
    --------
    >>> vectors = np.array([[0.0], [2.0], [1.0], [3.0], [5.0]])
    >>> centered(vectors, seed=np.array([0, 0, 1, 1, 2]), group=np.array([0, 1, 0, 1, -1])).ravel()
    array([-2. ,  0. ,  0. ,  2. ,  3.5])
    """
    result = np.full_like(vectors, np.nan)
    for number in np.unique(seed):
        others = (group != NEUTRAL) & (seed != number)
        means = [vectors[others & (group == g)].mean(0) for g in np.unique(group[others])]
        if len(means) == len(np.unique(group[group != NEUTRAL])) > 0:
            rows = seed == number
            result[rows] = vectors[rows] - np.mean(means, axis=0)
    return result


def _coordinates(
    vectors: np.ndarray,
    activity: np.ndarray,
    seed: np.ndarray,
    group: np.ndarray,
    dimensions: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Centered unit vectors as (n, p) numbers that keep all products with the marked pictures' span."""
    present = np.unique(group[group != NEUTRAL])

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for number in range(activity.max() + 1):
            rows = np.flatnonzero(activity == number)
            if np.isin(present, group[rows]).all():  # the mean of some of the groups would be another point
                yield rows, centered(unit(vectors[rows]), seed[rows], group[rows])

    size = int(np.prod(vectors.shape[1:]))
    marked = int((group != NEUTRAL).sum())
    if size <= dimensions:
        points = np.full((len(vectors), size), np.nan)
        for rows, block in blocks():
            points[rows] = block
        return points
    basis = np.zeros((min(marked, dimensions), size), np.float32)
    place = 0
    for rows, block in blocks():
        usable = block[(group[rows] != NEUTRAL) & np.isfinite(block).all(1)]
        if marked <= dimensions:
            basis[place : place + len(usable)] = usable
            place += len(usable)
        else:
            basis += rng.standard_normal((dimensions, len(usable)), np.float32) @ usable
    left, singular = _left_singular(basis)
    turn = left / singular
    points = np.full((len(vectors), len(singular)), np.nan)
    for rows, block in blocks():
        points[rows] = (block @ basis.T).astype(np.float64) @ turn
    return points


def _left_singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left singular vectors and values of a wide matrix, from its products, without those that are rounding."""
    squares, left = np.linalg.eigh((matrix @ matrix.T).astype(np.float64))
    keep = squares > (TINY**2) * squares.max()
    return left[:, keep], np.sqrt(squares[keep])


def _cross_fitted_logits(points: np.ndarray, group: np.ndarray, marked: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Logits (n, G) of every picture by a model of the other folds' marked pictures; NaN for unknown points.

    Penalties are tried from strong to weak, each fit starting from the last, until the likelihood falls: the weakest
    take longest and are rarely needed.
    """
    known = np.isfinite(points).all(1)
    scaled = points / np.sqrt((points[marked] ** 2).sum(1).mean())
    folds = np.unique(fold)
    models = [LogisticRegression(class_weight="balanced", warm_start=True, max_iter=2000) for _ in folds]
    groups = int(group.max()) + 1
    best, least = np.full((len(points), groups), np.nan), np.inf
    for penalty in PENALTIES:
        logits = np.full_like(best, np.nan)
        for number, model in zip(folds, models, strict=True):
            train, judged = marked & (fold != number), known & (fold == number)
            model.set_params(C=penalty).fit(scaled[train], group[train])
            if judged.any():
                decision = model.decision_function(scaled[judged])
                # With two groups there is one number: the log odds of the second.
                logits[judged] = decision if groups > 2 else np.stack([-decision / 2, decision / 2], axis=-1)
        loss = -log_softmax(logits[marked], axis=1)[np.arange(marked.sum()), group[marked]].mean()
        if loss >= least:
            break
        best, least = logits, loss
    return best


def _squared_distances(points: np.ndarray, train: np.ndarray, truth: np.ndarray, groups: int) -> np.ndarray:
    """Squared Mahalanobis distances of points from the groups' means in the training pictures: (n, G)."""
    means = np.stack([train[truth == g].mean(0) for g in range(groups)])
    covariance, _ = ledoit_wolf(train - means[truth], assume_centered=True)
    whiten = partial(solve_triangular, np.linalg.cholesky(covariance), lower=True)
    white, centers = whiten(points.T).T, whiten(means.T).T
    return (white**2).sum(1)[:, None] - 2 * white @ centers.T + (centers**2).sum(1)


def calibration(logits: np.ndarray, truth: np.ndarray) -> float:
    """Factor that makes logits as sure as they are right: an inverse temperature.

    Some marked pictures do not show what their prompt asked for. A share of them, fitted too, is taken to be named at
    random; without it a handful of confident contradictions would make all other pictures look doubtful.

    Parameters
    ----------
    logits : ndarray of shape (n, G)
        Of pictures that the model did not learn from.
    truth : integer ndarray of shape (n,)
        Groups named in the prompts.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks.
    """
    groups = logits.shape[1]
    rows = np.arange(len(truth))

    def loss(parameters: np.ndarray) -> float:
        log_factor, wrong = parameters[0], expit(parameters[1])
        own = log_softmax(np.exp(log_factor) * logits, axis=1)[rows, truth]
        fit = logsumexp([np.log1p(-wrong) + own, np.full(len(own), np.log(wrong / groups))], axis=0).sum()
        # Weak priors: a factor within an order of magnitude of 1, and a few in a hundred prompts not followed. Groups
        # that part without an error would have no finite factor.
        return -fit + (log_factor / 2) ** 2 / 2 - np.log(wrong) / 2 - 4 * np.log1p(-wrong)

    best = minimize(loss, [-1.0, -4.0], method="L-BFGS-B", bounds=[(-6, 2), (-9, 3)])
    return float(np.exp(best.x[0]))
