#!/opt/damascus/bin/python
"""Tell whether this container does its work: exit 0, or 1 with a sentence that says what is wrong.

The role (worker, scheduler, sidecar-status, api) is the first argument, else it is read off the
command that the container was started with. Any other command is healthy while it runs.
"""

# redis-py's commands carry no types.
# pyright: basic

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.request
from pathlib import Path

# The scheduler rings every few seconds; five silent minutes mean that nobody rings.
SILENT_SECONDS = 300.0
TIMEOUT_SECONDS = 5
# A process beats every five seconds, whatever it does.
BEAT_SECONDS = 30


def processes() -> dict[int, tuple[int, list[str]]]:
    """Everything that runs in this container: process id to parent's id and command line."""
    found: dict[int, tuple[int, list[str]]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
            # The name stands in brackets and may hold anything: state and parent follow the last.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended between the listing and the reading
        if state != "Z":
            found[int(entry.name)] = (int(parent), words)
    return found


def role_of_container() -> str:
    """What process 1 was told to run."""
    words = Path("/proc/1/cmdline").read_text(errors="replace").split("\0")
    for role in CHECKS:
        if role in words:
            return role
    return "other"


def setting(name: str) -> str:
    """An address, said itself or by the file that NAME_FILE names."""
    if file := os.environ.get(f"{name}_FILE"):
        return Path(file).read_text("utf-8").splitlines()[0].strip()
    return os.environ[name]


def somebody_rings() -> None:
    """Fail when Redis does not answer, or when its stream has heard no ring for a long time."""
    import redis  # noqa: PLC0415 - two of the roles need no Redis

    with redis.Redis.from_url(
        setting("DAMASCUS_REDIS_URL"), socket_timeout=TIMEOUT_SECONDS
    ) as client:
        client.ping()
        newest = 0.0
        for key in client.scan_iter(match="damascus*", _type="stream"):
            entry = client.xinfo_stream(key)["last-generated-id"].decode()
            newest = max(newest, int(entry.split("-")[0]) / 1000)
    age = time.time() - newest
    if age > SILENT_SECONDS:
        raise RuntimeError(f"nobody has rung for {age:.0f} s")


def beats(kind: str) -> None:
    """Fail unless a process of this container has told the database lately that it lives."""
    import psycopg  # noqa: PLC0415 - two of the roles need no database

    url = setting("DAMASCUS_DATABASE_URL")
    with psycopg.connect(
        url, connect_timeout=TIMEOUT_SECONDS, prepare_threshold=None
    ) as connection:
        row = connection.execute(
            "SELECT min(extract(epoch FROM now() - beat_at))::int FROM workers"
            " WHERE kind = %s AND host = %s",
            [kind, socket.gethostname()],
        ).fetchone()
    age = row[0] if row else None
    if age is None:
        raise RuntimeError(f"no {kind} of this container is known to the database")
    if age > BEAT_SECONDS:
        raise RuntimeError(f"the {kind} has not beaten for {age} s")


def worker() -> None:
    """The worker process runs below its supervisor, and beats: a frozen one does not, a busy does.

    Redis is not asked: without it a worker goes on, only slower.
    """
    running = processes()
    workers = {pid for pid, (_, words) in running.items() if "worker" in words and pid != 1}
    if not any(running[pid][0] in workers for pid in workers):
        raise RuntimeError("the supervisor has no worker process below it")
    beats("worker")


def scheduler() -> None:
    """Somebody rings; and the scheduler itself beats, where it was told of the database."""
    somebody_rings()
    if any(os.environ.get(f"DAMASCUS_DATABASE_URL{end}") for end in ("", "_FILE")):
        beats("scheduler")


def answers(port: int) -> None:
    """What is served on that port answers."""
    url = f"http://127.0.0.1:{port}/healthz"
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
        answer.read()


CHECKS = {
    "worker": worker,
    "scheduler": scheduler,
    "sidecar-status": lambda: answers(8090),
    "api": lambda: answers(8080),
}


def main() -> int:
    """Run the check of the role."""
    role = sys.argv[1] if len(sys.argv) > 1 else role_of_container()
    check = CHECKS.get(role)
    if check is None:
        return 0
    try:
        check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer is "unhealthy"
        print(f"{role}: {type(error).__name__}: {error}")  # noqa: T201 - docker keeps this line
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
