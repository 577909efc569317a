"""The versions of programs that a repository asks for: what its version files and images say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from damascus.detection.repository import Repository, table
from damascus.domain.images import problem

_PROGRAMS = {
    "python": "python3",
    "python3": "python3",
    "node": "node",
    "nodejs": "node",
    "golang": "go",
    "go": "go",
    "rust": "cargo",
    "ruby": "ruby",
    "java": "java",
    "php": "php",
    "dotnet": "dotnet",
    "dotnet-core": "dotnet",
    "uv": "uv",
    "poetry": "poetry",
    "pnpm": "pnpm",
    "yarn": "yarn",
    "bun": "bun",
    "cmake": "cmake",
    "maven": "mvn",
    "gradle": "gradle",
}
_SINGLE = (
    (".python-version", "python3"),
    (".nvmrc", "node"),
    (".node-version", "node"),
    (".ruby-version", "ruby"),
    (".go-version", "go"),
    ("rust-toolchain", "cargo"),
)
_VERSION = re.compile(r"v?(\d+(?:\.\d+){0,2})")
_IMAGE = re.compile(r"(?:^|/)([a-z0-9-]+):(?:[\w]*-)?v?(\d+(?:\.\d+){0,2})", re.IGNORECASE)
_IMAGES = {"typescript-node": "node", "javascript-node": "node", "rust": "cargo"}
_DEVCONTAINERS = (".devcontainer/devcontainer.json", ".devcontainer.json")
_COMMENT = re.compile(r"^\s*//[^\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A program that a repository wants, in the version that `where` says."""

    program: str
    version: str
    where: str

    def is_met_by(self, said: str) -> bool:
        """Tell whether what the program says of itself names this version, as far as it goes."""
        found = re.search(r"\d+(?:\.\d+)*", said)
        if found is None:
            return False
        wanted = self.version.split(".")
        return found[0].split(".")[: len(wanted)] == wanted


def wanted(repository: Repository) -> tuple[Wanted, ...]:
    """What the repository asks for, each program once: version files go before images."""
    first: dict[str, Wanted] = {}
    for one in (*_version_files(repository), *_images(repository)):
        first.setdefault(one.program, one)
    return tuple(first.values())


def _version_files(repository: Repository) -> Iterator[Wanted]:
    for path, program in _SINGLE:
        if found := _VERSION.match(repository.text(path).strip()):
            yield Wanted(program, found[1], path)
    for line in repository.text(".tool-versions").splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1:
            yield from _named(words[0], words[1], ".tool-versions")
    for path in ("mise.toml", ".mise.toml", ".config/mise.toml"):
        for name, value in table(repository.toml(path).get("tools")).items():
            version = table(value).get("version") or value
            yield from _named(str(name), str(version), path)
    channel = table(repository.toml("rust-toolchain.toml").get("toolchain")).get("channel")
    yield from _named("rust", str(channel), "rust-toolchain.toml")


def devcontainer_image(repository: Repository) -> tuple[str, str]:
    """The image that the repository's devcontainer names, and the file; both "" for none.

    A name that no engine takes, such as one with variables in it, is none.
    """
    named = _of_devcontainers(repository)
    return next(((image, path) for image, path in named if not problem(image)), ("", ""))


def _of_devcontainers(repository: Repository) -> Iterator[tuple[str, str]]:
    for path in _DEVCONTAINERS:
        text = _COMMENT.sub("", repository.text(path))
        for image in re.findall(r'"image"\s*:\s*"([^"]+)"', text):
            yield str(image), path


def _images(repository: Repository) -> Iterator[Wanted]:
    for image, path in _of_devcontainers(repository):
        yield from _of_image(image, path)
    for path in ("Dockerfile", ".devcontainer/Dockerfile"):
        for image in re.findall(r"(?mi)^FROM\s+(?:--\S+\s+)?(\S+)", repository.text(path)):
            yield from _of_image(str(image), path)


def _of_image(image: str, where: str) -> Iterator[Wanted]:
    if found := _IMAGE.search(image):
        name = found[1].lower()
        yield from _named(_IMAGES.get(name, name), found[2], where)


def _named(name: str, version: str, where: str) -> Iterator[Wanted]:
    program = _PROGRAMS.get(name.lower().removeprefix("core:"), "cargo" if name == "cargo" else "")
    found = _VERSION.match(version)
    if program and found:
        yield Wanted(program, found[1], where)
