"""Finds work that passes by changing its tests: tests removed or weakened, runners reconfigured.

These functions are pure: they compare each changed path's text on the base and on the merged tree.
Python is parsed; for other languages a few regular expressions find a removed test, a new skip or
fewer assertions, and nothing more. What the work may do:

- add anything, move a test to another file, or rename one whose body stays;
- change a test that the spec names, or tests in a file that the spec names, as long as that file
  is gone as a whole, or does not hold fewer tests or assertions afterwards;
- change a configuration that the spec names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from damascus.evidence.compare import ChangedFile
from damascus.evidence.files import is_test
from damascus.evidence.orders import about_files, about_tests
from damascus.phases import python_tests, runner_config
from damascus.phases.python_tests import Test


@dataclass(frozen=True, slots=True)
class _Language:
    """How tests look in a language: names, skips, assertions, and comments to leave out."""

    names: re.Pattern[str]
    skips: re.Pattern[str]
    asserts: re.Pattern[str]
    comments: re.Pattern[str]


_SLASHES = re.compile(r"(?<![:\"'`\w])//[^\n]*|/\*.*?\*/", re.DOTALL)
_HASHES = re.compile(r"(?m)^\s*#(?!\[)[^\n]*")
_SCRIPT = _Language(
    re.compile(
        r"\b(?:it|test|describe|specify)(?:\.\w+)*(?:\([^()]*\)|`[^`]*`)?\(\s*([\"'`])(?P<n>.+?)\1"
    ),
    re.compile(
        r"\b(?:it|test|describe)\.(?:skip|only|todo|fixme|failing)\b|\bx(?:it|test|describe)\("
    ),
    re.compile(r"\bexpect\s*\(|\bassert\w*[.(]|\.should\b"),
    _SLASHES,
)
_JVM = _Language(
    re.compile(r"@(?:Parameterized)?Test\b[^{};]*?\b(?:void|fun)\s+`?(?P<n>[\w ]+)`?\s*\("),
    re.compile(r"@(?:Disabled|Ignore)\b"),
    re.compile(r"\bassert\w*\s*[({]|\bverify\s*\(|\bshould\w*\b"),
    _SLASHES,
)
_LANGUAGES: Mapping[str, _Language] = {
    **dict.fromkeys(
        (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue"), _SCRIPT
    ),
    **dict.fromkeys((".java", ".kt"), _JVM),
    ".go": _Language(
        re.compile(r"(?m)^func (?P<n>(?:Test|Fuzz|Example)\w*)\("),
        re.compile(r"\bt\.Skip(?:f|Now)?\("),
        re.compile(r"\bt\.(?:Error|Fatal|Fail)\w*\(|\b(?:assert|require)\.\w+\("),
        _SLASHES,
    ),
    ".rs": _Language(
        re.compile(
            r"#\[(?:\w+::)?test\b[^\]]*\](?:\s*#\[[^\]]*\])*\s*(?:pub )?(?:async )?fn (?P<n>\w+)"
        ),
        re.compile(r"#\[ignore\b"),
        re.compile(r"\bassert\w*!|#\[should_panic"),
        _SLASHES,
    ),
    ".rb": _Language(
        re.compile(r"(?m)^\s*(?:def (?P<n>test_\w+)|(?:it|test|specify)\s+([\"'])(?P<m>.+?)\2)"),
        re.compile(r"(?m)^\s*(?:xit|xdescribe|skip|pending)\b"),
        re.compile(r"\bexpect\b|\bassert\w*|\brefute\w*"),
        _HASHES,
    ),
}


def concerns(path: str, argv: Sequence[str], directory: str = "") -> bool:
    """Tell whether a changed path must be looked at: a test, or what decides how tests run."""
    suffix = PurePosixPath(path).suffix
    code = suffix == ".py" or suffix in _LANGUAGES
    return (code and (suffix == ".rs" or is_test(path))) or runner_config.concerns(
        path, argv, directory
    )


def found(
    changes: Sequence[ChangedFile], *, spec: str, argv: Sequence[str], directory: str = ""
) -> list[str]:
    """Return what the work does to its own check, one sentence each; empty when nothing.

    `argv` is the test command, which starts in `directory`.
    """
    sentences: list[str] = []
    kept = _tests_by_name(changes)
    for change in changes:
        path, named = change.path, _named(change.path, spec)
        if not named:
            sentences += runner_config.found(path, change.before, change.after, argv, directory)
        if change.before is None or not concerns(path, argv, directory):
            continue
        if named and change.after is None:
            continue  # the spec names the whole file, and it goes with what it tested
        if path.endswith(".py"):
            sentences += _about_python(change, spec, kept, named=named)
        elif language := _LANGUAGES.get(PurePosixPath(path).suffix):
            sentences += _about_text(change, language, spec, changes, named=named)
    return list(dict.fromkeys(sentences))


def _named(path: str, spec: str) -> bool:
    """Tell whether the spec names a file: by its path, or by its own name."""
    name = re.escape(PurePosixPath(path).name)
    return re.search(rf"(?<![\w.-]){name}(?![\w-]|\.\w)", about_files(spec)) is not None


def _says(name: str, spec: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", about_tests(spec)) is not None


def _tests_by_name(changes: Sequence[ChangedFile]) -> dict[str, list[Test]]:
    """All tests of the changed Python files as they are now, by their own names and bodies."""
    kept: dict[str, list[Test]] = {}
    for change in changes:
        if change.path.endswith(".py") and change.after is not None:
            for test in python_tests.read(change.after) or ():
                kept.setdefault(test.name.rpartition(".")[2], []).append(test)
                kept.setdefault(test.body, []).append(test)
    return kept


def _about_python(
    change: ChangedFile, spec: str, kept: Mapping[str, list[Test]], *, named: bool
) -> list[str]:
    before = python_tests.read(change.before or "")
    after = python_tests.read(change.after) if change.after is not None else ()
    if before is None or after is None:  # does not parse: the runner will say so
        return []
    now = {test.name: test for test in after}
    shrunk = len(after) < len(before)
    fewer = sum(t.asserts for t in after) < sum(t.asserts for t in before)
    sentences: list[str] = []
    for old in before:
        name = old.name.rpartition(".")[2]
        elsewhere = [*kept.get(name, ()), *kept.get(old.body, ())]
        new = now.get(old.name) or max(elsewhere, key=lambda t: t.asserts, default=None)
        what, free = f"{change.path}: {old.name}", _says(name, spec)
        if new is None:
            if not free and (shrunk or not named):
                sentences.append(f"{what} was removed.")
            continue
        if new.skipped and not old.skipped and not (free and re.search(r"(?i)skip|xfail", spec)):
            sentences.append(f"{what} is now skipped or expected to fail.")
        if free or (named and not fewer):
            continue
        if new.asserts < old.asserts:
            sentences.append(f"{what} asserts less ({new.asserts} instead of {old.asserts}).")
        if new.cases < old.cases:
            sentences.append(f"{what} runs fewer cases ({new.cases} instead of {old.cases}).")
    return sentences


def _about_text(
    change: ChangedFile,
    language: _Language,
    spec: str,
    changes: Sequence[ChangedFile],
    *,
    named: bool,
) -> list[str]:
    before = language.comments.sub("", change.before or "")
    after = language.comments.sub("", change.after or "")
    suffix = PurePosixPath(change.path).suffix
    everywhere = Counter(
        name
        for other in changes
        if PurePosixPath(other.path).suffix == suffix
        for name in _names(language, language.comments.sub("", other.after or ""))
    )
    old, new = _names(language, before), _names(language, after)
    gone = [name for name in dict.fromkeys(old) if not everywhere[name] and not _says(name, spec)]
    sentences: list[str] = []
    if gone and (not named or len(new) < len(old)):
        sentences += [f"{change.path}: {name!r} was removed." for name in gone]
    if len(language.skips.findall(after)) > len(language.skips.findall(before)):
        sentences.append(f"{change.path}: tests are newly skipped, or others left out.")
    fewer = len(language.asserts.findall(after)) < len(language.asserts.findall(before))
    if fewer and not gone and change.after is not None and not named:
        sentences.append(f"{change.path}: there are fewer assertions than before.")
    return sentences


def _names(language: _Language, text: str) -> list[str]:
    return [
        next(name for name in match.groupdict().values() if name)
        for match in language.names.finditer(text)
    ]
