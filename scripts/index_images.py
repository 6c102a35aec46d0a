"""Index the images of one shard of a folder: which can be used, which cannot, and why."""

from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.base.identity import shard_index
from untold.base.pictures import is_hidden
from untold.base.places import find
from untold.data.parquet import write_table
from untold.images.age_bands import age_band
from untold.images.folder import index
from untold.images.labels import (
    LabelTable,
    attach_labels,
    captions_beside,
    open_images_labels,
    subfolder_labels,
    utkface_labels,
)
from untold.study.folders import list_images
from untold.study.schema_datasets import FolderDataset


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The folder, digests of its labels, of the shard's files and of all names, and which part of it this shard is."""

    dataset: FolderDataset
    labels: list[str]
    files: str
    names: str | None
    shard: int


def main(*, settings: Settings, labels: list[Path], images: Path, rejects: Path) -> None:
    dataset = settings.dataset
    folder = find(dataset.path)
    listed = list_images(folder)
    mine = [file for file in listed if shard_index(file, dataset.shards) == settings.shard]
    manifest, rejected = index(folder, mine, max_pixels=dataset.max_pixels, follow_links=dataset.follow_links)
    files = [file for file in listed if not is_hidden(file)]  # whose names would make those of pictures ambiguous
    matched, problems = pd.DataFrame({"file": []}, dtype=object), pd.DataFrame({"path": [], "reason": []}, dtype=object)
    if dataset.utkface:
        matched, problems = utkface_labels(files)
        matched["age_band"] = age_band(matched["age"])
    elif dataset.open_images:
        matched, problems = open_images_labels(*labels, min_images=dataset.open_images.min_images, files=files)
    elif dataset.subfolders:
        matched, problems = subfolder_labels(files, dataset.subfolders)
    elif given := dataset.labels:
        table = LabelTable(labels[0], given.key, given.columns, given.caption, folder, files)
        matched, problems = table.matched, table.problems
    if dataset.captions:
        captions, more = captions_beside(folder, [file for file in mine if not is_hidden(file)])
        matched, problems = matched.merge(captions, on="file", how="outer"), pd.concat([problems, more])
    manifest = attach_labels(manifest, matched, folder)
    # Every shard sees all problems with the labels. Each lists its own; the first also lists those of empty shards.
    present = sorted({shard_index(file, dataset.shards) for file in listed})
    homes = [shard_index(path, dataset.shards) for path in problems["path"]]
    # The mask needs a type, because an empty list would select columns instead of rows.
    listed_here = [(home if home in present else present[0]) == settings.shard for home in homes]
    problems = problems[pd.Series(listed_here, index=problems.index, dtype=bool)]
    known = set(files)
    problems = problems.assign(
        path=[f"{folder.as_posix()}/{path}" if path in known else path for path in problems["path"]]
    )
    write_table(images, manifest, sort_by=["key"])
    write_table(rejects, pd.concat([rejected, problems], ignore_index=True).astype(str), sort_by=["path", "reason"])


if __name__ == "__main__":
    run(main)
