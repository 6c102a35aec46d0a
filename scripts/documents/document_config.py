"""Write config/schema.json and config/README.md from the models in untold/study/schema.py."""

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic
from untold.study.schema import Study
from untold.study.schema_base import Name

NAME = get_args(Name)[1].pattern

HEAD = """\
# The configuration of a study

Generated from the models in `untold/study/schema.py` by `make docs`; do not edit. `schema.json` is the same in a form
for editors: put `# yaml-language-server: $schema=schema.json` on the first line of a study in this folder.

| file | study |
|---|---|
| `config.yaml` | the default: the built-in miniature world, on any machine |
| `sdxl.yaml` | all activities with Stable Diffusion XL, on a GPU |
| `turbo.yaml` | the same with a four-step model |
| `utkface.yaml` | zero-shot attributes on a downloaded UTKFace folder |
| `open_images.yaml` | clusters of a folder of photographs with published labels |
| `activities.csv` | the daily activities and their categories |
| `catalogue.yaml` | models, encoders and axes that a study can name |

Run a study with `snakemake --configfile config/sdxl.yaml --cores all`. The file replaces `config.yaml` as a whole.
Mistakes are reported before any job starts, one per line, with the file, the key and the remedy. A *name* consists of
lower-case letters, digits and underscores, starts with a letter, and has at most 40 characters.

## A study in three lines

What is not written has a default, and the run writes the whole study, defaults included, to `results.../config.yaml`.
This audits a folder of pictures:

```yaml
datasets:
  mine: {path: ~/photos}
```

and this a text-to-image model:

```yaml
datasets:
  people: {model: sdxl, axis: age}
```

- `results` is `results-NAME` for a study in `NAME.yaml`.
- `model`, `axis` and `encoders` (a list of names) are found in `catalogue.yaml`; what the study writes goes first.
  Without `encoders` a study has the catalogue's `default_encoders`.
- `~` and environment variables in paths are expanded. Relative paths are relative to the folder of the study.
- `activities: mine.csv` is short for `activities: {file: mine.csv}`.

## How to

**Add a group.** Add a line under `prompts.groups` of a dataset, with `{activity}` in place of the activity:

```yaml
groups:
  woman: "An ultra realistic portrait photo of a woman {activity}"
```

The images of the other groups are kept. Placebos go under `prompts.placebos` in the same way: modifiers of the same
length that have no bearing on the axis.

**Add an encoder.** Add an entry under `encoders`. It adds one or two spaces; no other embeddings are recomputed:

```yaml
encoders:
  dinov2:
    library: timm
    source:
      repository: owner/name
      revision: # the commit, 40 hex digits
    pooling: cls
    tokens: true
    batch_size: 128
```

**Add a dataset.** `kind: generated` needs prompts and a model. `kind: folder` needs a folder of images and can read
labels from a table or from UTKFace-style file names.

**Add a model.** Add an entry under `models` and use its name in `datasets.*.model`. Any folder saved by a
diffusers text-to-image pipeline will do if its weights are safetensors; `scheduler: model` keeps the model's own
sampler.

**Add an activity.** Add a row to the table: an id of lower-case words joined by hyphens, a phrase that completes
"a person ...", and a category. One shard of synthesis and one of embedding run again; finished images come from the
store.

## Keys
"""


# Keys that the schema requires but a study may leave out, because they are completed (untold/study/completion.py).
COMPLETED = {
    "Study": ("results", "encoders"),
    "GeneratedDataset": ("kind", "activities", "prompts", "synthesis"),
    "FolderDataset": ("kind",),
}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON schema of what a study may write, including its dialect."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    for title, keys in COMPLETED.items():
        about = made if title == made["title"] else made["$defs"][title]
        about["required"] = [key for key in about["required"] if key not in keys]
    names = {"type": "array", "items": {"type": "string", "pattern": NAME}}
    encoders = made["properties"]["encoders"]
    about = {key: encoders.pop(key) for key in ("title", "description")}
    made["properties"]["encoders"] = {**about, "anyOf": [encoders, names]}
    activities = made["$defs"]["GeneratedDataset"]["properties"]["activities"]
    reference = activities.pop("$ref")
    made["$defs"]["GeneratedDataset"]["properties"]["activities"] = {
        **activities,
        "anyOf": [{"$ref": reference}, {"type": "string"}],
    }
    return made


def reference(schema: dict[str, Any]) -> str:
    """A Markdown table of keys for each object of a schema, in order of first use."""
    definitions = {schema["title"]: schema, **schema["$defs"]}
    lines = []
    for title in _reached(schema["title"], definitions):
        about = definitions[title]
        lines += [f"### {title}", "", about["description"], ""]
        lines += ["| key | type | range | default | description |", "|---|---|---|---|---|"]
        required = about.get("required", [])
        for key, field in about["properties"].items():
            default = "required" if key in required else default_of(title, key, field)
            cells = [f"`{key}`", kind(field), span(field), default, field.get("description", "")]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def default_of(title: str, key: str, field: dict[str, Any]) -> str:
    """The default of a field in words; a section whose keys all have defaults has those."""
    if key in COMPLETED.get(title, ()):
        return "see above"
    value = field.get("default", {})
    return "its own" if isinstance(value, dict) and value else f"`{json.dumps(value)}`"


def _reached(title: str, definitions: dict[str, Any]) -> list[str]:
    """Objects reachable from one, in depth-first order."""
    found: dict[str, None] = {}

    def visit(title: str) -> None:
        if title not in found:
            found[title] = None
            for name in _references(definitions[title]["properties"]):
                visit(name)

    visit(title)
    return list(found)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else []
        return own + [name for key, inner in value.items() if key != "discriminator" for name in _references(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _references(inner)]
    return []


def kind(field: dict[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        title = field["$ref"].rsplit("/", 1)[1]
        return f"[{title}](#{title.lower()})"
    if choices := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(kind(choice) for choice in choices)
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field["type"] == "array":
        return f"list of {kind(field['items'])}"
    if field["type"] == "object":
        values = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
        return f"names with {kind(next(value for value in values if isinstance(value, dict)))}"
    if field.get("pattern") == NAME:
        return "name"
    return {"string": "text", "boolean": "true or false"}.get(field["type"], field["type"])


def span(field: dict[str, Any]) -> str:
    """Constraints on the values of a field beyond its type."""
    if choices := field.get("anyOf") or field.get("oneOf"):
        return "; ".join(filter(None, map(span, choices)))
    words = {
        "minimum": "≥ {}",
        "exclusiveMinimum": "> {}",
        "maximum": "≤ {}",
        "exclusiveMaximum": "< {}",
        "multipleOf": "multiple of {}",
        "maxLength": "≤ {} characters",
        "minItems": "≥ {} entries",
        "maxItems": "≤ {} entries",
        "minProperties": "≥ {} entries",
        "pattern": "`{}`",
    }
    if field.get("pattern") == NAME:
        return ""
    return ", ".join(text.format(_number(field[word])) for word, text in words.items() if word in field)


def _number(value: Any) -> Any:
    """Write large powers of two as such."""
    if isinstance(value, int) and value >= 2**31 and value & (value - 1) == 0:
        return f"2^{value.bit_length() - 1}"
    return value


def documents() -> dict[str, str]:
    """Text of each file generated from the models, by path."""
    made = schema(Study)
    return {
        "config/schema.json": json.dumps(made, indent=2, ensure_ascii=False) + "\n",
        "config/README.md": f"{HEAD}\n{reference(made)}",
    }


def main() -> None:
    for path, text in documents().items():
        with atomic(Path(path)) as part:
            part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run(main)
