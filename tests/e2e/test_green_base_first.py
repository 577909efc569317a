"""Nothing is specified before the tests were green on the base, or a person has accepted it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from damascus.demo.run import make_repository
from damascus.demo.script import TEST_COMMAND
from support.modelled_programs import modelled_programs
from support.processes import Programs
from support.textkit import STORIES

STORY = "slugify-titles"


@pytest.fixture
def programs(tmp_path, database_url) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    with modelled_programs(home, database_url) as programs:
        yield programs


def test_a_red_base_costs_nothing_and_goes_on_when_it_is_mended(programs, tmp_path, database_url):
    repo = make_repository(tmp_path)
    pin = ("--test-command", "python3 -m unittest no_such_module")
    programs.run("project", "add", "textkit", "--repo", str(repo), "--no-detect", *pin)
    programs.run("ingest", "--project", "textkit", str(STORIES / f"{STORY}.md"))
    programs.run("ingest", "--project", "textkit", str(STORIES / "shorten-texts.md"))
    said = programs.run("cycle", "--until-idle").stdout
    assert "waits: `python3 -m unittest no_such_module`" in said
    assert not programs.model.asks, "nobody was paid"

    (issue,) = programs.json("issues")["issues"]
    assert issue["title"] == "Project textkit waits: its base is not green"
    assert "no_such_module" in issue["body"]
    assert "go on anyway: items begin on this base as it is" in issue["body"]
    shown = programs.json("show", f"textkit/{STORY}")["item"]
    assert (shown["phase"], shown["attempts"], shown["consecutive_errors"]) == ("spec", 0, 0)
    assert "it waits for its base" in programs.run("status").stdout
    assert programs.json("project", "show", "textkit")["base"]["state"] == "waits"
    programs.run("project", "check", "textkit", check=False)
    programs.run("cycle", "--until-idle")
    assert not programs.model.asks, "a check that is red changes nothing"

    programs.run("project", "change", "textkit", "--test-command", TEST_COMMAND)
    assert programs.json("issues")["issues"] == []
    programs.run("cycle", "--until-idle")
    assert programs.json("show", f"textkit/{STORY}")["item"]["phase"] == "merged"
    base = programs.json("project", "show", "textkit")["base"]
    assert base["state"] == "proven"
    assert "passed (unittest" in base["sentence"]
    with psycopg.connect(database_url) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM test_baselines").fetchone()
    assert kept == 3, "the base once with each command, and what was merged onto it"
    assert "nothing wrong" in programs.run("verify").stdout


def test_a_check_that_turns_green_lets_what_waited_go_on(programs, tmp_path):
    repo = make_repository(tmp_path)
    pin = ("--test-command", TEST_COMMAND, "--setup-command", "test -e textkit/words.py")
    programs.run("project", "add", "textkit", "--repo", str(repo), *pin)
    assert programs.json("project", "show", "textkit")["base"]["state"] == "proven"
    programs.run("project", "change", "textkit", "--setup-command", "exit 3")
    programs.run("ingest", "--project", "textkit", str(STORIES / f"{STORY}.md"))
    programs.run("cycle", "--until-idle")
    (issue,) = programs.json("issues")["issues"]
    assert "ended with status 3" in issue["body"]
    assert not programs.model.asks
    programs.run("answer", str(issue["id"]), "go on anyway")
    assert programs.json("project", "show", "textkit")["base"]["state"] == "accepted"
    programs.run("project", "change", "textkit", "--setup-command", "true")
    checked = programs.json("project", "check", "textkit")
    assert checked["check"]["green"] is True
    base = programs.json("project", "show", "textkit")["base"]
    assert base["state"] == "proven"
    assert base["sentence"].startswith("The set-up ran in ")
