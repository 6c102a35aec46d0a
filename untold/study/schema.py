"""The configuration of a study: checks across its sections, and a one-line message for each mistake.

``config/schema.json`` and ``config/README.md`` are generated from these models (``make docs``).
"""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from untold.study.completion import complete
from untold.study.schema_analysis import Clusters, Inference, Projections
from untold.study.schema_base import RESERVED, ConfigError, Folder, Name, Strict
from untold.study.schema_base import did_you_mean as did_you_mean
from untold.study.schema_datasets import Dataset, FolderDataset, GeneratedDataset
from untold.study.schema_encoders import Encoder, OpenClip, Timm, Vae
from untold.study.schema_models import Model
from untold.study.schema_report import Report


class Study(Strict):
    """One study: its datasets, models and encoders, and how they are analysed."""

    results: Folder = Field(description="Folder for all output; each study needs its own.")
    datasets: dict[Name, Dataset] = Field(min_length=1, description="Sets of images, by name.")
    models: dict[Name, Model] = Field(default_factory=dict, description="Text-to-image models, by name.")
    encoders: dict[Name, Encoder] = Field(min_length=1, description="Image encoders, by name.")
    inference: Inference = Field(Inference(), description="Intervals and tests.")
    projections: Projections = Field(Projections(), description="Two-dimensional maps.")
    clusters: Clusters = Field(Clusters(), description="Clustering.")
    report: Report = Field(Report(), description="The report page.")

    @model_validator(mode="after")
    def _cross_checks(self) -> Self:
        for name in self.encoders:
            if name.endswith(("_text", "_image", "_mean")) or name == "latents":
                raise ValueError(f"encoders.{name}: this name is reserved for embedding spaces; choose another")
        for name, dataset in self.datasets.items():
            for encoder in dataset.encoders or []:
                if encoder not in self.encoders:
                    near = did_you_mean(encoder, self.encoders)
                    raise ValueError(f'datasets.{name}.encoders: there is no encoder "{encoder}" {near}')
            used = [self.encoders[encoder] for encoder in dataset.encoders or self.encoders]
            if dataset.zero_shot and not any(isinstance(encoder, OpenClip) for encoder in used):
                raise ValueError(
                    f"datasets.{name}.zero_shot: needs an encoder that can embed text; add an open_clip encoder"
                )
            if name in RESERVED:
                raise ValueError(f"datasets.{name}: this name is reserved for a folder of results; choose another")
            if isinstance(dataset, GeneratedDataset):
                if dataset.model not in self.models:
                    near = did_you_mean(dataset.model, self.models)
                    raise ValueError(f'datasets.{name}.model: there is no model "{dataset.model}" {near}')
                groups = {"neutral", *dataset.prompts.groups}
                for pair in self.inference.contrasts or []:
                    for group in set(pair) - groups:
                        near = did_you_mean(group, groups)
                        raise ValueError(f'inference.contrasts: datasets.{name} has no group "{group}" {near}')
        return self


def parse_study(values: Mapping[str, Any], source: str) -> Study:
    """Write a configuration out in full and validate it.

    Parameters
    ----------
    values : mapping
        Contents of the YAML file, which may be as short as `complete` allows. Numbers and truth values may be text, as
        Snakemake leaves them in nested values of ``--config``.
    source : str
        Name of the file, for error messages.

    Raises
    ------
    ConfigError
        With one line per mistake: file, key, what is wrong and how to fix it.
    """
    written_out = complete(values, source)
    try:
        return Study.model_validate(written_out)
    except ValidationError as error:
        _restore_types(written_out, error.errors())
    try:
        return Study.model_validate(written_out)
    except ValidationError as error:
        raise ConfigError(*(_explain(detail, source) for detail in error.errors())) from None


def _restore_types(values: Any, details: Iterable[Mapping[str, Any]]) -> None:
    """Read text as YAML does where a number or a truth value is wanted, in place."""
    for detail in details:
        text = detail["input"]
        if detail["type"] not in ("int_type", "float_type", "bool_type") or not isinstance(text, str):
            continue
        *parents, last = (part for i, part in enumerate(detail["loc"]) if not _is_tag(detail["loc"], i))
        place = values
        try:
            value = yaml.safe_load(text)
            for part in parents:
                place = place[part]
        except (yaml.YAMLError, ValueError, LookupError, TypeError):  # the alternatives of a union have names, too
            continue
        if isinstance(value, bool | int | float):
            place[last] = value


_KINDS: dict[str, type[Strict]] = {
    "generated": GeneratedDataset,
    "folder": FolderDataset,
    "open_clip": OpenClip,
    "timm": Timm,
    "vae": Vae,
}


def _explain(detail: Mapping[str, Any], source: str) -> str:
    """Describe one pydantic error in one line of plain English."""
    location = [str(part) for i, part in enumerate(detail["loc"]) if not _is_tag(detail["loc"], i)]
    key = re.sub(r"\.\[key\]$", " (the name)", ".".join(location))
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        message = f"unknown key {did_you_mean(location[-1], _keys_at(detail['loc'][:-1]))}; remove or rename it"
    elif kind == "missing":
        message = "is missing; add it (see config/README.md)"
    elif kind == "union_tag_not_found":
        tags = "generated or folder" if "kind" in detail["ctx"]["discriminator"] else "open_clip, timm or vae"
        message = f"{_discriminator(detail)} is missing; set it to {tags}"
    elif kind == "union_tag_invalid":
        context = detail["ctx"]
        message = f"{_discriminator(detail)} is {_short(context['tag'])}, not one of {context['expected_tags']}"
    elif kind == "string_pattern_mismatch":
        message = f"{_short(detail['input'])} does not match the pattern {detail['ctx']['pattern']}"
    elif kind != "value_error":
        message = f"{message[0].lower()}{message[1:]}, not {_short(detail['input'])}"
    return ": ".join(filter(None, [source, key, message]))


def _is_tag(location: Sequence[int | str], index: int) -> bool:
    """Whether this part is the tag of a union, as in ``datasets.people.generated``, and so not a key in the file."""
    return index == 2 and location[0] in ("datasets", "encoders") and location[index] in _KINDS


def _discriminator(detail: Mapping[str, Any]) -> str:
    name: str = detail["ctx"]["discriminator"]
    return name.strip("'")


# Aliases in YAML can make a small file stand for a text of gigabytes, so it is cut while it is written.
SHORT = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = 100


def _short(value: Any) -> str:
    try:
        text = SHORT.repr(value)
    except ValueError:  # Python writes no number of more than 4 300 digits
        text = "a very long number"
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_at(location: Sequence[int | str]) -> list[str]:
    """Keys accepted by the model at a location."""
    model: type[BaseModel] | None = Study
    for i, part in enumerate(map(str, location)):
        if _is_tag(location, i):
            model = _KINDS[part]
        elif model and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation)
    return list(model.model_fields) if model else []


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model inside ``dict[Name, Model]`` or ``Model | None``; None for a tagged union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [inner for inner in map(_inner, getattr(annotation, "__args__", ())) if inner]
    return found[0] if len(found) == 1 else None
