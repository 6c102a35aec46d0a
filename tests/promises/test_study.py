"""Test a tiny study end to end, and the plan of the default study."""

import shutil

import pandas as pd
import pytest

from tests.conftest import Project, copy_tree, new_project

pytestmark = pytest.mark.slow


def table(project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.results / "tables" / f"{name}.csv")


def test_original_table_has_its_rows(finished):
    rows = table(finished, "people-original_table")
    first = ["clip prompts", "clip images", "dino", "dino mean of tokens", "resnet50", "latents", "dino split"]
    assert list(rows["row"]) == [*first, *(f"dino split{other}" for other in (", one way", " (DCR)", " (DCR, cross)"))]
    assert rows[["young", "middle", "older", "chi_square"]].notna().all().all()
    assert ((rows["young_low"] <= rows["young"]) & (rows["young"] <= rows["young_high"])).all()


def test_similarities_are_those_of_the_vectors(finished):
    """Similarities are recomputed from the stored vectors by their definition."""
    import numpy as np

    from untold.data.parquet import read_arrays, read_table

    images = read_table(sorted((finished.results / "people" / "images").glob("*.parquet")))
    keys, vectors = read_arrays(sorted((finished.results / "people" / "embeddings" / "dino").glob("*.parquet")))
    values = dict(zip(keys, vectors.astype(float), strict=True))
    measured = read_table(sorted((finished.results / "people" / "similarity").glob("*.parquet")))
    row = measured[(measured["space"] == "dino") & (measured["metric"] == "cosine")].iloc[0]
    same = images[(images["activity_id"] == row["activity_id"]) & (images["seed"] == row["seed"])].set_index("group")
    x, y = values[same.loc["neutral", "key"]], values[same.loc[row["group"], "key"]]
    assert row["value"] == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y), abs=1e-6)


def test_every_job_has_log_and_benchmark(finished):
    logs = {
        path.relative_to(finished.results / "logs").with_suffix("")
        for path in (finished.results / "logs").rglob("*.log")
    }
    timed = {
        path.relative_to(finished.results / "benchmarks").with_suffix("")
        for path in (finished.results / "benchmarks").rglob("*.tsv")
    }
    assert logs == timed and len(logs) > 20


def test_unreadable_pictures_are_listed(finished):
    from untold.data.parquet import read_table

    rejects = read_table(sorted((finished.results / "faces" / "rejects").glob("*.parquet")))
    reasons = rejects.groupby("path")["reason"].agg(" ".join)
    assert any("broken.jpg" in path for path in reasons.index)


def test_snakemake_report_carries_figures_and_page(finished, tmp_path):
    import zipfile

    project = finished.copy(tmp_path / "project")
    project.snakemake("--report", "report.zip")
    with zipfile.ZipFile(project.folder / "report.zip") as archive:
        names = archive.namelist()
    assert any(name.endswith("forest.svg") for name in names) and any(name.endswith("report.html") for name in names)


def test_exports_and_comparison_of_a_finished_study(finished, tmp_path):
    project = finished.copy(tmp_path / "project")
    project.snakemake("export")
    export = project.results / "export"
    assert (export / "people" / "train" / "metadata.jsonl").is_file() and (export / "study.crate.zip").is_file()
    assert len(pd.read_parquet(export / "faces.parquet")) == 24
    shutil.copytree(project.results, project.folder / "results_again")
    project.snakemake("compare", "--config", "studies=[results, results_again]")
    different = pd.read_csv(project.results / "comparison" / "differences.csv")
    assert (different["estimate"].dropna() == 0).all() and len(different)
    assert (project.results / "comparison" / "comparison.html").is_file()


def test_all_activities_are_planned(project):
    """There are more than 512 activities; test_scale.py measures the work of planning."""
    project.change(lambda config: config["datasets"]["people"]["activities"].update(limit=None, miniature=False))
    project.change(lambda config: config["datasets"]["people"].update(shards={"synthesis": 64, "embedding": 16}))
    assert project.planned()["synthesise"] == 64


def test_configuration_mistakes_end_before_any_job(project):
    project.change(lambda config: config["datasets"]["people"].update(sedes=3))
    text = project.snakemake("all", check=False)
    assert "config/tiny.yaml: datasets.people.sedes: unknown key (did you mean seeds?)" in text
    assert "Traceback" not in text
    assert not project.results.exists() or not any(project.results.rglob("*.parquet"))


def test_default_configuration_is_the_miniature(tmp_path):
    copy_tree(tmp_path / "project", without=("docs/", "tests/"))
    default = Project(tmp_path / "project", "config")
    assert default.planned()["synthesise"] == default.config()["datasets"]["people"]["shards"]["synthesis"]
    assert default.config()["models"]["miniature"]["source"]["path"] == "resources/miniature/sdxl"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": "four"}, "datasets.people.seeds: input should be a valid integer, not 'four'"),
        ({"model": "none"}, 'datasets.people.model: there is no model "none"'),
    ],
)
def test_a_mistake_is_told_in_our_words_alone(tiny_weights, tmp_path, change, said):
    """Neither an exception's name nor lines of code stand around it."""
    project = new_project(tmp_path / "project", tiny_weights)
    project.change(lambda config: config["datasets"]["people"].update(change))
    lines = project.snakemake("--dry-run", check=False).strip().splitlines()
    ours = [line for line in lines if not line.startswith("Using workflow specific profile")]
    assert len(ours) == 1 and ours[0].startswith(f"{project.config_file}: {said}")
