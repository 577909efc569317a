"""A supervisor, as a process, obeys what the worker tells it at whatever moment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from damascus.sandbox import supervise

JOB = {
    "argv": ["sleep", "600"],
    "cwd": "/",
    "env": {"PATH": os.defpath},
    "timeout": 600,
    "grace": 600,
}
SENT = json.dumps(JOB).encode() + b"\n" + supervise.KILL + b"\n"


def supervised(*pieces):
    """Start a supervisor, write the pieces to it, and return the last it says."""
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-I", "-S", supervise.__file__, str(theirs.fileno())]
    with ours, subprocess.Popen(argv, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        ours.settimeout(30)
        for piece in pieces:
            ours.sendall(piece)
        said = b""
        while data := ours.recv(4096):
            said += data
        process.wait(timeout=30)
    return json.loads(said.splitlines()[-1])


def test_a_job_and_the_word_to_kill_in_one_write_end_it_at_once():
    assert supervised(SENT) == {"exit": 137, "why": "asked", "said": ""}


@pytest.mark.parametrize("kept_back", range(1, len(supervise.KILL) + 3))
def test_the_word_to_kill_may_come_in_two_parts(kept_back):
    assert supervised(SENT[:-kept_back], SENT[-kept_back:])["why"] == "asked"
