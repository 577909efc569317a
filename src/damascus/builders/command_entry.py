"""Any other headless agent, by its command, in the registry of builders."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from pydantic import Field

from damascus.builders.command_usage import KeySpend, Usage
from damascus.builders.outcomes import JSON, mapping
from damascus.builders.providers import hosts_of_model, provider_of
from damascus.builders.reach import Reach, reach
from damascus.config_sources import HttpAddress, Section
from damascus.errors import ConfigurationError
from damascus.ports import Builder
from damascus.programs import needed
from damascus.registry import BuilderContext, BuilderEntry, Found


class CommandSettings(Section):
    """The settings DAMASCUS_COMMAND_…."""

    argv: tuple[str, ...] = Field(
        default=(),
        description="JSON list: argv of the agent `command`, with {prompt_file} {directory} "
        "(where it starts) {checkout} {session}.",
    )
    env: tuple[str, ...] = Field(
        default=(), description="JSON list: names of the worker's variables that this agent gets."
    )
    usage: Usage = Field(
        default=Usage.NONE,
        description="Where it is found what a run cost: file (a JSON object that the agent writes "
        "to {usage_file}), last-line (the same as the last line of its output), litellm-key (the "
        "spend of the LiteLLM virtual key among its variables, at its base URL), or none.",
    )
    base_url: HttpAddress | None = Field(
        default=None,
        description="The one address that agent may reach; unset: the API hosts of the model that "
        "its argv names, or of the agent's own provider.",
    )


# The provider of agents that know one; others are told their model by an option.
_PROVIDERS: Final = {"claude": "anthropic/", "codex": "openai/", "gemini": "gemini/"}
_MODEL_OPTIONS: Final = ("--model", "-m")
# Paths and lists of them, locales, numbers, and words with dots and dashes: `/usr/bin:/bin`,
# `de_DE.UTF-8`, `us-east-1`, `1,5`. A path has no letter that only base64 has.
_NO_SECRET: Final = re.compile(
    r"(?:~?/[\w.@-]*)+(?::~?(?:/[\w.@-]*)+)*|[a-z]{2,3}_[A-Z]{2}(?:\.[\w-]+)?(?:@\w+)?|C\.UTF-8"
    r"|[\d.,]+|[A-Za-z]{1,15}(?:[-_.][A-Za-z]{1,15}|[-_.]\d{1,3})*"
)


def _model(argv: tuple[str, ...]) -> str:
    """The model that an agent's argv names, or what stands for its own provider; "" for none."""
    for place, word in enumerate(argv):
        option, equals, value = word.partition("=")
        if option in _MODEL_OPTIONS:
            named = value if equals else next(iter(argv[place + 1 :]), "")
            if provider_of(named):
                return named
    return _PROVIDERS.get(PurePath(argv[0]).name, "") if argv else ""


def _reach(settings: CommandSettings, context: BuilderContext) -> Reach:
    region, model = context.settings.agent_region, _model(settings.argv)
    return reach(
        settings.base_url,
        lambda: hosts_of_model(model, region=region, variables=os.environ) if model else (),
        context,
    )


def _make(settings: CommandSettings, context: BuilderContext) -> Builder:
    from .command import CommandAgent  # noqa: PLC0415 - only where it builds

    if settings.argv and not context.image:
        needed(
            settings.argv[0],
            context.path,
            what="The coding agent",
            setting="DAMASCUS_COMMAND_ARGV",
        )
    return CommandAgent(
        settings.argv,
        path=context.path,
        env={name: os.environ[name] for name in settings.env if name in os.environ},
        reach=_reach(settings, context),
        output_cap=context.settings.output_cap_bytes,
        usage=settings.usage,
        key_spend=_key_spend(settings) if settings.usage is Usage.LITELLM_KEY else None,
    )


def _key_spend(settings: CommandSettings) -> KeySpend:
    """Asks the gateway for the spend of the agent's key. Raises ConfigurationError without them."""
    import httpx  # noqa: PLC0415 - only where it asks

    names = [name for name in settings.env if name.endswith(("_KEY", "_TOKEN"))]
    keys = [value for name in names if (value := os.environ.get(name))]
    if settings.base_url is None or len(keys) != 1:
        raise ConfigurationError(
            "DAMASCUS_COMMAND_USAGE is litellm-key: set DAMASCUS_COMMAND_BASE_URL to the proxy, "
            "and name the one variable with its key (…_KEY or …_TOKEN) in DAMASCUS_COMMAND_ENV"
        )
    url = settings.base_url.rstrip("/").removesuffix("/v1") + "/key/info"
    headers = {"Authorization": f"Bearer {keys[0]}"}

    def ask() -> JSON | None:
        try:
            answer = httpx.get(url, headers=headers, timeout=10.0, trust_env=False)
            return mapping(answer.raise_for_status().json())
        except (httpx.HTTPError, ValueError):
            return None

    return KeySpend(ask)


def _measures(settings: CommandSettings) -> bool:
    named = any("{usage_file}" in word for word in settings.argv)
    return settings.usage in (Usage.LAST_LINE, Usage.LITELLM_KEY) or named


def _check(settings: CommandSettings, context: BuilderContext) -> Found:
    if not settings.argv:
        return Found(False, "set DAMASCUS_COMMAND_ARGV to the agent's argv")
    program = shutil.which(settings.argv[0], path=context.path)
    if program is None:
        return Found(False, f"{settings.argv[0]} is not there: install it")
    reached = _reach(settings, context)
    if not reached:
        said = "set DAMASCUS_COMMAND_BASE_URL, or name hosts for the project (--agent-host HOST)"
        return Found(None, f"{program} is there, but reaches no host: {said}")
    if not _measures(settings):
        said = "what it costs is unmeasured (DAMASCUS_COMMAND_USAGE)"
        return Found(True, f"{program} is there; it reaches {reached.told}; {said}")
    return Found(True, f"{program} is there; it reaches {reached.told}")


def _secrets(settings: CommandSettings) -> Iterable[str]:
    """The variables handed on to it are keys, as a rule; what plainly is none stays readable."""
    values = (os.environ.get(name, "") for name in settings.env)
    return [value for value in values if value and not _NO_SECRET.fullmatch(value)]


ENTRY = BuilderEntry(
    name="command",
    label="any agent, by its command",
    settings=CommandSettings,
    make=_make,
    check=_check,
    secrets=_secrets,
    measures=_measures,
    program=lambda settings: settings.argv[0] if settings.argv else "",
)
