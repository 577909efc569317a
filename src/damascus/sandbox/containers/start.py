"""One container from its start to its end: what supervises its command is inside it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from damascus.errors import SandboxError
from damascus.removal import remove
from damascus.sandbox import orphans
from damascus.sandbox.containers import container_init
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.containers.mounts import bind

log = logging.getLogger(__name__)
START_SECONDS: Final = 120.0
CONNECT_SECONDS: Final = 60.0
LOOK_EVERY: Final = 2.0  # seconds between two looks whether a container that is silent still runs
REMOVE_SECONDS: Final = 60.0
LABEL: Final = "damascus.runs"  # the directory of all runs of an installation
PREFIX: Final = "damascus-"  # before the name of a run's directory: the name of its container
INSIDE: Final = str(Path(container_init.SOCKET).parent)
_NONE: Final = 0


class ContainerRun:
    """A container that has been started; `control` leads to the first process in it.

    Once `control` is closed everything in it ends. `when_gone` says what it means when the
    container goes by itself: nothing inside can end its first process, so somebody outside did.
    """

    when_gone: str = "asked"

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        options: Callable[[Path], Sequence[str]],
        descriptors: Sequence[tuple[int, int]],
        *,
        named: str,
    ) -> None:
        """Start it. Raises SandboxError.

        `options`, given a directory that goes with the container, end with the image and its words;
        `descriptors` are pairs of one of this process and its number inside; `named` is the image,
        for people.
        """
        self._engine = engine
        self._place = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        self.name = f"{PREFIX}{self._place.name}"
        with ExitStack() as undo:
            undo.callback(self._remove)
            with self._listen(undo) as listening:
                self._start(options(self._place), named)
                self.control = _accepted(listening, named, self._ended)
            _hand_over(self.control, descriptors)
            self._undo = undo.pop_all()

    def _listen(self, undo: ExitStack) -> socket.socket:
        self._place.mkdir(parents=True, mode=0o711)
        lock = os.open(self._place / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        listening = socket.socket(socket.AF_UNIX)
        folder = os.open(self._place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:  # by a descriptor: the path of a socket may have 107 characters only
            listening.bind(f"/proc/self/fd/{folder}/{Path(container_init.SOCKET).name}")
        finally:
            os.close(folder)
        (self._place / Path(container_init.SOCKET).name).chmod(0o666)  # the directory is closed
        listening.listen(1)
        listening.settimeout(LOOK_EVERY)
        return listening

    def _start(self, options: Sequence[str], named: str) -> None:
        pids = self._place / "monitor"
        monitor = ["--conmon-pidfile", str(pids)] if self._engine.kind == "podman" else []
        try:
            self._engine.call(
                *("run", "--detach", "--pull", "never", "--name", self.name),
                *("--label", f"{LABEL}={self._place.parent}", *monitor),
                *bind(self._place, INSIDE),
                *options,
                seconds=START_SECONDS,
            )
        except SandboxError as error:
            raise SandboxError(f"A container of {named} could not be started: {error}") from error
        with suppress(OSError, ValueError):  # it is orphaned to this process, and no command's
            self._monitor = orphans.expect(int(pids.read_text("ascii")))

    def _ended(self) -> str | None:
        """Why the container has ended already, as far as it said so; None while it runs."""
        try:
            if (
                self._engine.call("inspect", "--format", "{{.State.Running}}", self.name)
                == "true\n"
            ):
                return None
            return self._engine.call("logs", self.name).strip() or "it ended at once"
        except SandboxError as error:
            return str(error)

    def is_stopped(self) -> bool:
        """Nothing inside can stop the first process of a container."""
        return False

    def end_all(self, main: int | None) -> None:  # noqa: ARG002 - a number inside the container
        """Kill everything in it."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        self._gone()

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.control.close()
        self._undo.close()

    def _remove(self) -> None:
        self._gone()
        remove(self._place)

    def _gone(self) -> None:
        try:
            self._engine.call("rm", "--force", "--volumes", self.name, seconds=REMOVE_SECONDS)
        except SandboxError as error:
            if "no such container" not in str(error).lower():
                log.warning("container %s may be left behind: %s", self.name, error)
        orphans.reap(getattr(self, "_monitor", _NONE))


def _accepted(
    listening: socket.socket, named: str, ended: Callable[[], str | None]
) -> socket.socket:
    """The connection of the first process. Raises SandboxError where there will be none."""
    until = time.monotonic() + CONNECT_SECONDS
    why: str | None = None
    while why is None:
        try:
            control, _ = listening.accept()
        except TimeoutError:
            why = ended()
            if why is None and time.monotonic() >= until:
                why = f"its first process did not answer within {CONNECT_SECONDS:g} s"
        else:
            control.settimeout(None)
            return control
    raise SandboxError(f"A container of {named} ran nothing: {why[-400:]}")


def _hand_over(control: socket.socket, descriptors: Sequence[tuple[int, int]]) -> None:
    """Send descriptors of this process, each for its number inside."""
    numbers = json.dumps([number for _, number in descriptors]).encode()
    try:
        socket.send_fds(
            control, [numbers.ljust(container_init.HEAD)], [fd for fd, _ in descriptors]
        )
    except OSError as error:
        control.close()
        raise SandboxError(f"A container ended at its start: {error.strerror}") from error
