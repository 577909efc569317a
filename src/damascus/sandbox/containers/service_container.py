"""A service in a container of its own, as the worker sees it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from damascus.domain.images import ServiceImage
from damascus.errors import SandboxError
from damascus.ports import Command, Finished
from damascus.sandbox.containers import mounts, runtime, service_entry
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.containers.images import Image
from damascus.sandbox.containers.start import ContainerRun
from damascus.sandbox.run import Bounds, run_supervised
from damascus.text.redaction import Redactor

OUTPUT_CAP: Final = 200_000
END_SECONDS: Final = 60.0
# What the programs of images need to give themselves up to a user of their own.
_RIGHTS: Final = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")


class Ending:
    """A claim on the service's run that is lost once it is to end; see `ClaimGuard`."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._callbacks: list[Callable[[], None]] = []

    def lost(self) -> bool:
        """Tell whether it is to end."""
        return self._ended.is_set()

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when it is to end; returns the undo."""
        self._callbacks.append(callback)
        return partial(self._callbacks.remove, callback)

    def end(self) -> None:
        """Have it end now."""
        self._ended.set()
        for callback in tuple(self._callbacks):
            callback()


class ServiceContainer:
    """One service, started when its context is entered and gone when it is left.

    It has no network: `connect` opens a connection to one of its ports. `seconds` is how long it
    may live.
    """

    def __init__(
        self,
        engine: Engine,
        image: Image,
        service: ServiceImage,
        *,
        folder: Path,
        bounds: Bounds,
        seconds: float,
        redactor: Redactor | None = None,
    ) -> None:
        self.service = service
        self.ports = image.ports
        self.why = ""
        self._engine = engine
        self._image = image
        self._folder = folder
        self._bounds = bounds
        self._seconds = seconds
        self._redactor = redactor
        self._ending = Ending()
        self._finished: Finished | None = None
        self._failure: SandboxError | None = None
        self._asking = threading.Lock()

    def __enter__(self) -> Self:
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="service", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.end()
        self._thread.join(END_SECONDS)
        self._ours.close()

    @property
    def output(self) -> str:
        """What it printed, once its context has been left."""
        return self._finished.output if self._finished else ""

    def wait_until_up(self, until: float, lost: Callable[[], bool]) -> bool:
        """Wait until it is up; False with `why` when it does not come up, or the claim is lost.

        Raises SandboxError when its container cannot be started.
        """
        self._ours.settimeout(0.5)
        said = b""
        while not said.endswith(b"\n"):
            if self._failure is not None:
                raise self._failure
            if lost() or time.monotonic() >= until:
                self.why = "was not up in time"
                return False
            try:
                piece = self._ours.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                self._thread.join(END_SECONDS)
                if self._failure is not None:
                    raise self._failure
                self.why = "ended before it was up"
                return False
            said += piece
        self._ours.settimeout(service_entry.CONNECT_SECONDS * 3)
        self.why = str(json.loads(said).get("why", ""))
        return not self.why

    def connect(self, port: int) -> socket.socket:
        """A connection to one of its ports. Raises OSError."""
        with self._asking:
            self._ours.sendall(b"%d\n" % port)
            word, fds, _, _ = socket.recv_fds(self._ours, 1, 1)
        if word != b"+" or not fds:
            raise ConnectionRefusedError(f"{self.service.name} does not answer at port {port}")
        return socket.socket(fileno=fds[0])

    def _run(self) -> None:
        job = {"ports": list(self._image.ports), "health": list(self._image.health)}
        fd = self._theirs.fileno()
        entry = f"{runtime.INSIDE}/{Path(service_entry.__file__).name}"
        words = runtime.python("-I", "-S", entry, str(fd), json.dumps(job), *self._image.argv)
        command = Command(
            argv=words,
            cwd=Path(self._image.directory),
            env={"PATH": self._image.path, **self._image.env, **self.service.variables},
            timeout=self._seconds,
            grace=0.0,
            output_cap=OUTPUT_CAP,
        )
        told: dict[str, Any] = {"contained": True, "places": list(self._image.volumes)}
        try:
            self._finished = run_supervised(
                command,
                self._ending,
                argv=words,
                bounds=self._bounds,
                redactor=self._redactor,
                pass_fds=(fd,),
                start=self._start,
                job=told,
            )
        except SandboxError as error:
            self._failure = error
        finally:
            self._theirs.close()

    def _start(self, stdin: int, output: int, inherited: Sequence[int]) -> ContainerRun:
        options = [
            *("--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *(word for right in _RIGHTS for word in ("--cap-add", right)),
            *("--no-healthcheck", "--hostname", self.service.name, "--workdir", "/"),
            *self._engine.bounds(self._bounds.together_bytes, self._bounds.processes),
            *mounts.bind(runtime.runtime(self._folder), runtime.INSIDE),
            *("--entrypoint", runtime.first_process()[0]),
            *(self._image.digest, *runtime.first_process()[1:]),
        ]
        return ContainerRun(
            self._engine,
            self._folder / "runs",
            lambda _: options,
            [(stdin, 0), (output, 1), (output, 2), *((fd, fd) for fd in inherited)],
            named=self._image.name,
        )
