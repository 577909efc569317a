"""Items, people's answers, gates, events, costs and the status through the command line."""

from __future__ import annotations

import socket
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
    spend,
    until_idle,
)
from support.scripted_tasks import as_url

QUESTION = PhaseResult(Verdict.SPEC_AMBIGUOUS, "Which one?", questions=("This or that?",))


@pytest.fixture
def store(db):
    store = make_store(db)
    add_project(store)
    return store


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url, store):  # noqa: ARG001 - its project is there
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url))
    return cli


@pytest.fixture
def run(db):
    """Run cycles with these steps until nothing can be claimed."""

    def run(*steps):
        cycle, heart = make_cycle(db, Script().then(*steps))
        try:
            return until_idle(cycle)
        finally:
            heart.close()

    return run


# -- reading ---------------------------------------------------------------------------------------


def test_items_are_listed_newest_first_page_by_page(cli, store):
    for number in range(5):
        accept(store, f"s{number}")
    page = cli("items", "--limit", "2", "--json", code=0).json
    assert [item["id"] for item in page["items"]] == [5, 4]
    older = cli("items", "--limit", "9", "--before", page["next_before"], "--json", code=0).json
    assert [item["id"] for item in older["items"]] == [3, 2, 1]
    assert older["next_before"] is None
    assert "alpha/s4" in cli("items", code=0).out


def test_items_are_chosen_by_project_and_phase(cli, store, run):
    add_project(store, "beta")
    accept(store)
    run()
    accept(store, project="beta")

    def chosen(*words):
        return [item["id"] for item in cli("items", *words, "--json", code=0).json["items"]]

    assert chosen("--phase", "merged") == [1]
    assert chosen("--phase", "merged", "--phase", "spec") == [2, 1]
    assert chosen("--project", "beta") == [2]
    cli("items", "--project", "gamma", code=4)
    assert "no phase 'done'" in cli("items", "--phase", "done", code=2).err


def test_items_are_found_by_words_sorted_and_paged(cli, store, run):
    for key in ("first", "second", "third"):
        accept(store, key, budget_cycles=1)
    run(Verdict.SPEC_WRONG)

    def keys(*words):
        return [item["key"] for item in cli("items", *words, "--json", code=0).json["items"]]

    assert keys("--text", "story sec") == ["second"]
    assert keys("--text", "3") == ["third"]
    assert keys("--failing") == ["first"]
    assert keys("--sort", "id") == ["first", "second", "third"]
    assert "no order 'size'" in cli("items", "--sort", "size", code=2).err
    page = cli("items", "--sort", "id", "--limit", "2", "--json", code=0).json
    assert page["next_before"] is None
    rest = ("items", "--sort", "id", "--limit", "2", "--cursor", page["next_cursor"])
    assert [item["key"] for item in cli(*rest, "--json", code=0).json["items"]] == ["third"]
    assert "--cursor" in cli("items", "--sort", "id", "--limit", "2", code=0).out
    assert "begin without it" in cli("items", "--cursor", page["next_cursor"], code=2).err


def test_show_tells_the_whole_story_of_an_item(cli, store, run):
    accept(store)
    run()
    page = cli("show", "alpha/story", "--json", code=0).json
    assert page["item"]["phase"] == "merged"
    assert [r["phase"] for r in page["runs"]] == ["review", "build", "spec"]
    assert page["events"][0]["type"] == "work.ingested"
    assert page["events"][-1]["type"] == "work.merged"
    assert page["item"]["spent_usd"] is None
    shown = cli("show", "1", code=0).out
    for text in ("Do it.", "merged as", "c" * 40, "work.spec_ready", "pytest -q", "Runs"):
        assert text in shown


def test_show_of_nothing_is_not_found(cli):
    for ref in ("1", "alpha/nothing", "nobody/nothing"):
        assert cli("show", ref, code=4).err
    for ref in ("x", "/x", "alpha/", "0", "-0", str(2**64)):
        assert cli("show", "--", ref, code=2).err


def test_show_can_print_the_log_of_the_last_run(cli, store, db):
    accept(store)
    assert "no run" in cli("show", "1", "--log", code=4).err
    log = cli.place / "run.log"
    log.write_bytes(b"one \x1b[31mred\x1b[0m\n\xff\ntwo [bold]\r\n")
    claims = make_claims(db)
    claim = claims.claim()
    claims.start(claim)
    claims.known(claim, log_path=str(log))
    assert cli("show", "1", "--log", code=0).out == "one red\n\ufffd\ntwo [bold]\n"
    assert cli("show", "1", "--log", "--json", code=0).json["log"].startswith("one red")
    assert "damascus show 1 --log" in cli("show", "1", code=0).out
    assert cli("show", "1", "--log", "--run", "1", code=0).out.startswith("one red")
    assert "damascus show 1" in cli("show", "1", "--log", "--run", "9", code=4).err
    assert "--log" in cli("show", "1", "--run", "1", code=2).err
    log.unlink()
    gone = cli("show", "1", "--log", code=4).err
    assert "worker w1" in gone
    assert f"is on the machine w1, not on this one: {log}" in gone


def test_a_log_that_is_gone_from_this_machine_is_not_looked_for_on_it(cli, store, db):
    accept(store)
    claims = make_claims(db, worker=f"{socket.gethostname()}-77")
    claim = claims.claim()
    claims.start(claim)
    claims.known(claim, log_path=str(cli.place / "gone.log"))
    assert "on this machine, but its log is not there" in cli("show", "1", "--log", code=4).err


def test_show_can_print_what_a_branch_changes(cli, store):
    accept(store)
    assert "has built nothing yet" in cli("show", "1", "--diff", code=4).err
    assert (
        "choose one of --log, --diff and --evidence"
        in cli("show", "1", "--diff", "--log", code=2).err
    )


def test_what_comes_from_outside_never_moves_the_terminal(cli, run):
    nasty = "\x1b]0;owned\x07\x1b[2J[bold]x[/bold] \u202eevil"
    cli("ingest", "-", "--key", "k", "--title", nasty, stdin=f"# T\n{nasty}\n".encode(), code=0)
    run(PhaseResult(Verdict.SPEC_AMBIGUOUS, nasty, questions=(nasty,)))
    for words in (("items",), ("show", "1"), ("issues",), ("events",), ("status",)):
        for more in ((), ("--json",)):
            out = cli(*words, *more, code=0).out
            assert not set(out) & set("\x1b\x07\u202e")
    assert "[bold]x[/bold]" in cli("items").out


def test_status_shows_live_claims_slots_queue_and_spend(cli, store, db):
    accept(store, "one")
    accept(store, "two")
    claims = make_claims(db, worker="worker-7")
    context = claims.start(claims.claim())
    spend(db, context, Cost("m", 10, 5, Decimal("0.25")))
    spend(db, context, Cost("m"))
    view = cli("status", "--json", code=0).json
    assert view["slots"] == {"cap": 4, "used": 1, "free": 3}
    claim = view["workers"][0]
    assert (claim["worker"], claim["phase"], claim["item_id"]) == ("worker-7", "spec", 1)
    assert claim["age_seconds"] >= 0
    assert claim["heartbeat_seconds"] >= 0
    assert (view["phases"]["spec"]["ready"], view["phases"]["spec"]["running"]) == (1, 1)
    assert view["phases"]["blocked"]["items"] == 0
    assert view["phases"]["spec"]["oldest_seconds"] >= 0
    spent = view["spend"]["last_24h"]
    assert (spent["usd"], spent["input_tokens"], spent["unmeasured"]) == ("0.250000", 10, 1)
    people = cli("status", code=0).out
    for text in ("1 of 4 used, 3 free", "worker-7", "alpha/one", "$0.2500", "1 calls unmeasured"):
        assert text in people


def test_costs_are_summed_and_what_nobody_measured_is_said(cli, store, db):
    assert cli("costs", code=0).out == "nothing was spent\n"
    accept(store)
    claims = make_claims(db)
    context = claims.start(claims.claim())
    spend(db, context, Cost("m", 10, 5, Decimal("0.25")))
    spend(db, context, Cost("m"))
    found = cli(
        "costs", "--project", "alpha", "--item", "1", "--since", "7d", "--json", code=0
    ).json
    assert found["since_seconds"] == 7 * 86400
    assert found["costs"][0]["usd"] == "0.250000"
    assert found["costs"][0]["output_tokens"] == 5
    assert found["total"] == {"usd": "0.250000", "calls": 2, "unmeasured": 1}
    assert "total: $0.2500, and 1 calls unmeasured" in cli("costs", code=0).out
    cli("costs", "--item", "9", code=4)


def test_budgets_by_day_and_month_are_set_shown_and_refused_where_they_are_none(cli):
    cli(
        "project", "change", "alpha", "--budget-usd-day", "7.50", "--budget-usd-month", "90", code=0
    )
    found = {one["budget"]: one for one in cli("costs", "--json", code=0).json["budgets"]}
    assert {name: one["budget_usd"] for name, one in found.items()} == {"day": "7.5", "month": "90"}
    assert found["day"]["turns_at"] <= found["month"]["turns_at"]
    assert "budget alpha, day" in cli("status", code=0).out
    assert "$0.0000 of $7.5000 spent; turns at" in cli("costs", code=0).out
    for wrong in ("-1", "much", "1e99"):
        assert cli("project", "change", "alpha", "--budget-usd-day", wrong).code == 2
    cli("project", "change", "alpha", "--unset", "budget-usd-day", code=0)
    assert [one["budget"] for one in cli("costs", "--json", code=0).json["budgets"]] == ["month"]


def test_events_are_told_in_order(cli, store, run):
    accept(store)
    run()
    accept(store, "other")
    events = cli("events", "--item", "alpha/story", "--json", code=0).json["events"]
    assert [e["type"] for e in events] == [
        "work.ingested",
        "work.spec_ready",
        "work.built",
        "work.merged",
    ]
    later = cli("events", "--after", events[-1]["seq"], "--json", code=0).json["events"]
    assert [e["item_id"] for e in later] == [2]
    assert "spec -> build" in cli("events", code=0).out
    assert cli("events", "--limit", "1", code=0).out.count("\n") == 1


# -- acting ----------------------------------------------------------------------------------------


def test_a_question_is_answered_with_text_a_file_or_stdin(cli, store, run):
    accept(store)
    (cli.place / "answer.txt").write_text("That.\n")
    ways = (
        ("answer", 1, "This."),
        ("answer", 2, "--file", "answer.txt"),
        ("answer", 3, "-", "--json"),
    )
    for number, words in enumerate(ways, 1):
        run(QUESTION)
        assert "This or that?" in cli("issues", code=0).out
        assert f"damascus answer {number}" in cli("issues", code=0).out
        assert "give the answer as text" in cli("answer", number, code=2).err
        said = cli(*words, stdin=b"Both.\n", code=0)
    assert said.json == {"issue_id": 3, "item_id": 1, "phase": "spec", "secrets_removed": 0}
    assert cli("issues", code=0).out == "no open issues\n"
    everything = cli("issues", "--all", "--json", code=0).json["issues"]
    assert [issue["answer"] for issue in everything] == ["This.", "That.", "Both."]
    assert "answered already" in cli("answer", 1, "Again.", code=5).err


@pytest.mark.parametrize(
    "words",
    [
        (" ",),
        ("-",),
        ("--file", "nowhere.txt"),
        ("--file", "empty.txt"),
        ("--file", "nul.txt"),
        ("--file", "."),
    ],
)
def test_an_answer_that_cannot_be_kept_changes_nothing(cli, store, run, words):
    (cli.place / "empty.txt").touch()
    (cli.place / "nul.txt").write_bytes(b"a\0b")
    accept(store)
    run(QUESTION)
    cli("answer", 1, *words, code=2)
    assert len(cli("issues", "--json").json["issues"]) == 1


def test_a_blocked_item_is_retried_raised_or_given_up(cli, store, run):
    accept(store, budget_cycles=1)
    run(Verdict.SPEC_WRONG)
    issue = cli("issues", "--json").json["issues"][0]["id"]
    assert "--retry" in cli("answer", issue, code=2).err
    assert "no spec yet" in cli("retry", "1", "--phase", "build", code=2).err
    said = cli("answer", issue, "--retry", "--budget-cycles", "4", "--phase", "spec", code=0)
    assert "goes on in spec" in said.out
    item = cli("show", "1", "--json").json["item"]
    assert (item["attempts"], item["budget_cycles"]) == (0, 4)
    assert "not blocked" in cli("retry", "1", code=5).err
    run(*[Verdict.SPEC_WRONG] * 4)
    assert "goes on in spec" in cli("retry", "alpha/story", "--budget-usd", "2", code=0).out
    run(*[Verdict.SPEC_WRONG] * 4)
    issue = cli("issues", "--json").json["issues"][0]["id"]
    assert "is cancelled" in cli("answer", issue, "--cancel", code=0).out
    assert "cancelled already" in cli("cancel", "1", code=5).err


def test_an_item_can_be_changed_and_cancelled(cli, store):
    accept(store)
    cli("change", "1", "--priority", "0", "--budget-usd", "3", code=0)
    item = cli("show", "1", "--json").json["item"]
    assert (item["priority"], item["budget_usd"]) == (0, "3.0000")
    cli("cancel", "1", "--note", "not wanted", code=0)
    assert "not wanted" in cli("events", code=0).out
    assert "cancelled" in cli("change", "1", "--priority", "1", code=5).err
    for verb in (("cancel",), ("retry",), ("change", "--priority", "1")):
        cli(*verb, "77", code=4)


def test_gates_hold_an_item_until_they_are_opened(cli, store):
    accept(store, "one")
    accept(store, "two")
    assert cli("gate", "add", "2", "--after", "alpha/one", "--json", code=0).json == {
        "gate_id": 1,
        "item_id": 2,
        "secrets_removed": 0,
    }
    assert "waits for" in cli("gate", "add", "2", "--after", "1", code=5).err
    assert "for ever" in cli("gate", "add", "1", "--after", "2", code=5).err
    cli("gate", "add", "1", "--not-before", "2999-01-01T00:00+00:00", code=0)
    cli("gate", "add", "1", "--note", "ask Ada", code=0)
    rows = cli("gate", "list", "--json", code=0).json["gates"]
    assert [(row["item_id"], row["kind"]) for row in rows] == [
        (2, "after_item"),
        (1, "not_before"),
        (1, "manual"),
    ]
    listed = cli("gate", "list", code=0).out
    assert "item 1 (alpha/one, now spec) to be merged" in listed
    assert "ask Ada" in listed
    assert "is waited for by 2" in cli("cancel", "1", code=5).err
    assert "2 behind gates" in cli("cycle", "--json", code=0).json["why_idle"]
    for row in rows:
        cli("gate", "open", row["id"], code=0)
    assert "open already" in cli("gate", "open", "1", code=5).err
    cli("gate", "open", "99", code=4)
    assert cli("gate", "list", code=0).out == "no closed gates\n"
    assert len(cli("gate", "list", "--all", "--item", "1", "--json").json["gates"]) == 2


def test_issues_are_read_page_by_page(cli, store, run):
    for key in ("one", "two", "three"):
        accept(store, key)
    run(QUESTION, QUESTION, QUESTION)
    first = cli("issues", "--limit", "2", "--json", code=0).json
    assert len(first["issues"]) == 2
    rest = cli("issues", "--limit", "2", "--cursor", first["next_cursor"], "--json", code=0).json
    assert [len(rest["issues"]), rest["next_cursor"]] == [1, None]
    assert f"--cursor {first['next_cursor']}" in cli("issues", "--limit", "2", code=0).out
    refused = cli("issues", "--cursor", "nonsense", code=2).err
    assert refused.count("\n") == 1


def test_gates_of_one_project_are_listed_alone(cli, store):
    add_project(store, "beta")
    accept(store, "one")
    other = accept(store, "two", project="beta")
    for item in ("1", str(other)):
        cli("gate", "add", item, code=0)
    listed = cli("gate", "list", "--project", "beta", "--json", code=0).json["gates"]
    assert [gate["project"] for gate in listed] == ["beta"]
    assert "no project" in cli("gate", "list", "--project", "nope", code=4).err
