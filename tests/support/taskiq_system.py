"""Taskiq's workers and schedulers as real processes, over one database and one Redis.

Only the phases are scripted (support.scripted_tasks): they wait as long as the file `hold` exists.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from damascus.state.db import Database
from damascus.state.outbox import Outbox
from damascus.worker.doorbell import GROUP, STREAM
from support.cycles import make_store
from support.patience import wait_until
from support.redis_server import RedisServer

TESTS = Path(__file__).parents[1]
THREADS = 3


class System:
    """Workers and schedulers over one database and one Redis, and what can be seen of them."""

    def __init__(self, db: Database, url: str, redis: RedisServer, home: Path) -> None:
        self.db = db
        self.redis = redis
        self.home = home
        self.store = make_store(db)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TESTS),
            "DAMASCUS_DATABASE_URL": url,
            "DAMASCUS_REDIS_URL": redis.url,
            "DAMASCUS_HOME": str(home),
            "DAMASCUS_RING_SECONDS": "1",
            "DAMASCUS_POLL_SECONDS": "0.5",
            "DAMASCUS_MAX_CONCURRENCY": "2",
            "DAMASCUS_SHUTDOWN_GRACE_SECONDS": "0.3",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def worker(self, **settings: str) -> subprocess.Popen[bytes]:
        flags = f"--workers 1 --max-async-tasks {THREADS} --max-threadpool-threads {THREADS}"
        return self._start("worker", "support.scripted_tasks:broker", *flags.split(), **settings)

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start("scheduler", "support.scripted_tasks:scheduler", "--send-timeout", "5")

    def _start(self, *argv: str, **settings: str) -> subprocess.Popen[bytes]:
        with (self.home / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "taskiq", *argv],
                env={**self.environment, **settings},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def end(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def log(self) -> str:
        return (self.home / "log").read_text("utf-8", "replace")

    def hold(self, what: str = "hold") -> None:
        (self.home / what).touch()

    def let_go(self, what: str = "hold") -> None:
        (self.home / what).unlink()

    def runs(self) -> list[tuple[int, int, str]]:
        """What began so far: process, item, phase."""
        path = self.home / "runs"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [(int(pid), int(item), phase) for pid, item, phase in map(str.split, lines)]

    def item(self, item: int) -> dict[str, Any]:
        return self.db.row("items.get", {"item": item}) or {}

    def phase(self, item: int) -> str:
        return str(self.item(item)["phase"])

    def events(self, item: int) -> list[str]:
        rows = Outbox(self.db).events(item_id=item, after=0)
        return [row["type"] for row in rows]

    def listens(self) -> bool:
        """Whether a worker has its place at the stream of rings."""
        with self.redis.client() as client:
            if client.type(STREAM) != b"stream":
                return False
            groups: Any = client.xinfo_groups(STREAM)
        return GROUP.encode() in [group["name"] for group in groups]

    def hears(self) -> bool:
        """Whether the workers have taken every ring out of the stream that is in it."""
        with self.redis.client() as client:
            if client.type(STREAM) != b"stream":
                return False
            stream: Any = client.xinfo_stream(STREAM)
            groups: Any = client.xinfo_groups(STREAM)
        taken = [g["last-delivered-id"] for g in groups if g["name"] == GROUP.encode()]
        return taken == [stream["last-generated-id"]]

    def until(self, true: Callable[[], bool], what: str, *, seconds: float = 40.0) -> None:
        wait_until(true, what, seconds=seconds, tell=lambda: self.log[-4000:])
