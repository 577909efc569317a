"""A project without a test command: the first stories ask once, and a yes carries them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from damascus.demo.run import make_repository
from damascus.demo.script import ANSWER, TEST_COMMAND
from support.modelled_programs import modelled_programs
from support.processes import Programs
from support.textkit import STORIES

FIRST, SECOND = "slugify-titles", "shorten-texts"


@pytest.fixture
def programs(tmp_path, database_url) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    with modelled_programs(home, database_url) as programs:
        yield programs


def test_both_stories_are_merged_after_one_yes(programs, tmp_path):
    repo = make_repository(tmp_path)
    programs.run("project", "add", "textkit", "--repo", str(repo))
    for story in (FIRST, SECOND):
        programs.run("ingest", "--project", "textkit", str(STORIES / f"{story}.md"))
    programs.run("cycle", "--until-idle")

    opened = programs.json("issues")["issues"]
    (question,) = [issue for issue in opened if issue["test_command"] is None]
    programs.run("answer", str(question["id"]), ANSWER)
    programs.run("cycle", "--until-idle")

    (issue,) = programs.json("issues")["issues"]
    assert issue["test_command"] == TEST_COMMAND.split()
    assert "passed (unittest" in issue["body"]
    items = [programs.json("show", f"textkit/{story}")["item"] for story in (FIRST, SECOND)]
    assert [(item["phase"], item["attempts"]) for item in items] == [("awaiting_human", 0)] * 2
    asked = len(programs.model.asks)
    programs.run("cycle", "--until-idle")
    assert len(programs.model.asks) == asked, "nobody is paid while it waits"

    said = programs.run("answer", str(issue["id"]), "yes").stdout
    assert "what waited for it goes on in spec" in said
    programs.run("cycle", "--until-idle")
    phases = [programs.json("show", f"textkit/{s}")["item"]["phase"] for s in (FIRST, SECOND)]
    assert phases == ["merged", "merged"]
    assert programs.json("issues")["issues"] == []
    assert "nothing wrong" in programs.run("verify").stdout
