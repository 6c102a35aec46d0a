"""Near-duplicates, and weights or a keep-list that balance attributes within clusters (docs/method.md section 10)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.decomposition import PCA

from untold.data.categories import sort_by_category
from untold.data.vectors import unit
from untold.structure.sampling import reproducible, sample

BLOCK = 1_024
MAX_PAIRS = 1_000_000  # pairs held in memory before they are joined; all images of a set may be near each other


def near_duplicates(
    vectors: np.ndarray, sha256: ArrayLike, *, threshold: float = 0.97, components: int = 32
) -> pd.DataFrame:
    """Find groups of images that are identical files or whose cosine similarity is at least ``threshold``.

    The search is exact and needs no N x N matrix. Projection onto principal components never increases distances, so
    a pair that is too far apart in the first one, or in the first ``components``, needs no full comparison.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    sha256 : sequence of str, length n
        Hashes of the file contents.
    threshold : float
        In (0, 1].

    Returns
    -------
    DataFrame
        One row per image that has an earlier duplicate: ``position, duplicate_of`` (position of the image that is
        kept in its place), ``kind`` (exact, near), ``cosine`` to that image, at least the threshold if it is near. In
        a chain of duplicates, whose ends are unlike, more than one image is kept.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [1.0, 0.0]])
    >>> near_duplicates(vectors, ["a", "b", "c", "a"]).round(4)
       position  duplicate_of   kind  cosine
    0         2             0   near     1.0
    1         3             0  exact     1.0
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold = {threshold}: a cosine above 0 and at most 1")
    columns = ["position", "duplicate_of", "kind", "cosine"]
    if len(vectors) < 2:
        return pd.DataFrame(columns=columns)
    points = unit(vectors)
    codes, files = pd.factorize(pd.Series(sha256))
    first = np.full(len(files), len(points))
    np.minimum.at(first, codes, np.arange(len(points)))
    group = first[codes]
    with reproducible():
        chain = _join_near(points, np.unique(group), group, threshold, min(components, points.shape[1]))
        group = _kept(points, group, chain, threshold)[group]
    later = np.flatnonzero(group < np.arange(len(points)))
    leader = group[later]
    return pd.DataFrame(
        {
            "position": later,
            "duplicate_of": leader,
            "kind": np.where(codes[later] == codes[leader], "exact", "near"),
            "cosine": np.einsum("ij,ij->i", points[later], points[leader], dtype=np.float64).clip(-1, 1),
        },
        columns=columns,
    )


def _join_near(
    points: np.ndarray, distinct: np.ndarray, group: np.ndarray, threshold: float, components: int
) -> np.ndarray:
    """Join the groups of near pairs; each group is named by its first position."""
    if len(distinct) < 2:
        return group
    components = min(components, len(distinct))
    fitted = PCA(components, svd_solver="covariance_eigh").fit(points[distinct[sample(len(distinct), 20_000, 0)]])
    short = fitted.transform(points[distinct]).astype(np.float32)
    order = np.argsort(short[:, 0], kind="stable")
    distinct, short = distinct[order], short[order]
    # For unit vectors, |x - y|^2 = 2 - 2 cos. The margin allows for float32 rounding.
    reach = 2 - 2 * threshold + 1e-4
    # One matrix product computes |x|^2 + |y|^2 - 2 <x, y>.
    norms = np.einsum("ij,ij->i", short, short)[:, None]
    left = np.hstack([short, norms, np.ones_like(norms)])
    right = np.hstack([-2 * short, np.ones_like(norms), norms]).T.copy()
    for start in range(0, len(distinct), BLOCK):
        mine = slice(start, start + BLOCK)
        end = int(np.searchsorted(short[:, 0], short[mine, 0][-1] + np.sqrt(reach), side="right"))
        pairs = [np.empty((2, 0), dtype=int)]
        for other in range(start, end, BLOCK):
            squared = left[mine] @ right[:, other : min(other + BLOCK, end)]
            i, j = np.divmod(np.flatnonzero(squared <= reach), squared.shape[1])
            i, j = distinct[i + start], distinct[j + other]
            # Pairs that are already joined need no comparison, which keeps thousands of copies cheap.
            apart = group[i] != group[j]
            i, j = i[apart], j[apart]
            for part in (slice(at, at + 16 * BLOCK) for at in range(0, len(i), 16 * BLOCK)):
                near = np.einsum("ij,ij->i", points[i[part]], points[j[part]]) >= threshold - 1e-6
                pairs.append(np.stack([i[part][near], j[part][near]]))
            if sum(pair.shape[1] for pair in pairs) > MAX_PAIRS:
                group, pairs = _join(group, np.concatenate(pairs, axis=1)), pairs[:1]
        group = _join(group, np.concatenate(pairs, axis=1))
    return group


def _kept(points: np.ndarray, distinct: np.ndarray, chain: np.ndarray, threshold: float) -> np.ndarray:
    """For each image, the one that is kept in its place: the first of its chain that it is near to, if not itself."""
    kept = np.arange(len(points))
    members = np.unique(distinct)
    members = members[np.argsort(chain[members], kind="stable")]
    for left in np.split(members, np.flatnonzero(np.diff(chain[members])) + 1):
        while len(left) > 1:
            near = points[left] @ points[left[0]] >= threshold - 1e-6
            near[0] = True
            kept[left[near]] = left[0]
            left = left[~near]
    return kept


def _join(group: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    if not pairs.size:
        return group
    n = len(group)
    everyone = np.arange(n)
    rows, columns = np.concatenate([everyone, pairs[0]]), np.concatenate([group, pairs[1]])
    _, label = connected_components(coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n)), False)
    first = np.full(label.max() + 1, n)
    np.minimum.at(first, label, everyone)
    return first[label]


def balancing_weights(
    attributes: pd.DataFrame,
    clusters: np.ndarray,
    *,
    targets: Mapping[str, Mapping[str, float]] | None = None,
    keep: np.ndarray | None = None,
    rounds: int = 500,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Compute weights by raking that give every attribute its target shares in every cluster.

    Parameters
    ----------
    attributes : DataFrame of shape (n, attributes)
        An image that lacks any of the attributes keeps weight 1 and is not counted.
    clusters : ndarray of int, shape (n,)
    targets : mapping of attribute to {value: share}, optional
        Equal shares by default, which is only one possible reference. If a cluster lacks a value, the other values
        share its part in proportion, which the notes report.
    keep : ndarray of bool, shape (n,), optional
        Images to use, for example without duplicates; all others get weight 0.

    Returns
    -------
    weights : ndarray of shape (n,)
        Their mean over the balanced images of each cluster is 1.
    notes : DataFrame
        ``cluster, attribute, note``: targets that could not be reached, and images without labels.

    References
    ----------
    Deming and Stephan (1940), for iterative proportional fitting.

    Examples
    --------
    >>> people = pd.DataFrame({"gender": ["f", "m", "m", "m"]})
    >>> weights, notes = balancing_weights(people, np.zeros(4, dtype=int))
    >>> weights.round(2)
    array([2.  , 0.67, 0.67, 0.67])
    """
    clusters = np.asarray(clusters)
    keep = np.ones(len(clusters), dtype=bool) if keep is None else np.asarray(keep, dtype=bool)
    labelled = attributes.notna().all(axis=1).to_numpy()
    coded = {name: _codes(attributes[name], (targets or {}).get(name)) for name in attributes.columns}
    weights = keep.astype(float)
    notes: list[tuple[int, str, str]] = []
    for cluster in np.unique(clusters):
        inside = (clusters == cluster) & keep
        if unlabelled := int((inside & ~labelled).sum()):
            notes.append((cluster, "", f"{unlabelled} images lack a label and keep weight 1"))
        at = np.flatnonzero(inside & labelled)
        if not len(at):
            continue
        margins = {}
        for name, (codes, wanted) in coded.items():
            present = np.bincount(codes[at], minlength=len(wanted)) > 0
            if lacking := list(wanted.index[(wanted > 0) & ~present]):
                notes.append((cluster, name, f"no image with {', '.join(lacking)}: the others share its part"))
            reachable = wanted.to_numpy() * present
            if reachable.sum() > 0:
                margins[name] = (codes[at], reachable / reachable.sum())
        weights[at], missed = _rake(margins, len(at), rounds)
        notes += [
            (cluster, name, f"attributes contradict each other: shares miss the target by up to {gap:.3f}")
            for name, gap in missed.items()
            if gap > tolerance
        ]
    return weights, pd.DataFrame(notes, columns=["cluster", "attribute", "note"])


def _codes(values: pd.Series, target: Mapping[str, float] | None) -> tuple[np.ndarray, pd.Series]:
    """Return the code of each image (-1 without a label) and the target share of each code's value."""
    text = values.astype(object).map(str, na_action="ignore")
    known = sorted({*text.dropna(), *(target or {})})
    wanted = pd.Series(1.0 if target is None else target, index=known, dtype=float).fillna(0)
    return pd.Categorical(text, categories=known).codes.astype(int), wanted / max(wanted.sum(), 1e-300)


def _rake(
    margins: Mapping[str, tuple[np.ndarray, np.ndarray]], n: int, rounds: int
) -> tuple[np.ndarray, dict[str, float]]:
    """Return weights with mean 1 and the largest deviation of each margin from its target."""
    weights = np.ones(n)

    def share(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return np.bincount(codes, weights, minlength=len(wanted)) / weights.sum()

    for _ in range(rounds):
        for codes, wanted in margins.values():
            now = share(codes, wanted)
            factor = np.divide(wanted, now, out=np.zeros_like(wanted), where=now > 0)
            if not (weights * factor[codes]).any():
                break  # The targets exclude every image; ``missed`` below reports the gap.
            weights = weights * factor[codes]
        missed = {name: float(np.abs(share(*margin) - margin[1]).max()) for name, margin in margins.items()}
        if max(missed.values(), default=0) < 1e-9:
            break
    return weights / weights.mean(), missed


def keep_list(attributes: pd.DataFrame, clusters: np.ndarray, weights: np.ndarray, *, seed: int) -> np.ndarray:
    """Select images so that their unweighted counts reproduce the weighted shares.

    Images with the same attributes in the same cluster have the same weight. From each such cell, a fraction of
    ``weight / highest weight of the cluster`` is kept, so no image is repeated and the cell with the highest weight
    is kept whole.

    Parameters
    ----------
    attributes, clusters
        As given to :func:`balancing_weights`, which computed ``weights``.
    seed : int
        Seed for the choice of images within a cell.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for images to keep. Images without a label are kept unless their weight is 0.
    """
    clusters = np.asarray(clusters)
    labelled = attributes.notna().all(axis=1).to_numpy()
    kept = (weights > 0) & ~labelled
    rng = np.random.default_rng(seed)
    table = attributes.astype(object).map(str, na_action="ignore").reset_index(drop=True)
    table = table.assign(_cluster=clusters, _weight=weights)[labelled & (weights > 0)]
    if table.empty:
        return kept
    part = table["_weight"] / table.groupby("_cluster")["_weight"].transform("max")
    for _, cell in part.groupby([table[name] for name in ["_cluster", *attributes.columns]], sort=True):
        count = int(np.rint(cell.sum()))
        kept[rng.choice(cell.index.to_numpy(), count, replace=False)] = True
    return kept


def before_after(attributes: pd.DataFrame, clusters: np.ndarray, weights: np.ndarray, kept: np.ndarray) -> pd.DataFrame:
    """Tabulate the composition of each cluster: unweighted, weighted, and reduced to the keep-list.

    Returns
    -------
    DataFrame
        ``cluster, attribute, value, n, share, weighted_n, weighted_share, kept_n, kept_share, effective_n``;
        ``effective_n`` is Kish's effective sample size of the cluster, (sum w)^2 / sum w^2, and shows the cost of
        the weights. Shares are among images that have the attribute.

    Examples
    --------
    >>> people, clusters = pd.DataFrame({"gender": ["f", "m", "m", "m"]}), np.zeros(4, dtype=int)
    >>> weights, notes = balancing_weights(people, clusters)
    >>> table = before_after(people, clusters, weights, keep_list(people, clusters, weights, seed=0))
    >>> table[["value", "n", "share", "weighted_share", "kept_n", "kept_share", "effective_n"]]
      value  n  share  weighted_share  kept_n  kept_share  effective_n
    0     f  1   0.25             0.5       1         0.5          3.0
    1     m  3   0.75             0.5       1         0.5          3.0
    """
    frames = []
    for name in attributes.columns:
        data = pd.DataFrame({"cluster": clusters, "value": attributes[name].astype(object).to_numpy()})
        data = data.assign(n=1.0, weighted_n=weights, kept_n=np.asarray(kept, float), square=np.square(weights))
        data = data.dropna(subset="value").astype({"value": str})
        table = data.groupby(["cluster", "value"], sort=True).sum()
        total = table.groupby("cluster").transform("sum")
        with np.errstate(invalid="ignore"):
            shares = (table / total).add_suffix("_share").rename(columns={"n_share": "share"})
        shares.columns = shares.columns.str.replace("_n_share", "_share")
        table = table.join(shares).assign(attribute=name, effective_n=total["weighted_n"] ** 2 / total["square"])
        frames.append(table.reset_index())
    columns = [
        "cluster",
        "attribute",
        "value",
        "n",
        "share",
        "weighted_n",
        "weighted_share",
        "kept_n",
        "kept_share",
    ]
    columns.append("effective_n")
    table = pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    table = table.astype({"n": int, "kept_n": int})
    return sort_by_category(table, ["cluster", "attribute"], "value")
