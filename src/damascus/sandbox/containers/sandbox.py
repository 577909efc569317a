"""The sandbox that is a container of an image, made anew for each command."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Final

from damascus.ports import ClaimGuard, Command, Finished
from damascus.sandbox import inside, services
from damascus.sandbox.containers import mounts, runtime
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.containers.images import Image, passwd_of
from damascus.sandbox.containers.shelf import Shelf
from damascus.sandbox.containers.start import ContainerRun
from damascus.sandbox.networks import in_network
from damascus.sandbox.run import Bounds, check_command, run_supervised
from damascus.text.redaction import Redactor

FOLDER: Final = "containers"  # below the home
PROGRAMS: Final = "/damascus/programs"
_ELF: Final = b"\x7fELF"
# A script for one of these runs in any image that has a shell.
_SHELLS: Final = (b"#!/bin/sh\n", b"#!/bin/sh -", b"#!/usr/bin/env sh\n", b"#!/bin/bash\n")


def runs_in_any_image(program: Path) -> bool:
    """Whether a program of this machine is shown in containers, and the image need not have it."""
    with program.open("rb") as file:
        return file.read(32).startswith((_ELF, *_SHELLS))


class Container:
    """Runs a command in a container of `image`, which `engine` makes and nobody else uses.

    `home` is the directory of Damascus, which must lie at the same path where the engine is. What a
    command writes belongs to the worker's user. `redactor` takes secrets out of what is kept of any
    output.
    """

    name: str = "container"

    def __init__(
        self,
        engine: Engine,
        image: Image,
        *,
        home: Path,
        bounds: Bounds | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._engine = engine
        self._image = image
        self._folder = home / FOLDER
        self._shelf = Shelf(home, self._folder / "files")
        self._bounds = bounds or Bounds()
        self._redactor = redactor

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end.

        Raises SandboxError if the program or the container cannot be started, PortTakenError.
        """
        check_command(command)
        programs, command = self._with_program(inside.as_seen(command))
        packages = command.argv[0] == sys.executable and Path(sys.prefix) in command.readable
        run = partial(self._run, programs=programs, packages=packages)
        return services.run_beside(
            command,
            lambda one, fds: in_network(one, guard, run, pass_fds=fds, own_loopback=True),
            self._redactor,
        )

    def _run(
        self,
        command: Command,
        guard: ClaimGuard | None,
        *,
        pass_fds: tuple[int, ...] = (),
        programs: Sequence[str] = (),
        packages: bool = False,
    ) -> Finished:
        options = [
            *self._options(command),
            *programs,
            *(mounts.bind(runtime.packages(self._folder), runtime.PACKAGES) if packages else ()),
        ]
        image = (self._image.digest, *runtime.first_process()[1:])
        argv = [
            part
            for word in command.argv
            for part in (runtime.python() if word == sys.executable else (word,))
        ]

        def start(stdin: int, output: int, inherited: Sequence[int]) -> ContainerRun:
            descriptors = [(stdin, 0), (output, 1), (output, 2), *((fd, fd) for fd in inherited)]
            return ContainerRun(
                self._engine,
                self._folder / "runs",
                lambda place: [*mounts.own_paths(command, place), *options, *image],
                descriptors,
                named=self._image.name,
            )

        return run_supervised(
            command,
            guard,
            argv=argv,
            bounds=self._bounds,
            redactor=self._redactor,
            pass_fds=pass_fds,
            start=start,
            job={
                "cwd": inside.working_directory(command),
                "env": {**self._image.env, **command.env},
                "places": [inside.seen_at(path, command.shown) for path in command.writable],
                "contained": True,
            },
        )

    def _options(self, command: Command) -> list[str]:
        """What the engine is told for this command, up to the image."""
        bounds, engine = self._bounds, self._engine
        tmp = f"rw,exec,nosuid,nodev,mode=1777,size={bounds.tmp_bytes}"
        return [
            *("--network", "bridge" if command.network else "none"),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--no-healthcheck", "--hostname", "damascus", "--workdir", "/"),
            *("--tmpfs", f"/tmp:{tmp}", "--tmpfs", f"/var/tmp:{tmp}", "--tmpfs", f"/run:{tmp}"),  # noqa: S108 - private
            *("--shm-size", str(bounds.tmp_bytes)),
            *engine.bounds(bounds.together_bytes + bounds.tmp_bytes, bounds.processes),
            *engine.user(),
            *mounts.bind(runtime.runtime(self._folder), runtime.INSIDE),
            *mounts.bind(self._shelf.text(self._passwd), "/etc/passwd"),
            *self._readable(command),
            *mounts.writable_binds(command),
            *mounts.layers(engine, command),
            *("--entrypoint", runtime.first_process()[0]),
        ]

    def _readable(self, command: Command) -> list[str]:
        """Files of this machine that the command reads, at their own paths: not its programs."""
        left_out = {Path(sys.prefix), Path(sys.base_prefix)}
        options: list[str] = []
        for path in dict.fromkeys(command.readable):
            if path not in left_out and path.exists():
                options += mounts.bind(self._shelf.place(path), str(path))
        return options

    def _with_program(self, command: Command) -> tuple[tuple[str, ...], Command]:
        """A command of the worker's own program: shown where it runs anywhere, else the image's."""
        program = Path(command.argv[0])
        if not command.own_program or not program.is_absolute():
            return (), command
        if not runs_in_any_image(program):
            return (), dataclasses.replace(command, argv=(program.name, *command.argv[1:]))
        place = f"{PROGRAMS}/{program.name}"
        shown = mounts.bind(self._shelf.place(program), place)
        readable = tuple(path for path in command.readable if path != program)
        return shown, dataclasses.replace(
            command, argv=(place, *command.argv[1:]), readable=readable
        )

    @cached_property
    def _passwd(self) -> str:
        return passwd_of(self._engine, self._image)

    @property
    def image(self) -> Image:
        """The image, with what its configuration says."""
        return self._image

    @property
    def digest(self) -> str:
        """What the image holds, for the key of an environment."""
        return self._image.digest

    @property
    def path(self) -> str:
        """The PATH of the image's own programs."""
        return self._image.path

    def describe(self) -> str:
        """Say in one paragraph what is in force, and what it does not protect."""
        return (
            f"container of {self._image.name} ({self._engine.describe()}): a command sees the"
            " image, read-only, and its own directories, which alone it can write; it has no"
            " network but the hosts it may reach, by name, no capability and no engine's socket;"
            " time, output, processes, memory and disk are bounded. Not protected: the kernel"
            " itself is shared; tests of a project that allows them the whole network reach what"
            " the engine's own network reaches."
        )
