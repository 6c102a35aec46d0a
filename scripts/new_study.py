"""Write a commented file to start a study from."""

from pathlib import Path

from scripts.cli import run
from untold.base.places import ROOT

STARTERS = ROOT / "config" / "starters"


def main(*, starter: str) -> None:
    names = sorted(path.stem for path in STARTERS.glob("*.yaml"))
    if starter not in names:
        raise ValueError(
            f"starter: there is no {starter!r}; write --config starter=NAME with one of {', '.join(names)}"
        )
    file = Path(f"{starter}.yaml")
    try:
        with file.open("x", encoding="utf-8") as made:
            made.write((STARTERS / file.name).read_text(encoding="utf-8"))
    except FileExistsError:
        raise ValueError(f"{file} exists already; rename it, or start in another folder") from None
    print(f"{file} is written. Edit it, then run: snakemake --configfile {file} --cores all --dry-run")


if __name__ == "__main__":
    run(main)
