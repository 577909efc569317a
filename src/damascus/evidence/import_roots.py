"""Where a checkout keeps what its tests import: Python's import roots, and Node's own packages.

Where a copy of the package under test is installed too, what is found here goes in front of it, so
that the tests import the checkout.
"""

from __future__ import annotations

import configparser
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

from damascus.evidence.runners import Read

_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg")
_NOT_IN_FRONT = sys.stdlib_module_names | {
    *("sitecustomize", "usercustomize", "pytest", "_pytest", "pluggy", "iniconfig", "packaging"),
    *("pygments", "coverage", "hypothesis", "nose", "xdist", "execnet"),
}
_SETUP_PY_ROOT = re.compile(r"package_dir\s*=\s*\{\s*[\"']{2}\s*:\s*[\"']([\w./-]+)[\"']")
_SETUP_PY_WHERE = re.compile(r"find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?[\"']([\w./-]+)")


def python_roots(tracked: Sequence[str], read: Read, directory: str = "") -> list[str]:
    """The directories of a checkout that belong on Python's path; "." is its top.

    Empty where it is no Python project. A directory is left out that would stand before Python's
    own modules, or a test runner's. `tracked` are the checkout's files, `read` reads one. With
    `directory` it is that part's packages, and those of the workspace that it belongs to.
    """
    found: dict[str, None] = {}
    for project in _projects(tracked, read, directory):
        inside = [path for path in tracked if _below(path, project)]
        declared = _declared(project, read)
        for root in declared or _usual(project, inside):
            path = str(PurePosixPath(project) / root)
            code = [one for one in inside if one.endswith(".py") and _below(one, path)]
            if code and _NOT_IN_FRONT.isdisjoint(_modules(path, code)):
                found[path] = None
    return list(found)


def own_packages(tracked: Sequence[str], read: Read) -> dict[str, str]:
    """The names of the Node packages that the checkout holds, with their directories."""
    found: dict[str, str] = {}
    for path in tracked:
        if PurePosixPath(path).name != "package.json" or "node_modules" in path:
            continue
        name = _mapping(_json(read(path))).get("name")
        if isinstance(name, str) and re.fullmatch(r"(?:@[\w.-]+/)?\w[\w.-]*", name):
            found[name] = str(PurePosixPath(path).parent)
    return found


def installed_copies(
    tracked: Sequence[str], read: Read, top: Path, directory: str = ""
) -> dict[str, str]:
    """The copies of the checkout's Node packages below `node_modules`: where each is made from.

    They are looked for at the top, and in `directory`.
    """
    found: dict[str, str] = {}
    for name, made_from in own_packages(tracked, read).items():
        for above in dict.fromkeys(("", directory)):
            path = str(PurePosixPath(above, "node_modules", name))
            if (top / path).is_dir() and not (top / path).is_symlink():
                found[path] = made_from
    return found


def _projects(tracked: Sequence[str], read: Read, directory: str) -> list[str]:
    """The directories of Python projects: the one asked for, and the members of its workspace."""
    own = directory or "."
    found = [own] if any(str(PurePosixPath(own, name)) in tracked for name in _MANIFESTS) else []
    tool = _mapping(_toml(read("pyproject.toml")).get("tool"))
    members = _mapping(_mapping(tool.get("uv")).get("workspace")).get("members")
    directories = {
        str(PurePosixPath(path).parent)
        for path in tracked
        if PurePosixPath(path).name == "pyproject.toml" and "/" in path
    }
    globs = [one.removeprefix("./").rstrip("/") for one in _strings(members)]
    inside = sorted(one for one in directories if any(_is(one, glob) for glob in globs))
    return list(dict.fromkeys([*found, *inside]))


def _modules(root: str, paths: Iterable[str]) -> Iterator[str]:
    """The modules and packages that stand right below `root`."""
    for path in paths:
        parts = PurePosixPath(path).relative_to(root).parts
        if len(parts) == 1 or parts[1:] == ("__init__.py",):
            yield parts[0].removesuffix(".py")


def _is(directory: str, glob: str) -> bool:
    return len(PurePosixPath(directory).parts) == len(PurePosixPath(glob).parts) and (
        PurePosixPath(directory).match(glob)
    )


def _declared(project: str, read: Read) -> list[str]:
    """What a project's manifests say of where its packages are."""

    def text(name: str) -> str | None:
        return read(str(PurePosixPath(project) / name))

    tool = _mapping(_toml(text("pyproject.toml")).get("tool"))
    setuptools = _mapping(tool.get("setuptools"))
    packages = _mapping(setuptools.get("packages"))
    found = [
        *_package_dirs(_mapping(setuptools.get("package-dir"))),
        *_strings(_mapping(packages.get("find")).get("where")),
        *_hatch(_mapping(tool.get("hatch"))),
        *(
            str(_mapping(package).get("from") or ".")
            for package in _list(_mapping(tool.get("poetry")).get("packages"))
        ),
        *_strings(_mapping(_mapping(tool.get("pdm")).get("build")).get("package-dir")),
        *_strings(_mapping(_mapping(tool.get("uv")).get("build-backend")).get("module-root")),
        *_strings(_mapping(tool.get("maturin")).get("python-source")),
        *_setup_cfg(text("setup.cfg") or ""),
    ]
    setup = text("setup.py") or ""
    found += _SETUP_PY_ROOT.findall(setup) + _SETUP_PY_WHERE.findall(setup)
    return [one for one in dict.fromkeys(found) if _inside(one)]


def _hatch(hatch: Mapping[str, Any]) -> list[str]:
    targets = _mapping(_mapping(hatch.get("build")).get("targets"))
    wheel = _mapping(targets.get("wheel"))
    return [
        *(str(PurePosixPath(one).parent) for one in _strings(wheel.get("packages"))),
        *_strings(wheel.get("sources")),
    ]


def _setup_cfg(text: str) -> list[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return []
    lines = parser.get("options", "package_dir", fallback="").split("\n")
    pairs: dict[str, str] = {}
    for line in lines:
        package, equals, directory = line.partition("=")
        if equals:
            pairs[package.strip()] = directory.strip()
    where = parser.get("options.packages.find", "where", fallback="").split()
    return [*_package_dirs(pairs), *where]


def _package_dirs(pairs: Mapping[str, Any]) -> list[str]:
    """The roots that `package-dir` means: {"": "src"}, or {"pkg": "lib/pkg"}."""
    found: list[str] = []
    for package, directory in pairs.items():
        if not isinstance(directory, str):
            continue
        parts = PurePosixPath(directory).parts
        name = tuple(package.split(".")) if package else ()
        if parts[len(parts) - len(name) :] == name:
            found.append(str(PurePosixPath(*parts[: len(parts) - len(name)])))
    return found


def _usual(project: str, inside: Iterable[str]) -> list[str]:
    """Where packages are that nobody declares: `src`, or beside the manifest."""
    source = str(PurePosixPath(project) / "src")
    modules = (path for path in inside if path.endswith(".py"))
    return ["src"] if any(_below(path, source) for path in modules) else ["."]


def _inside(directory: str) -> bool:
    path = PurePosixPath(directory)
    return not path.is_absolute() and ".." not in path.parts


def _below(path: str, directory: str) -> bool:
    return directory == "." or PurePosixPath(path).is_relative_to(directory)


def _toml(text: str | None) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _json(text: str | None) -> object:
    try:
        return cast("object", json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [v for v in _list(value) if isinstance(v, str)]
