"""Survey a folder of pictures: which files it has and what they hold, by shard."""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from untold.base.files import atomic
from untold.base.identity import digest, file_digest, shard_index, shard_name
from untold.base.pictures import caption_file
from untold.study.folders import list_images

# Nanoseconds. A file that changed this shortly before it was read can change again without another time stamp.
RACY = 2_000_000_000

State = tuple[int, int, int, int]


class Survey(NamedTuple):
    """Digest of all names, and of each shard's names and contents; shards without files are left out."""

    names: str
    shards: dict[str, str]


def survey(folder: Path, shards: int, notes: Path | None = None, *, captions: bool = False) -> Survey:
    """Survey a folder; time and memory are linear in its files.

    Parameters
    ----------
    folder : Path
    shards : int
        Number of shards that the files are split into.
    notes : Path or None
        File that remembers the content of each picture under its name, size, times and inode, as git's index does,
        so the next survey reads only what changed. It may be deleted at any time. With None, every file is read.
    captions : bool
        Whether the text files beside the pictures count as well.

    Returns
    -------
    Survey
        The same for a copy of the folder, whatever its time stamps.
    """
    files = list_images(folder)
    texts = {file: caption_file(file) for file in files} if captions else {}
    texts = {file: text for file, text in texts.items() if os.path.exists(folder / text)}
    contents = _contents(folder, sorted({*files, *texts.values()}), notes)
    held: defaultdict[str, Any] = defaultdict(sha256)
    for file in files:
        shard = held[shard_name(shard_index(file, shards), shards)]
        for name in filter(None, [file, texts.get(file)]):
            shard.update(f"{name}\0{contents[name]}\n".encode())
    return Survey(digest(files), {name: held[name].hexdigest() for name in sorted(held)})


def remember(path: Path, found: Survey) -> None:
    """Write a survey for the jobs of this run."""
    _write(path, found._asdict())


def recall(path: Path) -> Survey | None:
    """The survey of the run that a job belongs to, so that no job lists the folder to plan itself."""
    values = _read(path)
    return Survey(**values) if values else None


def state(path: Path) -> State:
    """Size, both times and inode of a file: one of them differs after any change but one within a tick of the clock.

    Raises
    ------
    OSError
        If there is no such file.
    """
    found = os.stat(path)
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _contents(folder: Path, files: Sequence[str], notes: Path | None) -> dict[str, str]:
    """What each file holds: its SHA-256, or why it has none."""
    known: dict[str, list[Any]] = _read(notes) if notes else {}
    states = {file: _state_or_none(folder / file) for file in files}
    contents = {file: known[file][1] for file, now in states.items() if file in known and known[file][0] == list(now)}
    unknown = [file for file in files if file not in contents]
    started = time.time_ns()
    contents.update(zip(unknown, _read_all(folder / file for file in unknown), strict=True))
    if notes and (unknown or len(known) != len(files)):
        settled = {
            file: [now, contents[file]]
            for file, now in states.items()
            if max(now[1:3]) < started - RACY or (file in known and file not in unknown)
        }
        _write(notes, settled)
    return contents


def _read_all(paths: Iterable[Path]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_digest, paths))


def _digest(path: Path) -> str:
    try:
        return file_digest(path) if os.path.isfile(path) else "no file"
    except OSError as error:
        return error.strerror or "unreadable"  # index_images rejects it with a reason


def _state_or_none(path: Path) -> State:
    try:
        return state(path)
    except OSError:
        return (-1, 0, 0, 0)  # a broken link


def _read(path: Path) -> dict[str, Any]:
    """What was noted; nothing if the file is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _write(path: Path, values: dict[str, Any]) -> None:
    try:
        with atomic(path) as part:
            part.write_text(json.dumps(values), encoding="utf-8")
    except OSError:  # a study that can only be read is surveyed anew each time
        pass
