"""Clustering of images in the space of an encoder, and cluster validation (docs/method.md section 10).

Images are clustered in the L2-normalised space or in its leading principal components, never in two dimensions.
Computations that are too expensive for all points use a random sample, which ``note`` reports. No N x N matrix is
held in memory. Everything runs on one thread, because the order of additions across threads is not deterministic
and could change the result of near ties.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, euclidean_distances, silhouette_samples
from sklearn.neighbors import NearestNeighbors

from untold.data.vectors import unit
from untold.structure.sampling import NOISE, reproducible, sample
from untold.structure.sampling import sample_note as sample_note


@dataclass(frozen=True)
class Clustering:
    """Cluster assignments of n points.

    Attributes
    ----------
    method : str
        Name of the method with its parameters, as shown in tables.
    labels : ndarray of int, shape (n,)
        Cluster numbers; 0 is the largest cluster and -1 is noise.
    note : str
        Describes sampling and anything that could not be done; empty otherwise.
    """

    method: str
    labels: np.ndarray
    note: str = ""

    @property
    def count(self) -> int:
        """Number of clusters, excluding noise."""
        return int(self.labels.max(initial=NOISE)) + 1


Fit = Callable[[np.ndarray], Clustering]


def prepare(vectors: np.ndarray, components: int | None = None) -> np.ndarray:
    """Prepare vectors for clustering: normalise them and optionally reduce them to their leading principal components.

    A space with more dimensions than points, such as that of the latents, is rotated so that its first n coordinates
    hold all variance. This preserves distances and reduces the time of k-means to n / d.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    components : int, optional
        At least 3, because two coordinates are for display only. HDBSCAN is 12 times faster with 50 than with 512.

    Returns
    -------
    ndarray of float32, shape (n, min(components, d, n))
    """
    if components is not None and components < 3:
        raise ValueError(f"components = {components}: clusters are not made on 2-D coordinates; take 50")
    points = unit(vectors)
    wanted = min(components or len(points), *points.shape)
    with reproducible():
        if points.shape[1] > len(points):
            return _turned(points, wanted)
        if wanted == points.shape[1]:
            return points
        return PCA(wanted, svd_solver="covariance_eigh").fit_transform(points).astype(np.float32)


def _turned(points: np.ndarray, components: int) -> np.ndarray:
    """Compute the leading principal components from the Gram matrix of the points.

    The covariance matrix of 36 864 dimensions and its decomposition would take tens of gigabytes.
    """
    centred = points - points.mean(axis=0)
    last = len(points) - 1
    values, vectors = linalg.eigh(centred @ centred.T, subset_by_index=[last - components + 1, last])
    return (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1].astype(np.float32)


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Renumber clusters by decreasing size and then by first member, so that the numbers are deterministic."""
    found, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    real = found != NOISE
    order = np.lexsort((first[real], -sizes[real]))
    renumbered = np.full(len(labels), NOISE)
    for new, old in enumerate(found[real][order]):
        renumbered[labels == old] = new
    return renumbered


def kmeans(points: np.ndarray, k: int, *, seed: int, starts: int = 10, limit: int = 20_000) -> Clustering:
    """Cluster points with k-means.

    With more than ``limit`` points, the best of the starts is found on a sample and refined on all points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        From :func:`prepare`.
    k : int
        Number of clusters. Reduced to the number of distinct points if there are fewer, which ``note`` reports.
    """
    notes = []
    chosen = sample(len(points), limit, seed)
    distinct = len(np.unique(points[chosen], axis=0))
    if distinct < k:
        notes.append(f"k reduced from {k} to {distinct}, the number of distinct points")
        k = distinct
    with reproducible():
        model = KMeans(k, n_init=starts, random_state=seed).fit(points[chosen])
        if len(chosen) < len(points):
            notes.append(f"starts on a sample of {len(chosen)} of {len(points)} points, refined on all")
            model = KMeans(k, init=model.cluster_centers_, n_init=1, random_state=seed).fit(points)
    return Clustering(f"kmeans k={k}", _by_size(model.labels_), "; ".join(notes))


def choose_k(points: np.ndarray, ks: Sequence[int], *, seed: int, limit: int = 5_000) -> pd.DataFrame:
    """Compute the micro and macro silhouette of k-means for each k, and choose k.

    Returns
    -------
    DataFrame
        ``k, n, silhouette_micro, silhouette_macro, chosen, note``. The chosen k has the highest micro
        silhouette; ties go to the smallest k. No k is chosen if no silhouette can be computed.
    """
    part = points[sample(len(points), limit, seed)]
    rows = []
    for k in sorted(set(ks)):
        if not 2 <= k < len(part):
            rows.append((k, len(part), np.nan, np.nan, f"needs 2 <= k < {len(part)} points"))
            continue
        result = kmeans(part, k, seed=seed, starts=4)
        scores = silhouette(part, result.labels, seed=seed, limit=limit).set_index("cluster")
        note = result.note or sample_note(len(part), len(points))
        rows.append((k, len(part), *scores.loc[["micro", "macro"], "silhouette"], note))
    table = pd.DataFrame(rows, columns=["k", "n", "silhouette_micro", "silhouette_macro", "note"])
    best = table["silhouette_micro"].idxmax() if table["silhouette_micro"].notna().any() else None
    table.insert(4, "chosen", table.index == best)
    return table


def search_k(points: np.ndarray, ks: Sequence[int], *, seed: int) -> Clustering:
    """Cluster a few points with k-means, with the k of the largest mean silhouette; ties go to the smallest k."""
    found = [kmeans(points, k, seed=seed, starts=1) for k in sorted(set(ks)) if 2 <= k < len(points)]
    if not found:
        return Clustering("kmeans", np.zeros(len(points), dtype=int), "too few points")
    return max(found, key=lambda clustering: np.nan_to_num(_mean_silhouettes(points, clustering.labels)[0], nan=-1.0))


def dbscan(
    points: np.ndarray, *, seed: int, min_samples: int = 5, eps: float | None = None, limit: int = 10_000
) -> Clustering:
    """Cluster points by density with DBSCAN.

    With more than ``limit`` points, a sample is clustered. Each remaining point joins the cluster of its nearest core
    point in the sample if that core point lies within ``eps``, which is DBSCAN's own rule for border points.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        From :func:`prepare`.
    min_samples : int
    eps : float, optional
        By default the knee of the sorted distances to the ``min_samples``-th neighbour, that is the point farthest
        from the straight line between both ends of the curve (Ester et al. 1996 choose it by eye).
    """
    chosen = sample(len(points), limit, seed)
    part = points[chosen]
    if len(part) <= min_samples:
        return Clustering("dbscan", np.full(len(points), NOISE), f"{len(part)} points, min_samples {min_samples}")
    with reproducible():
        if eps is None:
            finder = NearestNeighbors(n_neighbors=min_samples, algorithm="brute").fit(part)
            eps = _knee(np.sort(finder.kneighbors(part)[0][:, -1]))
        method = f"dbscan eps={eps:.4g} min_samples={min_samples}"
        if eps <= 0:
            return Clustering(method, np.full(len(points), NOISE), "the points coincide: no radius to be had")
        model = DBSCAN(eps=eps, min_samples=min_samples, algorithm="brute").fit(part)
        core = model.core_sample_indices_
        labels = _propagate(points, chosen, model.labels_, core, eps)
    note = sample_note(len(part), len(points))
    return Clustering(method, _by_size(labels), note and note + "; others join the nearest core point within eps")


def _knee(rising: np.ndarray) -> float:
    height = rising[-1] - rising[0]
    if height == 0:
        return float(rising[-1])
    below = np.linspace(0, 1, len(rising)) - (rising - rising[0]) / height
    return float(rising[np.argmax(below)])


def hdbscan(
    points: np.ndarray, *, seed: int, min_cluster_size: int = 15, min_samples: int = 5, limit: int = 10_000
) -> Clustering:
    """Cluster points by density at all scales with HDBSCAN (Campello et al. 2013).

    With more than ``limit`` points, a sample is clustered and every other point takes the label of the nearest
    sampled point, including noise. ``min_cluster_size`` then counts sampled points.
    """
    method = f"hdbscan min_cluster_size={min_cluster_size} min_samples={min_samples}"
    chosen = sample(len(points), limit, seed)
    part = points[chosen]
    if len(part) < max(min_cluster_size, min_samples + 1):
        return Clustering(method, np.full(len(points), NOISE), f"only {len(part)} points")
    with reproducible():
        # The tree algorithms need O(n) memory; "brute" would hold the full distance matrix.
        model = HDBSCAN(min_cluster_size, min_samples=min_samples, algorithm="kd_tree", copy=True).fit(part)
        labels = _propagate(points, chosen, model.labels_, np.arange(len(part)), np.inf)
    note = sample_note(len(part), len(points))
    return Clustering(method, _by_size(labels), note and note + "; others take the label of the nearest sampled point")


def _propagate(
    points: np.ndarray, chosen: np.ndarray, labels: np.ndarray, guides: np.ndarray, reach: float
) -> np.ndarray:
    """Assign labels to all points: the rest take the label of the nearest guide within ``reach``, or noise."""
    everyone = np.full(len(points), NOISE)
    everyone[chosen] = labels
    rest = np.setdiff1d(np.arange(len(points)), chosen, assume_unique=True)
    if not len(rest) or not len(guides):
        return everyone
    finder = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points[chosen[guides]])
    distance, nearest = finder.kneighbors(points[rest])
    everyone[rest] = np.where(distance[:, 0] <= reach, labels[guides[nearest[:, 0]]], NOISE)
    return everyone


def silhouette(points: np.ndarray, labels: np.ndarray, *, seed: int, limit: int = 10_000) -> pd.DataFrame:
    """Compute the silhouette of each cluster and its mean over points (micro) and over clusters (macro).

    Noise is excluded. With more than ``limit`` points, each cluster is sampled in proportion to its size, with at
    least 20 points per cluster, and the micro mean is weighted by the true sizes.

    Returns
    -------
    DataFrame
        ``cluster`` (the number as text, or micro or macro), ``n``, ``silhouette``, ``note``.

    References
    ----------
    Rousseeuw (1987).
    """
    inside = np.flatnonzero(labels != NOISE)
    names, sizes = np.unique(labels[inside], return_counts=True)
    notes = [f"{len(labels) - len(inside)} points in no cluster left out"] if len(inside) < len(labels) else []
    rng = np.random.default_rng(seed)
    if len(inside) > limit:
        take = np.minimum(sizes, np.maximum(20, np.ceil(limit * sizes / len(inside)).astype(int)))
        drawn = [
            rng.choice(inside[labels[inside] == name], count, replace=False)
            for name, count in zip(names, take, strict=True)
        ]
        chosen = np.sort(np.concatenate(drawn))
        notes.append(sample_note(len(chosen), len(inside)))
    else:
        chosen = inside
    if 2 <= len(names) < len(chosen):
        with reproducible():
            scores = silhouette_samples(points[chosen], labels[chosen])
        means = pd.Series(scores).groupby(labels[chosen]).mean().reindex(names).to_numpy()
        micro, macro = np.average(means, weights=sizes), means.mean()
    else:
        notes.append(f"{len(names)} clusters of {len(chosen)} points: no silhouette")
        means, micro, macro = np.full(len(names), np.nan), np.nan, np.nan
    return pd.DataFrame(
        {
            "cluster": [*map(str, names), "micro", "macro"],
            "n": [*sizes, len(inside), len(inside)],
            "silhouette": [*means, micro, macro],
            "note": "; ".join(notes),
        }
    )


def stability(
    points: np.ndarray, fit: Fit, *, seed: int, bootstraps: int = 20, limit: int = 5_000
) -> tuple[np.ndarray, str]:
    """Measure the stability of clusters under resampling by the adjusted Rand index of each bootstrap sample.

    Each bootstrap clusters the distinct points that it drew, because DBSCAN would see repeated points as dense. It
    compares their labels with those from the clustering of all points. Noise counts as a cluster.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    fit : callable
        ``points -> Clustering``, for example ``lambda x: kmeans(x, 8, seed=0)``.

    Returns
    -------
    scores : ndarray of shape (bootstraps,)
        Their mean is the stability. NaN if there are fewer than two clusters.
    note : str

    References
    ----------
    Hennig (2007), Cluster-wise assessment of cluster stability.
    """
    part = points[sample(len(points), limit, seed)]
    note = sample_note(len(part), len(points))
    whole = fit(part).labels
    if whole.max(initial=NOISE) < 1:
        return np.full(bootstraps, np.nan), "; ".join(
            filter(None, [note, "fewer than two clusters: nothing to compare"])
        )
    rng = np.random.default_rng(seed)
    draws = (np.unique(rng.integers(len(part), size=len(part))) for _ in range(bootstraps))
    return np.array([adjusted_rand_score(whole[drawn], fit(part[drawn]).labels) for drawn in draws]), note


def null_reference(points: np.ndarray, fit: Fit, *, seed: int, null_sets: int = 19, limit: int = 5_000) -> pd.DataFrame:
    """Compare the silhouette with that of sets without clusters that are as elongated as the data.

    A null set is drawn from one Gaussian with the data's mean and covariance. Permuting the coordinates, as the gap
    statistic does, would remove their correlations, and then every elongated cloud would seem to have clusters.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    fit : callable
        ``points -> Clustering``. Everything that was chosen from the data must be chosen within it, for each null set
        anew, such as the number of clusters (`search_k`).

    Returns
    -------
    DataFrame
        ``statistic`` (silhouette_micro, silhouette_macro), ``n``, ``estimate``, ``null_mean``, ``null_low``,
        ``null_high`` (range of the null sets), ``p`` (one-sided, (b + 1) / (m + 1)), ``note``.

    References
    ----------
    Liu, Hayes, Nobel, Marron 2008, JASA 103:1281 (a Gaussian with the data's covariance as the null).
    """
    part = points[sample(len(points), limit, seed)]
    names = ["micro", "macro"]
    observed = _mean_silhouettes(part, fit(part).labels)
    drawn = _gaussian(points[sample(len(points), 2 * limit, seed)], len(part), null_sets, seed)
    null = np.array([_mean_silhouettes(x, fit(x).labels) for x in drawn])
    rows = []
    for name, value, values in zip(names, observed, null.T, strict=True):
        known = values[np.isfinite(values)]
        notes = [sample_note(len(part), len(points))]
        if np.isnan(value):
            notes.append("no silhouette to compare")
        if len(known) < len(values):
            notes.append(f"{len(values) - len(known)} of {len(values)} null sets had fewer than two clusters")
        # A null set without clusters is less clustered than any data with a silhouette.
        p = (np.sum(known >= value) + 1) / (len(values) + 1) if np.isfinite(value) else np.nan
        span = (known.mean(), known.min(), known.max()) if len(known) else (np.nan,) * 3
        rows.append((f"silhouette_{name}", len(part), value, *span, p, "; ".join(filter(None, notes))))
    columns = ["statistic", "n", "estimate", "null_mean", "null_low", "null_high", "p", "note"]
    return pd.DataFrame(rows, columns=columns)


def _gaussian(points: np.ndarray, n: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """Draw sets of ``n`` points from a Gaussian with the mean and covariance of the points."""
    rng = np.random.default_rng(seed)
    mean = points.mean(axis=0)
    with reproducible():
        _, spread, axes = linalg.svd(points - mean, full_matrices=False)
        axes = axes * (spread / np.sqrt(max(len(points) - 1, 1)))[:, None]
        for _ in range(count):
            yield mean + rng.normal(size=(n, len(axes))).astype(points.dtype) @ axes


def _mean_silhouettes(points: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The mean silhouette over points and over clusters, without noise; NaN without two clusters.

    As `silhouette`, but for few points: all distances are in memory, and sums over clusters are one product.
    """
    inside = labels != NOISE
    names, member = np.unique(labels[inside], return_inverse=True)
    if not 2 <= len(names) < inside.sum():
        return np.nan, np.nan
    with reproducible():
        distances = euclidean_distances(points[inside])
        hot = np.eye(len(names), dtype=distances.dtype)[member]
        sums = distances @ hot
    sizes = hot.sum(0)
    rows = np.arange(len(member))
    own = sums[rows, member] / np.maximum(sizes[member] - 1, 1)
    other = sums / sizes
    other[rows, member] = np.inf
    nearest = other.min(1)
    largest = np.maximum(own, nearest)
    scores = np.divide(nearest - own, largest, out=np.zeros_like(own), where=(largest > 0) & (sizes[member] > 1))
    return float(scores.mean()), float((hot.T @ scores / sizes).mean())


def evaluate(
    points: np.ndarray,
    clustering: Clustering,
    fit: Fit,
    *,
    search: Fit | None = None,
    seed: int,
    bootstraps: int = 20,
    null_sets: int = 19,
    limit: int = 1_000,  # HDBSCAN takes over ten times as long for 5 000 points, and there are dozens of null sets
    null_limit: int = 500,
) -> pd.DataFrame:
    """Compute the validation statistics of a clustering, one per row.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    clustering : Clustering
        Of these points.
    fit : callable
        ``points -> Clustering`` with the parameters of ``clustering``, for the stability.
    search : callable, optional
        The same with parameters chosen anew, for the null sets (`null_reference`); ``fit`` if nothing was chosen.
    limit, null_limit : int
        Most points of a bootstrap and of a null set.

    Returns
    -------
    DataFrame
        ``statistic, n, estimate, low, high, null_mean, null_low, null_high, p, method, note``. The statistics are
        clusters, noise_share, silhouette_micro, silhouette_macro and stability (95 % range over bootstraps).
    """
    labels, n = clustering.labels, len(clustering.labels)
    overall = silhouette(points, labels, seed=seed).set_index("cluster")
    null = null_reference(points, search or fit, seed=seed, null_sets=null_sets, limit=null_limit)
    null = null.set_index("statistic")
    rows = [
        {"statistic": "clusters", "n": n, "estimate": clustering.count, "note": clustering.note},
        {
            "statistic": "noise_share",
            "n": n,
            "estimate": float(np.mean(labels == NOISE)),
            "note": clustering.note,
        },
    ]
    for name in ("micro", "macro"):
        score, reference = overall.loc[name], null.loc[f"silhouette_{name}"]
        note = "; ".join(
            dict.fromkeys(filter(None, [str(score["note"]), f"null {reference['note']}".removesuffix("null ")]))
        )
        span = {key: reference[key] for key in ("null_mean", "null_low", "null_high", "p")}
        rows.append(
            {
                "statistic": f"silhouette_{name}",
                "n": score["n"],
                "estimate": score["silhouette"],
                **span,
                "note": note,
            }
        )
    scores, note = stability(points, fit, seed=seed, bootstraps=bootstraps, limit=limit)
    low, high = np.quantile(scores, [0.025, 0.975])
    used = min(limit, len(points))
    rows.append(
        {
            "statistic": "stability",
            "n": used,
            "estimate": scores.mean(),
            "low": low,
            "high": high,
            "note": note,
        }
    )
    columns = [
        "statistic",
        "n",
        "estimate",
        "low",
        "high",
        "null_mean",
        "null_low",
        "null_high",
        "p",
        "method",
        "note",
    ]
    return pd.DataFrame(rows).assign(method=clustering.method).reindex(columns=columns)


def agreement(first: np.ndarray, second: np.ndarray) -> dict[str, float | int | str]:
    """Compute the adjusted Rand index between the clusters of two encoders, over points that neither labels as noise.

    Returns
    -------
    dict
        ``n`` (points compared), ``estimate``, ``note``.

    Examples
    --------
    >>> agreement(np.array([0, 0, 1, 1, -1]), np.array([5, 5, 3, 3, 3]))
    {'n': 4, 'estimate': 1.0, 'note': '1 points that one of them puts in no cluster left out'}
    """
    both = (first != NOISE) & (second != NOISE)
    left_out = int((~both).sum())
    note = f"{left_out} points that one of them puts in no cluster left out" if left_out else ""
    if both.sum() < 2:
        return {"n": int(both.sum()), "estimate": np.nan, "note": note or "fewer than two points"}
    return {
        "n": int(both.sum()),
        "estimate": float(adjusted_rand_score(first[both], second[both])),
        "note": note,
    }


def representatives(points: np.ndarray, labels: np.ndarray, *, count: int = 8) -> pd.DataFrame:
    """Find the points of each cluster that are nearest to its centre and those farthest from it.

    Returns
    -------
    DataFrame
        ``cluster, role`` (nearest, outlier), ``rank`` (from 1), ``position`` (row of ``points``),
        ``distance`` (Euclidean). A point of a small cluster can have both roles. Noise has no representatives.

    Examples
    --------
    >>> points, labels = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([0, 0, 0, 0])
    >>> representatives(points, labels, count=1)
       cluster     role  rank  position  distance
    0        0  nearest     1         2       1.0
    1        0  outlier     1         3       6.0
    """
    rows = []
    for cluster in np.unique(labels[labels != NOISE]):
        members = np.flatnonzero(labels == cluster)
        centre = points[members].mean(axis=0, dtype=np.float64)
        distance = np.linalg.norm(points[members] - centre, axis=1)
        order = np.argsort(distance, kind="stable")
        for role, chosen in (("nearest", order[:count]), ("outlier", order[::-1][:count])):
            rows += [(int(cluster), role, rank, members[i], distance[i]) for rank, i in enumerate(chosen, 1)]
    return pd.DataFrame(rows, columns=["cluster", "role", "rank", "position", "distance"])
