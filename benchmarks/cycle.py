"""Transitions per second: Damascus against pgbench's floor and against Procrastinate, in one run.

    python benchmarks/cycle.py [--quick] [--json] [--rounds N] [--ticks N] [--only NAME ...]

One transition is claim, start_run, a row in the ledger, settle: four commits, with the outbox row.
In every round each contender runs on each queue, one right after the other; a ratio is taken within
a round, and the median of the rounds is printed. Absolute figures belong to the machine and its
mood; the ratios do not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import contenders
import floor
import psycopg
from ground import Queue, Server, build, refill, server

from support.redis_server import RedisServer

QUEUES = (
    Queue("k1", 1_000),
    Queue("k100", 100_000),
    Queue("m1", 1_000_000),
    Queue("m1_gated", 1_000_000, "gated", 20_000),
    Queue("m1_paused", 1_000_000, "paused", 20_000),
)
SAYS = {
    "k1": "1 thousand rows",
    "k100": "100 thousand rows",
    "m1": "1 million rows",
    "m1_gated": "1 million, 20,000 gated ahead",
    "m1_paused": "1 million, 20,000 paused ahead",
    "": "(jobs of its own)",
}
WORKERS = (1, 4)
Key = tuple[str, str, int]  # contender, queue, workers


@dataclass
class Figures:
    """Transitions per second, one figure per round."""

    rounds: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, key: Key, tps: float) -> None:
        self.rounds.setdefault(key, []).append(tps)
        print(f"  {key[0]:14} {SAYS[key[1]]:32} {key[2]} workers {tps:8.0f}/s", file=sys.stderr)

    def tps(self, key: Key) -> float | None:
        found = self.rounds.get(key)
        return statistics.median(found) if found else None

    def ratio(self, key: Key, to: Key) -> float | None:
        """The median of the ratios taken round by round."""
        pairs = list(zip(self.rounds.get(key, ()), self.rounds.get(to, ()), strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None


def measure(on: Server, redis: RedisServer, args: argparse.Namespace, directory: Path) -> Figures:
    """Build the queues, run the rounds."""
    queues = [queue for queue in QUEUES if not args.only or queue.name in args.only]
    # Each round takes `ticks` transitions, three an item; a little is left over.
    ready = args.ticks // 3 + 60
    urls: dict[str, str] = {}
    for queue in queues:
        print(f"making {SAYS[queue.name]}", file=sys.stderr)
        many = max(ready, queue.rows // 25)
        of = "m1" if queue.ahead and "m1" in urls else None
        urls[queue.name] = build(on, queue, ready=min(many, queue.rows), of=of)
    with psycopg.connect(on.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE procrastinate")
    procrastinate = on.database("procrastinate")
    figures = Figures()
    for number in range(args.rounds):
        print(f"round {number + 1}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        for workers in WORKERS:
            for queue in queues if number % 2 == 0 else queues[::-1]:
                url = urls[queue.name]
                for name, run in _damascus(on, redis, args, directory, workers).items():
                    refill(url)
                    figures.add((name, queue.name, workers), run(url))
            figures.add(
                ("procrastinate", "", workers),
                contenders.procrastinate(procrastinate, ticks=args.ticks, workers=workers),
            )
    return figures


def _damascus(
    on: Server, redis: RedisServer, args: argparse.Namespace, directory: Path, workers: int
) -> dict[str, Callable[[str], float]]:
    ticks = args.ticks
    return {
        "floor": lambda url: floor.run(on, url, ticks=ticks, workers=workers, directory=directory),
        "direct": lambda url: contenders.direct(url, ticks=ticks, workers=workers),
        "taskiq": lambda url: contenders.taskiq(
            url, redis.url, ticks=ticks, workers=workers, log=directory / "taskiq.log"
        ),
    }


def summary(figures: Figures) -> list[dict[str, object]]:
    """One row per contender, queue and number of workers."""
    rows: list[dict[str, object]] = []
    for key in figures.rounds:
        name, queue, workers = key
        tps = figures.tps(key)
        row: dict[str, object] = {
            "contender": name,
            "queue": queue,
            "workers": workers,
            "per_second": tps and round(tps),
        }
        to = {
            "of_floor": ("floor", queue, workers),
            "of_procrastinate": ("procrastinate", "", workers),
            "of_1_thousand": (name, "k1", workers),
            "of_1_million": (name, "m1", workers) if queue.startswith("m1_") else None,
        }
        for column, other in to.items():
            ratio = other and figures.ratio(key, other)
            row[column] = ratio and round(ratio, 2)
        rows.append(row)
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """The same for people, as Markdown."""
    lines = [
        "| | workers | per second | of the floor | of Procrastinate | of 1k rows | of none ahead |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = [
            f"{row['contender']}, {SAYS[str(row['queue'])]}",
            row["workers"],
            row["per_second"],
            *(
                row[column] or ""
                for column in ("of_floor", "of_procrastinate", "of_1_thousand", "of_1_million")
            ),
        ]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds, small queues only")
    parser.add_argument("--json", action="store_true", help="figures of every round, as JSON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ticks", type=int, default=1200, help="transitions of each measurement")
    parser.add_argument("--only", nargs="*", choices=[queue.name for queue in QUEUES])
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.ticks, args.only = 2, 400, args.only or ["k1", "k100"]
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="damascus-benchmark-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL gives up root, and must get to its directory
        with server(directory / "postgres") as on, RedisServer(directory) as redis:
            figures = measure(on, redis, args, directory)
    rows = summary(figures)
    if args.json:
        every = [
            {"contender": key[0], "queue": key[1], "workers": key[2], "per_second": tps}
            for key, tps in figures.rounds.items()
        ]
        print(json.dumps({"summary": rows, "rounds": every}, indent=2))
    else:
        print(table(rows))
    print(f"{time.monotonic() - since:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
