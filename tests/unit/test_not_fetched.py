"""What no attempt gets of a repository is said before anything is paid."""

from __future__ import annotations

from damascus.detection import Repository, not_fetched


def said(**texts):
    files = {name.replace("__", "/").replace("dot_", "."): text for name, text in texts.items()}
    return list(not_fetched(Repository(tuple(files), files.get)))


def test_a_repository_without_either_is_silent():
    assert said(dot_gitattributes="*.sh text eol=lf\n# *.bin filter=lfs\n", app="x") == []


def test_files_kept_by_lfs_are_named_by_pattern_wherever_the_attributes_lie():
    line = "{} filter=lfs diff=lfs merge=lfs -text\n"
    (sentence,) = said(
        dot_gitattributes=line.format("*.psd") + line.format("*.bin"),
        art__dot_gitattributes=line.format("*.png") + line.format("*.jpg"),
    )
    assert "Git LFS (*.psd, *.bin, *.png and 1 more) are not fetched" in sentence
