"""All proposals of a repository, the likeliest first, each once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from damascus.detection import ci, compiled, jvm, native, node, others, python
from damascus.detection.repository import Proposal, Read, Repository

__all__ = ["Proposal", "Read", "Repository", "parts", "proposals"]

ECOSYSTEMS: tuple[Callable[[Repository], Iterator[Proposal]], ...] = (
    python.proposals,
    node.proposals,
    compiled.go,
    compiled.rust,
    jvm.proposals,
    others.ruby,
    others.php,
    others.dotnet,
    native.cmake,
)
_MANIFESTS = frozenset(
    {
        *("pyproject.toml", "setup.py", "requirements.txt", "package.json", "go.mod", "Cargo.toml"),
        *("pom.xml", "build.gradle", "build.gradle.kts", "Gemfile", "composer.json"),
        "CMakeLists.txt",
    }
)
_DEEPEST = 3  # directories from the top to a manifest
_NO_PARTS = frozenset({"node_modules", "vendor", "third_party", "testdata", "fixtures", "examples"})
_LAUNCHERS = (("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run"))


def proposals(files: Sequence[str], read: Read, directory: str = "") -> tuple[Proposal, ...]:
    """The commands that may run the tests of a repository, the likeliest first.

    What its languages usually do comes first, then what its CI runs, then what its Makefile has: a
    runner known by name reports more than one behind a wrapper. A line of the CI that starts the
    same program goes before it, because its people know their options. With `directory`, only that
    part of the repository is looked at.
    """
    whole = Repository(files, read)
    repository = whole.below(directory)
    usual = [one for ecosystem in ECOSYSTEMS for one in ecosystem(repository)]
    hints = list(ci.proposals(repository))
    ordered: list[Proposal] = []
    for one in usual:
        ordered += [found for hint in hints if (found := _with_options(one, hint))]
        ordered.append(one)
    ordered += [*hints, *native.make(repository)]
    ordered = [compiled.built_once(one) for one in ordered]
    first: dict[tuple[object, ...], Proposal] = {}
    for one in ordered:
        placed = dataclasses.replace(one, directory=directory)
        first.setdefault((placed.argv, placed.setup), placed)
    return tuple(first.values())


def parts(files: Sequence[str]) -> tuple[str, ...]:
    """The directories below the top that hold a manifest, the shallowest first.

    A directory within another such directory is a part of that one.
    """
    found: list[str] = []
    places = {
        str(PurePosixPath(path).parent) for path in files if PurePosixPath(path).name in _MANIFESTS
    }
    for place in sorted(places - {"."}, key=lambda place: (place.count("/"), place)):
        steps = place.split("/")
        hidden = any(step.startswith(".") or step in _NO_PARTS for step in steps)
        if len(steps) > _DEEPEST or hidden or any(place.startswith(f"{one}/") for one in found):
            continue
        found.append(place)
    return tuple(found)


def _with_options(one: Proposal, hint: Proposal) -> Proposal | None:
    """What the CI's line `hint` makes of `one`, when both start the same program."""
    words = hint.argv
    if words[:2] in _LAUNCHERS:
        words = words[2:]
    if words[:2] in {("python", "-m"), ("python3", "-m")}:
        words = words[2:]
    if not words or words[0] not in one.argv or "--build-and-test" in one.argv:
        return None  # ctest's own line tests what another one has built
    place = one.argv.index(words[0])
    return dataclasses.replace(one, argv=(*one.argv[:place], *words), why=hint.why)
