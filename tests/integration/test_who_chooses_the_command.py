"""Questions about test commands: one for a command of a project, whoever waits for it."""

from __future__ import annotations

import threading

import pytest

from damascus.audit.verify import verify
from damascus.domain.consent import Choice
from damascus.domain.work import Phase, PhaseContext, PhaseResult, Verdict
from damascus.errors import IssueAnsweredAlreadyError, IssueNeedsTextError
from support.cycles import (
    Script,
    accept,
    add_project,
    make_claims,
    make_cycle,
    make_store,
    until_idle,
)

SPEC = "## Goal\n\nDo it.\n"


def proposing(*argv: str) -> PhaseResult:
    return PhaseResult(
        Verdict.SPEC_AMBIGUOUS,
        f"May `{' '.join(argv)}` be the test command?",
        {"asked": "It ran 3 tests.", "proposed_for": "x"},
        asks_about_command=True,
        spec=SPEC,
        test_command=argv,
    )


class Proposals(Script):
    """Specs that propose commands, by the key of their item, until the project has one."""

    def __init__(self, store, **commands) -> None:
        super().__init__()
        self.store = store
        self.commands = commands

    def run(self, context: PhaseContext, _tools: object) -> PhaseResult:
        self.runs.append(context)
        if context.claim.phase is Phase.SPEC:
            argv = context.project.test_command
            if argv is None:
                return proposing(*self.commands[context.item.key].split())
            return PhaseResult(Verdict.PASS, "a spec", spec=SPEC, test_command=argv)
        self.runs.pop()
        return super().run(context, _tools)


@pytest.fixture
def store(db):
    made = make_store(db)
    add_project(made)
    return made


def phases(store, *items):
    return [store.items.get(item)["phase"] for item in items]


def opened(store):
    return store.issues.list()


def started(db, store, **commands):
    script = Proposals(store, **commands)
    cycle, _ = make_cycle(db, script)
    items = [accept(store, key) for key in commands]
    until_idle(cycle)
    return script, cycle, items


def sound(db):
    assert verify(db).problems == []


def test_items_that_propose_one_command_wait_for_one_question_and_go_on_together(db, store):
    _, cycle, items = started(db, store, a="pytest -q", b="pytest -q")
    (issue,) = opened(store)
    assert issue["test_command"] == ["pytest", "-q"]
    assert issue["item_id"] is None
    assert issue["body"] == "It ran 3 tests."
    assert phases(store, *items) == ["awaiting_human"] * 2
    assert [store.items.get(item)["attempts"] for item in items] == [0, 0]
    assert [i["id"] for i in store.issues.of_item(items[1], limit=9)] == [issue["id"]]
    sound(db)

    assert store.issues.answer(issue["id"], actor="cli:ann", text="yes") is Phase.SPEC
    assert store.projects.get("alpha").test_command == ("pytest", "-q")
    until_idle(cycle)
    assert phases(store, *items) == ["merged", "merged"]
    assert opened(store) == []
    changed = [e for e in store.outbox.events(limit=99) if e["type"] == "project.changed"]
    assert [(e["actor"], e["data"]["test_command"]) for e in changed] == [
        ("cli:ann", ["pytest", "-q"])
    ]
    sound(db)


def test_other_commands_have_questions_of_their_own_that_a_yes_settles_too(db, store):
    _, cycle, items = started(db, store, a="pytest -q", b="make test")
    first, second = opened(store)
    store.issues.answer(second["id"], actor="cli:ann", text="yes")
    assert store.issues.get(first["id"])["choice"] == Choice.SETTLED
    assert store.issues.get(second["id"])["choice"] == Choice.PINNED
    until_idle(cycle)
    assert phases(store, *items) == ["merged", "merged"]
    assert store.items.get(items[0])["test_command"] == ["make", "test"]
    sound(db)


def test_a_no_moves_only_those_who_proposed_it_and_is_remembered(db, store):
    script, cycle, items = started(db, store, a="pytest -q", b="make test")
    first, second = opened(store)
    store.issues.answer(first["id"], actor="cli:ann", text="no")
    assert phases(store, *items) == ["spec", "awaiting_human"]
    assert store.projects.get("alpha").test_command is None
    script.commands["a"] = "make test"
    until_idle(cycle)
    assert script.runs[-1].commands.refused == (("pytest", "-q"),)
    assert [i["id"] for i in opened(store)] == [second["id"]]
    sound(db)


def test_a_command_that_a_person_names_reaches_the_next_spec_to_be_tried(db, store):
    script, cycle, items = started(db, store, a="pytest -q")
    store.issues.answer(opened(store)[0]["id"], actor="cli:ann", text="make check")
    assert store.projects.get("alpha").test_command is None, "it has not been tried yet"
    claims = make_claims(db)
    claim = claims.claim()
    context = claims.start(claim)
    assert context.commands.named == ("make", "check")
    assert context.commands.named_by == "cli:ann"
    claims.pin_test_command(claim, ("make", "check"), actor="cli:ann")
    claims.release(claim, reason="shutdown")
    assert store.projects.get("alpha").test_command == ("make", "check")
    store.projects.change("alpha", policy={}, columns={}, unset=["test_command"], actor="cli:ann")
    claim = claims.claim()
    assert claims.start(claim).commands.named is None, "a pin that was taken back stays away"
    claims.release(claim, reason="shutdown")
    script.commands["a"] = "make check"
    until_idle(cycle)
    assert phases(store, *items) == ["awaiting_human"]
    sound(db)


@pytest.mark.parametrize(
    "policy", [{"test_command": ["make", "check"]}, {"test_command_policy": "trust-spec"}]
)
def test_a_project_that_is_told_its_command_otherwise_lets_them_go_on(db, store, policy):
    _, _, items = started(db, store, a="pytest -q", b="make test")
    store.projects.change("alpha", policy=policy, columns={}, actor="cli:ann")
    assert phases(store, *items) == ["spec", "spec"]
    assert opened(store) == []
    sound(db)


def test_an_item_that_asks_in_the_moment_of_the_answer_does_not_wait_for_ever(db, store):
    script = Proposals(store, a="pytest -q", b="pytest -q")
    cycle, _ = make_cycle(db, script)
    first, second = accept(store, "a"), accept(store, "b")
    cycle.tick()
    (issue,) = opened(store)
    asked, answered = threading.Event(), threading.Event()
    propose = script.run

    def slow(context, tools):
        result = propose(context, tools)
        asked.set()
        assert answered.wait(60)
        return result

    script.run = slow  # type: ignore[method-assign]
    late, _ = make_cycle(db, script, worker="w2")
    thread = threading.Thread(target=late.tick)
    thread.start()
    assert asked.wait(60)
    store.issues.answer(issue["id"], actor="cli:ann", text="yes")
    answered.set()
    thread.join(60)
    assert phases(store, first, second) == ["spec", "spec"]
    assert opened(store) == []
    sound(db)


def test_a_cancelled_item_leaves_the_question_to_the_others(db, store):
    _, cycle, items = started(db, store, a="pytest -q", b="pytest -q")
    store.items.cancel(items[0], actor="cli:ann")
    (issue,) = opened(store)
    sound(db)
    store.issues.answer(issue["id"], actor="cli:ann", text="yes")
    until_idle(cycle)
    assert phases(store, *items) == ["cancelled", "merged"]
    sound(db)


def test_the_list_shows_the_question_that_an_item_waits_for(db, store):
    from damascus.state.item_lists import Wanted  # noqa: PLC0415 - one use

    _, _, items = started(db, store, a="pytest -q", b="pytest -q")
    (issue,) = opened(store)
    rows = store.items.list(Wanted())
    assert {row["id"]: row["issue_id"] for row in rows} == dict.fromkeys(items, issue["id"])


def test_it_is_answered_once_and_with_a_text(db, store):
    started(db, store, a="pytest -q")
    (issue,) = opened(store)
    with pytest.raises(IssueNeedsTextError):
        store.issues.answer(issue["id"], actor="cli:ann", choice="cancel")
    store.issues.answer(issue["id"], actor="cli:ann", text="yes")
    with pytest.raises(IssueAnsweredAlreadyError):
        store.issues.answer(issue["id"], actor="cli:ann", text="no")
