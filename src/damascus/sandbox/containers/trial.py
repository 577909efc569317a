"""Finds out, by trying, what an engine can do in a home: mounts, and layers over directories."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from damascus.errors import SandboxError
from damascus.ports import Layer
from damascus.removal import remove
from damascus.sandbox.containers import mounts, runtime
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.containers.images import Image

SECONDS: Final = 60.0
_SEEN: Final = "import pathlib, sys; print(pathlib.Path('/trial/word').read_text())"
_WRITE: Final = "import pathlib; pathlib.Path('/trial/made').mkdir()"


def home_problem(engine: Engine, image: Image, home: Path, folder: Path) -> str:
    """Why a container sees nothing of the home, as the end of a sentence; "" when it does."""
    word = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=_made(folder)) as name:
        (Path(name) / "word").write_text(word, "ascii")
        try:
            said = _python(engine, image, folder, mounts.bind(Path(name), "/trial"), _SEEN)
        except SandboxError as error:
            return str(error).rstrip(".")
    if said.strip() == word:
        return ""
    return f"{home} is another directory there: it must lie at the same path where the engine is"


def overlay_problem(engine: Engine, image: Image, folder: Path) -> str:
    """Why an engine lays no layers in `folder`, as the end of a sentence; "" when it does."""
    place = Path(tempfile.mkdtemp(prefix=".overlay-", dir=_made(folder)))
    try:
        lower, upper, work = (place / one for one in ("l", "u", "w"))
        for one in (lower, upper, work):
            one.mkdir()
        layer = Layer(lower, upper, work, lower)
        _python(engine, image, folder, mounts.overlay(engine, layer, lower, "/trial"), _WRITE)
        made = upper / "made"
        if not made.is_dir():
            return "a trial wrote nothing to its upper directory"
        if made.stat().st_uid != os.getuid():
            return "what a trial wrote belongs to another user"
    except (SandboxError, OSError) as error:
        return str(error).rstrip(".")
    finally:
        gone = remove(place)
    return "" if gone else "what a trial left cannot be removed"


def _made(folder: Path) -> Path:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _python(
    engine: Engine, image: Image, folder: Path, options: Sequence[str], program: str
) -> str:
    first, *words = runtime.python("-I", "-S", "-c", program)
    return engine.call(
        *("run", "--rm", "--pull", "never", "--network", "none", "--cap-drop", "ALL"),
        *engine.user(),
        *mounts.bind(runtime.runtime(folder), runtime.INSIDE),
        *options,
        *("--entrypoint", first, image.digest, *words),
        seconds=SECONDS,
    )
