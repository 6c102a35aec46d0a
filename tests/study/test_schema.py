"""Test that every error in a configuration becomes one line with the file, the key and the remedy."""

import copy
import functools
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from untold.study.plan import Plan
from untold.study.schema import Study, parse_study
from untold.study.schema_base import ConfigError

FILE = "config/config.yaml"
STUDIES = ["config.yaml", "sdxl.yaml", "utkface.yaml", "open_images.yaml"]
HUB = {"repository": "owner/name", "revision": "0" * 40}


@functools.cache
def _default() -> dict:
    return yaml.safe_load((ROOT / FILE).read_text())


def default() -> dict:
    """Return a fresh copy of the default study."""
    return copy.deepcopy(_default())


def changed(path: str, value) -> dict:
    """Return the default study with one key set, or removed if the value is ``...``."""
    study = default()
    *parents, last = path.split("/")
    place = functools.reduce(lambda inner, key: inner[key], parents, study)
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return study


def message(study) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_study(study, FILE)
    return str(caught.value)


@pytest.mark.parametrize("name", STUDIES)
def test_the_studies_we_ship_are_valid(name):
    assert isinstance(parse_study(yaml.safe_load((ROOT / "config" / name).read_text()), name), Study)


def test_the_original_settings_are_those_of_the_method():
    people = yaml.safe_load((ROOT / "config/sdxl.yaml").read_text())["datasets"]["people"]
    synthesis = people["synthesis"]
    assert (synthesis["steps"], synthesis["guidance"], synthesis["width"], synthesis["height"]) == (20, 7.5, 768, 768)
    assert (synthesis["scheduler"], synthesis["noise"]) == ("euler_ancestral", "paired")
    assert people["prompts"]["negative"].startswith("painting, cartoon, anime, render")
    assert people["seeds"] >= 4
    assert people["prompts"]["placebos"]


PAIR = {"words": {"male": ["male"], "female": ["female"]}}
OPEN_IMAGES = {"labels": "labels.csv", "descriptions": "names.csv", "min_images": 2}

# path of the key, its value, the key as named in the message, and a part of the remedy
MISTAKES = [
    ("reslts", "x", "reslts", "did you mean results?"),
    ("vae", 1, "vae", "unknown key"),
    ("results", "/tmp/x", "results", "folder inside the project"),
    ("results", "../x", "results", "folder inside the project"),
    ("results", "", "results", "folder inside the project"),
    ("results", "res ults", "results", "letters, digits"),
    ("results", "res{dataset}", "results", "letters, digits"),
    ("results", "res\nults", "results", "letters, digits"),
    ("results", 3, "results", "not 3"),
    ("datasets", {}, "datasets", "at least 1"),
    ("datasets", [], "datasets", "dictionary"),
    ("datasets/Bad name", {}, "datasets.Bad name", "does not match the pattern"),
    ("datasets/people", None, "datasets.people", ""),
    ("datasets/people/kind", "genrated", "datasets.people", "'genrated'"),
    ("datasets/people/sede", 1, "datasets.people.sede", "did you mean seeds?"),
    ("datasets/people/seeds", 0, "datasets.people.seeds", "greater than or equal to 1"),
    ("datasets/people/seeds", "four", "datasets.people.seeds", "valid integer"),
    ("datasets/people/seeds", True, "datasets.people.seeds", "valid integer"),
    ("datasets/people/first_seed", -1, "datasets.people.first_seed", "greater than or equal to 0"),
    ("datasets/people/first_seed", 2**63, "datasets.people.first_seed", "less than"),
    ("datasets/people/first_seed", 2**63 - 1, "datasets.people", "choose a smaller one"),
    ("datasets/people/model", "miniatur", "datasets.people.model", "did you mean miniature?"),
    ("datasets/people/synthesis/steps", 0, "datasets.people.synthesis.steps", "greater than or equal to 1"),
    ("datasets/people/synthesis/step", 2, "datasets.people.synthesis.step", "did you mean steps?"),
    ("datasets/people/synthesis/width", 65, "datasets.people.synthesis.width", "multiple of 8"),
    ("datasets/people/synthesis/guidance", float("nan"), "datasets.people.synthesis.guidance", "finite"),
    ("datasets/people/synthesis/scheduler", "eular", "datasets.people.synthesis.scheduler", "'model'"),
    ("datasets/people/shards/embedding", 3, "datasets.people.shards", "must be a multiple"),
    (
        "datasets/people/prompts/neutral",
        "a person",
        "datasets.people.prompts",
        "neutral: a template must have the field",
    ),
    ("datasets/people/prompts/neutral", "{activity", "datasets.people.prompts", "literal braces"),
    ("datasets/people/prompts/neutral", "{activity:d}", "datasets.people.prompts", "write {activity} without"),
    ("datasets/people/prompts/neutral", "{activity!r}", "datasets.people.prompts", "write {activity} without"),
    ("datasets/people/prompts/neutral", "{activity.__class__}", "datasets.people.prompts", "the field {activity}"),
    ("datasets/people/prompts/groups", {}, "datasets.people.prompts.groups", "at least 2"),
    ("datasets/people/prompts/groups/neutral", "{activity}", "datasets.people.prompts", "neutral is taken"),
    (
        "datasets/people/prompts/groups/Young",
        "{activity}",
        "datasets.people.prompts.groups.Young",
        "does not match the pattern",
    ),
    ("datasets/people/prompts/placebos", {"young": "{activity}"}, "datasets.people.prompts", "young is taken"),
    ("datasets/people/zero_shot", {"young": ["x"]}, "datasets.people", "must describe exactly the groups"),
    ("datasets/faces/labels", {"file": "a", "columns": ["b"]}, "datasets.faces", "remove all but one"),
    ("datasets/faces/labels", {"file": "a"}, "datasets.faces.labels", "give label columns"),
    ("datasets/faces/subfolders", "place", "datasets.faces", "remove all but one"),
    ("datasets/faces/open_images", OPEN_IMAGES, "datasets.faces", "remove all but one"),
    ("datasets/faces/zero_shot/gender/other", {"man": ["a"], "woman": ["b"]}, "datasets.faces", "male, female"),
    ("datasets/faces/zero_shot/gender", {}, "datasets.faces.zero_shot.gender", "at least 1"),
    ("datasets/faces/zero_shot/hair", {"plain": {"long": ["a"]}}, "datasets.faces", "at least two labels"),
    ("datasets/faces/encoders", ["dinoo"], "datasets.faces.encoders", "did you mean dino?"),
    ("datasets/faces/encoders", ["dino"], "datasets.faces.zero_shot", "needs an encoder that can embed text"),
    ("datasets/faces/encoders", [], "datasets.faces.encoders", "at least 1"),
    ("datasets/faces/balance", ["gendre"], "datasets.faces", "did you mean gender?"),
    ("datasets/faces/utkfaces", True, "datasets.faces.utkfaces", "did you mean utkface?"),
    ("datasets/faces/max_pixels", 0, "datasets.faces.max_pixels", "greater than or equal to 1"),
    ("datasets/faces/zero_shot", {"gendr": PAIR}, "datasets.faces", "did you mean gender?"),
    ("datasets/logs", {"kind": "folder"}, "datasets.logs", "missing"),
    ("models/miniature/source/path", ..., "models.miniature.source", "give either path"),
    ("models/miniature/source/repository", "a/b", "models.miniature.source", "give either path"),
    ("models/miniature/source", {"repository": "a/b"}, "models.miniature.source", "needs a revision"),
    (
        "models/miniature/source",
        HUB | {"revision": "main"},
        "models.miniature.source.revision",
        "does not match the pattern",
    ),
    (
        "models/miniature/source",
        HUB | {"repository": "../x"},
        "models.miniature.source.repository",
        "does not match the pattern",
    ),
    ("models/miniature/source/revision", "0" * 40, "models.miniature.source", "only for hub models"),
    ("models/miniature/vae", {"path": 3}, "models.miniature.vae.path", "valid string"),
    ("encoders", {}, "encoders", "at least 1"),
    ("encoders/clip/library", "openclip", "encoders.clip", "'openclip'"),
    ("encoders/clip/library", ..., "encoders.clip", "set it to open_clip, timm or vae"),
    ("encoders/clip/quick_gelu", ..., "encoders.clip.quick_gelu", "is missing"),
    ("encoders/clip/quick_glu", True, "encoders.clip.quick_glu", "did you mean quick_gelu?"),
    ("encoders/resnet50/tokens", True, "encoders.resnet50", "only a vision transformer"),
    ("encoders/latents", {"library": "vae", "source": HUB, "size": 64, "batch_size": 1}, "encoders.latents", "choose"),
    ("encoders/timm", {"library": "timm"}, "encoders.timm.source", "is missing"),
    ("inference/contrasts", [["young", "oldre"]], "inference.contrasts", "did you mean older?"),
    ("inference/contrasts", [["young"]], "inference.contrasts.0", "at least 2"),
    ("inference/confidence", 1, "inference.confidence", "less than 1"),
    ("inference/resamples", 10_000.5, "inference.resamples", "integer"),
    ("projections/perplexity", 1, "projections.perplexity", "greater than or equal to 2"),
    ("clusters/k", 1, "clusters.k", "greater than or equal to 2"),
    ("report/colours", {"young": "red"}, "report.colours.young", "does not match the pattern"),
    ("report/title", "", "report.title", "at least 1 character"),
    ("report", None, "report", "not None"),
]


@pytest.mark.parametrize(("path", "value", "key", "remedy"), MISTAKES)
def test_a_mistake_is_one_line_with_file_key_and_remedy(path, value, key, remedy):
    lines = message(changed(path, value)).splitlines()
    assert any(line.startswith(f"{FILE}: {key}") and remedy in line for line in lines), lines
    assert all(line.startswith(f"{FILE}: ") for line in lines)


def test_nested_values_of_the_command_line_get_their_types_back():
    """Snakemake reads ``--config 'inference={"resamples": 200}'`` as text."""
    study = changed("inference/resamples", "200")
    study["datasets"]["people"] |= {"seeds": "2", "neutral_seeds": "3"}
    study["inference"]["confidence"] = "0.9"
    study["datasets"]["people"]["activities"]["miniature"] = "true"
    parsed = parse_study(study, FILE)
    people = parsed.datasets["people"]
    assert (parsed.inference.resamples, parsed.inference.confidence) == (200, 0.9)
    assert (people.seeds, people.neutral_seeds, people.activities.miniature) == (2, 3, True)
    assert "seeds" in message(changed("datasets/people/seeds", "two"))


def test_an_attribute_without_labels_needs_an_encoder_that_reads_prompts():
    study = changed("datasets/faces/zero_shot/hair", {"plain": {"long": ["long hair"], "short": ["short hair"]}})
    assert "hair" in parse_study(study, FILE).datasets["faces"].zero_shot
    del study["encoders"]["clip"]
    assert "zero_shot: needs an encoder that can embed text" in message(study)


def test_several_mistakes_are_one_line_each():
    study = changed("results", 3)
    study["clusters"]["k"] = "many"
    study["report"]["titel"] = "x"
    lines = message(study).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["results", "clusters.k", "report.titel"]


def test_a_dataset_may_not_have_the_name_of_a_folder_of_results():
    study = default()
    study["datasets"]["tables"] = study["datasets"].pop("people")
    assert "choose another" in message(study)


def test_an_age_grid_that_repeats_a_groups_name_is_refused():
    grid = {"ages": [20, 30, 40], "templates": {"number": "{age} years, {activity}"}}
    study = changed("datasets/people/prompts/age_grid", grid)
    assert parse_study(study, FILE).datasets["people"].prompts.age_grid.ages == [20, 30, 40]
    study["datasets"]["people"]["zero_shot"]["number_20"] = ["x"]
    study["datasets"]["people"]["prompts"]["groups"]["number_20"] = "{activity}"
    assert "number_20" in message(study)


@pytest.mark.parametrize(
    ("grid", "remedy"),
    [
        ({"ages": [20, 20, 30]}, "twice"),
        ({"ages": [20, 30]}, "at least 3"),
        ({"templates": {"number": "{activity}"}}, "{age} or {word}"),
        ({"templates": {"number": "{age} {activity} {year}"}}, "no others"),
        ({"templates": {"word": "{word} {activity}"}}, "needs a word for age 20"),
        ({"templates": {"word": "{word} {activity}"}, "words": {"30": "old"}}, "needs a word for age 20"),
        ({"words": {"020": "young"}}, "does not match the pattern"),
    ],
)
def test_age_grids_are_checked(grid, remedy):
    valid = {"ages": [20, 30, 40], "templates": {"number": "{age} years, {activity}"}}
    assert remedy in message(changed("datasets/people/prompts/age_grid", valid | grid))


def keys(tree, path=()) -> list[tuple]:
    """Yield every key path in a tree of dictionaries."""
    inner = [keys(value, (*path, key)) for key, value in tree.items()] if isinstance(tree, dict) else []
    return [path, *(place for places in inner for place in places)]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["{activity}", "{activity!s}", "{", "a/b", "..", "generated", "folder", "timm", "vae", "0" * 40])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10) | SCALARS, inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({str(key) for path in keys(_default()) for key in path})


@st.composite
def mutated(draw) -> dict:
    """Draw the default study with one to four changes: a value replaced, or a key removed, renamed, moved or added."""
    study = default()
    for _ in range(draw(st.integers(1, 4))):
        *parents, last = draw(st.sampled_from([path for path in keys(study) if path]))
        place = functools.reduce(lambda inner, key: inner[key], parents, study)
        match draw(st.sampled_from(["replace", "remove", "rename", "copy"])):
            case "replace":
                place[last] = draw(ANYTHING)
            case "remove":
                del place[last]
            case "rename":
                place[draw(st.sampled_from(NAMES) | st.text(max_size=8))] = place.pop(last)
            case "copy":
                place[draw(st.sampled_from(NAMES))] = copy.deepcopy(place[last])
        if not any(keys(study)):
            break
    return study


def check(study) -> None:
    """Assert that the values give either a valid study or a readable error."""
    try:
        Plan(parse_study(study, FILE))
    except ConfigError as error:
        assert str(error)
        assert not re.search(r"Traceback|pydantic|errors\.pydantic\.dev", str(error))
        assert "\n\n" not in str(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_no_mutation_of_the_default_study_escapes(study):
    check(study)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from([*Study.model_fields]) | st.text(max_size=8), ANYTHING))
def test_no_mapping_escapes(study):
    check(study)


@pytest.mark.parametrize(
    "path", ["datasets/people/activities/file", "models/miniature/source/path", "datasets/faces/path"]
)
@pytest.mark.parametrize(
    "value", ["nul\0byte", "x" * 1999, "/proc/1/root/x", "*", "~", ".", "con{x}", "a\nb", "\u202egnp"]
)
def test_hostile_paths_are_named(path, value):
    check(changed(path, value))


def test_a_text_of_control_characters_stays_on_one_line():
    assert len(message(changed("datasets/people/model", "a\nb")).splitlines()) == 1
    assert len(message(changed("results", "a\x1b[31m\nb")).splitlines()) == 1
    assert len(message(changed("line\nbreak", 1)).splitlines()) == 1
