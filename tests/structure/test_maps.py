"""Test maps: equal points give equal maps, few points are enough, and neighbours are exact."""

import numpy as np
import pytest

from untold.data.vectors import unit
from untold.structure.maps import FEWEST, nearest_neighbours, project, projection_table

SETTINGS = {"perplexity": 30, "neighbors": 15, "min_dist": 0.1, "seed": 123}


def two_groups(count: int, dim: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = 5 * rng.standard_normal((2, dim))
    return (centres[np.arange(count) % 2] + 0.3 * rng.standard_normal((count, dim))).astype(np.float32)


def test_neighbours_are_those_of_all_distances():
    points = unit(np.random.default_rng(0).standard_normal((50, 8)))
    indices, distances = nearest_neighbours(points, 7)
    whole = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert np.array_equal(indices, np.argsort(whole, axis=1)[:, :8])
    assert np.allclose(distances, np.sort(whole, axis=1)[:, :8], atol=1e-3)


def test_neighbours_in_blocks(monkeypatch):
    points = unit(np.random.default_rng(1).standard_normal((50, 8)))
    expected = nearest_neighbours(points, 5)
    monkeypatch.setattr("untold.structure.maps.BLOCK", 7)
    found = nearest_neighbours(points, 5)
    assert np.array_equal(found[0], expected[0]) and np.allclose(found[1], expected[1], atol=1e-3)


def test_a_point_comes_before_its_duplicates():
    indices, distances = nearest_neighbours(unit(np.ones((6, 3))), 3)
    assert (indices[:, 0] == np.arange(6)).all()
    assert np.allclose(distances, 0, atol=1e-3)


def test_too_few_points_have_no_map():
    assert project(two_groups(FEWEST - 1), **SETTINGS) == {}


def test_an_empty_table_has_the_same_columns():
    made = projection_table(np.array(["a"]), {"tsne": np.zeros((1, 2), np.float32)})
    empty = projection_table(np.array([]), {})
    assert list(made.columns) == list(empty.columns) == ["key", "method", "x", "y"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [FEWEST, 60])
def test_maps_are_deterministic_finite_and_keep_groups_apart(count):
    points = two_groups(count)
    maps = project(points, **SETTINGS)
    assert set(maps) == {"tsne", "umap"}
    for name, again in project(points, **SETTINGS).items():
        assert np.array_equal(maps[name], again), name
        assert again.shape == (count, 2) and again.dtype == np.float32 and np.isfinite(again).all()
    if count > FEWEST:
        for xy in maps.values():
            even, odd = xy[::2], xy[1::2]
            apart = np.linalg.norm(even.mean(0) - odd.mean(0))
            assert apart > max(np.linalg.norm(half - half.mean(0), axis=1).mean() for half in (even, odd))


@pytest.mark.slow
def test_equal_points_and_latents_have_a_map():
    """A model may draw the same image for every prompt, and latents are arrays instead of vectors."""
    assert set(project(np.ones((12, 2, 2, 2), np.float16), **SETTINGS)) == {"tsne", "umap"}
