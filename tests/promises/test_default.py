"""Test the default study from prompts to page, as `make` runs it."""

import re
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Project, built_once, copy_tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="session")
def default(tmp_path_factory) -> Project:
    """The finished study, run once for all workers."""
    return Project(built_once(tmp_path_factory, "default", run_default) / "project", "config")


def run_default(folder: Path) -> None:
    copy_tree(folder / "project", without=("docs/", "tests/"))
    Project(folder / "project", "config").snakemake()


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
    """The goal of docs/miniature.md: rho of at least 0.9 for the young-minus-older share, near what labels recover."""
    found = table(default, "recovery").query("quantity == 'spearman' and group == 'young-older'")
    rho = found.set_index(["judge", "space", "estimator"])["estimate"]
    assert found["n"].eq(48).all()
    checks = table(default, "self_check").set_index(["judge", "space"])
    leader = (*checks.index[checks["leads"]][0], "inversion")
    assert rho[leader] >= 0.9
    ceiling = rho["depicted"].item()
    assert rho[leader] >= ceiling - 0.05 and rho.drop("depicted").max() <= ceiling + 0.05
    assert rho["probe", "resnet50", "inversion"] < rho[leader]  # it names objects, not people


def test_judged_shares_are_those_that_the_images_depict(default):
    """docs/method.md section 8: the leading judge errs by at most 2 points, one without text and CLIP by at most 3."""
    errors = table(default, "audit_error").query("estimator == 'inversion'").set_index(["judge", "space"])
    checks = table(default, "self_check").set_index(["judge", "space"])
    assert errors.loc[checks.index[checks["leads"]], "mae"].item() <= 0.02
    assert errors.loc[("probe", "latents"), "mae"] <= 0.03
    assert checks.loc[("probe", "resnet50"), "verdict"] == "fails"  # it names objects, not people
    shares = table(default, "shares").query("level == 'overall' and population == 'activities'")
    assert shares["estimate"].between(0.2, 0.5).all() and shares["low"].lt(shares["estimate"]).all()


def test_the_answer_is_told_in_shares(default):
    page = (default.results / "report.html").read_text()
    said = re.search(r'<p class="answer">(.*?)</p>', page)[1]
    assert "about equally often young, middle and older" in said and "It depends on what they do" in said
    assert "looks more like" not in page


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
