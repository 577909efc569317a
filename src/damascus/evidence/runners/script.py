"""Runners of JavaScript and TypeScript, also behind a script of package.json."""

from __future__ import annotations

import json
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.reports import documents
from damascus.evidence.reports.files import read_capped
from damascus.evidence.runners.base import HOOKS, Place, Read, Runner, Start, report_of

_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
_SHELL = re.compile(r"[;&|<>`$()]")


class _Document(ABC):
    """A runner that writes one JSON document where an option says."""

    removes: Sequence[str] = ()
    name = ""

    def __init__(self, words: Sequence[str] = (), dashes: Sequence[str] = ()) -> None:
        self._words = words  # the runner's own command line, as a script has it
        self._dashes = dashes  # what a package manager wants before options for the script

    @abstractmethod
    def _options(self, file: str, *, keep_going: bool) -> Sequence[str]: ...

    @abstractmethod
    def _cases(self, data: bytes, place: Place) -> list[TestCase] | None: ...

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Add the options."""
        file = str(place.report / "report.json")
        options = self._options(file, keep_going=place.keep_going)
        dashes = () if "--" in argv else self._dashes
        return Start((*argv, *dashes, *options))

    def read(self, place: Place) -> TestReport | None:
        """Read the document."""
        data = read_capped(place.report / "report.json")
        return None if data is None else report_of(self.name, self._cases(data, place), data)


class Jest(_Document):
    """Jest."""

    name = "jest"
    _by_path: Sequence[str] = ("--runTestsByPath",)

    def narrow(self, argv: Sequence[str], paths: Sequence[str]) -> Sequence[str] | None:
        """The same command for the test files `paths` alone; None where it names files itself."""
        if not self._words or not all(word.startswith("-") for word in self._words[1:]):
            return None
        return (*argv, *(() if "--" in argv else self._dashes), *self._by_path, *paths)

    def _options(self, file: str, *, keep_going: bool) -> Sequence[str]:
        more = ["--bail=0"] if keep_going else []
        return ["--ci", "--json", f"--outputFile={file}", *more]

    def _cases(self, data: bytes, place: Place) -> list[TestCase] | None:
        return documents.jest(data, place.where)


class Vitest(Jest):
    """Vitest, whose `json` reporter writes Jest's form."""

    name = "vitest"
    _by_path: Sequence[str] = ()

    def _options(self, file: str, *, keep_going: bool) -> Sequence[str]:
        more = ["--bail=0"] if keep_going else []
        return ["--reporter=json", "--reporter=default", f"--outputFile.json={file}", *more]


class Mocha(_Document):
    """Mocha 9.2 and later."""

    name = "mocha"

    def _options(self, file: str, *, keep_going: bool) -> Sequence[str]:
        more = ["--no-bail"] if keep_going else []
        return ["--reporter", "json", "--reporter-option", f"output={file}", *more]

    def _cases(self, data: bytes, place: Place) -> list[TestCase] | None:
        return documents.mocha(data, place.where)


class NodeTest:
    """Node's own runner, by a reporter of ours."""

    name = "node:test"
    removes: Sequence[str] = ()

    def __init__(self, words: Sequence[str] = (), dashes: Sequence[str] = ()) -> None:
        self._words = words
        self._dashes = dashes

    def narrow(self, argv: Sequence[str], paths: Sequence[str]) -> Sequence[str] | None:
        """The same command for the test files `paths` alone; None where it names files itself."""
        if not self._words or not all(word.startswith("-") for word in self._words[1:]):
            return None
        return (*argv, *(() if "--" in argv else self._dashes), *paths)

    def start(self, argv: Sequence[str], place: Place) -> Start:
        """Name the reporter in the environment, which reaches it through any script."""
        options = (
            f"--test-reporter={HOOKS / 'node_reporter.mjs'} "
            f"--test-reporter-destination={place.report / 'node.jsonl'} "
            "--test-reporter=spec --test-reporter-destination=stdout"
        )
        return Start(argv, {"NODE_OPTIONS": options}, (HOOKS,))

    def read(self, place: Place) -> TestReport | None:
        """Read the reporter's lines, of which the last says that all were written."""
        data = read_capped(place.report / "node.jsonl")
        if data is None:
            return None
        cases: list[TestCase] = []
        ended = False
        for line in data.decode("utf-8", "replace").splitlines():
            try:
                event: Any = json.loads(line)
                if event.get("end"):
                    ended = True
                    continue
                titles = [str(title) for title in cast("list[object]", event["titles"])]
                path = place.where.located(str(event["file"]))
                outcome = Outcome(event["outcome"])
            except (ValueError, KeyError, TypeError, AttributeError):
                return None
            cases.append(TestCase(f"{path}::{' > '.join(titles)}", outcome, titles[-1], path))
        return report_of(self.name, cases, data) if ended else None


def recognise(argv: Sequence[str], read: Read) -> Runner | None:
    """A runner by its name, or by the script of package.json that a package manager starts."""
    program = PurePosixPath(argv[0]).name
    if program in _MANAGERS:
        script = _script(argv, read)
        return None if script is None else _direct(script, ("--",) if program == "npm" else ())
    if program in {"npx", "pnpx", "bunx"}:
        rest = [word for word in argv[1:] if not word.startswith("-")]
        return _direct([*rest, *argv[2:]], ()) if rest else None
    return _direct(argv, ())


def _direct(argv: Sequence[str], dashes: Sequence[str]) -> Runner | None:
    name = PurePosixPath(argv[0]).name if argv else ""
    if name == "cross-env":
        return _direct([word for word in argv[1:] if "=" not in word], dashes)
    if name == "node" and any(word in {"--test", "--test-only"} for word in argv):
        return NodeTest(argv, dashes)
    if name == "node" and len(argv) > 1:
        inner = next((w for w in argv[1:] if not w.startswith("-")), "")
        name = PurePosixPath(inner).stem if "node_modules" in inner else name
    runners = {"jest": Jest, "vitest": Vitest, "mocha": Mocha, "_mocha": Mocha}
    made = runners.get(name)
    return None if made is None else made(argv, dashes)


def _script(argv: Sequence[str], read: Read) -> list[str] | None:
    words = [word for word in argv[1:] if not word.startswith("-")]
    if words and words[0] in {"run", "run-script"}:
        words = words[1:]
    elif words and words[0] in {"exec", "x", "dlx"}:
        return list(words[1:])
    name = words[0] if words else ""
    name = "test" if name in {"t", "tst"} else name
    try:
        package: Any = json.loads(read("package.json") or "{}")
        script: Any = package.get("scripts", {}).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(script, str):
        return None
    last = re.split(r"&&|;", script)[-1].strip()  # options go to the last command
    if _SHELL.search(last):
        return None
    try:
        return [word for word in shlex.split(last) if not re.match(r"[A-Z_]+=", word)] or None
    except ValueError:
        return None
