"""Settings: environment `DAMASCUS_*`, a `.env` file, and `DAMASCUS_*_FILE` for secrets.

Read once at the edge (`load`), passed on as a value. Wrong or missing values stop the program at
start with one sentence. `redacted` is how the settings may be shown.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from damascus.errors import ConfigurationError

PREFIX = "DAMASCUS_"
EMBEDDED = "embedded.json"  # in the home directory: what `damascus up` tells the other commands
# What holds for everybody who uses its database, and not only for the process that was told.
SHARED = ("budget_cycles", "budget_usd", "max_concurrency", "stale_claim_minutes")


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "damascus"


class Settings(BaseSettings):
    """Every setting of Damascus; the environment name is DAMASCUS_ and the field in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    # -- where things are
    home: Path = Field(
        default_factory=_default_home,
        description="Directory of attempts, logs and, in the embedded mode, the database.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL address. Unset: the embedded server of `damascus up`, if it runs.",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis address: the doorbell of workers and scheduler."
    )
    redis_patience_seconds: float | None = Field(
        default=None,
        gt=0,
        description="How long Redis may be away before a worker finishes what it runs and ends; "
        "unset: it goes on for ever, looking for work by itself.",
    )
    worker_name: str = Field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        description="Name under which this process claims items.",
    )

    # -- how much at once, how long, how often
    max_concurrency: int = Field(
        default=4, ge=1, le=1000, description="Claims that may live at once, over all workers."
    )
    stale_claim_minutes: float = Field(
        default=30.0,
        gt=0,
        description="A claim not renewed for this long may be taken over. Claims are renewed all "
        "the time a phase runs: 3 is enough where the clocks and the network are sound.",
    )
    budget_cycles: int = Field(
        default=3, ge=1, le=100, description="Attempts of an item before it blocks."
    )
    budget_usd: Decimal | None = Field(
        default=None, ge=0, description="US dollars an item may cost; unset: no limit."
    )
    max_errors: int = Field(
        default=8, ge=1, le=1000, description="Faults in a row before an item blocks."
    )
    poll_seconds: float = Field(
        default=15.0, gt=0, description="How often a worker looks by itself when nothing rings."
    )
    ring_seconds: int = Field(
        default=15, ge=1, description="How often the scheduler rings, in whole seconds."
    )
    shutdown_grace_seconds: float = Field(
        default=20.0,
        ge=0,
        description="How long running phases may go on after SIGTERM before they are given back.",
    )

    # -- the model that writes specs (LiteLLM)
    llm_model: str | None = Field(
        default=None,
        description="LiteLLM model name, such as anthropic/claude-sonnet-4-5 or openai/gpt-5.",
    )
    llm_api_base: str | None = Field(
        default=None, description="Base URL of the provider or LiteLLM proxy; unset: its own."
    )
    llm_api_key: SecretStr | None = Field(default=None, description="Key for the spec model.")
    llm_timeout_seconds: float = Field(
        default=180.0, gt=0, description="The longest a model call may take."
    )
    spec_max_tokens: int = Field(
        default=8000,
        ge=4000,
        description="Longest spec in tokens. Below 4000 a spec is cut before its test command.",
    )

    # -- the coding agent
    builder: Literal["claude", "mini", "command"] = Field(
        default="claude", description="Coding agent where the project names none."
    )
    build_timeout_minutes: float = Field(
        default=60.0, gt=0, description="Wall clock a coding agent may take."
    )
    build_turns: int = Field(default=80, ge=1, description="Model calls a coding agent may make.")
    claude_executable: str = Field(default="claude", description="Claude Code's program.")
    claude_base_url: str | None = Field(
        default=None, description="Anthropic-compatible base URL: a LiteLLM proxy or a provider."
    )
    claude_auth_token: SecretStr | None = Field(
        default=None, description="Token for that base URL. Agents can read it: never a master key."
    )
    claude_model: str | None = Field(default=None, description="Model alias given to Claude Code.")
    claude_small_model: str | None = Field(
        default=None, description="Alias for its small background model; unset: the same."
    )
    mini_model: str | None = Field(
        default=None, description="LiteLLM model of mini-swe-agent; unset: llm_model."
    )
    mini_api_base: str | None = Field(
        default=None, description="Its base URL; unset: llm_api_base."
    )
    mini_api_key: SecretStr | None = Field(default=None, description="Its key; unset: llm_api_key.")
    command_argv: tuple[str, ...] = Field(
        default=(),
        description="JSON list: argv of any agent, with {prompt_file} {checkout} {session}.",
    )
    command_env: tuple[str, ...] = Field(
        default=(), description="JSON list: names of variables that agent gets from ours."
    )
    command_base_url: str | None = Field(
        default=None,
        description="The one address that agent needs to reach; unset: it gets the whole network.",
    )
    agent_path: str | None = Field(
        default=None, description="PATH of agents and test commands; unset: the worker's own."
    )

    # -- the forge
    gitea_url: str | None = Field(
        default=None, description="Gitea or Forgejo; the token goes to this host and no other."
    )
    gitea_token: SecretStr | None = Field(default=None, description="Its access token.")

    # -- safety
    sandbox: Literal["auto", "bubblewrap", "plain"] = Field(
        default="auto", description="auto: bubblewrap where it works, else a plain subprocess."
    )
    output_cap_bytes: int = Field(
        default=1_000_000, ge=10_000, description="Output kept of an agent or a test command."
    )
    keep_work_days: float = Field(
        default=30.0,
        ge=0,
        description="How long the work of every attempt is kept, as refs in HOME/kept; 0: not.",
    )
    keep_attempts: int = Field(
        default=50,
        ge=0,
        description="Run directories kept to read: one for each claim, newest first.",
    )

    # -- the relay
    relay_jsonl: Path | None = Field(
        default=None, description="File the relay appends events to, one JSON object a line."
    )
    relay_stream: str | None = Field(
        default=None, description="Redis stream the relay adds events to (needs redis_url)."
    )
    relay_source: str = Field(
        default="damascus", description="The `source` of the relay's CloudEvents."
    )

    # -- the HTTP API
    api_host: str = Field(
        default="127.0.0.1", description="Address `damascus api` listens on; 0.0.0.0 for all."
    )
    api_port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 picks a free one.")
    api_hosts: tuple[str, ...] = Field(
        default=(),
        description="JSON list: host names it answers to, besides localhost and its own address.",
    )
    api_trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="JSON list: addresses of reverse proxies whose X-Forwarded-* is believed.",
    )
    api_rate_per_second: float = Field(
        default=50.0, gt=0, description="Requests a token may make a second, in the long run."
    )
    api_burst: int = Field(
        default=200, ge=1, description="Requests a token may make at once before that holds."
    )
    api_open_metrics: bool = Field(
        default=True, description="Whether /metrics needs no token; otherwise scope read."
    )

    # -- the MCP server on stdio
    api_url: str | None = Field(
        default=None,
        description="HTTP API that `damascus mcp` asks; unset: it uses the database itself.",
    )
    api_token: SecretStr | None = Field(default=None, description="Its token for that API.")

    @field_validator("database_url")
    @classmethod
    def _postgres_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("postgresql://", "postgres://")
        ):
            raise ValueError("it must begin with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("redis://", "rediss://", "unix://")
        ):
            raise ValueError("it must begin with redis:// or rediss://")
        return value

    @field_validator(
        "gitea_url",
        "claude_base_url",
        "llm_api_base",
        "mini_api_base",
        "command_base_url",
        "api_url",
    )
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://")
        if value is not None and "@" in value.split("/", 3)[2]:
            raise ValueError(
                "it must not hold a user or password: those have settings of their own"
            )
        return None if value is None else value.rstrip("/")

    @property
    def stale_seconds(self) -> float:
        """The stale window in seconds."""
        return self.stale_claim_minutes * 60

    def database(self) -> str:
        """The database's address: the setting, else the embedded server that runs in `home`.

        Raises ConfigurationError when there is neither.
        """
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        told = self._embedded()
        if told is not None:
            try:
                return str(told["database_url"])
            except (KeyError, TypeError):
                raise self._unreadable() from None
        raise ConfigurationError(
            "no database: set DAMASCUS_DATABASE_URL=postgresql://…, or start the embedded mode "
            "with `damascus up` in another terminal"
        )

    def as_up_was_told(self) -> Settings:
        """The settings, and where these name none the budgets and caps of a running `damascus up`.

        A limit on money must not depend on the terminal in which a story is handed in. Raises
        ConfigurationError.
        """
        told = self._embedded() if self.database_url is None else None
        if told is None:
            return self
        own = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            shared = {name: told["settings"][name] for name in SHARED}
        except (KeyError, TypeError):
            raise self._unreadable() from None
        return load(_env_file=None, **{**shared, **own})

    def _embedded(self) -> Any:
        """What `damascus up` has written down, None where it does not run."""
        try:
            return json.loads((self.home / EMBEDDED).read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, OSError):
            raise self._unreadable() from None

    def _unreadable(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.home / EMBEDDED} cannot be read: stop `damascus up`, remove the file and start "
            "it again"
        )


def load(**overrides: Any) -> Settings:
    """Read the settings from the environment. Raises ConfigurationError with one sentence."""
    dotenv = overrides.get("_env_file", ".env")
    written = {} if dotenv is None else dotenv_values(dotenv, encoding="utf-8")
    values: dict[str, Any] = {**_from_files({**written, **os.environ}), **overrides}
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "a setting"
        more = error.error_count() - 1
        raise ConfigurationError(
            f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}"
            + (f" (and {more} more)" if more else "")
        ) from None
    except ValueError as error:  # pydantic-settings could not parse a JSON list
        raise ConfigurationError(f"a setting cannot be read: {error}") from None


def _from_files(environment: Mapping[str, str | None]) -> dict[str, str]:
    """The secrets whose `DAMASCUS_<NAME>_FILE` names a file; its first line counts."""
    found: dict[str, str] = {}
    for field, info in Settings.model_fields.items():
        if "SecretStr" not in str(info.annotation):
            continue
        variable = f"{PREFIX}{field.upper()}_FILE"
        path = environment.get(variable)
        if not path:
            continue
        if environment.get(f"{PREFIX}{field.upper()}"):
            raise ConfigurationError(f"set either {variable} or {variable[:-5]}, not both")
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(
                f"{variable} names {path}, which cannot be read: {reason}"
            ) from None
        if not lines or not lines[0].strip():
            raise ConfigurationError(f"{variable} names {path}, which is empty")
        found[field] = lines[0].strip()
    return found


def redacted(settings: Settings) -> dict[str, object]:
    """The settings as they may be shown: secrets only as set or not set."""
    shown: dict[str, object] = {}
    for name in Settings.model_fields:
        value = cast("object", getattr(settings, name))
        if isinstance(value, SecretStr):
            shown[name] = "(set, hidden)"
        elif isinstance(value, (Path, Decimal)):
            shown[name] = str(value)
        elif isinstance(value, tuple):
            shown[name] = list(cast("tuple[object, ...]", value))
        else:
            shown[name] = value
    return shown


def secrets(settings: Settings) -> tuple[str, ...]:
    """Every secret value there is, to be removed from whatever is written down."""
    values = (cast("object", getattr(settings, name)) for name in Settings.model_fields)
    return tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))
