"""mini-swe-agent behind the `Builder` port: a small agent on LiteLLM that needs only Python."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from damascus.builders import environment, mini_result, mini_runner, outcomes
from damascus.builders.reach import Reach
from damascus.distribution import install_extra
from damascus.domain.conditions import model_subject
from damascus.errors import ConfigurationError
from damascus.ports import BuildOutcome, BuildRequest, ClaimGuard, Command, Sandbox

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in US dollars per million tokens, where LiteLLM does not know it."""

    input: Decimal
    output: Decimal


class MiniSweAgent:
    """Runs mini-swe-agent with the worker's own interpreter, the model through LiteLLM.

    `model` is LiteLLM's name for it (with the provider: `openai/…`, `anthropic/…`), `api_base` and
    `api_key` where and how it is reached; `reach` is what it may reach, by default `api_base`
    alone. The key is kept out of the environment of the agent's commands, of the command line and
    of the trajectory. `max_retries` bounds how often a failed call is repeated (pauses from 4 s to
    60 s), `model_seconds` how long one call may take, `command_seconds` how long one shell command
    of the agent may.

    The cost is LiteLLM's own figure from its price list, or from `price`; for a model that neither
    knows the tokens are told, the dollars are None, and a limit in dollars cannot stop the agent.
    The trajectory is left in the workspace as trajectory.json, also after a failure.
    """

    name = "mini"

    def __init__(
        self,
        model: str | None,
        api_base: str | None,
        api_key: str | None,
        *,
        path: str,
        reach: Reach | None = None,
        max_retries: int = 3,
        model_seconds: float = 600.0,
        command_seconds: int = 300,
        price: Price | None = None,
        extra_env: dict[str, str] | None = None,
        output_cap: int = 1_000_000,
    ) -> None:
        if not model:
            raise ConfigurationError(
                "mini-swe-agent needs a model: set DAMASCUS_MINI_MODEL, or choose another builder."
            )
        if importlib.util.find_spec("minisweagent") is None:
            raise ConfigurationError(
                "mini-swe-agent is not installed beside Damascus: "
                f"{install_extra('mini')}, or choose another builder."
            )
        self._model = model
        self.model = model_subject(model, api_base)
        self._api_base = api_base
        self._key = api_key
        self._path = path
        self._reach = reach or Reach(environment.egress(api_base) if api_base else ())
        self._max_retries = max_retries
        self._model_seconds = model_seconds
        self._command_seconds = command_seconds
        self._price = price
        self._extra = dict(extra_env or {})
        self._output_cap = output_cap

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        """Run the agent to its end. Raises SandboxError, ConfigurationError."""
        if request.usd is not None and request.usd <= 0:
            return outcomes.NOTHING_LEFT
        workspace = request.workspace
        env = environment.prepare(
            workspace, self._path, {**request.env, **self._variables(workspace.home)}
        )
        written = workspace.home / "trajectory.json"  # the workspace's root is not the agent's
        key = workspace.home / ".model-key"
        if self._key:
            environment.write_private(key, self._key)
        told = self._job(request, written)
        job = json.dumps({**told, "key_file": str(key) if self._key else None})
        runner = Path(mini_runner.__file__).resolve()
        command = Command(
            argv=(sys.executable, "-I", str(runner), job),
            cwd=request.cwd,
            env=env,
            writable=(workspace.checkout, workspace.home),
            readable=(runner, Path(sys.prefix), Path(sys.base_prefix), *request.readable),
            layers=request.layers,
            shown=request.shown,
            timeout=request.seconds,
            **self._reach.for_command(),
            output_cap=self._output_cap,
            stdin=environment.write_private(workspace.root / "prompt.md", request.prompt),
            log=workspace.log,
        )
        try:
            finished = sandbox.run(command, guard)
        finally:
            key.unlink(missing_ok=True)
        kept = workspace.root / "trajectory.json"
        with suppress(OSError):
            os.replace(written, kept)  # noqa: PTH105 - a rename, whatever the agent put there
            mini_result.without(kept, self._key)
        outcome = mini_result.judge(
            finished,
            mini_result.read_trajectory(kept),
            model=self._model,
            subject=self.model,
            turns=request.turns,
            said=outcomes.tail(finished.output),
        )
        return outcomes.presentable(outcome, [self._key])

    def _variables(self, home: Path) -> dict[str, str]:
        return {
            "MSWEA_GLOBAL_CONFIG_DIR": str(home / ".config" / "mini-swe-agent"),
            "MSWEA_SILENT_STARTUP": "1",
            "MSWEA_CONFIGURED": "true",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": str(self._max_retries + 1),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network, three times
            "LITELLM_MODE": "PRODUCTION",  # else it loads a .env found above its own files
            **self._extra,
        }

    def _job(self, request: BuildRequest, trajectory: Path) -> dict[str, Any]:
        kwargs: dict[str, Any] = {
            "timeout": min(self._model_seconds, request.seconds),
            "max_retries": 0,  # the agent repeats by itself; both would multiply
            # LiteLLM 1.106 else imports the package `mcp` for any call with tools: it is not among
            # its requirements, and no tool of ours is one of its gateway's.
            "_skip_mcp_handler": True,
        }
        if self._api_base:
            kwargs["api_base"] = self._api_base
        return {
            "model": self._model,
            "model_settings": {
                "model_name": self._model,
                "cost_tracking": "ignore_errors",
                **({"set_cache_control": "default_end"} if self._caches() else {}),
            },
            "model_kwargs": kwargs,
            "price": self._priced(),
            "command_seconds": self._command_seconds,
            "agent": {
                "step_limit": request.turns,
                "cost_limit": float(request.usd or 0),  # 0 is no limit
                "wall_time_limit_seconds": max(1, int(request.seconds * 0.95)),
                "output_path": str(trajectory),
            },
        }

    def _caches(self) -> bool:
        """Tell whether the model wants to be told what to cache: Anthropic's do."""
        return any(word in self._model.lower() for word in ("anthropic", "claude"))

    def _priced(self) -> dict[str, Any] | None:
        if self._price is None:
            return None
        read, written = float(self._price.input / MILLION), float(self._price.output / MILLION)
        return {
            "input_cost_per_token": read,
            "output_cost_per_token": written,
            "cache_creation_input_token_cost": read,
            "cache_read_input_token_cost": read,
            "litellm_provider": self._model.partition("/")[0],
            "mode": "chat",
        }
