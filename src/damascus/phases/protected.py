"""Work that changes what it must not: paths that steer builds and agents, or another project's.

What counts is what git keeps, not what the disk shows. Both names of a renamed file count. A link
or a submodule in the place of a directory counts as everything below it. Where a protected path is
a link on the base, the file that it leads to is protected too. The commit of a submodule is
protected wherever `.gitmodules` is: it brings code that nobody sees in the work.

What lies outside the project's directory is treated alike, but for what its policy lets change.

Where the project asks, a person's yes is good for what they were asked about: the same such
paths with the same content before and after, whatever else the work changes, in build and review.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from damascus.domain import globs
from damascus.domain.directories import holds
from damascus.domain.work import PhaseContext, PhaseResult, Project, Verdict
from damascus.phases import protected_paths
from damascus.ports import Entry, Git, Workspace
from damascus.text.sanitize import one_line

_SHOWN: Final = 50


def protected(
    entries: Iterable[Entry], patterns: tuple[str, ...], links: Mapping[str, str]
) -> list[Entry]:
    """Return those of `entries` that `patterns` protect, by path.

    `links` are the links of the base, each with the path it leads to.
    """
    changed = {entry.path: entry for entry in entries}
    led_to = _led_to(links, patterns)
    found = {
        *globs.matching(changed, patterns),
        *(p for p in changed if _is_in(p, led_to)),
        *(p for p, entry in changed.items() if entry.is_link and globs.leads_to(p, patterns)),
        *(p for p, entry in changed.items() if entry.is_submodule and ".gitmodules" in patterns),
    }
    return [changed[path] for path in sorted(found)]


def outside(entries: Iterable[Entry], directory: str, leave: tuple[str, ...]) -> list[Entry]:
    """Return those of `entries` that lie outside `directory` and match no glob of `leave`, by path.

    What is put in the place of the directory itself, or of one above it, lies outside.
    """
    strange = {entry.path: entry for entry in entries if not holds(directory, entry.path)}
    for path in globs.matching(strange, leave):
        del strange[path]
    return [strange[path] for path in sorted(strange)]


def _led_to(links: Mapping[str, str], patterns: tuple[str, ...]) -> set[str]:
    """Return where protected links lead, and the links there."""
    found: set[str] = set()
    while True:
        more = {
            target
            for path, target in links.items()
            if globs.matching([path], patterns)
            or globs.leads_to(path, patterns)
            or _is_in(path, found)
        }
        if more <= found:
            return found
        found |= more


def _is_in(path: str, places: Iterable[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def refusal(
    context: PhaseContext, git: Git, workspace: Workspace, *, base: str, head: str
) -> PhaseResult | None:
    """Return the verdict on work that changes protected paths.

    None when it changes none, or a person has accepted this very change of them.
    """
    project = context.project
    entries = git.entries(workspace, base=base, head=head)
    steering = protected(
        entries, protected_paths.of_project(project), git.links(workspace, at=base)
    )
    strange = outside(entries, project.directory, project.outside_paths)
    touched = [*steering, *(entry for entry in strange if entry not in steering)]
    if not touched:
        return None
    if project.protected_policy != "ask":
        return _refused(touched, _what(project, steering, strange))
    wanted = fingerprint(touched)
    findings = context.item.findings
    if any(one.accepted and one.details.get("accepts") == wanted for one in findings):
        return None
    return _asked(touched, _what(project, steering, strange), wanted)


def submodules_accepted(
    context: PhaseContext, git: Git, workspace: Workspace, *, base: str, head: str
) -> bool:
    """Tell whether a person said yes to what the work does to submodules; False where it does none.

    For work that `refusal` let pass.
    """
    patterns = protected_paths.of_project(context.project)
    if context.project.protected_policy != "ask" or ".gitmodules" not in patterns:
        return False
    changed = git.entries(workspace, base=base, head=head)
    return any(entry.is_submodule or entry.path == ".gitmodules" for entry in changed)


def fingerprint(entries: Iterable[Entry]) -> str:
    """The hash of a change: its paths, and what git keeps of each before and after."""
    parts = sorted((entry.path, entry.before, entry.after) for entry in entries)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _what(project: Project, steering: Sequence[Entry], strange: Sequence[Entry]) -> str:
    kinds = [
        *(["protected paths"] if steering else []),
        *([f"paths outside {project.directory}"] if strange else []),
    ]
    return " and ".join(kinds)


def _refused(touched: Sequence[Entry], what: str) -> PhaseResult:
    return PhaseResult(
        Verdict.FAIL,
        f"The work changes {what}: {_listed(touched)}. Leave them as they are on the base.",
        {"paths": [entry.path for entry in touched[:_SHOWN]]},
    )


def _asked(touched: Sequence[Entry], what: str, wanted: str) -> PhaseResult:
    shown = touched[:_SHOWN]
    return PhaseResult(
        Verdict.FAIL,
        f"The work changes {what}, which needs a person's yes: {_listed(touched)}. "
        "Retrying says yes to this very change of them; a note that begins with `no` has it built "
        "again without.",
        {
            "paths": [entry.path for entry in shown],
            "reasons": [f"{_done(entry)} {one_line(entry.path, 300)}" for entry in shown],
            "ask": True,
            "accepts": wanted,
        },
        needs_person=True,
    )


def _listed(touched: Sequence[Entry]) -> str:
    more = f" and {len(touched) - _SHOWN} more" if len(touched) > _SHOWN else ""
    return one_line(", ".join(entry.path for entry in touched[:_SHOWN]), 500) + more


def _done(entry: Entry) -> str:
    if not entry.before:
        return "added"
    return "changed" if entry.after else "removed"
