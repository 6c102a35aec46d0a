"""Test atomic writes: a file is complete or absent, whatever happens to the process that writes it."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from untold.base.files import atomic


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_folder_is_made_and_nothing_else_is_left(tmp_path):
    with atomic(tmp_path / "a" / "b" / "x.csv") as part:
        assert part.parent == tmp_path / "a" / "b"
        assert not (tmp_path / "a/b/x.csv").exists()
        part.write_text("new")
    assert names(tmp_path / "a/b") == ["x.csv"]
    assert (tmp_path / "a/b/x.csv").read_text() == "new"


def test_an_error_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(RuntimeError), atomic(tmp_path / "x") as part:
        part.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_killed_process_leaves_the_old_file(tmp_path):
    (tmp_path / "x").write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path; from untold.base.files import atomic\n"
        "with atomic(Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "x").read_text() == "old"
    assert all(name == "x" or ".part" in name for name in names(tmp_path))


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_users_umask_decides_who_reads_it(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic(tmp_path / "x") as part:
            part.write_text("")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


def test_the_ending_is_kept_for_libraries_that_read_it(tmp_path):
    with atomic(tmp_path / "x.png") as part:
        assert part.suffix == ".png"
        part.write_text("")


@pytest.mark.parametrize("name", ["é💃.csv", "a b'c\".csv", "x" * 200 + ".csv", "{dataset}.csv"])
def test_odd_names(tmp_path, name):
    with atomic(tmp_path / name) as part:
        part.write_text("")
    assert names(tmp_path) == [name]


def test_two_writers_do_not_share_a_part(tmp_path):
    with atomic(tmp_path / "x") as one, atomic(tmp_path / "x") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "x").read_text() == "one"  # the outer block exits last
    assert names(tmp_path) == ["x"]


def is_text_in_the_locales_encoding(call: ast.Call) -> bool:
    """Return whether a call opens, reads or writes text without an explicit encoding."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name not in ("open", "read_text", "write_text") or any(word.arg == "encoding" for word in call.keywords):
        return False
    other = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in ("Image", "os")
    return not other and not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in call.args)


def test_text_has_the_same_encoding_in_every_locale():
    places = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("untold", "scripts")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_text_in_the_locales_encoding(node)
    ]
    assert not places
