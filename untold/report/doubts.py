"""What was not done as it was asked for, in sentences that stand before the results."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from untold.data.categories import too_many

MANY = 0.05  # a share of images that cannot be used by chance
SHOWN = 80  # characters of what was cut off a prompt


def doubts(
    manifest: pd.DataFrame,
    negative: str,
    labels: Sequence[str],
    audited: Mapping[str, Sequence[str]],
    prompts: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What was not done as it was asked for.

    Parameters
    ----------
    manifest : DataFrame
        All images, with ``accepted`` and, as the case may be, ``negative`` and label columns.
    negative : str
        The negative prompt of the study, or "".
    labels : sequence of str
        Label columns of a folder.
    audited : mapping of str to sequence of str
        The classes that are audited, by their label column.
    prompts : sequence of mapping
        For each shard and encoder: the number of ``prompts``, of those ``cut``, and what of the first was ``unread``.
    """
    found = []
    images = manifest.drop_duplicates("key")
    rejected = int((~images["accepted"]).sum())
    if rejected > MANY * len(images):
        found.append(f"{rejected:,} of {len(images):,} images cannot be used; the list of rejects says why.")
    if negative and len(manifest) and not manifest["negative"].fillna("").any():
        found.append("The negative prompt has no effect: this model, or its guidance, takes none.")
    if labels and len(images):
        labelled = int(images[list(labels)].notna().any(axis=1).sum())
        if labelled < len(images) / 2:
            found.append(f"Only {labelled:,} of {len(images):,} pictures have a label.")
    for column in labels:
        if too_many(images[column]):
            values = images[column].nunique()
            found.append(
                f"The column {column} has {values:,} values: tables join the rarer ones, and the keep-list does not "
                "balance it."
            )
    for column, classes in audited.items():
        told = images[column].dropna()
        others = told[~told.isin(list(classes))]
        if len(others):
            shown = ", ".join(f"“{value}”" for value in sorted(set(others.astype(str)))[:3])
            found.append(
                f"{len(others):,} of {len(told):,} labels of {column} are none of the audited classes ({shown}) and "
                "are left out of the audit."
            )
    if cut := sum(shard["cut"] for shard in prompts):
        unread = next(shard["unread"] for shard in prompts if shard["cut"])
        unread = unread if len(unread) <= SHOWN else unread[:SHOWN] + "…"
        total = sum(shard["prompts"] for shard in prompts)
        found.append(
            f"{cut:,} of {total:,} prompts are longer than a text encoder reads; of one, it did not read “{unread}”."
        )
    return found
