"""Two-dimensional maps of a space, for display only (docs/method.md section 10)."""

import numpy as np
import openTSNE
import pandas as pd
import umap
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.nearest_neighbors import PrecomputedNeighbors

from untold.data.vectors import unit

FEWEST = 10  # smallest number of points for which a map is informative
BLOCK = 2048  # rows of the distance matrix held in memory at once
# These settings halve the time of openTSNE's defaults, with a 3 % higher divergence and the same neighbours
# (measured with 2 112 points).
TSNE = {"early_exaggeration_iter": 150, "n_iter": 350, "theta": 0.8}
UMAP_EPOCHS = 200  # UMAP's default for large sets; its default of 500 for small sets preserves no more neighbours


def nearest_neighbours(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the exact nearest neighbours among unit vectors, in blocks of rows. Each point comes first in its own row.

    Parameters
    ----------
    points : ndarray of shape (n, dim), float32
        Unit vectors.
    count : int
        Number of neighbours, not counting the point itself.

    Returns
    -------
    indices, distances : ndarray of shape (n, count + 1)
        Sorted by increasing Euclidean distance; ties go to the lower index.
    """
    indices = np.empty((len(points), count + 1), np.int32)
    distances = np.empty((len(points), count + 1), np.float32)
    for start in range(0, len(points), BLOCK):
        block = points[start : start + BLOCK]
        squared = np.maximum(2 - 2 * block @ points.T, 0)
        rows = np.arange(len(block))
        squared[rows, start + rows] = -1  # the point itself comes first, even before its duplicates
        order = np.argsort(squared, axis=1, kind="stable")[:, : count + 1]
        indices[start : start + len(block)] = order
        distances[start : start + len(block)] = np.sqrt(np.maximum(np.take_along_axis(squared, order, 1), 0))
    return indices, distances


def project(
    vectors: np.ndarray, *, perplexity: float, neighbors: int, min_dist: float, seed: int
) -> dict[str, np.ndarray]:
    """Compute t-SNE and UMAP maps of the same points from one exact neighbour search.

    Parameters
    ----------
    vectors : ndarray of shape (n, ...)
    perplexity, neighbors, min_dist : float, int, float
        Reduced if n is too small for them.
    seed : int

    Returns
    -------
    dict of str to ndarray of shape (n, 2)
        ``tsne`` and ``umap``; empty if n < 10.
    """
    if len(vectors) < FEWEST:
        return {}
    points = unit(vectors)
    perplexity = min(perplexity, (len(points) - 1) / 3)
    neighbors = min(neighbors, len(points) - 2)
    wanted = min(max(int(3 * perplexity), neighbors), len(points) - 1)
    indices, distances = nearest_neighbours(points, wanted)
    affinities = PerplexityBasedNN(
        perplexity=perplexity, knn_index=PrecomputedNeighbors(indices[:, 1:], distances[:, 1:]), random_state=seed
    )
    start = openTSNE.initialization.pca(points, random_state=seed)
    tsne = openTSNE.TSNE(random_state=seed, n_jobs=1, **TSNE).fit(affinities=affinities, initialization=start)
    # The third element of precomputed_knn is a search index, which UMAP needs only to map new points.
    umap_map = umap.UMAP(
        n_neighbors=neighbors + 1,
        min_dist=min_dist,
        n_epochs=UMAP_EPOCHS,
        random_state=seed,
        n_jobs=1,
        init="pca",
        precomputed_knn=(indices[:, : neighbors + 1], distances[:, : neighbors + 1], None),
    ).fit_transform(points)
    return {"tsne": np.asarray(tsne, np.float32), "umap": np.asarray(umap_map, np.float32)}


def projection_table(keys: np.ndarray, maps: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the maps as a long table with columns key, method, x, y."""
    frames = [pd.DataFrame({"key": keys, "method": name, "x": xy[:, 0], "y": xy[:, 1]}) for name, xy in maps.items()]
    empty = pd.DataFrame(
        {
            "key": pd.Series(dtype=str),
            "method": pd.Series(dtype=str),
            "x": np.empty(0, np.float32),
            "y": np.empty(0, np.float32),
        }
    )
    return pd.concat(frames or [empty], ignore_index=True)
