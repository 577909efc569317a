"""Claude Code in the registry of builders."""

from __future__ import annotations

import os

from pydantic import Field, SecretStr

from damascus.builders.providers import hosts_of_model
from damascus.builders.reach import Reach, reach
from damascus.config_sources import HttpAddress, Section
from damascus.ports import Builder
from damascus.programs import needed, version_of
from damascus.registry import BuilderContext, BuilderEntry, Found


class ClaudeSettings(Section):
    """The settings DAMASCUS_CLAUDE_…."""

    executable: str = Field(default="claude", description="Claude Code's program.")
    base_url: HttpAddress | None = Field(
        default=None,
        description="Anthropic-compatible base URL for Claude Code: a LiteLLM proxy or a provider; "
        "unset: Anthropic's own API.",
    )
    auth_token: SecretStr | None = Field(
        default=None,
        description="Token for that base URL, or Anthropic's API key where there is none. Agents "
        "can read it: never a master key.",
    )
    model: str | None = Field(default=None, description="Model alias given to Claude Code.")
    small_model: str | None = Field(
        default=None,
        description="Alias of Claude Code's small background model; unset: the same model.",
    )


def _reach(settings: ClaudeSettings, context: BuilderContext) -> Reach:
    region, model = context.settings.agent_region, "anthropic/claude"
    return reach(
        settings.base_url,
        lambda: hosts_of_model(model, region=region, variables=os.environ),
        context,
    )


def _make(settings: ClaudeSettings, context: BuilderContext) -> Builder:
    from .claude import ClaudeCode  # noqa: PLC0415 - only where it builds

    token = settings.auth_token
    return ClaudeCode(
        settings.executable
        if context.image
        else needed(
            settings.executable,
            context.path,
            what="Claude Code",
            setting="DAMASCUS_CLAUDE_EXECUTABLE",
        ),
        base_url=settings.base_url,
        auth_token=None if token is None else token.get_secret_value(),
        model=settings.model,
        small_model=settings.small_model,
        path=context.path,
        reach=_reach(settings, context),
        test_programs=context.test_programs,
        output_cap=context.settings.output_cap_bytes,
    )


def _check(settings: ClaudeSettings, context: BuilderContext) -> Found:
    said = version_of(settings.executable, context.path)
    if said is None:
        return Found(
            False,
            f"Claude Code ({settings.executable}) is not there or does not start: install it, set "
            "DAMASCUS_CLAUDE_EXECUTABLE, or choose another DAMASCUS_BUILDER",
        )
    needed = ("auth_token", "model")
    missing = [f"DAMASCUS_CLAUDE_{one.upper()}" for one in needed if not getattr(settings, one)]
    if missing:
        return Found(False, f"{said} is there, but set {', '.join(missing)}")
    return Found(
        True, f"{said}, with {settings.model}; it reaches {_reach(settings, context).told}"
    )


ENTRY = BuilderEntry(
    name="claude",
    label="Claude Code",
    settings=ClaudeSettings,
    make=_make,
    check=_check,
    program=lambda settings: settings.executable,
)
