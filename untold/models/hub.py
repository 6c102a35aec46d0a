"""Fetch pinned revisions of models from the Hugging Face Hub once, verifying every file; later use is offline."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from untold.base.identity import file_digest
from untold.base.safety import PICKLES, runs_code

log = logging.getLogger(__name__)

WANTED = ("*.safetensors", "*.json", "*.txt", "*.model")
# Pickles run code when they are loaded, so they are not fetched whatever the configuration says.
REFUSED = (*PICKLES, ".msgpack", ".h5", ".onnx", ".py")
NO_NETWORK = (
    "If this machine has no network (a compute node), run `snakemake fetch_models` on one that has (a login node, "
    "from the same folder), or copy resources/models here from another computer: what is complete is not fetched again"
)


class FetchError(Exception):
    """A model cannot be fetched; the message names the model, the reason and the remedy."""


def select(names: Iterable[str], patterns: Sequence[str] | None, index: dict | None) -> list[str]:
    """The files of a repository that a model needs.

    Parameters
    ----------
    names : iterable of str
        All files of the revision.
    patterns : sequence of str or None
        Shell patterns such as ``unet/*.fp16.safetensors``. None selects safetensors, configuration and vocabulary
        files: those of the parts named in the index of a diffusers pipeline, or all those of any other model.
    index : dict or None
        The pipeline's ``model_index.json``, if it has one.

    Raises
    ------
    FetchError
        If a pattern matches nothing or matches a refused file, or a name leads out of the model's folder.
    """
    names = sorted(names)
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise FetchError(
                f"the repository holds a file named {name!r}, which leads out of its folder: do not use it"
            )
    if patterns is None:
        chosen = [name for name in names if any(fnmatchcase(name, pattern) for pattern in WANTED)]
        if index is not None:
            parts = {part for part, value in index.items() if isinstance(value, list)}
            chosen = [name for name in chosen if name == "model_index.json" or PurePosixPath(name).parent.name in parts]
        chosen = [name for name in chosen if not _refused(name)]
    else:
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise FetchError(f"files: {pattern} matches no file of the revision; there are {', '.join(names)}")
        chosen = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
        if refused := [name for name in chosen if _refused(name)]:
            raise FetchError(
                f"files: {refused[0]} can run code when it is loaded and is refused; name safetensors only"
            )
    if not any(name.endswith(".safetensors") for name in chosen):
        raise FetchError("the revision holds no safetensors weights; choose a revision or repository that does")
    return chosen


def _refused(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in REFUSED


def fetch(repository: str, revision: str, patterns: Sequence[str] | None, folder: Path) -> dict:
    """Download the files of a revision into a folder and verify each against the hub's checksum.

    Files that are already there and correct are kept, so an interrupted download resumes.

    Parameters
    ----------
    repository, revision : str
        ``owner/name`` and the 40 hex digits of a commit.
    patterns : sequence of str or None
        See ``select``.
    folder : Path
        Destination folder.

    Returns
    -------
    dict
        ``repository``, ``revision`` and ``files``: name to ``sha256`` and ``bytes``.

    Raises
    ------
    FetchError
        With one line that says what is wrong, and the remedy.
    """
    # The hub's client reads its environment when it is imported.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    name, endpoint = f"{repository}@{revision}", os.environ.get("HF_ENDPOINT")
    files = _files(repository, revision, folder)

    def get(file: str) -> Path:
        path, known = folder / file, files[file]
        if path.is_file() and _is_right(path, known):
            log.info("%s is there", path)
            return path
        log.info("fetch %s (%s bytes)", file, known.size)
        try:
            hf_hub_download(
                repository, file, revision=revision, local_dir=folder, endpoint=endpoint, force_download=path.exists()
            )
        except Exception as error:  # networks may fail in any way
            raise FetchError(
                f"{name}: {file} broke off ({_line(error)}); start again, it goes on where it stopped. {NO_NETWORK}"
            ) from error
        if not _is_right(path, known):
            path.unlink(missing_ok=True)
            raise FetchError(f"{name}: {file} arrived with a wrong checksum and was removed; start again")
        return path

    index = json.loads(get("model_index.json").read_text(encoding="utf-8")) if "model_index.json" in files else None
    chosen = select(files, patterns, index)
    manifest = {file: {"sha256": file_digest(get(file)), "bytes": (folder / file).stat().st_size} for file in chosen}
    for file in chosen:
        if reason := runs_code(folder / file, folder):
            raise FetchError(f"{name}: {file} {reason}; choose a model that needs no code")
    # The client's records of partial downloads, which are not part of the model.
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return {"repository": repository, "revision": revision, "files": manifest}


def download_size(repository: str, revision: str, patterns: Sequence[str] | None) -> int:
    """Bytes that ``fetch`` would download; nothing but the index of a pipeline is.

    Raises
    ------
    FetchError
        As ``fetch``, if the hub has no such revision, or a pattern matches nothing.
    """
    from huggingface_hub import hf_hub_download

    with tempfile.TemporaryDirectory() as folder:
        files, index = _files(repository, revision, Path(folder)), None
        if "model_index.json" in files:
            endpoint = os.environ.get("HF_ENDPOINT")
            path = hf_hub_download(
                repository, "model_index.json", revision=revision, local_dir=folder, endpoint=endpoint
            )
            index = json.loads(Path(path).read_text(encoding="utf-8"))
    return sum(files[name].size or 0 for name in select(files, patterns, index))


def _files(repository: str, revision: str, folder: Path) -> dict[str, Any]:
    """What the hub says of the files of a revision, by name."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"{repository}@{revision}"
    try:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = api.model_info(repository, revision=revision, files_metadata=True)
    except RevisionNotFoundError:
        raise FetchError(f"{name}: the repository has no such revision; copy the commit from its page") from None
    except GatedRepoError:
        raise FetchError(f"{name}: accept its licence on its page, then `hf auth login`") from None
    except RepositoryNotFoundError:
        raise FetchError(f"{name}: no such repository, or a private one that needs `hf auth login`") from None
    except OfflineModeIsEnabled:
        raise FetchError(f"{name} is not in {folder} and HF_HUB_OFFLINE is set. {NO_NETWORK}") from None
    except Exception as error:  # networks may fail in any way
        raise FetchError(f"{name}: the hub does not answer ({_line(error)}). {NO_NETWORK}") from error
    if info.sha != revision:
        raise FetchError(f"{name}: the hub answered with revision {info.sha}; try again")
    return {file.rfilename: file for file in info.siblings or ()}


def _is_right(path: Path, known) -> bool:
    """Compare with the hub's SHA-256 of a large file, or git's blob id of a small one."""
    if known.size is not None and path.stat().st_size != known.size:
        return False
    if known.lfs is not None:
        return file_digest(path) == known.lfs.sha256
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == known.blob_id


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
