"""Fetch one pinned revision of a model from the hub. The manifest is written last and marks it as complete."""

import json
import os
import sys
from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic

# This is the only script that goes online, unless the user has asked to stay offline.
OFFLINE = os.environ.get("HF_HUB_OFFLINE", "0")


class Settings(BaseModel, frozen=True, extra="forbid"):
    """A revision, and patterns of the files that the study needs; None for all."""

    repository: str
    revision: str
    files: list[str] | None


def main(*, settings: Settings, manifest: Path) -> None:
    os.environ["HF_HUB_OFFLINE"] = OFFLINE
    from untold.models.hub import FetchError, fetch

    try:
        fetched = fetch(settings.repository, settings.revision, settings.files, manifest.parent)
    except FetchError as error:
        sys.exit(str(error))
    with atomic(manifest) as part:
        part.write_text(json.dumps(fetched, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
