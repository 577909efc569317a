"""Conditions: what concerns the installation or a project as a whole, and the words for it.

A condition is a row of `conditions` while it lasts, and stays as history when it is over. What an
item needs and does not have is not the item's fault: it waits, uncounted, until the condition is
over, which is found out by one item, the canary, that tries again for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from damascus.errors.outages import ConditionKind, Outage

__all__ = [
    "KINDS",
    "ConditionKind",
    "KindSpec",
    "Outage",
    "forge_subject",
    "model_subject",
    "settings_subject",
    "title_of",
]


@dataclass(frozen=True, slots=True)
class KindSpec:
    """One kind of condition.

    `title` says in a few words what is wrong with `{subject}`; `to_do` is what a person can do
    where nothing better is known.
    """

    title: str
    to_do: str


_BY_ITSELF = "It is tried again by itself, and what waits for it goes on then."
_K = ConditionKind

KINDS: Final[Mapping[ConditionKind, KindSpec]] = {
    _K.MODEL: KindSpec(
        "The model {subject} does not answer",
        f"{_BY_ITSELF} If it lasts, look at what its provider says of outages, keys and limits.",
    ),
    _K.FORGE: KindSpec(
        "The forge {subject} does not answer", f"{_BY_ITSELF} If it lasts, see whether it runs."
    ),
    _K.REGISTRY: KindSpec(
        "The package registry {subject} does not answer",
        f"{_BY_ITSELF} If it lasts, see whether it can be reached from here.",
    ),
    _K.DISK: KindSpec(
        "The disk of {subject} is full",
        "Make room on it; nothing is claimed there until then, and nothing is lost.",
    ),
    _K.SANDBOX: KindSpec(
        "The sandbox of {subject} does not work",
        "Run `damascus doctor` on that machine; nothing is claimed there until it works.",
    ),
    _K.SETTINGS: KindSpec(
        "{subject} cannot be run as things are set up",
        "Put right what it says; it is tried again by itself.",
    ),
    _K.ENGINE: KindSpec(
        "The container engine of {subject} does not answer",
        "Start it; nothing that needs it is run there until then.",
    ),
    _K.WORKERS: KindSpec(
        "No worker is alive",
        "Start one: `damascus up`, or `taskiq worker damascus.tasks:broker`.",
    ),
    _K.SCHEDULER: KindSpec(
        "No scheduler is alive",
        "Start one: `taskiq scheduler damascus.tasks:scheduler`; workers look for work more seldom "
        "until then.",
    ),
    _K.RELAY: KindSpec(
        "The relay stands still at {subject}",
        "See in the worker's log what the sink says; no event is lost.",
    ),
    _K.SCHEMA: KindSpec(
        "{subject} does not know the database's schema",
        "Install the same Damascus everywhere, run `damascus init` with it, and restart.",
    ),
    _K.PAUSED: KindSpec(
        "Everything is paused",
        "`damascus resume` lets it go on; a paused project, `damascus project resume NAME`.",
    ),
    _K.BUDGET: KindSpec(
        "The budget of {subject} is used up",
        "It goes on when the window turns, or when a person raises the budget.",
    ),
    _K.VERSIONS: KindSpec(
        "Processes of several versions run",
        "Install the same Damascus everywhere, and restart what is older.",
    ),
}


def title_of(kind: str, subject: str) -> str:
    """What is wrong, in a few words. A kind of a later version is called by its name."""
    try:
        return KINDS[ConditionKind(kind)].title.format(subject=subject)
    except ValueError:
        return f"{kind} {subject}".strip()


def forge_subject(repo: str) -> str:
    """How a condition names the forge of a repository: its host, or the directory itself."""
    parts = urlsplit(repo)
    return parts.netloc.rpartition("@")[2] if parts.scheme in ("http", "https") else repo


def model_subject(model: str, api_base: str | None = None) -> str:
    """How a condition names a model: with the host it is asked at, where that is not its own."""
    host = urlsplit(api_base or "").netloc.rpartition("@")[2]
    return f"{model} at {host}" if host else model


def settings_subject(phase: str, project: str) -> str:
    """How a condition names what cannot be run as things are set up."""
    return f"{phase} of project {project}"
