"""The base's copies of what decides how tests run: configuration, recipes, scripts, tool files.

The work's own copies steer the plain run; the base's are laid over the work's sources once, and the
base's tests must pass so too. A file that the spec names is the work's to change. What a story may
change without being asked: dependencies and metadata in `package.json`, `pyproject.toml` and
`setup.cfg`, of which the base gives only the parts that concern tests; lock files; and the
manifests of Cargo, Go, Maven, Gradle and CMake, which a new dependency or source has to change.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from damascus.evidence.compare import ChangedFile
from damascus.evidence.orders import names_file
from damascus.evidence.scripts import started

# Files that only say how tools and tests run, by their names anywhere in the tree.
_WHOLE = re.compile(
    r"\.?pytest\.(?:ini|toml)|tox\.(?:ini|toml)|noxfile\.py|\.coveragerc|\.python-version"
    r"|\.npmrc|\.yarnrc(?:\.yml)?|\.pnpmfile\.c?js|pnpm-workspace\.yaml|\.mocharc(?:\.\w+)?|\.taprc"
    r"|\.c8rc(?:\.\w+)?|\.nycrc(?:\.\w+)?|\.babelrc(?:\.\w+)?|\.swcrc|\.env(?:\.\w+)*"
    r"|(?:jest|vitest|vite|playwright|cypress|ava|wdio|karma|babel)(?:[.-][\w-]+)*\.\w+"
    r"|\.rspec|Rakefile|phpunit\.xml(?:\.dist)?|nextest\.toml|rust-toolchain(?:\.toml)?|go\.work"
    r"|(?:GNU)?[Mm]akefile|.*\.mk|[Jj]ustfile|Taskfile\.ya?ml|CTestTestfile\.cmake|CTestCustom\.cmake"
    r"|maven\.config|jvm\.config|extensions\.xml|gradle\.properties|gradle-wrapper\.properties"
    r"|mvnw(?:\.cmd)?|gradlew(?:\.bat)?|\.runsettings|.*\.runsettings|mise\.toml|\.tool-versions"
)
_DIRECTORIES = frozenset({".cargo", ".mvn", ".config", "node_modules", ".venv", "site-packages"})
_INSTALLED = re.compile(r"(?:^|/)[^/]+\.(?:dist-info|egg-info)/|\.pth$")  # read at Python's start
_CODE = frozenset({".py", ".js", ".ts", ".go", ".rs"})  # jest.py is a source
_TABLE = re.compile(r"^\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:[#;].*)?$")
# What runners read in package.json besides its scripts.
RUNNER_SECTIONS = ("jest", "vitest", "mocha", "ava", "tap", "c8", "nyc", "packageManager")
_PACKAGE_PARTS = ("scripts", *RUNNER_SECTIONS, "babel", "config")


def base_copies(
    changes: Sequence[ChangedFile],
    spec: str,
    command: Sequence[str],
    texts: Mapping[str, str],
    *,
    directory: str = "",
) -> dict[str, str | None]:
    """What to lay over the work: each changed file that steers tests, as it is on the base.

    `texts` are the files of the merged tree. None stands for a file that the base does not have.
    `directory` is where `command` starts.
    """
    found: dict[str, str | None] = {}
    base = {**texts, **{change.path: change.before for change in changes}}
    recipes = [
        text or ""
        for path, text in base.items()
        if _steers(path) or PurePosixPath(path).name == "package.json"
    ]
    changed = {change.path for change in changes}
    scripts = started(command, recipes, changed, base.get, directory=directory)
    for change in changes:
        if change.before == change.after or names_file(spec, change.path):
            continue
        if _steers(change.path) or change.path in scripts:
            found[change.path] = change.before
        elif part := _PARTS.get(PurePosixPath(change.path).name):
            text = None if change.after is None else part(change.before or "", change.after)
            if text != change.after:
                found[change.path] = text if change.after is not None else change.before
    return found


def _steers(path: str) -> bool:
    name = PurePosixPath(path)
    if not _DIRECTORIES.isdisjoint(name.parts[:-1]) or _INSTALLED.search(path):
        return True
    if name.suffix in _CODE and "." not in name.stem and name.name != "noxfile.py":
        return False
    return _WHOLE.fullmatch(name.name) is not None


def _package(before: str, after: str) -> str:
    """`package.json` of the work, with the scripts and the runners' sections of the base."""
    try:
        old: Any = json.loads(before or "{}")
        new: Any = json.loads(after)
    except (ValueError, RecursionError):
        return before
    if not isinstance(old, dict) or not isinstance(new, dict):
        return before
    base = cast("dict[str, Any]", old)
    work = cast("dict[str, Any]", new)
    if all(base.get(name) == work.get(name) for name in _PACKAGE_PARTS):
        return after
    kept = {name: value for name, value in work.items() if name not in _PACKAGE_PARTS}
    own = {name: base[name] for name in _PACKAGE_PARTS if name in base}
    return json.dumps({**kept, **own}, indent=2) + "\n"


def _pyproject(before: str, after: str) -> str:
    tables = re.compile(r"tool\.(?:pytest|tox|nox|coverage)\b.*")
    found = _with_tables(before, after, tables)
    try:
        tomllib.loads(found)
    except (tomllib.TOMLDecodeError, RecursionError):
        return before
    return found


def _setup_cfg(before: str, after: str) -> str:
    return _with_tables(
        before, after, re.compile(r"tool:pytest|pytest|coverage:.*|tox\b.*|testenv.*")
    )


_PARTS: Mapping[str, Callable[[str, str], str]] = {
    "package.json": _package,
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
}


def _with_tables(before: str, after: str, wanted: re.Pattern[str]) -> str:
    """`after`, with the tables of `before` whose names match in place of its own."""
    old = [block for name, block in _tables(before) if wanted.fullmatch(name)]
    new = [block for name, block in _tables(after) if wanted.fullmatch(name)]
    if [block.strip() for block in old] == [block.strip() for block in new]:
        return after
    kept = [block for name, block in _tables(after) if not wanted.fullmatch(name)]
    return "\n".join([*kept, *old])


def _tables(text: str) -> list[tuple[str, str]]:
    """The tables of an INI or TOML text with their names; what stands before the first is ""."""
    found: list[tuple[str, list[str]]] = [("", [])]
    for line in text.split("\n"):
        if table := _TABLE.match(line):
            found.append((table[1].strip(), []))
        found[-1][1].append(line)
    return [(name, "\n".join(lines)) for name, lines in found]
