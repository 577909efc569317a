"""Engines of containers for tests: the real ones of this machine, and one that is made up."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support import fake_engine

IMAGE = "python:3.12-slim"
FAKE_IMAGE = {"Id": "sha256:" + "1" * 64, "Config": {"Env": ["PATH=/usr/bin:/bin", "OF_IMAGE=yes"]}}


class FakeEngine:
    """A program `docker` in a directory of its own; see `fake_engine.py`."""

    def __init__(self, place: Path) -> None:
        self.state = place / "engine"
        self.state.mkdir()
        (self.state / "containers").mkdir()
        self.program = place / "docker"
        words = [sys.executable, fake_engine.__file__, str(self.state)]
        self.program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        self.program.chmod(0o755)
        self.say("images.json", {"here:1": FAKE_IMAGE})

    def say(self, name: str, value: Any) -> None:
        """Change what it keeps."""
        text = value if isinstance(value, str) else json.dumps(value)
        (self.state / name).write_text(text)

    @property
    def calls(self) -> list[list[str]]:
        """What it was asked, in order."""
        file = self.state / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def containers(self) -> list[str]:
        """The names of the containers it has, running or not."""
        return sorted(one.name for one in (self.state / "containers").iterdir())


@cache
def why_not(kind: str) -> str:
    """Why an engine of this machine cannot be tested with; "" when it can."""
    return why_no_image(kind, IMAGE)


@cache
def why_no_image(kind: str, image: str) -> str:
    """Why an engine of this machine has no such image, or does not work; "" when it has it."""
    program = shutil.which(kind)
    if program is None:
        return f"{kind} is not installed here"
    try:
        for words in (("info",), ("image", "inspect", image)):
            done = subprocess.run(
                [program, *words], capture_output=True, text=True, timeout=30, check=False
            )
            if done.returncode:
                return f"{kind} {words[0]} does not work here: {done.stderr.strip()[-200:]}"
    except subprocess.TimeoutExpired:
        return f"{kind} does not answer here"
    return ""


def real_engines() -> list[Any]:
    """The engines that containers are tried with, as parameters; those not here are skipped."""
    return [
        pytest.param(kind, marks=pytest.mark.skipif(bool(why_not(kind)), reason=why_not(kind)))
        for kind in ("docker", "podman")
    ]
