"""Which tests are broken on purpose, and how the files look then.

The choice is made after the work is committed, by the system's randomness: nobody can know it.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.languages import Language, SourceTest, language_of

_FILES_CAP = 1_000  # bent in one run; those that the work changed come first
_BROKEN_CAP = 2_000
_LETTERS = "bcdfghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Trap:
    """A set of bent files, and what must come of them.

    `texts` are the files; `red` the names in the report that must fail, `titles` what those tests
    are called; `planted` the title of the test that was added; `unbreakable` counts passed tests
    that nobody knows how to break.
    """

    texts: Mapping[str, str]
    red: frozenset[str]
    titles: frozenset[str]
    planted: str
    unbreakable: int


@dataclass(frozen=True, slots=True)
class _Place:
    """A test of the source, with the tests of the report that it is."""

    path: str
    qualified: str
    title: str
    names: frozenset[str]


def token() -> str:
    """A random word of letters, for names that nobody has chosen."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def set_trap(
    report: TestReport,
    files: Mapping[str, str],
    *,
    first: Sequence[str] = (),
    fraction: float,
    most: int = _BROKEN_CAP,
    spare: Collection[str] = (),
) -> Trap:
    """Choose about `fraction` of the passed tests, and break them.

    `files` are the test files by path, `first` the paths that must be among those bent. At least
    one test is broken where one can be. None of the names in `spare` is.
    """
    chance = random.SystemRandom()
    word = token()
    paths = [path for path in first if path in files]
    others = [path for path in files if path not in paths]
    chance.shuffle(others)
    places = _places(report, files, [*paths, *others][:_FILES_CAP])
    free = [place for place in places if not place.names & set(spare)]
    chosen = [place for place in free if chance.random() < fraction][:most]
    if not chosen and free:
        chosen = chance.sample(free, min(len(free), most, 3))
    return _bend(report, files, places, chosen, word, chance)


def _bend(  # noqa: PLR0917 - one step of `set_trap`
    report: TestReport,
    files: Mapping[str, str],
    places: Sequence[_Place],
    chosen: Sequence[_Place],
    word: str,
    chance: random.Random,
) -> Trap:
    texts: dict[str, str] = {}
    red: set[str] = set()
    titles: set[str] = set()
    for path in dict.fromkeys(place.path for place in places):
        language = language_of(path)
        assert language is not None, "only files of known languages have places"  # noqa: S101
        wanted = {place.qualified for place in chosen if place.path == path}
        done = language.break_tests(files[path], wanted, word)
        texts[path] = done.text
        for place in chosen:
            if place.path == path and place.qualified in done.broken:
                red |= place.names
                titles.add(place.title)
    planted = ""
    for path in chance.sample(list(texts), len(texts)):
        language = language_of(path)
        added = language.plant(texts[path], word) if language else None
        if added:
            texts[path], planted = added
            break
    known = {name for place in places for name in place.names}
    passed = report.named(Outcome.PASSED)
    return Trap(texts, frozenset(red), frozenset(titles), planted, len(passed - known))


def _places(report: TestReport, files: Mapping[str, str], paths: Sequence[str]) -> list[_Place]:
    """The tests of the files that passed, where it is certain which of the report they are."""
    passed = [case for case in report.tests.values() if case.outcome is Outcome.PASSED]
    found: list[_Place] = []
    shaped: list[tuple[str, SourceTest, Callable[[TestCase, str, str], bool]]] = []
    for path in paths:
        language = language_of(path)
        if language is None:
            continue
        match = _matcher(language, path)
        for test in language.tests(files[path]):
            if test.shape:
                shaped.append((path, test, match))
                continue
            names = frozenset(
                case.name for case in passed if match(case, test.qualified, test.title)
            )
            if names:
                found.append(_Place(path, test.qualified, test.title, names))
    exact = {name for place in found for name in place.names}
    for path, test, match in shaped:  # a test that has a name of its own is none of a table's
        one_of = re.compile(test.shape, re.DOTALL)
        names = frozenset(
            case.name
            for case in passed
            if case.name not in exact
            and one_of.fullmatch(case.title)
            and match(case, test.qualified, case.title)
        )
        if names:
            found.append(_Place(path, test.qualified, test.title, names))
    owners: dict[str, int] = {}
    for place in found:
        for name in place.names:
            owners[name] = owners.get(name, 0) + 1
    return [place for place in found if all(owners[name] == 1 for name in place.names)]


def _matcher(language: Language, path: str) -> Callable[[TestCase, str, str], bool]:
    if language.name == "Python":
        module = str(PurePosixPath(path).with_suffix("")).replace("/", ".")
        stem = PurePosixPath(path).stem

        def python(case: TestCase, qualified: str, title: str) -> bool:
            if case.title != title:
                return False
            dotted = case.name.replace("::", ".")
            head, found, rest = dotted.rpartition(f"{stem}.{qualified}")
            if not found or not (rest == "" or rest[0] in "[( "):
                return False
            return not head or f"{head}{stem}".endswith(module) or module.endswith(f"{head}{stem}")

        return python

    if language.name == "C and C++":
        stem = PurePosixPath(path).stem
        bare = stem.removeprefix("test_").removesuffix("_test")
        called = {stem, bare, f"test_{bare}", f"{bare}_test"}
        # A test of ctest's is a program, called like the file with its `main` as a rule.
        return lambda case, _qualified, _title: case.title in called

    if language.name == "Java":
        # Many classes have a method of one name; a file is called like the class in it.
        stem = PurePosixPath(path).stem
        return lambda case, _qualified, title: (
            case.title == title and stem in re.split(r"::|[.$]", case.name)
        )

    def titled(case: TestCase, _qualified: str, title: str) -> bool:
        if case.title != title:
            return False
        if case.path is None or "." not in PurePosixPath(case.path).name:
            return True  # the runner names no file
        return case.path == path or case.path.endswith(f"/{path}")

    return titled
