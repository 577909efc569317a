"""What a Python project's dependencies are installed by, always into `.venv` of the checkout.

The programs that read a lock file are taken from the PATH, or installed by pip into the set-up's
own HOME where they are not there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from damascus.detection.repository import Repository, Table, table, texts

_FOR_TESTS = ("test", "tests", "testing", "dev", "develop", "development")
_REQUIREMENTS = re.compile(
    r"(?:requirements[/_-])?(?:requirements|dev|test|tests|testing)(?:[._-](?:dev|test|tests|ci))?\.txt"
    r"|requirements[._-](?:dev|test|tests|testing|ci)\.txt"
)
_PYTHON = ".venv/bin/python"
_MAKE_VENV = "python3 -m venv .venv"
_PIP = ".venv/bin/pip install --disable-pip-version-check -q"
_SPELLED = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w, .-]+\])?[^\n]*")


@dataclass(frozen=True, slots=True)
class Setup:
    """Lines of shell that make `.venv`, and the sentence part that says what speaks for them.

    `python` is the interpreter in it.
    """

    lines: tuple[str, ...]
    why: str
    python: str = _PYTHON


@dataclass(frozen=True, slots=True)
class _Manager:
    """A program that installs what a lock file says: `command`, with options for test groups."""

    lock: str
    program: str
    command: str
    extra: str = ""  # how an extra of the project is named; {} stands for it
    group: str = ""  # the same for a group of dependencies


_MANAGERS = (
    _Manager(
        "uv.lock",
        "uv",
        "UV_PYTHON_DOWNLOADS=never {} sync --frozen",
        " --extra {}",
        " --group {}",
    ),
    _Manager(
        "poetry.lock",
        "poetry",
        "POETRY_VIRTUALENVS_IN_PROJECT=true {} install --no-interaction",
        " --extras {}",
        " --with {}",
    ),
    _Manager("pdm.lock", "pdm", "{} sync --dev", " --group {}", " --group {}"),
    _Manager("Pipfile.lock", "pipenv", "PIPENV_VENV_IN_PROJECT=1 {} sync --dev"),
)


def setups(repository: Repository) -> Iterator[Setup]:
    """The ways to install a project, the likeliest first."""
    for manager in _MANAGERS:
        if repository.has(manager.lock):
            why = f"there is a {manager.lock}"
            yield from _by_lock(repository, manager, why, _PYTHON)
        elif _is_member(repository, manager):
            why = f"the {manager.lock} at the top is of the workspace"
            python = f"{repository.up}/{_PYTHON}"  # one environment for all members
            yield from _by_lock(repository, manager, why, python)
    if by_pip := _by_pip(repository):
        yield by_pip


def _by_lock(repository: Repository, manager: _Manager, why: str, python: str) -> Iterator[Setup]:
    """By the manager of a lock file: the one on the PATH, or one that pip installs."""
    yield Setup((_command(repository, manager, manager.program),), why, python)
    place = f'"$HOME/{manager.program}"'
    own = f"{place}/bin/{manager.program}"
    lines = (
        f"python3 -m venv {place}",
        f"{place}/bin/pip install --disable-pip-version-check -q {manager.program}",
        _command(repository, manager, own),
    )
    yield Setup(lines, f"{why} ({manager.program} is installed by pip)", python)


def _is_member(repository: Repository, manager: _Manager) -> bool:
    """Tell whether a part of a repository belongs to a workspace that is locked at the top."""
    top = repository.top
    if manager.program != "uv" or top is None or not top.has(manager.lock):
        return False
    tool = table(table(top.toml("pyproject.toml").get("tool")).get("uv"))
    return "workspace" in tool and repository.has("pyproject.toml") is not None


def is_needed(repository: Repository) -> bool:
    """Tell whether the tests can hardly run without an installation."""
    if any(repository.has(one.lock) or _is_member(repository, one) for one in _MANAGERS):
        return True
    if any(path.startswith("src/") and path.endswith(".py") for path in repository.files):
        return True
    project = table(repository.toml("pyproject.toml").get("project"))
    declared = texts(project.get("dependencies")) or _groups(repository)
    return bool(declared or _requirements(repository) or _is_compiled(repository))


def _command(repository: Repository, manager: _Manager, program: str) -> str:
    document = repository.toml("pyproject.toml")
    extras = table(table(document.get("project")).get("optional-dependencies"))
    groups = table(document.get("dependency-groups"))
    if manager.program == "poetry":
        tool = table(table(document.get("tool")).get("poetry"))
        extras = {**extras, **table(tool.get("extras"))}
        groups = {
            name: one
            for name, one in table(tool.get("group")).items()
            if table(one).get("optional") is True
        }
    command = manager.command.format(program)
    if manager.extra:
        command += "".join(manager.extra.format(name) for name in _tested(extras))
    if manager.group:
        command += "".join(
            manager.group.format(name)
            for name in _tested(groups)
            if name != "dev"  # is installed unasked
        )
    return command


def _tested(named: Table) -> list[str]:
    return [name for name in named if name.lower() in _FOR_TESTS]


def _by_pip(repository: Repository) -> Setup | None:
    """pip, with the requirement files, the project itself, and pytest."""
    document = repository.toml("pyproject.toml")
    project = table(document.get("project"))
    words: list[str] = []
    reasons: list[str] = []
    for path in _requirements(repository):
        words += ["-r", path]
        reasons.append(path)
    if packaged := _packaged(repository):
        extras = _tested(table(project.get("optional-dependencies")))
        words += ["-e", f".[{','.join(extras)}]" if extras else "."]
        reasons.append(packaged)
    words += _groups(repository)
    if not words:
        return None
    named = " ".join([*words, *(repository.text(path) for path in _requirements(repository))])
    extras_text = str(project.get("optional-dependencies") or "")
    if not re.search(r"\bpytest\b(?!-)", f"{named} {extras_text}"):
        words.append("pytest")
    lines = (_MAKE_VENV, f"{_PIP} {shlex.join(words)}")
    return Setup(lines, f"there is {' and '.join(reasons) or 'a group of dependencies'}")


def _packaged(repository: Repository) -> str | None:
    """The file that makes the repository a package which pip can install."""
    document = repository.toml("pyproject.toml")
    if "project" in document or "build-system" in document:
        return "pyproject.toml"
    return repository.has("setup.py") or (
        "setup.cfg" if repository.says("setup.cfg", r"^\[metadata\]") else None
    )


def _is_compiled(repository: Repository) -> bool:
    return repository.says("setup.py", r"ext_modules|Extension\(") or repository.says(
        "pyproject.toml", r"^(?:requires|build-backend).*(?:maturin|scikit-build|mesonpy|cython)"
    )


def _requirements(repository: Repository) -> list[str]:
    """The files of requirements at the top, or in a directory of that name, that tests need."""
    return [
        path
        for path in repository.files
        if _REQUIREMENTS.fullmatch(path.removeprefix("requirements/"))
        and (path.count("/") == 0 or path.startswith("requirements/"))
        and (path.startswith("requirements") or path.count("/") == 1)
    ]


def _groups(repository: Repository) -> list[str]:
    """The requirements of the groups that tests need, with those that they include."""
    groups = table(repository.toml("pyproject.toml").get("dependency-groups"))
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = _tested(groups)
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        entries = groups.get(name)
        for one in texts(entries):
            if _SPELLED.fullmatch(one):
                found[one] = None
        if isinstance(entries, list):
            waiting += [
                str(included)
                for one in entries  # pyright: ignore[reportUnknownVariableType] - a document
                if (included := table(one).get("include-group"))  # pyright: ignore[reportUnknownArgumentType]
            ]
    return list(found)
