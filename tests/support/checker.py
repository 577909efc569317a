"""One checker for every fault test: the promises I1 to I15 over the history, the tables, the forge.

`check(world)` is called when faults have stopped and everything has come to rest.
"""

from collections import Counter
from pathlib import Path

from damascus.audit.verify import verify
from damascus.state.item_lists import Wanted
from damascus.state.outbox import Outbox
from support.fault_world import CANARY, REPO

TABLES = ("projects", "work_items", "phase_runs", "human_issues", "cost_ledger", "events_outbox")


def check(world, *, spent=None, resting=("merged",)):
    """Assert all promises. `spent` is how many attempts each item may have spent at most."""
    items = {
        row["id"]: world.item(row["id"]) for row in world.app.store.items.list(Wanted(limit=10_000))
    }
    _accepted(world, items)
    _one_verdict_per_claim(world)
    _outbox(world)
    report = verify(world.app.db, forge=world.app.forge)
    assert not report.problems, "\n".join(p.what for p in report.problems)  # I2, I3, I6
    _forge(world, items)
    for item in items.values():
        assert item["phase"] in resting, f"item {item['id']} does not rest\n{world.told()}"  # I7
        assert item["claimed_by"] is None
        if spent is not None:
            assert item["attempts"] <= spent, f"{item['attempts']} attempts\n{world.told()}"
    _money(world, items)
    _calls(world)
    _nobody_lives(world)
    _no_secret(world)


def _accepted(world, items):
    """I1: every story that was accepted is one item, and there are no others."""
    accepted = Counter(line["accepted"] for line in world.lines("accepted"))
    keys = Counter(item["key"] for item in items.values())
    assert keys == Counter(accepted.keys()), (accepted, keys)


def _one_verdict_per_claim(world):
    """I2: no two cycles believed that they had written the verdict of one claim."""
    settled = Counter(
        (line["item"], line["epoch"])
        for line in world.lines("outcome")
        if line["outcome"] == "settled"
    )
    assert all(count == 1 for count in settled.values()), settled


def _outbox(world):
    """I8: every event gets its place, once, and in the order of its item."""
    outbox = Outbox(world.app.db)
    while outbox.sequence():
        pass
    seen, after = [], 0
    while batch := outbox.after(after):
        seen += batch
        after = batch[-1].seq
    with world.app.db.connection() as connection:
        (row,) = connection.execute("SELECT count(*) AS n FROM events_outbox").fetchall()
    assert len(seen) == row["n"]
    assert len({event.event_id for event in seen}) == len(seen)
    by_item = {}
    for event in seen:
        assert by_item.get(event.item_id, 0) < event.id, event
        by_item[event.item_id] = event.id


def _forge(world, items):
    """I4, I5, I11: one pull request, one merge, of what was tested, by the forge alone."""
    forge = world.forge
    heads = Counter(pull.head for pull in forge.pulls(REPO))
    assert all(count == 1 for count in heads.values()), heads
    merges = {pull.merge_sha: pull for pull in forge.pulls(REPO) if pull.merged}
    on_base = forge.log(REPO)[:-1]  # the last one is the commit it began with
    assert len(on_base) == len(merges)
    for sha, parents, subject in on_base:
        pull = merges.get(sha)
        assert pull, f"{sha} {subject!r} came to the base past the forge"
        (item,) = [one for one in items.values() if one["pr_number"] == pull.number]
        assert (item["merge_sha"], item["phase"]) == (sha, "merged")
        states = [state for _, state, _ in forge.statuses(REPO, pull.head_sha)]
        assert "success" in states, f"#{pull.number} was merged with {states}"
        runs = world.app.store.runs.of_item(item["id"])
        tested = {(r["base_sha"], r["head_sha"]) for r in runs if r["phase"] == "review"}
        assert tuple(parents) in tested, f"#{pull.number} merged {parents}, tested were {tested}"
    assert not [push for push in forge.pushes(REPO) if push[3] == "refs/heads/main"]


def _money(world, items):
    """I12: nothing costs more than its budget and one call."""
    with world.app.db.connection() as connection:
        rows = connection.execute(
            "SELECT item_id, sum(usd) AS spent, max(usd) AS dearest FROM cost_ledger GROUP BY 1"
        ).fetchall()
    for row in rows:
        budget = items[row["item_id"]]["budget_usd"]
        assert budget is None or row["spent"] <= budget + row["dearest"]


def _calls(world):
    """I15: what was sent, counted where it arrived, stands in the ledger."""
    with world.app.db.connection() as connection:
        rows = connection.execute("SELECT phase FROM cost_ledger").fetchall()
    rows = Counter(row["phase"] for row in rows)
    assert rows["spec"] >= len(world.model.asks), (rows, len(world.model.asks))
    began = [line for line in world.agents() if line["agent"] == "began"]
    assert rows["build"] >= len(began), (rows, began)


def _nobody_lives(world):
    """I9: no agent has outlived its run."""
    for line in world.agents():
        assert not agent_lives(line["pid"]), f"agent {line} still runs"


def agent_lives(pid):
    """Whether a scripted agent has this number. A busy machine soon gives it to another process."""
    try:
        return b"scripted_agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _no_secret(world):
    """I10: the forge's token is in no row, log, pull request or comment."""
    with world.app.db.connection() as connection:
        for table in TABLES:
            found = connection.execute(
                f"SELECT t::text AS row FROM {table} t WHERE t::text LIKE %s",  # noqa: S608 - ours
                [f"%{CANARY}%"],
            ).fetchall()
            assert not found, f"{table}: {found}"
    texts = [one for pull in world.forge.pulls() for one in (pull.title, pull.body)]
    texts += [one.body for pull in world.forge.pulls() for one in pull.comments]
    files = [world.log, world.history_path, world.agents_path, *world.home.rglob("*.log")]
    texts += [file.read_text("utf-8", "replace") for file in files if file.is_file()]
    assert not [text for text in texts if CANARY in text]
