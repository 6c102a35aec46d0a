"""Types shared by all sections of the configuration."""

import difflib
import re
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MODELS = "resources/models"


class ConfigError(Exception):
    """The configuration cannot be used. The message has one line per mistake, with file, key and remedy."""

    def __init__(self, *lines: str):
        super().__init__("\n".join(map(_one_line, lines)))


def _one_line(text: str) -> str:
    """Escape characters of the user's input that would break the line or control the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _safe_relative(value: str) -> str:
    """Accept only a folder inside the project whose name is safe in a shell and in wildcards."""
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("must be a folder inside the project, such as results")
    if not re.fullmatch(r"[A-Za-z0-9_./-]{1,200}", value):
        raise ValueError("use only letters, digits, hyphens, dots and underscores, as in results")
    return path.as_posix()


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


# Folders of the results that do not belong to a dataset.
RESERVED = {"benchmarks", "compiled", "figures", "logs", "provenance", "store", "tables"}


Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


Repository = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$")]


Folder = Annotated[str, AfterValidator(_safe_relative)]


Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Strict(BaseModel):
    """Unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


BatchSize = Annotated[
    int, Field(ge=1, le=4096, description="Images per batch; capped at 16 on a CPU, where that is faster.")
]


def did_you_mean(word: str, known: Collection[str]) -> str:
    if not known:
        return "(none is defined)"
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"(did you mean {close[0]}?)" if close else f"(known: {', '.join(sorted(known))})"
