"""Any other command as the agent."""

from __future__ import annotations

import sys

import pytest

from damascus.builders.command import CommandAgent
from damascus.sandbox import Plain
from support.agents import PATH, request, tree
from support.builder_world import FENCE, bubblewrap, place, sandbox

# Pytest finds the fixtures by their names here.
__all__ = ["bubblewrap", "place", "sandbox"]


def test_any_command_can_be_the_agent(sandbox, place, monkeypatch):
    monkeypatch.setenv("DAMASCUS_DATABASE_URL", "canary")
    script = (
        "import os, sys, pathlib\n"
        "prompt = sys.stdin.read()\n"
        "assert prompt == pathlib.Path(sys.argv[1]).read_text()\n"
        "assert 'DAMASCUS_DATABASE_URL' not in os.environ\n"
        "pathlib.Path('done.txt').write_text(prompt + os.environ['OTHER_KEY'])\n"
        "print('my key is', os.environ['OTHER_KEY'])\n"
    )
    argv = [sys.executable, "-c", script, "{prompt_file}", "{session}"]
    agent = CommandAgent(argv, path=PATH, env={"OTHER_KEY": "k-123456"})
    outcome = agent.build(request(place, "Do it: {session}"), sandbox, FENCE)
    assert outcome.ok, outcome
    assert outcome.cost is None
    assert outcome.text == "my key is (hidden)"
    assert tree(place)["done.txt"] == "Do it: {session}k-123456"


@pytest.mark.parametrize(
    ("command", "fault", "reason"),
    [
        ("exit 3", False, "exit status 3"),
        ("exit 75", True, "temporary failure"),
        ("kill -9 $$", False, "signal 9"),
        ("kill -SEGV $$", False, "signal 11"),
        ("kill -ABRT $$", False, "signal 6"),
        ("sleep 60", False, "out of time"),
    ],
)
def test_the_exit_status_of_any_command_is_what_counts(place, command, fault, reason):
    agent = CommandAgent(["sh", "-c", f"echo All is well.; {command}"], path=PATH)
    outcome = agent.build(request(place, seconds=2), Plain(), FENCE)
    assert (outcome.ok, outcome.fault) == (False, fault)
    assert reason in outcome.reason
    assert outcome.text == "All is well."
