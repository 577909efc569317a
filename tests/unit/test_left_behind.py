"""What a killed run of the tests has left is removed by the next one, and nothing that lives."""

from __future__ import annotations

import os

from support import left_behind


def test_a_directory_is_removed_when_nobody_holds_it_any_more(tmp_path):
    directory, lock = left_behind.make("tests", str(tmp_path))
    (directory / "file").write_text("x")
    assert left_behind.sweep(tmp_path, older_than=0) == []
    os.close(lock)  # as the system does when the process is gone
    assert left_behind.sweep(tmp_path) == [], "it may have been made a moment ago"
    assert left_behind.sweep(tmp_path, older_than=0) == [directory]
    assert not directory.exists()


def test_what_has_another_name_is_never_removed(tmp_path):
    (tmp_path / "damascus-tests-x").mkdir()
    (tmp_path / f"{left_behind.PREFIX}file").write_text("not a directory")
    left_behind.sweep(tmp_path, older_than=0)
    assert (tmp_path / "damascus-tests-x").is_dir()


def test_a_directory_is_gone_after_its_use(tmp_path):
    with left_behind.held("postgres", str(tmp_path)) as directory:
        assert directory.is_dir()
    assert list(tmp_path.iterdir()) == []
