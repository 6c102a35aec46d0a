"""Test the default study from prompts to page, as `make` runs it."""

import pandas as pd
import pytest

from tests.conftest import Project, copy_tree

# One worker runs the study and all tests that read it.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.xdist_group("default")]


@pytest.fixture(scope="module")
def default(tmp_path_factory) -> Project:
    folder = tmp_path_factory.mktemp("default") / "project"
    copy_tree(folder, without=("docs/", "tests/"))
    project = Project(folder, "config")
    project.snakemake()
    return project


def table(project: Project, name: str) -> pd.DataFrame:
    return pd.read_csv(project.results / "tables" / f"people-{name}.csv")


def test_a_second_run_has_nothing_to_do(default):
    assert "Nothing to be done" in default.snakemake()


def test_it_ends_with_page_tables_and_figures(default):
    page = default.results / "report.html"
    assert 10**6 < page.stat().st_size < 12 * 10**6
    assert "Who does the “neutral” person look like?" in page.read_text()
    assert len(default.tables()) > 60
    drawn = {path.stem for path in (default.results / "figures").glob("*.svg")}
    assert len(drawn) > 20 and all((default.results / "figures" / f"{name}.png").is_file() for name in drawn)


def test_the_audit_recovers_the_planted_bias(default):
    """The goal of docs/miniature.md: rho of at least 0.9 for one estimator of the young-minus-older share."""
    found = table(default, "recovery")
    rho = found[(found["quantity"] == "spearman") & (found["group"] == "young-older")].set_index("estimator")
    assert rho.loc["zero-shot counts", "n"] == 48
    assert rho.loc["zero-shot counts", "estimate"] >= 0.9
    # The page can also name the estimators that do not: the nearest group uses only four images per activity.
    assert rho.loc["nearest group", "estimate"].max() < rho.loc["zero-shot counts", "estimate"]


def test_marked_images_show_the_group_they_were_asked_for(default):
    adherence = table(default, "adherence").set_index("group")["estimate"]
    assert adherence["all marked"] >= 0.95


def made(project: Project) -> dict[str, bytes]:
    """Return the content of tables, manifests and figures."""
    patterns = ("tables/*.csv", "*/images/*.parquet", "figures/*")
    found = {path for pattern in patterns for path in project.results.glob(pattern)}
    return {path.relative_to(project.results).as_posix(): path.read_bytes() for path in sorted(found)}


@pytest.mark.faults
@pytest.mark.parametrize(
    "surroundings",
    [
        {"LC_ALL": "C", "TZ": "Asia/Kathmandu"},
        {"LC_ALL": "C.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "POSIX", "TZ": "UTC", "PYTHONHASHSEED": "2"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"},
    ],
    ids=["nepal", "newfoundland", "posix", "turkish"],
)
def test_it_is_the_same_wherever_and_whenever_it_runs(default, tmp_path, surroundings):
    """Together with the first run, five runs produce the same tables, manifests and figures, byte for byte."""
    copy_tree(tmp_path / "elsewhere", without=("docs/", "tests/"))
    project = Project(tmp_path / "elsewhere", "config")
    project.snakemake(**surroundings)
    again, before = made(project), made(default)
    assert again.keys() == before.keys()
    assert not [name for name in before if again[name] != before[name]]
