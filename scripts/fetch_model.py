"""Fetch one pinned revision of a model from the hub. The manifest is written last and marks it as complete."""

import json
import os
import sys
from pathlib import Path

from scripts.cli import run
from untold.base.files import atomic
from untold.study.schema_models import Source

# This is the only script that goes online, unless the user has asked to stay offline.
OFFLINE = os.environ.get("HF_HUB_OFFLINE", "0")


def main(*, settings: Source, manifest: Path) -> None:
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
