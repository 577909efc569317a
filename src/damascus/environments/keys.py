"""The key of an environment: a hash of everything that what a set-up makes depends on."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from damascus.domain.directories import concerns, from_top, holds
from damascus.ports import Recipe
from damascus.text.plain_files import read_plain

VERSION: Final = 2  # of the way in which environments are kept
_LENGTH: Final = 20  # characters of a key
_CAP: Final = 20_000_000  # bytes of one file that are hashed
# Manifests and lock files: what they say decides which packages a set-up fetches.
MANIFESTS: Final = (
    *("pyproject.toml", "setup.py", "setup.cfg", "*requirements*.txt", "*requirements*.in"),
    *("*constraints*.txt", "Makefile", "makefile", "GNUmakefile", "justfile", "Justfile"),
    *("uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "Pipfile.lock", "environment.y*ml"),
    *("package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"),
    *("pnpm-workspace.yaml", ".npmrc", ".yarnrc", ".yarnrc.yml", "bun.lock", "bun.lockb"),
    *("go.mod", "go.sum", "go.work", "go.work.sum", "Cargo.toml", "Cargo.lock"),
    *("rust-toolchain", "rust-toolchain.toml", "pom.xml", "*.gradle", "*.gradle.kts"),
    *("gradle.properties", "gradle.lockfile", "*.versions.toml", "gradle-wrapper.properties"),
    *("maven-wrapper.properties", "Gemfile", "Gemfile.lock", "*.gemspec", "composer.json"),
    *("composer.lock", "CMakeLists.txt", "CMakePresets.json", "conanfile.*", "vcpkg.json"),
    *("meson.build", "mix.exs", "mix.lock", "*.csproj", "*.sln", "packages.lock.json"),
    *("Directory.*.props", "global.json", "NuGet.config", "Package.swift", "Package.resolved"),
    *(".tool-versions", "mise.toml", ".mise.toml", ".python-version", ".nvmrc", ".node-version"),
    *(".ruby-version", ".java-version", ".sdkmanrc", ".go-version"),
)
# A path out of the directory, as `"../shared"` in a manifest and `-e ../shared` in a command.
_BESIDE: Final = re.compile(rb"(?<![\w./-])\.\.(?:/[\w.@+-]+)+")
_PATH: Final = re.compile(rb"[\w.@+-]*[/.][\w./@+-]*")  # of a file, in a script
_SCRIPT_CAP: Final = 200_000  # bytes of a script that are read
_CALLED: Final = 500  # files
_OF_MANIFESTS: Final = frozenset({"requirements"})  # directories whose files include each other
# What runs set-ups: another version of one of these may make something else.
_PROGRAMS: Final = (
    *("python", "python3", "pip", "uv", "poetry", "pdm", "node", "npm", "pnpm", "yarn", "bun"),
    *("go", "cargo", "rustc", "java", "javac", "mvn", "gradle", "ruby", "bundle", "php"),
    *("composer", "cc", "c++", "gcc", "g++", "clang", "cmake", "make", "ninja", "meson"),
    *("dotnet", "swift", "elixir", "mix"),
)


def key_of(recipe: Recipe, checkout: Path) -> str:
    """The key of the environment that `recipe` makes of the tree in `checkout`."""
    parts: dict[str, object] = {
        "version": VERSION,
        "commands": list(recipe.commands),
        "variables": sorted(recipe.variables),
        "sandbox": recipe.sandbox,
        "programs": list(_programs(recipe.path)),
        "files": sorted(_files(recipe, checkout)),
    }
    if recipe.directory:
        parts["directory"] = recipe.directory
    whole = json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape")
    return hashlib.sha256(whole).hexdigest()[:_LENGTH]


def key_of_work(key: str, work_tree: str) -> str:
    """The key of what work's set-up makes, where no base made what `key` stands for.

    A set-up runs more of the repository than a key can know: hooks of a build, scripts that call
    others. Work may change those as well, so what it makes is found by that very tree alone, and
    never by the next attempt or by the base it becomes.
    """
    return hashlib.sha256(f"{key} {work_tree}".encode()).hexdigest()[:_LENGTH]


def _programs(path: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield which file each program on the PATH is: a new version is another, or has another time.

    Nothing is run to ask for a version: what lies on a project's PATH may be the project's own.
    """
    for name in _PROGRAMS:
        for directory in path.split(os.pathsep):
            place = Path(directory, name)
            try:
                real = place.resolve(strict=True)
                seen = real.stat()
            except (OSError, RuntimeError):
                continue
            yield name, str(real), seen.st_size, seen.st_mtime_ns
            break


def _files(recipe: Recipe, checkout: Path) -> Iterator[tuple[str, str]]:
    """Yield path and digest of each manifest, and of each file that a set-up command names."""
    every = set(_every_file(checkout))
    words = {word for line in recipe.commands for word in _words(line)}
    named = {from_top(recipe.directory, os.path.normpath(word)) for word in words} & every
    called = _called(checkout, named, recipe.directory, every)
    known = {path for path in every if _is_manifest(path)}
    near = {path for path in known if concerns(recipe.directory, path)}
    for path in near | called | _beside(recipe, checkout, known, near):
        data = read_plain(checkout / path, cap=_CAP)
        if data is not None:
            yield path, hashlib.sha256(data).hexdigest()


def _every_file(checkout: Path) -> Iterator[str]:
    for directory, names, files in os.walk(checkout):
        names[:] = [name for name in names if name != ".git"]
        inside = os.path.relpath(directory, checkout)
        yield from (file if inside == "." else f"{inside}/{file}" for file in files)


def _is_manifest(path: str) -> bool:
    directory, name = posixpath.split(path)
    return posixpath.basename(directory) in _OF_MANIFESTS or any(
        fnmatchcase(name, glob) for glob in MANIFESTS
    )


def _called(
    checkout: Path, named: AbstractSet[str], directory: str, every: AbstractSet[str]
) -> set[str]:
    """The files that set-up commands name, those that these name as scripts, and so on.

    A name may be meant from the top, from where the set-up starts, or from the script's own place.
    """
    found: set[str] = set()
    todo = sorted(named)
    while todo and len(found) < _CALLED:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        text = read_plain(checkout / path, cap=_SCRIPT_CAP) or b""
        names = {os.path.normpath(os.fsdecode(word)) for word in _PATH.findall(text)}
        places = ("", directory, posixpath.dirname(path))
        todo += sorted({from_top(place, name) for place in places for name in names} & every)
    return found


def _beside(
    recipe: Recipe, checkout: Path, known: Collection[str], near: Collection[str]
) -> set[str]:
    """The manifests of parts beside the project's directory that it is made from.

    A set-up command, or a manifest, names such a part by a path that begins with `..`.
    """
    if not recipe.directory:
        return set()
    found: set[str] = set()
    texts = [(recipe.directory, line.encode()) for line in recipe.commands]
    todo = list(near)
    while texts or todo:
        if not texts:
            path = todo.pop()
            text = read_plain(checkout / path, cap=_CAP) or b""
            texts.append((posixpath.dirname(path) or ".", text))
        place, text = texts.pop()
        for part in {from_top(place, os.fsdecode(name)) for name in _BESIDE.findall(text)}:
            if part.startswith("..") or part == ".":
                continue
            inside = {path for path in known if holds(part, path)} - found
            found |= inside
            todo += inside
    return found


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return re.split(r"[\s;&|()'\"]+", line)
