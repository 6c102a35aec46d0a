"""Write the report page of a study as a single self-contained file."""

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from scripts.cli import NamedFiles, run
from untold.base.files import atomic
from untold.catalogue import figures as drawn
from untold.catalogue import tables as catalogue
from untold.data.csv import read_csvs
from untold.data.parquet import read_table
from untold.data.spaces import sample
from untold.report import headline, thumbnails
from untold.report.colours import colours
from untold.report.doubts import doubts
from untold.report.page import (
    Centre,
    Drawing,
    Example,
    Group,
    Job,
    Page,
    PageDataset,
    PageSpace,
    Picture,
    Rejected,
    drawing,
    encode,
    facet,
    first_images,
    maps,
    ordered,
    render,
    safe_json,
    similarities,
    spread,
)
from untold.report.tables import ShownTable, by_activity, make_table, original, overall
from untold.report.wording import activity_titles, primary_space, space_label
from untold.study.schema_report import Report

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow",
    "scipy",
    "scikit-learn",
    "torch",
    "diffusers",
    "open-clip-torch",
    "timm",
    "umap-learn",
)
EXAMPLE_EDGE = 224
MOST = 20_000  # thumbnails per dataset (no more than there are points on the maps); larger datasets are sampled


class Facts(BaseModel, frozen=True, extra="forbid"):
    """What the page needs to know about a dataset apart from its tables.

    ``keys`` gives the column of the manifest with the keys of each space; ``facets`` are the columns to colour and
    filter by, starting with the axis; ``classifier`` is the attribute and classifier that the answer on labelled images
    is about; ``labels`` are the label columns of a folder, and ``audited`` has the classes of those that are audited.
    """

    kind: str
    groups: list[str]
    contrast: str | None
    keys: dict[str, str]
    facets: list[str]
    classifier: tuple[str, str] | None
    model: str | None
    negative: str
    labels: list[str]
    audited: dict[str, list[str]]


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Wording and colours, the datasets, the number of mapped pictures, and the full configuration of the study."""

    report: Report
    datasets: dict[str, Facts]
    confidence: float
    pictures: int
    study: dict[str, Any]
    identities: dict[str, str]


@dataclass(frozen=True)
class Contents:
    """What the page reads from one dataset.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        By name; a table of a space has the space as prefix, such as ``dino-clusters``.
    figures : mapping of str to Path
        SVG files, named in the same way.
    manifest, accepted, pictured : DataFrame
        All images, the accepted ones, and those of them that have a thumbnail; sorted by key.
    projections, similarity : DataFrame
        Empty if there are none.
    clusters, representatives : mapping of str to DataFrame
        By space.
    prompts : list of mapping
        What embed_prompts noted about each shard.
    """

    name: str
    facts: Facts
    tables: Mapping[str, pd.DataFrame]
    figures: Mapping[str, Path]
    manifest: pd.DataFrame
    accepted: pd.DataFrame
    pictured: pd.DataFrame
    projections: pd.DataFrame
    similarity: pd.DataFrame
    clusters: Mapping[str, pd.DataFrame]
    representatives: Mapping[str, pd.DataFrame]
    sheets: thumbnails.Sheets
    colours: Mapping[str, str]
    prompts: list[Mapping[str, Any]]


def main(
    *,
    settings: Settings,
    tables: NamedFiles,
    figures: NamedFiles,
    projections: NamedFiles,
    images: NamedFiles,
    similarity: NamedFiles,
    clusters: NamedFiles,
    representatives: NamedFiles,
    provenance: list[Path],
    page: Path,
) -> None:
    datasets, data = [], []
    jobs = job_notes(provenance)
    # Generated datasets come first, because the page's headline is about them.
    for name, facts in sorted(settings.datasets.items(), key=lambda item: item[1].kind != "generated"):
        manifest = read_table(images[name]).sort_values("key", ignore_index=True)
        accepted = manifest[manifest["accepted"]].reset_index(drop=True)
        chosen = accepted["key"].isin(sample(accepted, "key", min(settings.pictures, MOST)))
        pictured = accepted[chosen].reset_index(drop=True)
        contents = Contents(
            name=name,
            facts=facts,
            tables=read_csvs(tables[name], name),
            figures={path.stem.removeprefix(f"{name}-"): path for path in figures[name]},
            manifest=manifest,
            accepted=accepted,
            pictured=pictured,
            projections=read_table(projections[name]) if projections[name] else pd.DataFrame({"space": []}),
            similarity=read_table(similarity[name]) if similarity[name] else pd.DataFrame(),
            clusters={path.stem: read_table(path) for path in clusters[name]},
            representatives={path.stem: read_table(path) for path in representatives[name]},
            sheets=sheets(pictured),
            colours=colours(facts.groups, settings.report.colours),
            prompts=[notes for job, notes in jobs.items() if job.startswith(f"embed_prompts/{name}/")],
        )
        datasets.append(page_dataset(contents, settings))
        data.append(interactive(contents))
    contract = Page(
        title=settings.report.title,
        confidence=settings.confidence,
        datasets=datasets,
        data=safe_json(data),
        runs=[Job(job, flat(notes)) for job, notes in jobs.items()],
        versions={name: version(name) for name in LIBRARIES},
        host=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        study=json.dumps(settings.study, indent=2, ensure_ascii=False, sort_keys=True),
        identities=settings.identities,
    )
    with atomic(page) as part:
        part.write_text(render(contract), encoding="utf-8")


def sheets(pictured: pd.DataFrame) -> thumbnails.Sheets:
    """Thumbnails of images, as large as the page has room for."""
    sizes = pictured[["width", "height"]].max(axis=1).tolist() if "width" in pictured else []
    return thumbnails.sheets([Path(path) for path in pictured["path"]], thumbnails.edge_for(sizes))


def page_dataset(contents: Contents, settings: Settings) -> PageDataset:
    """A dataset in the form that the template shows."""
    facts, accepted = contents.facts, contents.accepted
    return PageDataset(
        name=contents.name,
        kind=facts.kind,
        groups=[Group(group, contents.colours[group]) for group in facts.groups],
        contrast=facts.contrast,
        model=facts.model,
        n=len(accepted),
        pictured=len(contents.pictured),
        answer=answer(
            facts, contents.tables, activity_titles(contents.manifest) if facts.groups else {}, settings.confidence
        ),
        tables=shown_tables(contents),
        figures=shown_figures(contents),
        spaces=[PageSpace(space, space_label(space), centres(contents, space)) for space in facts.keys],
        examples=examples(contents, settings.report.examples),
        rejected=rejected(contents.manifest),
        doubts=doubts(contents.manifest, facts.negative, facts.labels, facts.audited, contents.prompts),
        sheets=contents.sheets,
        seeds=int(accepted["seed"].nunique()) if "seed" in accepted else 0,
        activities=int(accepted["activity_id"].nunique()) if "activity_id" in accepted else 0,
    )


def rejected(manifest: pd.DataFrame) -> list[Rejected]:
    """Images that were excluded."""
    rows = manifest.loc[~manifest["accepted"], ["path", "reason"]].fillna("")
    return [Rejected(path, reason) for path, reason in rows.itertuples(index=False, name=None)]


def answer(
    facts: Facts, frames: Mapping[str, pd.DataFrame], named: Mapping[str, str], confidence: float
) -> headline.Answer:
    """The answer for the dataset, with the names of its activities."""
    if "shares" in frames:
        return headline.answer(frames, named, confidence)
    if facts.classifier and "attributes_errors" in frames:
        return headline.audit_answer(frames["attributes_errors"], *facts.classifier)
    associations = [frame for name, frame in frames.items() if catalogue.entry(name).name == "association"]
    if any(map(len, associations)):
        return headline.structure_answer(pd.concat(associations, ignore_index=True))
    return headline.Answer("", [])


def shown_tables(contents: Contents) -> dict[str, ShownTable]:
    """The tables on the page by name, in the order of the catalogue."""
    made = {name: shown_table(contents, name) for name in in_order(contents.tables, catalogue.TABLES)}
    return {name: table for name, table in made.items() if table}


def shown_table(contents: Contents, name: str) -> ShownTable | None:
    """One table in the form that the page shows, or None if it is not shown."""
    frame, contrast, kind = contents.tables[name], contents.facts.contrast, catalogue.entry(name)
    file = f"{contents.name}-{name}.csv"
    if kind.page is None or frame.empty:
        return None
    if kind.name == "original_table":
        marked = [group for group in contents.facts.groups if group in frame]
        return original(file, frame, marked)
    if kind.name == "shares":
        frame = overall(frame)
    if kind.name == "activities":
        return by_activity(file, frame, contrast, activity_titles(contents.manifest)) if contrast else None
    if contrast and "contrast" in frame:
        frame = frame.sort_values("contrast", key=lambda names: names != contrast, kind="stable")
    return make_table(kind.name, file, frame)


def shown_figures(contents: Contents) -> dict[str, Drawing]:
    """The figures by name, in the order of the catalogue."""
    return {name: drawing(name, contents.figures[name]) for name in in_order(contents.figures, drawn.FIGURES)}


def in_order(names: Iterable[str], entries: Iterable[str]) -> list[str]:
    """Names of tables or figures, possibly prefixed by a space, in the order of the catalogue's entries."""
    order = {entry: number for number, entry in enumerate(entries)}
    return sorted(names, key=lambda name: (order[name.rsplit("-", 1)[-1]], name))


def examples(contents: Contents, count: int) -> list[Example]:
    """Images of the first seed, for activities evenly spaced in the ranking by the main gap."""
    facts, accepted = contents.facts, contents.accepted
    gaps = contents.tables.get("activities", pd.DataFrame())
    if not facts.contrast or gaps.empty:
        return []
    space = primary_space(list(gaps["space"].unique()))
    gaps = gaps[(gaps["contrast"] == facts.contrast) & (gaps["space"] == space) & (gaps["metric"] == "cosine")]
    first = accepted[accepted["seed"] == accepted["seed"].min()]
    found = []
    for activity in spread(gaps.set_index("activity_id")["estimate"], count):
        rows = first[first["activity_id"] == activity].drop_duplicates("group").set_index("group")
        pictures = [example_picture(group, rows.loc[group]) for group in facts.groups if group in rows.index]
        if pictures:
            found.append(Example(rows["activity"].iloc[0], pictures))
    return found


def example_picture(group: str, row: pd.Series) -> Picture:
    """An image large enough to look at."""
    uri = thumbnails.data_uri(thumbnails.picture(Path(row["path"]), EXAMPLE_EDGE), 80)
    return Picture(group, uri, row["prompt"])


def centres(contents: Contents, space: str) -> list[Centre]:
    """The images nearest to the centre of each k-means cluster of a space."""
    shown = contents.representatives.get(space, pd.DataFrame())
    if shown.empty:
        return []
    index = first_images(contents.pictured, contents.facts.keys[space])
    rows = shown[(shown["method"] == "kmeans") & (shown["role"] == "nearest") & shown["key"].isin(index.index)]
    return [
        Centre(int(part["cluster"].iloc[0]), index.loc[part.sort_values("rank")["key"]].tolist()[:8])
        for _, part in rows.groupby("cluster")
    ]


def interactive(contents: Contents) -> dict[str, Any]:
    """Compact data for the explorer and the quadruplet browser; the page's script declares it as ``RawDataset``."""
    facts, images, small = contents.facts, contents.pictured, contents.sheets
    facets = {column: facet(images[column]) for column in facts.facets if column in images}
    if "group" in facets:
        facets["group"] = ordered(facets["group"], images["group"], facts.groups)
    text = next((column for column in ("prompt", "caption") if column in images), None)
    return {
        "name": contents.name,
        "kind": facts.kind,
        "n": len(images),
        "colours": contents.colours,
        "facets": facets,
        "text": facet(images[text]) if text else None,
        "seed": encode(pd.factorize(images["seed"], sort=True)[0], "uint16") if "seed" in images else None,
        "seeds": sorted(int(seed) for seed in images["seed"].unique()) if "seed" in images else [],
        "sheets": {"edge": small.edge, "columns": small.columns, "per_sheet": small.per_sheet},
        "maps": maps(contents.projections, images, facts.keys, contents.clusters),
        "similarities": similarities(contents.similarity, images) if len(contents.similarity) else [],
    }


def job_notes(files: list[Path]) -> dict[str, dict[str, Any]]:
    """The jobs' notes about themselves, by stage, dataset and shard: device, types, versions, times."""
    return {
        path.with_suffix("").as_posix().rsplit("/provenance/", 1)[1]: json.loads(path.read_text(encoding="utf-8"))
        for path in files
    }


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Flatten nested facts into dotted names."""
    if not isinstance(value, dict):
        return {name: str(value)}
    return {
        key: text for part, inner in value.items() for key, text in flat(inner, f"{name}.{part}".strip(".")).items()
    }


if __name__ == "__main__":
    run(main)
