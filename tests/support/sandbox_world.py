"""The sandboxes of this machine, and commands to run in them."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pytest

from damascus.errors import SandboxError
from damascus.ports import Command
from damascus.sandbox import Bubblewrap, Plain, toolchain
from support.patience import patience

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
SHOWN = toolchain(PATH)


def why_not(sandbox: Bubblewrap) -> str:
    with tempfile.TemporaryDirectory() as directory:
        try:
            ended = sandbox.run(command(Path(directory).resolve(), "true", timeout=20))
        except SandboxError as error:
            return str(error)
    return "" if ended.exit_code == 0 else ended.output


def command(place, *argv, **more):
    more.setdefault("env", {"PATH": PATH, "HOME": str(place)})
    more.setdefault("timeout", patience(60))
    more.setdefault("grace", 5)
    more.setdefault("writable", (place,))
    return Command(argv=argv, cwd=place, **more)


WRAPPED = {
    "bubblewrap": Bubblewrap(readable=SHOWN),
    "bubblewrap-machine-proc": Bubblewrap(readable=SHOWN, private_proc=False),
}

REASONS = {name: why_not(sandbox) for name, sandbox in WRAPPED.items()}


def parameters(names):
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(bool(REASONS.get(name)), reason=REASONS.get(name) or "works"),
        )
        for name in names
    ]


@pytest.fixture(params=parameters(["plain", *WRAPPED]))
def sandbox(request):
    return Plain() if request.param == "plain" else WRAPPED[request.param]


@pytest.fixture
def place(tmp_path):
    path = tmp_path / "attempt"
    path.mkdir()
    return path


class OpenFence:
    """A claim that is held until `lose` is called."""

    def __init__(self):
        self.callbacks = []
        self.gone = False
        self.undone = 0

    def lost(self):
        return self.gone

    def on_lost(self, callback):
        self.callbacks.append(callback)

        def undo():
            self.undone += 1

        return undo

    def lose(self):
        self.gone = True
        for callback in self.callbacks:
            callback()


def shell(place, script, **more):
    return command(place, "sh", "-c", script, **more)


def python(place, script, **more):
    return command(place, "python", "-c", script, **more)


def until(what, seconds=30):
    end = time.monotonic() + patience(seconds)
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False
