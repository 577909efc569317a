"""Work that changes protected paths: paths that steer builds and agents.

What counts is what git keeps, not what the disk shows. Both names of a renamed file count. A link
or a submodule in the place of a directory counts as everything below it. Where a protected path is
a link on the base, the file that it leads to is protected too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from damascus.domain import globs
from damascus.domain.findings import Details
from damascus.domain.work import PhaseResult, Project, Verdict
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
    }
    return [changed[path] for path in sorted(found)]


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
    git: Git, workspace: Workspace, project: Project, *, base: str, head: str
) -> PhaseResult | None:
    """Return the verdict on work that changes protected paths, None when it does not."""
    touched = protected(
        git.entries(workspace, base=base, head=head),
        protected_paths.of_project(project),
        git.links(workspace, at=base),
    )
    return _verdict([entry.path for entry in touched], project) if touched else None


def _verdict(paths: Sequence[str], project: Project) -> PhaseResult:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    listed = one_line(", ".join(paths[:_SHOWN]), 500)
    ask = project.protected_policy == "ask"
    details: Details = {"paths": list(paths[:_SHOWN])}
    if ask:
        details["ask"] = True
    return PhaseResult(
        Verdict.FAIL,
        f"The work changes protected paths: {listed}{more}. Leave them as they are on the base.",
        details,
        needs_person=ask,
    )
