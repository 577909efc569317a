"""What is many: forges and coding agents, each one entry of a registry.

An entry says all that the rest of Damascus has to know of it: its settings, how it is made, what
`damascus doctor` tries. Entries of this package are named in `forge/__init__.py` and
`builders/__init__.py`; others come from installed distributions, by the entry points
`damascus.forges` and `damascus.builders`. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, NamedTuple, TypeVar

from damascus.config import Settings
from damascus.config_sources import Section
from damascus.errors import ConfigurationError
from damascus.ports import Builder, Forge

log = logging.getLogger(__name__)

SectionT = TypeVar("SectionT", bound=Section)
EntryT = TypeVar("EntryT", "ForgeEntry[Any]", "BuilderEntry[Any]")


class Found(NamedTuple):
    """What a check found: `ok` is False where something needed does not work, None to warn."""

    ok: bool | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeEntry(Generic[SectionT]):
    """A kind of forge.

    `name` is a slug, kept with each project; `label` is for people; `example` shows what its
    repositories look like. `recognises` tells whether a repository, as a person gave it, is one of
    this forge: it must not raise, and does not look further than the text and the file system.
    `locate` gives the repository as it is kept, raises UsageError or NotFoundError, and repeats no
    URL that may hold a password. `open` makes the `Forge` of a repository as it is kept and raises
    ConfigurationError where a setting is missing. `check` asks the installation whether it can be
    used; None where there is nothing to ask.
    """

    name: str
    label: str
    example: str
    settings: type[SectionT]
    recognises: Callable[[str], bool]
    locate: Callable[[str], str]
    open: Callable[[str, SectionT], Forge]
    check: Callable[[SectionT], Found | None] = lambda _settings: None


@dataclass(frozen=True, slots=True)
class BuilderContext:
    """What a coding agent is made with, besides its own settings.

    `path` is the PATH it gets; `test_programs` are the first words a test command may have; `hosts`
    are those that the project lets it reach besides its model's, as `host` or `host:port`. `image`
    is the project's, which may bring the agent's program, "" where there is none.
    """

    settings: Settings
    path: str
    test_programs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    image: str = ""


def _no_secrets(_settings: Section) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderEntry(Generic[SectionT]):
    """A kind of coding agent.

    `make` raises ConfigurationError where a setting is missing. `check` finds out whether it could
    build. `secrets` are those that its settings name but do not hold; they are hidden like others.
    `measures` tells whether it can be known what its runs cost. `program` is the program that it
    starts, "" where it brings its own.
    """

    name: str
    label: str
    settings: type[SectionT]
    make: Callable[[SectionT, BuilderContext], Builder]
    check: Callable[[SectionT, BuilderContext], Found]
    secrets: Callable[[SectionT], Iterable[str]] = _no_secrets
    measures: Callable[[SectionT], bool] = lambda _settings: True
    program: Callable[[SectionT], str] = lambda _settings: ""


class Registry(Generic[EntryT]):
    """The entries of one kind: those of this package, and those of installed distributions.

    `builtin` is where each entry of ours is, as `module:name`; `group` is the entry points' group.
    An entry from outside cannot take the name of one of ours.
    """

    def __init__(self, kind: str, *, group: str, builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self._group = group
        self._builtin = dict(builtin)
        self._loaded: dict[str, EntryT] = {}

    @cached_property
    def _outside(self) -> dict[str, EntryPoint]:
        found = {point.name: point for point in entry_points(group=self._group)}
        for name in sorted(found.keys() & self._builtin.keys()):
            log.warning("%s %s of %s is not used: ours has that name", self.kind, name, found[name])
            del found[name]
        return found

    def names(self) -> tuple[str, ...]:
        """The names of all entries, ours first. Imports none of them."""
        return (*self._builtin, *sorted(self._outside))

    def get(self, name: str) -> EntryT:
        """The entry of that name. Raises ConfigurationError when there is none that can be used."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def usable(self) -> Iterator[EntryT]:
        """Every entry that can be loaded, those from outside first; the others are logged."""
        for name in (*sorted(self._outside), *self._builtin):
            try:
                yield self.get(name)
            except ConfigurationError as error:
                log.warning("%s", error)

    def unusable(self) -> Iterator[str]:
        """The name of every entry that cannot be loaded."""
        for name in self._outside:
            try:
                self.get(name)
            except ConfigurationError:
                yield name

    def builtin(self) -> Iterator[EntryT]:
        """Every entry of this package."""
        for name in self._builtin:
            yield self.get(name)

    def _load(self, name: str) -> EntryT:
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        if name not in self._outside:
            raise ConfigurationError(
                f"there is no {self.kind} {name[:40]!r}: use {', '.join(self.names())}"
            )
        point = self._outside[name]
        try:
            entry: Any = point.load()
        except Exception as error:
            raise ConfigurationError(
                f"the {self.kind} {name!r} ({point.value}) cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(entry, (ForgeEntry, BuilderEntry)) or entry.name != name:
            raise ConfigurationError(
                f"the {self.kind} {name!r} ({point.value}) is no entry of that name: see "
                "docs/extending.md"
            )
        return entry  # pyright: ignore[reportReturnType, reportUnknownVariableType] - of its group
