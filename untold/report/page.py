"""The page: everything that the template shows, assembled from tables, figures and manifests.

The template escapes every text; the two things it takes as they are, figures and data, are made safe here.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from untold.report.colours import GRID, INK, MUTED, PAPER
from untold.report.wording import space_label

TEMPLATES = Path(__file__).parent / "templates"
MISSING = -32768
THEMED = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)", PAPER: "var(--paper)"}

# Figure: alternative text, caption. Figures of a space are found by their last word.
FIGURES = {
    "forest": (
        "Forest plot: gap between groups in every space with intervals; the numbers are in the table of gaps.",
        "Gap in similarity to neutral between two groups, by space. Right of zero: neutral is nearer to the first.",
    ),
    "answer": (
        "Forest plot: the main gap in every space with its interval; the numbers are in the table of gaps.",
        "The main gap by space. Right of zero: the neutral image is nearer to the first group.",
    ),
    "similarity": (
        "Dot plot: mean similarity of each group to neutral in every space; the numbers are in the table of means.",
        "Mean similarity of each group to the neutral image of the same activity and seed.",
    ),
    "categories": (
        "Heat map: gap by category of activity and space; the numbers are in the table of categories.",
        "Gap by category. Colours compare effect sizes, because the spaces have different scales.",
    ),
    "activities": (
        "Ranking of the activities with the largest gaps on both sides; every activity is in the table below.",
        "The activities with the largest gaps on both sides.",
    ),
    "specifications": (
        "Specification curve: effect size under every choice of space, metric and seeds, in order.",
        "Every way to measure it, in order of effect size; the marks below say which choices a point stands for.",
    ),
    "neutral": (
        "Dot plot: share of neutral images nearest to each group, and classified as each group, with intervals.",
        "Which group the neutral image resembles most, by space and by classifier.",
    ),
    "recovery": (
        "Scatter plots: planted share of each activity against the estimated one, a panel per estimator.",
        "The bias was planted, so the audit can be checked: points on the diagonal are right.",
    ),
    "variance": (
        "Stacked bars: share of variance between activities, seeds and the rest, by space.",
        "Where the variance of a gap comes from.",
    ),
    "map": (
        "Two-dimensional maps of the space, all groups together and each highlighted.",
        "t-SNE and UMAP maps, for display only: distances between far points mean nothing.",
    ),
    "composition": (
        "Heat map: over-representation of each attribute value in each cluster.",
        "Who is in the k-means clusters of the original space.",
    ),
    "attribute_errors": (
        "Dot plot: error rate within each group with Wilson intervals, beside its share of all errors.",
        "Error rate within each group, and its share of all errors, which is another thing.",
    ),
    "attribute_thresholds": (
        "Curves: macro F and accuracy against the threshold.",
        "Scores at every threshold. A threshold chosen on the images it is scored on is optimistic.",
    ),
    "attribute_calibration": (
        "Reliability curve: observed share against predicted probability, with intervals.",
        "Whether a probability is what it says: on the diagonal it is.",
    ),
}


def describe(figure: str) -> tuple[str, str]:
    """Alternative text and caption of a figure."""
    return FIGURES[figure.rsplit("-", 1)[-1]]


def encode(values: Iterable, dtype: str) -> str:
    """Numbers as base64 of little-endian bytes: a tenth of what JSON digits weigh, and read without parsing."""
    return base64.b64encode(np.asarray(values, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()).decode()


def safe_json(value: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def inline_svg(svg: str, prefix: str, alt: str) -> Markup:
    """A figure of ours for the page: its ids made unique, its greys those of the page's theme.

    Matplotlib escapes the texts of an SVG; this only drops the prolog and the white background.
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
    kept = re.search(r'viewBox="[^"]*"', head)[0]
    width = float(kept.split('"')[1].split()[2])
    label = f'role="img" aria-label="{Markup.escape(alt)}"'
    xlink = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return Markup(f'<svg {kept} {xlink} {label} style="max-width:{width * 1.6:.0f}px"{svg[svg.index(">") :]}')


def facet(values: pd.Series) -> dict[str, Any]:
    """A column as its distinct values, sorted, and a code for each row."""
    codes, names = pd.factorize(values.astype("string").fillna("unknown"), sort=True)
    return {"values": [str(name) for name in names], "codes": encode(codes, "uint16")}


def ordered(facet_: dict[str, Any], values: pd.Series, order: Sequence[str]) -> dict[str, Any]:
    """The same with these values first, in this order."""
    rest = [name for name in facet_["values"] if name not in order]
    names = [name for name in order if name in facet_["values"]] + rest
    codes = values.astype("string").fillna("unknown").map({name: i for i, name in enumerate(names)})
    return {"values": names, "codes": encode(codes, "uint16")}


def quantised(values: np.ndarray) -> np.ndarray:
    """Coordinates as 16-bit numbers over their range."""
    low, high = float(values.min()), float(values.max())
    return np.round((values - low) / max(high - low, 1e-12) * 65535)


def maps(places: pd.DataFrame, images: pd.DataFrame, keys: Mapping[str, str], clusters: Mapping[str, pd.DataFrame]):
    """The maps of every space for the explorer.

    Parameters
    ----------
    places : DataFrame
        space, method, key, x, y.
    images : DataFrame
        In the order of the thumbnails.
    keys : mapping
        The column of ``images`` that a space is keyed by; a prompt stands for its first image.
    clusters : mapping of str to DataFrame
        key, method, cluster of each space.

    Returns
    -------
    list of dict
        space, label, prompts, points (image of each), methods (x and y), clusters.
    """
    found = []
    for space, key in keys.items():
        part = places[places["space"] == space]
        if part.empty:
            continue
        index = pd.Series(np.arange(len(images)), images[key]).groupby(level=0).first()
        methods, points = {}, None
        for method, rows in part.groupby("method"):
            rows = rows[rows["key"].isin(index.index)].sort_values("key")
            points = rows["key"]
            # The page's y axis points down.
            methods[method] = {
                "x": encode(quantised(rows["x"].to_numpy()), "uint16"),
                "y": encode(65535 - quantised(rows["y"].to_numpy()), "uint16"),
            }
        entry = {
            "space": space,
            "label": space_label(space),
            "prompts": key != "key",
            "points": encode(index.loc[points], "uint32"),
            "methods": methods,
        }
        if space in clusters:
            members = clusters[space]
            members = members[members["method"] == "kmeans"].set_index("key")["cluster"]
            entry["clusters"] = encode(points.map(members).fillna(-1), "int16")
        found.append(entry)
    return found


def similarities(table: pd.DataFrame, images: pd.DataFrame) -> list[dict[str, Any]]:
    """For every space and metric the similarity of each image to its neutral one, in ten-thousandths.

    A prompt's similarity has no seed (-1 in the table) and counts for the images of every seed.
    """
    keys = ["activity_id", "group", "seed"]
    found = []
    for (space, metric), part in table.groupby(["space", "metric"]):
        on = keys[:2] if (part["seed"] < 0).all() else keys
        values = part.drop_duplicates(on).set_index(on)["value"]
        aligned = values.reindex(pd.MultiIndex.from_frame(images[on])).to_numpy()
        scaled = np.where(np.isfinite(aligned), np.round(aligned * 10_000), MISSING)
        found.append({"label": space_label(space, metric), "values": encode(scaled, "int16")})
    return found


def spread(ranking: pd.Series, count: int) -> list[str]:
    """Names evenly spaced over a ranking, both ends included: examples that nobody picked."""
    names = ranking.dropna().sort_values(ascending=False, kind="stable").index.tolist()
    if len(names) <= count:
        return names
    return [names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count)]


def render(context: Mapping[str, Any], template: str = "report.html.j2") -> str:
    """The page as text.

    The policy allows no request at all, and no script but ours, by its digest.
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
    return environment.get_template(template).render(
        **context,
        script=Markup(script),
        script_digest=digest,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
    )
