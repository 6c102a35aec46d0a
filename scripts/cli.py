"""The command line of every script, derived from the signature of its ``main``."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import cyclopts
from pydantic import BaseModel

from untold.base.devices import MachineError


def _by_name(_: type, tokens: Sequence[cyclopts.Token]) -> dict[str, list[Path]]:
    """Parse ``latents= a.parquet b.parquet sd_latents= c.parquet`` into the files of each name, which may be none."""
    files: dict[str, list[Path]] = {}
    for word in (token.value for token in tokens):
        if word.endswith("="):
            own = files.setdefault(word[:-1], [])
        elif not files:
            raise ValueError(f"{word}: files come behind a name, as in dino= {word}")
        else:
            own.append(Path(word))
    return files


# Files keyed by the name of a dataset or space. On the command line each name precedes its files, so nothing depends on
# their order or on the names of folders.
NamedFiles = Annotated[dict[str, list[Path]], cyclopts.Parameter(converter=_by_name, accepts_keys=False, n_tokens=-1)]


def run(main: Callable[..., None]) -> None:
    """Parse ``sys.argv`` according to the signature of ``main`` and call it, logging to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # Jobs never contact a hub; fetch_model is the only rule that goes online.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        application(main)()
    except MachineError as error:
        sys.exit(f"error: {error}")


def application(main: Callable[..., None]) -> cyclopts.App:
    """The command line of ``main``.

    A pydantic model is passed as JSON and validated in JSON mode, which strict models accept; a list is passed as
    several words after its option.
    """
    for name, annotation in main.__annotations__.items():
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            parameter = cyclopts.Parameter(converter=_from_json, accepts_keys=False, n_tokens=1)
            main.__annotations__[name] = Annotated[annotation, parameter]
    app = cyclopts.App(default_parameter=cyclopts.Parameter(consume_multiple=True, negative=""))
    app.default(main)
    return app


def _from_json(model: type[BaseModel], tokens: Sequence[cyclopts.Token]) -> BaseModel:
    return model.model_validate_json(tokens[0].value)
