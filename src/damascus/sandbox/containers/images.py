"""Images: pulled when they are missing, and what their configuration says."""

from __future__ import annotations

import io
import logging
import os
import tarfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from damascus.errors import NoSandboxError, SandboxError
from damascus.sandbox.containers.engine import Engine

log = logging.getLogger(__name__)
PULL_SECONDS: Final = 1800.0
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSWD_CAP: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is on this machine. `digest` is that of its contents.

    `argv` is what it runs where nothing else is said, `user` as whom; `ports` are the TCP ports
    that it exposes; `health` is its own check, an argv; `volumes`
    are directories that it writes much to.
    """

    name: str
    digest: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    argv: Sequence[str] = ()
    user: str = ""
    directory: str = "/"
    ports: Sequence[int] = ()
    health: Sequence[str] = ()
    volumes: Sequence[str] = ()

    @property
    def path(self) -> str:
        """The PATH of its programs."""
        return self.env.get("PATH") or PATH


def get_image(engine: Engine, name: str) -> Image:
    """The image `name`, pulled where it is not there. Raises NoSandboxError, in one sentence."""
    if (there := find_image(engine, name)) is not None:
        return there
    began = time.monotonic()
    log.info("image %s is not here: %s pulls it", name, engine.kind)
    try:
        engine.call("pull", "--quiet", name, seconds=PULL_SECONDS)
        image = _inspect(engine, name)
    except SandboxError as error:
        raise NoSandboxError(
            f"the image {name!r} is not here and cannot be pulled ({str(error).rstrip('.')}): "
            "correct its name (damascus project change --image), or pull it on the worker's machine"
        ) from None
    log.info("image %s was pulled in %.1f s", name, time.monotonic() - began)
    return image


def find_image(engine: Engine, name: str) -> Image | None:
    """The image `name` where it is on this machine."""
    with suppress(SandboxError):
        return _inspect(engine, name)
    return None


def _inspect(engine: Engine, name: str) -> Image:
    told = engine.asked("image", "inspect", "--format", "{{json .}}", name)
    config: dict[str, Any] = told.get("Config") or {}
    digest = str(told["Id"])
    pairs = (str(one).partition("=") for one in config.get("Env") or ())
    exposed = [str(port) for port in config.get("ExposedPorts") or ()]
    check: dict[str, Any] = config.get("Healthcheck") or {}
    return Image(
        name=name,
        digest=digest if ":" in digest else f"sha256:{digest}",
        env={key: value for key, _, value in pairs},
        argv=[*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())],
        user=str(config.get("User") or ""),
        directory=str(config.get("WorkingDir") or "/"),
        ports=sorted(int(one.split("/")[0]) for one in exposed if not one.endswith("/udp")),
        volumes=[str(one) for one in config.get("Volumes") or ()],
        health=_health(check.get("Test") or ()),
    )


def _health(test: Sequence[str]) -> list[str]:
    """The argv of a HEALTHCHECK; none where the image has none, or turned it off."""
    match [*test]:
        case ["CMD", *argv]:
            return argv
        case ["CMD-SHELL", line]:
            return ["/bin/sh", "-c", line]
        case _:
            return []


def passwd_of(engine: Engine, image: Image) -> str:
    """The image's list of users with this process's own in it, so that programs find its name."""
    uid, gid = os.getuid(), os.getgid()
    text = _file(engine, image, "/etc/passwd")
    if any(line.split(":")[2:3] == [str(uid)] for line in text.splitlines()):
        return text
    lines = [text.rstrip("\n")] if text.strip() else []
    return "\n".join([*lines, f"damascus:x:{uid}:{gid}::/damascus/home:/bin/sh", ""])


def _file(engine: Engine, image: Image, path: str) -> str:
    """A text file of an image; "" where it has none. Nothing of the image is run."""
    made = engine.call("create", "--network", "none", "--entrypoint", "/none", image.digest, "none")
    name = made.split()[-1]
    try:
        data = engine.call("cp", f"{name}:{path}", "-").encode("utf-8", "replace")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            member = archive.next()
            opened = archive.extractfile(member) if member is not None else None
            return opened.read(_PASSWD_CAP).decode("utf-8", "replace") if opened else ""
    except (SandboxError, tarfile.TarError, OSError):
        return ""
    finally:
        with suppress(SandboxError):
            engine.call("rm", "--force", name)
