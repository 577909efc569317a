"""What `docs/cli.md` promises of every command: JSON forms, exit codes, one form of error."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from decimal import Decimal

import pytest

from damascus.domain.work import Cost, PhaseResult, Verdict
from support.command_line import CommandLine
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    settle,
    spend,
    until_idle,
)
from support.processes import Programs
from support.scripted_tasks import as_url

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
AMOUNT = re.compile(r"\d+(\.\d+)?")
QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "Which one?", questions=("This or that?",))
READING = (
    ("status",),
    ("items",),
    ("show", "alpha/story"),
    ("show", "alpha/other"),
    ("issues", "--all"),
    ("events",),
    ("costs",),
    ("gate", "list", "--all"),
    ("project", "list"),
    ("project", "show", "alpha"),
    ("token", "list", "--all"),
    ("cycle",),
    ("verify",),
    ("config",),
)


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url))
    return cli


@pytest.fixture
def stocked(cli, db):
    """A merged item with costs, one that waits for a gate and a time, one that asked, a token."""
    store = make_store(db)
    add_project(store)
    cli("project", "change", "alpha", "--budget-usd", "9.5", code=0)
    accept(store)
    claims = make_claims(db)
    context = claims.start(claims.claim())
    spend(db, context, Cost("m", 10, 5, Decimal("0.25")))
    settle(claims, context.claim, Verdict.ERROR)
    cli("cancel", "1", "--note", "no", code=0)
    accept(store, "other")
    cycle, heart = make_cycle(db, Script().then(QUESTION))
    until_idle(cycle)
    heart.close()
    cli("answer", 1, "That.", code=0)
    cli("gate", "add", "2", "--not-before", "2999-01-01T00:00+02:00", code=0)
    cli("token", "create", "ada", "--scope", "read", "--expires", "12h", code=0)
    return cli


FORMS = (
    (re.compile(r"(.*_)?usd"), lambda value: isinstance(value, str) and AMOUNT.fullmatch(value)),
    (
        re.compile(r".*_at|time|at|not_before"),
        lambda value: isinstance(value, str) and MOMENT.fullmatch(value),
    ),
    (re.compile(r"(.*_)?(tokens|calls)|(?!event_).*_id"), lambda value: type(value) is int),
    (re.compile(r".*seconds"), lambda value: type(value) in {int, float}),
)


def wrong_forms(value, name="", place=""):
    """Every place in a JSON document whose form is not the documented one."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from wrong_forms(inner, key, f"{place}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from wrong_forms(inner, name, f"{place}[{number}]")
    elif value is not None:
        for names, has_form in FORMS:
            if names.fullmatch(name) and not has_form(value):
                yield f"{place}: {value!r}"


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_every_document_writes_money_times_and_tokens_in_the_same_form(stocked, words):
    assert list(wrong_forms(stocked(*words, "--json").json)) == []


@pytest.mark.parametrize(
    "words",
    [
        ("show", "{}"),
        ("retry", "{}"),
        ("cancel", "{}"),
        ("change", "{}", "--priority", "1"),
        ("items", "--before", "{}"),
        ("issues", "--item", "{}"),
        ("events", "--item", "{}"),
        ("costs", "--item", "{}"),
        ("gate", "add", "{}"),
        ("gate", "add", "alpha/story", "--after", "{}"),
        ("gate", "list", "--item", "{}"),
    ],
    ids=" ".join,
)
def test_every_place_that_takes_an_item_takes_its_number_or_its_name(cli, db, words):
    add_project(make_store(db))
    accept(make_store(db))
    for ref in ("1", "#1", "alpha/story"):
        assert cli(*(word.format(ref) for word in words)).code in {0, 5}  # 5: not in this phase
    assert cli(*(word.format("alpha/nothing") for word in words)).code == 4


def test_items_before_one_are_the_older_ones(cli, db):
    store = make_store(db)
    add_project(store)
    for key in ("one", "two", "three"):
        accept(store, key)
    older = cli("items", "--before", "alpha/three", "--json", code=0).json["items"]
    assert [item["key"] for item in older] == ["two", "one"]


def test_a_relay_without_a_sink_says_so(cli):
    said = cli("relay", "--once", code=3)
    assert "DAMASCUS_RELAY_JSONL" in said.err
    assert said.err.count("\n") == 1


def test_cancelling_what_others_wait_for_says_how_to_let_them_go(cli, db):
    store = make_store(db)
    add_project(store)
    accept(store)
    accept(store, "later")
    cli("gate", "add", "alpha/later", "--after", "alpha/story", code=0)
    said = cli("cancel", "alpha/story", code=5)
    assert "item 1 is waited for by 2 (alpha/later)" in said.err
    assert "--free" in said.err
    assert "is cancelled" in cli("cancel", "alpha/story", "--free", code=0).out


@pytest.mark.parametrize(
    "words",
    [("status",), ("items", "--json"), ("show", "1"), ("--help",), ("items", "-h"), ("--version",)],
    ids=" ".join,
)
def test_an_output_that_cannot_be_written_is_one_sentence(words, tmp_path, database_url, db):
    add_project(make_store(db))
    accept(make_store(db))
    environment = {"HOME": str(tmp_path), "DAMASCUS_DATABASE_URL": as_url(database_url)}
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            [sys.executable, "-m", "damascus", *words],
            env=environment,
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == ("damascus: the output cannot be written: No space left on device\n")


@pytest.fixture
def programs(tmp_path, database_url):
    settings = {
        "DAMASCUS_DATABASE_URL": as_url(database_url),
        "DAMASCUS_RELAY_JSONL": str(tmp_path / "events.jsonl"),
    }
    with Programs(tmp_path, **settings) as programs:
        yield programs


def test_a_followed_event_has_the_forms_of_a_listed_one(stocked, programs):
    listed = stocked("events", "--json", code=0).json["events"]
    process = programs.start("damascus", "events", "--follow", "--json")
    programs.until(lambda: programs.log.count("\n") >= len(listed))
    process.send_signal(signal.SIGINT)
    programs.until(lambda: process.poll() is not None)
    assert process.returncode == 130
    followed = [json.loads(line) for line in programs.log.splitlines() if line.startswith("{")]
    # What is followed has been given its place; what was listed may not have had it yet.
    assert [{**event, "seq": None} for event in followed] == [
        {**event, "seq": None} for event in listed
    ]


def relay_runs(programs):
    return (programs.home / "events.jsonl").exists()


def sidecar_runs(programs):
    return '"phases"' in programs.log


def api_runs(programs):
    found = re.search(r"listens on (http://\S+)", programs.log)
    if found is None:
        return False
    with suppress(OSError), urllib.request.urlopen(f"{found[1]}/healthz") as answer:  # noqa: S310 - our own
        return answer.status == 200
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (("relay", "--follow"), relay_runs),
        (("sidecar-status", "--listen", "127.0.0.1:0", "--interval", "0.2"), sidecar_runs),
        (("api", "--port", "0"), api_runs),
    ],
    ids=("relay", "sidecar-status", "api"),
)
def test_what_serves_until_it_is_stopped_is_done_when_it_is(db, programs, words, runs, number):
    add_project(make_store(db))
    process = programs.start("damascus", *words)
    programs.until(lambda: runs(programs))
    process.send_signal(number)
    programs.until(lambda: process.poll() is not None)
    assert process.returncode == 0, programs.log
