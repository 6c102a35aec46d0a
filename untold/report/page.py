"""The report page: everything that the template shows, assembled from tables, figures and manifests.

The template escapes all text. Figures and data are inserted verbatim and are made safe here.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from untold.catalogue import figures, tables
from untold.data.categories import in_order
from untold.report.colours import GRID, INK, MUTED, PAPER
from untold.report.headline import Answer
from untold.report.tables import ShownTable
from untold.report.thumbnails import Sheets
from untold.report.wording import space_label

TEMPLATES = Path(__file__).parent / "templates"
MISSING = -32768
THEMED = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)", PAPER: "var(--paper)"}


@dataclass(frozen=True)
class Group:
    """A group of the axis and its colour."""

    name: str
    colour: str


@dataclass(frozen=True)
class Drawing:
    """A static figure embedded in the page."""

    svg: Markup
    caption: str
    file: str


@dataclass(frozen=True)
class Centre:
    """Indices of the thumbnails nearest to the centre of a cluster."""

    cluster: int
    images: list[int]


@dataclass(frozen=True)
class PageSpace:
    """A space of a dataset."""

    name: str
    label: str
    centres: list[Centre]


@dataclass(frozen=True)
class Picture:
    """One image of an example, as a data URI."""

    group: str
    uri: str
    alt: str


@dataclass(frozen=True)
class Example:
    """The images of an activity and seed, one per group."""

    activity: str
    pictures: list[Picture]


@dataclass(frozen=True)
class Rejected:
    """An image that was excluded, and why. The path is empty if the image was never generated."""

    path: str
    reason: str


@dataclass(frozen=True)
class PageDataset:
    """Everything that the template shows about a dataset.

    Attributes
    ----------
    n, pictured : int
        Number of accepted images, and of those that have a thumbnail.
    tables, figures : dict
        By name (``dino-clusters`` for a table of a space), in the order of the catalogue.
    doubts : list of str
        What was not done as it was asked for, to be read before the results.
    seeds, activities : int
        Number of seeds and activities; 0 for a folder.
    """

    name: str
    kind: str
    groups: list[Group]
    contrast: str | None
    model: str | None
    n: int
    pictured: int
    answer: Answer
    tables: dict[str, ShownTable]
    figures: dict[str, Drawing]
    spaces: list[PageSpace]
    examples: list[Example]
    rejected: list[Rejected]
    doubts: list[str]
    sheets: Sheets
    seeds: int
    activities: int

    def tables_at(self, place: str, space: str = "") -> list[str]:
        """Names of the tables at a place on the page, limited to a space if one is given."""
        places = {name: tables.PAGES[tables.entry(name).name].place for name in self.tables}
        return [name for name, at in places.items() if at == place and _is_of(name, space)]

    def figures_at(self, place: str, space: str = "") -> list[str]:
        """Names of the figures at a place on the page, limited to a space if one is given."""
        return [name for name in self.figures if figures.entry(name).place == place and _is_of(name, space)]


def _is_of(name: str, space: str) -> bool:
    return not space or name.rsplit("-", 1)[0] == space


@dataclass(frozen=True)
class Job:
    """A job's notes about itself, as plain text."""

    job: str
    facts: dict[str, str]


@dataclass(frozen=True)
class Page:
    """The variables of `report.html.j2`.

    Attributes
    ----------
    confidence : float
        Confidence level of all intervals.
    data : Markup
        JSON for the page's script, made safe by `safe_json`.
    versions, identities : dict
        Versions of libraries, and identities of models.
    host, study : str
        The machine that wrote the page, and the full configuration as JSON.
    """

    title: str
    confidence: float
    datasets: list[PageDataset]
    data: Markup
    runs: list[Job]
    versions: dict[str, str]
    host: str
    study: str
    identities: dict[str, str]

    @property
    def first(self) -> PageDataset:
        """The dataset that the page's headline is about."""
        return self.datasets[0]


@dataclass(frozen=True)
class Comparison:
    """The variables of `comparison.html.j2`; ``studies`` maps each name to a folder and a dataset."""

    title: str
    studies: dict[str, tuple[str, str]]
    figure: Markup
    tables: list[ShownTable]


def drawing(name: str, path: Path) -> Drawing:
    """A figure of the catalogue, read from its SVG file."""
    about = figures.entry(name)
    return Drawing(inline_svg(path.read_text(encoding="utf-8"), path.stem, about.alt), about.caption, path.name)


def encode(values: Iterable, dtype: str) -> str:
    """Numbers as base64 of little-endian bytes: a tenth of the size of JSON, with no need for parsing."""
    return base64.b64encode(np.asarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()).decode()


def safe_json(value: Any) -> Markup:
    """JSON that cannot close the script element around it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def inline_svg(svg: str, prefix: str, alt: str) -> Markup:
    """Prepare one of our figures for the page: make its ids unique and replace its greys by the theme's colours.

    Matplotlib has already escaped the text of the SVG. The prolog and the white background are dropped.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<g id="patch_1">.*?</g>', "", svg, count=1, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r"('DejaVu Sans')[^;\"]*", "var(--sans)", svg)
    for fixed, themed in THEMED.items():
        svg = svg.replace(fixed, themed)
    head = svg[: svg.index(">")]
    kept = re.findall(r'viewBox="[^"]*"', head)[0]
    width = float(kept.split('"')[1].split()[2])
    label = f'role="img" aria-label="{Markup.escape(alt)}"'
    xlink = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return Markup(f'<svg {kept} {xlink} {label} style="max-width:{width * 1.6:.0f}px"{svg[svg.index(">") :]}')


def facet(values: pd.Series) -> dict[str, Any]:
    """Encode a column as its distinct values, in their order, and a code for each row."""
    texts = values.astype("string").fillna("unknown")
    names = in_order(map(str, texts))
    return {"values": names, "codes": encode(pd.Index(names).get_indexer(pd.Index(texts)), "uint16")}


def ordered(facet_: dict[str, Any], values: pd.Series, order: Sequence[str]) -> dict[str, Any]:
    """Reorder a facet so that the given values come first, in the given order."""
    rest = [name for name in facet_["values"] if name not in order]
    names = [name for name in order if name in facet_["values"]] + rest
    codes = values.astype("string").fillna("unknown").map({name: i for i, name in enumerate(names)})
    return {"values": names, "codes": encode(codes, "uint16")}


def quantised(values: np.ndarray) -> np.ndarray:
    """Coordinates scaled to the range of 16-bit integers."""
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) / max(high - low, 1e-12) * 65535)


def first_images(images: pd.DataFrame, key: str) -> pd.Series:
    """Index of the first image with each key, by key; it represents a prompt on the map."""
    return pd.Series(np.arange(len(images)), images[key]).groupby(level=0).first()


def maps(
    places: pd.DataFrame, images: pd.DataFrame, keys: Mapping[str, str], clusters: Mapping[str, pd.DataFrame]
) -> list[dict[str, Any]]:
    """The maps of all spaces, for the explorer.

    Parameters
    ----------
    places : DataFrame
        Columns space, method, key, x, y.
    images : DataFrame
        Images in the order of the thumbnails.
    keys : mapping
        For each space, the column of ``images`` that holds its keys.
    clusters : mapping of str to DataFrame
        For each space, a table with the columns key, method, cluster.

    Returns
    -------
    list of dict
        With space, label, prompts, points (the image of each), methods (x and y) and clusters.
    """
    found = []
    for space, key in keys.items():
        part = places[places["space"] == space]
        if part.empty:
            continue
        index = first_images(images, key)
        part = part[part["key"].isin(index.index)].sort_values("key")
        points = part["key"].drop_duplicates()  # every method maps the same
        # The page's y axis points down.
        methods = {
            method: {
                "x": encode(quantised(rows["x"].to_numpy()), "uint16"),
                "y": encode(65535 - quantised(rows["y"].to_numpy()), "uint16"),
            }
            for method, rows in part.groupby("method")
        }
        entry: dict[str, Any] = {
            "space": space,
            "label": space_label(space),
            "prompts": key != "key",
            "points": encode(index.loc[points], "uint32"),
            "methods": methods,
        }
        if space in clusters:
            members = clusters[space]
            kmeans = members[members["method"] == "kmeans"].set_index("key")["cluster"]
            entry["clusters"] = encode(points.map(kmeans).fillna(-1), "int16")
        found.append(entry)
    return found


def similarities(table: pd.DataFrame, images: pd.DataFrame) -> list[dict[str, Any]]:
    """For every space and metric, the similarity of each image to its neutral image, in ten-thousandths.

    A prompt's similarity has no seed (-1 in the table) and applies to the images of all seeds.
    """
    keys = ["activity_id", "group", "seed"]
    found = []
    for (space, metric), part in table[table["partner"] == "neutral"].groupby(["space", "metric"]):
        on = keys[:2] if (part["seed"] < 0).all() else keys
        values = part.drop_duplicates(on).set_index(on)["value"]
        aligned = values.reindex(pd.MultiIndex.from_frame(images[on])).to_numpy()
        scaled = np.where(np.isfinite(aligned), np.round(aligned * 10_000), MISSING)
        found.append({"label": space_label(str(space), str(metric)), "values": encode(scaled, "int16")})
    return found


def spread(ranking: pd.Series, count: int) -> list[str]:
    """Names evenly spaced in a ranking, including both ends, so that examples are not hand-picked."""
    names = ranking.dropna().sort_values(ascending=False, kind="stable").index.tolist()
    if len(names) <= count:
        return names
    return [names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count)]


def render(page: Page | Comparison) -> str:
    """The page as HTML.

    Its content security policy allows no requests, and no script other than ours, identified by its digest.
    """
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = "report.html.j2" if isinstance(page, Page) else "comparison.html.j2"
    return environment.get_template(template).render(
        page=page,
        script=Markup(script),
        script_digest=digest,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
