"""Test the progress bar of a job: shown on the terminal, recorded in the log, and removed at the end."""

import logging
import os
from pathlib import Path

import pytest

from untold.base import progress

# A file that the garbage collector has to close raises a warning.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def terminal(monkeypatch):
    """Replace the controlling terminal by a pseudoterminal, and yield the end that receives the output."""
    shown, drawn = os.openpty()
    monkeypatch.setattr(progress, "TERMINAL", os.ttyname(drawn))
    monkeypatch.delenv("CI", raising=False)
    yield shown
    os.close(shown)
    os.close(drawn)


def test_the_bar_is_drawn_on_the_terminal_which_is_closed_afterwards(terminal, caplog):
    before = os.listdir("/proc/self/fd")
    with caplog.at_level(logging.INFO):
        assert list(progress.track([[1, 2], [3]], "embed people", 3, size=len)) == [[1, 2], [3]]
    assert os.listdir("/proc/self/fd") == before
    assert b"embed people" in os.read(terminal, 4096)
    (record,) = caplog.records
    assert record.name == "untold.base.progress" and record.getMessage() == "embed people: 3 of 3 images, done"


def test_an_error_closes_the_terminal_too(terminal):
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ZeroDivisionError):
        list(progress.track((1 // n for n in (1, 0)), "embed people", 2))
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("reason", ["CI", "no terminal"])
def test_without_a_terminal_the_log_is_enough(monkeypatch, caplog, reason, tmp_path):
    monkeypatch.setenv("CI", "true" if reason == "CI" else "")
    monkeypatch.setattr(progress, "TERMINAL", str(tmp_path / "no" / "tty"))
    with caplog.at_level(logging.INFO):
        assert list(progress.track(range(5), "draw", 5, "figure")) == [*range(5)]
    assert caplog.messages == ["draw: 5 of 5 figures, done"]
    assert not Path(tmp_path / "no").exists()
