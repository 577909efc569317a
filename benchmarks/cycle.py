"""Transitions per second: Damascus against pgbench's floor and against Procrastinate, in one run.

    python benchmarks/cycle.py [--quick] [--json] [--rounds N] [--ticks N] [--only NAME ...]

One transition is claim, start_run, a row in the ledger, settle: four commits, with the outbox row.
In every round each contender runs on each queue, for half a second or so and one right after the
other; a ratio is taken within a round, and the median of the rounds is printed. Absolute figures
belong to the machine and its mood; the ratios do not. On a machine that is busy otherwise look at
the best rounds instead (`--best`): what needs more of the processor loses more of it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import floor
import psycopg
from contenders import Direct, Procrastinate, Taskiq
from figures import Figures, Key, summary, table
from ground import SAYS, Queue, Server, build, calm, refill, server

from support.redis_server import RedisServer

QUEUES = (
    Queue("k1", 1_000),
    Queue("k100", 100_000),
    Queue("m1", 1_000_000),
    Queue("m1_gated", 1_000_000, "gated", 20_000),
    Queue("m1_paused", 1_000_000, "paused", 20_000),
)
# What stands ahead in the queue is no matter of Redis. These have databases of their own, because
# their workers go on by themselves as long as there is something to do.
THROUGH_TASKIQ = ("k1", "k100", "m1")
WORKERS = (1, 4)


def make_queues(on: Server, args: argparse.Namespace) -> dict[str, str]:
    """Build the databases; their addresses by name."""
    # In a round three contenders take `ticks` transitions each, three an item; some are left over.
    needed = args.ticks + 60
    urls: dict[str, str] = {}
    for queue in QUEUES:
        if args.only and queue.name not in args.only:
            continue
        print(f"making {SAYS[queue.name]}", file=sys.stderr)
        ready = min(max(needed, queue.rows // 25), queue.rows)
        of = "m1" if queue.ahead and "m1" in urls else None
        urls[queue.name] = build(on, queue, ready=ready, of=of)
        if queue.name in THROUGH_TASKIQ:
            own = Queue(f"{queue.name}_taskiq", queue.rows)
            urls[own.name] = build(on, own, ready=ready, of=queue.name)
    with psycopg.connect(on.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE procrastinate")
    return urls


def measure(
    on: Server, redis: RedisServer, urls: dict[str, str], args: argparse.Namespace, directory: Path
) -> Figures:
    """Start everybody, run the rounds."""
    figures = Figures()
    for workers in WORKERS:
        with ExitStack() as stack:
            everybody: dict[Key, Direct | Taskiq | Procrastinate] = {}
            queues = [name for name in urls if not name.endswith("_taskiq")]
            for n, name in enumerate(queues):
                everybody["direct", name, workers] = Direct(urls[name], workers)
                if name in THROUGH_TASKIQ:
                    everybody["taskiq", name, workers] = Taskiq(
                        urls[f"{name}_taskiq"],
                        redis.url.removesuffix("/0") + f"/{n}",
                        workers,
                        directory / f"taskiq-{name}.log",
                    )
            everybody["procrastinate", "", workers] = Procrastinate(
                on.database("procrastinate"), workers
            )
            Procrastinate(on.database("procrastinate"), 1).defer(1)  # makes its schema
            for contender in everybody.values():
                stack.enter_context(contender)
            for number in range(args.rounds):
                print(f"round {number + 1}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
                for url in urls.values():
                    refill(url)
                keys: list[Key] = [("floor", name, workers) for name in queues]
                keys = sorted([*keys, *everybody], key=lambda key: (key[1], key[0]))
                # In turns forwards and backwards: nobody always comes after the same one.
                for key in keys if number % 2 == 0 else keys[::-1]:
                    calm(on)
                    contender = everybody.get(key)
                    tps = (
                        floor.run(
                            on, urls[key[1]], ticks=args.ticks, workers=workers, directory=directory
                        )
                        if contender is None
                        else contender.run(args.ticks)
                    )
                    figures.add(key, tps)
    return figures


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, small queues only")
    parser.add_argument("--json", action="store_true", help="figures of every round, as JSON")
    parser.add_argument("--best", action="store_true", help="ratios of the best rounds instead")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--ticks", type=int, default=400, help="transitions of each measurement")
    parser.add_argument("--only", nargs="*", choices=[queue.name for queue in QUEUES])
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.only = 4, args.only or ["k1", "k100"]
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="damascus-benchmark-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # PostgreSQL gives up root, and must get to its directory
        with server(directory / "postgres") as on, RedisServer(directory) as redis:
            figures = measure(on, redis, make_queues(on, args), args, directory)
    rows = summary(figures, of=max if args.best else statistics.median)
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
