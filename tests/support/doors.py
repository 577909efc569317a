"""Every door with the same verbs, so that one scenario can go through each of them.

A door's verbs return what the door shows, cut down to the fields all doors show, with numbers of
items replaced by their keys. A refusal is raised as `Refused` with the door's sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from support.command_line import CommandLine
from support.mcp_world import Agent

ITEM = ("key", "title", "phase", "priority", "attempts", "budget_cycles", "closed_gates")
COUNTS = ("items", "ready", "running", "gated", "paused", "backing_off", "failing")


class Refused(Exception):  # noqa: N818 - what the scenario speaks of
    """The door refused, with this sentence."""


class Door(Protocol):
    """What the scenario asks of a door. Rows are as the door shows them."""

    def add_project(self, name: str, repo: Path, policy: Mapping[str, Any]) -> None: ...
    def change_project(
        self, name: str, policy: Mapping[str, Any], unset: Sequence[str]
    ) -> None: ...
    def pause(self, name: str, reason: str) -> None: ...
    def resume(self, name: str) -> None: ...
    def project(self, name: str) -> Any: ...
    def ingest(self, project: str, key: str | None, story: str, **more: Any) -> Any: ...
    def items(self, project: str, **query: Any) -> list[Any]: ...
    def item(self, ref: str) -> Any: ...
    def change(self, item_id: int, **what: Any) -> None: ...
    def retry(self, item_id: int, **what: Any) -> None: ...
    def cancel(self, item_id: int, *, free: bool) -> None: ...
    def questions(self, project: str) -> list[Any]: ...
    def answer(self, issue_id: int, text: str) -> None: ...
    def gates(self, item_id: int) -> list[Any]: ...
    def add_gate(self, item_id: int, note: str) -> None: ...
    def open_gate(self, gate_id: int) -> None: ...
    def costs(self, project: str) -> list[Any]: ...
    def stats(self) -> Any: ...


class HttpDoor:
    """HTTP with a token."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)

    def _ask(self, method: str, path: str, **what: Any) -> Any:
        answer = self.http.request(method, path, **what)
        document = answer.json()
        if not answer.is_success:
            raise Refused(document["detail"])
        return document

    def add_project(self, name: str, repo: Path, policy: Mapping[str, Any]) -> None:
        self._ask("POST", "/v1/projects", json={"name": name, "repo": str(repo), **policy})

    def change_project(self, name: str, policy: Mapping[str, Any], unset: Sequence[str]) -> None:
        body = {**policy, **dict.fromkeys(unset)}
        self._ask("PATCH", f"/v1/projects/{name}", json=body)

    def pause(self, name: str, reason: str) -> None:
        self._ask("POST", f"/v1/projects/{name}/pause", json={"reason": reason})

    def resume(self, name: str) -> None:
        self._ask("POST", f"/v1/projects/{name}/resume")

    def project(self, name: str) -> Any:
        return self._ask("GET", f"/v1/projects/{quote(name)}")

    def ingest(self, project: str, key: str | None, story: str, **more: Any) -> Any:
        body = {"project": project, "key": key, "story": story, **more}
        return self._ask("POST", "/v1/items", json=body)

    def items(self, project: str, **query: Any) -> list[Any]:
        return self._ask("GET", "/v1/items", params={"project": project, **query})["items"]

    def item(self, ref: str) -> Any:
        project, key = ref.split("/")
        return self._ask("GET", f"/v1/projects/{project}/items/{key}")

    def change(self, item_id: int, **what: Any) -> None:
        self._ask("PATCH", f"/v1/items/{item_id}", json=what)

    def retry(self, item_id: int, **what: Any) -> None:
        self._ask("POST", f"/v1/items/{item_id}/retry", json=what)

    def cancel(self, item_id: int, *, free: bool) -> None:
        self._ask("POST", f"/v1/items/{item_id}/cancel", json={"free": free})

    def questions(self, project: str) -> list[Any]:
        return self._ask("GET", "/v1/issues", params={"project": project})["issues"]

    def answer(self, issue_id: int, text: str) -> None:
        self._ask("POST", f"/v1/issues/{issue_id}/answer", json={"text": text})

    def gates(self, item_id: int) -> list[Any]:
        return self._ask("GET", "/v1/gates", params={"item": item_id})["gates"]

    def add_gate(self, item_id: int, note: str) -> None:
        self._ask("POST", f"/v1/items/{item_id}/gates", json={"note": note})

    def open_gate(self, gate_id: int) -> None:
        self._ask("POST", f"/v1/gates/{gate_id}/open")

    def costs(self, project: str) -> list[Any]:
        return self._ask("GET", "/v1/costs", params={"project": project})["costs"]

    def stats(self) -> Any:
        return self._ask("GET", "/v1/stats")


class AgentDoor:
    """The tools of agents, whichever way they are reached."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def _call(self, tool: str, **given: Any) -> Any:
        result = self._agent.result(tool, **given)
        if result.is_error:
            raise Refused(result.content[0].text)
        return result.structured_content

    def add_project(self, name: str, repo: Path, policy: Mapping[str, Any]) -> None:
        self._call("add_project", name=name, repo=str(repo), **policy)

    def change_project(self, name: str, policy: Mapping[str, Any], unset: Sequence[str]) -> None:
        self._call("change_project", name=name, unset=list(unset), **policy)

    def pause(self, name: str, reason: str) -> None:
        self._call("pause_project", name=name, reason=reason)

    def resume(self, name: str) -> None:
        self._call("resume_project", name=name)

    def project(self, name: str) -> Any:
        return self._call("get_project", name=name)

    def ingest(self, project: str, key: str | None, story: str, **more: Any) -> Any:
        return self._call("ingest_story", project=project, key=key, story=story, **more)

    def items(self, project: str, **query: Any) -> list[Any]:
        return self._call("list_items", project=project, **query)["items"]

    def item(self, ref: str) -> Any:
        found = self._call("get_item", item_id=ref)
        return {**found, "issues": found["questions"]}

    def change(self, item_id: int, **what: Any) -> None:
        self._call("change_item", item_id=item_id, **what)

    def retry(self, item_id: int, **what: Any) -> None:
        self._call("retry_item", item_id=item_id, **what)

    def cancel(self, item_id: int, *, free: bool) -> None:
        self._call("cancel_item", item_id=item_id, free=free)

    def questions(self, project: str) -> list[Any]:
        return self._call("list_questions", project=project)["questions"]

    def answer(self, issue_id: int, text: str) -> None:
        self._call("answer_question", issue_id=issue_id, text=text)

    def gates(self, item_id: int) -> list[Any]:
        return self._call("list_gates", item_id=item_id)["gates"]

    def add_gate(self, item_id: int, note: str) -> None:
        self._call("add_gate", item_id=item_id, note=note)

    def open_gate(self, gate_id: int) -> None:
        self._call("open_gate", gate_id=gate_id)

    def costs(self, project: str) -> list[Any]:
        return self._call("list_costs", project=project)["costs"]

    def stats(self) -> Any:
        return self._call("stats")


class CommandDoor:
    """The command line, in this process."""

    def __init__(self, cli: CommandLine) -> None:
        self._cli = cli

    def _run(self, *words: object, stdin: bytes = b"") -> str:
        said = self._cli(*words, stdin=stdin)
        if said.code:
            raise Refused(said.err)
        return said.out

    def _json(self, *words: object, stdin: bytes = b"") -> Any:
        return json.loads(self._run(*words, "--json", stdin=stdin))

    def add_project(self, name: str, repo: Path, policy: Mapping[str, Any]) -> None:
        self._json("project", "add", name, "--repo", repo, *_options(policy))

    def change_project(self, name: str, policy: Mapping[str, Any], unset: Sequence[str]) -> None:
        gone = [word for one in unset for word in ("--unset", one.replace("_", "-"))]
        self._run("project", "change", name, *_options(policy), *gone)

    def pause(self, name: str, reason: str) -> None:
        self._run("project", "pause", name, "--reason", reason)

    def resume(self, name: str) -> None:
        self._run("project", "resume", name)

    def project(self, name: str) -> Any:
        return self._json("project", "show", name)

    def ingest(self, project: str, key: str | None, story: str, **more: Any) -> Any:
        words = [word for one in more.pop("after", ()) for word in ("--after", one)]
        named = () if key is None else ("--key", key)
        options = ("--project", project, *named, *words, *_options(more))
        return self._json("ingest", "-", *options, stdin=story.encode())["results"][0]

    def items(self, project: str, **query: Any) -> list[Any]:
        failing = ["--failing"] if query.pop("failing", False) else []
        return self._json("items", "--project", project, *failing, *_options(query))["items"]

    def item(self, ref: str) -> Any:
        return self._json("show", ref)

    def change(self, item_id: int, **what: Any) -> None:
        self._run("change", item_id, *_options(what))

    def retry(self, item_id: int, **what: Any) -> None:
        self._run("retry", item_id, *_options(what))

    def cancel(self, item_id: int, *, free: bool) -> None:
        self._run("cancel", item_id, *(["--free"] if free else []))

    def questions(self, project: str) -> list[Any]:
        return self._json("issues", "--project", project)["issues"]

    def answer(self, issue_id: int, text: str) -> None:
        self._run("answer", issue_id, *([text] if text else []))

    def gates(self, item_id: int) -> list[Any]:
        return self._json("gate", "list", "--item", item_id)["gates"]

    def add_gate(self, item_id: int, note: str) -> None:
        self._run("gate", "add", item_id, "--note", note)

    def open_gate(self, gate_id: int) -> None:
        self._run("gate", "open", gate_id)

    def costs(self, project: str) -> list[Any]:
        return self._json("costs", "--project", project)["costs"]

    def stats(self) -> Any:
        return self._json("status")


def _options(values: Mapping[str, Any]) -> list[str]:
    names = {"test_timeout_seconds": "test-timeout"}
    found: list[str] = []
    for name, value in values.items():
        found += [f"--{names.get(name, name.replace('_', '-'))}", str(value)]
    return found


def shown(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an item that every door shows, money without trailing zeros."""
    usd = item.get("budget_usd")
    return {name: item[name] for name in ITEM} | {
        "budget_usd": None if usd is None else Decimal(str(usd)).normalize()
    }
