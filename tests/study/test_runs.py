"""Test that locks of dead runs are removed and locks of live runs are kept."""

from untold.study.runs import join_runs


def test_a_dead_runs_lock_is_cleared_and_a_living_ones_stays(tmp_path):
    lock = tmp_path / "locks" / "0.output.lock"
    lock.parent.mkdir()
    lock.touch()
    first = join_runs(tmp_path)
    assert not lock.exists()
    lock.touch()
    second = join_runs(tmp_path)
    assert lock.exists()
    first.close()
    second.close()
    third = join_runs(tmp_path)
    assert not lock.exists()
    third.close()
