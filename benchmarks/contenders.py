"""Those that run against each other: Damascus directly, Damascus through Taskiq, Procrastinate.

Each is started once and then asked again and again for a number of ticks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from ground import CAP, HERE, let_go, verdicts
from redis import Redis

from damascus.worker.doorbell import GROUP, STREAM, ring_message


class _Processes:
    """Some processes of one kind, ended with the block."""

    def __init__(self, argv: list[str], env: dict[str, str], workers: int) -> None:
        self._argv = argv
        self._env = env
        self.workers = workers
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, **more: Any) -> None:
        for n in range(self.workers):
            env = {**self._env, "DAMASCUS_WORKER_NAME": f"w{n}"}
            process = subprocess.Popen(self._argv, env=env, text=True, **more)
            self.processes.append(process)

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(timeout=30)


def _environment(url: str, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(HERE),
        "HOME": os.environ.get("HOME", "/"),
        "DAMASCUS_DATABASE_URL": url,
        "DAMASCUS_MAX_CONCURRENCY": str(CAP),
        "DAMASCUS_POLL_SECONDS": "3600",  # nobody looks by himself while the others are measured
        **more,
    }


class InStep:
    """Processes that read a number of ticks, run them, and answer with the seconds they took."""

    def __init__(self, script: str, url: str, workers: int) -> None:
        argv = [sys.executable, str(HERE / script)]
        self._all = _Processes(argv, _environment(url), workers)

    def __enter__(self) -> Self:
        self._all.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for process in self._all.processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._all.end()

    def run(self, ticks: int) -> float:
        """Ticks per second of all of them together; they are let go in the same moment."""
        each = ticks // self._all.workers
        for process in self._all.processes:
            assert process.stdin
            process.stdin.write(f"{each}\n")
            process.stdin.flush()
        seconds = [float(p.stdout.readline()) for p in self._all.processes if p.stdout]
        return each * self._all.workers / max(seconds)


class Direct(InStep):
    """Cycle.tick in a loop."""

    def __init__(self, url: str, workers: int) -> None:
        super().__init__("noop.py", url, workers)


class Procrastinate(InStep):
    """Procrastinate's jobs that do nothing."""

    def __init__(self, url: str, workers: int) -> None:
        super().__init__("procrastinate_noop.py", url, workers)
        self._argv = [sys.executable, str(HERE / "procrastinate_noop.py"), "defer"]
        self._env = _environment(url)

    def defer(self, jobs: int) -> None:
        """Put jobs, in place of what is left."""
        subprocess.run([*self._argv, str(jobs)], env=self._env, check=True)

    def run(self, ticks: int) -> float:
        """Jobs per second."""
        self.defer(ticks)
        return super().run(ticks)


class Taskiq:
    """`taskiq worker` over Redis, processes of one thread; everything a worker does."""

    def __init__(self, url: str, redis_url: str, workers: int, log: Path) -> None:
        self._log = log
        self._url = url
        self._redis_url = redis_url
        self._closing = ExitStack()
        argv = [
            *(sys.executable, "-m", "taskiq", "worker", "noop:broker", "--workers", "1"),
            *("--max-async-tasks", "1", "--max-threadpool-threads", "1"),
        ]
        env = _environment(url, DAMASCUS_REDIS_URL=redis_url)
        self._all = _Processes(argv, env, workers)

    def __enter__(self) -> Self:
        self._redis = self._closing.enter_context(Redis.from_url(self._redis_url))
        self._redis.flushdb()
        self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        self._connection = self._closing.enter_context(psycopg.connect(self._url, autocommit=True))
        let_go(self._connection, on=False)
        with self._log.open("w") as output:
            self._all.start(stdout=output, stderr=output)
        for _ in range(2400):  # a worker looks once when it starts, and says so
            if self._log.read_text(errors="replace").count(" is ready") >= self._all.workers:
                return self
            time.sleep(0.05)
        raise AssertionError(f"the Taskiq workers do not come up: see {self._log}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._all.end()
        self._closing.close()

    def run(self, ticks: int) -> float:
        """Transitions per second; what is claimed when the time is up comes to its end."""
        before = verdicts(self._connection)
        let_go(self._connection, on=True)
        since = time.perf_counter()
        for _ in range(self._all.workers):
            self._redis.xadd(STREAM, {"data": ring_message()})
        while (done := verdicts(self._connection) - before) < ticks:
            assert time.perf_counter() - since < 120, f"{done} of {ticks}: see {self._log}"
            time.sleep(0.02)
        seconds = time.perf_counter() - since
        let_go(self._connection, on=False)
        return done / seconds
