"""One story through every door: handed in by an agent, followed by scripts, answered, merged."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from damascus.domain.work import Phase, PhaseResult, Verdict
from support import page_world
from support.cycles import passed
from support.mcp_world import World, mcp_world
from support.page_world import Site
from support.patience import patience
from support.scripted_tasks import as_url

__all__ = ["mcp_world"]  # pytest finds the fixture by its name here

SOON = 5.0  # seconds in which one door shows what happened at another
QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "which one?", questions=("Red or blue?",))


class Following:
    """What scripts do: HTTP with a token, and the live stream of events."""

    def __init__(self, world: World) -> None:
        headers = {"Authorization": f"Bearer {world.token()}"}
        self.http = httpx.Client(
            base_url=world.api, headers=headers, trust_env=False, timeout=patience(30)
        )
        self.events: list[dict[str, Any]] = []

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query).raise_for_status().json()

    def told(self, kind: str, item_id: int) -> bool:
        return any(one["type"] == kind and one["item_id"] == item_id for one in self.events)

    @contextmanager
    def watching(self, *, nudge: Callable[[], object]) -> Generator[None]:
        """Collect the live events for as long as the block runs; `nudge` makes a last one."""
        opened, done = threading.Event(), threading.Event()

        def watch() -> None:
            with self.http.stream("GET", "/v1/events/stream") as stream:
                stream.raise_for_status()
                opened.set()
                for line in stream.iter_lines():
                    if line.startswith("data:"):
                        self.events.append(json.loads(line.removeprefix("data:")))
                    if done.is_set():
                        return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            assert opened.wait(patience(30))
            yield
        finally:
            done.set()
            nudge()
            thread.join(patience(60))


def shown(world: World, item_id: int) -> Any:
    """What `damascus show` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "damascus", "show", str(item_id), "--json"],
        env=world.environment(DAMASCUS_DATABASE_URL=as_url(world.url)),
        cwd=world.home,
        capture_output=True,
        check=True,
        timeout=patience(120),
    )
    return json.loads(done.stdout)


def test_a_story_goes_in_by_one_door_and_is_seen_and_answered_by_the_others(mcp_world: World):
    project = mcp_world.project()
    writer = mcp_world.agent("stdio on the API")
    answerer = mcp_world.agent("streamable HTTP")
    page = Following(mcp_world)
    with page.http, page.watching(nudge=lambda: mcp_world.accept(project, "the-end")):
        story = "# Paint the door\n\nIn a good colour."
        done = writer.call("ingest_story", project=project, story=story, idempotency_key="door-1")
        item_id = done["item_id"]

        rows = mcp_world.until(
            lambda: page.get("/v1/items", project=project)["items"], seconds=SOON
        )
        assert [(row["id"], row["title"], row["phase"]) for row in rows] == [
            (item_id, "Paint the door", "spec")
        ]
        mcp_world.until(lambda: page.told("work.ingested", item_id), seconds=SOON)

        mcp_world.run(item_id, QUESTION)
        mcp_world.until(lambda: page.told("work.awaiting_human", item_id), seconds=SOON)
        (issue,) = page.get("/v1/issues", project=project)["issues"]
        (question,) = answerer.call("list_questions", project=project)["questions"]
        assert question["id"] == issue["id"]
        assert question["questions"] == ["Red or blue?"]

        answered = answerer.call("answer_question", issue_id=issue["id"], text="Blue, please.")
        assert answered.pop("secrets_removed") == 0
        assert answered == {"issue_id": issue["id"], "item_id": item_id, "phase": "spec"}
        mcp_world.until(lambda: page.told("work.answered", item_id), seconds=SOON)
        assert page.get(f"/v1/issues/{issue['id']}")["answer"] == "Blue, please."
        assert page.get("/v1/issues", project=project)["issues"] == []
        again = page.http.post(f"/v1/issues/{issue['id']}/answer", json={"text": "Red."})
        assert again.status_code == 409

        phases = (Phase.SPEC, Phase.BUILD, Phase.REVIEW)
        (spec, *_) = mcp_world.run(item_id, *(passed(phase) for phase in phases))
        assert [answer.answer for answer in spec.answers] == ["Blue, please."]
        for kind in ("work.spec_ready", "work.built", "work.merged"):
            mcp_world.until(lambda kind=kind: page.told(kind, item_id), seconds=SOON)

    assert writer.call("get_item", item_id=item_id)["item"]["phase"] == "merged"
    assert writer.read(f"damascus://items/{item_id}/spec") == passed(Phase.SPEC).spec
    assert shown(mcp_world, item_id)["item"]["phase"] == "merged"
    kinds = [one["type"] for one in page.events if one["item_id"] == item_id]
    assert kinds == [
        "work.ingested",
        "work.awaiting_human",
        "work.answered",
        "work.spec_ready",
        "work.built",
        "work.merged",
    ]


@pytest.mark.skipif(page_world.why_not() is not None, reason=page_world.why_not() or "never")
def test_what_agents_hand_in_and_answer_is_seen_on_the_page(mcp_world: World):
    project = mcp_world.project()
    writer = mcp_world.agent("streamable HTTP")
    answerer = mcp_world.agent("stdio on the API")
    site = Site(mcp_world.db, mcp_world.api, mcp_world.token(), mcp_world.home)
    with site.look("doors", PROJECT=project, SOON=str(SOON)) as look:
        look.sees("empty")
        story = "# Paint the door\n\nIn a good colour."
        done = writer.call("ingest_story", project=project, story=story, idempotency_key="door-2")
        item_id = done["item_id"]
        look.go_on()
        look.sees("row")

        mcp_world.run(item_id, QUESTION)
        look.go_on()
        look.sees("question")
        (question,) = answerer.call("list_questions", project=project)["questions"]
        answerer.call("answer_question", issue_id=question["id"], text="Blue, please.")
        look.go_on()
        look.sees("answer")

        steps = ((Phase.SPEC, "build"), (Phase.BUILD, "review"), (Phase.REVIEW, "merged"))
        for phase, seen in steps:
            mcp_world.run(item_id, passed(phase))
            look.go_on()
            look.sees(seen)
        look.go_on()
    assert writer.call("get_item", item_id=item_id)["item"]["phase"] == "merged"
