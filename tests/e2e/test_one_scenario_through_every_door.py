"""One scenario through every door: what each says is the same, field by field."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from damascus.domain.work import PhaseResult, Verdict
from support.command_line import CommandLine
from support.doors import AgentDoor, CommandDoor, Door, HttpDoor, Refused, shown
from support.mcp_world import DOORS, World, mcp_world
from support.scripted_tasks import as_url

__all__ = ["mcp_world"]  # pytest finds the fixture by its name here

QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "which one?", questions=("Red or blue?",))
POLICY = {"test_timeout_seconds": 60, "merge_style": "squash", "max_concurrency": 2}
STORY = "# Paint the door\n\nIn a good colour.\n"
ALL_DOORS = ("HTTP", "command line", *DOORS)


@pytest.fixture(scope="module")
def told() -> dict[str, list[tuple[str, Any]]]:
    """What the scenario was told by each door, for the comparison with the first."""
    return {}


@pytest.fixture
def door(
    request: pytest.FixtureRequest,
    mcp_world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Generator[Door]:
    if request.param == "HTTP":
        made = HttpDoor(mcp_world.api, mcp_world.token())
        with made.http:
            yield made
    elif request.param == "command line":
        cli = CommandLine(tmp_path, monkeypatch, capsys)
        cli.set(database_url=as_url(mcp_world.url))
        yield CommandDoor(cli)
    else:
        yield AgentDoor(mcp_world.agent(request.param))


@pytest.mark.parametrize("door", ALL_DOORS, indirect=True)
def test_every_door_tells_the_same_of_one_scenario(
    door: Door,
    request: pytest.FixtureRequest,
    mcp_world: World,
    tmp_path: Path,
    told: dict[str, list[tuple[str, Any]]],
):
    name = request.node.callspec.params["door"]
    project = "door-" + name.lower().replace(" ", "-")
    told[name] = Scenario(door, mcp_world, project, repository(tmp_path / "repo")).run()
    first = told.setdefault("expected", told[name])
    assert told[name] == first


class Scenario:
    """The scenario on one project; what was told is noted step by step."""

    def __init__(self, door: Door, world: World, project: str, repo: Path) -> None:
        self.door = door
        self.world = world
        self.project = project
        self.repo = repo
        self.notes: list[tuple[str, Any]] = []

    def note(self, step: str, what: Any) -> None:
        self.notes.append((step, what))

    def refused(self, words: str, act: Any, *given: Any, **more: Any) -> None:
        with pytest.raises(Refused, match=words):
            act(*given, **more)

    def look(self, step: str, key: str) -> dict[str, Any]:
        """Note an item as the door shows it by PROJECT/KEY; the whole of it."""
        found = self.door.item(f"{self.project}/{key}")
        self.note(step, shown(found["item"]))
        return found

    def look_at_project(self, step: str) -> None:
        row = self.door.project(self.project)
        names = ("forge", "base_branch", "policy", "max_concurrency", "budget_cycles", "paused")
        self.note(step, {field: row[field] for field in names})

    def run(self) -> list[tuple[str, Any]]:
        self.add()
        first, second = self.ingest()
        self.gates(first, second)
        self.people(first)
        self.lists()
        self.cancel(first)
        self.pause()
        return self.notes

    def add(self) -> None:
        self.door.add_project(self.project, self.repo, POLICY)
        self.look_at_project("added")
        self.refused("exists", self.door.add_project, self.project, self.repo, {})
        self.door.change_project(self.project, {"test_timeout_seconds": 90}, ["merge_style"])
        self.look_at_project("changed")
        self.refused("no project", self.door.project, "nobody-has-this")

    def ingest(self) -> tuple[int, int]:
        done = self.door.ingest(self.project, "first", STORY, priority=3, budget_usd="5.50")
        again = self.door.ingest(self.project, "first", STORY)
        self.note("ingested", [(one["key"], one["outcome"]) for one in (done, again)])
        other = "# Hang it\n\nAfter it was painted.\n"
        second = self.door.ingest(self.project, "second", other, after=[done["item_id"]])
        self.note("ingested behind it", (second["key"], second["outcome"], len(second["gates"])))
        self.look("first", "first")
        self.look("second", "second")
        return int(done["item_id"]), int(second["item_id"])

    def gates(self, first: int, second: int) -> None:
        (gate,) = self.door.gates(second)
        self.note("gate", (gate["kind"], gate["after_item"] == first, gate["note"]))
        self.door.add_gate(first, "not yet")
        (gate,) = self.door.gates(first)
        self.note("manual gate", (gate["kind"], gate["after_item"], gate["note"]))
        self.look("gated", "first")
        self.door.open_gate(gate["id"])
        self.refused("open", self.door.open_gate, gate["id"])
        self.look("opened", "first")

    def people(self, first: int) -> None:
        self.world.run(first, QUESTION)
        (question,) = self.door.questions(self.project)
        self.note("question", (question["kind"], question["questions"], question["title"]))
        self.refused("asks a question", self.door.answer, question["id"], "")
        self.door.answer(question["id"], "Blue.")
        self.refused("answered already", self.door.answer, question["id"], "Red.")
        self.look("answered", "first")
        self.world.run(first, Verdict.OVER_BUDGET)
        (row,) = self.door.items(self.project, failing=True)
        self.note("blocked", shown(row))
        self.door.retry(first, note="go on", budget_usd="9")
        self.refused("not blocked", self.door.retry, first)
        self.look("retried", "first")
        self.door.change(first, priority=1)
        self.look("changed", "first")

    def lists(self) -> None:
        self.note("newest", [shown(row) for row in self.door.items(self.project)])
        found = self.door.items(self.project, sort="priority")
        self.note("by priority", [row["key"] for row in found])
        self.note("found", [row["key"] for row in self.door.items(self.project, text="hang")])
        self.note("failing", self.door.items(self.project, failing=True))
        self.note("costs", self.door.costs(self.project))
        self.world.until(lambda: self.in_stats() == [(False, {"spec": 2})])  # a second old at most

    def in_stats(self) -> list[tuple[bool, Any]]:
        projects = self.door.stats()["projects"]
        return [(one["paused"], one["open"]) for one in projects if one["name"] == self.project]

    def cancel(self, first: int) -> None:
        self.refused("waited for by", self.door.cancel, first, free=False)
        self.door.cancel(first, free=True)
        self.refused("cancelled", self.door.cancel, first, free=False)
        page = self.look("cancelled", "first")
        self.note("history", [event["type"] for event in page["events"]])
        self.look("freed", "second")

    def pause(self) -> None:
        self.door.pause(self.project, "a holiday")
        self.look_at_project("paused")
        (_, row) = sorted(self.door.items(self.project), key=lambda one: one["key"])
        self.note("its items", row["project_paused"])
        self.door.resume(self.project)
        self.look_at_project("resumed")


def repository(path: Path) -> Path:
    """A repository with one commit on main."""
    path.mkdir()
    for words in (
        ("init", "-q", "-b", "main"),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m", "1"),
    ):
        subprocess.run(["git", *words], cwd=path, check=True, capture_output=True)
    return path
