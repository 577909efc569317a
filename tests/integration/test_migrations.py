"""An older database comes to this version as a whole or not at all, beside its workers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import OperationalError

from damascus.audit.verify import verify
from damascus.crashpoints import VARIABLE, Boundary
from damascus.domain.work import Verdict
from damascus.errors import DatabaseUnreachableError, SchemaError
from damascus.state import schema
from damascus.state.db import Database, connect
from damascus.state.evidence import EvidenceRecords
from damascus.state.migrate import migrate, migrations
from damascus.state.version import REFUSED, VERSION
from support.cycles import Script, accept, add_project, make_claims, make_cycle, make_store, settle
from support.old_schemas import DATA, as_version_1, old_database, rows, structure
from support.patience import wait_until
from support.scripted_tasks import as_url

STEPS = [step.purpose for one in migrations() for step in one.steps]
_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_PARTS = _NAME.split((DATA / "statements-1.sql").read_text("utf-8"))
STATEMENTS_1 = {name: text.strip() for name, text in zip(_PARTS[1::2], _PARTS[2::2], strict=True)}
MORE_ITEMS = """
WITH w AS (
  INSERT INTO work_items (project_id, key, title, story, story_sha)
  SELECT 1, 'more-' || n, 't', 's', encode(sha256(E't\\ns'), 'hex') FROM generate_series(1, 400) n
  RETURNING *
)
INSERT INTO events_outbox (type, project_id, item_id, actor, data)
SELECT 'work.ingested', project_id, id, 'test', jsonb_build_object('to', phase, 'key', key,
  'title', title, 'sha', story_sha, 'epoch', 0, 'attempts', 0, 'budget_cycles', budget_cycles,
  'budget_usd', NULL, 'priority', priority) FROM w
"""
NEW_ITEM = """INSERT INTO work_items (project_id, key, title, story, story_sha)
VALUES (1, 'new', 't', 's', 'x')"""
NEW_RUN = """INSERT INTO phase_runs (item_id, claim_epoch, phase, worker, attempt)
VALUES (1, 99, 'spec', 'old', 1)"""
OLD = {"cap": 8, "stale": timedelta(minutes=30), "worker": "old"}


@pytest.fixture
def old(postgres: str) -> Iterator[str]:
    """A database as the first version left it."""
    with old_database(postgres, 1) as url:
        yield url


@pytest.fixture
def pool(old: str) -> Iterator[Database]:
    database = Database(old)
    yield database
    database.close()


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_database_of_any_version_gets_the_schema_of_a_new_one_and_keeps_its_rows(
    postgres, database_url, version
):
    with old_database(postgres, version) as old:
        before = rows(old)
        done = schema.init(old)
        wanted = migrations()[version - 1 :]
        assert (done.before, done.migrations) == (version, tuple(m.name for m in wanted))
        assert f"from version {version} to {VERSION}: {len(wanted)} migration" in done.sentence
        assert structure(old) == structure(database_url)
        if version == 1:
            before["idempotency_keys"] = before.pop("api_requests")
            before["damascus_schema"] = 0  # its one row was replaced
        before["damascus_schema"] += len(wanted)
        none = dict.fromkeys(("test_baselines", "conditions", "workers"), 0)
        after = rows(old)
        assert after.pop("spend_by_day") > 0  # made of the ledger
        assert after == {**none, **before, "evidence": 1}
        with closing(Database(old)) as pool:
            report = verify(pool)
        assert report.problems == []
        assert report.items == before["work_items"] > 0
        assert "up to date" in schema.init(old).sentence


def test_a_setup_command_of_version_3_becomes_one_that_a_shell_reads_the_same_way(postgres):
    words = ["sh", "-c", "echo 'it's' > \"$HOME/x\""]
    with old_database(postgres, 3) as old:
        before = _policies(old)
        assert before.pop("gamma")["setup_command"] == words
        schema.init(old)
        after = _policies(old)
    gamma = after.pop("gamma")
    assert gamma == {"conventions": "Be brief.", "setup_commands": [shlex.join(words)]}
    assert after == before


def test_what_was_merged_before_evidence_was_kept_says_that_its_exit_status_was_believed(old, pool):
    schema.init(old)
    found = EvidenceRecords(pool).of_item(1, whole=True)
    assert (found["kind"], found["merged"], found["tests"]) == ("exit-status", True, [])
    assert found["command"] == ["pytest", "-q"]
    assert found["lines"] == [found["sentence"]]


def test_the_rows_of_version_1_are_of_every_table_phase_verdict_and_event(old):
    assert [table for table, count in rows(old).items() if count == 0] == []
    with psycopg.connect(old) as connection:
        for column, table in (("phase", "work_items"), ("type", "events_outbox")):
            (kinds,) = connection.execute(
                f"SELECT count(DISTINCT {column}) FROM {table}"  # noqa: S608 - ours
            ).fetchone()
            assert kinds == {"phase": 7, "type": 22}[column]


def test_work_goes_on_where_version_1_left_it(old, pool):
    schema.init(old)
    claims = make_claims(pool)
    taken = []
    while claim := claims.claim():
        taken.append(claim)
        claims.start(claim)
        settle(claims, claim, Verdict.PASS)
        if len(taken) == 12:
            break
    assert any(claim.took_over for claim in taken)
    assert verify(pool).problems == []


def test_an_init_that_loses_its_server_at_any_step_leaves_the_database_as_it_was(old):
    was = structure(old)
    for number, _ in enumerate(STEPS):
        left = number

        def cut(_step: object) -> None:
            nonlocal left
            if left == 0:
                connection.pgconn.finish()
            left -= 1

        with connect(old) as connection, pytest.raises(OperationalError):
            migrate(connection, migrations(), after_step=cut)
        if number % 5 == 0 or number == len(STEPS) - 1:  # a dump takes longer than a migration
            assert structure(old) == was, STEPS[number]
        with connect(old) as look:
            assert look.execute("SELECT version FROM damascus_schema").fetchall() == [
                {"version": 1}
            ], STEPS[number]
    assert schema.init(old).before == 1


@pytest.mark.parametrize("step", [1, len(STEPS) // 2, len(STEPS) + len(migrations())])
def test_an_init_that_is_killed_leaves_the_database_as_it_was(old, step, tmp_path):
    was = structure(old)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DAMASCUS_DATABASE_URL": as_url(old),
        VARIABLE: f"{Boundary.MIGRATING}:{step}",
    }
    command = [sys.executable, "-m", "damascus", "init"]
    killed = subprocess.run(command, env=environment, cwd=tmp_path, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert structure(old) == was
    del environment[VARIABLE]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert f"from version 1 to {VERSION}" in done.stdout


def test_twenty_inits_at_once_migrate_once(old, database_url):
    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(lambda _: schema.init(old), range(20)))
    assert [d.before for d in done if d.migrations] == [1]
    assert structure(old) == structure(database_url)


def test_workers_that_claim_meanwhile_neither_stop_it_nor_see_a_deadlock(old, pool, database_url):
    """Old workers go on until the moment of the migration; from then on each is refused."""
    with psycopg.connect(old, autocommit=True) as connection:
        connection.execute(MORE_ITEMS)
    errors: list[Exception] = []
    claimed: list[int] = []
    at_work = threading.Barrier(5)

    def work(number: int) -> None:
        params = OLD | {"worker": f"old-{number}"}
        with as_version_1(old) as connection:
            first = True
            while True:
                try:
                    row = connection.execute(STATEMENTS_1["claim"], params).fetchone()
                    if row:
                        claimed.append(row[0])
                        ids = {"item": row[0], "epoch": row[1], "worker": params["worker"]}
                        connection.execute(STATEMENTS_1["start_run"], ids)
                        reason = {"reason": "shutdown"}
                        connection.execute(STATEMENTS_1["release"], ids | reason)
                except psycopg.errors.UniqueViolation:
                    continue
                except psycopg.Error as error:
                    errors.append(error)
                    return
                finally:
                    if first:
                        first = False
                        at_work.wait(60)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    at_work.wait(60)
    assert schema.init(old).before == 1
    for worker in workers:
        worker.join(60)
    assert claimed
    assert [error.sqlstate for error in errors] == [REFUSED] * 4
    assert structure(old) == structure(database_url)
    assert verify(pool).problems == []


def test_a_transaction_that_holds_a_table_for_too_long_is_named_and_nothing_is_changed(old):
    was = structure(old)
    with psycopg.connect(old, application_name="a report") as holder, connect(old) as connection:
        holder.execute("LOCK TABLE human_issues IN ACCESS SHARE MODE")
        # The message names those that have been there for a second.
        aged = "SELECT now() - xact_start > '1.1 s' FROM pg_stat_activity WHERE pid = %s"
        with psycopg.connect(old, autocommit=True) as watch:
            wait_until(lambda: watch.execute(aged, [holder.info.backend_pid]).fetchone()[0])
        with pytest.raises(SchemaError, match=r"process \d+, a report, \d+ s"):
            migrate(connection, migrations(), patience_seconds=1)
        holder.rollback()
    assert structure(old) == was
    assert schema.init(old).before == 1


@pytest.mark.parametrize(
    "statement",
    [
        STATEMENTS_1["claim"],
        STATEMENTS_1["claim_far"],
        "UPDATE work_items SET claimed_at = now() WHERE claimed_by IS NOT NULL",
        NEW_ITEM,
        NEW_RUN,
        "UPDATE projects SET paused = true",
        "INSERT INTO coordination_gates (item_id, kind) VALUES (3, 'manual')",
        "UPDATE human_issues SET choice = 'read'",
        "UPDATE relay_cursors SET seq = seq + 1",
        "UPDATE events_outbox SET seq = NULL",
        "UPDATE api_tokens SET last_used_at = now()",
        "INSERT INTO idempotency_keys (caller, key, request_hash) VALUES ('token:1', 'k', 'x')",
    ],
    ids=lambda statement: " ".join(statement.split()[:3]),
)
def test_a_program_of_version_1_is_refused_whatever_it_writes(old, statement):
    schema.init(old)
    with as_version_1(old) as connection, pytest.raises(OperationalError) as refused:
        connection.execute(statement, OLD if "%(" in statement else None)
    assert refused.value.sqlstate == REFUSED
    # What version 1 makes a sentence of is the last line.
    last = str(refused.value).splitlines()[-1]
    assert "refuse_damascus_of_another_version()" in last


def test_a_program_of_version_1_may_still_say_what_it_has_spent(old):
    schema.init(old)
    with as_version_1(old) as connection:
        connection.execute(
            "INSERT INTO cost_ledger (project_id, item_id, phase, model) VALUES (1, 1, 'spec', 'm')"
        )


def test_a_program_of_version_1_that_starts_afterwards_sees_a_newer_schema(old):
    schema.init(old)
    with as_version_1(old) as connection:
        row = connection.execute("SELECT version FROM damascus_schema").fetchone()
    assert row is not None
    assert row[0] > 1


def test_this_program_on_an_older_schema_says_what_to_run(pool):
    with pytest.raises(SchemaError, match=r"holds schema version 1, .*: run `damascus init`"):
        schema.check(pool)


@pytest.fixture
def newer(database_url: str) -> str:
    """A database that a later version has been at, as it looks to this one."""
    upgrade(database_url)
    return database_url


def upgrade(url: str) -> None:
    """Make the database refuse this version, as the migration to the next one will."""
    with psycopg.connect(url, autocommit=True) as connection:
        (text,) = connection.execute(
            "SELECT pg_get_functiondef('refuse_damascus_of_another_version'::regproc)"
        ).fetchone()
        later = VERSION + 1
        text = text.replace(f"schema {VERSION}'", f"schema {later}'")
        text = text.replace(f"DETAIL = '{VERSION}'", f"DETAIL = '{later}'")
        connection.execute(text)


def test_this_program_is_refused_by_a_later_schema_with_a_sentence_and_no_patience(newer):
    with psycopg.connect(newer, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO projects (name, forge, repo, base_branch) VALUES ('a', 'local', 'r', 'm');"
            "INSERT INTO work_items (project_id, key, title, story, story_sha)"
            " VALUES (1, 'k', 't', 's', 'x')"
        )
    database = Database(newer)
    says = f"holds schema version {VERSION + 1}, newer than this Damascus understands"
    with pytest.raises(SchemaError, match=says):
        make_claims(database).claim()
    database.close()
    with psycopg.connect(newer) as connection:
        row = connection.execute("SELECT claim_epoch, claimed_by FROM work_items").fetchone()
        assert row == (0, None)


def test_a_phase_that_runs_through_an_upgrade_is_stopped_and_its_verdict_not_written(
    db, database_url, caplog
):
    store = make_store(db)
    add_project(store)
    item = accept(store)
    stopped = threading.Event()

    def phase(_context: object) -> Verdict:
        (running,) = heartbeat.running()
        running.on_lost(stopped.set)
        upgrade(database_url)
        assert stopped.wait(60)
        return Verdict.PASS

    cycle, heartbeat = make_cycle(db, Script().then(phase))
    with pytest.raises(SchemaError, match="install the newer Damascus"):
        cycle.tick()
    heartbeat.close()
    assert "heartbeat: the database" in caplog.text
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT phase, claim_epoch FROM work_items WHERE id = %s", [item])
        assert row.fetchone() == ("spec", 1)
        count = connection.execute("SELECT count(*) FROM phase_runs WHERE verdict IS NOT NULL")
        assert count.fetchone() == (0,)


def test_schema_sql_applied_by_hand_to_an_older_database_changes_nothing(old):
    was = structure(old)
    with psycopg.connect(old) as connection, pytest.raises(psycopg.Error, match="damascus init"):
        connection.execute(schema.schema_sql())
    assert structure(old) == was


def test_init_where_the_server_goes_away_says_so(old, postgres):
    with (
        psycopg.connect(postgres, autocommit=True) as server,
        connect(old) as connection,
        pytest.raises(OperationalError),
    ):
        migrate(
            connection,
            migrations(),
            after_step=lambda _: server.execute(
                "SELECT pg_terminate_backend(%s)", [connection.info.backend_pid]
            ),
        )
    with pytest.raises(DatabaseUnreachableError):
        schema.init(make_conninfo(old, host="127.0.0.1", port=9))


def _policies(url):
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT name, policy FROM projects").fetchall())
