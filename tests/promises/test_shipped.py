"""Test that the shipped studies of image folders run to the end, on substitute images and weights.

The models are stored where a computer without a network expects them. Random weights give meaningless results, but
exercise every rule. ``pytest -m benchmark tests/promises/test_shipped.py`` uses the full-size architectures.
"""

import json
import shutil
from pathlib import Path

import open_clip
import pandas as pd
import pytest
from PIL import Image, ImageStat

from tests.conftest import ROOT, Project, copy_tree
from tests.photographs import write_photographs
from tests.tiny_encoders import CLIP, save_clip, save_timm
from untold.base.identity import file_digest

pytestmark = pytest.mark.slow

FULL = {
    "clip": open_clip.get_model_config("ViT-B-32-quickgelu"),
    "dino": (224, {}),
}
TINY = {
    "clip": CLIP | {"quick_gelu": True},
    "dino": (32, {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2}),
}


def lay(project: Project, models: dict) -> None:
    """Store the encoders of a configuration where `fetch_model` would put them."""
    for name, encoder in project.config()["encoders"].items():
        source = encoder["source"]
        folder = project.folder / "resources" / "models" / source["repository"].replace("/", "--") / source["revision"]
        if name == "clip":
            save_clip(folder, models[name])
        else:
            save_timm(folder, "vit_small_patch16_224", *models[name])
        files = {
            path.name: {"sha256": file_digest(path), "bytes": path.stat().st_size} for path in sorted(folder.iterdir())
        }
        assert list(files) == sorted(source["files"])
        manifest = {"repository": source["repository"], "revision": source["revision"], "files": files}
        (folder / "manifest.json").write_text(json.dumps(manifest))


def shipped(folder: Path, study: str, models: dict) -> Project:
    """Create a clone with the models of a study, whose small folder fits into one shard."""
    copy_tree(folder, without=("resources/miniature/", "docs/", "tests/"))
    project = Project(folder, study)
    lay(project, models)
    (dataset,) = project.config()["datasets"]
    project.change(lambda config: config["datasets"][dataset].update(shards=1))
    return project


def results(project: Project) -> Path:
    return project.folder / project.config()["results"]


def read(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(results(project) / "tables" / f"{name}.csv")


@pytest.mark.parametrize(
    "models", [pytest.param(TINY, id="tiny"), pytest.param(FULL, id="full", marks=pytest.mark.benchmark)]
)
def test_utkface(tmp_path, models):
    """Faces have UTKFace file names, some malformed as in the original; the page also shows the published figures."""
    project = shipped(tmp_path / "project", "utkface", models)
    place = project.folder / "data" / "UTKFace"
    place.mkdir(parents=True)
    drawn = sorted((ROOT / "resources" / "miniature" / "faces").glob("*.png"))[::5]
    for path in drawn:
        Image.open(path).resize((200, 200)).save(place / f"{path.stem}.jpg.chip.jpg")
    malformed = ["61_1_20170109142408075.jpg.chip.jpg", "39_1_20170116174525125.jpg.chip.jpg", "a_b_c_d.jpg.chip.jpg"]
    for name in malformed:
        shutil.copy(next(place.glob("*.jpg")), place / name)
    project.snakemake("all")
    rejected = read(project, "utkface-rejects")
    assert {Path(path).name for path in rejected["path"]} == set(malformed)
    assert rejected["reason"].str.contains("malformed UTKFace name").all()
    errors = read(project, "utkface-attributes_errors")
    assert set(errors["classifier"]) == set(project.config()["datasets"]["utkface"]["zero_shot"]["gender"])
    assert (errors.groupby(["classifier", "attribute"])["n"].sum() >= len(drawn)).all()
    published = read(project, "utkface-attributes_published")
    assert {"male/female", "man/woman", "boy/girl"} <= set(published["pair"])
    page = (results(project) / "report.html").read_text()
    assert "How accurate is zero-shot gender classification on UTKFace?" in page and "OpenAI ViT-B/32" in page
    assert "Zero-shot gender (male_female) is wrong for" in page  # of the first configured classifier


@pytest.mark.parametrize(
    "models", [pytest.param(TINY, id="tiny"), pytest.param(FULL, id="full", marks=pytest.mark.benchmark)]
)
def test_open_images(tmp_path, models):
    """100 photographs have labels for light and dark images, in the format of the two tables of Open Images."""
    project = shipped(tmp_path / "project", "open_images", models)
    place = project.folder / "data" / "open_images"
    names = [path.stem for path in write_photographs(place / "images", 100)]
    light = pd.Series({name: lightness(place / "images" / f"{name}.jpg") for name in names}).rank() > len(names) / 2
    rows = [(name, "verification", label, int(light[name] == wanted)) for name in names for label, wanted in LABELS]
    dataset = project.config()["datasets"]["photographs"]["open_images"]
    columns = ["ImageID", "Source", "LabelName", "Confidence"]
    pd.DataFrame(rows, columns=columns).to_csv(project.folder / dataset["labels"], index=False)
    meanings = [("/m/light", "Light, bright"), ("/m/dark", "Dark")]
    described = pd.DataFrame(meanings, columns=["LabelName", "DisplayName"])
    described.to_csv(project.folder / dataset["descriptions"], index=False)
    project.snakemake("all")
    manifest = pd.read_parquet(next((results(project) / "photographs" / "images").glob("*.parquet")))
    assert len(manifest) == len(names) and manifest["accepted"].all()
    assert set(manifest["label"]) == {"Light, bright", "Dark"}
    found = read(project, "photographs-clip_image-association")
    agreement = found[(found["algorithm"] == "kmeans") & (found["attribute"] == "label")].set_index("statistic")
    assert (agreement["n"] == len(names)).all()
    assert agreement.loc[["ami", "homogeneity", "completeness"], "estimate"].between(-0.1, 1).all()
    assert set(read(project, "photographs-clip_image-clusters")["algorithm"]) == {"kmeans", "dbscan", "hdbscan"}
    assert "Do clusters of photographs follow their labels?" in (results(project) / "report.html").read_text()


LABELS = [("/m/light", True), ("/m/dark", False)]


def lightness(path: Path) -> float:
    return ImageStat.Stat(Image.open(path).convert("L").resize((32, 32))).mean[0]
