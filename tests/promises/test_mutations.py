"""Test what reruns after any change of one setting or file: what reads it, and nothing else.

The workflow is parsed once, as Snakemake does, and its jobs are planned. Then, for each change, the settings of every
job are computed again. A job that follows from a job with other settings runs again too; that is Snakemake's part.
"""

import copy
import json
import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from tests.conftest import ROOT
from untold.study.plan import Plan
from untold.study.schema import Study, parse_study

Path_ = tuple[str | int, ...]

INFERENCE = {"measure_reference", "score_prompts", "infer", "locate_neutral"}
RESAMPLING = INFERENCE | {"estimate_shares", "calibrate_readout", "audit_shares", "recover_planted"}

# Stages whose own settings change with a setting; the page shows every setting, so `write_report` is left out.
# The first pattern that fits counts.
EXPECTED: dict[str, set[str]] = {
    "results": set(),
    "report.title": set(),
    "report.examples": set(),
    "report.colours.*": {"draw_figures"},
    "inference.seed": RESAMPLING | {"probe", "audit_attributes"},
    "inference.confidence": RESAMPLING | {"audit_attributes", "compose", "draw_figures"},
    "inference.resamples": RESAMPLING,
    "inference.permutations": RESAMPLING,
    "inference.contrasts.*": {"infer", "draw_figures"},
    "inference.equivalence_margin": {"infer", "estimate_shares"},
    "inference.interval_width": {"infer"},
    "projections.*": {"project"},
    "clusters.seed": {"cluster", "compose", "rebalance"},
    "clusters.permutations": {"compose"},
    "clusters.duplicate_cosine": {"rebalance"},
    "clusters.*": {"cluster"},
    "models.second.*": set(),
    "models.*.source.*": {"synthesise", "read_denoiser"},
    "models.*.vae.*": {"synthesise"},
    "models.*.variant": {"synthesise", "read_denoiser"},
    "encoders.clip.*": {"embed_images", "embed_prompts", "classify"},
    "encoders.dino.*": {"embed_images_and_tokens"},
    "encoders.*": {"embed_images"},
    "datasets.people.axis": set(),  # its words are only used where the study has none
    "datasets.people.activities.*": {"write_prompts"},
    "datasets.people.prompts.ordered": {"infer"},
    "datasets.people.prompts.*": {"write_prompts"},
    "datasets.people.seeds": {"write_prompts"},
    "datasets.people.neutral_seeds": {"write_prompts"},
    "datasets.people.first_seed": {"write_prompts", "read_denoiser"},
    "datasets.people.readout.*": {"read_denoiser"},
    "datasets.people.model": {"synthesise", "read_denoiser"},
    "datasets.people.synthesis.noise": {"write_prompts", "synthesise", "infer", "estimate_shares"}
    | {"calibrate_readout"},
    **{f"datasets.people.synthesis.{key}": {"synthesise"} for key in ("steps", "guidance", "scheduler")},
    "datasets.people.synthesis.*": {"synthesise", "read_denoiser"},
    # The world is no longer known whose shares were planted.
    "datasets.people.planted": {"depict", "audit_shares", "recover_planted"},
    "datasets.faces.zero_shot.*": {"classify", "compare_published"},
    "datasets.*.zero_shot.*": {"classify"},
    "datasets.*.balance.*": {"rebalance"},
    "datasets.faces.max_pixels": {"index_images", "draw_contact_sheet", "embed_images", "embed_images_and_tokens"},
    "datasets.*.max_pixels": {"index_images", "draw_contact_sheet", "embed_images"},
    "datasets.faces.utkface": {"index_images", "compose", "rebalance", "audit_attributes", "compare_published"}
    | {"draw_figures"},
    "datasets.*.labels.columns.*": {"index_images", "compose"},
    "datasets.*.subfolders": {"index_images", "compose", "rebalance", "draw_figures"},
    "datasets.*.follow_links": {"index_images"},
    "datasets.*.captions": {"index_images"},
    "datasets.*.labels.*": {"index_images"},
    "datasets.*.open_images.*": {"index_images"},
    "datasets.*.path": {"index_images"},
}


# Changes of values that are names of other things: what else they can name.
OTHER: dict[str, object] = {
    "datasets.faces.utkface": False,
    "datasets.people.activities.file": "other.csv",
    "datasets.people.activities.categories.*": "social activities",
    # Other sets of jobs: tests/promises/test_invalidation.py.
    "datasets.*.encoders.*": None,
    "datasets.*.shards.*": None,
    "datasets.*.shards": None,
    # Refused without another change.
    "datasets.*.utkface": None,
    "datasets.[!a]*.captions": None,
    "datasets.*.balance.*": None,
    "datasets.*.labels.columns.0": None,
    "encoders.*.tokens": None,
    "datasets.people.axis": "gender",
    "datasets.people.model": "second",
    "datasets.people.planted": "planted.csv",
    "datasets.photos.labels.file": "other_labels.csv",
    "datasets.photos.labels.key": "name",
    "datasets.*.subfolders": "scene",
    "datasets.photos.path": "other_photos",
    "datasets.*.path": "photos",
    "datasets.*.open_images.labels": "labels.csv",
    "datasets.*.open_images.descriptions": "labels.csv",
    "models.*.variant": "ema",
    "inference.contrasts.*": "middle",
    "encoders.vae.source.path": "resources/miniature/dino",
    "encoders.hub.source.repository": "owner/other",
    "encoders.hub.pooling": "cls",
    "models.*.source.path": "third",
    "models.*.vae.path": "resources/miniature/clip",
    "encoders.*.source.path": "resources/miniature/sdxl",
    "encoders.*.source.revision": "e242ed3bffccdf271b7fbaf34ed72d089537b42f",
    "encoders.*.library": None,
    "datasets.*.kind": None,
    "datasets.*.synthesis.scheduler": "model",
    "datasets.*.synthesis.profile": "reference",
    "datasets.*.synthesis.noise": "shared",
    "encoders.resnet50.pooling": "cls",
    "encoders.dino.pooling": None,
    "encoders.*.dtype": "bfloat16",
    "report.colours.*": "#abcdef",
}


def rich(folder: Path) -> dict[str, Any]:
    """Return a study that uses every setting of the schema, with its files in a folder."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    people, faces = values["datasets"]["people"], values["datasets"]["faces"]
    for name in ("activities.csv", "other.csv"):
        lines = (ROOT / "config" / "activities.csv").read_text().splitlines()
        rows = reversed(lines[1:]) if name == "other.csv" else lines[1:]
        (folder / name).write_text("\n".join([lines[0], *rows]) + "\n")
    for name in ("photos", "other_photos", "downloads"):
        (folder / name).mkdir()
        for number in range(8):
            (folder / name / f"{number}.png").write_bytes(f"{name} {number}".encode())
    for name in ("indoors", "outdoors"):
        (folder / "albums" / name).mkdir(parents=True)
        for number in range(4):
            (folder / "albums" / name / f"{number}.png").write_bytes(f"{name} {number}".encode())
            (folder / "albums" / name / f"{number}.txt").write_text(f"A person {name}\n")
    for name in ("published.csv", "descriptions.csv", "planted.csv"):
        (folder / name).write_text(f"{name}\n")
    for name in ("labels.csv", "other_labels.csv"):
        rows = [f"{number}.png,{number}.png,yes,no,{name}" for number in range(8)]
        (folder / name).write_text("\n".join(["file,name,hat,coat,text", *rows]) + "\n")
    for name in ("second", "third"):
        for part in ("unet", "vae"):
            (folder / name / part).mkdir(parents=True)
        (folder / name / "unet" / "weights.safetensors").write_text(name)
        index = {"_class_name": "Pipeline", "unet": ["diffusers", "Unet"], "vae": ["diffusers", "Vae"]}
        (folder / name / "model_index.json").write_text(json.dumps(index))
    people["activities"] = {"file": "activities.csv", "miniature": False, "categories": None, "limit": 5}
    people["activities"]["categories"] = ["sleep and rest"]
    people["prompts"] |= {"placebos": {"hat": "A photo of a person with a hat {activity}"}}
    people["prompts"]["age_grid"] = {
        "ages": [20, 40, 60],
        "templates": {"stated": "A {word} person, {age} years old, {activity}"},
        "words": {"0": "young", "50": "old"},
    }
    people |= {"axis": "age", "encoders": ["clip", "dino", "resnet50", "hub"]}
    people["synthesis"]["profile"] = "fast"
    values["models"]["miniature"] |= {"vae": {"path": "resources/miniature/sdxl"}, "variant": "fp16"}
    values["models"]["second"] = {"source": {"path": "second"}}
    hub = {"repository": "owner/name", "revision": "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15", "files": ["*.json"]}
    values["encoders"] |= {
        "hub": values["encoders"]["resnet50"] | {"source": hub},
        "vae": {"library": "vae", "source": {"path": "resources/miniature/sdxl"}, "size": 64, "batch_size": 8},
    }
    faces |= {"balance": ["gender"]}
    folder_settings = {
        "kind": "folder",
        "utkface": False,
        "encoders": ["clip", "vae"],
        "max_pixels": 10**6,
        "shards": 2,
    }
    mood = {"mood": {"plain": {"happy": ["a happy face"], "sad": ["a sad face"]}}}
    values["datasets"]["photos"] = folder_settings | {
        "path": "photos",
        "labels": {"file": "labels.csv", "key": "file", "columns": ["hat", "coat"], "caption": "text"},
        "zero_shot": mood,
        "balance": ["hat"],
    }
    published = {"labels": "published.csv", "descriptions": "descriptions.csv", "min_images": 2}
    values["datasets"]["downloads"] = folder_settings | {"path": "downloads", "open_images": published, "zero_shot": {}}
    albums = {"path": "albums", "subfolders": "place", "captions": True, "zero_shot": {}}
    values["datasets"]["albums"] = folder_settings | albums
    values["inference"]["contrasts"] = [["young", "older"]]
    values["clusters"]["k"] = 5
    values["report"]["colours"] = {"young": "#123456"}
    # What the file leaves to a default is written out, so it is changed too.
    return json.loads(parse_study(values, "rich.yaml").model_dump_json(exclude_none=True))


def leaves(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Yield the path of every scalar."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from leaves(part, (*path, key))
    else:
        yield path


def at(values: Any, path: Path_) -> Any:
    for key in path:
        values = values[key]
    return values


def fits(path: Path_, table: dict[str, Any]) -> Any:
    """Return the entry of the first pattern that fits; ``KeyError`` if none does."""
    name = ".".join(map(str, path))
    return table[next((pattern for pattern in table if fnmatchcase(name, pattern)), name)]


def other(path: Path_, value: Any) -> Any:
    """Return another valid value; None for a leaf whose change is another kind of thing."""
    try:
        return fits(path, OTHER)
    except KeyError:
        pass
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + (8 if path[-1] in ("width", "height", "size") else 1)
    if isinstance(value, float):
        return value * 0.9
    return f"{value}x" if path == ("results",) else f"{value} x"


class Parsed:
    """The workflow with the jobs of a study, whose settings can be asked for other studies too."""

    def __init__(self, folder: Path):
        from snakemake.api import SnakemakeApi
        from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

        (folder / "rich.yaml").write_text(yaml.safe_dump(rich(folder), sort_keys=False))
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            parsed = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(configfiles=[Path("rich.yaml")]),
                snakefile=ROOT / "Snakefile",
                workdir=folder,
            )
            parsed.dag(DAGSettings(forceall=True))
            self.workflow = parsed._workflow
            self.workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True, nolock=True)
            self.workflow._build_dag()
            self.jobs = [job for job in self.workflow.dag.jobs if {"settings", "code"} <= set(job.rule.params.keys())]

    def settings(self, values: dict[str, Any] | None = None) -> dict[str, str]:
        """Return the settings of every job by its name, as they are on disk now; a job that is gone has none."""
        values = values or yaml.safe_load(Path("rich.yaml").read_text())
        study = parse_study(copy.deepcopy(values), "rich.yaml")
        space = self.workflow.globals
        before = {name: space[name] for name in ("STUDY", "PLAN")}
        space |= {"STUDY": study, "PLAN": Plan(study, Path("notes"))}
        try:
            return {f"{job.rule.name} {dict(job.wildcards_dict)}": self._of(job) for job in self.jobs}
        finally:
            space |= before

    @staticmethod
    def _of(job: Any) -> str:
        try:
            return str(job.rule.params["settings"](job.wildcards)) + str(job.rule.params["code"](job.wildcards))
        except (KeyError, IndexError, StopIteration):
            return "gone"


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> Iterator[Parsed]:
    before = Path.cwd()
    folder = tmp_path_factory.mktemp("rich")
    os.chdir(folder)
    try:
        yield Parsed(folder)
    finally:
        os.chdir(before)


def stages(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the stages with a job whose settings differ; the figures have one rule per dataset."""
    changed = {name.split()[0].split("_of_")[0] for name, settings in after.items() if settings != before[name]}
    return changed - {"write_report"}


def test_every_setting_of_the_schema_is_changed(parsed):
    """The study below uses every field of every section."""
    study = parse_study(yaml.safe_load(Path("rich.yaml").read_text()), "rich.yaml")
    sections: dict[str, set[str]] = {}

    def visit(value: object) -> None:
        if isinstance(value, BaseModel):
            used = {name for name in type(value).model_fields if getattr(value, name) not in (None, [], {})}
            sections.setdefault(type(value).__name__, set()).update(used)
            for name in type(value).model_fields:
                visit(getattr(value, name))
        elif isinstance(value, dict | list):
            for part in value.values() if isinstance(value, dict) else value:
                visit(part)

    visit(study)
    definitions = Study.model_json_schema()["$defs"]
    assert {name for name, one in definitions.items() if "properties" in one} | {"Study"} == set(sections)
    unused = {f"{name}.{key}" for name, one in definitions.items() for key in one.get("properties", {})}
    unused -= {f"{name}.{key}" for name, used in sections.items() for key in used}
    assert unused == set()


def test_a_changed_setting_reruns_the_stages_that_read_it_and_no_others(parsed):
    values = yaml.safe_load(Path("rich.yaml").read_text())
    before, wrong, changed = parsed.settings(), {}, 0
    for path in leaves(values):
        new = other(path, at(values, path))
        if new is None:
            continue
        mutated = copy.deepcopy(values)
        at(mutated, path[:-1])[path[-1]] = new
        found, expected = stages(before, parsed.settings(mutated)), fits(path, EXPECTED)
        changed += 1
        if found != expected:
            wrong[".".join(map(str, path))] = f"{sorted(found)} instead of {sorted(expected)}"
    assert not wrong
    assert changed > 100


FILES = {
    "activities.csv": {"write_prompts"},
    "labels.csv": {"index_images"},
    "published.csv": {"index_images"},
    "descriptions.csv": {"index_images"},
    "photos/3.png": {"index_images"},
    "downloads/3.png": {"index_images"},
    "albums/indoors/3.txt": {"index_images"},
    "other_labels.csv": set(),
}


@pytest.mark.parametrize("name", FILES)
def test_the_content_of_a_file_decides_and_nothing_else(parsed, name):
    """Touched, rewritten and older files rerun nothing; another content does, with the same size and time too."""
    file, copied = Path(name), Path("kept")
    stamp, content = file.stat(), file.read_bytes()
    before = parsed.settings()
    shutil.copy2(file, copied)
    try:
        for time in (0, stamp.st_mtime_ns + 10**11):
            os.utime(file, ns=(time, time))
            assert stages(before, parsed.settings()) == set()
        other_content = content.replace(b"dozing in", b"nodding i", 1)
        file.write_bytes(other_content if other_content != content else content[::-1])
        assert file.stat().st_size == len(content)
        for time in (stamp.st_mtime_ns, 0):
            os.utime(file, ns=(time, time))
            assert stages(before, parsed.settings()) == FILES[name]
    finally:
        copied.replace(file)
    assert stages(before, parsed.settings()) == set()


def test_a_renamed_picture_is_another_one(parsed):
    before = parsed.settings()
    Path("downloads/3.png").rename("downloads/33.png")
    try:
        assert stages(before, parsed.settings()) == {"index_images"}
    finally:
        Path("downloads/33.png").rename("downloads/3.png")
