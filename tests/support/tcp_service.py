"""A tiny TCP server as a service of a project: it says hello to everybody who connects."""

from __future__ import annotations

import socket

# Takes the port.
SERVER = """import os, socket, sys
port = int(sys.argv[1])
print("starting at", port, "with", os.environ.get("GREETING"), flush=True)
listening = socket.create_server(("127.0.0.1", port))
while True:
    connected, _ = listening.accept()
    with connected:
        connected.sendall(os.environ.get("GREETING", "hello").encode())
"""
# Prints what the server says.
CLIENT = """import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as connected:
    print("it said", connected.makefile().read())
"""


def is_taken(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
