"""An engine as Damascus uses it: found once, tried once, with a sandbox for each image."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from damascus.domain.images import ServiceImage
from damascus.errors import NoSandboxError
from damascus.sandbox.containers import trial
from damascus.sandbox.containers.engine import Engine, find_engine
from damascus.sandbox.containers.images import Image, find_image, get_image
from damascus.sandbox.containers.leftovers import remove_leftovers
from damascus.sandbox.containers.sandbox import FOLDER, Container
from damascus.sandbox.containers.service_container import ServiceContainer
from damascus.sandbox.run import Bounds
from damascus.text.redaction import Redactor

log = logging.getLogger(__name__)
RUNS: Final = "runs"


class ContainerHost:
    """Makes the sandboxes of images; safe to call from several threads.

    `engine` names the engine, None: the first known one that answers. `home` is the directory of
    Damascus, resolved.
    """

    def __init__(
        self,
        engine: str | None,
        *,
        home: Path,
        bounds: Bounds | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._wanted = engine
        self._home = home
        self._bounds = bounds
        self._redactor = redactor
        self._lock = threading.RLock()
        self._sees_home = False
        self._overlay: str | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine in use. Raises NoSandboxError.

        What dead workers left of it is removed when it is found.
        """
        found = find_engine(self._wanted)
        remove_leftovers(found, self.folder / RUNS)
        return found

    @property
    def folder(self) -> Path:
        """Where the home keeps what containers need."""
        return self._home / FOLDER

    def sandbox(self, image: str) -> Container:
        """The sandbox of an image, which is pulled where it is not there. Raises NoSandboxError."""
        with self._lock:
            engine = self.engine
        found = get_image(engine, image)  # minutes, perhaps: nobody else waits for it
        with self._lock:
            self._try_home(found)
        return Container(
            engine, found, home=self._home, bounds=self._bounds, redactor=self._redactor
        )

    def service(self, service: ServiceImage, *, seconds: float) -> ServiceContainer:
        """A service, to be started by entering it. Raises NoSandboxError."""
        with self._lock:
            engine = self.engine
        image = get_image(engine, service.image)
        if not image.ports:
            raise NoSandboxError(
                f"the image {service.image} exposes no port (EXPOSE), so nothing could reach it as "
                "a service: use another, or start its program with --service-command"
            )
        return ServiceContainer(
            engine,
            image,
            service,
            folder=self.folder,
            bounds=self._bounds or Bounds(),
            seconds=seconds,
            redactor=self._redactor,
        )

    def overlay_problem(self, image: Image) -> str:
        """Why no layers can be laid here, as the end of a sentence; "" when they can."""
        with self._lock:
            if self._overlay is None:
                self._overlay = trial.overlay_problem(self.engine, image, self.folder)
            return self._overlay

    def describe(self, images: Sequence[str]) -> str:
        """The engine, and what it does with `images`; nothing is pulled. Raises NoSandboxError."""
        with self._lock:
            said = self.engine.describe()
            here = {name: find_image(self.engine, name) for name in images}
        missing = [name for name, found in here.items() if found is None]
        if missing:
            said += f"; pulled when they are needed: {', '.join(missing)}"
        found = next((one for one in here.values() if one is not None), None)
        if found is None:
            return said
        self._try_home(found)
        why = self.overlay_problem(found)
        kept = f"copied for every command ({why})" if why else "laid under every command at once"
        return f"{said}; what set-ups make is {kept}"

    def _try_home(self, image: Image) -> None:
        if self._sees_home:
            return
        why = trial.home_problem(self.engine, image, self._home, self.folder)
        if why:
            raise NoSandboxError(
                f"{self.engine.kind} runs no container that sees {self._home}: {why} "
                "(docs/containers.md)"
            )
        self._sees_home = True
