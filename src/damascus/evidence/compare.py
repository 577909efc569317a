"""What changed between the run on the base and the run on the merge, test by test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from damascus.domain.evidence import Outcome, TestCase, TestReport
from damascus.evidence.languages import Language, SourceTest, language_of
from damascus.evidence.orders import about_tests, names_file, says

_WORD = re.compile(r"[A-Za-z0-9_$]+")


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that the work changes: its text on the base and on the merge, None where it is not."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Names of tests. All but `new` were on the base.

    `missing` passed there and are in no report now. `broken` passed there and fail now. `skipped`
    passed there and are skipped now. `moved` are missing under their name, but the same code
    passed under another. `let_go` are those of the first three that the spec names.
    """

    missing: Sequence[str] = ()
    broken: Sequence[str] = ()
    skipped: Sequence[str] = ()
    moved: Sequence[str] = ()
    let_go: Sequence[str] = ()
    new: Sequence[str] = field(default=())


def compare(
    before: TestReport | None, after: TestReport, changes: Sequence[ChangedFile], spec: str
) -> Comparison:
    """Hold `after` against `before`; a test that the spec names may go or change."""
    none: Mapping[str, TestCase] = {}
    old = before.tests if before else none
    same = _Bodies(changes)
    groups: dict[str, list[str]] = {
        name: [] for name in ("missing", "broken", "skipped", "moved", "let_go")
    }
    for name, case in old.items():
        now = after.tests.get(name)
        if case.outcome is not Outcome.PASSED or (now and now.outcome is Outcome.PASSED):
            continue
        if now is None and same.elsewhere(case, after, old):
            groups["moved"].append(name)
        elif names_test(spec, case):
            groups["let_go"].append(name)
        elif now is None:
            groups["missing"].append(name)
        else:
            groups["broken" if now.outcome is Outcome.FAILED else "skipped"].append(name)
    new = [name for name in after.tests if name not in old]
    return Comparison(**groups, new=new)


def names_test(spec: str, case: TestCase) -> bool:
    """Tell whether a spec names a test: by its name, its title as words, or its file."""
    if not spec:
        return False
    if case.path and names_file(spec, case.path):
        return True
    spec = about_tests(spec)
    title = case.title.strip()
    if any(word and says(spec, word) for word in (case.name, title)):
        return True
    own = case.name.rpartition("::")[0].rpartition(".")[2]
    if own and says(spec, f"{own}.{title}"):
        return True
    spaced = " ".join(_split(title)).lower()
    return len(spaced.split()) > 1 and spaced in " ".join(_split(spec)).lower()


def _split(text: str) -> list[str]:
    """The words of a text and of the identifiers in it, `test` left out."""
    words: list[str] = []
    for word in _WORD.findall(text):
        words += re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", word.replace("_", " "))
    return [word for word in words if word.lower() not in {"test", "tests"}]


class _Bodies:
    """The tests of the changed files, by their code."""

    def __init__(self, changes: Sequence[ChangedFile]) -> None:
        self._before: dict[tuple[str, str], set[str]] = {}
        self._after: dict[str, set[str]] = {}
        for change in changes:
            language = language_of(change.path)
            if language is None:
                continue
            for test in _tests(language, change.before):
                self._before.setdefault((change.path, test.title), set()).add(test.body)
            for test in _tests(language, change.after):
                self._after.setdefault(test.body, set()).add(test.title)

    def elsewhere(self, case: TestCase, after: TestReport, old: Mapping[str, TestCase]) -> bool:
        """Tell whether the very code of a missing test passed under a name that is new."""
        bodies = {
            body
            for (path, title), found in self._before.items()
            for body in found
            if title == case.title and (case.path is None or case.path.endswith(path))
        }
        titles = {title for body in bodies for title in self._after.get(body, ())}
        return any(
            one.title in titles and one.outcome is Outcome.PASSED and one.name not in old
            for one in after.tests.values()
        )


def _tests(language: Language, text: str | None) -> Sequence[SourceTest]:
    return () if text is None else language.tests(text)
