"""Runs a service in its container, says when it is up, and opens connections to it for the worker.

Run as `python -I -S service_entry.py FD JOB ARGV…` with the standard library only, by the
container's first process. FD is a Unix socket to the worker. JOB is JSON: `ports` are those of the
service, `health` is the argv of the image's own check, or empty: then the first port must take
connections. Out goes one JSON line, {"up": true} or {"why": words}; then each number of a port that
comes in is answered by a connected socket, or by a word where nobody answers there. A service's
container has no network, so this is the only way to it. The exit status is the service's.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final, NoReturn

LOOK_EVERY: Final = 0.2  # seconds
HEALTH_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
NOT_STARTED: Final = 127
FAMILIES: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def connected(port: int) -> socket.socket | None:
    """A connection to a port of this container; None where nobody takes it."""
    for family, host in FAMILIES:
        one = socket.socket(family)
        one.settimeout(CONNECT_SECONDS)
        try:
            one.connect((host, port))
        except OSError:
            one.close()
        else:
            one.settimeout(None)
            return one
    return None


def healthy(job: dict[str, Any]) -> bool:
    """Tell whether the service is up."""
    if job["health"]:
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                job["health"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=HEALTH_SECONDS,
                check=False,
            )
            return done.returncode == 0
        return False
    one = connected(job["ports"][0])
    if one is not None:
        one.close()
    return one is not None


def serve(worker: socket.socket) -> None:
    """Answer with a connection for each port that the worker asks for."""
    with worker, worker.makefile("rb") as asked:
        for line in asked:
            one = connected(int(line))
            if one is None:
                worker.sendall(b"-")
                continue
            with one:
                socket.send_fds(worker, [b"+"], [one.fileno()])


def wait_until_up(
    service: subprocess.Popen[bytes], worker: socket.socket, job: dict[str, Any]
) -> bool:
    """Wait for the service; tells whether it is up, or has ended."""
    while service.poll() is None:
        if healthy(job):
            worker.sendall(b'{"up": true}\n')
            return True
        time.sleep(LOOK_EVERY)
    why = f"ended with status {status_of(service)} before it was up"
    worker.sendall(json.dumps({"why": why}).encode() + b"\n")
    return False


def status_of(service: subprocess.Popen[bytes]) -> int:
    """Its exit status, as a shell tells it."""
    code = service.wait()
    return code if code >= 0 else 128 - code


def main(fd: int, job: dict[str, Any], argv: list[str]) -> NoReturn:
    """Start the service, and end with it."""
    worker = socket.socket(fileno=fd)
    worker.set_inheritable(False)
    try:
        service = subprocess.Popen(argv)
    except OSError as error:
        why = f"cannot be started: {argv[0]}: {error.strerror}"
        worker.sendall(json.dumps({"why": why}).encode() + b"\n")
        os._exit(NOT_STARTED)
    if wait_until_up(service, worker, job):
        threading.Thread(target=serve, args=(worker,), daemon=True).start()
    os._exit(status_of(service))


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:])
