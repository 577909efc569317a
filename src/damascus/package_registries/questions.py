"""What package tools say of the registry they use where nobody names another.

Each question is a command for the sandbox, and a reader of its output. A tool that is not installed
answers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from damascus.package_registries.urls import hosts_of

# pip keeps its index and where that one's files lie among its own constants.
_PIP: Final = (
    "from pip._internal.models.index import PyPI; "
    "print(PyPI.url); print('https://' + PyPI.file_storage_domain)"
)
# Maven's own super POM names the repository that every other inherits: it is in one of its jars.
_MAVEN: Final = """
import glob, os, shutil, sys, zipfile
for name in ("mvn", "mvnd"):
    program = os.path.realpath(shutil.which(name) or "/")
    lib = os.path.join(os.path.dirname(os.path.dirname(program)), "lib")
    for jar in glob.glob(os.path.join(lib, "maven-model-builder-*.jar")):
        with zipfile.ZipFile(jar) as opened:
            for entry in opened.namelist():
                if os.path.basename(entry).startswith("pom-4") and entry.endswith(".xml"):
                    print(opened.read(entry).decode())
"""


# Cargo tells its registry in no command's answer, but names it when it cannot reach it, as here.
_CARGO: Final = "CARGO_NET_RETRY=0 cargo search damascus 2>&1 || true"


@dataclass(frozen=True, slots=True)
class Question:
    """A tool is asked when a command names one of `words`, or a file matches one of `files`."""

    words: frozenset[str]
    files: tuple[str, ...]
    argv: tuple[str, ...]
    read: Callable[[str], frozenset[str]]


def _urls(output: str) -> frozenset[str]:
    return hosts_of([output])


def _go(output: str) -> frozenset[str]:
    """GOPROXY and GOSUMDB, a line each: URLs, and a checksum database by its host."""
    hosts = set(hosts_of([output]))
    names = output.splitlines()[1:2]
    hosts.update(word for word in " ".join(names).split()[:1] if "." in word and "/" not in word)
    return frozenset(hosts)


def _repositories(output: str) -> frozenset[str]:
    return hosts_of(re.findall(r"<url>[^<]*</url>", output))


def _cargo(output: str) -> frozenset[str]:
    """The host of the index, and all of its domain: packages lie beside it."""
    hosts = hosts_of([output])
    domains = {host.removeprefix("index.") for host in hosts if host.startswith("index.")}
    return hosts | {f".{domain}" for domain in domains}


QUESTIONS: Final = (
    Question(
        frozenset({"pip", "pip3", "python", "python3", "uv", "poetry", "pdm", "pipenv", "tox"}),
        ("pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "Pipfile"),
        ("python3", "-c", _PIP),
        _urls,
    ),
    Question(
        frozenset({"npm", "npx", "pnpm", "yarn", "corepack", "bun"}),
        ("package.json",),
        ("npm", "config", "get", "registry"),
        _urls,
    ),
    Question(frozenset({"go"}), ("go.mod",), ("go", "env", "GOPROXY", "GOSUMDB"), _go),
    Question(frozenset({"cargo"}), ("Cargo.toml",), ("sh", "-c", _CARGO), _cargo),
    Question(
        frozenset({"mvn", "mvnw", "gradle", "gradlew"}),
        ("pom.xml", "*.gradle", "*.gradle.kts"),
        ("python3", "-c", _MAVEN),
        _repositories,
    ),
)


def asked_of(files: Iterable[str], commands: Iterable[str]) -> list[Question]:
    """The questions that concern a repository, by its paths and its set-up commands."""
    words = {word for line in commands for word in re.split(r"[^\w.-]+", line)}
    names = {PurePosixPath(path) for path in files}
    return [
        one
        for one in QUESTIONS
        if words & one.words or any(path.match(glob) for path in names for glob in one.files)
    ]


def answered(question: Question, output: str) -> frozenset[str]:
    """The hosts that a tool named."""
    return question.read(output)
