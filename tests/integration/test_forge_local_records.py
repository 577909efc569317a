"""The file with a local repository's pull requests: what an older Damascus left, and faults."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from damascus.errors import ForgeError, ForgeUnreachableError
from damascus.forge import local_git
from damascus.forge.local import LocalForge
from damascus.forge.local_store import LocalStore
from support.forge_worlds import LocalWorld
from support.patience import patience

MARK = "<!-- damascus:1 -->"
MERGED = "d" * 40


@pytest.fixture
def world(tmp_path):
    return LocalWorld(tmp_path, bare=True)


def database(world):
    return world.git_dir / "damascus-pulls.db"


def record(world):
    return world.git_dir / "damascus-pulls.json"


def an_old_record(world):
    """What the version before wrote: an open, a closed and a merged pull request."""
    sha = world.feature()
    common = {"title": "Ä title", "body": "Why\ud800.", "base": "main", "pending": None}
    opened = {"state": "open", "merged": False, "merge_sha": None}
    closed, merged = {**opened, "state": "closed"}, {"state": "closed", "merged": True}
    pulls = [
        {**common, **closed, "number": 1, "head": "gone", "head_sha": sha, "comments": []},
        {**common, **opened, "number": 2, "head": "feature", "head_sha": sha,
         "comments": ["first", "second"]},
        {**common, **merged, "number": 3, "head": "done", "head_sha": sha, "merge_sha": MERGED,
         "comments": []},
    ]  # fmt: skip
    statuses = {sha: {"state": "success", "description": "green"}}
    return {"version": 1, "pulls": pulls, "statuses": statuses}


def seen(world):
    """All that can be read of an old record."""
    shown = [(one.number, one.state, one.merge_sha) for one in world.forge.pulls()]
    return shown, world.comments(2), world.status(world.head("feature"))


ALL = (
    [(3, "closed", MERGED), (2, "open", None), (1, "closed", None)],
    ["first", "second"],
    ("success", "green"),
)


def test_what_an_older_damascus_kept_is_taken_over(world):
    record(world).write_text(json.dumps(an_old_record(world), indent=1))
    assert seen(world) == ALL
    again = world.forge.ensure_pull(head="feature", base="main", title="T", body="")
    assert again.number == 2
    assert world.open("next").number == 4


def test_an_older_damascus_learns_that_the_pull_requests_are_elsewhere(world):
    record(world).write_text(json.dumps(an_old_record(world)))
    world.forge.pull(2)
    note = json.loads(record(world).read_text())
    assert note == {"version": 2, "database": "damascus-pulls.db"}
    assert sorted(path.name for path in world.git_dir.glob("damascus-pulls.*")) == [
        *("damascus-pulls.db", "damascus-pulls.json", "damascus-pulls.lock"),
    ]


def test_those_who_come_at_once_take_it_over_once(world):
    record(world).write_text(json.dumps(an_old_record(world)))
    gate = threading.Barrier(6)

    def add(number):
        forge = LocalForge(world.path)
        gate.wait(patience(30))
        forge.comment(2, f"<{number}>", marker=f"<{number}>")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    shown, comments, status = seen(world)
    assert (shown, comments[:2], status) == ALL
    assert sorted(comments[2:]) == [f"<{number}>" for number in range(6)]


_DIE = """
import os, signal, sys
from pathlib import Path
from damascus.forge import local_records, local_takeover
from damascus.forge import local_git
from damascus.forge.local import LocalForge
path, where = sys.argv[1:]
def die(*args, **named):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "within the rows":
    local_records.LocalRecords.set_status = die
elif where == "before the note":
    local_takeover._write_note = die
else:
    note = local_takeover._write_note
    def noted(*args):
        note(*args)
        if where == "before the name":
            die()
    local_takeover._write_note = noted
LocalForge(path).pull(2)
die()
"""


@pytest.mark.parametrize(
    "where", ["within the rows", "before the note", "before the name", "at the end"]
)
def test_a_kill_during_the_taking_over_loses_nothing(world, where):
    record(world).write_text(json.dumps(an_old_record(world)))
    died = subprocess.run(
        [sys.executable, "-c", _DIE, world.path, where],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=patience(60),
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert database(world).exists() is (where == "at the end")
    assert seen(world) == ALL
    assert not [*world.git_dir.glob("damascus-pulls.new*")]


DAMAGED = [
    "{",
    "[]",
    '{"version": 1}',
    '{"version": 1, "pulls": [{}], "statuses": {}}',
    '{"version": 1, "pulls": [], "statuses": {"a": {"state": {}, "description": ""}}}',
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_old_record_is_said_to_be_and_left_alone(world, text):
    world.feature()
    record(world).write_text(text)
    with pytest.raises(ForgeError, match=r"damascus-pulls\.json is damaged; repair it"):
        world.forge.pull(1)
    with pytest.raises(ForgeError, match=r"damascus-pulls\.json is damaged; repair it"):
        world.open("other")
    assert record(world).read_text() == text
    assert not database(world).exists()


def test_an_old_record_whose_numbers_are_not_in_order_is_damaged(world):
    old = an_old_record(world)
    old["pulls"][1]["number"] = 1
    record(world).write_text(json.dumps(old))
    with pytest.raises(ForgeError, match="damaged"):
        world.forge.pull(1)
    assert json.loads(record(world).read_text()) == old


def test_a_record_of_a_version_nobody_knows_is_left_alone(world):
    text = '{"version": 99, "pulls": [], "statuses": {}}'
    record(world).write_text(text)
    with pytest.raises(ForgeError, match="another version"):
        world.forge.pull(1)
    assert record(world).read_text() == text


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0" + b"x" * 4096])
def test_a_damaged_database_is_said_to_be_and_left_alone(world, data):
    world.open()
    database(world).write_bytes(data)
    for act in (
        lambda: world.forge.pull(1),
        world.forge.pulls,
        lambda: world.forge.comment(1, MARK, marker=MARK),
    ):
        with pytest.raises(ForgeError, match=r"damascus-pulls\.db is damaged; repair it, or move"):
            act()
    assert database(world).read_bytes() == data
    database(world).rename(world.git_dir / "elsewhere")
    assert world.open("other").number == 1


def test_a_database_of_a_newer_damascus_is_left_alone(world):
    world.open()
    with closing(sqlite3.connect(database(world))) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = database(world).read_bytes()
    with pytest.raises(ForgeError, match="written by a newer version of Damascus; update this one"):
        world.forge.pull(1)
    with pytest.raises(ForgeError, match="newer version"):
        world.forge.comment(1, MARK, marker=MARK)
    assert database(world).read_bytes() == before


def test_a_reader_waits_for_a_bounded_time_and_says_so(world):
    world.open()
    impatient = LocalForge(world.path, lock_seconds=0.05)
    with closing(sqlite3.connect(database(world), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ForgeUnreachableError, match=r"db has been held by another process"):
            impatient.pull(1)
        other.execute("ROLLBACK")
    assert impatient.pull(1).number == 1


def test_who_only_reads_leaves_nothing_behind(world):
    assert world.forge.pulls() == []
    with pytest.raises(ForgeError, match="no pull request #1"):
        world.forge.pull(1)
    assert [*world.git_dir.glob("damascus-pulls*")] == []


@pytest.mark.parametrize("number", [0, -1, 2, 1 << 70])
def test_a_number_that_no_pull_request_has_is_not_found(world, number):
    world.open()
    with pytest.raises(ForgeError, match="no pull request") as caught:
        world.forge.pull(number)
    assert caught.value.status == 404


def test_a_lock_that_cannot_be_had_is_a_sentence(world):
    world.feature()
    (world.git_dir / "damascus-pulls.lock").mkdir()
    with pytest.raises(ForgeError, match=r"damascus-pulls\.lock cannot be used: Is a directory"):
        world.forge.ensure_pull(head="feature", base="main", title="T", body="")


def test_everything_that_is_looked_up_has_an_index(world):
    world.open()
    statements = []
    store = LocalStore(world.git_dir)
    with store.locked() as records:
        connection = records._connection
        connection.set_trace_callback(statements.append)
        pull = records.pull(1)
        records.open_pull("feature", "main")
        records.next_number()
        records.save(pull)
        records.comments(1)
        records.add_comment(1, "x")
        records.status("a")
        records.set_status("a", state="success", description="")
        records.close_open_at("feature")
        connection.set_trace_callback(None)
        plans = [
            (statement, row[3])
            for statement in statements
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert len(statements) == 9
    assert [plan for plan in plans if "SCAN" in plan[1]] == []


def test_an_audit_asks_git_once_however_many_pull_requests_are_open(world, monkeypatch):
    asked = []
    run = local_git.run

    def counted(*args, **named):
        asked.append(args)
        return run(*args, **named)

    def audit():
        asked.clear()
        shown = [(pull.head_branch, pull.head_sha) for pull in world.forge.pulls()]
        return shown, len(asked)

    first = world.open("one")
    monkeypatch.setattr(local_git, "run", counted)
    shown, least = audit()
    assert shown == [("one", first.head_sha)]
    second = world.open("two")
    moved = world.commit("one", {"more.txt": "more\n"})
    assert audit() == ([("two", second.head_sha), ("one", moved)], least)
    world.forge.delete_branch("two")
    assert audit() == ([("two", second.head_sha), ("one", moved)], least)
