"""`project add` looks for set-up and test command, tries them on the base, pins them on one key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from damascus.cli import base_trials
from support.bare_pytest import bare_pytest
from support.command_line import CommandLine, has_traceback
from support.scripted_tasks import as_url

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
GREEN = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
RED = GREEN.replace("pass", "self.fail('no')")
PYTEST = "def test_a():\n    assert True\n\n\ndef test_b():\n    assert True\n"


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    tools = bare_pytest(tmp_path / "alone")
    cli.set(database_url=as_url(database_url), agent_path=f"{tools}:{PATH}")
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


def test_what_no_attempt_will_get_of_a_repository_is_said_first(cli):
    modules = '[submodule "a"]\n\tpath = vendor/a\n\turl = ../a\n'
    attributes = "*.psd filter=lfs diff=lfs merge=lfs -text\n"
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize 3\n"
    files = {"test_a.py": PYTEST, ".gitmodules": modules, ".gitattributes": attributes}
    files["a.psd"] = pointer
    commit(cli.place / "repo", files)
    link = ("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/a")
    subprocess.run(["git", *link], cwd=cli.place / "repo", check=True)
    (cli.place / "repo" / "vendor" / "a").mkdir(parents=True)
    commit(cli.place / "repo", files)
    said = cli(*ADD, "--yes", "--json", code=0)
    assert "note: vendor/a is missing in every attempt: it lies on this machine" in said.err
    assert "note: a.psd is missing in every attempt: " in said.err
    said = cli("project", "check", "beta")
    assert "note: vendor/a is missing in every attempt: it lies on this machine" in said.err


def test_tests_that_run_another_copy_of_the_code_are_not_green_on_the_base(cli):
    code = "def add(a, b):\n    return a + b\n"
    tests = (
        "import sys\n\nsys.path.insert(0, 'copy')\n\nimport calc\n\n\n"
        "def test_a():\n    assert calc.add(1, 1) == 2\n"
    )
    commit(cli.place / "repo", {"calc.py": code, "copy/calc.py": code, "test_a.py": tests})
    said = cli(*ADD, "--test-command", "pytest -q", "--yes")
    assert "calc is imported from copy/calc.py, not from calc.py" in said.err
    assert "Let the set-up or the test command install or build the checkout itself" in said.err


def test_one_key_at_a_terminal_pins_it(cli, monkeypatch):
    monkeypatch.setattr(base_trials, "at_terminal", lambda: True)
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
    [("--no-detect",), ("--test-command-policy", "trust-spec")],
)
def test_nothing_is_tried_where_it_is_not_wanted(cli, words):
    repository(cli, test_a=GREEN)
    said = cli(*ADD, *words, "--json", code=0)
    assert said.json["found"] is None
    assert said.json["check"] is None
    assert "on the base" not in said.err


SCRIPT = {
    "package.json": json.dumps({"scripts": {"test": "sh run"}, "packageManager": "npm@10"}),
    "package-lock.json": "{}",
}
# Stands in for a package manager: its set-up makes what the tests need.
MANAGER = """#!/bin/sh
case $1 in
ci) echo installed > made ;;
test) cat made && exec python3 -m unittest -q check_a ;;
esac
"""


@pytest.fixture
def manager(cli):
    """A directory on the PATH of tests with an `npm` of our own."""
    tools = cli.place / "tools"
    tools.mkdir()
    (tools / "npm").write_text(MANAGER)
    (tools / "npm").chmod(0o755)
    cli.set(agent_path=f"{tools}:{PATH}")
    return tools


@pytest.mark.usefixtures("manager")
def test_the_set_up_that_was_found_is_run_shown_and_pinned_with_the_command(cli):
    commit(cli.place / "repo", {**SCRIPT, "check_a.py": GREEN})
    said = cli(*ADD, "--yes", "--json", code=0)
    found = said.json["found"]
    assert (found["command"], found["setup"]) == ("npm test", ["npm ci --no-audit --no-fund"])
    assert (found["green"], found["passed"], found["setup_ran"]) == (True, 1, True)
    assert "the set-up ran in " in said.err
    assert "npm test: 1 test: 1 passed" in said.err
    assert "in bubblewrap" in said.err or "in plain" in said.err
    policy = cli("project", "show", "beta", "--json").json["policy"]
    assert policy["test_command"] == ["npm", "test"]
    assert policy["setup_commands"] == ["npm ci --no-audit --no-fund"]

    again = cli("project", "check", "beta", code=0)
    assert "the set-up ran in " in again.err
    assert "the base of project beta is green" in again.out


def test_a_set_up_that_fails_is_shown_with_its_end_and_the_next_step(cli, manager):
    (manager / "npm").write_text(
        "#!/bin/sh\necho resolving\necho getaddrinfo ENOTFOUND x.example\nexit 7\n"
    )
    commit(cli.place / "repo", {**SCRIPT, "check_a.py": GREEN})
    said = cli(*ADD, "--yes", "--json", code=0)
    assert said.json["found"]["green"] is False
    assert said.json["test_command"] is None
    assert "ended with status 7" in said.err
    assert "resolving\n" in said.err
    assert "The set-up wanted the host x.example: allow it with " in said.err


def test_a_program_that_only_the_terminal_has_is_named(cli, manager, monkeypatch):
    monkeypatch.setenv("PATH", f"{manager}:{PATH}")
    (manager / "python3").symlink_to(sys.executable)
    bare = cli.place / "bare"
    bare.mkdir()
    cli.set(agent_path=f"{bare}:/bin")
    (manager / "pnpm").write_text(MANAGER)
    (manager / "pnpm").chmod(0o755)
    commit(cli.place / "repo", {"package.json": SCRIPT["package.json"].replace("npm@", "pnpm@")})
    said = cli(*ADD, "--json", code=0)
    assert f"{manager / 'pnpm'} is on the PATH of this terminal" in said.json["found"]["next_step"]
    assert "add its directory to DAMASCUS_AGENT_PATH" in said.err


def test_commands_that_are_given_are_run_on_the_base(cli):
    repository(cli, test_a=GREEN)
    said = cli(*ADD, "--test-command", "python3 -m unittest", "--json", code=0)
    assert said.json["found"] is None
    check = said.json["check"]
    assert (check["green"], check["passed"]) == (True, 1)
    assert pinned(cli) == ["python3", "-m", "unittest"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("no-such-program", "There is no program 'no-such-program' on the PATH that tests get"),
        ("bin/none", "'bin/none' is not there after the set-up"),
        ("python3 -c pass", "It ended well and reported no test by name."),
        ("python3 -c 1/0", "It ran no test: "),
    ],
)
def test_what_does_not_work_is_said_with_the_next_step(cli, command, expected):
    repository(cli, test_a=GREEN)
    cli(*ADD, "--test-command", command, code=0)
    said = cli("project", "check", "beta", "--json", code=1)
    assert said.json["check"]["green"] is False
    assert expected in said.json["check"]["next_step"]


def test_the_set_up_alone_is_checked_where_no_command_is_pinned(cli):
    repository(cli, test_a=GREEN)
    cli(*ADD, "--no-detect", "--setup-command", "exit 3", code=0)
    said = cli("project", "check", "beta", code=1)
    assert "ended with status 3" in said.err
    cli("project", "change", "beta", "--setup-command", "true", code=0)
    said = cli("project", "check", "beta", code=0)
    assert "no test command is pinned" in said.err


def test_there_is_nothing_to_check_where_nothing_is_pinned(cli):
    repository(cli)
    cli(*ADD, "--no-detect", code=0)
    said = cli("project", "check", "beta", code=2)
    assert "has neither a test command nor a set-up command" in said.err
    assert "no project" in cli("project", "check", "none", code=4).err


def test_a_repository_that_wants_another_version_is_told_so(cli):
    commit(cli.place / "repo", {"test_a.py": GREEN, ".python-version": "3.1\n"})
    said = cli(*ADD, "--json", code=0)
    assert "note: .python-version wants python3 3.1; the PATH of tests has Python 3." in said.err


@pytest.mark.parametrize("named", ["images.example/rust:1.80", "${localEnv:IMAGE}", ""])
def test_the_devcontainers_image_is_a_hint_where_a_program_is_missing(cli, named):
    nothing = cli.place / "nothing"
    nothing.mkdir()
    cli.set(agent_path=str(nothing))
    files = {
        "Cargo.toml": "[package]\nname = 'a'\n",
        ".devcontainer/devcontainer.json": f'{{"image": "{named}"}}',
    }
    commit(cli.place / "repo", files)
    said = cli(*ADD, code=0).err
    assert "There is no program 'cargo' on the PATH" in said
    assert ("`damascus project change beta --image images.example/rust:1.80`" in said) == (
        named.startswith("images.")
    )
    assert named.startswith("images.") or "hint:" not in said


def test_a_repository_that_says_nothing_is_added_all_the_same(cli):
    repository(cli)
    said = cli(*ADD, code=0)
    assert "no test command was found" in said.err
    assert pinned(cli) is None


def test_a_machine_without_a_sandbox_says_so_and_adds_the_project(cli, monkeypatch):
    only_git = cli.place / "only-git"
    only_git.mkdir()
    (only_git / "git").symlink_to(str(shutil.which("git")))
    cli.set(sandbox="bubblewrap")
    repository(cli, test_a=GREEN)
    monkeypatch.setenv("PATH", str(only_git))
    said = cli(*ADD, code=0)
    assert "added project beta" in said.out
    assert "note: no test command was tried here" in said.err


MONOREPO = {
    "packages/api/test_a.py": "import api\n\n\ndef test_a():\n    assert api.X == 1\n",
    "packages/api/api.py": "X = 1\n",
    "packages/api/pytest.ini": "[pytest]\n",
    "packages/api/pyproject.toml": "[project]\nname = 'api'\n",
    "packages/web/package.json": "{}",
    "packages/web/test_b.py": "def test_b():\n    assert False\n",
}
PART = ("project", "add", "beta", "--repo", "repo", "--directory")


@pytest.fixture
def monorepo(cli):
    commit(cli.place / "repo", MONOREPO)
    return cli


def test_a_directory_of_a_monorepo_is_looked_at_and_tried_alone(monorepo):
    cli = monorepo
    added = cli(*PART, "packages/api/", "--yes", "--setup-command", "test -e api.py", "--json")
    assert added.json["test_command"] == ["pytest", "-q"], added
    assert added.json["found"]["green"] is True
    shown = cli("project", "show", "beta", "--json").json
    assert shown["policy"]["directory"] == "packages/api"
    assert cli("project", "check", "beta", code=0)
    again = cli(*PART[:2], "gamma", *PART[3:], "./packages/api", code=5)
    assert "the directory packages/api on branch 'main' of" in again.err
    assert "belongs to another project already" in again.err
    assert cli(*PART[:2], "gamma", *PART[3:], "packages", "--no-detect", code=0)
    assert cli(*PART[:2], "whole", *PART[3:5], "--no-detect", code=0)


def test_a_monorepo_without_green_tests_at_its_top_names_its_directories(monorepo):
    said = monorepo(*ADD, "--yes")
    assert "packages/api, packages/web may be projects of their own" in said.err
    assert "`damascus project change beta --directory packages/api`" in said.err
    monorepo("project", "change", "beta", "--directory", "packages/api", code=0)
    monorepo("project", "change", "beta", "--test-command", "pytest -q", code=0)
    assert monorepo("project", "check", "beta", code=0)


@pytest.mark.parametrize(
    ("directory", "code", "why"),
    [
        ("none", 4, "no directory 'none' on its branch 'main'"),
        ("README.md", 4, "no directory 'README.md' on its branch"),
        ("link", 4, "or a link in its place"),
        ("link/api", 4, "no directory 'link/api'"),
        ("../repo", 2, "--directory leads out of the repository"),
        ("/etc", 2, "--directory is the absolute path"),
        (".git/hooks", 2, "--directory lies in .git"),
        (".", 2, "--directory names the top"),
    ],
)
def test_a_directory_that_cannot_be_a_project_is_one_sentence(monorepo, directory, code, why):
    (monorepo.place / "repo/link").symlink_to("packages")
    commit(monorepo.place / "repo", {})
    added = monorepo(*PART, directory, "--no-detect", code=code)
    assert why in added.err
    assert len(added.err.strip().splitlines()) == 1
    monorepo(*ADD, "--no-detect", code=0)
    changed = monorepo("project", "change", "beta", "--directory", directory, code=code)
    assert why in changed.err


def test_another_directory_has_the_base_tried_again(monorepo):
    monorepo(*PART, "packages/api", "--test-command", "pytest -q", code=0)

    def base():
        return monorepo("project", "show", "beta", "--json").json["base"]["state"]

    assert base() == "proven"
    monorepo("project", "change", "beta", "--directory", "packages/web", code=0)
    assert base() == "unproven"
    monorepo(*PART[:2], "whole", *PART[3:5], "--no-detect", code=0)
    taken = monorepo("project", "change", "beta", "--unset", "directory", code=5)
    assert "belongs to another project already" in taken.err


def test_the_traceback_of_a_test_command_is_shown_and_is_none_of_damascus(cli):
    repository(cli, test_a=GREEN)
    cli(*ADD, "--test-command", "python3 -c 1/0", code=0)
    said = cli("project", "check", "beta", code=1)
    assert "damascus: Traceback (most recent call last):" in said.err.splitlines()
    assert has_traceback("Traceback (most recent call last):\n")
    assert has_traceback("12:00:00 ERROR the cycle failed Traceback (most recent call last):\n")
