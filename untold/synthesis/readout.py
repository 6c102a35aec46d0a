"""What the denoiser predicts from pure noise, of each activity's prompts (docs/method.md section 7a).

Kept are the products of differences between predictions, a few numbers per activity and noise, in the store beside the
images: ``readout/ab/<key>.json``. The key is the digest of everything that determines them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from untold.base.files import atomic
from untold.base.identity import digest
from untold.synthesis.requests import Request

# To be changed whenever the code makes different products from the same recipe.
RECIPE_VERSION = 1


class Question(NamedTuple):
    """The prompts of one activity and the noise that they are asked with."""

    activity_id: str
    neutral: str
    marked: tuple[str, ...]
    noise_seed: int

    @property
    def requests(self) -> list[Request]:
        """The neutral prompt first."""
        return [Request(prompt, "", self.noise_seed) for prompt in (self.neutral, *self.marked)]


class Reader(Protocol):
    """Reads a denoiser, such as `untold.synthesis.sampler.Sampler`."""

    def read(self, requests: Sequence[Request]) -> Iterable[np.ndarray]:
        """Predictions of the requests in order, (requests of a batch, numbers in the latents)."""


def questions(prompts: pd.DataFrame, groups: Sequence[str], seeds: Sequence[int]) -> list[Question]:
    """All questions of a dataset, sorted by activity and seed.

    Parameters
    ----------
    prompts : DataFrame
        With the columns written by ``write_prompts``.
    groups : sequence of str
        Of the axis, in order.
    seeds : sequence of int
        One noise for each, the same for all activities: what a noise adds to all of them leaves their order as it is.
    """
    of_axis = prompts[prompts["role"].isin(["neutral", "group"])].drop_duplicates(["activity_id", "group"])
    worded = of_axis.pivot(index="activity_id", columns="group", values="prompt").sort_index()
    return [
        Question(str(activity), row["neutral"], tuple(row[group] for group in groups), seed)
        for activity, row in worded.iterrows()
        for seed in seeds
    ]


def products(
    asked: Sequence[Question],
    store: Path,
    recipe: Callable[[Request], Mapping[str, Any]],
    load: Callable[[], Reader],
) -> np.ndarray:
    """Products of differences between the predictions of the neutral prompt and of each marked one.

    Parameters
    ----------
    asked : sequence of Question
    store : Path
        Folder of the store.
    recipe : callable
        Everything that determines the prediction of a request.
    load : callable
        Loads the model; called only if something is not in the store.

    Returns
    -------
    ndarray of shape (len(asked), G, G)
        ``(y - b_g) @ (y - b_h)`` divided by the number of latents, where y is the prediction of the neutral prompt and
        b_g that of group g.
    """
    files = [_file(store, question, recipe) for question in asked]
    missing = [index for index, file in enumerate(files) if not file.is_file()]
    if missing:
        reader = load()
        for index, product in zip(missing, _ask([asked[index] for index in missing], reader), strict=True):
            with atomic(files[index]) as part:
                part.write_text(json.dumps(product.tolist()) + "\n", encoding="utf-8")
    return np.array([json.loads(file.read_text(encoding="utf-8")) for file in files])


def _file(store: Path, question: Question, recipe: Callable[[Request], Mapping[str, Any]]) -> Path:
    neutral, *marked = question.requests
    own = {"readout_version": RECIPE_VERSION, "marked": [request.prompt for request in marked]}
    key = digest({**recipe(neutral), **own})
    return store / "readout" / key[:2] / f"{key}.json"


def _ask(asked: Sequence[Question], reader: Reader) -> Iterator[np.ndarray]:
    """The products of each question, as soon as its last prompt has been read."""
    requests = [request for question in asked for request in question.requests]
    rows = (row for batch in reader.read(requests) for row in batch)
    for question in asked:
        neutral, *marked = (row.astype(float) for row in islice(rows, 1 + len(question.marked)))
        differences = neutral - np.array(marked)
        yield differences @ differences.T / differences.shape[1]
