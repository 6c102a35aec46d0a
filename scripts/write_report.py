"""Write the page of a study: one file that needs nothing else."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic
from untold.data.csv import read_csvs
from untold.data.parquet import read_table
from untold.data.spaces import sample
from untold.report import headline, thumbnails
from untold.report.colours import colours
from untold.report.page import (
    describe,
    encode,
    facet,
    inline_svg,
    maps,
    ordered,
    render,
    safe_json,
    similarities,
    spread,
)
from untold.report.tables import SPECS, by_activity, make_table, original
from untold.report.wording import primary_space, space_label
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
MOST = 20_000  # images of a dataset that the page holds a thumbnail of, if as many are mapped; above, a sample of them


class Facts(BaseModel, frozen=True, extra="forbid"):
    """What the page must know of a dataset beside its tables.

    ``keys``: the manifest's column that each space is keyed by; ``facets``: columns to colour and filter by, the first
    is the axis; ``classifier``: of labelled images, the attribute and the classifier that the answer is about.
    """

    kind: str
    groups: list[str]
    contrast: str | None
    keys: dict[str, str]
    facets: list[str]
    classifier: tuple[str, str] | None
    model: str | None


class Settings(BaseModel, frozen=True, extra="forbid"):
    """Wording and colours, the datasets, how many pictures are mapped, and the whole study as it was configured."""

    report: Report
    datasets: dict[str, Facts]
    confidence: float
    pictures: int
    study: dict[str, Any]
    identities: dict[str, str]


def main(
    *,
    settings: Settings,
    tables: list[Path],
    figures: list[Path],
    projections: list[Path],
    images: list[Path],
    similarity: list[Path],
    clusters: list[Path],
    representatives: list[Path],
    provenance: Path,
    page: Path,
) -> None:
    shown, data = [], []
    # What was made comes first: the page's question is about it.
    for name, facts in sorted(settings.datasets.items(), key=lambda item: item[1].kind != "generated"):
        frames = read_csvs(tables, name)
        manifest = read_table(own(images, name, -3)).sort_values("key", ignore_index=True)
        accepted = manifest[manifest["accepted"]].reset_index(drop=True)
        drawn = accepted["key"].isin(sample(accepted, "key", min(settings.pictures, MOST)))
        pictured = accepted[drawn].reset_index(drop=True)
        sizes = pictured[["width", "height"]].max(axis=1).tolist() if "width" in pictured else []
        sheets = thumbnails.sheets([Path(p) for p in pictured["path"]], thumbnails.edge_for(sizes))
        tone = colours(facts.groups, settings.report.colours)
        clustered = {path.stem: read_table(path) for path in own(clusters, name, -3)}
        centres = {path.stem: read_table(path) for path in own(representatives, name, -3)}
        shown.append(
            {
                "name": name,
                "kind": facts.kind,
                "groups": [{"name": group, "colour": tone[group]} for group in facts.groups],
                "contrast": facts.contrast,
                "model": facts.model,
                "n": len(accepted),
                "pictured": len(pictured),
                "answer": answer(facts, frames, settings.confidence),
                "tables": shown_tables(name, facts, frames, manifest),
                "figures": shown_figures(name, figures),
                "spaces": [
                    {"name": space, "label": space_label(space), "centres": nearest(centres.get(space), pictured, key)}
                    for space, key in facts.keys.items()
                ],
                "examples": examples(facts, frames, accepted, settings.report.examples),
                "rejected": manifest.loc[~manifest["accepted"], ["path", "reason"]].fillna("").to_dict("records"),
                "sheets": sheets,
                "seeds": int(accepted["seed"].nunique()) if "seed" in accepted else 0,
                "activities": int(accepted["activity_id"].nunique()) if "activity_id" in accepted else 0,
            }
        )
        data.append(interactive(name, facts, pictured, tone, sheets, own(similarity, name, -3), projections, clustered))
    context = {
        "title": settings.report.title,
        "confidence": settings.confidence,
        "datasets": shown,
        "first": shown[0],
        "data": safe_json(data),
        "runs": run_facts(provenance),
        "versions": {name: version(name) for name in LIBRARIES},
        "host": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "study": json.dumps(settings.study, indent=2, ensure_ascii=False, sort_keys=True),
        "identities": settings.identities,
    }
    with atomic(page) as part:
        part.write_text(render(context), encoding="utf-8")


def own(paths: list[Path], dataset: str, place: int) -> list[Path]:
    """The files whose path has the dataset's name at this place."""
    return [path for path in paths if path.parts[place] == dataset]


def answer(facts: Facts, frames: Mapping[str, pd.DataFrame], confidence: float) -> headline.Answer:
    """The dataset in a sentence."""
    if facts.contrast and "contrasts" in frames:
        return headline.answer(frames, facts.contrast, confidence)
    if facts.classifier and "attributes_errors" in frames:
        return headline.audit_answer(frames["attributes_errors"], *facts.classifier)
    associations = [frame for table, frame in frames.items() if table.endswith("-association")]
    if any(map(len, associations)):
        return headline.structure_answer(pd.concat(associations, ignore_index=True))
    return headline.Answer("", [])


def shown_tables(name: str, facts: Facts, frames: Mapping[str, pd.DataFrame], manifest: pd.DataFrame) -> dict[str, Any]:
    """The tables of the page by name; those of a space as ``dino-clusters``."""
    found: dict[str, Any] = {}
    for table, frame in frames.items():
        kind = table.rsplit("-", 1)[-1]
        file = f"{name}-{table}.csv"
        if facts.contrast and "contrast" in frame:
            frame = frame.sort_values("contrast", key=lambda names: names != facts.contrast, kind="stable")
        if kind in SPECS and (made := make_table(kind, file, frame)):
            found[table] = made
    marked = [group for group in facts.groups if group in frames.get("original_table", ())]
    if marked:
        found["original_table"] = original(f"{name}-original_table.csv", frames["original_table"], marked)
    if facts.contrast and len(frames.get("activities", ())):
        names = manifest.drop_duplicates("activity_id").set_index("activity_id")["activity"].to_dict()
        file = f"{name}-activities.csv"
        found["activities"] = by_activity(file, frames["activities"], facts.contrast, names)
    return found


def shown_figures(name: str, figures: list[Path]) -> dict[str, Any]:
    """The drawn figures of a dataset by name."""
    found = {}
    for path in figures:
        if path.suffix == ".svg" and path.name.startswith(f"{name}-"):
            figure = path.stem.removeprefix(f"{name}-")
            alt, caption = describe(figure)
            svg = inline_svg(path.read_text(encoding="utf-8"), path.stem, alt)
            found[figure] = {"svg": svg, "caption": caption, "file": path.name}
    return found


def examples(
    facts: Facts, frames: Mapping[str, pd.DataFrame], accepted: pd.DataFrame, count: int
) -> list[dict[str, Any]]:
    """Quadruplets of the first seed, evenly spaced over the ranking of the main gap."""
    if not facts.contrast or not len(frames.get("activities", ())):
        return []
    gaps = frames["activities"]
    space = primary_space(list(gaps["space"].unique()))
    gaps = gaps[(gaps["contrast"] == facts.contrast) & (gaps["space"] == space) & (gaps["metric"] == "cosine")]
    chosen = spread(gaps.set_index("activity_id")["estimate"], count)
    first = accepted[accepted["seed"] == accepted["seed"].min()]
    found = []
    for activity in chosen:
        rows = first[first["activity_id"] == activity].drop_duplicates("group").set_index("group")
        pictures = [
            {
                "group": group,
                "uri": thumbnails.data_uri(thumbnails.picture(Path(rows.loc[group, "path"]), EXAMPLE_EDGE), 80),
                "alt": rows.loc[group, "prompt"],
            }
            for group in facts.groups
            if group in rows.index
        ]
        if pictures:
            found.append({"activity": rows["activity"].iloc[0], "pictures": pictures})
    return found


def nearest(centres: pd.DataFrame | None, accepted: pd.DataFrame, key: str) -> list[dict[str, Any]]:
    """The pictures nearest to the centre of each k-means cluster, as numbers of thumbnails."""
    if centres is None or centres.empty:
        return []
    index = pd.Series(range(len(accepted)), accepted[key]).groupby(level=0).first()
    rows = centres[(centres["method"] == "kmeans") & (centres["role"] == "nearest") & centres["key"].isin(index.index)]
    return [
        {"cluster": int(cluster), "images": index.loc[part.sort_values("rank")["key"]].tolist()[:8]}
        for cluster, part in rows.groupby("cluster")
    ]


def interactive(
    name: str,
    facts: Facts,
    accepted: pd.DataFrame,
    tone: dict[str, str],
    sheets: thumbnails.Sheets,
    similarity: list[Path],
    projections: list[Path],
    clustered: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    """What the explorer and the quadruplet browser need, small."""
    facets = {column: facet(accepted[column]) for column in facts.facets if column in accepted}
    if "group" in facets:
        facets["group"] = ordered(facets["group"], accepted["group"], facts.groups)
    text = next((column for column in ("prompt", "caption") if column in accepted), None)
    places = pd.concat(
        [read_table(path) for path in projections if path.parent.name == name] or [pd.DataFrame({"space": []})]
    )
    return {
        "name": name,
        "kind": facts.kind,
        "n": len(accepted),
        "colours": tone,
        "facets": facets,
        "text": facet(accepted[text]) if text else None,
        "seed": encode(pd.factorize(accepted["seed"], sort=True)[0], "uint16") if "seed" in accepted else None,
        "seeds": sorted(int(seed) for seed in accepted["seed"].unique()) if "seed" in accepted else [],
        "sheets": {"edge": sheets.edge, "columns": sheets.columns, "per_sheet": sheets.per_sheet},
        "maps": maps(places, accepted, facts.keys, clustered),
        "similarities": similarities(read_table(similarity), accepted) if similarity else [],
    }


def run_facts(folder: Path) -> list[dict[str, Any]]:
    """What the jobs noted about themselves: device, types, versions, times."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        found.append({"job": path.relative_to(folder).with_suffix("").as_posix(), "facts": flat(facts)})
    return found


def flat(value: Any, name: str = "") -> dict[str, str]:
    """Nested facts as one level of dotted names."""
    if not isinstance(value, dict):
        return {name: str(value)}
    return {
        key: text for part, inner in value.items() for key, text in flat(inner, f"{name}.{part}".strip(".")).items()
    }


if __name__ == "__main__":
    run(main)
