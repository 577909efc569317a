"""Every forge and builder there is, with its settings: what is asked of all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from damascus.builders import BUILDERS
from damascus.config import Settings
from damascus.config_sources import PREFIX, Section, is_secret, secrets_of
from damascus.errors import ConfigurationError, UsageError
from damascus.forge import FORGES
from damascus.registry import ForgeEntry


def section_models() -> Iterator[tuple[str, type[Section]]]:
    """The settings that each entry declares, by the entry's name."""
    for forge in FORGES.usable():
        yield forge.name, forge.settings
    for builder in BUILDERS.usable():
        yield builder.name, builder.settings


def check(settings: Settings) -> None:
    """Raise ConfigurationError when a forge's or a builder's setting is wrong."""
    for name, model in section_models():
        settings.section(name, model)


def secrets(settings: Settings) -> tuple[str, ...]:
    """Every secret of the settings, of Damascus and of every entry; nothing is raised.

    A section that is wrong in one value gives none of its secrets: check it first.
    """
    found = list(secrets_of(settings))
    for name, model in section_models():
        with suppress(ConfigurationError):
            found += secrets_of(settings.section(name, model))
    for builder in BUILDERS.usable():
        with suppress(ConfigurationError):
            found += builder.secrets(settings.section(builder.name, builder.settings))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it may be shown: a secret only as set or not set.

    `origin` says where the value comes from: environment, .env, file, command line, default.
    """

    name: str
    env: str
    value: object
    origin: str
    secret: bool
    help: str


def shown(settings: Settings) -> list[Shown]:
    """Every setting of Damascus, and of every forge and builder. Raises ConfigurationError."""
    found = [_shown(settings, settings, "", name) for name in Settings.model_fields]
    for entry, model in section_models():
        section, before = settings.section(entry, model), f"{entry.replace('-', '_')}_"
        found += [_shown(settings, section, before, name) for name in model.model_fields]
    return found


def _shown(settings: Settings, model: BaseModel, before: str, name: str) -> Shown:
    info, value = type(model).model_fields[name], getattr(model, name)
    if isinstance(value, SecretStr):
        value = "(set, hidden)"
    elif isinstance(value, (Path, Decimal)):
        value = str(value)
    elif isinstance(value, tuple):
        value = list(cast("tuple[object, ...]", value))
    return Shown(
        name=before + name,
        env=PREFIX + (before + name).upper(),
        value=value,
        origin=settings.origin(before + name),
        secret=is_secret(info),
        help=info.description or "",
    )


def locate(repo: str, forge: str | None) -> tuple[str, str]:
    """The forge of a repository, and the repository as it is kept.

    `repo` is what a person gave, `forge` the name of one where they said so. Raises UsageError,
    NotFoundError; no URL is repeated, since it may hold a password.
    """
    if forge is not None:
        return forge, forge_entry(forge).locate(repo)
    for entry in FORGES.usable():
        if entry.recognises(repo):
            return entry.name, entry.locate(repo)
    known = "; ".join(f"{entry.example} ({entry.label})" for entry in FORGES.usable())
    raise UsageError(f"the repository is on no forge that is known here: give {known}")


def forge_entry(name: str) -> ForgeEntry[Any]:
    """The forge of that name. Raises UsageError when there is none, ConfigurationError."""
    if name not in FORGES.names():
        raise UsageError(f"there is no forge {name[:40]!r}: use {', '.join(FORGES.names())}")
    return FORGES.get(name)
