"""Read a finished study: its tables, images, vectors and predictions, as data frames and arrays."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from untold.data.csv import read_csvs
from untold.data.parquet import read_arrays, read_table


class Study:
    """The results of a study, by dataset.

    Parameters
    ----------
    results : Path
        The folder of its results (``results`` in its configuration). Files are read when they are asked for.

    Attributes
    ----------
    datasets : list of str

    Raises
    ------
    FileNotFoundError
        If the folder holds no results of a study.

    References
    ----------
    docs/notebook.md
    """

    def __init__(self, results: Path) -> None:
        self.results = results
        self.datasets = sorted({path.parts[-3] for path in results.glob("*/images/*.parquet")})
        if not self.datasets:
            raise FileNotFoundError(
                f"{results} holds no results of a study (DATASET/images/*.parquet); run the study first, or name the "
                "folder that `results` in its configuration names"
            )

    def __getitem__(self, name: str) -> "Dataset":
        """One dataset; a KeyError names those that exist."""
        return Dataset(self.results, _known(name, self.datasets, f"dataset in {self.results}"))

    def __repr__(self) -> str:
        return f"Study({str(self.results)!r}, datasets={self.datasets})"


class Dataset:
    """The results of one dataset. Names that do not exist raise a KeyError with those that do.

    Parameters
    ----------
    results : Path
        The folder of the study's results.
    name : str

    Attributes
    ----------
    tables : list of str
        Names for :meth:`table`; docs/tables.md says what each of them holds.
    spaces : list of str
        Names for :meth:`vectors` and :meth:`clusters`.
    encoders : list of str
        Names for :meth:`predictions`.
    """

    def __init__(self, results: Path, name: str) -> None:
        self.results = results
        self.name = name
        self.tables = sorted(path.stem.removeprefix(f"{name}-") for path in results.glob(f"tables/{name}-*.csv"))
        self.spaces = self._stems("clusters")
        self.encoders = self._stems("predictions")

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {len(self.tables)} tables, spaces={self.spaces})"

    def table(self, name: str) -> pd.DataFrame:
        """One table, such as ``contrasts`` or ``dino-clusters``."""
        name = _known(name, self.tables, f"table of {self.name}")
        return read_csvs([self.results / "tables" / f"{self.name}-{name}.csv"], self.name)[name]

    @property
    def images(self) -> pd.DataFrame:
        """All images, rejected ones included (see ``accepted``); ``key`` is that of their vectors."""
        return read_table(self._files("images"))

    @property
    def prompts(self) -> pd.DataFrame:
        """All prompts of a generated dataset; ``prompt_key`` is that of their vectors."""
        return read_table(self._files("prompts"))

    @property
    def similarity(self) -> pd.DataFrame:
        """Similarity of marked images or prompts of a generated dataset to their ``partner``, one row per pair.

        The partner is the neutral image of the same activity and seed, or (roles ``same seed`` and ``other seed``) a
        marked one.
        """
        return read_table(self._files("similarity"))

    @property
    def projections(self) -> pd.DataFrame:
        """Coordinates of all points on the maps: key, method, x, y, space."""
        return read_table(self.results / self.name / "projections.parquet")

    def predictions(self, encoder: str) -> pd.DataFrame:
        """Zero-shot probabilities: key, attribute, classifier, label, probability."""
        name = _known(encoder, self.encoders, f"encoder with predictions for {self.name}")
        return read_table(self.results / self.name / "predictions" / f"{name}.parquet")

    def clusters(self, space: str) -> pd.DataFrame:
        """The cluster of each image or prompt of a space."""
        name = _known(space, self.spaces, f"space of {self.name}")
        return read_table(self.results / self.name / "clusters" / f"{name}.parquet")

    def vectors(self, space: str) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of a space.

        Parameters
        ----------
        space : str
            Such as ``dino``, ``clip_image``, ``clip_text`` (prompts) or ``latents``.

        Returns
        -------
        keys : ndarray of str, shape (n,)
            Sorted: ``key`` of :attr:`images`, or ``prompt_key`` of :attr:`prompts` for a space of prompts.
        vectors : ndarray of shape (n, dim), or (n, channels, height, width) for latents
        """
        name = _known(space, self.spaces, f"space of {self.name}")
        # Encoders that embed both images and prompts have a space for each; the folder of the images has the bare name.
        folders = [f"embeddings/{name}", f"embeddings/{name.removesuffix('_image')}", name]
        folder = next(folder for folder in folders if (self.results / self.name / folder).is_dir())
        keys, vectors = read_arrays(self._files(folder), "latents" if folder == "latents" else "vector")
        order = np.argsort(keys, kind="stable")
        return keys[order], vectors[order]

    def _stems(self, folder: str) -> list[str]:
        return sorted(path.stem for path in (self.results / self.name / folder).glob("*.parquet"))

    def _files(self, folder: str) -> list[Path]:
        paths = sorted((self.results / self.name / folder).glob("*.parquet"))
        if not paths:
            raise KeyError(f"{self.name} has no {folder}: only generated datasets have prompts, similarity and latents")
        return paths


def _known(name: str, names: Sequence[str], kind: str) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise KeyError(f"{name!r} is no {kind}{hint} (there are: {', '.join(names) or 'none'})")
