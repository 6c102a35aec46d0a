"""Parquet I/O: deterministic bytes, atomic writes, checked reads (docs/design.md, "Data contracts").

A file that is written here is sealed: between its last page and its footer, where no reader of Parquet looks, lies a
CRC-32 of all its other bytes. Checksums of pages, which Parquet knows, would leave the pages' headers and the footer
unprotected, and those are half of a small file.
"""

import json
import math
import mmap
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike

from untold.base.files import atomic

# Row groups are read side by side: small ones keep all threads at work. Of wide arrays they hold fewer rows, because a
# reader needs several times the memory of the groups it is at.
ROW_GROUP = 8_192


GROUP_NUMBERS = 2**24


# What a seal begins with; its CRC-32 follows, in four bytes.
SEAL = b"CRC-32 of all other bytes:"


# Bytes that end every Parquet file: the length of the footer, in four bytes, and a magic number.
ENDING = 8


def write_table(path: Path, table: pa.Table | pd.DataFrame, sort_by: Sequence[str] = ()) -> None:
    """Write a table of plain columns, sorted by ``sort_by``."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    if sort_by:
        table = table.sort_by([(column, "ascending") for column in sort_by])
    with atomic(path) as part:
        pq.write_table(table, part, compression="zstd", row_group_size=ROW_GROUP)
        _seal(part)


def read_table(paths: Path | Iterable[Path], columns: list[str] | None = None) -> pd.DataFrame:
    """Read one table, or concatenate several with the same schema; not for columns of vectors.

    Raises
    ------
    ValueError
        If a file is damaged or lacks one of the columns.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    tables = [_read(path, columns) for path in paths]
    return pa.concat_tables(tables, promote_options="permissive").to_pandas()


def _seal(path: Path) -> None:
    """Put the checksum of a new file between its pages and its footer."""
    with open(path, "r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            footer = _footer_start(data)
            checksum, rest = zlib.crc32(data), data[footer:]
        file.seek(footer)
        file.write(SEAL + checksum.to_bytes(4, "little") + rest)


def _check_seal(path: Path) -> None:
    """Raise ``ArrowInvalid`` if any bit of a sealed file has changed; files by other programs have no seal."""
    if os.path.getsize(path) < ENDING + len(SEAL) + 4:
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        footer = _footer_start(data)
        start = footer - len(SEAL) - 4
        if start < 0 or data[start : start + len(SEAL)] != SEAL:
            return
        with memoryview(data) as view, view[:start] as before, view[footer:] as after:
            if zlib.crc32(after, zlib.crc32(before)) != int.from_bytes(data[footer - 4 : footer], "little"):
                raise pa.ArrowInvalid("its checksum is that of other bytes")


def _footer_start(data: bytes | mmap.mmap) -> int:
    return len(data) - ENDING - int.from_bytes(data[-ENDING : 4 - ENDING], "little")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Name the file that cannot be read as Parquet, and the remedy."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # errors of the system, such as a missing file or permission, do not mean that the file is damaged
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is damaged ({reason}); delete it, and the next run makes it again") from error


def _schema(path: Path, columns: Sequence[str] = ()) -> pa.Schema:
    """The schema of a file, which must have the given columns."""
    with _readable(path):
        schema = pq.read_schema(path)
    if missing := [name for name in columns if name not in schema.names]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}; its columns are {', '.join(schema.names)}. The file is not "
            "damaged: it is not the input meant here, or another version of Untold wrote it. Pass the right file, or "
            "rerun the step that writes it."
        )
    return schema


def _read(path: Path, columns: list[str] | None) -> pa.Table:
    with _readable(path):
        _check_seal(path)
    _schema(path, columns or ())
    with _readable(path):
        return pq.read_table(path, columns=columns, partitioning=None, pre_buffer=False)


def column_names(path: Path) -> list[str]:
    """Metadata of a file, without reading its data."""
    return _schema(path).names


def count_rows(path: Path) -> int:
    """Number of rows of a file, without reading its data."""
    with _readable(path):
        return pq.read_metadata(path).num_rows


def array_size(path: Path, column: str) -> int:
    """Number of values in each row of a column of arrays, without reading the data."""
    kind = _schema(path, [column]).field(column).type
    return math.prod(kind.shape) if isinstance(kind, pa.FixedShapeTensorType) else kind.list_size


def write_arrays(path: Path, key: ArrayLike, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, object]) -> None:
    """Write one array per key, sorted by key.

    Parameters
    ----------
    path : Path
    key : sequence of str, length n
        Unique.
    arrays : mapping of str to ndarray of shape (n, ...)
        float32 vectors of shape (n, dim) become ``fixed_size_list<float32>`` with byte-stream split, declared without
        nulls for faster reading. Anything else becomes ``fixed_shape_tensor`` in its own dtype (float16 for latents
        and patch tokens).
    metadata : mapping
        JSON values stored in the schema: model, weights' sha256, preprocessing, dtype, versions.

    Raises
    ------
    ValueError
        If keys repeat, lengths differ or a value is not finite.
    """
    order = np.argsort(np.asarray(key, dtype=str), kind="stable")
    keys = np.asarray(key, dtype=str)[order]
    if len(np.unique(keys)) < len(keys):
        raise ValueError(f"{path}: a key is repeated")
    columns: dict[str, pa.Array] = {"key": pa.array(keys.tolist(), pa.string())}
    split: list[str] = []
    for name, array in arrays.items():
        if len(array) != len(keys):
            raise ValueError(f"{path}: {len(keys)} keys but {len(array)} rows of {name}")
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} holds values that are not finite")
        array = np.ascontiguousarray(array[order])
        if array.ndim == 2 and array.dtype == np.float32:
            kind = pa.list_(pa.field("element", pa.float32(), nullable=False), array.shape[1])
            columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), type=kind)
            split.append(f"{name}.list.element")
        else:
            columns[name] = _tensor(array)
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    width = max([1, *(math.prod(array.shape[1:]) for array in arrays.values())])
    about = {"about": json.dumps(dict(metadata), sort_keys=True)}
    table = pa.table([*columns.values()], schema=pa.schema(fields, metadata=about))
    with atomic(path) as part:
        pq.write_table(
            table,
            part,
            compression="zstd",
            use_dictionary=False,
            use_byte_stream_split=split,
            row_group_size=min(ROW_GROUP, max(1, GROUP_NUMBERS // width)),
        )
        _seal(part)


def _tensor(array: np.ndarray) -> pa.Array:
    if len(array):
        return pa.FixedShapeTensorArray.from_numpy_ndarray(array)
    kind = pa.fixed_shape_tensor(pa.from_numpy_dtype(array.dtype), array.shape[1:])
    return pa.ExtensionArray.from_storage(kind, pa.array([], kind.storage_type))


def read_arrays(paths: Path | Iterable[Path], column: str = "vector") -> tuple[np.ndarray, np.ndarray]:
    """Read the arrays of one column from one or more files.

    Returns
    -------
    key : ndarray of str, shape (n,)
    values : ndarray of shape (n, ...)

    Raises
    ------
    ValueError
        If a file is damaged or lacks the column.
    """
    paths = [paths] if isinstance(paths, Path) else list(paths)
    keys, values = [], []
    for path in paths:
        table = _read(path, ["key", column])
        keys.append(table["key"].to_numpy(zero_copy_only=False))
        # Chunk by chunk, without copies until all are concatenated.
        for chunk in table[column].chunks:
            if isinstance(chunk, pa.FixedShapeTensorArray):
                values.append(chunk.to_numpy_ndarray())
            else:
                values.append(chunk.flatten().to_numpy().reshape(-1, chunk.type.list_size))
    return np.concatenate(keys), np.concatenate(values)


def read_metadata(path: Path) -> dict:
    """The metadata that ``write_arrays`` stored."""
    with _readable(path):
        _check_seal(path)
    metadata = _schema(path).metadata or {}
    if b"about" not in metadata:
        raise ValueError(
            f"{path} says nothing about its arrays: it is not a file of arrays, or Untold did not write it"
        )
    return json.loads(metadata[b"about"])
