"""Compare finished studies: their gaps, and the differences over the activities they share."""

from pathlib import Path

from pydantic import BaseModel

from scripts.cli import run
from untold.base.files import atomic
from untold.catalogue.metrics import primary_metrics
from untold.data.csv import read_csvs, write_csv
from untold.report.colours import colours
from untold.report.figures import Design, by_group
from untold.report.page import Comparison, inline_svg, render
from untold.report.style import save
from untold.report.tables import make_table
from untold.report.wording import contrast_label
from untold.statistics.comparison import differences, side_by_side
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Inference


class Settings(BaseModel, frozen=True, extra="forbid"):
    """The studies by name, each with its folder and dataset, and the parameters of the intervals."""

    title: str
    studies: dict[str, tuple[str, str]]
    inference: Inference


def main(*, settings: Settings, contrasts: Path, different: Path, svg: Path, png: Path, page: Path) -> None:
    frames = {
        name: read_csvs(sorted(Path(folder, "tables").glob(f"{dataset}-*.csv")), dataset)
        for name, (folder, dataset) in settings.studies.items()
    }
    chosen = settings.inference
    gaps = side_by_side({name: tables["contrasts"] for name, tables in frames.items()})
    resampling = Resampling(chosen.resamples, chosen.permutations, chosen.confidence, chosen.seed)
    apart = differences({name: tables["activities"] for name, tables in frames.items()}, resampling)
    write_csv(contrasts, gaps)
    write_csv(different, apart)
    studies = list(settings.studies)
    main_gap = next(iter(frames.values()))["specifications_summary"]["contrast"].iloc[0]
    shown = gaps[(gaps["contrast"] == main_gap) & gaps["metric"].isin(primary_metrics())]
    design = Design(groups=studies, colour=colours(studies), confidence=chosen.confidence)
    what = f"Gap {contrast_label(main_gap)} in similarity to neutral"
    save(by_group(shown.rename(columns={"study": "group"}), design, what), [svg, png])
    alt = "Dot plot: the main gap of each study in every space with intervals; the numbers are in the table."
    tables = [
        make_table("comparison_contrasts", contrasts.name, gaps),
        make_table("comparison_differences", different.name, apart),
    ]
    contract = Comparison(
        title=settings.title,
        studies=settings.studies,
        figure=inline_svg(svg.read_text(encoding="utf-8"), "comparison", alt),
        tables=[table for table in tables if table],
    )
    with atomic(page) as part:
        part.write_text(render(contract), encoding="utf-8")


if __name__ == "__main__":
    run(main)
