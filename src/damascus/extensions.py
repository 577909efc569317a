"""Every forge and builder there is, with its settings: what is asked of all of them at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, SecretStr

from damascus.builders import BUILDERS
from damascus.config import Settings
from damascus.config_sources import PREFIX, Process, Section, is_secret, secrets_of
from damascus.errors import ConfigurationError, UsageError
from damascus.forge import FORGES
from damascus.registry import ForgeEntry
from damascus.text.proxy_passwords import proxy_passwords

# Variables with our prefix that are read elsewhere: by the compose file and scripts, by tests that
# run inside a review, and to look for bugs. A contract test holds them against these files.
NOT_SETTINGS = frozenset(
    PREFIX + name
    for name in (
        *("BUILT_IMAGE", "CADDY_IMAGE", "COMPOSE_ARGS", "CRASH_AT", "DB_MEMORY", "DB_PASSWORD"),
        *("DEBUG", "DOCKERFILE", "DOMAIN", "GITEA_IMAGE", "GITEA_PORT"),
        *("GITEA_ROOT_URL", "IMAGE", "LITELLM_DB_PASSWORD", "LITELLM_IMAGE"),
        *("LITELLM_MASTER_KEY", "LITELLM_PORT", "OLLAMA_IMAGE", "OLLAMA_PORT"),
        *("ORCHESTRATOR_MEMORY", "REDIS_PASSWORD", "REVISION", "STATUS_PORT"),
        *("UNITTEST_REPORT", "UPSTREAM_API_KEY", "UPSTREAM_MODEL"),
    )
)
_UNCHECKED = f"{PREFIX}TEST_"  # of our own tests
# Which processes need the settings of an entry: the API shows diffs and checks repositories.
_OF_FORGES = (Process.WORKER, Process.API, Process.CLI)
_OF_BUILDERS = (Process.WORKER,)


def section_models() -> Iterator[tuple[str, type[Section]]]:
    """The settings that each entry declares, by the entry's name."""
    for forge in FORGES.usable():
        yield forge.name, forge.settings
    for builder in BUILDERS.usable():
        yield builder.name, builder.settings


def check(settings: Settings) -> None:
    """Raise ConfigurationError when a forge's or a builder's setting is wrong, or a name is."""
    check_names(settings)
    for name, model in section_models():
        settings.section(name, model)


def check_names(settings: Settings) -> None:
    """Raise ConfigurationError, with all of them, when variables of ours are no settings.

    A limit whose name is mistyped would be no limit, and nobody would be told.
    """
    plain, secret = _names()
    known = plain | secret | {f"{name}_FILE" for name in secret} | NOT_SETTINGS
    wrong = [
        _wrong(name, where, plain, known)
        for name, where in settings.sources.said()
        if name not in known and not name.startswith(_UNCHECKED) and not _of_unusable(name)
    ]
    if wrong:
        raise ConfigurationError(
            f"{'; '.join(wrong)}: correct {'it' if len(wrong) == 1 else 'them'} or take "
            f"{'it' if len(wrong) == 1 else 'them'} out (docs/settings.md has every name)"
        )


def _names() -> tuple[set[str], set[str]]:
    """The variables of all settings: those that are no secrets, and those that are."""
    plain, secret = set[str](), set[str]()
    models: list[tuple[str, type[BaseModel]]] = [("", Settings)]
    models += [(f"{name.replace('-', '_')}_", model) for name, model in section_models()]
    for before, model in models:
        for name, info in model.model_fields.items():
            (secret if is_secret(info) else plain).add(PREFIX + (before + name).upper())
    return plain, secret


def _wrong(name: str, where: str, plain: set[str], known: set[str]) -> str:
    """What is wrong with a name, and the one that may be meant."""
    shown = ascii(name[:80])[1:-1]
    if name.removesuffix("_FILE") in plain:
        return f"{shown} ({where}) is no setting, since only a secret can come from a file"
    near = get_close_matches(name, known, n=1, cutoff=0.75)
    return f"{shown} ({where}) is no setting" + (f", but {near[0]} is" if near else "")


def _of_unusable(name: str) -> bool:
    """Whether it may belong to an entry that is installed and cannot be loaded."""
    return any(
        name.startswith(f"{PREFIX}{entry.replace('-', '_').upper()}_")
        for registry in (FORGES, BUILDERS)
        for entry in registry.unusable()
    )


def secrets(settings: Settings) -> tuple[str, ...]:
    """Every secret of the settings, of Damascus and of every entry; nothing is raised.

    A section that is wrong in one value gives none of its secrets: check it first.
    """
    found = [*secrets_of(settings), *proxy_passwords(os.environ)]
    for name, model in section_models():
        with suppress(ConfigurationError):
            found += secrets_of(settings.section(name, model))
    for builder in BUILDERS.usable():
        with suppress(ConfigurationError):
            found += builder.secrets(settings.section(builder.name, builder.settings))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting as it is declared. `default` is text, for a page."""

    name: str
    default: str
    secret: bool
    help: str
    processes: tuple[Process, ...]


def declared() -> Iterator[Declared]:
    """Every setting of Damascus, then those of the forges and builders of this package."""
    yield from _declared(Settings, "", ())
    for forge in FORGES.builtin():
        yield from _declared(forge.settings, f"{forge.name}_", _OF_FORGES)
    for builder in BUILDERS.builtin():
        yield from _declared(builder.settings, f"{builder.name}_", _OF_BUILDERS)


def _declared(
    model: type[BaseModel], before: str, processes: tuple[Process, ...]
) -> Iterator[Declared]:
    for name, info in model.model_fields.items():
        extra: Any = info.json_schema_extra or {}
        own = tuple(Process(one) for one in extra.get("needed_by", ()))
        default = info.default if info.default_factory is None else ""
        text = "" if default in (None, "", ()) else f"`{default}`"
        yield Declared(
            before + name, text, is_secret(info), info.description or "", own or processes
        )


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it may be shown: a secret only as set or not set.

    `origin` says where the value comes from: environment, .env, file, command line, default, up.
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


def shown_in_force(settings: Settings) -> list[Shown]:
    """The same, with the values of a running `damascus up` where they are others: origin `up`."""
    theirs = {one["name"]: one for one in settings.shown_by_up()}
    return [
        replace(one, value=told["value"], origin="up")
        if (told := theirs.get(one.name)) is not None and told["value"] != one.value
        else one
        for one in shown(settings)
    ]


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
