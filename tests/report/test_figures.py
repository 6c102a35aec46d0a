"""Test figures: they are legible, show n and intervals, and are reproducible for any texts."""

import itertools
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from scripts import draw_figures
from tests.simulated import GROUPS, HOSTILE
from untold.catalogue.figures import FIGURES
from untold.report import figures, wording
from untold.report.colours import INK, MUTED, NEUTRAL, PALETTE, PAPER, colours
from untold.report.style import save

DARK = "#15171a"  # background of the page's dark theme
# From Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


@pytest.fixture(scope="module")
def results(simulated, tmp_path_factory):
    return shutil.copytree(simulated, tmp_path_factory.mktemp("study") / "results")


def linear(colour):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    light, dark = sorted((linear(c) @ [0.2126, 0.7152, 0.0722] for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb):
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb.clip(0, 1)
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_palette_is_seen_on_light_and_dark_paper():
    for colour in (*PALETTE, NEUTRAL):
        assert contrast(colour, PAPER) >= 3, colour
        assert contrast(colour, DARK) >= 3, colour
    assert contrast(INK, PAPER) >= 7 and contrast(MUTED, PAPER) >= 4.5


@pytest.mark.parametrize("kind", DEFICIENCIES)
def test_first_colours_stay_apart_for_colour_blind_readers(kind):
    seen = [lab(np.array(DEFICIENCIES[kind]) @ linear(colour)) for colour in PALETTE[:4]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


def test_chosen_colours_win_and_neutral_is_grey():
    found = colours(["neutral", "young", "older"], {"older": "#123456"})
    assert found == {"neutral": NEUTRAL, "young": PALETTE[0], "older": "#123456"}


def draw(results, dataset, names, **settings):
    files = [results / "figures" / f"{dataset}-{name}.{kind}" for name in names for kind in ("svg", "png")]
    draw_figures.main(
        settings=draw_figures.Settings(dataset=dataset, colours={}, confidence=0.95, **settings),
        tables=sorted((results / "tables").glob("*.csv")),
        projections=results / dataset / "projections.parquet",
        images=sorted((results / dataset / "images").glob("*.parquet")),
        figures=files,
    )
    return {path.name: path.read_bytes() for path in files}


PEOPLE = {
    "highlight": "group",
    "groups": ["neutral", *GROUPS],
    "contrast": "young-older",
    "keys": {"clip_image": "key", "dino": "key", "clip_text": "prompt_key"},
}
FACES = {"highlight": "gender", "groups": [], "contrast": None, "keys": {"clip_image": "key", "dino": "key"}}


def test_every_figure_of_the_catalogue_has_a_drawing_function_and_none_is_left_over():
    assert figures.DRAW.keys() == FIGURES.keys()


@pytest.mark.slow
def test_every_declared_figure_is_drawn_twice_alike_and_says_n(results):
    names = ["answer", "forest", "similarity", "categories", "activities", "specifications", "neutral", "recovery"]
    names += ["variance", "dino-map", "clip_text-map", "dino-composition"]
    first, second = draw(results, "people", names, **PEOPLE), draw(results, "people", names, **PEOPLE)
    assert first == second
    for name, content in first.items():
        if name.endswith(".svg"):
            text = content.decode()
            assert re.search(r"n = \d|n images|specifications of", text), name
            assert "<dc:date>" not in text
            assert "<script" not in text
    activities = first["people-activities.svg"].decode()
    assert "&lt;script&gt;" in activities and HOSTILE[3] in activities
    faces = draw(
        results, "faces", ["attribute_errors", "attribute_thresholds", "attribute_calibration", "dino-map"], **FACES
    )
    assert "Wilson" in faces["faces-attribute_errors.svg"].decode()


def test_an_empty_table_gives_a_figure_that_says_why(tmp_path):
    frame = pd.DataFrame({"space": ["dino"], "metric": ["cosine"], "estimate": [np.nan], "note": ["one seed"]})
    save(figures.forest(frame, figures.Design()), [tmp_path / "x.svg"])
    assert "Nothing to show: one seed" in (tmp_path / "x.svg").read_text()
    assert figures.forest(frame.iloc[:0], figures.Design()).texts[0].get_text().endswith("the table has no rows")


def test_dollars_and_underscores_are_not_mathematics(tmp_path):
    table = pd.DataFrame({"space": "dino", "metric": "cosine", "contrast": "a-b", "activity_id": ["x"], "n": [3]})
    table = table.assign(estimate=0.1, low=0.0, high=0.2)
    design = figures.Design(
        contrast="a-b", activities={"x": "paying $5 or $x_{"}, colour={"a": "#000000", "b": "#111111"}
    )
    save(figures.activities(table, design), [tmp_path / "x.svg"])
    assert "paying $5 or $x_{" in (tmp_path / "x.svg").read_text()


@pytest.mark.parametrize(
    ("space", "metric", "label"),
    [
        ("dino", "cosine", "DINO"),
        ("dino", "patch_maxsim", "DINO, split (patch max-sim)"),
        ("eva_image", "cosine", "eva images"),
    ],
)
def test_spaces_have_names(space, metric, label):
    assert wording.space_label(space, metric) == label


def test_the_answer_is_not_given_in_a_circular_space():
    assert wording.primary_space(["clip_image", "resnet50", "dino"]) == "dino"
    assert wording.primary_space(["clip_image", "resnet50", "latents"]) == "resnet50"
    assert wording.primary_space(["clip_text", "clip_image"]) == "clip_image"
    assert wording.primary_space([]) is None
