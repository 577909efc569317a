"""Sabotage: sources of the checkout cannot be loaded, and the tests must notice.

The sources that the work changed are broken, package by package. Work that no test loads is no
harm; but then something else of the checkout must turn the tests red, and nothing may stand in for
what was changed: another copy of it, installed, vendored, or built before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from damascus.domain.evidence import Outcome, Sabotage, TestReport
from damascus.evidence import imports, packages, sampling
from damascus.evidence.candidate import AnotherCopy, listed, not_passed
from damascus.evidence.compare import ChangedFile
from damascus.evidence.runs import Runs
from damascus.evidence.spoiled import is_own_source, own_sources, spoiled
from damascus.evidence.stand_ins import stand_ins

_PACKAGES = 4  # broken one by one; each costs a run
_SOURCES = 2_000  # broken at once


def spoil(runs: Runs, after: TestReport, added: Collection[str]) -> Sabotage:
    """Make sources raise when they are loaded, and run the tests: first what the work changed.

    The tests that the work adds (`added`) are asked first: if they notice, the others need not
    run. Raises AnotherCopy when the tests look at another copy of the code, or at nothing.
    """
    changed = [
        change
        for change in runs.candidate.changes
        if (change.after or "").strip() and is_own_source(change.path)
    ]
    noticed: list[Sabotage] = []
    unloaded: list[ChangedFile] = []
    for group in packages.parted(changed, runs.candidate.tracked, most=_PACKAGES):
        found = _noticed(runs, after, added, group)
        if found is None:
            unloaded += group
        else:
            noticed.append(found)
    if not noticed:
        noticed.append(_whole(runs, after, refuse=bool(changed)))
    if unloaded and noticed[0].sources:
        paths = sorted(change.path for change in unloaded)
        runs.warnings.append(f"No test loads {listed(paths)}.")
    return Sabotage(
        sorted(path for one in noticed for path in one.sources),
        max(one.turned_red for one in noticed),
        noticed[0].digest,
        changed=len(unloaded) < len(changed),
    )


def _noticed(
    runs: Runs, after: TestReport, added: Collection[str], changes: Sequence[ChangedFile]
) -> Sabotage | None:
    """What the tests said of broken `changes`; None when no test loads them, nor anything alike."""
    word = sampling.token()
    bent = {one.path: spoiled(one.path, one.after or "", word) for one in changes}
    first = runs.only(added, after) if added else None
    if first:
        run = runs.run("sabotage", bent, argv=first)
        passed = run.report.named(Outcome.PASSED) if run.report else frozenset[str]()
        noticed = [name for name in added if name not in passed]
        if noticed and run.report and run.report.named(Outcome.FAILED):
            return Sabotage(sorted(bent), len(noticed), run.report.digest)
        if run.report is None and word in run.finished.output:
            # A runner that dies while it loads a test says what of: the word is known to us alone.
            return Sabotage(sorted(bent), len(added))
    found = _red(runs, after, bent)
    if found is None:
        _refuse_elsewhere(runs, changes)
        _refuse_stand_ins(runs, after, changes)
    return found


def _red(
    runs: Runs, after: TestReport, bent: Mapping[str, str], copied: Collection[str] = ()
) -> Sabotage | None:
    """What turned red when the tests ran with `bent`; None when nothing did."""
    run = runs.run("sabotage", bent, observe=True, copied=copied)
    red = len(not_passed(after, run.report)) if run.report else len(after.tests)
    if not red:
        return None
    return Sabotage(sorted(bent), red, run.report.digest if run.report else "")


def _refuse_elsewhere(runs: Runs, changes: Sequence[ChangedFile]) -> None:
    """Raise AnotherCopy when Python imported a changed module, or its package, from elsewhere."""
    paths = [change.path for change in changes if change.path.endswith(".py")]
    known = frozenset(runs.candidate.tracked)
    above = (packages.above_package(path, known) for path in paths)
    roots = dict.fromkeys((*runs.python_roots(), *filter(None, above), "."))
    found = imports.from_elsewhere(runs.imported, runs.tree.checkout, paths, list(roots))
    if found:
        told = [
            f"{name} is imported from {runs.shown(file)}, not from {path}"
            for path, (name, file) in found.items()
        ]
        raise AnotherCopy(told[0], told)


def _refuse_stand_ins(runs: Runs, after: TestReport, changes: Sequence[ChangedFile]) -> None:
    """Raise AnotherCopy when the tests need what stands in for a changed source."""
    word = sampling.token()
    found = stand_ins(runs.tree.kept, changes, word)
    copied: list[str] = []
    for directory, place in runs.prepared.items():
        inside = stand_ins(place, changes, word, below=directory)
        found |= inside
        copied += [directory] if inside else []
    if found and _red(runs, after, found, copied) is not None:
        paths = sorted(change.path for change in changes)
        told = f"they load {listed(sorted(found))} in place of {listed(paths)}"
        raise AnotherCopy(told, [told])


def _whole(runs: Runs, after: TestReport, *, refuse: bool) -> Sabotage:
    """Break every source of the checkout at once. `refuse` where the work changed one.

    Where it changed none, and the tests notice nothing, that is told.
    """
    word = sampling.token()
    paths = own_sources(runs.candidate.tracked, runs.candidate.directory)[:_SOURCES]
    texts = {path: runs.tree.text(path) for path in paths}
    bent = {path: spoiled(path, text, word) for path, text in texts.items() if text}
    found = _red(runs, after, bent) if bent else None
    if found is not None:
        return found
    if refuse:
        told = f"they stay green when none of its sources can be loaded ({listed(sorted(bent))})"
        raise AnotherCopy(told, [f"{path} is loaded by no test." for path in sorted(bent)])
    runs.warnings.append(
        "Nothing shows that the tests load this checkout: it has no source whose loss they notice."
    )
    return Sabotage()
