"""Export the images of a dataset in formats that other tools can open."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from scripts.cli import run
from untold.base.progress import track
from untold.data.parquet import read_table, write_table
from untold.report import thumbnails

EDGE = 256  # pixels of the pictures inside the Parquet


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The dataset, and the column of the manifest with the keys of each space."""

    dataset: str
    keys: dict[str, str]


def main(*, settings: Settings, images: list[Path], projections: Path, folder: Path, atlas: Path) -> None:
    table = read_table(images).sort_values("key", ignore_index=True)
    table = table[table["accepted"]].drop(columns=["accepted", "reason"]).reset_index(drop=True)
    write_folder(folder, table, settings.dataset)
    write_table(atlas, atlas_table(table, read_table(projections), settings.keys))


def write_folder(folder: Path, table: pd.DataFrame, dataset: str) -> None:
    """Write a Hugging Face ``imagefolder``: pictures, ``metadata.jsonl`` with one line per picture, and a card."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        (part / "train").mkdir()
        with open(part / "train" / "metadata.jsonl", "w", encoding="utf-8") as lines:
            for row in track(table.to_dict("records"), f"export {dataset}", len(table)):
                # Files are named by key, so untrusted file names are never reused.
                name = f"{row['key']}{Path(row['path']).suffix.lower()}"
                shutil.copyfile(row["path"], part / "train" / name)
                about = {key: plain(value) for key, value in row.items() if key not in ("key", "path")}
                lines.write(json.dumps({"file_name": name, **about}, ensure_ascii=False) + "\n")
        (part / "README.md").write_text(card(dataset, len(table)), encoding="utf-8")
        part.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def plain(value: Any) -> Any:
    """A JSON value; missing values become null."""
    if value is None or pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def card(dataset: str, n: int) -> str:
    """The dataset card. A name has only letters, digits and underscores, so nothing needs escaping."""
    return f"""---
pretty_name: {dataset}
task_categories:
- image-classification
---
# {dataset}

{n} images with their prompts or labels in `train/metadata.jsonl`, exported by Untold. Labels are perceived: what a
picture looks like, not who anybody is.

```python
from datasets import load_dataset
load_dataset("imagefolder", data_dir="{dataset}", split="train")
```
"""


def atlas_table(table: pd.DataFrame, places: pd.DataFrame, keys: dict[str, str]) -> pa.Table:
    """Write one row per image: labels, path, a thumbnail, and its coordinates on the map of every space."""
    frame = table.rename(columns={"path": "filepath"})
    for (space, method), part in places[places["space"].isin(keys)].groupby(["space", "method"]):
        xy = part.set_index("key")[["x", "y"]].reindex(table[keys[str(space)]])
        frame[f"{space}_{method}_x"], frame[f"{space}_{method}_y"] = xy["x"].to_numpy(), xy["y"].to_numpy()
    small = [thumbnails.encode(thumbnails.picture(Path(path), EDGE), 75) for path in table["path"]]
    pictures = pa.array(
        [{"bytes": content, "path": path} for content, path in zip(small, table["path"], strict=True)],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    plain_columns = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return plain_columns.append_column("image", pictures)


if __name__ == "__main__":
    run(main)
