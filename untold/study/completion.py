"""Write a short study out in full: names from the catalogue, paths, and what has an obvious value."""

import copy
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from untold.base.places import ROOT
from untold.study.schema_base import ConfigError, did_you_mean

CATALOGUE = ROOT / "config" / "catalogue.yaml"
ACTIVITIES = "config/activities.csv"
# What an entry of the catalogue has besides what a study writes.
ABOUT = ("about", "synthesis")


@cache
def catalogue() -> Mapping[str, Any]:
    """The entries that a study can name: ``encoders``, ``default_encoders``, ``models`` and ``axes``."""
    read: Mapping[str, Any] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return read


def complete(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Write a study out in full. What is written already stays as it is, and so do mistakes, for the schema to name.

    Parameters
    ----------
    values : mapping
        Contents of the study's file.
    source : str
        Name of the file (or of several, joined by commas): the results of a study without ``results`` go into a folder
        named after the last.

    Raises
    ------
    ConfigError
        If a name is neither in the study nor in the catalogue.
    """
    study: dict[str, Any] = copy.deepcopy(dict(values))
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source.split(", ")[-1]).stem).strip("-")
    study.setdefault("results", f"results-{stem or 'study'}")
    datasets = study.get("datasets")
    datasets = datasets if isinstance(datasets, dict) else {}
    for name, dataset in datasets.items():
        if isinstance(dataset, dict):
            _complete_dataset(f"{source}: datasets.{name}", dataset, study)
    _complete_encoders(source, study, [dataset for dataset in datasets.values() if isinstance(dataset, dict)])
    for section in ("models", "encoders"):
        for entry in _entries(study.get(section)):
            for weights in (entry.get("source"), entry.get("vae")):
                _expand(weights, "path")
    return study


def _complete_dataset(key: str, dataset: dict[str, Any], study: dict[str, Any]) -> None:
    dataset.setdefault("kind", "folder" if "path" in dataset else "generated")
    if dataset["kind"] == "folder":
        _expand(dataset, "path")
        _expand(dataset.get("labels"), "file")
        _expand(dataset.get("open_images"), "labels", "descriptions")
        return
    activities = dataset.setdefault("activities", {"file": ACTIVITIES})
    if isinstance(activities, str):
        dataset["activities"] = {"file": activities}
    _expand(dataset["activities"], "file")
    _expand(dataset, "planted")
    if isinstance(axis := dataset.get("axis"), str):
        named = _named(axis, "axes", f"{key}.axis", "axis")
        if "seeds" not in dataset:
            # Shares of neutral images need more images than paired similarities do.
            dataset.setdefault("neutral_seeds", 8)
        prompts = dataset.get("prompts", {})
        if isinstance(prompts, dict):
            # Groups of one's own are other groups, which the axis' words do not describe.
            if prompts.get("groups", named["prompts"]["groups"]) == named["prompts"]["groups"]:
                dataset.setdefault("zero_shot", named["zero_shot"])
            dataset["prompts"] = named["prompts"] | prompts
    model = dataset.get("model")
    if isinstance(model, str) and (entry := catalogue()["models"].get(model)):
        models = study.setdefault("models", {})
        if isinstance(models, dict):
            models.setdefault(model, _plain(entry))
        sampling = dataset.setdefault("synthesis", {})
        if isinstance(sampling, dict):
            dataset["synthesis"] = entry["synthesis"] | sampling
    dataset.setdefault("synthesis", {})


def _complete_encoders(source: str, study: dict[str, Any], datasets: list[dict[str, Any]]) -> None:
    lists = [dataset["encoders"] for dataset in datasets if isinstance(dataset.get("encoders"), list)]
    asked = [name for names in lists for name in names if isinstance(name, str)]
    given = study.get("encoders")
    if given is None:
        given = list(dict.fromkeys(asked)) or list(catalogue()["default_encoders"])
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        given = {name: _plain(_named(name, "encoders", f"{source}: encoders", "encoder")) for name in given}
    study["encoders"] = given


def _named(name: str, section: str, key: str, what: str) -> Mapping[str, Any]:
    entries: Mapping[str, Mapping[str, Any]] = catalogue()[section]
    if name not in entries:
        raise ConfigError(f'{key}: there is no {what} "{name}" in {CATALOGUE.name} {did_you_mean(name, entries)}')
    return copy.deepcopy(entries[name])


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: copy.deepcopy(value) for key, value in entry.items() if key not in ABOUT}


def _entries(section: object) -> list[dict[str, Any]]:
    return [entry for entry in section.values() if isinstance(entry, dict)] if isinstance(section, dict) else []


def _expand(entry: object, *keys: str) -> None:
    """Expand ``~`` and environment variables in paths."""
    for key in keys:
        if isinstance(entry, dict) and isinstance(path := entry.get(key), str):
            entry[key] = os.path.expanduser(os.path.expandvars(path))
