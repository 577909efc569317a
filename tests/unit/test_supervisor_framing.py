"""What the worker tells its supervisor arrives whole, however the socket cuts it."""

from __future__ import annotations

import json
import os

import pytest

from damascus.sandbox import supervise
from damascus.sandbox.framing import Lines

JOB = {"argv": ["sleep", "600"], "cwd": "/", "env": {"PATH": os.defpath, "TEXT": "a\nbü"}}
SENT = json.dumps(JOB).encode() + b"\n" + supervise.KILL + b"\n"


class Pieces:
    """A socket whose data arrives in the pieces given."""

    def __init__(self, *pieces):
        self._pieces = [piece for piece in pieces if piece]

    def recv(self, _size):
        return self._pieces.pop(0) if self._pieces else b""


@pytest.mark.parametrize("at", range(len(SENT) + 1))
def test_a_job_and_the_word_to_kill_are_two_messages_wherever_they_are_split(at):
    lines = Lines(Pieces(SENT[:at], SENT[at:]))
    assert json.loads(lines.wait()) == JOB
    assert lines.wait() == supervise.KILL
    assert lines.wait() is None


def test_messages_that_arrive_byte_by_byte_are_whole():
    lines = Lines(Pieces(*(bytes([one]) for one in SENT)))
    assert json.loads(lines.wait()) == JOB
    assert lines.wait() == supervise.KILL


def test_half_a_message_of_a_dead_worker_is_none():
    assert Lines(Pieces(SENT[:20])).wait() is None
