"""Test the table of docs/reruns.md, line by line, on a finished tiny study.

Each test changes one thing and compares the jobs of a dry run with the stages that depend on it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

SYNTHESIS = 3  # shards of the tiny study that contain an activity
REPORT = {"draw_figures", "write_report"}
CLUSTERS = {"cluster", "compose", "rebalance", "compare_clusters", "draw_contact_sheet"}
STRUCTURE = CLUSTERS | {"project"}
BELOW_SIMILARITY = {"infer", "locate_neutral"} | REPORT
EMBEDDING = {"embed_images", "embed_images_and_tokens"}


def names(planned: dict[str, int]) -> set[str]:
    """Return the stages of a plan; the figures have one rule per dataset."""
    return {name.split("_of_")[0] for name in planned} - {"all"}


@pytest.fixture
def study(finished, tmp_path):
    return finished.copy(tmp_path / "project")


def test_nothing_changed_nothing_runs(study):
    assert study.planned() == {}
    assert "Nothing to be done" in study.snakemake("all")


def test_whitespace_comments_and_key_order(study):
    values = study.config()
    text = study.config_file.read_text()
    reordered = {key: values[key] for key in reversed(values)}
    study.config_file.write_text("# a comment\n\n" + yaml.safe_dump(reordered, indent=4, sort_keys=False) + "\n\n")
    assert study.config_file.read_text() != text
    assert study.planned() == {}


def test_touched_files(study):
    later = time.time() + 60
    for path in study.folder.rglob("*"):
        if path.is_file() and not {".snakemake", "results"} & set(path.relative_to(study.folder).parts):
            os.utime(path, (later, later))
    assert study.planned() == {}


def test_a_copy_reruns_nothing(study, tmp_path):
    """All files of a copy are newly written, large and small."""
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-r", "--no-preserve=timestamps", study.folder, copied], check=True)
    assert type(study)(copied).planned() == {}


def test_results_without_records_are_adopted_or_refused(study):
    """Without Snakemake's records nothing else would tell whose results they are."""
    (study.folder / ".snakemake").rename(study.folder / "records")
    said = study.snakemake("--dry-run", "all")
    assert "Nothing to be done" in said and "made by this very study" in said
    original = study.config_file.read_text()
    study.change(lambda config: config["datasets"]["people"]["synthesis"].update(steps=3))
    said = study.snakemake("--dry-run", "all", check=False)
    assert "results: Snakemake has no record of" in said and "another datasets.people; bring" in said
    study.config_file.write_text(original)
    (study.results / "study.json").unlink()
    said = study.snakemake("--dry-run", "all", check=False)
    assert "nothing says what made it" in said and "Traceback" not in said
    # The remedy: everything but the store is made again.
    for path in study.results.iterdir():
        if path.name != "store":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert study.planned()["synthesise"] == SYNTHESIS


def test_renamed_results_are_refused(study):
    study.results.rename(study.folder / "renamed")
    study.change(lambda config: config.update(results="renamed"))
    assert "made as results" in study.snakemake("--dry-run", "all", check=False)


def test_how_images_were_made_goes_and_stays_with_them(study):
    """The record survives a run that finds its images, and a lost record is made again from them."""
    record = next((study.results / "provenance" / "synthesise" / "people").glob("*.json"))
    sampler = json.loads(record.read_text())["sampler"]
    record.unlink()
    study.snakemake(record.relative_to(study.folder).as_posix())
    again = json.loads(record.read_text())
    assert again["images"]["made"] == 0 and again["sampler"] == sampler and sampler["device"]


def test_report_title(study):
    study.change(lambda config: config["report"].update(title="Another title"))
    assert names(study.planned()) == {"write_report"}


def test_colours(study):
    study.change(lambda config: config["report"].update(colours={"young": "#123456"}))
    assert names(study.planned()) == REPORT


def test_bootstrap_count(study):
    study.change(lambda config: config["inference"].update(resamples=300))
    expected = {"measure_reference", "score_prompts", "estimate_shares", "calibrate_readout", *BELOW_SIMILARITY}
    assert names(study.planned()) == expected


def test_contrasts(study):
    study.change(lambda config: config["inference"].update(contrasts=[["young", "older"]]))
    planned = names(study.planned())
    assert "infer" in planned
    assert not planned & (EMBEDDING | STRUCTURE | {"synthesise", "measure_similarity"})


def test_number_of_clusters(study):
    study.change(lambda config: config["clusters"].update(k=3))
    assert names(study.planned()) == CLUSTERS | REPORT


def test_duplicate_threshold(study):
    study.change(lambda config: config["clusters"].update(duplicate_cosine=0.9))
    assert names(study.planned()) - REPORT == {"rebalance"}


def test_zero_shot_prompts_of_a_folder(study):
    study.change(
        lambda config: config["datasets"]["faces"]["zero_shot"]["gender"]["man_woman"].update(male=["a man's face"])
    )
    planned = study.planned()
    assert planned["classify"] == planned["audit_attributes"] == 1
    assert names(planned) - REPORT == {"classify", "audit_attributes", "compare_published"}


def test_model_of_one_encoder(study):
    """Other weights of one encoder rerun its own embeddings and all later stages, but no other encoder."""
    from tests.tiny_encoders import save_timm

    folder = study.folder / "weights" / "other"
    save_timm(folder, "resnet18", 32, {"layers": [1, 1, 1, 1], "channels": [4, 8, 16, 32]})
    study.change(lambda config: config["encoders"]["resnet50"]["source"].update(path="weights/other"))
    planned = study.planned()
    assert planned["embed_images"] == 2  # the shards of people; those of CLIP are kept
    assert not names(planned) & {"embed_images_and_tokens", "embed_prompts", "synthesise", "index_images", "classify"}
    assert {"measure_similarity", "infer", "cluster", "project"} <= names(planned)


def test_weights_changed_in_place(study):
    """The content decides, not the timestamp."""
    path = study.folder / "weights" / "resnet" / "model.safetensors"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert study.planned()["embed_images"] == 2


def test_one_encoder_added(study):
    study.change(lambda config: config["encoders"].update(second=dict(config["encoders"]["resnet50"])))
    planned = study.planned()
    assert planned["embed_images"] == 2  # shards of people; faces list their encoders explicitly
    assert planned["cluster"] == 1
    assert not names(planned) & {"embed_images_and_tokens", "embed_prompts", "synthesise"}


def test_one_encoder_of_a_dataset_added(study):
    study.change(lambda config: config["datasets"]["faces"]["encoders"].append("resnet50"))
    planned = study.planned()
    assert planned["embed_images"] == planned["cluster"] == 1
    assert not names(planned) & {"index_images", "embed_prompts", "synthesise", "infer"}


def test_one_activity_added(study):
    """One shard of prompts and images runs, and exactly one quadruplet per seed is generated."""
    before = study.store()
    study.change(lambda config: config["datasets"]["people"]["activities"].update(limit=6))
    planned = study.planned()
    assert planned["write_prompts"] == planned["synthesise"] == 1
    assert planned["embed_images"] == 2 and planned["embed_images_and_tokens"] == planned["embed_prompts"] == 1
    study.snakemake("all")
    assert len(study.store() - before) == 4 * 2 + 1  # plus one more neutral seed
    assert before <= study.store()


@pytest.mark.parametrize("change", [{"steps": 3}, {"guidance": 2.0}])
def test_sampler_settings(study, change):
    study.change(lambda config: config["datasets"]["people"]["synthesis"].update(change))
    planned = study.planned()
    assert planned["synthesise"] == SYNTHESIS
    assert not {"write_prompts", "embed_prompts", "read_denoiser"} & set(planned)
    assert planned["embed_images"] == 4  # faces are kept


def test_noises_of_the_readout(study):
    study.change(lambda config: config["datasets"]["people"]["readout"].update(noises=5))
    assert names(study.planned()) == {"read_denoiser", "calibrate_readout"} | REPORT


def test_template(study):
    study.change(lambda config: config["datasets"]["people"]["prompts"].update(neutral="A person {activity}"))
    planned = study.planned()
    assert planned["write_prompts"] == planned["synthesise"] == SYNTHESIS
    assert planned["embed_prompts"] == 2 and "index_images" not in planned


def test_two_settings_swapped(study):
    """The values are equal as an unordered set, but the settings differ."""
    study.change(lambda config: config["projections"].update(perplexity=15, neighbors=30))
    assert names(study.planned()) == {"project"} | REPORT


def test_two_templates_swapped(study):
    def swap(config):
        groups = config["datasets"]["people"]["prompts"]["groups"]
        groups["young"], groups["older"] = groups["older"], groups["young"]

    study.change(swap)
    assert study.planned()["write_prompts"] == SYNTHESIS


def edit(study, path: str, old: str, new: str) -> None:
    """Replace text that occurs exactly once in a file of the workflow."""
    file = study.folder / path
    text = file.read_text()
    assert text.count(old) == 1, f"{path} contains {text.count(old)} times: {old}"
    file.write_text(text.replace(old, new))


def test_words_about_the_code(study):
    """Comments, docstrings, descriptions, the order of imports and the version of the linter do not matter."""
    for path in ("untold/study/plan.py", "untold/structure/clusters.py", "untold/base/identity.py", "scripts/infer.py"):
        file = study.folder / path
        text = file.read_text()
        assert text.startswith('"""')
        file.write_text(text.replace('"""', '"""Put differently. ', 1) + "\n# A comment.\n")
    schema = study.folder / "untold/study/schema_analysis.py"
    text = schema.read_text()
    schema.write_text(text.replace('description="', 'description="In other words: '))
    assert schema.read_text() != text
    edit(
        study,
        "untold/structure/clusters.py",
        "import numpy as np\nimport pandas as pd\n",
        "import pandas as pd\nimport numpy as np\n",
    )
    development = study.folder / "requirements-dev.lock"
    text = development.read_text()
    newer = re.sub(r"(?m)^ruff==[\d.]+", "ruff==99.0", text)
    assert newer != text
    development.write_text(newer)
    assert study.planned() == {}


def test_reformatted_module(study):
    """The module is formatted with shorter lines."""
    module = study.folder / "untold" / "structure" / "clusters.py"
    text = module.read_text()
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", "--line-length", "70", module], check=True)
    assert module.read_text() != text
    assert study.planned() == {}


def test_code_of_clusters_edited(study):
    """The rules whose scripts import the module, directly or indirectly, run again with all later stages."""
    edit(study, "untold/structure/clusters.py", "n_init=1,", "n_init=2,")
    assert names(study.planned()) == CLUSTERS | REPORT


def test_code_of_the_page_edited(study):
    edit(study, "untold/study/schema_report.py", 'look like?", ', 'look like?", max_length=500, ')
    assert names(study.planned()) == {"write_report"}


def test_template_of_the_page_edited(study):
    with (study.folder / "untold/report/templates/report.css").open("a") as file:
        file.write("\nmain { color: inherit; }\n")
    assert names(study.planned()) == {"write_report"}


def test_script_edited(study):
    with (study.folder / "scripts" / "project.py").open("a") as file:
        file.write("\nEDITED = True\n")
    assert names(study.planned()) == {"project"} | REPORT


def test_edit_with_an_older_date(study):
    """The content decides, not the timestamp, as for an unpacked release or a restored backup."""
    edit(study, "untold/structure/clusters.py", "n_init=1,", "n_init=2,")
    os.utime(study.folder / "untold/structure/clusters.py", (0, 0))
    assert names(study.planned()) == CLUSTERS | REPORT


def test_pin_of_a_library(study):
    """Only the maps depend on openTSNE."""
    lock = study.folder / "requirements.lock"
    text = lock.read_text()
    newer = re.sub(r"(?m)^opentsne==[\d.]+", "opentsne==99.0", text)
    assert newer != text
    lock.write_text(newer)
    assert names(study.planned()) == {"project"} | REPORT


def test_threads_memory_and_rules_text(study):
    """Resources and comments do not affect results."""
    rules = study.folder / "rules" / "embedding.smk"
    text = rules.read_text()
    other = text.replace("scaled_by_attempt(8000)", "scaled_by_attempt(9000)")
    other = other.replace("threads: MODEL_THREADS", "threads: 3")
    assert text.count("scaled_by_attempt(8000)") and text.count("threads: MODEL_THREADS")
    rules.write_text(other + "\n\n# A comment.\n")
    assert study.planned() == {}


def test_labels_count_by_their_content(study):
    """A touched table triggers no rerun; an edited one does, whatever its timestamp."""
    labels = study.folder / "labels.csv"
    files = sorted(path.name for path in (study.folder / "weights/faces").glob("*.png"))
    rows = [f"{name},{number % 2}" for number, name in enumerate(files)]
    labels.write_text("\n".join(["file,hat", *rows]) + "\n")

    def labelled(config):
        faces = config["datasets"]["faces"]
        faces["utkface"] = False
        faces["zero_shot"] = {}
        faces["labels"] = {"file": "labels.csv", "key": "file", "columns": ["hat"]}

    study.change(labelled)
    study.snakemake("results/faces/images/0000-of-0001.parquet")
    until = ("--until", "index_images")
    assert "index_images" not in study.planned(*until)
    later = time.time() + 60
    os.utime(labels, (later, later))
    assert "index_images" not in study.planned(*until)
    labels.write_text(labels.read_text().replace(",1", ",2"))
    os.utime(labels, (0, 0))
    assert study.planned(*until)["index_images"] == 1


def test_shard_count_makes_no_image_again(study):
    before = study.store()
    study.change(lambda config: config["datasets"]["people"].update(shards={"synthesis": 2, "embedding": 1}))
    stamps = {path: path.stat().st_mtime_ns for path in (study.results / "store").rglob("*.png")}
    study.snakemake(*(f"results/people/images/{shard}-of-0002.parquet" for shard in ("0000", "0001")))
    assert study.store() == before
    assert {path: path.stat().st_mtime_ns for path in (study.results / "store").rglob("*.png")} == stamps


def test_new_picture_in_a_folder(study):
    source = next((study.folder / "weights" / "faces").glob("*.png"))
    (source.parent / "33_1_2_20170109000009999.png").write_bytes(Path(source).read_bytes())
    planned = study.planned()
    assert planned["index_images"] == 1
    assert not names(planned) & {"synthesise", "measure_similarity", "infer", "embed_prompts"}
