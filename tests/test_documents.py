"""Test that generated documents match the current code and lock file."""

import ast
import io
import json
import re
import subprocess
import textwrap
import tokenize
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from scripts.documents import document_config, document_tables
from scripts.documents.document_dependencies import conda_environment, pins
from untold.report.page import TEMPLATES
from untold.study.schema import Study, parse_study
from untold.study.schema_base import Strict

ROOT = Path(__file__).resolve().parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


DOCUMENTS = document_config.documents() | document_tables.documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generated_documents_are_those_of_models_and_catalogues(name):
    assert read(name) == DOCUMENTS[name], "run make docs"


def models() -> list[type[BaseModel]]:
    """Return the models of all sections of the configuration, in any module of the library."""
    found = [Strict]
    for model in found:
        found += [inner for inner in model.__subclasses__() if inner.__module__.startswith("untold.")]
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


def test_the_schema_accepts_what_the_model_accepts():
    """Every key of the default study is in the schema."""
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
    """Only names and versions are compared, because the licence text can differ between builds of a package."""
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


FOLDERS = "benchmarks|config|docs|envs|profiles|resources|rules|scripts|tests|untold"
# A path from the root of the repository, or the bare name of a file that users read or run.
NAMED = re.compile(
    rf"(?<![\w./{{}}<>*-])(?:(?:{FOLDERS})/(?:[\w.-]+/)*[\w-]+(?:\.\w+)+|\.github/[\w./-]+|\.ci/\w+"
    r"|[\w-]+\.(?:md|py|smk|lock|toml|cff|css|j2|rst))(?![\w/*{<-])"
)
# Files that readers of the tutorials create, and a name that many files share.
MADE = {"__init__.py", "config/mine.yaml", "config/gender.yaml"}
SUFFIXES = {".cff", ".css", ".j2", ".js", ".json", ".md", ".py", ".rst", ".smk", ".toml", ".yaml", ".yml"}
WHOLE = {"Snakefile", "Makefile", "NOTICE", "run"}  # files without a suffix whose whole text is read


def written() -> list[Path]:
    """Return every file of the repository that people write or read, except data and generated files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / line for line in sorted(set(listed.stdout.splitlines()))]
    texts = [path for path in paths if path.suffix in SUFFIXES or path.name in WHOLE]
    return [
        path for path in texts if path.is_file() and not path.is_relative_to(ROOT / "resources" / "miniature" / "sdxl")
    ]


def prose(path: Path) -> str:
    """Return the docstrings and comments of Python, Markdown without code blocks, or the whole text of other files."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
        places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, places)]
        descriptions = [
            node.value.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.keyword) and node.arg == "description" and isinstance(node.value, ast.Constant)
        ]
        return "\n".join([*comments, *filter(None, map(ast.get_docstring, nodes)), *map(str, descriptions)])
    return without_blocks(text) if path.suffix == ".md" else text


def without_blocks(markdown: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", markdown, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", written(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_named_exists(path):
    """The file exists at the root of the repository, next to the file that mentions it, or among the templates."""
    names = set(NAMED.findall(prose(path))) - MADE
    places = (ROOT, path.parent, TEMPLATES)
    missing = {name for name in names if not any((place / name).exists() for place in places)}
    assert not {name for name in missing if not name.startswith("resources/models")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("References: method.md section 7.", ["method.md"]),
        ("see docs/method.md, and `rules/common.smk`", ["docs/method.md", "rules/common.smk"]),
        ("(untold/base/files.py)", ["untold/base/files.py"]),
        ("results/tables/x.md, {dataset}.md, https://x.org/y.md and x.mdx", []),
    ],
)
def test_names_of_files_are_found(text, names):
    assert NAMED.findall(text) == names


def anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings, as generated by code-hosting sites and by our site."""
    headings = re.findall(r"^#+ (.+?) *$", without_blocks(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "path",
    [path for path in written() if path.suffix == ".md"],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = path.parent / file if file else path
        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target


def test_the_tutorials_configurations_are_studies():
    """The changes that a tutorial makes to a shipped study give a valid study."""

    def examples(name: str) -> str:
        return "\n".join(
            re.findall(r"^```yaml\n(.*?)^```", read(f"docs/tutorials/{name}.md"), re.MULTILINE | re.DOTALL)
        )

    study = yaml.safe_load(read("config/config.yaml"))
    gender = yaml.safe_load(examples("own-axis"))["datasets"]["people"]
    study["datasets"]["people"] |= {"zero_shot": gender["zero_shot"], "prompts": gender["prompts"], "planted": None}
    assert parse_study(study, "own-axis.md").datasets["people"].zero_shot

    study = yaml.safe_load(read("config/open_images.yaml"))
    first, labels, zero_shot = re.findall(r"^```yaml\n(.*?)^```", read("docs/tutorials/own-pictures.md"), re.M | re.S)
    pictures = yaml.safe_load(first)["datasets"]["pictures"]
    study["datasets"] = {"pictures": pictures}
    assert parse_study(study, "own-pictures.md")
    pictures |= yaml.safe_load(labels)["datasets"]["pictures"] | yaml.safe_load(textwrap.dedent(zero_shot))
    assert parse_study(study, "own-pictures.md").datasets["pictures"].columns == ["gender", "skin_tone"]
