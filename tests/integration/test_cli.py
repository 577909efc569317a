"""Projects and stories through the command line, on a real database and real repositories."""

from __future__ import annotations

import re
import subprocess

import pytest

from damascus.environments.entry import Entry
from support.command_line import CommandLine
from support.gitea_standin import GiteaStandin
from support.scripted_tasks import as_url

STORY = b"# Greet people\n\nSay hello.\n"


def make_repository(path, *, branch="main"):
    subprocess.run(["git", "init", "-q", "-b", branch, str(path)], check=True)
    who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
    words = ["commit", "-q", "--allow-empty", "-m", "Begin"]
    subprocess.run(["git", "-C", str(path), *who, *words], check=True)
    return path


@pytest.fixture
def bare_cli(tmp_path, monkeypatch, capsys):
    return CommandLine(tmp_path, monkeypatch, capsys)


@pytest.fixture
def cli(bare_cli, database_url):
    bare_cli.set(database_url=as_url(database_url))
    return bare_cli


@pytest.fixture
def alpha(cli):
    make_repository(cli.place / "alpha.git")
    cli("project", "add", "alpha", "--repo", "alpha.git", code=0)
    return cli


# -- projects --------------------------------------------------------------------------------------


def test_prepared_environments_are_listed_and_dropped(alpha):
    said = alpha("project", "environment", "list", "alpha", code=0).out
    assert "no prepared environment on this machine" in said
    alpha("project", "environment", "list", "nobody", code=4)
    alpha("project", "environment", "drop", "alpha", "0" * 20, code=4)
    key = "0123456789abcdef0123"
    place = alpha.place / "home" / "environments" / "alpha"
    (place / key).mkdir(parents=True)
    (place / f"{key}.lock").touch()
    entry = Entry(key, "alpha", ["make deps"], "a" * 40, 1.0, 61.0, 12, 3 << 20, [".venv"], [])
    entry.write(place / key)
    listed = alpha("project", "environment", "list", "alpha", code=0).out
    assert re.search(rf"{key} +3 MiB +12 .* a{{12}} +61 s", listed)
    found = alpha("project", "environment", "list", "alpha", "--json", code=0).json
    assert found["environments"][0]["commands"] == ["make deps"]
    dropped = alpha("project", "environment", "drop", "alpha", code=0).out
    assert dropped == "dropped 1 environment of project alpha\n"
    assert list(place.iterdir()) == []


def test_a_project_keeps_its_whole_policy(cli):
    repo = make_repository(cli.place / "repo")
    (cli.place / "conventions.md").write_text("Write tests.\n")
    policy = (
        *("--test-command", "pytest -q 'a b'", "--allow-program", "make", "--allow-program", "go"),
        *("--setup-command", "make deps", "--test-timeout", "60", "--test-network", "all"),
        *(
            "--protect",
            "ci/**",
            "--no-default-protection",
            "--protected-policy",
            "ask",
            "--merge-style",
            "squash",
        ),
        *("--max-concurrency", "2", "--budget-cycles", "5", "--budget-usd", "1.5"),
        *("--conventions", "conventions.md", "--builder", "mini"),
    )
    words = ("project", "add", "beta", "--repo", "repo", "--no-detect", *policy, "--json")
    added = cli(*words, code=0).json
    assert added.pop("secrets_removed") == 0
    assert added == {
        "name": "beta",
        "forge": "local",
        "repo": str(repo),
        "base_branch": "main",
        "test_command": ["pytest", "-q", "a b"],
        "found": None,
        "check": None,
        "setup_commands": ["make deps"],
        "base": {"state": "unproven", "sentence": None, "base_sha": None, "at": None},
    }
    shown = cli("project", "show", "beta", "--json", code=0).json
    assert shown["policy"] == {
        "builder": "mini",
        "test_command": ["pytest", "-q", "a b"],
        "test_programs": ["make", "go"],
        "setup_commands": ["make deps"],
        "test_timeout_seconds": 60,
        "test_network": ["all"],
        "protected_paths": ["ci/**"],
        "default_protection": False,
        "protected_policy": "ask",
        "merge_style": "squash",
        "conventions": "Write tests.\n",
    }
    assert (shown["max_concurrency"], shown["budget_cycles"]) == (2, 5)
    assert shown["budget_usd"] == "1.5000"
    assert "pytest -q a b" in cli("project", "show", "beta", code=0).out


@pytest.mark.parametrize(
    ("name", "code"),
    [("../x", 2), ("-x", 2), ("a" * 300, 2), ("Alpha", 2), ("a b", 2), ("a\n", 2), ("ok-1", 0)],
)
def test_a_name_that_is_no_slug_is_refused(cli, name, code):
    make_repository(cli.place / "repo")
    said = cli("project", "add", "--repo", "repo", "--", name, code=code)
    assert code == 0 or "slug" in said.err
    assert len(cli("project", "list", "--json").json["projects"]) == (code == 0)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--repo", "nowhere"), 4),
        (("--repo", "empty"), 4),
        (("--repo", "repo", "--base-branch", "nope"), 4),
        (("--repo", "repo", "--base-branch", "-x"), 2),
        (("--repo", "repo", "--base-branch", "a..b"), 2),
        (("--repo", "git@example.invalid:x/y.git"), 2),
        (("--repo", "ssh://git@example.invalid/x/y"), 2),
        (("--repo", "https://"), 2),
        (("--repo", "https://[bad"), 2),
        (("--repo", "https://git.example.invalid/x/y"), 3),
        (("--repo", "https://git.example.invalid/x/y", "--forge", "local"), 2),
        (("--repo", "repo", "--forge", "gitea"), 2),
        (("--repo", "repo", "--forge", "github"), 2),
        (("--repo", "repo", "--builder", "nobody"), 2),
        (("--repo", "repo", "--merge-style", "rebase"), 2),
        (("--repo", "repo", "--test-command", "pytest && rm x"), 2),
        (("--repo", "repo", "--test-command", "pytest '"), 2),
        (("--repo", "repo", "--test-command", " "), 2),
        (("--repo", "repo", "--allow-program", ""), 2),
        (("--repo", "repo", "--conventions", "nowhere.md"), 2),
        (("--repo", "repo", "--budget-usd", "-3"), 2),
        (("--repo", "repo", "--max-concurrency", "0"), 2),
    ],
)
def test_a_project_that_cannot_work_is_refused_and_nothing_is_written(cli, words, code):
    make_repository(cli.place / "repo")
    (cli.place / "empty").mkdir()
    said = cli("project", "add", "beta", *words, code=code)
    assert said.err
    assert cli("project", "list", "--json").json == {"projects": []}
    assert cli("events", "--json").json == {"events": []}


@pytest.mark.parametrize(
    "url",
    [
        "https://user:canary-pw@git.example.invalid/x/y",
        "ssh://user:canary-pw@git.example.invalid/x/y",
        "user:canary-pw@git.example.invalid:x/y",
    ],
)
def test_a_url_with_a_password_is_refused_and_never_repeated(cli, url):
    said = cli("project", "add", "beta", "--repo", url, code=2)
    assert "canary" not in said.out + said.err


def test_what_was_said_about_a_project_can_be_said_anew(alpha):
    words = ("--test-command", "pytst -q", "--builder", "mini", "--budget-usd", "3")
    alpha("project", "change", "alpha", *words, "--max-concurrency", 2, code=0)
    alpha("project", "change", "alpha", "--test-command", "pytest -q", code=0)
    shown = alpha("project", "show", "alpha", "--json", code=0).json
    assert shown["policy"] == {"test_command": ["pytest", "-q"], "builder": "mini"}
    assert (shown["budget_usd"], shown["max_concurrency"]) == ("3.0000", 2)
    taken = ("--unset", "test-command", "--unset", "budget-usd", "--unset", "--max-concurrency")
    alpha("project", "change", "alpha", *taken, "--budget-cycles", 5, code=0)
    shown = alpha("project", "show", "alpha", "--json", code=0).json
    assert shown["policy"] == {"builder": "mini"}
    assert (shown["budget_usd"], shown["max_concurrency"]) == (None, None)
    assert shown["budget_cycles"] == 5
    (told,) = alpha("events", "--json", "-n", 1, code=0).json["events"]
    assert told["type"] == "project.changed"
    assert told["data"]["unset"] == ["test_command"]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((), 2, "nothing to change"),
        (("--unset", "repo"), 2, "names no option"),
        (("--unset", "builder", "--builder", "mini"), 2, "at once"),
        (("--test-command", "a && b"), 2, "no shell"),
        (("--protect", "!.github/**"), 2, "'!.github/**' takes protection back"),
        (("--protect", "[z-a]"), 2, "'[z-a]' is no glob"),
    ],
)
def test_a_change_that_cannot_be_meant_is_refused(alpha, words, code, why):
    assert why in alpha("project", "change", "alpha", *words, code=code).err


def test_only_a_project_that_exists_can_be_changed(alpha):
    alpha("project", "change", "nobody", "--builder", "mini", code=4)


def test_a_test_command_that_is_not_there_is_accepted_and_told(cli):
    make_repository(cli.place / "repo")
    said = cli("project", "add", "beta", "--repo", "repo", "--test-command", "pytst -q", code=0)
    assert "'pytst' is not on the PATH" in said.err


def test_a_project_is_added_once_and_its_branch_belongs_to_it(alpha):
    assert "exists already" in alpha("project", "add", "alpha", "--repo", "alpha.git", code=5).err
    assert "another project" in alpha("project", "add", "beta", "--repo", "alpha.git", code=5).err


def test_the_base_branch_is_the_repositorys_own(cli):
    make_repository(cli.place / "repo", branch="trunk")
    added = cli("project", "add", "beta", "--repo", "repo", "--json", code=0).json
    assert added["base_branch"] == "trunk"


def test_a_url_is_a_gitea_and_its_default_branch_is_asked_for(cli):
    with GiteaStandin(cli.place / "forge") as gitea:
        gitea.add_repo("ada", "engine", {"README.md": "hello\n"})
        cli.set(gitea_url=gitea.url, gitea_token=gitea.token)
        url = f"{gitea.url}/ada/engine.git"
        added = cli("project", "add", "engine", "--repo", url, "--json", code=0).json
        assert added["forge"] == "gitea"
        assert added["repo"] == f"{gitea.url}/ada/engine"
        missing = f"{gitea.url}/ada/nothing"
        assert "ada/nothing" in cli("project", "add", "beta", "--repo", missing, code=4).err
        cli.set(gitea_token="another-token-entirely")
        cli("project", "add", "beta", "--repo", missing, code=1)
    said = cli("project", "add", "beta", "--repo", missing, "--base-branch", "main", code=6)
    assert "does not answer" in said.err or "forge" in said.err


def test_pausing_and_resuming_say_what_they_touched_and_may_be_repeated(alpha):
    alpha("ingest", "-", stdin=STORY, code=0)
    said = alpha("project", "pause", "alpha", "--reason", "moving house", code=0)
    assert "1 open item" in said.out
    assert "already" in alpha("project", "pause", "alpha", code=0).out
    assert "moving house" in alpha("project", "list", code=0).out
    idle = alpha("cycle", code=0)
    assert "nothing to do: paused: project alpha" in idle.out
    waiting = alpha("cycle", "--json", code=0).json
    assert waiting["idle"] is True
    assert "alpha" in waiting["why_idle"]
    assert "resumed" in alpha("project", "resume", "alpha", code=0).out
    alpha("project", "pause", "nobody", code=4)


# -- stories ---------------------------------------------------------------------------------------


def test_a_story_is_accepted_once_and_updated_while_it_is_in_spec(alpha):
    path = alpha.place / "greet.md"
    path.write_bytes(STORY)
    first = alpha("ingest", "greet.md", "--json", code=0).json["results"][0]
    assert (first["outcome"], first["key"], first["title"]) == ("accepted", "greet", "Greet people")
    assert "unchanged: item 1" in alpha("ingest", "greet.md", code=0).out
    path.write_bytes(STORY + b"And goodbye.\n")
    assert "updated: item 1" in alpha("ingest", "greet.md", code=0).out
    alpha("cancel", "1", code=0)
    path.write_bytes(STORY)
    assert "already in cancelled" in alpha("ingest", "greet.md", code=5).err
    assert len(alpha("items", "--json").json["items"]) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"# A\n\xff\xfe", "not UTF-8"),
        (b"# A\n\x00", "NUL"),
        (b"# A\n" + b"x" * (256 * 1024), "larger than"),
    ],
)
def test_a_bad_story_is_refused_with_its_reason(alpha, content, sentence):
    (alpha.place / "bad.md").write_bytes(content)
    said = alpha("ingest", "bad.md", code=2)
    assert "bad.md" in said.err
    assert sentence in said.err
    assert alpha("items", "--json").json["items"] == []


def test_among_several_files_the_good_are_accepted_and_the_first_bad_one_decides(alpha):
    stories = alpha.place / "stories"
    (stories / "deeper").mkdir(parents=True)
    (stories / "one.md").write_bytes(STORY)
    (stories / "two.txt").write_bytes(STORY)
    (stories / "notes.pdf").write_bytes(b"%PDF")
    (alpha.place / "bad.md").write_bytes(b"")
    (alpha.place / "empty").mkdir()
    words = ("ingest", "missing.md", "bad.md", "stories", "stories/one.md", "empty")
    said = alpha(*words, "--json", code=2)
    outcomes = {result["path"]: result["outcome"] for result in said.json["results"]}
    assert outcomes == {
        "missing.md": "refused",
        "bad.md": "refused",
        "empty": "refused",
        "stories/one.md": "accepted",
        "stories/two.txt": "accepted",
    }
    assert "deeper inside stories was not entered" in said.err
    assert said.err.count("missing.md") == 1


def test_two_files_with_one_name_do_not_overwrite_each_other(alpha):
    for place in ("a", "b"):
        (alpha.place / place).mkdir()
        (alpha.place / place / "story.md").write_bytes(STORY + place.encode())
    said = alpha("ingest", "a", "b", code=2)
    assert "would both be story 'story'" in said.err
    assert alpha("show", "alpha/story", "--json").json["item"]["story"].endswith("a")


def test_other_options_of_a_known_story_are_taken_over_and_told(alpha):
    path = alpha.place / "greet.md"
    path.write_bytes(STORY)
    alpha("ingest", "greet.md", code=0)
    said = alpha("ingest", "greet.md", "--priority", "1", "--budget-usd", "3", code=0).out
    assert said == "updated: item 1  alpha/greet  Greet people  (priority, budget usd)\n"
    item = alpha("show", "1", "--json").json["item"]
    assert (item["priority"], item["budget_usd"]) == (1, "3.0000")
    assert "unchanged: item 1" in alpha("ingest", "greet.md", "--priority", "1", code=0).out
    alpha("cancel", "1", code=0)
    late = alpha("ingest", "greet.md", "--priority", "2", "--json", code=0)
    assert late.json["results"][0]["not_taken"] == ["priority"]
    assert "--priority was not taken over" in late.err


def test_a_story_from_stdin_is_named_after_its_title(alpha):
    assert "alpha/greet-people" in alpha("ingest", "-", stdin=STORY, code=0).out
    words = ("ingest", "-", "--key", "other", "--title", "T", "--priority", "1")
    alpha(*words, "--budget-cycles", "7", "--budget-usd", "2", stdin=STORY, code=0)
    item = alpha("show", "alpha/other", "--json").json["item"]
    assert (item["title"], item["priority"]) == ("T", 1)
    assert (item["budget_cycles"], item["budget_usd"]) == (7, "2.0000")
    assert "alpha/story-" in alpha("ingest", "-", stdin="# 漢字\n".encode(), code=0).out
    assert "closed" in alpha("ingest", "-", stdin=None, code=2).err
    alpha("ingest", "-", "--key", "../x", stdin=STORY, code=2)


def test_key_and_title_are_for_one_story(alpha):
    for name in ("a.md", "b.md"):
        (alpha.place / name).write_bytes(STORY)
    assert "one story" in alpha("ingest", "a.md", "b.md", "--key", "k", code=2).err
    assert alpha("items", "--json").json["items"] == []


def test_the_project_is_the_only_one_or_has_to_be_named(alpha):
    assert (
        "there is no project 'beta'" in alpha("ingest", "-", "-p", "beta", stdin=STORY, code=4).err
    )
    make_repository(alpha.place / "beta.git")
    alpha("project", "add", "beta", "--repo", "beta.git", code=0)
    assert "alpha, beta" in alpha("ingest", "-", stdin=STORY, code=2).err
    alpha("ingest", "-", "-p", "beta", stdin=STORY, code=0)


def test_without_a_project_the_person_is_told_how_to_add_one(cli):
    assert "damascus project add" in cli("ingest", "-", stdin=STORY, code=2).err


def test_a_story_can_wait_for_another(alpha):
    alpha("ingest", "-", "--key", "first", stdin=STORY, code=0)
    words = ("ingest", "-", "--key", "second", "--after", "alpha/first")
    gates = alpha(*words, "--json", stdin=STORY, code=0).json["results"][0]["gates"]
    again = alpha(*words, "--json", stdin=STORY, code=0).json["results"][0]
    assert (again["outcome"], again["gates"]) == ("unchanged", gates)
    assert "1 gate" in alpha("items", code=0).out
    alpha("ingest", "-", "--key", "third", "--after", "99", stdin=STORY, code=4)
    alpha("cancel", "1", "--free", code=0)
    alpha("ingest", "-", "--key", "third", "--after", "1", stdin=STORY, code=5)
    assert len(alpha("items", "--json").json["items"]) == 2
