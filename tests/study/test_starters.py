"""Test that the files which studies start from are studies, and that none of a user's is overwritten."""

from pathlib import Path

import pytest
import yaml
from PIL import Image

from scripts import new_study
from tests.conftest import ROOT
from untold.study.plan import Plan
from untold.study.schema import parse_study

NAMES = sorted(path.stem for path in (ROOT / "config" / "starters").glob("*.yaml"))


def written(name: str) -> Plan:
    new_study.main(starter=name)
    study = parse_study(yaml.safe_load(Path(f"{name}.yaml").read_text()), f"{name}.yaml")
    assert study.results == f"results-{name}"
    return Plan(study)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("Pictures", "faces"):
        (tmp_path / place).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / place / "1.jpg")
    (tmp_path / "faces.csv").write_text("file,gender,race,age\n1.jpg,male,white,20-29\n")


def test_there_is_one_for_each_kind_of_study():
    assert NAMES == ["age", "faces", "occupations", "photographs"]


@pytest.mark.parametrize(("name", "activities", "groups"), [("age", 572, 3), ("occupations", 58, 2)])
def test_a_study_of_a_model_draws_every_activity(name, activities, groups):
    people = written(name).generated["people"]
    assert len(people.activities) == activities and len(people.groups) == groups
    assert people.settings.zero_shot.keys() == people.settings.prompts.groups.keys()


def test_a_study_of_faces_is_audited():
    faces = written("faces").folders["faces"]
    assert faces.audited == {"gender": ["male", "female"]} and faces.attributes == ["gender", "race", "age"]


def test_a_study_of_photographs_needs_nothing_else():
    assert len(written("photographs").folders["photographs"].embedding_shards) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_commented_out_is_valid_too(name):
    """Every commented key is tried by itself."""
    new_study.main(starter=name)
    lines = Path(f"{name}.yaml").read_text().splitlines()
    commented = [number for number, line in enumerate(lines) if line.lstrip().startswith("#") and ":" in line]
    for number in commented:
        indent = len(lines[number]) - len(lines[number].lstrip())
        block = [number]
        while block[-1] + 1 < len(lines) and lines[block[-1] + 1].startswith(" " * indent + "#   "):
            block.append(block[-1] + 1)
        opened = [line.replace("# ", "", 1) if at in block else line for at, line in enumerate(lines)]
        key = opened[number].strip().split(":")[0]
        if key.isidentifier() and not lines[number].lstrip().startswith("#   "):
            parse_study(yaml.safe_load("\n".join(opened)), f"{name}.yaml")


def test_a_file_of_the_user_is_never_overwritten():
    Path("age.yaml").write_text("mine")
    with pytest.raises(ValueError, match=r"age\.yaml exists already"):
        new_study.main(starter="age")
    assert Path("age.yaml").read_text() == "mine"


def test_an_unknown_starter_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match="one of age, faces, occupations, photographs"):
        new_study.main(starter="")


def test_occupations_are_distinct_phrases():
    rows = (ROOT / "config" / "occupations.csv").read_text().splitlines()[1:]
    assert len({row.split(",")[1] for row in rows}) == len(rows)
    assert all(row.split(",")[1].startswith("working as a") for row in rows)
