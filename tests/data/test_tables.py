"""Test tables: equal inputs give equal bytes, arrays survive a round trip, and no cell is run as a formula."""

import csv
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from untold.data.csv import leading, write_csv
from untold.data.parquet import (
    SEAL,
    array_size,
    column_names,
    count_rows,
    read_arrays,
    read_metadata,
    read_table,
    write_arrays,
    write_table,
)
from untold.data.vectors import unit

FIXTURE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FRAME = pd.DataFrame({"key": ["b", "a", "c"], "value": [2.0, 1.0, np.nan], "n": [1, 2, 3]})


def test_a_table_is_sorted_and_has_no_index(tmp_path):
    write_table(tmp_path / "x.parquet", FRAME, sort_by=["key"])
    assert list(read_table(tmp_path / "x.parquet")["key"]) == ["a", "b", "c"]
    assert pq.read_schema(tmp_path / "x.parquet").names == ["key", "value", "n"]
    assert pq.read_schema(tmp_path / "x.parquet").metadata is None


def test_equal_tables_are_equal_bytes_whatever_their_order(tmp_path):
    write_table(tmp_path / "x", FRAME, sort_by=["key"])
    write_table(tmp_path / "y", FRAME.iloc[[2, 0, 1]], sort_by=["key"])
    write_table(tmp_path / "z", pa.Table.from_pandas(FRAME, preserve_index=False), sort_by=["key"])
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
    assert read_table(tmp_path / "z").equals(read_table(tmp_path / "x"))


def test_several_files_are_read_below_each_other(tmp_path):
    write_table(tmp_path / "x", FRAME)
    write_table(tmp_path / "y", FRAME.assign(key="d"))
    assert list(read_table([tmp_path / "x", tmp_path / "y"], columns=["key"])["key"]) == [*"bac", *"ddd"]


def test_an_empty_shard_takes_the_others_types(tmp_path):
    write_table(tmp_path / "x", FRAME)
    write_table(tmp_path / "y", pd.DataFrame({"key": pd.Series(dtype=object), "value": [], "n": []}))
    assert len(read_table([tmp_path / "y", tmp_path / "x"])) == 3


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (np.arange(12, dtype=np.float32).reshape(3, 4), pa.FixedSizeListType),
        (np.arange(24, dtype=np.float16).reshape(3, 4, 2), pa.FixedShapeTensorType),
        (np.arange(48, dtype=np.float16).reshape(3, 4, 2, 2), pa.FixedShapeTensorType),
        (np.arange(24, dtype=np.float32).reshape(3, 4, 2), pa.FixedShapeTensorType),
    ],
)
def test_arrays_keep_type_and_shape(tmp_path, array, kind):
    write_arrays(tmp_path / "x", ["b", "a", "c"], {"vector": array}, {"model": "m"})
    assert isinstance(pq.read_schema(tmp_path / "x").field("vector").type, kind)
    keys, values = read_arrays(tmp_path / "x")
    assert list(keys) == ["a", "b", "c"]
    assert values.dtype == array.dtype
    assert np.array_equal(values, array[[1, 0, 2]])


@FIXTURE
@given(
    array=nps.arrays(
        st.sampled_from([np.float32, np.float16]),
        nps.array_shapes(min_dims=2, max_dims=4, max_side=5),
        elements=st.floats(-100, 100, width=16),
    ),
    metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=3),
)
def test_any_array_comes_back(tmp_path, array, metadata):
    keys = [f"{number:04d}" for number in range(len(array))]
    write_arrays(tmp_path / "x", keys[::-1], {"vector": array}, metadata)
    found, values = read_arrays(tmp_path / "x")
    assert list(found) == keys
    assert np.array_equal(values, array[::-1])
    assert read_metadata(tmp_path / "x") == metadata


def test_equal_arrays_are_equal_bytes_whatever_their_order(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    order = [3, 1, 4, 0, 2]
    write_arrays(tmp_path / "x", [*"abcde"], {"vector": vectors}, {"a": 1, "b": 2})
    write_arrays(tmp_path / "y", [[*"abcde"][i] for i in order], {"vector": vectors[order]}, {"b": 2, "a": 1})
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("shape", [(0, 4), (0, 4, 2)])
def test_a_shard_without_images(tmp_path, shape):
    write_arrays(tmp_path / "x", [], {"vector": np.empty(shape, np.float32)}, {})
    write_arrays(tmp_path / "y", ["a"], {"vector": np.ones((1, *shape[1:]), np.float32)}, {})
    keys, values = read_arrays([tmp_path / "x", tmp_path / "y"])
    assert list(keys) == ["a"] and values.shape == (1, *shape[1:])


@pytest.mark.parametrize(
    ("keys", "array", "problem"),
    [
        ("aa", np.ones((2, 3)), "repeated"),
        ("ab", np.ones((3, 3)), "2 keys but 3 rows"),
        ("ab", np.array([[1, np.nan], [1, 2]]), "not finite"),
        ("ab", np.array([[1, np.inf], [1, 2]]), "not finite"),
    ],
)
def test_arrays_that_cannot_be_are_refused_and_no_file_is_left(tmp_path, keys, array, problem):
    with pytest.raises(ValueError, match=problem):
        write_arrays(tmp_path / "x", [*keys], {"vector": array.astype(np.float32)}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_an_error_and_not_a_short_table(tmp_path):
    write_arrays(tmp_path / "x", [*"abc"], {"vector": np.ones((3, 4), np.float32)}, {})
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-20])
    size = partial(array_size, column="vector")
    for read in (read_table, read_arrays, column_names, count_rows, read_metadata, size):
        with pytest.raises(ValueError, match=r"is damaged .* delete it"):
            read(tmp_path / "x")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "y")


def _arrays(array: np.ndarray, column: str):
    return lambda path: write_arrays(path, [f"{n:03d}" for n in range(len(array))], {column: array}, {"model": "m"})


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda path: write_table(path, FRAME), read_table),
        (lambda path: write_table(path, pd.concat([FRAME] * 1000)), read_table),
        (_arrays(np.random.default_rng(0).normal(size=(90, 16)).astype(np.float32), "vector"), read_arrays),
        (_arrays(np.random.default_rng(1).normal(size=(9, 4, 8, 8)).astype(np.float16), "latents"), read_metadata),
        (
            _arrays(np.random.default_rng(1).normal(size=(9, 4, 8, 8)).astype(np.float16), "latents"),
            partial(read_arrays, column="latents"),
        ),
    ],
)
def test_no_flipped_bit_is_read_in_silence(tmp_path, write, read):
    """Of 200 bits anywhere, and of every bit of the ending, which says where to look for the checksum."""
    path = tmp_path / "x.parquet"
    write(path)
    intact = path.read_bytes()
    drawn = np.random.default_rng(0).choice(8 * len(intact), 200, replace=False)
    for bit in [*drawn.tolist(), *range(8 * len(intact) - 64, 8 * len(intact))]:
        damaged = bytearray(intact)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        if SEAL in damaged:
            with pytest.raises(ValueError, match=r"x\.parquet is damaged .* delete it"):
                read(path)


def test_files_of_other_programs_are_read(tmp_path):
    FRAME.to_parquet(tmp_path / "x.parquet")
    assert read_table(tmp_path / "x.parquet").equals(FRAME)


def test_other_programs_read_ours(tmp_path):
    write_table(tmp_path / "x.parquet", FRAME)
    assert pd.read_parquet(tmp_path / "x.parquet").equals(FRAME)


def test_a_column_that_is_not_there_is_not_damage(tmp_path):
    """Otherwise the message would advise deleting an intact file, again and again."""
    write_arrays(tmp_path / "x", [*"abc"], {"vector": np.ones((3, 4), np.float32)}, {})
    readers = [partial(read_table, columns=["latents"])]
    readers += [partial(read, column="latents") for read in (read_arrays, array_size)]
    for read in readers:
        with pytest.raises(ValueError, match=r"x has no column latents; its columns are key, vector\.") as caught:
            read(tmp_path / "x")
        assert "not damaged" in str(caught.value) and "delete" not in str(caught.value)
    write_table(tmp_path / "y", FRAME)
    with pytest.raises(ValueError, match="y says nothing about its arrays"):
        read_metadata(tmp_path / "y")


@given(nps.arrays(np.float32, (4, 3), elements=st.floats(0.5, 100, width=32)))
def test_unit_vectors_have_length_one_and_the_same_direction(vectors):
    made = unit(vectors)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert np.allclose(made * np.linalg.norm(vectors, axis=1, keepdims=True), vectors, rtol=1e-4)


def test_unit_flattens_and_refuses_zero():
    assert unit(np.ones((2, 2, 2), np.float16)).shape == (2, 4)
    with pytest.raises(ValueError, match="zero"):
        unit(np.array([[0.0, 0.0], [1.0, 0.0]]))


def test_leading_columns():
    assert list(leading(FRAME, ["n"]).columns) == ["n", "key", "value"]


FORMULAS = ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_defused(tmp_path, text):
    write_csv(tmp_path / "x.csv", pd.DataFrame({"label": [text], "n": [-1.5]}))
    with open(tmp_path / "x.csv", newline="") as file:
        header, row = csv.reader(file)
    assert header == ["label", "n"]
    assert row == ["'" + text.replace("\r", "\n"), "-1.5"], "a number keeps its sign"


@FIXTURE
@given(cells=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_no_cell_begins_a_formula(tmp_path, cells):
    write_csv(tmp_path / "x.csv", pd.DataFrame({"label": cells, cells[0]: cells}).iloc[:, :1])
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    assert len(rows) == len(cells)
    for (found, *_), cell in zip([row or [""] for row in rows], cells, strict=True):
        assert not found.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert found.removeprefix("'") == cell.removeprefix("'").replace("\r\n", "\n").replace("\r", "\n")


def test_a_carriage_return_does_not_begin_a_row(tmp_path):
    write_csv(tmp_path / "x.csv", pd.DataFrame({"label": ["harmless\r=cmd()"], "n": [1]}))
    assert (tmp_path / "x.csv").read_bytes() == b'label,n\n"harmless\n=cmd()",1\n'


def test_a_formula_in_a_header_is_defused(tmp_path):
    write_csv(tmp_path / "x.csv", pd.DataFrame({"=cmd()": [1]}))
    assert (tmp_path / "x.csv").read_text().startswith("'=cmd()")


def test_categories_and_missing_cells(tmp_path):
    frame = pd.DataFrame({"label": pd.Categorical(["=a", "b"]), "other": ["=1", None]})
    write_csv(tmp_path / "x.csv", frame)
    assert (tmp_path / "x.csv").read_text() == "label,other\n'=a,'=1\nb,\n"


def test_numbers_have_ten_digits_and_lines_end_alike(tmp_path):
    write_csv(tmp_path / "x.csv", pd.DataFrame({"value": [1 / 3, 1e-12, 1e20, np.nan]}))
    assert (tmp_path / "x.csv").read_bytes() == b'value\n0.3333333333\n1e-12\n1e+20\n""\n'


@pytest.mark.parametrize(("shape", "rows"), [((512,), 8_192), ((4, 96, 96), 455)])
def test_a_row_group_of_wide_arrays_has_fewer_rows(tmp_path, shape, rows):
    keys = [f"{number:05}" for number in range(rows + 1)]
    write_arrays(tmp_path / "x", keys, {"vector": np.zeros((rows + 1, *shape), np.float32)}, {})
    metadata = pq.read_metadata(tmp_path / "x")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [rows, 1]
    assert read_arrays(tmp_path / "x")[1].shape == (rows + 1, *shape)
