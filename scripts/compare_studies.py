"""Put finished studies side by side: their gaps, and how much they differ over the activities they share."""

from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic
from untold.data.csv import read_csvs, write_csv
from untold.report import figures, wording
from untold.report.colours import colours
from untold.report.page import inline_svg, render
from untold.report.style import save
from untold.report.tables import make_table
from untold.statistics.comparison import differences, side_by_side
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Inference


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The studies by name, each with its folder and dataset, and how to make intervals."""

    title: str
    studies: dict[str, tuple[str, str]]
    inference: Inference


def main(*, settings: Settings, contrasts: Path, different: Path, drawings: list[Path], page: Path) -> None:
    found = {
        name: read_csvs(sorted(Path(folder, "tables").glob(f"{dataset}-*.csv")), dataset)
        for name, (folder, dataset) in settings.studies.items()
    }
    chosen = settings.inference
    gaps = side_by_side({name: frames["contrasts"] for name, frames in found.items()})
    resampling = Resampling(chosen.resamples, chosen.permutations, chosen.confidence, chosen.seed)
    apart = differences({name: frames["activities"] for name, frames in found.items()}, resampling)
    write_csv(contrasts, gaps)
    write_csv(different, apart)
    studies = list(settings.studies)
    main_gap = next(iter(found.values()))["specifications_summary"]["contrast"].iloc[0]
    shown = gaps[(gaps["contrast"] == main_gap) & gaps["metric"].isin(["cosine", "patch_maxsim"])]
    figure = figures.group_means(
        shown.rename(columns={"study": "group"}),
        studies,
        colours(studies),
        chosen.confidence,
        f"Gap {wording.contrast_label(main_gap)} in similarity to neutral",
    )
    save(figure, drawings)
    alt = "Dot plot: the main gap of each study in every space with intervals; the numbers are in the table."
    drawn = next(path for path in drawings if path.suffix == ".svg")
    tables = [
        make_table("comparison", contrasts.name, gaps),
        make_table("comparison_differences", different.name, apart),
    ]
    context = {
        "title": settings.title,
        "studies": settings.studies,
        "figure": inline_svg(drawn.read_text(encoding="utf-8"), "comparison", alt),
        "tables": [table for table in tables if table],
    }
    with atomic(page) as part:
        part.write_text(render(context, "comparison.html.j2"), encoding="utf-8")


if __name__ == "__main__":
    run(main)
