"""All proposals of a repository, the likeliest first, each once."""

from __future__ import annotations

from collections.abc import Sequence

from damascus.detection import ci, javascript, others, python
from damascus.detection.repository import Proposal, Read, Repository

__all__ = ["Proposal", "Read", "Repository", "proposals"]


def proposals(files: Sequence[str], read: Read) -> tuple[Proposal, ...]:
    """The commands that may run the tests of a repository, the likeliest first.

    What its languages usually do comes first, then what its CI runs, then what its Makefile has: a
    runner known by name reports more than one behind a wrapper. A line of the CI that starts the
    same program goes before it, because its people know their options.
    """
    repository = Repository(files, read)
    usual = [
        *python.proposals(repository),
        *javascript.proposals(repository),
        *(found for language in others.LANGUAGES for found in language(repository)),
    ]
    hints = list(ci.proposals(repository))
    ordered: list[Proposal] = []
    for one in usual:
        ordered += [hint for hint in hints if hint.argv[0] == one.argv[0]]
        ordered.append(one)
    ordered += [*hints, *others.make(repository)]
    first: dict[tuple[str, ...], Proposal] = {}
    for one in ordered:
        first.setdefault(one.argv, one)
    return tuple(first.values())
