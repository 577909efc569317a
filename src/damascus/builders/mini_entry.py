"""mini-swe-agent in the registry of builders."""

from __future__ import annotations

import importlib.util
import os

from pydantic import Field, SecretStr

from damascus.builders.providers import hosts_of_model
from damascus.builders.reach import Reach, reach
from damascus.config_sources import HttpAddress, Section
from damascus.distribution import install_extra
from damascus.ports import Builder
from damascus.registry import BuilderContext, BuilderEntry, Found


class MiniSettings(Section):
    """The settings DAMASCUS_MINI_…; what is not set is taken from the model that writes specs."""

    model: str | None = Field(
        default=None, description="LiteLLM model of mini-swe-agent; unset: DAMASCUS_LLM_MODEL."
    )
    api_base: HttpAddress | None = Field(
        default=None,
        description="Base URL of that model; unset: DAMASCUS_LLM_API_BASE. Without either the "
        "agent reaches the API hosts of the model's provider.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="Key for that model; unset: DAMASCUS_LLM_API_KEY."
    )


def _model(settings: MiniSettings, context: BuilderContext) -> str:
    return settings.model or context.settings.llm_model or ""


def _reach(settings: MiniSettings, context: BuilderContext) -> Reach:
    region = context.settings.agent_region
    return reach(
        settings.api_base or context.settings.llm_api_base,
        lambda: hosts_of_model(_model(settings, context), region=region, variables=os.environ),
        context,
    )


def _make(settings: MiniSettings, context: BuilderContext) -> Builder:
    from .mini import MiniSweAgent  # noqa: PLC0415 - only where it builds

    specs = context.settings
    key = settings.api_key or specs.llm_api_key
    return MiniSweAgent(
        _model(settings, context) or None,
        settings.api_base or specs.llm_api_base,
        None if key is None else key.get_secret_value(),
        path=context.path,
        reach=_reach(settings, context) if _model(settings, context) else None,
        output_cap=specs.output_cap_bytes,
    )


def _check(settings: MiniSettings, context: BuilderContext) -> Found:
    if importlib.util.find_spec("minisweagent") is None:
        return Found(False, f"mini-swe-agent is not installed: {install_extra('mini')}")
    model = _model(settings, context)
    if not model:
        return Found(False, "set DAMASCUS_MINI_MODEL or DAMASCUS_LLM_MODEL")
    told = _reach(settings, context).told
    return Found(True, f"mini-swe-agent is installed; its model is {model}; it reaches {told}")


ENTRY = BuilderEntry(
    name="mini", label="mini-swe-agent", settings=MiniSettings, make=_make, check=_check
)
