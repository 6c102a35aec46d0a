"""Test clusters: known blobs are found and noise is not, sampling is reported, and results are deterministic."""

import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score

from tests.conftest import ROOT
from untold.data.vectors import unit
from untold.structure import clusters, sampling


def blobs(sizes: tuple[int, ...] = (60, 40, 20), dim: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw vectors close to orthogonal axes, and return them with their labels."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return unit(np.eye(dim)[truth] + rng.normal(0, 0.05, (len(truth), dim))), truth


METHODS = {
    "kmeans": lambda x, **options: clusters.kmeans(x, 3, seed=0, **options),
    "dbscan": lambda x, **options: clusters.dbscan(x, seed=0, eps=0.4, **options),
    "hdbscan": lambda x, **options: clusters.hdbscan(x, seed=0, min_cluster_size=8, **options),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("components", [None, 5])
def test_blobs_are_found(method, components):
    vectors, truth = blobs()
    found = METHODS[method](clusters.prepare(vectors, components))
    inside = found.labels != sampling.NOISE
    assert inside.mean() > 0.9
    assert adjusted_rand_score(truth[inside], found.labels[inside]) == 1
    assert found.count == 3
    assert found.note == ""
    # The largest cluster has number 0.
    assert found.labels[0] == 0
    assert found.labels[-1] in (2, sampling.NOISE)


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_says_so_and_labels_everyone(method):
    vectors, truth = blobs((300, 200, 100))
    found = METHODS[method](vectors, limit=150)
    assert "sample of 150 of 600 points" in found.note
    inside = found.labels != sampling.NOISE
    assert inside.mean() > 0.9
    assert adjusted_rand_score(truth[inside], found.labels[inside]) == 1


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_labels(method):
    vectors = np.random.default_rng(1).normal(size=(400, 12))
    points = clusters.prepare(vectors, 6)
    first, second = (METHODS[method](points, limit=200).labels for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_or_equal_points_do_not_crash(method, n):
    found = METHODS[method](np.tile(np.float32([1, 0, 0, 0]), (n, 1)))
    assert found.labels.shape == (n,)
    assert found.count <= 1
    clusters.silhouette(np.ones((n, 4)), found.labels, seed=0)


def test_the_knee_separates_blobs_from_scatter():
    vectors, truth = blobs((80, 80))
    scatter = unit(np.random.default_rng(3).normal(size=(15, 16)))
    found = clusters.dbscan(np.concatenate([vectors, scatter]), seed=0)
    assert found.count == 2
    assert adjusted_rand_score(truth, found.labels[:160]) > 0.8
    assert np.mean(found.labels[160:] == sampling.NOISE) > 0.8
    assert clusters.dbscan(np.ones((30, 4), np.float32), seed=0).note.startswith("the points coincide")


def test_vectors_without_direction_are_named():
    for bad in (0, np.nan, np.inf):
        vectors = np.ones((4, 3))
        vectors[2] = bad
        with pytest.raises(ValueError, match="vector 2 is zero or not finite"):
            clusters.prepare(vectors)


def test_two_dimensions_are_refused():
    with pytest.raises(ValueError, match="not made on 2-D"):
        clusters.prepare(np.ones((9, 9)), 2)


def test_components_of_a_wide_space_are_those_of_pca():
    """Latents have more dimensions than there are images; the method of the Gram matrix gives the same components."""
    points = unit(np.random.default_rng(3).normal(size=(40, 300)) * np.linspace(3, 1, 300))
    found = clusters.prepare(points, 5)
    exact = PCA(6, svd_solver="full").fit(points.astype(np.float64))
    expected = exact.transform(points.astype(np.float64))[:, :5]
    # Inner products in float32 have an error of eps sqrt(d) times the largest one (Higham and Mary 2019), and a
    # component rotates by that error divided by the gap between its eigenvalue and the next (Davis and Kahan 1970).
    values = exact.singular_values_**2
    gaps = np.minimum(-np.diff(values), -np.diff(values, prepend=np.inf)[:5])
    bound = np.sqrt(values[:5]) * np.finfo(np.float32).eps * np.sqrt(300) * values[0] / gaps
    assert (np.abs(found * np.sign((found * expected).sum(0)) - expected) <= bound).all()
    assert bound.max() < 2e-4


def test_a_wide_space_is_turned_and_keeps_its_distances():
    vectors = np.random.default_rng(4).normal(size=(30, 500))
    found = clusters.prepare(vectors)
    assert found.shape == (30, 30)
    np.testing.assert_allclose(pdist(found), pdist(unit(vectors)), atol=1e-5)


def test_components_of_latents_fit_into_memory():
    """The covariance matrix of 36 864 dimensions would take 5 GB, and its decomposition several times as much."""
    _, before = limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, before))
    try:
        assert clusters.prepare(np.random.default_rng(0).normal(size=(60, 36_864)), 50).shape == (60, 50)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_principal_components_keep_the_distances():
    vectors = np.random.default_rng(0).normal(size=(50, 4)) @ np.random.default_rng(1).normal(size=(4, 30))
    points, reduced = clusters.prepare(vectors), clusters.prepare(vectors, 5)
    assert reduced.shape == (50, 5)
    for i, j in [(0, 1), (3, 40), (20, 21)]:
        whole = np.linalg.norm(points[i] - points[j])
        assert np.linalg.norm(reduced[i] - reduced[j]) == pytest.approx(whole, abs=1e-4)


def test_choose_k_finds_the_number_of_blobs():
    vectors, _ = blobs((40, 40, 40, 40))
    table = clusters.choose_k(vectors, range(2, 8), seed=0)
    assert table.loc[table["chosen"], "k"].tolist() == [4]
    assert "sample of 90 of 160" in clusters.choose_k(vectors, [4], seed=0, limit=90)["note"][0]
    hopeless = clusters.choose_k(vectors[:2], [2, 3], seed=0)
    assert not hopeless["chosen"].any()
    assert hopeless["note"].str.contains("needs 2 <= k < 2").all()


def test_k_above_the_number_of_distinct_points_is_reduced():
    found = clusters.kmeans(np.repeat(np.eye(4, dtype=np.float32), 3, axis=0), 9, seed=0)
    assert found.count == 4
    assert found.note == "k reduced from 9 to 4, the number of distinct points"


def test_silhouette_is_scikit_learns():
    vectors = np.random.default_rng(0).normal(size=(200, 8))
    labels = np.random.default_rng(1).integers(-1, 4, 200)
    table = clusters.silhouette(vectors, labels, seed=0).set_index("cluster")["silhouette"]
    inside = labels >= 0
    assert table["micro"] == pytest.approx(silhouette_score(vectors[inside], labels[inside]))
    each = silhouette_samples(vectors[inside], labels[inside])
    means = [each[labels[inside] == k].mean() for k in range(4)]
    assert table["macro"] == pytest.approx(np.mean(means))
    assert table[["0", "1", "2", "3"]].tolist() == pytest.approx(means)


def test_sampled_silhouette_is_close_and_says_so():
    vectors, truth = blobs((900, 90, 30))
    noisy = unit(vectors + np.random.default_rng(5).normal(0, 0.2, vectors.shape))
    whole = clusters.silhouette(noisy, truth, seed=0).set_index("cluster")["silhouette"]
    part = clusters.silhouette(noisy, truth, seed=0, limit=300)
    assert part["note"].str.contains("on a sample of .* of 1020 points").all()
    part = part.set_index("cluster")["silhouette"]
    assert part["micro"] == pytest.approx(whole["micro"], abs=0.05)
    assert part["macro"] == pytest.approx(whole["macro"], abs=0.05)


def test_blobs_are_stable_and_beat_the_null_and_noise_does_not():
    noise = clusters.prepare(np.random.default_rng(2).normal(size=(120, 16)))
    vectors, _ = blobs()
    rows = {}
    for name, points in (("blobs", vectors), ("noise", noise)):
        clustering = METHODS["kmeans"](points)
        options = {"seed": 0, "bootstraps": 5, "null_sets": 19}
        rows[name] = clusters.evaluate(points, clustering, METHODS["kmeans"], **options).set_index("statistic")
    assert rows["blobs"].loc["clusters", "estimate"] == 3
    assert rows["blobs"].loc["stability", "estimate"] > 0.99
    assert rows["noise"].loc["stability", "estimate"] < 0.6
    assert rows["blobs"].loc["silhouette_micro", "p"] == pytest.approx(1 / 20)
    assert rows["noise"].loc["silhouette_micro", "p"] > 0.1
    assert rows["blobs"].loc["silhouette_micro", "null_high"] < rows["blobs"].loc["silhouette_micro", "estimate"]


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_a_single_cloud_has_no_clusters_however_elongated(decay):
    """Permuted coordinates, the null of the gap statistic, would be beaten by every elongated cloud."""
    rng = np.random.default_rng(0)
    search = partial(clusters.search_k, ks=range(2, 5), seed=0)
    p = []
    for _ in range(20):
        mixing = np.linalg.qr(rng.normal(size=(24, 24)))[0] * (np.arange(1, 25) ** -decay)[:, None]
        points = clusters.prepare(rng.normal(size=(120, 24)) @ mixing + 3, 10)
        p.append(clusters.null_reference(points, search, seed=0, null_sets=19, limit=120)["p"][0])
    assert np.mean(np.array(p) <= 0.05) <= 0.15


def test_two_clouds_have_clusters_in_every_elongated_space():
    rng = np.random.default_rng(1)
    search = partial(clusters.search_k, ks=range(2, 5), seed=0)
    for _ in range(5):
        points = rng.normal(size=(200, 24)) * np.arange(1, 25) ** -0.5
        points[:100, 3] += 6
        table = clusters.null_reference(clusters.prepare(points + 10), search, seed=0, null_sets=19)
        assert table["p"][0] == pytest.approx(1 / 20)


def test_quick_silhouettes_are_those_of_the_table():
    vectors = np.random.default_rng(0).normal(size=(80, 6))
    labels = np.random.default_rng(1).integers(-1, 4, 80)
    labels[0] = 4  # a cluster of one point
    table = clusters.silhouette(vectors, labels, seed=0).set_index("cluster")["silhouette"]
    assert clusters._mean_silhouettes(vectors, labels) == pytest.approx(tuple(table[["micro", "macro"]]))
    assert np.isnan(clusters._mean_silhouettes(vectors, np.zeros(80, dtype=int))).all()


def test_where_nothing_was_clustered_the_table_goes_on():
    points = clusters.prepare(np.random.default_rng(2).normal(size=(40, 16)))
    fit = lambda x: clusters.dbscan(x, seed=0, eps=1e-6)  # noqa: E731
    table = clusters.evaluate(points, fit(points), fit, seed=0, bootstraps=2, null_sets=2).set_index("statistic")
    assert table.loc["noise_share", "estimate"] == 1
    assert np.isnan(table.loc["silhouette_micro", "estimate"])
    assert "no silhouette" in table.loc["silhouette_micro", "note"]
    assert "fewer than two clusters" in table.loc["stability", "note"]


def test_agreement_of_two_encoders():
    first = np.array([0, 0, 1, 1, 2, 2, -1])
    assert clusters.agreement(first, np.array([5, 5, 3, 3, 1, 1, 1])) == {
        **{"n": 6, "estimate": 1.0, "note": "1 points that one of them puts in no cluster left out"}
    }
    second = np.array([0, 1, 0, 1, 0, 1, 0])
    kept = first >= 0
    assert clusters.agreement(first, second)["estimate"] == adjusted_rand_score(first[kept], second[kept])
    assert np.isnan(clusters.agreement(np.array([-1, 0]), np.array([0, -1]))["estimate"])


def test_representatives_of_a_line():
    points = np.array([[0.0], [1], [2], [3], [9], [100], [101], [500]])
    labels = np.array([0, 0, 0, 0, 0, 1, 1, -1])
    table = clusters.representatives(points, labels, count=2)  # the centre of cluster 0 is 3
    chosen = {key: part["position"].tolist() for key, part in table.groupby(["cluster", "role"])}
    assert chosen[0, "nearest"] == [3, 2]
    assert chosen[0, "outlier"] == [4, 0]
    assert set(table["cluster"]) == {0, 1}
    assert table["rank"].max() == 2


@settings(deadline=None, max_examples=40)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(4)), elements=st.floats(-1, 1, width=32)),
    st.data(),
)
def test_any_points_get_labels_by_falling_size(vectors, data):
    vectors[:, 0] = 1
    k = data.draw(st.integers(1, 6))
    found = clusters.kmeans(clusters.prepare(vectors), k, seed=0, starts=2)
    sizes = np.bincount(found.labels)
    assert sizes.sum() == len(vectors)
    assert (np.diff(sizes) <= 0).all()
    assert found.count <= k


@pytest.mark.slow
def test_the_benchmark_runs_and_says_what_is_sampled():
    command = [sys.executable, "-m", "benchmarks.structure", "--images", "12000", "--dimensions", "64"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "HDBSCAN" in result.stdout
    assert "on a sample of 10000 of 12000 points" in result.stdout
    assert "near-duplicates" in result.stdout
