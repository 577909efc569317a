"""Secrets go in through every door in every form; no door, row or sink shows one afterwards."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from damascus.domain.work import PhaseResult, Verdict
from damascus.text.redaction import MASK
from support.command_line import CommandLine
from support.doors import AgentDoor, CommandDoor, Door, HttpDoor, Refused
from support.mcp_world import DOORS, World, world
from support.scripted_tasks import as_url
from support.written import SHAPED, written

OWN = "q7Zt-canary/91xLm=42"
SECRETS = (OWN, SHAPED["GitHub"], SHAPED["npm"])
WAYS = ("raw", "URL-encoded", "base64, shifted by 1", "JSON", "inside ANSI")
EVERY_DOOR = ("HTTP", "command line", *DOORS)


@pytest.fixture(scope="module")
def place(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[World]:
    """A world whose processes all know OWN as a secret of theirs."""
    name = f"damascus_test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        home = tmp_path_factory.mktemp("doors")
        with world(make_conninfo(postgres, dbname=name), home, gitea_token=OWN) as made:
            yield made
    finally:
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def doors(
    place: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Generator[dict[str, Door]]:
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(place.url), gitea_token=OWN)
    http = HttpDoor(place.api, place.token())
    with http.http:
        agents = {name: AgentDoor(place.agent(name)) for name in DOORS}
        yield {"HTTP": http, "command line": CommandDoor(cli), **agents}


@pytest.mark.parametrize("way_in", EVERY_DOOR)
@settings(
    phases=(Phase.explicit, Phase.generate),  # a run takes a second: nothing is shrunk
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(secret=st.sampled_from(SECRETS), ways=st.permutations(WAYS))
def test_no_door_shows_a_secret_that_came_in_by_any(  # noqa: PLR0917 - fixtures
    place: World, doors: dict[str, Door], tmp_path: Path, way_in: str, secret: str, ways: list[str]
):
    forms = [dict(written(secret))[way] for way in ways]
    project = f"p-{unused_name()}"
    repo = repository(tmp_path / project)
    door = doors[way_in]
    told = list(given_everywhere(door, place, project, repo, forms))
    for other in doors.values():
        told += shown_by(other, project, secret)
    command_line = doors["command line"]
    assert isinstance(command_line, CommandDoor)
    told += [all_rows(place), relayed(command_line._cli, tmp_path)]
    assert any(MASK in one for one in told)
    for one in told:
        assert_none_in(one, secret)


@pytest.mark.parametrize("way_in", EVERY_DOOR)
def test_every_door_tells_how_many_secrets_were_removed(
    doors: dict[str, Door], tmp_path: Path, way_in: str
):
    door, two = doors[way_in], f"{OWN} and {SHAPED['npm']}"
    project = f"p-{unused_name()}"
    door.add_project(project, repository(tmp_path / project), {})
    story = f"# A story\n\nWith {two}\n"
    done = door.ingest(project, "one", story)
    assert done["secrets_removed"] == 2
    assert door.ingest(project, "one", story)["outcome"] == "unchanged"
    assert door.ingest(project, "plain", "# Plain\n\nWords.\n")["secrets_removed"] == 0
    if isinstance(door, HttpDoor):
        address = f"/v1/items/{done['item_id']}/gates"
        answer = door.http.post(address, json={"note": f"after {OWN}"})
        assert (answer.headers["X-Secrets-Removed"], answer.json()["secrets_removed"]) == ("1", 1)
        refused = door.http.post("/v1/items/999999/gates", json={"note": f"after {OWN}"})
        assert "X-Secrets-Removed" not in refused.headers
    elif isinstance(door, CommandDoor):
        said = door._cli("gate", "add", done["item_id"], "--note", f"after {OWN}")
        assert "1 secret was removed from what you gave" in said.err
        (tmp_path / "c.md").write_text(f"# C\n\n{OWN}\n")
        (tmp_path / "d.md").write_bytes(b"\xff")
        both = door._cli("ingest", "c.md", "d.md", "--project", project)
        assert both.code
        assert "1 secret was removed from what you gave" in both.err
    else:
        assert isinstance(door, AgentDoor)
        added = door._call("add_gate", item_id=done["item_id"], note=f"after {OWN}")
        assert added["secrets_removed"] == 1


@pytest.mark.parametrize("way_in", EVERY_DOOR)
def test_a_name_that_is_a_secret_is_refused_in_a_sentence(
    doors: dict[str, Door], tmp_path: Path, way_in: str
):
    door, name = doors[way_in], "sk-" + "a1b2" * 6
    project = f"p-{unused_name()}"
    repo = repository(tmp_path / project)
    door.add_project(project, repo, {})
    with pytest.raises(Refused, match="the story's key holds a secret") as refused:
        door.ingest(project, name, "# Plain\n\nWords.\n")
    assert_none_in(str(refused.value), name)
    with pytest.raises(Refused, match="the project's name holds a secret") as refused:
        door.add_project(name, repo, {})
    assert_none_in(str(refused.value), name)


def test_no_door_shows_a_secret_that_was_stored_before_it_was_known(
    place: World, doors: dict[str, Door], tmp_path: Path
):
    project = f"p-{unused_name()}"
    doors["HTTP"].add_project(project, repository(tmp_path / project), {"conventions": "word"})
    item = doors["HTTP"].ingest(project, "two", "# Plain\n\nword\n")["item_id"]
    store_unseen(place, item, f"About {OWN}")
    try:
        for name, door in doors.items():
            shown = shown_by(door, project, OWN)
            assert any(MASK in one for one in shown), name
            for one in shown:
                assert_none_in(one, OWN)
    finally:  # the other tests look at every row
        store_unseen(place, item, "Plain")


def store_unseen(place: World, item: int, text: str) -> None:
    """Write `text` into rows behind the redactor's back."""
    with psycopg.connect(place.url) as connection:
        connection.execute(
            "UPDATE work_items SET title = %(text)s, story = %(text)s, spec = %(text)s"
            " WHERE id = %(item)s",
            {"text": text, "item": item},
        )
        connection.execute(
            "UPDATE projects SET policy = jsonb_build_object('conventions', %s::text)"
            " WHERE id = (SELECT project_id FROM work_items WHERE id = %s)",
            (text, item),
        )


def given_everywhere(
    door: Door, place: World, project: str, repo: Path, forms: list[str]
) -> Iterator[str]:
    """Give a secret in every place that takes text from a person; yield what the door says."""
    text = " and ".join(forms)

    def said(act: Any, *words: Any, **more: Any) -> str:
        try:
            return json.dumps(act(*words, **more), default=str, ensure_ascii=False)
        except Refused as refused:
            return str(refused)

    conventions = f"Never {text}"
    if isinstance(door, CommandDoor):  # the option takes a file
        file = repo.parent / f"{project}.md"
        file.write_text(conventions, "utf-8")
        conventions = str(file)
    assert "error" not in said(door.add_project, project, repo, {})
    yield said(door.change_project, project, {"conventions": conventions}, [])
    door.ingest(project, "two", "# Plain\n\nWords.\n")
    yield said(door.ingest, project, "two", "# Plain\n\nWords.\n", title=f"About {forms[0]}")
    item = door.item(f"{project}/two")["item"]["id"]
    script = PhaseResult(Verdict.SPEC_AMBIGUOUS, f"is {text}?", questions=(f"why {text}?",))
    place.run(item, script)
    yield said(door.answer, place.issue_of(item), f"because {text}")
    yield said(door.add_gate, item, f"wait for {text}")
    yield said(door.pause, project, f"since {forms[0]}")
    yield said(door.resume, project)
    yield said(door.ingest, project, "one", f"# Use {text}\n\nWith {text}\n")
    yield said(door.ingest, project, None, f"# Without a key, {text}\n\nWith {text}\n")
    # What is refused is quoted back by some doors.
    for form in forms:
        yield said(door.project, form)
        yield said(door.ingest, form, "three", "# Plain\n\nWords.\n")
        yield said(door.add_project, form, repo, {})
        yield said(door.change_project, project, {"builder": form}, [])
        yield said(door.items, project, sort=form)


def shown_by(door: Door, project: str, secret: str) -> list[str]:
    """Everything that a door shows of the project, as it comes out of it."""
    item = door.item(f"{project}/two")["item"]["id"]
    if isinstance(door, HttpDoor):
        paths = [f"/v1/items/{item}", f"/v1/items/{item}/spec", f"/v1/items/{item}/diff"]
        paths += ["/v1/issues?state=all", "/v1/events?after=0&limit=200", "/v1/stats"]
        paths += ["/v1/gates?state=all", f"/v1/projects/{project}", "/v1/projects"]
        answers = [door.http.get(path) for path in paths]
        answers.append(door.http.get("/v1/items", params={"text": secret}))
        return [f"{answer.headers}{answer.text}" for answer in answers]
    if isinstance(door, AgentDoor):
        agent = door._agent
        calls: list[tuple[str, dict[str, Any]]] = [
            ("get_item", {"item_id": item}),
            ("list_items", {"text": secret}),
            ("list_questions", {"everything": True}),
            ("list_events", {"after": 0}),
            ("list_gates", {"item_id": item}),
            ("get_project", {"name": project}),
            ("get_log", {"item_id": item}),
            ("get_diff", {"item_id": item}),
            ("stats", {}),
        ]
        return [agent.result(name, **more).model_dump_json() for name, more in calls] + [
            agent.read(f"damascus://items/{item}")
        ]
    assert isinstance(door, CommandDoor)
    words: list[list[object]] = [["show", item], ["show", item, "--json"], ["issues", "--all"]]
    words += [["events", "--item", item], ["gate", "list", "--all"], ["project", "show", project]]
    words += [["items", "--project", project], ["items", "--text", secret], ["status"]]
    words += [["show", item, "--log"], ["show", item, "--diff"], ["cancel", secret]]
    words += [["retry", item, "--phase", secret], [secret], ["show", item, f"--{secret}"]]
    ran = [door._cli(*each) for each in words]
    return [f"{one.out}{one.err}" for one in ran]


def relayed(cli: CommandLine, directory: Path) -> str:
    """What the relay's sink of JSON lines holds of all events."""
    file = directory / f"{unused_name()}.jsonl"
    cli.set(relay_jsonl=str(file))
    ran = cli("relay", "--once")
    assert ran.code == 0, ran
    return ran.out + ran.err + file.read_text("utf-8")


def unused_name() -> str:
    return secrets.token_hex(4)


def repository(path: Path) -> Path:
    path.mkdir()
    for words in (("init", "-qb", "main"), ("commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=path, check=True
        )
    return path


def all_rows(place: World) -> str:
    with place.db.connection() as connection:
        tables = connection.execute(
            "SELECT quote_ident(table_name) AS name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        return "\n".join(
            str(row["line"])
            for table in tables
            for row in connection.execute(f"SELECT t::text AS line FROM {table['name']} AS t")  # noqa: S608 - names of tables, quoted
        )


def assert_none_in(text: str, secret: str) -> None:
    """Neither half of the secret stands in `text`, in whatever case a key is written."""
    half = len(secret) // 2
    for part in (secret[:half], secret[half:]):
        assert part.lower() not in text.lower(), text
