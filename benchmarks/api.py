"""How long the API takes with much in the database: 100,000 items, a million events.

    python benchmarks/api.py [--items N] [--events N] [--clients N] [--seconds S] [--json]

A private PostgreSQL and the API in a process of its own, on this machine; the clients keep their
connections and ask again as soon as they are answered. Prints the times of each address in
milliseconds and how its statement goes by EXPLAIN; fails when one needs a sequential scan.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from pydantic import SecretStr

from damascus.config import Settings
from damascus.domain.work import Phase
from damascus.embedded.postgres import PrivatePostgres
from damascus.state import schema
from damascus.state.db import Database, connect
from damascus.state.item_lists import Wanted, page
from damascus.state.tokens import Tokens
from damascus.wiring import App
from support.population import add_done, add_projects, add_ready

PATHS = {
    "newest items": "/v1/items",
    # What several ask for at the same time is made once; here everybody asks for something else.
    "newest, all different": "/v1/items?limit={own}",
    "one project": "/v1/items?project=project-7",
    "one phase": "/v1/items?phase=blocked",
    "project and phase": "/v1/items?project=project-7&phase=merged&phase=build",
    "text, rare": "/v1/items?text=d4711",
    "text, everywhere": "/v1/items?text=story",
    "queue": "/v1/items?sort=queue",
    "by priority": "/v1/items?sort=priority",
    "finished": "/v1/items?sort=-finished",
    "by project": "/v1/items?group_by=project&limit=5",
    "one item": "/v1/items/99996",
    "stats": "/v1/stats",
    "events": "/v1/events?limit=50",
    "issues": "/v1/issues",
}
EVENTS = """
INSERT INTO events_outbox (seq, type, project_id, item_id, actor, data, created_at)
SELECT n, 'work.retry', NULL, 1 + n %% %(items)s, 'w', '{"from": "build", "to": "build"}',
  now() - (%(events)s - n) * interval '1 second'
FROM generate_series(1, %(events)s) n
"""
COSTS = """
INSERT INTO cost_ledger (project_id, item_id, phase, model, input_tokens, output_tokens, usd,
  created_at)
SELECT w.project_id, w.id, 'build', 'm', 1000, 100, 0.01, now() - w.id * interval '40 seconds'
FROM work_items w
"""
ISSUES = """
INSERT INTO human_issues (kind, project_id, item_id, phase, title)
SELECT 'blocked', project_id, id, 'build', 'Blocked' FROM work_items WHERE phase = 'blocked'
"""


def fill(url: str, *, items: int, events: int) -> None:
    """Make a database of that size."""
    schema.init(url)
    with connect(url) as connection:
        connection.execute("SET statement_timeout = 0")
        add_projects(connection)
        add_done(connection, items * 24 // 25)
        add_ready(connection, items // 25)
        connection.execute(
            "UPDATE work_items SET finished_at = now() - id * interval '60 seconds' "
            "WHERE finished_at IS NOT NULL"
        )
        connection.execute(
            "INSERT INTO item_words SELECT id, to_tsvector('simple', key || ' ' || title) "
            "FROM work_items"
        )
        connection.execute(EVENTS, {"items": items, "events": events})
        connection.execute(COSTS)
        connection.execute(ISSUES)
        connection.execute("VACUUM ANALYZE")


def serve(settings: dict[str, Any], ports: Any) -> None:
    """The API, until this process is ended."""
    from damascus.api.serve import listen, server_for  # noqa: PLC0415 - only in the child

    with App(Settings(_env_file=None, **settings)) as app:  # type: ignore[call-arg]
        listening = listen("127.0.0.1", 0)
        ports.put(listening.getsockname()[1])
        server_for(app).run(sockets=[listening])


def load(port: int, token: str, path: str, *, clients: int, seconds: float) -> list[float]:
    """The times in milliseconds of all requests of so many clients."""
    times: list[float] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        address = path.format(own=41 + number)  # of 20 clients: 50 items, more or less
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {token}"}
        while time.monotonic() < end:
            begun = time.perf_counter()
            connection.request("GET", address, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            times.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200, body[:300]
        connection.close()

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def cpu_of(process: int | None) -> float:
    """Seconds of processor time that a process has used."""
    stat = Path(f"/proc/{process}/stat").read_text("utf-8")
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plans(url: str) -> dict[str, str]:
    """Which scans each list needs."""
    wanted = {
        "newest items": Wanted(),
        "one project": Wanted(project="project-7"),
        "one phase": Wanted(phases=[Phase.BLOCKED]),
        "project and phase": Wanted(project="project-7", phases=[Phase.MERGED, Phase.BUILD]),
        "text, rare": Wanted(text="d4711"),
        "text, everywhere": Wanted(text="story"),
        "queue": Wanted(sort="queue"),
        "by priority": Wanted(sort="priority"),
        "finished": Wanted(sort="-finished"),
    }
    found: dict[str, str] = {}
    database = Database(url, size=1)
    with database.connection() as connection:
        for name, one in wanted.items():
            statement, params = page(one)
            rows = connection.execute("EXPLAIN " + statement, params, prepare=False).fetchall()
            lines = [row["QUERY PLAN"] for row in rows]
            scans = {" ".join(line.split("(")[0].split(" on ")[0].split()) for line in lines}
            found[name] = ", ".join(sorted(s.removeprefix("-> ") for s in scans if "Scan" in s))
    database.close()
    return found


def main() -> int:
    """Fill, serve, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, PrivatePostgres(Path(home) / "postgres") as server:
        url = server.url("damascus")
        fill(url, items=given.items, events=given.events)
        database = Database(url)
        token, _ = Tokens(database).create("bench", scopes=["read"], actor="benchmark")
        database.close()
        settings = {
            "home": Path(home),
            "database_url": SecretStr(url),
            "api_rate_per_second": 1e6,
            "api_burst": 1_000_000,
        }
        context = multiprocessing.get_context("spawn")
        ports = context.Queue()
        child = context.Process(target=serve, args=(settings, ports))
        child.start()
        results: dict[str, dict[str, float]] = {}
        try:
            port = ports.get(timeout=60)
            for path in PATHS.values():
                load(port, token, path, clients=2, seconds=0.3)
            for name, path in PATHS.items():
                before = (cpu_of(child.pid), time.process_time())
                times = load(port, token, path, clients=given.clients, seconds=given.seconds)
                spent = (cpu_of(child.pid) - before[0], time.process_time() - before[1])
                cuts = statistics.quantiles(times, n=100)
                results[name] = {
                    "p50_ms": round(cuts[49], 1),
                    "p95_ms": round(cuts[94], 1),
                    "p99_ms": round(cuts[98], 1),
                    "per_second": round(len(times) / given.seconds),
                    # On a machine that does other things too, this says more than the clock.
                    "cpu_ms_server": round(spent[0] / len(times) * 1000, 2),
                    "cpu_ms_client": round(spent[1] / len(times) * 1000, 2),
                }
                if not given.json:
                    print(f"{name:22}", results[name], flush=True)
        finally:
            child.terminate()
            child.join()
        scans = plans(url)
    if given.json:
        print(json.dumps({"times": results, "plans": scans}, indent=2))
    else:
        for name, scan in scans.items():
            print(f"{name:22} {scan}")
    return int(any("Seq Scan" in scan for scan in scans.values()))


if __name__ == "__main__":
    sys.exit(main())
