"""The worker's side of `service_launcher.py`: services that run beside a command."""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from damascus.errors import PortTakenError
from damascus.ports import Command, Finished, ServiceFault
from damascus.sandbox import service_launcher
from damascus.text.redaction import Redactor

_STARTS: Final = 2
OUTPUT_CAP: Final = 1_000_000  # bytes kept of what the services of one command print


class Beside:
    """A command wrapped so that its services run beside it, and what became of them."""

    def __init__(self, command: Command, told: IO[bytes], output: IO[bytes]) -> None:
        self._command = command
        self._told = told
        self._output = output

    @property
    def fds(self) -> tuple[int, ...]:
        """What the wrapped command has to inherit."""
        return (self._told.fileno(), self._output.fileno())

    @property
    def command(self) -> Command:
        """The command that starts the services, waits for them, and runs the command then."""
        launcher = Path(service_launcher.__file__).resolve()
        job = {
            "services": [[one.port, one.line] for one in self._command.services],
            "seconds": self._command.service_seconds,
            "cap": OUTPUT_CAP,
        }
        told, output = self.fds
        return dataclasses.replace(
            self._command,
            argv=(
                *(sys.executable, "-I", "-S", str(launcher), str(told), str(output)),
                *(json.dumps(job), *self._command.argv),
            ),
            readable=(*self._command.readable, launcher, Path(sys.prefix), Path(sys.base_prefix)),
        )

    def told(self, finished: Finished, redactor: Redactor | None) -> Finished:
        """How it ended, with what the services did. Raises PortTakenError."""
        said = _read(self._told)
        found: dict[str, Any] = json.loads(said) if said else {}
        if "taken" in found:
            raise PortTakenError(int(found["taken"]))
        fault = next(
            (
                ServiceFault(one, str(found["why"]))
                for one in self._command.services
                if one.port == found.get("port")
            ),
            None,
        )
        output = _read(self._output).decode("utf-8", "replace").replace("\0", "")
        output = (redactor or Redactor()).redact(output)
        return dataclasses.replace(finished, service_fault=fault, service_output=output)


def run_beside(
    command: Command,
    run: Callable[[Command, tuple[int, ...]], Finished],
    redactor: Redactor | None,
) -> Finished:
    """Let `run` run a command, with what it has to inherit, and its services beside it.

    Services that do not come up are started once more: a busy machine, or a port that is not free
    yet, is nobody's fault. No part of the command has begun then. Raises what `run` raises,
    PortTakenError.
    """
    for attempt in range(_STARTS):
        with beside(command) as wrapped:
            if wrapped is None:
                return run(command, ())
            finished = wrapped.told(run(wrapped.command, wrapped.fds), redactor)
        if finished.service_fault is None or finished.stopped or attempt + 1 == _STARTS:
            return finished
    raise AssertionError("it is started at least once")


@contextmanager
def beside(command: Command) -> Generator[Beside | None]:
    """Wrap a command that has services; None for one that has none."""
    if not command.services:
        yield None
        return
    # No names: nothing in the sandbox can open them, and nothing is left of them.
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as output:
        yield Beside(command, told, output)


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(2 * OUTPUT_CAP)
