"""Many workers on one queue: nobody claims what another holds, nothing is told twice or not at all.

The databases here do not wait for the disk (synchronous_commit off): what is tested is who sees
what, not what a power cut leaves behind.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from damascus.domain.work import Claim, Verdict
from damascus.state.claims import Claims
from damascus.state.db import Database, connect
from support.cycles import make_claims, settle
from support.patience import patience
from support.population import add_projects, add_ready, database

WORKERS = 8
ITEMS = 10_000
CLAIMERS = 32


@pytest.fixture
def url(postgres: str, template: str) -> Iterator[str]:
    with database(postgres, template) as address:
        with connect(address) as connection:
            add_projects(connection)
        yield address


def side_by_side(acts: list[Callable[[], None]]) -> None:
    """Run each in a thread of its own, all at once; the first error that one met is ours."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        start.wait(timeout=patience(30))
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again where the test can see it
            errors.append(error)

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Held:
    """Every claim that was held, from when to when."""

    def __init__(self) -> None:
        self.spans: dict[int, list[tuple[float, float, int]]] = defaultdict(list)

    def work(self, claims: Claims) -> None:
        """Claim and settle until there is nothing left.

        (With as many workers as slots, two that meet can both see the other's slot held.)
        """
        empty = 0
        while empty < 3:
            claim = claims.claim()
            if claim is None:
                empty += 1
                continue
            empty = 0
            since = time.monotonic()
            claims.start(claim)
            until = time.monotonic()
            settle(claims, claim, Verdict.PASS)
            self.spans[claim.item_id].append((since, until, claim.epoch))


@pytest.mark.slow
@pytest.mark.timeout(600)  # 20 seconds on two free cores; on busy ones whatever it takes
def test_eight_workers_carry_ten_thousand_items_without_a_double_claim(url):
    with connect(url) as connection:
        add_ready(connection, ITEMS)
        connection.execute("UPDATE work_items SET phase = 'spec'")
        connection.execute("VACUUM ANALYZE")
    pools = [Database(url, size=1) for _ in range(WORKERS)]
    held = [Held() for _ in pools]
    workers = [make_claims(db, worker=f"w{n}", cap=WORKERS) for n, db in enumerate(pools)]
    side_by_side([lambda h=h, c=c: h.work(c) for h, c in zip(held, workers, strict=True)])
    for db in pools:
        db.close()

    history: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for one in held:
        for item, spans in one.spans.items():
            history[item] += spans
    assert len(history) == ITEMS
    for spans in history.values():
        spans.sort()
        assert [epoch for _, _, epoch in spans] == [1, 2, 3]
        assert all(before[1] < after[0] for before, after in pairwise(spans))
    with connect(url) as connection:

        def one(statement: str) -> dict[str, int]:
            row = connection.execute(statement).fetchone()
            assert row
            return row

        assert one("SELECT count(*) AS n FROM work_items WHERE phase <> 'merged'") == {"n": 0}
        assert one("SELECT count(*) AS n FROM claim_slots WHERE item_id IS NOT NULL") == {"n": 0}
        assert one(
            "SELECT count(*) AS runs, count(verdict) AS verdicts, "
            "count(DISTINCT (item_id, claim_epoch)) AS claims FROM phase_runs"
        ) == {"runs": 3 * ITEMS, "verdicts": 3 * ITEMS, "claims": 3 * ITEMS}
        # Each run has its one event, each event its one run.
        assert one(
            "SELECT count(*) AS n, count(DISTINCT e.data->'run') AS runs FROM events_outbox e "
            "JOIN phase_runs r ON r.id = (e.data->>'run')::bigint AND r.item_id = e.item_id "
            "AND r.claim_epoch = (e.data->>'epoch')::bigint"
        ) == {"n": 3 * ITEMS, "runs": 3 * ITEMS}
        assert one("SELECT count(*) AS n FROM events_outbox") == {"n": 3 * ITEMS}


class Crowd:
    """Thirty-two claimers, each with a connection of its own."""

    def __init__(self, url: str, cap: int) -> None:
        self.url = url
        self._pools = [Database(url, size=1) for _ in range(CLAIMERS)]
        self._claims = [
            make_claims(db, worker=f"c{n}", cap=cap) for n, db in enumerate(self._pools)
        ]
        self.live: list[tuple[Claims, Claim]] = []

    def close(self) -> None:
        for db in self._pools:
            db.close()

    def claim_at_once(self) -> None:
        """Each claims once, all in the same moment; then one goes on until it gets nothing.

        (Two that race for the last place of a project can both come away empty-handed.)
        """

        def claim(claims: Claims) -> bool:
            found = claims.claim()
            if found is not None:
                self.live.append((claims, found))
            return found is not None

        side_by_side([lambda c=c: claim(c) for c in self._claims])
        while claim(self._claims[0]):
            pass

    def settle(self, most: int) -> None:
        """Bring some of the claims that live to their verdict."""
        for claims, claim in self.live[:most]:
            settle(claims, claim, Verdict.PASS)
        del self.live[:most]

    def counted(self) -> Counter[str]:
        """Live claims per project, as the items say."""
        with connect(self.url) as connection:
            rows = connection.execute(
                "SELECT p.name, count(*) AS n FROM work_items w JOIN projects p "
                "ON p.id = w.project_id WHERE w.claimed_by IS NOT NULL GROUP BY p.name"
            ).fetchall()
        counted = Counter({row["name"]: row["n"] for row in rows})
        assert counted.total() == len(self.live)
        return counted

    def cap(self, project: str, cap: int | None) -> None:
        with connect(self.url) as connection:
            connection.execute(
                "UPDATE projects SET max_concurrency = %s WHERE name = %s", [cap, project]
            )


@pytest.fixture
def crowd(url: str) -> Iterator[Crowd]:
    crowd = Crowd(url, cap=12)
    yield crowd
    crowd.close()


def test_thirty_two_claimers_at_once_fill_the_cap_and_never_exceed_it(crowd):
    with connect(crowd.url) as connection:
        add_ready(connection, 400)
    for most in (12, 5, 1, 12):
        crowd.claim_at_once()
        assert crowd.counted().total() == 12
        crowd.settle(most)


def test_the_cap_of_a_project_holds_in_any_race_and_after_every_change(crowd):
    with connect(crowd.url) as connection:
        add_ready(connection, 1_000)
        # All work is in two projects, the first of them in front.
        connection.execute(
            "UPDATE work_items w SET project_id = p.id, phase = 'spec', priority = w.id % 2 "
            "FROM projects p WHERE p.name = 'project-' || (1 + w.id % 2)"
        )
    crowd.cap("project-1", 5)
    crowd.cap("project-2", 3)
    crowd.claim_at_once()
    assert crowd.counted() == {"project-1": 5, "project-2": 3}
    crowd.cap("project-1", 2)  # nobody is sent home, nobody is let in
    crowd.claim_at_once()
    assert crowd.counted() == {"project-1": 5, "project-2": 3}
    crowd.settle(len(crowd.live))
    crowd.claim_at_once()
    assert crowd.counted() == {"project-1": 2, "project-2": 3}
    crowd.cap("project-1", None)  # now only the installation's own cap is left
    crowd.claim_at_once()
    assert crowd.counted() == {"project-1": 9, "project-2": 3}
    crowd.cap("project-1", 10)
    crowd.claim_at_once()
    assert crowd.counted() == {"project-1": 9, "project-2": 3}
    crowd.settle(6)
    crowd.cap("project-2", None)
    crowd.claim_at_once()
    assert crowd.counted().total() == 12
    assert crowd.counted()["project-1"] <= 10
