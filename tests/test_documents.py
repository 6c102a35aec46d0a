"""Documents that are generated are those of the present code and lock."""

import json
import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from scripts.documents import document_config, document_tables
from scripts.documents.document_dependencies import conda_environment, pins
from untold.study.schema import Study
from untold.study.schema_base import Strict

ROOT = Path(__file__).resolve().parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


DOCUMENTS = document_config.documents() | document_tables.documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_documents_are_those_of_models_and_catalogues(name):
    assert read(name) == DOCUMENTS[name], "run make docs"


def models() -> list[type[BaseModel]]:
    """Every section of the configuration, whatever module it is in."""
    found = [Strict]
    for model in found:
        found += model.__subclasses__()
    return found


@pytest.mark.parametrize(
    "model", [found for found in models() if found is not Strict], ids=lambda model: model.__name__
)
def test_every_key_has_a_description_that_is_a_sentence(model):
    assert model.__doc__.endswith(".")
    for name, field in model.model_fields.items():
        assert field.description and field.description.endswith((".", "...")), f"{model.__name__}.{name}"


def test_every_model_is_in_the_readme():
    headings = set(re.findall(r"^### (\w+)$", read("config/README.md"), re.MULTILINE))
    assert headings == {model.__name__ for model in models()} - {"Strict"}


def test_links_in_the_readme_lead_somewhere():
    text = read("config/README.md")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


def test_the_schema_accepts_what_the_model_accepts():
    """Every key of the default study is in the schema, by walking both."""
    schema = json.loads(read("config/schema.json"))

    def walk(value, place):
        place = schema["$defs"][place["$ref"].rsplit("/", 1)[1]] if "$ref" in place else place
        if not isinstance(value, dict):
            return
        if choices := place.get("oneOf"):
            tag = place["discriminator"]["propertyName"]
            return walk(value, {"$ref": place["discriminator"]["mapping"][value[tag]]})
        if choices := place.get("anyOf"):
            return walk(value, next(choice for choice in choices if choice.get("type") != "null"))
        patterns = [*place.get("patternProperties", {}).values()]
        if isinstance(place.get("additionalProperties"), dict):
            patterns.append(place["additionalProperties"])
        for key, inner in value.items():
            walk(inner, place["properties"][key] if "properties" in place else patterns[0])

    walk(yaml.safe_load(read("config/config.yaml")), schema)
    assert set(schema["properties"]) == set(Study.model_fields)


def test_conda_has_the_pins_of_the_lock():
    assert read("envs/untold.yaml") == conda_environment(read("requirements.lock"), read("pyproject.toml")), "make lock"


def test_licences_are_of_the_locked_packages_and_versions():
    """Only names and versions: a licence text may be spelled differently in another build of the same package."""
    rows = re.findall(r"^\| ([^ |]+) \| ([^ |]+) \| (.+) \|$", read("docs/licences.md"), re.MULTILINE)
    listed = {name: version for name, version, _ in rows if name != "package"}
    locked = {name: pin.split("==")[1] for name, pin in pins(read("requirements.lock")).items()}
    assert listed.keys() <= locked.keys()
    wrong = {
        name: (version, locked[name])
        for name, version in listed.items()
        if version.split("+")[0] != locked[name].split("+")[0]
    }
    assert not wrong, "make lock"
    direct = re.findall(r"^      - ([a-z0-9-]+)==", read("envs/untold.yaml"), re.MULTILINE)
    assert set(direct) <= set(listed), "every direct dependency has a licence"


def test_the_table_of_studies_names_every_study():
    named = set(re.findall(r"^\| `(\w+\.yaml)` \|", read("config/README.md"), re.MULTILINE))
    assert named == {path.name for path in (ROOT / "config").glob("*.yaml")} - {"miniature.yaml"}


def test_versions_agree():
    version = re.search(r'^version = "(.+)"$', read("pyproject.toml"), re.MULTILINE)[1]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version
    assert f"## {version} " in read("CHANGELOG.md")


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "NOTICE", "config/README.md", "CITATION.cff"])
def test_what_people_read_names_files_that_exist(name):
    quoted = re.findall(
        r"`((?:config|scripts|rules|tests|docs|envs|profiles|resources|benchmarks)/[\w./-]+)`", read(name)
    )
    missing = [path for path in quoted if not (ROOT / path).exists() and "resources/models" not in path]
    assert not missing
