"""`damascus cycle` and `damascus relay`: one step, and what becomes of it."""

from __future__ import annotations

import json
import signal
import socket

import pytest

from damascus.domain.work import Phase, PhaseResult, Verdict
from support.command_line import CommandLine
from support.cycles import Script, accept, add_project, make_cycle, make_store, until_idle
from support.git_repos import BareRepository
from support.processes import Programs
from support.scripted_tasks import as_url

# No spec is paid for where no agent could build it; this one is there, and never started.
AGENT = {"builder": "command", "command_argv": '["true"]'}


@pytest.fixture
def store(db):
    store = make_store(db)
    add_project(store)
    return store


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url, store):  # noqa: ARG001 - its project is there
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url), **AGENT)
    return cli


def test_a_cycle_on_an_empty_queue_is_done(cli):
    assert cli("cycle", code=0).out == "nothing to do: the queue is empty\n"
    assert cli("cycle", "--until-idle", "--json", code=0).json == {
        "ticks": [],
        "idle": True,
        "why_idle": "the queue is empty",
    }


def test_a_cycle_runs_one_step_and_says_what_became_of_it(cli, store):
    accept(store)
    tick = cli("cycle", "--json", code=0).json["ticks"][0]
    assert (tick["item_id"], tick["phase"], tick["verdict"]) == (1, "spec", "error")
    assert "/srv/alpha.git" in tick["summary"]
    idle = cli("cycle", "--until-idle", code=0).out
    assert "1 waiting for their time" in idle
    item = cli("show", "1", "--json").json["item"]
    assert (item["phase"], item["attempts"], item["consecutive_errors"]) == (Phase.SPEC, 0, 1)


def test_what_waits_for_a_person_is_said_when_there_is_nothing_to_do(cli, store, db):
    accept(store)
    question = PhaseResult(Verdict.SPEC_AMBIGUOUS, "Which one?", questions=("This or that?",))
    cycle, heart = make_cycle(db, Script().then(question))
    until_idle(cycle)
    heart.close()
    assert "1 waiting for a person" in cli("cycle", code=0).out


def test_the_relay_sends_what_is_there_and_ends(cli, store):
    accept(store)
    path = cli.place / "events.jsonl"
    cli.set(relay_jsonl=str(path))
    cli("relay", "--once", code=0)
    types = [json.loads(line)["type"] for line in path.read_text().splitlines()]
    assert types == ["project.added", "work.ingested"]
    assert "relay jsonl" in cli("status", code=0).out


def test_sigterm_gives_the_claim_back_and_does_not_spend_the_attempt(tmp_path, store, database_url):
    repository = BareRepository(tmp_path)
    repository.push({"README.md": "hello\n"})
    store.projects.add(
        name="held",
        forge="local",
        repo=str(repository.path),
        base_branch="main",
        policy={},
        actor="test",
    )
    item = accept(store, project="held")
    with socket.socket() as model:  # it takes the call, and never answers
        model.bind(("127.0.0.1", 0))
        model.listen()
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            **{f"DAMASCUS_{name.upper()}": value for name, value in AGENT.items()},
            "DAMASCUS_LLM_MODEL": "openai/slow",
            "DAMASCUS_LLM_API_BASE": f"http://127.0.0.1:{model.getsockname()[1]}",
            "DAMASCUS_LLM_API_KEY": "k",
            "DAMASCUS_SHUTDOWN_GRACE_SECONDS": "0",
        }
        with Programs(tmp_path, **settings) as programs:
            process = programs.start("damascus", "cycle")
            model.settimeout(90)
            with model.accept()[0]:
                process.send_signal(signal.SIGTERM)
                programs.until(lambda: process.poll() is not None)
            row = programs.json("show", str(item))["item"]
    assert process.returncode == 143, programs.log
    assert (row["phase"], row["attempts"], row["claimed_by"]) == ("spec", 0, None)
