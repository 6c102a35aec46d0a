"""Test that a study of a few lines is a whole one, and that what it writes itself goes first."""

import pytest
import yaml

from tests.conftest import ROOT
from untold.study.completion import catalogue, complete
from untold.study.schema import parse_study
from untold.study.schema_base import ConfigError


def people(**changes) -> dict:
    return {"datasets": {"people": {"model": "sdxl", "axis": "age", **changes}}}


def test_a_folder_is_a_study(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("PICTURES", "/data")
    study = parse_study({"datasets": {"mine": {"kind": "folder", "path": "~/photos"}}}, "studies/My photos.yaml")
    assert study.datasets["mine"].path == "/home/somebody/photos"
    assert study.results == "results-My-photos"
    assert list(study.encoders) == catalogue()["default_encoders"]
    assert parse_study({"datasets": {"mine": {"path": "$PICTURES/x"}}}, "a.yaml").datasets["mine"].path == "/data/x"


def test_a_model_and_an_axis_are_the_study_that_we_ship():
    short = parse_study(people(), "config/sdxl.yaml").model_dump()
    written = yaml.safe_load((ROOT / "config" / "sdxl.yaml").read_text())
    del written["datasets"]["people"]["prompts"]["placebos"]
    shipped = parse_study(written, "config/sdxl.yaml").model_dump()
    del short["datasets"]["people"]["axis"], shipped["datasets"]["people"]["axis"]
    for key in ("datasets", "models", "encoders", "inference", "projections", "clusters"):
        assert short[key] == shipped[key]


def test_what_a_study_writes_goes_first():
    own = {"woman": "a woman {activity}", "man": "a man {activity}"}
    study = parse_study(people(prompts={"groups": own}, synthesis={"steps": 9}, seeds=2), "a.yaml")
    dataset = study.datasets["people"]
    assert dataset.prompts.groups == own
    assert dataset.zero_shot is None, "the words of the axis describe other groups"
    assert (dataset.synthesis.steps, dataset.synthesis.width, dataset.seeds, dataset.neutral_seeds) == (9, 768, 2, None)
    local = {"source": {"path": "resources/miniature/sdxl"}}
    study = parse_study(people() | {"models": {"sdxl": local}}, "a.yaml")
    assert study.models["sdxl"].source.path == "resources/miniature/sdxl"


def test_encoders_by_name():
    study = parse_study(people() | {"encoders": ["resnet50", "clip"]}, "a.yaml")
    assert list(study.encoders) == ["resnet50", "clip"]
    study = parse_study(people(encoders=["clip_large"]), "a.yaml")
    assert list(study.encoders) == ["clip_large"]
    with pytest.raises(ConfigError, match=r"a\.yaml: encoders: there is no encoder \"clop\" .*did you mean clip\?"):
        parse_study(people() | {"encoders": ["clop"]}, "a.yaml")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"axis": "ages"}, r'datasets\.people\.axis: there is no axis "ages" .*did you mean age\?'),
        ({"model": "sdxxl"}, r'datasets\.people\.model: there is no model "sdxxl"'),
        ({"axis": ["age"]}, r"datasets\.people\.axis: "),
        ({"synthesis": 3}, r"datasets\.people\.synthesis: "),
        ({"prompts": []}, r"datasets\.people\.prompts: "),
        ({"activities": 3}, r"datasets\.people\.activities: "),
        ({"encoders": "clip"}, r"datasets\.people\.encoders: "),
    ],
)
def test_mistakes_are_still_named(changes, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_study(people(**changes), "a.yaml")


@pytest.mark.parametrize("values", [{}, {"datasets": 3}, {"datasets": {"a": None}}, {"datasets": {"a": {"path": 3}}}])
def test_nothing_that_is_written_breaks_the_completion(values):
    with pytest.raises(ConfigError):
        parse_study(values, "a.yaml")


@pytest.mark.parametrize("model", catalogue()["models"])
@pytest.mark.parametrize("axis", catalogue()["axes"])
def test_every_model_and_axis_of_the_catalogue_makes_a_study(model, axis):
    study = parse_study(people(model=model, axis=axis), "a.yaml")
    assert study.models[model].source.revision
    assert set(study.datasets["people"].zero_shot) == set(study.datasets["people"].prompts.groups)


def test_every_encoder_of_the_catalogue_is_described_and_valid():
    study = parse_study(people() | {"encoders": list(catalogue()["encoders"])}, "a.yaml")
    assert list(study.encoders) == list(catalogue()["encoders"])
    for section in ("encoders", "models"):
        for entry in catalogue()[section].values():
            assert {"what", "licence", "download", "checked"} <= set(entry["about"])


def test_a_completed_study_stays_as_it_is():
    once = complete(people(), "a.yaml")
    assert complete(once, "b.yaml") == once
