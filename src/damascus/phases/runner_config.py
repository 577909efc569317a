"""Finds changes to how tests run: configuration, hooks, recipes, and the command's own program.

Only what affects the running of tests counts: a dependency added to pyproject.toml or a new target
in a Makefile does not.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from damascus.domain.directories import first, from_top
from damascus.evidence.files import is_test
from damascus.evidence.steering import RUNNER_SECTIONS

# Files that are nothing but the configuration of a test runner, whatever changes in them.
_WHOLE = re.compile(
    r"(?:pytest|\.pytest|tox)\.ini|noxfile\.py|\.coveragerc|karma\.conf\.\w+|\.mocharc(?:\.\w+)?"
    r"|(?:jest|vitest|playwright|cypress|ava|wdio)(?:\.[\w-]+)*\.(?:config|setup)\.\w+"
    r"|(?:jest|vitest)\.(?:workspace|preset)\.\w+|phpunit\.xml(?:\.dist)?|\.rspec|nextest\.toml"
)
# Found by Python before the runner itself, when they lie at the top of the tree.
_RUN_TESTS = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "nose", "hypothesis", "coverage"}
)
_SHADOWS = _RUN_TESTS | sys.stdlib_module_names | {"sitecustomize", "usercustomize"}
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")  # in the order in which make looks
_PACKAGE_TOOLS = frozenset({"npm", "npx", "pnpm", "yarn", "bun", "node"})
_HOOKS = re.compile(r"pytest_\w+|collect_ignore\w*|load_tests")
_RULE = re.compile(r"([^\s:#=][^:=#]*?)\s*::?(?!=)\s*([^=#]*)(?:#.*)?$")
_VARIABLE = re.compile(r"\s*(?:export\s+|override\s+)*([\w.-]+)\s*(?:[:?+!]|::)?=(.*)$")
_USED = re.compile(r"\$[({]([\w.-]+)")


def concerns(path: str, argv: Sequence[str], directory: str) -> bool:
    """Tell whether a path may decide how `argv`, which starts in `directory`, runs the tests."""
    name = PurePosixPath(path).name
    return (
        _WHOLE.fullmatch(name) is not None
        or name in {"conftest.py", *_PARTS, *_MAKEFILES}
        or _shadow(path, directory) is not None
        or path in _own_programs(argv, directory)
    )


def found(
    path: str, before: str | None, after: str | None, argv: Sequence[str], directory: str
) -> list[str]:
    """Return what a changed file does to the running of tests, one sentence each."""
    if before == after:
        return []
    looks = (_about_whole, _about_part, _about_hooks)
    placed = (_about_program, _about_shadow, _about_make)
    return [
        *(said for look in placed for said in look(path, before, after, argv, directory)),
        *(said for look in looks for said in look(path, before, after, argv)),
    ]


def _about_program(
    path: str, before: str | None, _after: str | None, argv: Sequence[str], directory: str
) -> list[str]:
    if before is None or path not in _own_programs(argv, directory):
        return []
    return [f"{path}, which the test command runs, was changed."]


def _own_programs(argv: Sequence[str], directory: str) -> set[str]:
    """Files of the repository that the command itself names, tests left out."""
    words = {str(PurePosixPath(word)) for word in argv if "." in word or "/" in word}
    paths = {from_top(directory, word) for word in words}
    return {path for path in paths if not is_test(path)}


def _about_shadow(
    path: str, before: str | None, _after: str | None, _argv: Sequence[str], directory: str
) -> list[str]:
    shadow = _shadow(path, directory)
    if before is not None or shadow is None:
        return []
    return [f"{path} is found in place of Python's own {shadow}."]


def _shadow(path: str, directory: str) -> str | None:
    said = first(directory, path) or path
    module = re.fullmatch(r"(?:src/)?(\w+)(?:/__init__|/__main__)?\.py", said)
    return module[1] if module and module[1] in _SHADOWS else None


def _about_whole(
    path: str, before: str | None, after: str | None, _argv: Sequence[str]
) -> list[str]:
    if not _WHOLE.fullmatch(PurePosixPath(path).name):
        return []
    what = "added" if before is None else "removed" if after is None else "changed"
    return [f"{path}, which configures the tests, was {what}."]


def _about_part(path: str, before: str | None, after: str | None, argv: Sequence[str]) -> list[str]:
    part = _PARTS.get(PurePosixPath(path).name)
    if part is None or part(before or "", argv) == part(after or "", argv):
        return []
    return [f"{path}: the part that configures the tests was changed."]


def _about_hooks(
    path: str, before: str | None, after: str | None, _argv: Sequence[str]
) -> list[str]:
    if PurePosixPath(path).name != "conftest.py" and not is_test(path):
        return []
    old, new = _hooks(before), _hooks(after)
    if old is None or new is None:
        return []
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [f"{path}: {name}, which steers the tests, was changed." for name in changed]


def _hooks(source: str | None) -> Mapping[str, str] | None:
    """What a file says to the test runner: hooks and lists at its top, by name."""
    try:
        body = ast.parse(source or "").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[str, str] = {}
    for node in body:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        found.update({name: ast.dump(node) for name in names if _HOOKS.fullmatch(name)})
    return found


def _pyproject(text: str, _argv: Sequence[str]) -> Any:
    try:
        tools = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return [tools.get(name) for name in ("pytest", "tox", "nox", "coverage")]


def _setup_cfg(text: str, _argv: Sequence[str]) -> Any:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return text
    names = [n for n in parser.sections() if re.match(r"tool:pytest|pytest|coverage:|tox", n)]
    return {name: dict(parser.items(name)) for name in names}


def _package(text: str, argv: Sequence[str]) -> Any:
    """The scripts that the command starts, and the runners' own sections."""
    if not argv or PurePosixPath(argv[0]).name not in _PACKAGE_TOOLS:
        return None
    try:
        whole: Any = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
    if not isinstance(whole, dict):
        return text
    package = cast("dict[str, Any]", whole)
    given: Any = package.get("scripts")
    scripts = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    todo = [word for word in argv[1:] if not word.startswith("-")]
    todo = ["test" if word in {"t", "tst"} else word for word in todo]
    seen: dict[str, Any] = {}
    while todo:
        word = todo.pop()
        for name in (f"pre{word}", word, f"post{word}"):
            if name in scripts and name not in seen:
                seen[name] = scripts[name]
                todo += re.findall(r"[\w:.-]+", str(scripts[name]))
    return [seen, *(package.get(name) for name in RUNNER_SECTIONS)]


_PARTS: Mapping[str, Callable[[str, Sequence[str]], Any]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "package.json": _package,
}


def _about_make(
    path: str, before: str | None, after: str | None, argv: Sequence[str], directory: str
) -> list[str]:
    made = PurePosixPath(argv[0] if argv else "").name in {"make", "gmake"}
    if (first(directory, path) or path) not in _MAKEFILES or not made:
        return []
    if before is None:
        added = f"{path} was added, which make reads in place of another."
        return [] if PurePosixPath(path).name == "Makefile" else [added]
    if _recipe(before, argv) != _recipe(after or "", argv):
        return [f"{path}: what `{' '.join(argv)}` runs was changed."]
    return []


def _recipe(text: str, argv: Sequence[str]) -> Any:
    """What the targets of the command and their prerequisites run, and the variables in it."""
    rules, variables, others = _makefile(text)
    goals = [word for word in argv[1:] if not word.startswith("-") and "=" not in word]
    todo, seen = goals or list(rules)[:1], dict[str, list[str]]()
    while todo:
        goal = todo.pop()
        if goal in rules and goal not in seen:
            seen[goal] = rules[goal]
            todo += " ".join(rules[goal]).split()
    used, names = dict[str, list[str]](), _USED.findall(str(seen))
    while names:
        name = names.pop()
        if name in variables and name not in used:
            used[name] = variables[name]
            names += _USED.findall(str(variables[name]))
    shell = {name: variables.get(name) for name in ("SHELL", ".SHELLFLAGS", "MAKEFLAGS")}
    return seen, used, others, shell


def _makefile(text: str) -> tuple[dict[str, list[str]], dict[str, list[str]], list[str]]:
    """Rules by target, variables by name, and the lines that draw in or hide something."""
    rules: dict[str, list[str]] = {}
    variables: dict[str, list[str]] = {}
    others: list[str] = []
    current: list[str] = []
    for line in text.replace("\\\n", " ").split("\n"):
        if line.startswith("\t"):
            for target in current:
                rules[target].append(line.strip())
        elif found := _VARIABLE.match(line):
            variables.setdefault(found[1], []).append(line.strip())
        elif found := _RULE.match(line):
            current = found[1].split()
            for target in current:
                rules.setdefault(target, []).append(found[2].strip())
        elif re.match(r"-?include\b|if|else|endif|define|\.(?:IGNORE|ONESHELL)", line):
            others.append(line.strip())
    others += [f"{name} {rules[name]}" for name in (".IGNORE", ".ONESHELL") if name in rules]
    return rules, variables, others
