"""Test the plan of a study: stable shards, identities of models and fingerprints of folders."""

import copy
import json
import os
import shutil
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from untold.base.identity import shard_index, shard_name
from untold.study import survey
from untold.study.activities import COLUMNS
from untold.study.plan import Plan, Space, identity
from untold.study.schema import parse_study
from untold.study.schema_base import ConfigError
from untold.study.schema_encoders import Timm


@pytest.fixture
def values(tmp_path) -> dict:
    """Return the default study with its own activities, models and images."""
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    people, faces = study["datasets"]["people"], study["datasets"]["faces"]
    people["activities"] = {"file": str(tmp_path / "activities.csv"), "miniature": False}
    people["shards"] = {"synthesis": 16, "embedding": 4}
    people.pop("planted", None)
    faces |= {"path": str(tmp_path / "faces"), "shards": 3}
    table(tmp_path, 60)
    (tmp_path / "faces" / "more").mkdir(parents=True)
    for number in range(12):
        name = f"{20 + number}_0_1_201701{number:02d}.jpg"
        (tmp_path / "faces" / ("more" if number % 2 else "") / name).write_bytes(b"x" * number)
    for name, source in sources(study).items():
        source["path"] = str(model(tmp_path / name))
    return study


def sources(study: dict) -> dict[str, dict]:
    return {name: entry["source"] for name, entry in {**study["models"], **study["encoders"]}.items()}


def model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(folder.name.encode())
    parts = {name: ["diffusers", "Class"] for name in ("unet", "vae")}
    for name in parts:
        (folder / name).mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "Pipeline", **parts}))
    return folder


def table(folder: Path, count: int, *more: str) -> None:
    ids = [*(f"activity-{number}" for number in range(count)), *more]
    rows = [",".join(COLUMNS), *(f"{name},doing {name},c,010101,false" for name in ids)]
    (folder / "activities.csv").write_text("\n".join(rows) + "\n")


def plan(values: dict) -> Plan:
    return Plan(parse_study(values, "study.yaml"))


def refusal(values: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        plan(values)
    return str(caught.value)


def ids(shards: dict) -> dict[str, list[str]]:
    return {name: [activity.id for activity in shard] for name, shard in shards.items()}


def test_every_activity_is_in_one_shard(values):
    shards = ids(plan(values)["people"].synthesis)
    assert sorted(name for shard in shards.values() for name in shard) == sorted(f"activity-{n}" for n in range(60))
    assert all(shards.values()), "a shard without activities has no job"


def test_an_embedding_shard_covers_whole_synthesis_shards_and_each_once(values):
    made = plan(values)
    covered = [shard for name in made["people"].embedding_shards for shard in made["people"].covered(name)]
    assert sorted(covered) == sorted(made["people"].synthesis)


def test_an_added_activity_touches_one_synthesis_and_one_embedding_shard(values, tmp_path):
    before = plan(values)
    table(tmp_path, 60, "something-new")
    after = plan(values)
    old, new = ids(before["people"].synthesis), ids(after["people"].synthesis)
    changed = [name for name in new if new[name] != old.get(name)]
    assert len(changed) == 1
    assert set(new[changed[0]]) - set(old.get(changed[0], [])) == {"something-new"}
    touched = [name for name in after["people"].embedding_shards if changed[0] in after["people"].covered(name)]
    assert len(touched) == 1


def test_the_order_of_the_table_does_not_move_an_activity(values, tmp_path):
    before = ids(plan(values)["people"].synthesis)
    head, *rows = (tmp_path / "activities.csv").read_text().splitlines()
    (tmp_path / "activities.csv").write_text("\n".join([head, *reversed(rows)]) + "\n")
    after = ids(plan(values)["people"].synthesis)
    assert {name: set(shard) for name, shard in after.items()} == {name: set(shard) for name, shard in before.items()}


def test_a_model_is_its_content_whatever_its_place_and_age(values, tmp_path):
    source = plan(values).study.encoders["clip"].source
    shutil.copytree(source.path, tmp_path / "elsewhere")
    other = source.model_copy(update={"path": str(tmp_path / "elsewhere")})
    os.utime(tmp_path / "elsewhere" / "config.json", (0, 0))
    assert identity(other) == identity(source)
    shutil.copytree(source.path, tmp_path / "changed")
    (tmp_path / "changed" / "config.json").write_text("{ }")
    assert identity(source.model_copy(update={"path": str(tmp_path / "changed")})) != identity(source)
    shutil.copytree(source.path, tmp_path / "renamed")
    (tmp_path / "renamed" / "config.json").rename(tmp_path / "renamed" / "other.json")
    assert identity(source.model_copy(update={"path": str(tmp_path / "renamed")})) != identity(source)


def test_a_hub_model_is_its_commit_and_needs_no_folder(values):
    values["models"]["miniature"]["source"] = {"repository": "owner/name", "revision": "a" * 40}
    assert identity(plan(values).study.models["miniature"].source) == f"owner/name@{'a' * 40}"


def test_a_folder_is_the_names_and_contents_of_its_files(values, tmp_path):
    before = plan(values)
    shards = before["faces"].embedding_shards
    prints = {shard: before["faces"].fingerprint(shard) for shard in shards}
    faces = tmp_path / "faces"
    for file in faces.rglob("*.jpg"):
        os.utime(file, (0, 0))
    assert {shard: plan(values)["faces"].fingerprint(shard) for shard in shards} == prints, "touched files"
    (faces / "30_1_0_x.jpg").write_bytes(b"new")
    after = plan(values)
    assert sum(after["faces"].fingerprint(shard) != prints[shard] for shard in shards) == 1, "one file, one shard"
    (faces / "30_1_0_x.jpg").write_bytes(b"longer")
    assert sum(plan(values)["faces"].fingerprint(s) != after["faces"].fingerprint(s) for s in shards) == 1


@pytest.mark.parametrize("wait", [0, 3], ids=["at once", "later"])
def test_a_picture_replaced_by_one_of_equal_size_and_time_is_noticed(values, tmp_path, wait, monkeypatch):
    """The notes are trusted for files that they knew for a while, and for no others."""
    faces, notes = tmp_path / "faces", tmp_path / "notes"
    (faces / "30_1_0_x.jpg").write_bytes(b"one")
    clock = time.time_ns
    monkeypatch.setattr(survey.time, "time_ns", lambda: clock() + wait * 10**9)

    def found() -> dict[str, str]:
        return Plan(parse_study(values, "study.yaml"), notes)["faces"].survey.shards

    before = found()
    assert found() == before
    stamp = (faces / "30_1_0_x.jpg").stat()
    time.sleep(0.02)  # longer than a tick of the file system's clock
    (faces / "30_1_0_x.jpg").write_bytes(b"two")
    os.utime(faces / "30_1_0_x.jpg", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert sum(before[shard] != held for shard, held in found().items()) == 1
    (faces / "30_1_0_x.jpg").rename(faces / "30_1_0_y.jpg")
    (faces / "30_1_0_y.jpg").rename(faces / "30_1_0_x.jpg")
    (faces / "30_1_0_x.jpg").write_bytes(b"one")
    assert found() == before
    for damage in (b"{", b"[]"):
        next(notes.glob("*.files.json")).write_bytes(damage)
        assert found() == before


def test_only_what_changed_is_read_again(values, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(survey, "file_digest", lambda path: read.append(path.name) or "x")
    monkeypatch.setattr(survey, "RACY", 0)
    study = parse_study(values, "study.yaml")
    time.sleep(0.02)
    first = Plan(study, tmp_path / "notes")["faces"].survey
    assert len(read) == 12
    read.clear()
    assert Plan(study, tmp_path / "notes")["faces"].survey == first and not read
    touched = next((tmp_path / "faces").glob("*.jpg"))
    os.utime(touched, (0, 0))
    assert Plan(study, tmp_path / "notes")["faces"].survey == first and read == [touched.name]
    # A job trusts the planning of its run.
    monkeypatch.setattr(survey, "list_images", None)
    assert Plan(study, tmp_path / "notes", as_planned=True)["faces"].survey == first


def test_spaces_of_images_that_are_made_and_of_images_that_exist(values):
    values["encoders"]["vae"] = {
        "library": "vae",
        "source": copy.deepcopy(sources(values)["miniature"]),
        "size": 64,
        "batch_size": 1,
    }
    del values["datasets"]["faces"]["encoders"]
    made = plan(values)
    assert made["people"].spaces == {
        "clip_image": Space("embeddings/clip"),
        "dino": Space("embeddings/dino"),
        "resnet50": Space("embeddings/resnet50"),
        "clip_text": Space("embeddings/clip_text", key="prompt_key"),
        "latents": Space("latents", column="latents"),
    }
    assert "vae" in made["faces"].spaces and "latents" not in made["faces"].spaces, "never mixed (docs/method.md)"
    assert made["people"].tokens == ["dino"]
    assert list(made["people"].encoders(Timm)) == ["dino", "resnet50"]


def test_missing_folders_and_pickles_are_named(values, tmp_path):
    shutil.rmtree(tmp_path / "clip")
    assert "encoders.clip.source.path: no folder" in refusal(values)
    (tmp_path / "clip").mkdir()
    assert "contains no weights" in refusal(values)
    (tmp_path / "clip" / "pytorch_model.bin").write_bytes(b"")
    assert "pickled weights, which are refused" in refusal(values)


def test_a_model_that_is_no_pipeline_is_named(values, tmp_path):
    (tmp_path / "miniature" / "model_index.json").unlink()
    assert "models.miniature.source.path: " in refusal(values) and "is a single-file checkpoint" in refusal(values)
    values["models"]["miniature"]["source"]["path"] += "/model.safetensors"
    assert "is a single-file checkpoint" in refusal(values)


def test_tables_must_exist(values, tmp_path):
    values["datasets"]["people"]["planted"] = "nowhere.csv"
    assert "datasets.people.planted: " in refusal(values) and "does not exist" in refusal(values)
    values["datasets"]["people"].pop("planted")
    faces = values["datasets"]["faces"]
    faces["utkface"] = False
    faces["labels"] = {"file": str(tmp_path), "key": "file", "columns": ["gender"]}
    assert "datasets.faces.labels.file: " in refusal(values) and "is not a file" in refusal(values)


def test_a_model_that_brings_code_is_refused(values, tmp_path):
    (tmp_path / "clip" / "open_clip_config.json").write_text('{"a": {"tokenizer_kwargs": {"trust_remote_code": true}}}')
    assert "encoders.clip.source.path: " in refusal(values) and "`trust_remote_code`" in refusal(values)


def test_an_image_folder_must_exist_and_hold_images(values, tmp_path):
    shutil.rmtree(tmp_path / "faces")
    assert "datasets.faces.path: no folder" in refusal(values)
    (tmp_path / "faces").mkdir()
    assert "contains no images" in refusal(values)


def test_a_broken_link_is_left_to_the_index(values, tmp_path):
    before = plan(values)["faces"].survey
    (tmp_path / "faces" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (shard,) = {
        shard for shard, held in plan(values)["faces"].survey.shards.items() if held != before.shards.get(shard)
    }
    assert shard == shard_name(shard_index("broken.jpg", 3), 3)


def test_settings_that_no_command_line_takes_are_refused_with_a_number_that_works(values, tmp_path):
    head, *rows = (tmp_path / "activities.csv").read_text().splitlines()
    long = [f"{row.split(',')[0]},{'💃' * 280}{n},c,010101,false" for n, row in enumerate(rows)]
    (tmp_path / "activities.csv").write_text("\n".join([head, *long]) + "\n")
    values["datasets"]["people"]["shards"] = {"synthesis": 1, "embedding": 1}
    text = refusal(values)
    assert "datasets.people.shards.synthesis" in text
    values["datasets"]["people"]["shards"]["synthesis"] = 2 * int(text.split("set it to ")[1].split()[0])
    assert plan(values)["people"].synthesis
    values["datasets"]["people"]["prompts"]["groups"] |= {f"g{n}": "x" * 1900 + "{activity}" for n in range(40)}
    values["datasets"]["people"].pop("zero_shot", None)
    assert "datasets.people.prompts" in refusal(values)


def test_contrasts_begin_with_the_ends_of_the_axis(values):
    people = values["datasets"]["people"]
    assert plan(values)["people"].pairs == [("young", "older"), ("young", "middle"), ("middle", "older")]
    people["prompts"]["groups"] = {name: "{activity}" for name in ("c", "a", "d", "b")}
    people["zero_shot"] = None
    every = [("c", "b"), ("c", "a"), ("c", "d"), ("a", "d"), ("a", "b"), ("d", "b")]
    assert plan(values)["people"].pairs == every
    values["inference"]["contrasts"] = [["a", "d"], ["b", "c"]]
    assert plan(values)["people"].pairs == [("a", "d"), ("b", "c")]


def test_what_a_generated_dataset_has(values):
    values["encoders"]["dino"]["tokens"] = True
    people = plan(values)["people"]
    assert people.axis == ["neutral", "young", "middle", "older"]
    assert people.balanced == (["group"], {})
    assert (people.audited, people.predicted, people.published, people.main_classifier) == ({}, {}, {}, None)
    assert people.picture_spaces == ["clip_image", "dino", "resnet50", "latents"]
    assert people.texts == people.scored == ["clip"] and people.predictor == "clip"
    assert people.classifiers == {"group": {"group": values["datasets"]["people"]["zero_shot"]}}
    assert people.traits == {"generated", "readout"} and people.planted_files == []
    assert people.scope.traits == {"generated", "readout", "several spaces"}
    assert people.shards("images") == people.shards("prompts") == people.shards("latents") == list(people.synthesis)
    assert people.shards("embeddings/clip") == people.shards("rejects") == people.embedding_shards


def test_a_generated_dataset_without_classifier_and_with_a_planted_bias(values):
    del values["datasets"]["people"]["zero_shot"]
    values["datasets"]["people"]["planted"] = "resources/miniature/world.csv"
    people = plan(values)["people"]
    assert people.classifiers == {} and people.predictor is None
    assert people.traits == {"generated", "planted", "depicted", "readout"} and people.planted_files == [
        "resources/miniature/world.csv"
    ]


def test_rows_of_the_original_table_are_in_its_order(values):
    rows = plan(values)["people"].original_rows
    assert [row[:3] for row in rows] == [
        ("clip prompts", "clip_text", "cosine"),
        ("clip images", "clip_image", "cosine"),
        ("dino", "dino", "cosine"),
        ("dino mean of tokens", "dino_mean", "cosine"),
        ("resnet50", "resnet50", "cosine"),
        ("latents", "latents", "cosine"),
        ("dino split", "dino", "patch_maxsim"),
        ("dino split, one way", "dino", "maxsim_forward"),
        ("dino split (DCR)", "dino", "dcr_split"),
        ("dino split (DCR, cross)", "dino", "dcr_cross"),
    ]
    notes = {row[0]: row[3] for row in rows}
    assert notes["dino mean of tokens"] == notes["dino split, one way"] == "as in the published code"
    assert "published code" in notes["dino"] and "VAE" in notes["latents"] and notes["resnet50"] == ""


def test_what_a_folder_named_like_utkface_has(values):
    hair = {"plain": {"long": ["long hair"], "short": ["short hair"]}}
    gender = values["datasets"]["faces"]["zero_shot"]["gender"]
    gender["elaborate"] = {"male": ["man", "a photo of a man"], "female": ["woman", "a photo of a woman"]}
    values["datasets"]["faces"]["zero_shot"]["hair"] = hair
    faces = plan(values)["faces"]
    assert (faces.groups, faces.pairs, faces.axis, faces.scored) == ([], [], [], [])
    assert faces.audited == {"gender": ["male", "female"]} and faces.main_classifier == ("gender", "male_female")
    assert faces.predicted == {"hair (zero-shot)": ("hair", "plain")}
    # Published figures exist only for single keywords.
    assert faces.published == {"male_female": "male/female", "man_woman": "man/woman", "boy_girl": "boy/girl"}
    assert faces.traits == {"audited", "published"} and faces.predictor == "clip"
    assert faces.names is None and faces.label_files == []
    assert faces.shards("images") == faces.shards("embeddings/dino") == faces.embedding_shards
    assert all(faces.covered(shard) == [shard] for shard in faces.embedding_shards)
    assert list(faces.encoders()) == ["clip", "dino"] and faces.max_pixels == 1_000_000


def test_the_keep_list_balances_everything_or_what_is_configured(values):
    faces = values["datasets"]["faces"]
    faces["zero_shot"]["hair"] = {"plain": {"long": ["long hair"], "short": ["short hair"]}}
    columns = plan(values)["faces"].attributes
    hair = {"hair (zero-shot)": ("hair", "plain")}
    assert "gender" in columns and plan(values)["faces"].balanced == (columns, hair)
    faces["balance"] = ["hair"]
    assert plan(values)["faces"].balanced == ([], hair)
    faces["balance"] = ["gender"]
    assert plan(values)["faces"].balanced == (["gender"], {})


def test_labels_by_file_name_depend_on_every_name(values, tmp_path):
    faces = values["datasets"]["faces"]
    table, names = (str(tmp_path / name) for name in ("labels.csv", "names.csv"))
    for path in (table, names):
        Path(path).write_text("id,race\n")
    faces |= {"utkface": False, "zero_shot": {}, "labels": {"file": table, "key": "id", "columns": ["race"]}}
    before = plan(values)["faces"]
    assert before.label_files == [table] and before.attributes == ["race"] and before.published == {}
    assert before.main_classifier is None and before.predictor is None and before.traits == set()
    (tmp_path / "faces" / "new.jpg").write_bytes(b"")
    assert plan(values)["faces"].names != before.names
    faces["labels"]["caption"] = "text"
    assert plan(values)["faces"].traits == {"captioned"}
    faces["labels"] = None
    faces["open_images"] = {"labels": table, "descriptions": names, "min_images": 2}
    published = plan(values)["faces"]
    assert published.label_files == [table, names] and published.names


def test_the_unguided_dataset_differs_in_its_guidance_only(values):
    people = values["datasets"]["people"]
    people["synthesis"]["guidance"] = 4.0
    plain = copy.deepcopy(people)
    plain["synthesis"]["guidance"] = 1.0
    other = copy.deepcopy(plain)
    other["synthesis"]["steps"] += 1
    values["datasets"] |= {"other": other, "plain": plain}
    found = {name: made.unguided for name, made in plan(values).generated.items()}
    assert found == {"people": "plain", "other": None, "plain": None}
