"""The hosts that lock files and manifests name as the places of packages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final, TypeAlias

from damascus.package_registries.urls import hosts_of

Lines: TypeAlias = Callable[[str], list[str]]
"""The parts of a file in which a URL names a place of packages."""


def _lines(pattern: str) -> Lines:
    return re.compile(rf"(?m)^.*(?:{pattern}).*$").findall


def _elements(pattern: str) -> Lines:
    return re.compile(rf"(?s)<(?:{pattern})>.*?</(?:{pattern})>").findall


# By the file's name, or its end where it begins with a dot or a star.
_READ: Final[Mapping[str, Lines]] = {
    "uv.lock": _lines(r"\b(?:registry|url|index)\s*="),
    "poetry.lock": _lines(r"\burl\s*="),
    "pdm.lock": _lines(r"\burl\s*="),
    "Pipfile": _lines(r"\burl\s*="),
    "Pipfile.lock": _lines(r'"url"\s*:'),
    "pyproject.toml": _lines(r"\b(?:url|index-url|extra-index-url|default-index)\s*="),
    "requirements*.txt": _lines(r"--(?:extra-)?index-url|--find-links|^\s*-[if]\s"),
    "pip.conf": _lines(r"(?:extra-)?index-url|find-links"),
    "package-lock.json": _lines(r'"resolved"\s*:'),
    "npm-shrinkwrap.json": _lines(r'"resolved"\s*:'),
    "pnpm-lock.yaml": _lines(r"\btarball:"),
    "yarn.lock": _lines(r"^\s+resolved\s"),
    ".npmrc": _lines(r"registry\s*="),
    ".yarnrc": _lines(r"registry"),
    ".yarnrc.yml": _lines(r"npmRegistryServer"),
    "Cargo.lock": _lines(r"^source\s*="),
    "config.toml": _lines(r"\b(?:registry|index)\s*="),  # Cargo's, in .cargo
    "Gemfile": _lines(r"^\s*source\b"),
    "Gemfile.lock": _lines(r"^\s*remote:"),
    "composer.json": _lines(r'"url"\s*:'),
    "composer.lock": _lines(r'"(?:url|notification-url)"\s*:'),
    "pom.xml": _elements(r"repositories|pluginRepositories"),
    "settings.xml": _elements(r"repositories|pluginRepositories|mirrors"),
    "*.gradle": _lines(r"\burl\b"),
    "*.gradle.kts": _lines(r"\burl\b|\buri\("),
    "NuGet.config": _elements(r"packageSources"),
}


def is_read(path: str) -> bool:
    """Tell whether a file of the repository may name places of packages."""
    return _reader(path) is not None


def hosts_in(files: Mapping[str, str]) -> frozenset[str]:
    """The hosts that files of a repository name; `files` are their texts by path."""
    parts: list[str] = []
    for path, text in files.items():
        reader = _reader(path)
        parts += reader(text) if reader else []
    return hosts_of(parts)


def _reader(path: str) -> Lines | None:
    name = PurePosixPath(path)
    if name.name == "config.toml" and name.parent.name != ".cargo":
        return None
    return next((lines for glob, lines in _READ.items() if name.match(glob)), None)
