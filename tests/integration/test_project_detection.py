"""`project add` looks for the test command, tries it on the base, and pins it on one key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from damascus.cli import project_add
from support.command_line import CommandLine
from support.scripted_tasks import as_url

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
GREEN = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
RED = GREEN.replace("pass", "self.fail('no')")
PYTEST = "def test_a():\n    assert True\n\n\ndef test_b():\n    assert True\n"


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url), agent_path=PATH)
    return cli


def repository(cli, **files):
    """A repository with one commit; `test_a` is the file `test_a.py`."""
    commit(cli.place / "repo", {f"{name}.py": text for name, text in files.items()})


def commit(place, files):
    for name, text in {"README.md": "# A\n", **files}.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*who, "commit", "-q", "-m", "Begin"],
    ):
        subprocess.run(["git", "-C", str(place), *words], check=True)


def pinned(cli):
    return cli("project", "show", "beta", "--json").json["policy"].get("test_command")


ADD = ("project", "add", "beta", "--repo", "repo")


def test_yes_pins_the_command_that_is_green_on_the_base(cli):
    repository(cli, test_a=PYTEST)
    said = cli(*ADD, "--yes", "--json", code=0)
    assert said.json["test_command"] == ["pytest", "-q"]
    found = said.json["found"]
    assert (found["command"], found["tests"], found["passed"]) == ("pytest -q", 2, 2)
    assert found["green"] is True
    assert found["runner"] == "pytest"
    assert "pytest -q: 2 tests: 2 passed (pytest," in said.err
    assert pinned(cli) == ["pytest", "-q"]
    left = list((cli.place / "home" / "attempts").iterdir())
    assert left == [], "nothing of the trial is left behind"


def test_one_key_at_a_terminal_pins_it(cli, monkeypatch):
    monkeypatch.setattr(project_add, "at_terminal", lambda: True)
    repository(cli, test_a=GREEN)
    said = cli(*ADD, stdin=b"\n", code=0)
    assert "[Y/n]" in said.err
    assert pinned(cli) == ["python3", "-m", "unittest"]


def test_without_a_person_it_is_shown_and_not_pinned(cli):
    repository(cli, test_a=GREEN)
    said = cli(*ADD, code=0)
    assert "1 passed (unittest" in said.err
    assert "damascus project change beta --test-command 'python3 -m unittest' does it" in said.err
    assert pinned(cli) is None


def test_a_red_base_is_shown_with_its_last_lines_and_not_pinned_by_yes(cli):
    repository(cli, test_a=RED)
    said = cli(*ADD, "--yes", "--json", code=0)
    assert said.json["found"]["ran"] is True
    assert said.json["found"]["green"] is False
    assert "1 failed" in said.err
    assert "FAILED (failures=1)" in said.err
    assert said.json["test_command"] is None
    assert pinned(cli) is None


def test_a_later_proposal_is_taken_when_the_first_one_runs_nothing(cli):
    package = json.dumps({"scripts": {"test": "exit 3"}})
    commit(
        cli.place / "repo",
        {
            "package.json": package,
            "check_a.py": GREEN,
            "Makefile": "test:\n\tpython3 -m unittest check_a\n",
        },
    )
    said = cli(*ADD, "--yes", "--json", code=0)
    assert said.json["found"]["command"] == "make test"
    assert said.json["test_command"] == ["make", "test"]


@pytest.mark.parametrize(
    "words",
    [("--no-detect",), ("--test-command", "pytest"), ("--test-command-policy", "trust-spec")],
)
def test_nothing_is_tried_where_it_is_not_wanted(cli, words):
    repository(cli, test_a=GREEN)
    said = cli(*ADD, *words, "--json", code=0)
    assert said.json["found"] is None
    assert "trying" not in said.err


def test_a_repository_that_says_nothing_is_added_all_the_same(cli):
    repository(cli)
    said = cli(*ADD, code=0)
    assert "no test command was found" in said.err
    assert pinned(cli) is None


def test_a_machine_without_a_sandbox_says_so_and_adds_the_project(cli):
    cli.set(sandbox="bubblewrap", agent_path="/nonexistent")
    repository(cli, test_a=GREEN)
    said = cli(*ADD, code=0)
    assert "added project beta" in said.out
    assert "note: no test command was tried here" in said.err
