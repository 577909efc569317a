"""The tree that is judged is laid over what a set-up left there, whatever that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from damascus.environments.prepared import _copy as copy_home
from damascus.evidence.trees import PreparedTree
from damascus.removal import remove


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    checkout = tmp_path / "checkout"
    (checkout / "deep").mkdir(parents=True)
    (checkout / "words.txt").write_text("words\n")
    (checkout / "deep" / "one.txt").write_text("one\n")
    (checkout / "link.txt").symlink_to("words.txt")
    (checkout / "away").symlink_to("/nonexistent/place")
    (checkout / "room").symlink_to("deep")
    return checkout


def test_links_of_the_commit_are_laid_over_themselves(tree, tmp_path):
    prepared = PreparedTree(tree, tmp_path / "kept")
    prepared.restore_sources()
    prepared.lay_out()
    assert str((tree / "link.txt").readlink()) == "words.txt"
    assert str((tree / "away").readlink()) == "/nonexistent/place"
    assert str((tree / "room").readlink()) == "deep"


def test_what_a_set_up_put_in_the_place_of_something_else_goes(tree, tmp_path):
    prepared = PreparedTree(tree, tmp_path / "kept")
    for name in ("words.txt", "link.txt", "room"):
        (tree / name).unlink()
        (tree / name).mkdir()
        (tree / name / "made").write_text("made\n")
    remove(tree / "deep")
    (tree / "deep").write_text("a file\n")
    prepared.restore_sources()
    assert (tree / "words.txt").read_text() == "words\n"
    assert (tree / "deep" / "one.txt").read_text() == "one\n"
    assert str((tree / "room").readlink()) == "deep"


def test_a_link_in_the_place_of_a_directory_leads_no_file_out_of_the_checkout(tree, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    prepared = PreparedTree(tree, tmp_path / "kept")
    remove(tree / "deep")
    (tree / "deep").symlink_to(elsewhere)
    prepared.restore_sources()
    assert list(elsewhere.iterdir()) == []
    assert (tree / "deep" / "one.txt").read_text() == "one\n"


def test_a_copy_of_a_kept_home_leaves_links_that_are_there(tmp_path):
    kept, home = tmp_path / "kept", tmp_path / "home"
    for place in (kept, home):
        (place / "bin").mkdir(parents=True)
    (kept / "bin" / "tool").symlink_to("/usr/bin/tool")
    (kept / "bin" / "other").symlink_to("tool")
    (home / "bin" / "tool").symlink_to("/own/tool")
    copy_home(kept, home)
    assert str((home / "bin" / "tool").readlink()) == "/own/tool"
    assert str((home / "bin" / "other").readlink()) == "tool"
