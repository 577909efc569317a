"""Opens listening sockets inside a private network, hands them to the worker, becomes the command.

Run as `python -I -S egress_listener.py FD HOST:PORT[,HOST:PORT…] ARGV…` with the standard library
only. A socket belongs to the network it was made in, whoever holds it, so the worker can answer
inside a network that has no way out. FD is a Unix socket to the worker. It closes when the command
starts, and carries a sentence when the command cannot be started.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import NoReturn


def main(fd: int, places: str, argv: list[str]) -> NoReturn:
    """Open the sockets, hand them over, run the command in this process's place."""
    with socket.socket(fileno=fd) as worker:
        worker.set_inheritable(False)
        try:
            opened: list[socket.socket] = []
            for place in places.split(","):
                host, _, port = place.rpartition(":")
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                opened.append(socket.create_server((host, int(port)), family=family, backlog=64))
            socket.send_fds(worker, [b"listening"], [one.fileno() for one in opened])
            for one in opened:
                one.close()
            os.execvpe(argv[0], argv, os.environ)  # noqa: S606 - no shell is the point
        except OSError as error:
            worker.sendall(f"{error.strerror} ({error.filename or places})".encode())
        os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
