"""Test runners by what they are started with."""

from __future__ import annotations

from collections.abc import Sequence

from damascus.evidence.runners import jvm, native, others, python, script
from damascus.evidence.runners.ambient import Ambient
from damascus.evidence.runners.base import HOOKS, Narrows, Place, Read, Runner, Start
from damascus.evidence.runners.jvm import JunitXml

_KNOWN = (python.recognise, native.recognise, script.recognise, jvm.recognise, others.recognise)

__all__ = [
    "HOOKS",
    "Ambient",
    "JunitXml",
    "Narrows",
    "Place",
    "Read",
    "Runner",
    "Start",
    "recognise",
]


def recognise(argv: Sequence[str], read: Read, reports: Sequence[str] = ()) -> Runner:
    """The runner that `argv` starts.

    `read` reads a file of the base. `reports` are globs of the JUnit XML that the project's command
    writes. A command nobody knows may still start runners that report: `Ambient` finds them.
    """
    if reports:
        return JunitXml(reports)
    for known in _KNOWN:
        found = known(argv, read)
        if found is not None:
            return found
    return Ambient()
