"""Test reproducible samples, and spaces that are too large to be held in memory."""

import numpy as np
import pandas as pd
import pytest

from untold.data.parquet import write_arrays, write_table
from untold.data.spaces import DIRECTIONS, read_sample, read_space, sample
from untold.data.vectors import unit


def manifest(activities: int, seeds: int) -> pd.DataFrame:
    rows = [
        (f"{a:03d}-{s}-{g}", f"activity-{a}", s, g, f"prompt-{a}-{g}")
        for a in range(activities)
        for s in range(seeds)
        for g in ("neutral", "young", "old")
    ]
    return pd.DataFrame(rows, columns=["key", "activity_id", "seed", "group", "prompt_key"])


def test_a_small_table_is_taken_whole():
    table = manifest(3, 2)
    assert sample(table, "key", 18) == set(table["key"])
    assert sample(table, "prompt_key", 9) == set(table["prompt_key"])


def test_images_of_an_activity_and_seed_are_drawn_together_and_evenly():
    table = manifest(200, 10)
    drawn = table[table["key"].isin(sample(table, "key", 1500))]
    assert 1490 < len(drawn) <= 1500
    assert (drawn.groupby(["activity_id", "seed"]).size() == 3).all()
    # With 500 of 2 000 draws over 10 seeds, each gets about 50.
    assert drawn.groupby("seed").size().between(60, 250).all()


def test_the_draw_does_not_depend_on_order_and_grows():
    table = manifest(50, 4)
    small, large = sample(table, "key", 100), sample(table, "key", 300)
    assert small < large
    assert sample(table.sample(frac=1, random_state=1), "key", 100) == small


def test_prompts_are_drawn_one_by_one():
    assert len(sample(manifest(100, 2), "prompt_key", 50)) == 50


@pytest.fixture
def space(tmp_path):
    """Write two files of vectors in tight groups of ten, and their manifest."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(30, 4, 30, 30))
    vectors = np.repeat(centres, 10, 0) + 0.3 * rng.normal(size=(300, 4, 30, 30))
    keys = [f"{number:04d}" for number in range(300)]
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for file, rows in zip(files, (slice(0, 120), slice(120, 300)), strict=True):
        write_arrays(file, keys[rows], {"latents": vectors[rows].astype(np.float16)}, {})
    table = pd.DataFrame({"key": keys, "activity_id": "x"})
    write_table(tmp_path / "images.parquet", table)
    return files, [tmp_path / "images.parquet"]


def test_directions_keep_the_cosines(space, caplog):
    files, subjects = space
    whole, about = read_space(files, "latents", subjects, "key", largest=300 * 3600 * 4)
    assert whole.shape == (300, 3600) and not caplog.records
    small, same = read_space(files, "latents", subjects, "key", largest=300 * 3600 * 4 - 1)
    assert small.shape == (300, DIRECTIONS) and f"{DIRECTIONS} random directions" in caplog.text
    pd.testing.assert_frame_equal(about, same)
    error = unit(whole) @ unit(whole).T - unit(small) @ unit(small).T
    assert np.sqrt((error**2).mean()) < 1.2 / np.sqrt(DIRECTIONS)
    again, _ = read_space(files, "latents", subjects, "key", largest=0)
    assert np.array_equal(small, again)


def test_wanted_rows_are_read(space):
    files, _ = space
    keys, values = read_sample(files, "latents", {"0007", "0200", "absent"})
    assert list(keys) == ["0007", "0200"] and values.shape == (2, 4, 30, 30)
    keys, values = read_sample(files, "latents", set())
    assert len(keys) == 0 and values.shape == (0, 4, 30, 30)


def test_a_large_sample_is_read_through_the_same_directions(space):
    files, subjects = space
    wanted = {f"{number:04d}" for number in range(0, 300, 7)}
    keys, values = read_sample(files, "latents", wanted, largest=0)
    everything, table = read_space(files, "latents", subjects, "key", largest=0)
    assert set(keys) == wanted and values.shape == (len(wanted), DIRECTIONS)
    assert np.array_equal(values, everything[table["key"].isin(wanted)])
    nothing, none = read_sample(files, "latents", set(), largest=-1)
    assert len(nothing) == 0 and none.shape == (0, DIRECTIONS)
