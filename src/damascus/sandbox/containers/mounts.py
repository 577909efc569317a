"""What a command sees in its container, as options of the engine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from damascus.ports import Command, Layer
from damascus.sandbox.containers.engine import Engine
from damascus.sandbox.inside import seen_at
from damascus.sandbox.overlay import escaped


def bind(source: Path, target: str, *, writable: bool = False) -> tuple[str, str]:
    """The option that shows `source` at `target`."""
    words = ["type=bind", f"src={source}", f"dst={target}"]
    return _mount(words if writable else [*words, "readonly"])


def writable_binds(command: Command) -> Iterator[str]:
    """Yield the options for the directories a command may write, each where it sees it."""
    laid = {layer.target for layer in command.layers}
    for path in command.writable:
        if path in laid:
            continue
        yield from bind(path.resolve(), seen_at(path, command.shown), writable=True)


def own_paths(command: Command, folder: Path) -> Iterator[str]:
    """Yield the options that let a command find what it is shown by the machine's paths as well.

    A word may hold such a path where nobody looks for one. `folder` takes links for them.
    """
    for number, parent in enumerate(dict.fromkeys(path.parent for path in command.shown)):
        place = folder / f"paths-{number}"
        place.mkdir(mode=0o755)
        for path, seen in command.shown.items():
            if path.parent == parent:
                (place / path.name).symlink_to(seen)
        for path in (*command.writable, *command.readable):
            if path.is_relative_to(parent) and seen_at(path, command.shown) == str(path):
                _make_point(place / path.relative_to(parent), directory=path.is_dir())
        yield from bind(place, str(parent))


def _make_point(place: Path, *, directory: bool) -> None:
    """Make what something can be mounted over."""
    (place if directory else place.parent).mkdir(parents=True, exist_ok=True)
    if not directory:
        place.touch()


def layers(engine: Engine, command: Command) -> Iterator[str]:
    """Yield the options for what is laid over such directories: an overlay, or a copy."""
    for layer in command.layers:
        target = seen_at(layer.target, command.shown)
        if layer.lower is None:
            yield from bind(layer.upper.resolve(), target, writable=True)
        else:
            yield from overlay(engine, layer, layer.lower, target)


def overlay(engine: Engine, layer: Layer, lower: Path, target: str) -> tuple[str, str]:
    """The option that lays `layer` over `lower` at `target`; the engine makes the mount."""
    if engine.kind == "podman":
        return ("--volume", f"{lower}:{target}:O,upperdir={layer.upper},workdir={layer.work}")
    named = (("lowerdir", lower), ("upperdir", layer.upper), ("workdir", layer.work))
    places = ",".join(f"{name}={escaped(str(path))}" for name, path in named)
    return _mount(
        [
            *("type=volume", f"dst={target}", "volume-nocopy", "volume-driver=local"),
            *("volume-opt=type=overlay", "volume-opt=device=overlay", f"volume-opt=o={places}"),
        ]
    )


def _mount(words: list[str]) -> tuple[str, str]:
    """An option of mounts, written as the engines read it: as one line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(words)
    return ("--mount", line.getvalue())
