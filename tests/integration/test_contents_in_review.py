"""A review whose tests need what submodules hold."""

from __future__ import annotations

import pytest

from damascus.domain.work import Verdict
from damascus.git_ops import GitBinary
from support.arena import Arena
from support.git_repos import BareRepository, git
from support.git_world import NOBODY

TEST = """import unittest
from pathlib import Path


class A(unittest.TestCase):
    def test_a(self):
        self.assertEqual(Path("lib/answer").read_text(), "42\\n")
"""
COMMAND = ("python3", "-m", "unittest")


@pytest.fixture
def arena(tmp_path):
    """Nothing is protected, and the exit status is believed: what is asked is what tests find."""
    arena = Arena(
        tmp_path,
        {"test_a.py": TEST},
        COMMAND,
        test_evidence="exit-status",
        default_protection=False,
    )
    lib = BareRepository(tmp_path, "lib")
    sha = lib.push({"answer": "42\n"})
    arena.git = GitBinary(mirrors=tmp_path / "mirrors", submodule_directories=[tmp_path])
    pin(arena, sha)
    git(arena.person, "config", "-f", ".gitmodules", "submodule.lib.path", "lib")
    git(arena.person, "config", "-f", ".gitmodules", "submodule.lib.url", "../lib.git")
    (arena.person / "lib").mkdir()
    arena._commit({"README.md": "# With a submodule\n"}, "main")
    return arena


def pin(arena, sha):
    git(arena.person, "update-index", "--add", "--cacheinfo", f"160000,{sha},lib")


def test_tests_find_the_files_of_a_submodule_and_the_work_is_merged(arena):
    arena.work({"app.py": "x = 1\n"})
    assert arena.review().verdict is Verdict.PASS


def test_a_submodule_that_was_moved_to_nowhere_is_the_works_failure(arena):
    git(arena.person, "checkout", "-q", "-B", "damascus-7-work", "main")
    pin(arena, NOBODY)
    git(arena.person, "commit", "-q", "-m", "Move the submodule")
    git(arena.person, "checkout", "-q", "-f", "-B", "main", "HEAD")
    arena.work({"app.py": "x = 1\n"})
    result = arena.review()
    assert result.verdict is Verdict.FAIL
    assert "The work names contents that cannot be fetched: lib: " in result.summary
