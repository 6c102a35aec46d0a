"""Test the audits of an image set, stage by stage, on a small folder with known answers."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from scripts import (
    audit_attributes,
    cluster,
    compare_clusters,
    compare_published,
    compose,
    describe_captions,
    draw_contact_sheet,
    index_images,
    list_rejects,
    rebalance,
)
from untold.base.identity import shard_index
from untold.data.parquet import read_table, write_arrays, write_table
from untold.study.schema_analysis import Clusters
from untold.study.schema_datasets import FolderDataset

CLUSTERS = {"seed": 1, "k": 2, "k_max": 4, "bootstraps": 2, "null_sets": 19, "permutations": 19}
RED, BLUE = (230, 20, 20), (20, 20, 230)
PLAIN = {"kind": "folder", "utkface": False, "max_pixels": 10**6, "shards": 1}


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def indexed(place: Path, tables: list[Path], **dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Index every shard that has a file, and return manifest and rejects."""
    chosen = FolderDataset(**PLAIN | dataset)
    shards = {shard_index(path.relative_to(chosen.path).as_posix(), chosen.shards) for path in pictures(chosen.path)}
    for shard in shards:
        settings = index_images.Settings(dataset=chosen, labels=[], files="", names="", shard=shard)
        outputs = {name: place / name / f"{shard:04}.parquet" for name in ("images", "rejects")}
        index_images.main(settings=settings, labels=tables, **outputs)
    return tuple(read_table(sorted((place / name).glob("*.parquet"))) for name in ("images", "rejects"))


def pictures(folder: str) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.suffix in (".png", ".jpg")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> SimpleNamespace:
    """Index, embed and cluster 30 red images, 24 with women, and 20 blue images, 5 with women."""
    place = tmp_path_factory.mktemp("audit")
    photos = place / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number in range(50):
        red = number < 30
        woman = number < 24 or number >= 45
        noisy = np.array(RED if red else BLUE) + rng.integers(-15, 16, (16, 16, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(photos / f"{number:02}.png")
        caption = None if number == 0 else f"a {'woman' if woman else 'man'} smiles" if red else "an old man"
        rows.append((f"{number:02}.png", "female" if woman else "male", caption))
    shutil.copy(photos / "02.png", photos / "02-again.png")
    rows.append(("02-again.png", "female", None))
    (photos / "broken.jpg").write_bytes(b"not an image")
    rows.append(("gone.png", "male", None))
    table = place / "labels.csv"
    pd.DataFrame(rows, columns=["file", "gender", "text"]).to_csv(table, index=False)

    labels = {"file": str(table), "key": "file", "columns": ["gender"], "caption": "text"}
    manifest, rejects = indexed(place, [table], path=str(photos), labels=labels)
    vectors = place / "vectors.parquet"
    means = np.array([np.asarray(Image.open(path), dtype=float).mean((0, 1)) for path in manifest["path"]])
    files = pd.factorize(manifest["sha256"])[0]
    noise = rng.normal(0, 12, (files.max() + 1, 3))[files]  # identical files have identical vectors
    write_arrays(vectors, manifest["key"], {"vector": (means + noise).astype(np.float32)}, {})
    clusters, representative = place / "clusters.parquet", place / "representative.parquet"
    settings = cluster.Settings(clusters=Clusters(**CLUSTERS), space="colour", column="vector", key="key")
    images = place / "images" / "0000.parquet"
    cluster.main(
        settings=settings,
        vectors=[vectors],
        subjects=[images],
        clusters=clusters,
        representative=representative,
        evaluation=place / "evaluation.csv",
        choice=place / "choice.csv",
    )
    predictions = place / "predictions.parquet"
    hair = np.where(manifest["path"].str.contains("again"), 0.5, np.where(means[:, 0] > 100, 0.9, 0.1))
    long = pd.DataFrame({"key": manifest["key"], "label": "long", "probability": hair})
    both = pd.concat([long, long.assign(label="short", probability=1 - hair)], ignore_index=True)
    write_table(predictions, both.assign(attribute="hair", classifier="words"), sort_by=["key", "label"])
    return SimpleNamespace(**locals())


def test_rejects_are_listed_with_reasons(folder, tmp_path):
    listed = tmp_path / "rejects.csv"
    settings = list_rejects.Settings(dataset="photos")
    list_rejects.main(
        settings=settings, images=[folder.images], rejects=[folder.place / "rejects" / "0000.parquet"], listed=listed
    )
    table = read(listed)
    reasons = table.groupby(table["path"].str.removeprefix(f"{folder.photos}/"))["reason"].agg("; ".join)
    assert reasons["gone.png"] == "label without a file"
    assert "not a JPEG" in reasons["broken.jpg"] and "without a label" in reasons["broken.jpg"]
    assert set(table["dataset"]) == {"photos"} and len(table) == 3


def test_rejected_images_of_a_generated_set_are_listed(tmp_path):
    images, listed = tmp_path / "images.parquet", tmp_path / "rejects.csv"
    rows = [("a", "store/a.png", True, ""), ("b", "store/b.png", False, "the image is constant")]
    write_table(images, pd.DataFrame(rows, columns=["key", "path", "accepted", "reason"]))
    list_rejects.main(settings=list_rejects.Settings(dataset="people"), images=[images], rejects=[], listed=listed)
    assert read(listed).to_numpy().tolist() == [["people", "store/b.png", "the image is constant"]]


def test_a_dataset_without_a_usable_image_is_an_error_that_says_why(tmp_path):
    rows = [("a", "photos/a.png", False, "truncated"), ("b", "photos/b.png", False, "empty file")]
    write_table(tmp_path / "images.parquet", pd.DataFrame(rows, columns=["key", "path", "accepted", "reason"]))
    with pytest.raises(ValueError, match=r"none of the 2 images of photos can be used.*photos/a\.png: truncated"):
        list_rejects.main(
            settings=list_rejects.Settings(dataset="photos"),
            images=[tmp_path / "images.parquet"],
            rejects=[],
            listed=tmp_path / "rejects.csv",
        )


def test_no_problem_of_the_labels_is_lost_between_shards(folder, tmp_path):
    """Most of the 64 shards have no file, and a label without a file can belong to any shard."""
    labels = tmp_path / "labels.csv"
    gone = [f"gone-{number}.png" for number in range(40)]
    pd.DataFrame({"file": ["01.png", *gone], "gender": "male"}).to_csv(labels, index=False)
    (tmp_path / "few").mkdir()
    shutil.copy(folder.photos / "01.png", tmp_path / "few")
    table = {"file": str(labels), "key": "file", "columns": ["gender"]}
    manifest, rejects = indexed(tmp_path, [labels], path=str(tmp_path / "few"), labels=table, shards=64)
    assert manifest["gender"].tolist() == ["male"]
    assert rejects["path"].tolist() == ["gone-0.png"]
    assert rejects["reason"].tolist() == ["label without a file (and 39 more such rows)"]


def test_caption_words_of_clusters(folder, tmp_path):
    captions = tmp_path / "captions.csv"
    settings = describe_captions.Settings(space="colour")
    describe_captions.main(settings=settings, images=[folder.images], clusters=folder.clusters, captions=captions)
    table = read(captions).set_index(["cluster", "word"])
    assert table.loc[(0, "woman"), "log_odds"] > 0 > table.loc[(1, "woman"), "log_odds"]
    assert table.loc[(0, "woman"), "count"] == 23 and table.loc[(1, "old"), "count"] == 20
    assert table["note"].str.startswith("2 images without a caption").all()


def rebalanced(folder, place: Path, **changes) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    # Cosines of three-dimensional vectors are near 1, so only equal vectors count as duplicates here.
    values = {"space": "colour", "column": "vector", "attributes": ["gender"], "predicted": {}}
    values |= {"duplicate_cosine": 1, "seed": 1} | changes
    outputs = {name: place / f"{name}.csv" for name in ("duplicates", "shares", "keep")}
    rebalance.main(
        settings=rebalance.Settings(**values),
        vectors=[folder.vectors],
        images=[folder.images],
        clusters=folder.clusters,
        predictions=[folder.predictions],
        **outputs,
    )
    return tuple(read(path) for path in outputs.values())


def test_duplicates_go_and_the_rest_is_balanced(folder, tmp_path):
    duplicates, shares, keep = rebalanced(folder, tmp_path)
    assert duplicates["kind"].tolist() == ["exact"]
    pair = {Path(duplicates["path"][0]).name, Path(duplicates["duplicate_path"][0]).name}
    assert pair == {"02.png", "02-again.png"}
    assert keep.loc[keep["key"] == duplicates["key"][0], ["weight", "kept"]].to_numpy().tolist() == [[0, False]]
    assert set(shares.loc[shares["cluster"] == 0, "note"]) == {"duplicates left out: 1"}
    shares = shares.set_index(["cluster", "value"])
    assert shares.loc[(0, "female"), "share"] == pytest.approx(25 / 31)
    np.testing.assert_allclose(shares["weighted_share"], 0.5)
    assert shares["kept_n"].tolist() == [6, 6, 5, 5]
    assert keep["kept"].sum() == 22


def test_a_column_of_names_neither_floods_the_tables_nor_drives_the_rebalancing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("untold.data.categories.MOST_VALUES", 10)
    manifest = read_table(folder.images)
    names = [f"name {number % 40}" for number in range(len(manifest))]
    write_table(tmp_path / "images.parquet", manifest.assign(name=names))
    there = SimpleNamespace(**vars(folder) | {"images": tmp_path / "images.parquet"})
    _, shares, keep = rebalanced(there, tmp_path, attributes=["gender", "name"])
    assert set(shares["attribute"]) == {"gender"}
    assert keep["kept"].equals(rebalanced(folder, tmp_path)[2]["kept"])
    values = composed(there, tmp_path, attributes=["name"])["composed"].query("algorithm == 'kmeans'")["value"]
    assert values.nunique() == 10 and "31 rarer values" in set(values)


def test_what_cannot_be_balanced_is_said(folder, tmp_path):
    _, shares, _ = rebalanced(folder, tmp_path, attributes=[], predicted={"hair (zero-shot)": ("hair", "words")})
    assert set(shares["attribute"]) == {"hair (zero-shot)"}
    assert "no image with short" in shares.set_index(["cluster", "value"])["note"][(0, "long")]


def test_without_attributes_there_are_duplicates_and_everyone_else_is_kept(folder, tmp_path):
    duplicates, shares, keep = rebalanced(folder, tmp_path, attributes=[])
    assert len(duplicates) == 1 and shares.empty and "kept_share" in shares
    assert keep["kept"].sum() == 50


def test_agreement_of_two_encoders(folder, tmp_path):
    other, compared = tmp_path / "other.parquet", tmp_path / "agreement.csv"
    table = read_table(folder.clusters)
    table["cluster"] = np.where(table["cluster"] == -1, -1, 1 - table["cluster"])  # different numbers, same partition
    write_table(other, table)
    settings = compare_clusters.Settings(dataset="photos", spaces=["a", "b"])
    compare_clusters.main(settings=settings, clusters={"a": [folder.clusters], "b": [other]}, compared=compared)
    found = read(compared).set_index("algorithm")
    assert found.loc["kmeans", ["space", "other_space", "n", "estimate"]].tolist() == ["a", "b", 51, 1]
    table.loc[table["method"] == "kmeans", "cluster"] = np.arange(51) % 2
    write_table(other, table)
    compare_clusters.main(settings=settings, clusters={"a": [folder.clusters], "b": [other]}, compared=compared)
    assert abs(read(compared).set_index("algorithm").loc["kmeans", "estimate"]) < 0.2


def test_contact_sheet_shows_the_clusters(folder, tmp_path):
    sheet = tmp_path / "sheet.png"
    settings = draw_contact_sheet.Settings(dataset="photos", space="colour", max_pixels=10**6)
    inputs = {"images": [folder.images], "clusters": folder.clusters, "representative": folder.representative}
    draw_contact_sheet.main(settings=settings, **inputs, sheet=sheet)
    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=int)
    areas = [int((np.abs(pixels - colour).max(2) < 40).sum()) for colour in (RED, BLUE)]
    assert areas == [16 * 96 * 96, 16 * 96 * 96]  # eight nearest and eight outliers each
    first = sheet.read_bytes()
    draw_contact_sheet.main(settings=settings, **inputs, sheet=sheet)
    assert sheet.read_bytes() == first


def test_a_picture_that_went_missing_is_named(folder, tmp_path):
    manifest = read_table(folder.images)
    write_table(tmp_path / "images.parquet", manifest.assign(path=manifest["path"].str.replace("photos", "nowhere")))
    settings = draw_contact_sheet.Settings(dataset="photos", space="colour", max_pixels=10**6)
    inputs = {"images": [tmp_path / "images.parquet"], "clusters": folder.clusters}
    with pytest.raises(ValueError, match=r"nowhere/.*\.png: .*restore it"):
        draw_contact_sheet.main(
            settings=settings, **inputs, representative=folder.representative, sheet=tmp_path / "sheet.png"
        )


def composed(folder, place: Path, **changes) -> dict[str, pd.DataFrame]:
    values = {"space": "colour", "column": "vector", "key": "key", "attributes": [], "predicted": {}, "nested": False}
    values |= {"seed": 1, "draws": 99, "confidence": 0.95} | changes
    outputs = {name: place / f"{name}.csv" for name in ("composed", "associated", "diverse")}
    compose.main(
        settings=compose.Settings(**values),
        vectors=[folder.vectors],
        subjects=[folder.images],
        clusters=folder.clusters,
        predictions=[folder.predictions] if values["predicted"] else [],
        **outputs,
    )
    return {name: read(path) for name, path in outputs.items()}


def test_without_labels_the_predicted_attribute_describes_clusters(folder, tmp_path):
    tables = composed(folder, tmp_path, attributes=["gender"], predicted={"hair (zero-shot)": ("hair", "words")})
    counts = tables["composed"][tables["composed"]["algorithm"] == "kmeans"]
    hair = counts[counts["attribute"] == "hair (zero-shot)"].set_index(["cluster", "value"])["count"]
    assert hair.to_dict() == {(0, "long"): 31, (0, "short"): 0, (1, "long"): 0, (1, "short"): 20}
    gender = counts[counts["attribute"] == "gender"].set_index(["cluster", "value"])["count"]
    assert gender.to_dict() == {(0, "female"): 25, (0, "male"): 6, (1, "female"): 5, (1, "male"): 15}
    linked = tables["associated"].set_index(["algorithm", "attribute", "statistic"])["estimate"]
    assert linked[("kmeans", "hair (zero-shot)", "ami")] == pytest.approx(1)
    assert 0 < linked[("kmeans", "gender", "ami")] < 1
    assert set(tables["diverse"]["attribute"]) == {"gender", "hair (zero-shot)", "kmeans cluster"}


def test_without_any_attribute_the_tables_have_their_header(folder, tmp_path):
    tables = composed(folder, tmp_path)
    assert tables["composed"].empty and {"ratio", "low", "p_adjusted"} <= set(tables["composed"])
    assert tables["associated"].empty and {"statistic", "estimate"} <= set(tables["associated"])
    assert set(tables["diverse"]["attribute"]) == {"kmeans cluster"}


def test_open_images_labels_and_their_clusters(folder, tmp_path):
    """Red images are roses and blue ones are seas; a class that only one image has is too rare to be a label."""
    labels, names = tmp_path / "labels.csv", tmp_path / "names.csv"
    rows = [(f"{n:02}", "verification", "/m/rose" if n < 30 else "/m/sea", 1) for n in range(50)]
    rows += [("07", "verification", "/m/cat", 1), ("08", "verification", "/m/sea", 0), ("ffff", "x", "/m/sea", 1)]
    pd.DataFrame(rows, columns=["ImageID", "Source", "LabelName", "Confidence"]).to_csv(labels, index=False)
    names.write_text("LabelName,DisplayName\n/m/rose,Rose\n/m/sea,Sea\n/m/cat,Cat\n")
    published = {"labels": str(labels), "descriptions": str(names), "min_images": 2}
    manifest, rejects = indexed(tmp_path, [labels, names], path=str(folder.photos), open_images=published)
    told = manifest.set_index(manifest["path"].str[-6:])["label"]
    assert told["07.png"] == "Rose" and told["08.png"] == "Rose" and told["31.png"] == "Sea"
    assert manifest["label"].isna().sum() == 1  # the copy
    assert any("02-again.png" in path for path in rejects["path"])
    there = SimpleNamespace(**vars(folder) | {"images": tmp_path / "images" / "0000.parquet"})
    linked = composed(there, tmp_path, attributes=["label"])["associated"].set_index(["algorithm", "statistic"])
    assert linked["estimate"]["kmeans"].round(9).to_dict() == {"ami": 1, "homogeneity": 1, "completeness": 1}


ATTRIBUTE_TABLES = ["summary", "thresholds", "errors", "confusion", "gaps", "calibration"]


def audited(folder, place: Path, labels: list[str]) -> dict[str, pd.DataFrame]:
    """Audit a zero-shot gender classifier that mistakes exactly one man for a woman."""
    manifest = read_table(folder.images)
    wrong = manifest.index[manifest["gender"] == "male"][0]
    female = np.where((manifest["gender"] == "female") | (manifest.index == wrong), 0.8, 0.3)
    told = pd.DataFrame({"key": manifest["key"], "attribute": "gender", "label": labels[1], "probability": female})
    predictions = place / "predictions.parquet"
    write_table(predictions, pd.concat([told.assign(classifier=name) for name in ("man_woman", "ensemble")]))
    settings = audit_attributes.Settings(
        dataset="photos", attributes={"gender": labels}, groups=["gender"], seed=1, confidence=0.95
    )
    tables = [place / f"photos-attributes_{name}.csv" for name in ATTRIBUTE_TABLES]
    audit_attributes.main(settings=settings, images=[folder.images], predictions=[predictions], tables=tables)
    return {name: read(path) for name, path in zip(ATTRIBUTE_TABLES, tables, strict=True)}


def test_audit_of_three_classes(folder, tmp_path):
    """A classifier of age that calls every older woman middle-aged, and is right about all others."""
    rng = np.random.default_rng(0)
    manifest = read_table(folder.images)
    age = np.array(["young", "middle", "older"], dtype=object)[np.arange(len(manifest)) % 3]
    age[0] = "unknown"  # a label that is none of the classes
    write_table(tmp_path / "images.parquet", manifest.assign(age=age))
    predicted = np.where((age == "older") & (manifest["gender"] == "female"), "middle", age)
    rows = []
    for label in ("young", "middle", "older"):
        probability = np.where(predicted == label, 0.6, 0.2) + 0.01 * rng.random(len(age))
        rows.append(pd.DataFrame({"key": manifest["key"], "label": label, "probability": probability}))
    predictions = tmp_path / "predictions.parquet"
    write_table(predictions, pd.concat(rows).assign(attribute="age", classifier="words"))
    settings = audit_attributes.Settings(
        dataset="photos",
        attributes={"age": ["young", "middle", "older"]},
        groups=["age", "gender"],
        seed=1,
        confidence=0.95,
    )
    paths = [tmp_path / f"photos-attributes_{name}.csv" for name in ATTRIBUTE_TABLES]
    audit_attributes.main(
        settings=settings, images=[tmp_path / "images.parquet"], predictions=[predictions], tables=paths
    )
    tables = {name: read(path) for name, path in zip(ATTRIBUTE_TABLES, paths, strict=True)}
    known = (age != "unknown") & manifest["gender"].notna()
    wrong = int(((age == "older") & (manifest["gender"] == "female")).sum())
    confusion = tables["confusion"].set_index(["attribute", "true", "predicted"])["count"]
    assert confusion["all", "older", "middle"] == wrong > 3
    assert confusion["all", "young", "young"] == (age == "young").sum()
    errors = tables["errors"].set_index(["attribute", "group"])["errors"]
    assert errors["age", "older"] == errors["gender", "female"] == wrong and errors["gender", "male"] == 0
    summary = tables["summary"].set_index("statistic")
    assert summary.loc["accuracy", "estimate"] == pytest.approx(1 - wrong / (age != "unknown").sum())
    assert summary.loc["accuracy", "low"] < summary.loc["accuracy", "estimate"] < summary.loc["accuracy", "high"]
    gap = tables["gaps"].set_index("attribute").loc["gender"]
    assert (gap["statistic"], gap["high_group"]) == ("worst_group_gap", "female")
    assert gap["estimate"] == pytest.approx(wrong / (known & (manifest["gender"] == "female")).sum())
    assert tables["thresholds"].empty and tables["calibration"]["n"].sum() == (age != "unknown").sum()


def test_audit_and_the_published_figures_beside_it(folder, tmp_path):
    tables = audited(folder, tmp_path, ["male", "female"])
    errors = tables["errors"][tables["errors"]["classifier"] == "ensemble"].set_index("group")
    assert errors.loc["male", ["n", "errors"]].tolist() == [21, 1] and errors.loc["female", "errors"] == 0
    compared = tmp_path / "published.csv"
    compare_published.main(
        settings=compare_published.Settings(dataset="photos", pairs={"man_woman": "man/woman"}),
        summary=tmp_path / "photos-attributes_summary.csv",
        compared=compared,
    )
    table = read(compared).set_index("statistic")
    assert set(table["pair"]) == {"man/woman"} and set(table["published_of"]) == {compare_published.PUBLISHED_OF}
    row = table.loc["accuracy_at_0.5"]
    assert row["published"] == 0.9421 and row["estimate"] == pytest.approx(50 / 51)
    assert row["difference"] == pytest.approx(50 / 51 - 0.9421)
    assert np.isnan(table.loc["accuracy_nested", "published"])


def test_labels_that_no_image_has_end_in_notes(folder, tmp_path):
    tables = audited(folder, tmp_path, ["man", "woman"])
    assert set(tables["summary"]["classifier"]) == {"man_woman", "ensemble"}
    assert "no labelled images" in set(tables["summary"]["note"])
    assert tables["errors"].empty and tables["gaps"].empty


@pytest.mark.slow
def test_the_audits_of_two_folders_through_the_workflow(project):
    """One folder has labels in its file names; the other has the same images, captions and an unlabelled attribute."""
    files = sorted(path.name for path in (project.folder / "weights" / "faces").glob("*.png"))
    captions = pd.DataFrame({"file": files, "where": ["in", "out"] * 12, "caption": ["a woman smiles", "a man"] * 12})
    captions.to_csv(project.folder / "captions.csv", index=False)

    def two_folders(config):
        faces = config["datasets"].pop("faces")
        labels = {"file": "captions.csv", "key": "file", "columns": ["where"], "caption": "caption"}
        hair = {"words": {"long": ["long hair"], "short": ["short hair"], "none": ["no hair"]}}
        photos = faces | {"utkface": False, "labels": labels, "zero_shot": {"hair": hair}, "balance": ["hair"]}
        photos["encoders"] = ["clip", "dino"]
        config["datasets"] = {"faces": faces, "photos": photos}

    project.change(two_folders)
    spaces = ["clip_image", "dino"]
    tables = ["faces-attributes_published", "faces-rejects", "photos-agreement"]
    tables += [f"photos-clip_image-{name}" for name in ("rebalance", "keep_list", "captions", "composition")]
    sheet = "results/figures/photos-clip_image-contact_sheet.png"
    wanted = [*(f"results/tables/{name}.csv" for name in tables), sheet]
    project.snakemake(*wanted)
    found = {name: read(project.results / "tables" / f"{name}.csv") for name in tables}
    assert set(found["faces-attributes_published"]["pair"]) == {"male/female", "man/woman", "boy/girl"}
    assert found["faces-rejects"]["path"].str.contains("broken.jpg").any()
    assert found["photos-agreement"][["space", "other_space"]].drop_duplicates().to_numpy().tolist() == [spaces]
    assert len(found["photos-clip_image-keep_list"]) == 24
    assert set(found["photos-clip_image-rebalance"]["attribute"]) == {"hair (zero-shot)"}
    assert set(found["photos-clip_image-composition"]["attribute"]) == {"where", "hair (zero-shot)"}
    words = found["photos-clip_image-captions"]
    assert words.loc[words["word"] == "woman", "count"].sum() == 12
    with Image.open(project.folder / sheet) as image:
        assert image.width > 1000
    project.change(lambda config: config["datasets"]["photos"]["zero_shot"]["hair"]["words"].update(long=["a plait"]))
    rerun = project.snakemake("--dry-run", *wanted)
    planned = set(re.findall(r"^(\w+) +\d+$", rerun, re.MULTILINE))
    assert planned == {"classify", "compose", "rebalance", "total"}
