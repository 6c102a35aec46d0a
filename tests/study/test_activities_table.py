"""Test the activities table: hostile rows are rejected with file, line and remedy, or kept as plain text."""

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from untold.base.identity import is_slug
from untold.data.parquet import read_table
from untold.study.activities import COLUMNS, LONGEST, Activity, read_activities, select
from untold.study.schema_base import ConfigError
from untold.study.schema_prompts import Activities


def write(path: Path, *rows, header=COLUMNS) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def row(id="knitting-a-scarf", activity="knitting a scarf", category="crafts", code="120301", miniature="false"):
    return [id, activity, category, code, miniature]


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_activities(path)
    return str(caught.value)


def test_rows_become_activities(tmp_path):
    table = write(tmp_path / "a.csv", row(), row("ironing", "ironing", "household tasks", "020102", "true"))
    assert read_activities(table) == [
        Activity("knitting-a-scarf", "knitting a scarf", "crafts", False),
        Activity("ironing", "ironing", "household tasks", True),
    ]


HARMLESS = [
    'playing the "blues"',
    "it's a person's hobby",
    "mixing {sugar} and {activity}",
    "{{ config }} and {% include 'x' %}",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=cmd|'/C calc'!A0",
    "+1, -1 and @SUM(A1)",
    "../../etc/passwd",
    "a/b\\c:d*e?f|g",
    "$(rm -rf /) `id` ; & | > $HOME",
    "{wildcards.shard} {input} {output}",
    "игра в шахматы",
    "لعب الشطرنج",
    "abc \u202e gnp.exe",
    "dancing 💃🏽 with 👩‍👩‍👧‍👦",
    "x" * LONGEST,
    "nan",
    "null",
]


@pytest.mark.slow
def test_hostile_texts_pass_the_engine_and_the_shell_unchanged(project):
    """In the real rules, no wildcard, quote, brace or command in a text is interpreted on the way to a prompt."""
    rows = [row(f"hostile-{number}", text) for number, text in enumerate(HARMLESS)]
    write(project.folder / "config" / "hostile.csv", *rows)
    before = {path for path in project.folder.rglob("*") if "results" not in path.parts}
    project.change(
        lambda study: study["datasets"]["people"].update(
            activities={"file": "config/hostile.csv", "miniature": False}, shards={"synthesis": 2, "embedding": 1}
        )
    )
    project.snakemake("all", "--until", "write_prompts")
    prompts = read_table(sorted((project.results / "people" / "prompts").glob("*.parquet")))
    found = prompts[prompts["group"] == "neutral"].drop_duplicates("activity_id").set_index("activity_id")["prompt"]
    assert dict(found) == {
        f"hostile-{number}": f"An ultra realistic portrait photo of a person {text}"
        for number, text in enumerate(HARMLESS)
    }
    made = {path for path in project.folder.rglob("*") if "results" not in path.parts} - before
    assert not {path for path in made if not {".snakemake", "__pycache__"} & set(path.parts)}, "nothing outside results"


@pytest.mark.parametrize("text", HARMLESS)
def test_any_one_line_text_is_kept_as_it_is(tmp_path, text):
    (activity,) = read_activities(write(tmp_path / "a.csv", row(activity=text)))
    assert activity.activity == text


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (row(id=""), "id ''"),
        (row(id="Knitting"), "id 'Knitting'"),
        (row(id="../x"), "id '../x'"),
        (row(id="a/b"), "id 'a/b'"),
        (row(id="a b"), "id 'a b'"),
        (row(id="a--b"), "id 'a--b'"),
        (row(id="-a"), "id '-a'"),
        (row(id="a\n"), r"id 'a\n'"),
        (row(id="{dataset}"), "id '{dataset}'"),
        (row(id="é"), "id 'é'"),
        (row(id="٣"), "id '٣'"),
        (row(id="💃"), "id '💃'"),
        (row(id="a" * 81), "at most 80"),
        (row(id="a" * 10_000), "at most 80"),
        (row(activity=""), "1 to 300 characters, not 0"),
        (row(activity="   "), "1 to 300 characters"),
        (row(activity="x" * 10_000), "1 to 300 characters, not 10000"),
        (row(activity="one\ntwo"), "contains a line break"),
        (row(activity="one\rtwo"), "contains a line break"),
        (row(activity="one\u2028two"), "contains a line break"),
        (row(activity="one\ttwo"), "contains a line break"),
        (row(activity="one\x1b[31m"), "contains a line break"),
        (row(category=" "), "category of knitting-a-scarf: is empty"),
        (row(miniature="yes"), "true or false, not 'yes'"),
        (row(miniature="True"), "true or false, not 'True'"),
        (row()[:4], "5 cells"),
        ([*row(), "more"], "5 cells"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, bad, what):
    table = write(tmp_path / "a.csv", row("ironing", "ironing"), bad)
    text = refusal(table)
    assert what in text
    assert text.startswith(f"{table}:")
    assert len(text) < 400, "the message must shorten a long cell"
    assert "\n" not in text


@pytest.mark.parametrize("second", [row(activity="else"), row(id="else"), row(id="else", activity="Knitting A SCARF")])
def test_a_repeated_id_or_phrase_names_both_lines(tmp_path, second):
    table = write(tmp_path / "a.csv", row(), second)
    assert refusal(table).startswith(f"{table}:3: ") and "already on line 2" in refusal(table)


def test_an_id_may_equal_its_own_phrase_only(tmp_path):
    assert len(read_activities(write(tmp_path / "a.csv", row("ironing", "ironing")))) == 1
    assert "already" in refusal(write(tmp_path / "b.csv", row("ironing", "ironing a shirt"), row("x", "ironing")))


@pytest.mark.parametrize("header", [["id"], [*COLUMNS, "x"], ["id", "activity", "activity"], [], ["id", "category"]])
def test_other_columns_are_refused(tmp_path, header):
    (tmp_path / "a.csv").write_text(",".join(header) + "\n" + ",".join("abcdefgh"[: len(header)]) + "\n")
    if header == ["id"]:  # a list without a header may begin with any word
        assert [activity.id for activity in read_activities(tmp_path / "a.csv")] == ["id", "a"]
    else:
        assert "the columns must be activity and any of id, category" in refusal(tmp_path / "a.csv")


def test_only_the_activity_is_needed(tmp_path):
    file = tmp_path / "a.csv"
    for text in (
        'knitting a scarf\n"reading, slowly"\n',
        'activity\nknitting a scarf\n"reading, slowly"\n',
        '\ufeffactivity,category\nknitting a scarf,all\n"reading, slowly",all\n',  # as spreadsheets save it
    ):
        file.write_text(text)
        assert read_activities(file) == [
            Activity("knitting-a-scarf", "knitting a scarf", "all", False),
            Activity("reading-slowly", "reading, slowly", "all", False),
        ]
    file.write_text("knitting a scarf\nknitting, a scarf\n")
    assert "a.csv:2: must have 1 cells" in refusal(file)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"id,activity\n\x80", ",".join(COLUMNS).encode() + b'\n"a,b'])
def test_a_file_that_is_no_csv_is_explained(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    assert str(tmp_path / "a.csv") in refusal(tmp_path / "a.csv")


def test_a_missing_file_a_folder_and_a_name_no_system_takes_are_explained(tmp_path):
    assert "set datasets.*.activities.file" in refusal(tmp_path / "none.csv")
    assert "set datasets.*.activities.file" in refusal(tmp_path)
    assert "set datasets.*.activities.file" in refusal(tmp_path / ("x" * 5000))
    assert "null byte" in refusal(Path("a\0b"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(st.lists(st.text(max_size=30), min_size=4, max_size=6), max_size=4))
def test_no_table_escapes(tmp_path, cells):
    """Any cells give either activities that are valid file names and one-line prompts, or an error."""
    try:
        found = read_activities(write(tmp_path / "a.csv", *cells))
    except (ConfigError, UnicodeEncodeError):  # a lone surrogate cannot be written to a file
        return
    assert all(is_slug(activity.id) and len(activity.activity.splitlines()) == 1 for activity in found)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_no_bytes_escape(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(b",".join(c.encode() for c in COLUMNS) + b"\n" + content)
    try:
        read_activities(tmp_path / "a.csv")
    except ConfigError as error:
        assert str(error).startswith(str(tmp_path))


def choice(**changes) -> Activities:
    return Activities(**{"file": "a.csv", "miniature": False} | changes)


ROWS = [Activity("a", "a", "x", True), Activity("b", "b", "y", False), Activity("c", "c", "x", False)]


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, "abc"),
        ({"miniature": True}, "a"),
        ({"categories": ["x"]}, "ac"),
        ({"limit": 2}, "ab"),
        ({"categories": ["x"], "limit": 1}, "a"),
    ],
)
def test_select(changes, ids):
    assert [activity.id for activity in select(ROWS, choice(**changes))] == list(ids)


def test_select_explains_what_is_left_out():
    with pytest.raises(ConfigError, match=r"no activity has category 'z' \(known: x, y\)"):
        select(ROWS, choice(categories=["z"]))
    with pytest.raises(ConfigError, match="relax activities"):
        select(ROWS, choice(categories=["y"], miniature=True))
