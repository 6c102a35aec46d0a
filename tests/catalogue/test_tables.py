"""Test that a study writes exactly the tables and columns of the catalogue."""

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.simulated import GROUPS
from untold.catalogue import figures, tables
from untold.catalogue.scope import Scope
from untold.catalogue.tables import SHARED, TABLES, tables_of
from untold.data.check import problems
from untold.data.csv import read_csvs

PEOPLE = Scope(
    frozenset({"generated", "readout", "several spaces"}),
    ["clip_image", "dino", "resnet50", "clip_text", "latents"],
    ["clip_image", "dino", "resnet50", "latents"],
    ["clip"],
)
FACES = Scope(frozenset({"audited"}), ["clip_image"], ["clip_image"], ["clip"])


def check(folder, dataset) -> list[str]:
    frames = read_csvs(sorted(folder.glob("*.csv")), dataset)
    assert frames
    return [problem for name, frame in frames.items() for problem in problems(name, frame, GROUPS)]


def test_the_simulated_study_is_as_the_catalogue_says(simulated):
    folder = simulated / "tables"
    assert check(folder, "people") == [] and check(folder, "faces") == []


@pytest.mark.slow
def test_a_finished_study_writes_the_tables_of_the_catalogue_and_no_others(finished):
    folder = finished.results / "tables"
    assert check(folder, "people") == [] and check(folder, "faces") == []
    planned = {f"people-{name}.csv" for name in tables.tables(PEOPLE)}
    planned |= {f"faces-{name}.csv" for name in tables.tables(FACES)}
    # The default classifiers of faces are keyword pairs with published figures.
    assert {path.name for path in folder.glob("*.csv")} - planned == {"faces-attributes_published.csv"}
    assert planned <= {path.name for path in folder.glob("*.csv")}


def test_a_column_more_one_less_and_a_key_given_twice_are_found():
    frame = pd.DataFrame({"space": ["dino", "dino"], "k": [2, 2], "n": 5, "silhouette_micro": 0.1, "size": 1})
    frame = frame.assign(chosen=True, note="")
    assert problems("dino-choice_of_k", frame) == [
        "dino-choice_of_k: size is not in the catalogue",
        "dino-choice_of_k: silhouette_macro was not written",
        "dino-choice_of_k: two rows for one key, {'space': 'dino', 'k': 2}",
    ]


def test_a_column_of_each_group_is_asked_for():
    frame = pd.DataFrame([{column.name: 0 for column in TABLES["chi_square"].all_columns}])
    frame = frame.rename(columns={"count_<group>": "count_young"})
    assert problems("chi_square", frame, ["young"]) == []
    assert problems("chi_square", frame, ["young", "older"]) == ["chi_square: count_older was not written"]


@pytest.mark.parametrize("name", TABLES)
def test_an_entry_is_consistent(name):
    table = TABLES[name]
    names = [column.name for column in table.all_columns]
    assert len(set(names)) == len(names) and set(table.key) <= set(names)
    assert (ROOT / "scripts" / f"{table.stage}.py").is_file()
    assert all(column.description and column.description[0] != " " for column in table.all_columns)
    if table.page:
        # The columns of a group are laid out by a separate function.
        ends = {end for shown in table.page.columns for end in (shown.low, shown.high)}
        assert {shown.column for shown in table.page.columns} <= set(names)
        assert ends <= {*names, "", "low", "high"}


def test_shared_columns_are_shared():
    uses = [column for table in TABLES.values() for column in table.columns if isinstance(column, str)]
    assert not {name for name in SHARED if uses.count(name) < 2}


def test_figures_are_drawn_from_tables_of_the_catalogue():
    for scope in (PEOPLE, FACES):
        assert set(figures.drawn_tables(scope)) <= set(tables.tables(scope))
    assert "planted" not in PEOPLE.traits and "recovery" not in figures.figures(PEOPLE)
    assert "dino-map" in figures.figures(PEOPLE) and "forest" not in figures.figures(FACES)


def test_a_stage_knows_its_tables():
    assert tables_of("measure_reference") == ["reference", "cross_seed"]
    assert "contrasts" in tables_of("infer") and "nearest" not in tables_of("infer")
    assert "people" not in "".join(tables.page_tables(PEOPLE))
    assert "clip_image-keep_list" in tables.tables(PEOPLE)
    assert "clip_image-keep_list" not in tables.page_tables(PEOPLE)
