"""Test the page: it is safe for any texts, complete and small, and its first sentence states the result correctly."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scripts import write_report
from tests.photographs import write_photographs
from tests.report.test_figures import FACES, PEOPLE, contrast, draw
from tests.simulated import GROUPS, HOSTILE
from untold.images.decode import decode
from untold.report import headline, thumbnails
from untold.report.colours import PALETTE
from untold.report.page import MISSING, TEMPLATES, safe_json, similarities, spread


def settings(people=True, faces=True):
    shown = {}
    if people:
        groups = ["neutral", *GROUPS]
        shown["people"] = {
            "kind": "generated",
            "groups": groups,
            "contrast": "young-older",
            "keys": PEOPLE["keys"],
            "facets": ["group", "category", "activity"],
            "classifier": None,
            "model": "miniature",
            "negative": "",
            "labels": [],
            "audited": {},
        }
    if faces:
        facets = ["gender", "race", "age_band"]
        shown["faces"] = {
            "kind": "folder",
            "groups": [],
            "contrast": None,
            "keys": FACES["keys"],
            "facets": facets,
            "classifier": ("gender", "man_woman"),
            "model": None,
            "negative": "",
            "labels": ["gender", "race", "age_band"],
            "audited": {"gender": ["male", "female"]},
        }
    return write_report.Settings.model_validate(
        {
            "report": {"title": "Who? <b>{{ 7 * 7 }}</b>", "examples": 4},
            "datasets": shown,
            "confidence": 0.95,
            "pictures": 20_000,
            "study": {"results": "results", "note": HOSTILE[0]},
            "identities": {"miniature": "sha256:abc"},
        }
    )


def write(results, chosen, tables=None, figures=True):
    """Write the page from the files of a study."""

    def files(pattern):
        return {name: sorted(results.glob(pattern.format(name))) for name in chosen.datasets}

    page = results / "report.html"
    write_report.main(
        settings=chosen,
        tables=files("tables/{}-*.csv") if tables is None else dict.fromkeys(chosen.datasets, tables),
        figures=files("figures/{}-*.svg") if figures else {name: [] for name in chosen.datasets},
        projections=files("{}/projections.parquet"),
        images=files("{}/images/*.parquet"),
        similarity=files("{}/similarity/*.parquet"),
        clusters=files("{}/clusters/*.parquet"),
        representatives=files("{}/representatives/*.parquet"),
        provenance=sorted((results / "provenance").rglob("*.json")),
        page=page,
    )
    return page.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Parser of the page's tags and text, as a browser would see them."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def results(simulated, tmp_path_factory):
    made = shutil.copytree(simulated, tmp_path_factory.mktemp("study") / "results")
    draw(made, "people", ["answer", "activities", "dino-map", "dino-composition"], **PEOPLE)
    draw(made, "faces", ["attribute_errors"], **FACES)
    return made


@pytest.fixture(scope="module")
def page(results):
    return write(results, settings())


def test_hostile_texts_are_shown_and_stay_texts(page):
    tags = Tags(page)
    assert len(tags.all("script")) == 2
    assert not [image for image in tags.all("img") if not image["src"].startswith("data:image/")]
    assert not [a for _, attributes in tags.found for a in attributes if a.startswith("on")]
    words = "".join(tags.text)
    for text in HOSTILE:
        assert text in words
    assert "Who? <b>{{ 7 * 7 }}</b>" in words and not tags.all("b")


def test_policy_allows_no_request_and_only_our_script(page):
    policy = next(meta["content"] for meta in Tags(page).all("meta") if "http-equiv" in meta)
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'") and f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy and "unsafe-inline" not in policy.split("script-src")[1]
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.]+\.[a-z]+", page.replace("\\/", "/")))
    assert all("w3.org" in address for address in addresses), addresses


def test_everything_has_a_name_and_every_link_a_target(page):
    tags = Tags(page)
    ids = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in tags.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids
    assert all(image.get("alt") for image in tags.all("img"))
    assert all(svg.get("aria-label") for svg in tags.all("svg"))
    assert len(tags.all("h1")) == 1 and ("html", {"lang": "en"}) in tags.found


@pytest.mark.parametrize("section", ["people-findings", "people-activities", "people-neutral", "faces-audit", "limits"])
def test_sections_of_the_study_are_there(page, section):
    assert f'id="{section}"' in page


def test_sections_without_input_are_left_out(results):
    folder = write(results, settings(people=False))
    assert "people-findings" not in folder and 'id="faces-audit"' in folder
    bare = write(results, settings(faces=False), tables=[], figures=False)
    assert "faces-audit" not in bare and 'id="quadruplets"' in bare
    names = ("shares", "self_check", "lean", "stereotype", "share_ranks")
    few = [results / "tables" / f"people-{name}.csv" for name in names]
    shown = write(results, settings(faces=False), tables=few, figures=False)
    assert 'class="answer"' in shown and "people-contrasts.csv" not in shown


def test_the_interactive_data_are_those_of_the_tables(results, page):
    data = json.loads(page[page.index('id="data">') + 10 : page.index("</script>")])[0]
    images = pd.read_parquet(results / "people" / "images").query("accepted").sort_values("key", ignore_index=True)
    assert data["n"] == len(images)
    groups = np.frombuffer(base64.b64decode(data["facets"]["group"]["codes"]), "<u2")
    assert [data["facets"]["group"]["values"][code] for code in groups] == images["group"].tolist()
    values = next(s for s in data["similarities"] if s["label"] == "DINO")["values"]
    values = np.frombuffer(base64.b64decode(values), "<i2")
    table = pd.read_parquet(results / "people" / "similarity").query(
        "space == 'dino' and metric == 'cosine' and partner == 'neutral'"
    )
    table = table.set_index(["activity_id", "seed", "group"])["value"]
    for row, value in zip(images.itertuples(), values, strict=True):
        if row.group == "neutral":
            assert value == MISSING
        else:
            assert value / 1e4 == pytest.approx(table[row.activity_id, row.seed, row.group], abs=6e-5)
    assert {entry["space"] for entry in data["maps"]} == set(PEOPLE["keys"])
    prompts = next(entry for entry in data["maps"] if entry["space"] == "clip_text")
    assert (
        prompts["prompts"]
        and len(np.frombuffer(base64.b64decode(prompts["points"]), "<u4")) == images["prompt_key"].nunique()
    )


def test_only_a_space_of_prompts_is_aligned_without_seeds():
    """A pair that has both rows without a seed (-1) and rows of single seeds is aligned by seed."""
    images = pd.DataFrame({"activity_id": "read", "group": "young", "seed": [1, 2]})
    table = pd.DataFrame(
        {"activity_id": "read", "group": "young", "metric": "cosine", "partner": "neutral"}, index=range(4)
    )
    table = table.assign(space=["clip_text", "dino", "dino", "dino"], seed=[-1, -1, 1, 2], value=[0.5, 0.9, 0.1, 0.2])
    found = {
        entry["label"]: np.frombuffer(base64.b64decode(entry["values"]), "<i2") for entry in similarities(table, images)
    }
    assert [values.tolist() for values in found.values()] == [[5000, 5000], [1000, 2000]]


@given(
    st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )
)
def test_json_survives_and_cannot_leave_its_element(value):
    text = str(safe_json([value, "</script><!--", "\u2028"]))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)[0] == value


def test_examples_are_spread_over_the_ranking():
    ranking = pd.Series({f"a{i}": float(i) for i in range(11)})
    assert spread(ranking, 3) == ["a10", "a5", "a0"]
    assert spread(ranking[:2], 6) == ["a1", "a0"]


def test_text_of_the_page_has_contrast_in_both_themes():
    css = (TEMPLATES / "report.css").read_text()
    pairs = dict(re.findall(r"--([\w-]+):light-dark\((#\w{6},#\w{6})\)", css))
    for side in (0, 1):
        tone = {name: both.split(",")[side] for name, both in pairs.items()}
        for name in ("ink", "muted", "accent"):
            assert contrast(tone[name], tone["paper"]) >= 4.5 and contrast(tone[name], tone["raised"]) >= 4.5, name
        assert contrast(tone["warn"], tone["warn-paper"]) >= 4.5
    light = dict(re.findall(r"--([\w-]+):(#\w{6})[;}]", css))
    assert all(both.split(",")[0] == light[name] for name, both in pairs.items())


def test_page_and_figures_share_their_palette():
    script = (TEMPLATES / "report.js").read_text()
    assert json.loads(re.search(r"PALETTE = (\[.*?\])", script)[1])[: len(PALETTE)] == list(PALETTE)


@pytest.mark.parametrize(("count", "limit"), [(2000, 6_000_000), (20_000, 10_000_000)])
def test_photographs_stay_within_the_page(tmp_path, count, limit):
    photographs = write_photographs(tmp_path / "photographs", 40)
    sheets = thumbnails.sheets(photographs, thumbnails.edge_for([768] * count))
    assert sum(map(len, sheets.uris)) / len(photographs) * count < limit


def test_a_folder_that_was_only_clustered_has_an_answer():
    rows = [
        ("clip_image", "kmeans", "label", "ami", 90, 0.52, 0.001),
        ("dino", "kmeans", "label", "ami", 90, 0.01, 0.4),
        ("dino", "dbscan", "label", "ami", 90, 0.9, 0.001),
        ("dino", "kmeans", "race", "ami", 90, 0.9, 0.001),
    ]
    names = ["space", "algorithm", "attribute", "statistic", "n", "estimate", "p"]
    table = pd.DataFrame(rows, columns=names)
    said = headline.structure_answer(table)
    follow = "The k-means clusters follow “label” beyond chance in CLIP images (0.52, p = 0.001)"
    assert said.sentence == f"{follow}; they do not follow “label” demonstrably beyond chance in DINO (0.01, p = 0.40)."
    assert "90 images" in said.support[0]
    assert headline.structure_answer(table[1:2]).sentence.startswith(
        "The k-means clusters do not follow “label” demonstrably beyond chance"
    )
    assert "nothing to compare" in headline.structure_answer(table[:0]).sentence


def test_a_labelled_folder_answers_by_the_classifier_asked_for():
    rows = [
        ("gender", "boy_girl", "gender", "female", 0.9, 0.8, 0.95),
        ("gender", "man_woman", "gender", "male", 0.05, 0.02, 0.1),
        ("gender", "man_woman", "gender", "female", 0.25, 0.2, 0.3),
        ("gender", "man_woman", "race", "Asian", 0.6, 0.5, 0.7),
    ]
    errors = pd.DataFrame(rows, columns=["target", "classifier", "attribute", "group", "error_rate", "low", "high"])
    said = headline.audit_answer(errors, "gender", "man_woman").sentence
    assert said.startswith("Zero-shot gender (man_woman) is wrong for 25\u202f% (20 to 30)")
    assert "labelled female" in said and "labelled male" in said and "overlap" not in said
    assert "too few labels" in headline.audit_answer(errors, "gender", "boy_girl").sentence


def test_a_picture_that_cannot_be_read_any_more_is_no_grey_square(tmp_path):
    broken = tmp_path / "x.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"x\.png was read before and cannot be shown now: .*bring it back"):
        thumbnails.sheets([broken], 8)


def test_the_page_shows_what_the_encoders_saw(tmp_path):
    """Upright, with its transparency on white, and with all 16 bits."""
    exif = Image.Exif()
    exif[0x0112] = 6
    halves = Image.new("RGB", (64, 64), "red")
    halves.paste("blue", (32, 0, 64, 64))
    halves.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    clear = Image.new("RGBA", (64, 64), (0, 0, 255, 0))
    clear.save(tmp_path / "clear.png")
    Image.fromarray(np.full((64, 64), 32896, np.uint16)).save(tmp_path / "deep.png")
    for name in ("turned.jpg", "clear.png", "deep.png"):
        shown = np.asarray(thumbnails.picture(tmp_path / name, 16)).astype(int)
        seen = np.asarray(decode(tmp_path / name).resize((16, 16), Image.Resampling.LANCZOS)).astype(int)
        assert np.abs(shown - seen).mean() < 4, name
