"""The images of one shard of prompts: verify those in the store and generate the missing ones (docs/design.md)."""

import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from joblib import cpu_count

from untold.base.identity import digest
from untold.base.progress import track
from untold.study.schema_synthesis import Synthesis
from untold.synthesis.requests import Request, Sampler
from untold.synthesis.store import BrokenEntry, Entry, Store

log = logging.getLogger(__name__)


# To be changed whenever the code makes different pixels from the same recipe.
RECIPE_VERSION = 2


# Libraries whose code makes the pixels.
LIBRARIES = ("diffusers", "torch", "transformers")


WORDING = ["template", "prompt", "prompt_key", "negative"]


LABELS = ["activity_id", "activity", "category", "group", "role", "age", "seed", *WORDING]


MANIFEST = ["key", "path", "sha256", "width", "height", *LABELS, "profile", "accepted", "reason"]


@dataclass
class Shard:
    """The images of one shard.

    Attributes
    ----------
    manifest : DataFrame
        One row per prompt, sorted by key; columns ``MANIFEST``.
    key : list of str
        Accepted images, sorted.
    latents : ndarray of float16, shape (len(key), channels, height, width)
    counts : dict
        Number of images found, missing, broken, generated and rejected.
    made : list of dict
        The different ways in which the accepted images were made, whenever that was: the sampler's facts, and the
        number of ``images``.
    """

    manifest: pd.DataFrame
    key: list[str]
    latents: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)


def recipe(
    request: Request, synthesis: Synthesis, identity: Mapping[str, Any], dtype: str, variant: str | None = None
) -> dict[str, Any]:
    """Everything that determines an image's pixels; its digest is the image's key.

    The batch size is not included, because it changes only the last bits of some numbers and nothing visible.

    Parameters
    ----------
    request : Request
    synthesis : Synthesis
        Sampler settings.
    identity : mapping
        Identities of the weights: revisions or digests of the model and its VAE.
    dtype : str
        Data type of the denoiser.
    variant : str or None
        Which of the model's weights are loaded; its identity is that of all of them.
    """
    settings = synthesis.model_dump(exclude={"batch_size"})
    made_by = {"dtype": dtype, "variant": variant, "libraries": libraries(), "recipe_version": RECIPE_VERSION}
    return {**request._asdict(), **settings, **identity, **made_by}


@cache
def libraries() -> dict[str, str]:
    """Versions of the libraries that make the pixels; looking them up takes longer than the rest of a recipe."""
    # A build for other hardware, such as 2.9.1+cu128, is the same version.
    return {name: version(name).split("+")[0] for name in LIBRARIES}


def fill_shard(
    prompts: pd.DataFrame,
    store: Store,
    recipes: Callable[[Request], dict[str, Any]],
    latent_shape: tuple[int, int, int],
    load: Callable[[], Sampler],
    name: str = "synthesise",
    others: int = 0,
) -> Shard:
    """Make sure that the store has the images for a table of prompts.

    Parameters
    ----------
    prompts : DataFrame
        With the columns written by ``write_prompts``.
    store : Store
        The store of images.
    recipes : callable
        Returns the recipe of a request.
    latent_shape : tuple of int
        Channels, rows and columns.
    load : callable
        Loads the model; called only if an image has to be generated.
    name : str
        Title of the progress bar.
    others : int
        Images that the other shards of the study still need, for the estimate of the time left.

    Returns
    -------
    Shard
        A failed image is in the manifest with ``accepted`` false and the reason.
    """
    requests = [Request(*row) for row in prompts[["prompt", "negative", "noise_seed"]].itertuples(index=False)]
    # Two rows may ask for the same pixels (if the age grid repeats a group's wording); they are generated once.
    made = [recipes(request) for request in requests]
    own = [digest(one) for one in made]
    wanted = dict(zip(own, zip(requests, made, strict=True), strict=True))
    with ThreadPoolExecutor(cpu_count()) as pool:
        entries, broken = _verify(wanted, store, latent_shape, pool)
        missing = {key: wanted[key] for key in sorted(wanted.keys() - entries.keys())}
        log.info(
            "%d images: %d in the store, %d missing, %d broken and made again",
            len(wanted), len(entries), len(missing) - len(broken), len(broken),
        )  # fmt: skip
        reasons: dict[str, str] = {}
        if missing:
            fresh, reasons = _make(missing, store, load(), pool, name, others)
            entries |= fresh
    counts = {
        "prompts": len(requests),
        "found": len(wanted) - len(missing),
        "missing": len(missing) - len(broken),
        "broken": len(broken),
        "made": len(missing) - len(reasons),
        "rejected": len(reasons),
    }
    if reasons:
        log.warning("%d of %d images are rejected; the study goes on without them", len(reasons), len(wanted))
    keys = sorted(entries)
    latents = np.stack([entries[key].latents for key in keys]) if keys else np.empty((0, *latent_shape), np.float16)
    ways = Counter(entries[key].made for key in keys)
    known = [{**json.loads(way), "images": count} for way, count in sorted(ways.items())]
    return Shard(_manifest(prompts, own, made, entries, reasons), keys, latents, counts, known)


def unfinished(prompts: Path, images: Path) -> int:
    """Images that other shards of the dataset still need: the prompts of those without a manifest.

    Parameters
    ----------
    prompts, images : Path
        This shard's prompts and manifest, in the folders where those of the others are.
    """
    others = [file for file in prompts.parent.glob("*.parquet") if file.name != prompts.name]
    waiting = [file for file in others if not (images.parent / file.name).exists()]
    return sum(pq.read_metadata(file).num_rows for file in waiting)


def time_left(pace: float, own: int, others: int) -> str:
    """How long a shard still takes at a number of seconds per image, and the other shards on the same device."""
    text = f"{duration(pace * own)} left in this shard"
    return text + (f", {duration(pace * others)} in the study's others" if others else "")


def duration(seconds: float) -> str:
    """A time in words, such as ``12 min``.

    >>> duration(40), duration(750), duration(9000), duration(300000)
    ('40 s', '12 min', '2.5 h', '3.5 days')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _verify(
    wanted: Mapping[str, tuple[Request, dict]],
    store: Store,
    latent_shape: tuple[int, int, int],
    pool: ThreadPoolExecutor,
) -> tuple[dict[str, Entry], set[str]]:
    found = {
        key: pool.submit(store.get, key, (made["width"], made["height"]), latent_shape)
        for key, (_, made) in wanted.items()
    }
    entries, broken = {}, set()
    for key, future in found.items():
        try:
            if entry := future.result():
                entries[key] = entry
        except BrokenEntry as error:
            log.warning("%s %s: it is made again", store.path(key), error)
            broken.add(key)
            # If regeneration fails, a later run must not mistake the broken image for a good one.
            with suppress(FileNotFoundError):
                store.path(key).unlink()
    return entries, broken


def _make(
    missing: Mapping[str, tuple[Request, dict]],
    store: Store,
    sampler: Sampler,
    pool: ThreadPoolExecutor,
    name: str,
    others: int,
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Generate images; threads encode and write them while the next batch is computed."""
    entries: dict[str, Entry] = {}
    reasons: dict[str, str] = {}
    writing: deque[tuple[str, Future[Entry]]] = deque()
    todo = iter(missing.items())
    batches = track(sampler.run([request for request, _ in missing.values()]), name, len(missing), size=len)
    done = 0
    for number, samples in enumerate(batches, start=1):
        # The first batch includes the compiler and the start of every library.
        if number == 1:
            begun = time.monotonic()
        elif number == 2:
            pace = (time.monotonic() - begun) / len(samples)
            left = len(missing) - done - len(samples)
            log.info("%.3g s an image; %s", pace, time_left(pace, left, others))
        done += len(samples)
        for sample, (key, (request, made)) in zip(samples, todo, strict=False):
            if sample.image is None:
                log.warning("image of %r (seed %d) %s: rejected", request.prompt, request.noise_seed, sample.reason)
                reasons[key] = sample.reason
            else:
                writing.append((key, pool.submit(store.put, made, sample.image, sample.latents, dict(sampler.facts))))
        # This bounds memory if the disk is slower than the GPU.
        while len(writing) > 4 * len(samples):
            written, future = writing.popleft()
            entries[written] = future.result()
    entries |= {key: future.result() for key, future in writing}
    return entries, reasons


def _manifest(
    prompts: pd.DataFrame,
    keys: Sequence[str],
    made: Sequence[Mapping[str, Any]],
    entries: Mapping[str, Entry],
    reasons: Mapping[str, str],
) -> pd.DataFrame:
    table = prompts[LABELS].assign(
        age=prompts["age"].astype("Int64"),  # pandas reads integers with gaps as floats
        key=keys,
        path=[entries[key].path.as_posix() if key in entries else "" for key in keys],
        sha256=[entries[key].sha256 if key in entries else "" for key in keys],
        width=[one["width"] for one in made],
        height=[one["height"] for one in made],
        profile=[one["profile"] for one in made],
        accepted=[key in entries for key in keys],
        reason=[reasons.get(key, "") for key in keys],
    )
    return table[MANIFEST].sort_values(["key", "role", "group", "template"], kind="stable", ignore_index=True)
