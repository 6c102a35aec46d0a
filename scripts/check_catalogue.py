"""Check what config/catalogue.yaml says of models and encoders against the hub."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.cli import run
from untold.models.hub import FetchError, download_size
from untold.study.completion import catalogue

UNITS = {"MB": 10**6, "GB": 10**9}
TOLERANCE = 0.1  # the catalogue says how long to wait, not how many bytes


def main() -> None:
    problems = 0
    for section in ("encoders", "models"):
        for name, entry in catalogue()[section].items():
            found = problem(entry)
            print(f"{section}.{name}: {found or 'as the catalogue says'}", flush=True)
            problems += bool(found)
    if problems:
        print(f"{problems} entries differ from the hub, or could not be compared with it", file=sys.stderr)
        sys.exit(1)


def problem(entry: Mapping[str, Any]) -> str:
    """What is wrong with an entry, or ""."""
    try:
        size = sum(download_size(part["repository"], part["revision"], part.get("files")) for part in sources(entry))
    except FetchError as error:
        return str(error)
    number, unit = entry["about"]["download"].split()
    said = float(number) * UNITS[unit]
    if abs(size - said) > TOLERANCE * said:
        return f"download: {said / 1e9:.2f} GB in the catalogue, {size / 1e9:.2f} GB on the hub"
    return ""


def sources(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The weights of an entry."""
    yield entry["source"]
    if "vae" in entry:
        yield entry["vae"]


if __name__ == "__main__":
    run(main)
