"""Those that run against each other: Damascus directly, Damascus through Taskiq, Procrastinate."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from ground import CAP, HERE, free, hold, verdicts
from redis import Redis

from damascus.doorbell import GROUP, STREAM, ring_message


def _environment(url: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE),
        "HOME": os.environ.get("HOME", "/"),
        "DAMASCUS_DATABASE_URL": url,
        "DAMASCUS_MAX_CONCURRENCY": str(CAP),
        **more,
    }


@contextmanager
def _process(argv: list[str], env: dict[str, str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(argv, env=env, text=True, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _in_step(argv: list[str], env: dict[str, str], *, ticks: int, workers: int) -> float:
    """Start `workers` processes, let them go in the same moment; ticks per second of them all."""
    each = ticks // workers
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                _process([*argv, str(each)], {**env, "DAMASCUS_WORKER_NAME": f"w{n}"}, **pipes)
            )
            for n in range(workers)
        ]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        seconds = [float(process.stdout.readline()) for process in processes if process.stdout]
    return each * workers / max(seconds)


def direct(url: str, *, ticks: int, workers: int) -> float:
    """Cycle.tick in a loop, in `workers` processes."""
    return _in_step(
        [sys.executable, str(HERE / "noop.py")], _environment(url), ticks=ticks, workers=workers
    )


def procrastinate(url: str, *, ticks: int, workers: int) -> float:
    """Procrastinate's jobs that do nothing, in `workers` processes."""
    _prepare_procrastinate(url, ticks)
    return _in_step(
        [sys.executable, str(HERE / "procrastinate_noop.py"), url],
        _environment(url),
        ticks=ticks,
        workers=workers,
    )


def _prepare_procrastinate(url: str, jobs: int) -> None:
    argv = [sys.executable, str(HERE / "procrastinate_noop.py"), url, "defer", str(jobs)]
    subprocess.run(argv, env=_environment(url), check=True)


def taskiq(url: str, redis_url: str, *, ticks: int, workers: int, log: Path) -> float:
    """`taskiq worker` over Redis, `workers` processes of one thread; everything a worker does."""
    argv = [
        *(sys.executable, "-m", "taskiq", "worker", "noop:broker", "--workers", "1"),
        *("--max-async-tasks", "1", "--max-threadpool-threads", "1"),
    ]
    env = _environment(url, DAMASCUS_REDIS_URL=redis_url)
    with (
        ExitStack() as stack,
        Redis.from_url(redis_url) as redis,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        hold(connection)
        redis.flushall()
        redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        output = stack.enter_context(log.open("w"))
        for n in range(workers):
            named = {**env, "DAMASCUS_WORKER_NAME": f"w{n}"}
            stack.enter_context(_process(argv, named, stdout=output, stderr=output))
        _until_ready(log, workers)
        before = verdicts(connection)
        free(connection)
        since = time.perf_counter()
        for _ in range(workers):
            redis.xadd(STREAM, {"data": ring_message()})
        while (done := verdicts(connection) - before) < ticks:
            assert time.perf_counter() - since < 120, f"{done} of {ticks}: see {log}"
            time.sleep(0.005)
        seconds = time.perf_counter() - since
        hold(connection)
    return done / seconds


def _until_ready(log: Path, workers: int) -> None:
    """A worker looks once when it starts, and says so."""
    for _ in range(1200):
        if log.read_text(errors="replace").count(" is ready") >= workers:
            time.sleep(0.5)
            return
        time.sleep(0.05)
    raise AssertionError(f"the Taskiq workers do not come up: see {log}")
