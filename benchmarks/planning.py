"""Time the planning of a folder of many pictures: ``python -m benchmarks.planning [PICTURES] [SHARDS]``.

Prints the seconds that listing the files with their sizes takes, those of surveying the folder for the first time (each
picture is read) and again, those of a job, which surveys nothing, and those of a dry run, and the memory of each.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from untold.base.places import ROOT
from untold.study.survey import recall, remember, survey


def write_pictures(folder: Path, count: int) -> None:
    """Write files that differ and look like pictures; planning does not decode them."""
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number:06d}").mkdir(parents=True)
        (folder / f"{number // 1000 * 1000:06d}" / f"{number:06d}.png").write_bytes(b"%d" % number)


def list_with_sizes(folder: Path) -> int:
    """Walk through the folder, as planning has to do at least."""
    return sum(
        os.stat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in sorted(names)
    )


def report(name: str, work: Callable[[], object]) -> None:
    """Print how long some work takes."""
    started = time.perf_counter()
    work()
    print(f"{name}: {time.perf_counter() - started:.2f} s", flush=True)


def dry_run(folder: Path) -> None:
    """Plan the study with Snakemake."""
    subprocess.run(
        [
            *[sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "--directory", folder],
            *["--configfile", folder / "study.yaml", "--dry-run", "--quiet", "all"],
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main(count: int = 100_000, shards: int = 256) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "pictures", count)
        time.sleep(3)  # files that have just changed are not remembered
        values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
        pictures = {"kind": "folder", "path": "pictures", "utkface": False, "max_pixels": 10**6, "shards": shards}
        values |= {"datasets": {"pictures": pictures}, "models": {}}
        values["inference"]["contrasts"] = None
        (folder / "study.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        notes, plan = folder / "files.json", folder / "plan.json"
        print(f"{count} pictures in {shards} shards")
        report("listing with sizes", lambda: list_with_sizes(folder / "pictures"))
        report("first survey, reads everything", lambda: remember(plan, survey(folder / "pictures", shards, notes)))
        report("later survey", lambda: survey(folder / "pictures", shards, notes))
        report("survey of a job", lambda: recall(plan))
        print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        report("first dry run", lambda: dry_run(folder))
        report("later dry run", lambda: dry_run(folder))
        print(f"memory of a dry run: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
