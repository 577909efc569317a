"""Settings: environment `DAMASCUS_*`, one `.env` file, and `DAMASCUS_*_FILE` for secrets.

The `.env` is that of the home directory, or the one that `--env-file` names; never that of the
directory one stands in, which may be a checkout that others write. Read once at the edge (`load`),
passed on as a value. Wrong or missing values stop the program at start with one sentence.
`extensions.shown` is how the settings may be shown.
"""

from __future__ import annotations

import json
import os
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from damascus.config_sources import (
    PREFIX,
    HttpAddress,
    PostgresAddress,
    Process,
    RedisAddress,
    SectionT,
    Sources,
    decoded,
    default_home,
    env_file,
    explained,
    is_secret,
    needed_by,
)
from damascus.errors import ConfigurationError

EMBEDDED = "embedded.json"  # in the home directory: what `damascus up` tells the other commands
# What holds for everybody who uses its database, and not only for the process that was told.
SHARED = ("budget_cycles", "budget_usd", "max_concurrency", "sandbox", "stale_claim_minutes")

# What every status says first where agents and tests run in no sandbox.
UNCAGED = "sandbox: PLAIN, which is none: agents and tests may do whatever the worker's user may"


class Settings(BaseSettings):
    """Every setting of Damascus; the environment name is DAMASCUS_ and the field in capitals.

    Forges and builders declare their own, as sections: see `config_sources.py`. `needed_by` says
    which processes need a setting: `docker-compose.yml` is made from it.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file_encoding="utf-8",
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
        enable_decoding=False,  # `decoded` does it, and tells of a mistake by the public name
    )
    _sources: Sources = PrivateAttr(default_factory=Sources)

    # -- where things are
    home: Path = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.CLI),
        default_factory=default_home,
        description="Directory of attempts, logs and, in the embedded mode, the database.",
    )
    database_url: PostgresAddress | None = Field(
        json_schema_extra=needed_by(
            Process.INIT,
            Process.WORKER,
            Process.SCHEDULER,
            Process.API,
            Process.SIDECAR,
            Process.CLI,
            Process.MCP,
        ),
        default=None,
        description="PostgreSQL address. Unset: the embedded server of `damascus up`, if it runs.",
    )
    redis_url: RedisAddress | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.SCHEDULER, Process.API, Process.CLI),
        default=None,
        description="Redis address: the doorbell of workers and scheduler.",
    )
    redis_patience_seconds: float | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        gt=0,
        description="How long Redis may be away before a worker finishes what it runs and ends; "
        "unset: it goes on for ever, looking for work by itself.",
    )
    worker_name: str = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}",
        description="Name under which this process claims items.",
    )

    # -- how much at once, how long, how often
    max_concurrency: int = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.SIDECAR, Process.CLI),
        default=4,
        ge=1,
        le=1000,
        description="Claims that may live at once, over all workers.",
    )
    stale_claim_minutes: float = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.SIDECAR, Process.CLI),
        default=30.0,
        gt=0,
        description="A claim not renewed for this long may be taken over. Claims are renewed all "
        "the time a phase runs: 3 is enough where the clocks and the network are sound.",
    )
    budget_cycles: int = Field(
        json_schema_extra=needed_by(Process.API, Process.CLI),
        default=3,
        ge=1,
        le=100,
        description="Attempts of an item before it blocks.",
    )
    budget_usd: Decimal | None = Field(
        json_schema_extra=needed_by(Process.API, Process.CLI),
        default=None,
        ge=0,
        description="US dollars an item may cost; unset: no limit.",
    )
    budget_usd_day: Decimal | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.CLI),
        default=None,
        gt=0,
        description="US dollars that all projects together may cost in a UTC day; unset: no limit.",
    )
    budget_usd_month: Decimal | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.CLI),
        default=None,
        gt=0,
        description="US dollars that all projects together may cost in a UTC month; unset: no "
        "limit.",
    )
    max_errors: int = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=8,
        ge=1,
        le=1000,
        description="Faults in a row before an item blocks. What others meet as well, such as a "
        "provider or a forge that is away, does not count.",
    )
    probe_seconds: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=5.0,
        gt=0,
        le=3600,
        description="After how long one item tries again, for all that wait, what was away; then "
        "twice as long each time, at most sixty times as long, or as long as it has told.",
    )
    poll_seconds: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=15.0,
        gt=0,
        description="How often a worker looks by itself when nothing rings.",
    )
    ring_seconds: int = Field(
        json_schema_extra=needed_by(Process.SCHEDULER),
        default=15,
        ge=1,
        description="How often the scheduler rings, in whole seconds.",
    )
    shutdown_grace_seconds: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=20.0,
        ge=0,
        description="How long running phases may go on after SIGTERM before they are given back.",
    )

    # -- the model that writes specs (LiteLLM)
    llm_model: str | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        description="LiteLLM model name, such as anthropic/claude-sonnet-4-5 or openai/gpt-5.",
    )
    llm_api_base: HttpAddress | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        description="Base URL of the provider or LiteLLM proxy; unset: the provider's own.",
    )
    llm_api_key: SecretStr | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        description="Key for the spec model.",
    )
    llm_timeout_seconds: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=180.0,
        gt=0,
        description="The longest a model call may take, with all its retries.",
    )
    spec_max_tokens: int = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=8000,
        ge=4000,
        description="Longest spec in tokens. Below 4000 a spec is cut before its test command.",
    )

    # -- the coding agent
    builder: str = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default="claude",
        description="Coding agent where the project names none.",
    )
    build_timeout_minutes: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=60.0,
        gt=0,
        description="Wall clock a coding agent may take.",
    )
    build_turns: int = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=80,
        ge=1,
        description="Model calls a coding agent may make.",
    )
    agent_path: str | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=None,
        description="PATH of agents and test commands; unset: the worker's own.",
    )
    agent_network: Literal["provider", "all"] = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default="provider",
        description="What agents reach: their gateway, or their provider's API hosts, by name; or "
        "`all`, every public host.",
    )
    agent_region: str | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=None,
        description="Region in which agents' models are asked at Bedrock, SageMaker, Vertex AI or "
        "watsonx; unset: the model's name says it, or the provider's own variable.",
    )
    secrets_dir: Path | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.CLI),
        default=None,
        description="Directory of the projects' secret variables, one file each: "
        "<project>/<NAME>. Unset: HOME/secrets.",
    )

    # -- safety
    sandbox: Literal["bubblewrap", "plain"] = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.API, Process.SIDECAR, Process.CLI),
        default="bubblewrap",
        description="bubblewrap: where it does not work nothing is run. plain: agents and tests "
        "run as processes that may do what the worker's user may, and every status says so.",
    )
    container_engine: str | None = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=None,
        description="Engine of the containers of projects with an image: podman, docker, or a "
        "program's path; unset: Podman, else Docker, whichever answers.",
    )
    output_cap_bytes: int = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=1_000_000,
        ge=10_000,
        description="Output kept of an agent or a test command.",
    )
    keep_work_days: float = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=30.0,
        ge=0,
        description="How long the work of every attempt is kept, as refs in HOME/kept; 0: not at "
        "all.",
    )
    keep_work_gb: float = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=10.0,
        ge=0,
        description="How many gigabytes of such work are kept in all, the newest; 0: not at all.",
    )
    keep_environments_days: float = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=14.0,
        ge=0,
        description="How long a prepared environment or a repository's mirror is kept that nobody "
        "uses, in HOME/environments and HOME/mirrors.",
    )
    submodule_directories: tuple[Path, ...] = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=(),
        description="JSON list: directories on this machine whose repositories any project may "
        "have as submodules.",
    )
    large_files_gb: float = Field(
        json_schema_extra=needed_by(Process.WORKER, Process.CLI),
        default=10.0,
        ge=0,
        description="How many gigabytes of files in Git LFS one checkout, or what one attempt "
        "adds, may have.",
    )
    keep_attempts: int = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=50,
        ge=0,
        description="Run directories kept to read: one for each claim, newest first.",
    )

    # -- the relay
    relay_jsonl: Path | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        description="File the relay appends events to, one JSON object a line.",
    )
    relay_stream: str | None = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default=None,
        description="Redis stream the relay adds events to (it needs DAMASCUS_REDIS_URL).",
    )
    relay_source: str = Field(
        json_schema_extra=needed_by(Process.WORKER),
        default="damascus",
        description="The `source` of the relay's CloudEvents.",
    )

    # -- the HTTP API
    api_host: str = Field(
        json_schema_extra=needed_by(Process.API),
        default="127.0.0.1",
        description="Address `damascus api` listens on; 0.0.0.0 for all.",
    )
    api_port: int = Field(
        json_schema_extra=needed_by(Process.API),
        default=8080,
        ge=0,
        le=65535,
        description="Port of `damascus api` and `damascus up`; 0 picks a free one.",
    )
    api_hosts: tuple[str, ...] = Field(
        json_schema_extra=needed_by(Process.API),
        default=(),
        description="JSON list: host names the API answers to, besides localhost and its own "
        "address.",
    )
    api_trusted_proxies: tuple[str, ...] = Field(
        json_schema_extra=needed_by(Process.API),
        default=(),
        description="JSON list: addresses of reverse proxies whose X-Forwarded-* is believed.",
    )
    api_rate_per_second: float = Field(
        json_schema_extra=needed_by(Process.API),
        default=50.0,
        gt=0,
        description="Requests a token may make a second, in the long run.",
    )
    api_burst: int = Field(
        json_schema_extra=needed_by(Process.API),
        default=200,
        ge=1,
        description="Requests a token may make at once before that rate holds.",
    )
    api_open_metrics: bool = Field(
        json_schema_extra=needed_by(Process.API),
        default=True,
        description="Whether /metrics needs no token; otherwise scope read.",
    )

    # -- the MCP server on stdio
    api_url: HttpAddress | None = Field(
        json_schema_extra=needed_by(Process.MCP),
        default=None,
        description="HTTP API that `damascus mcp` asks; unset: it uses the database itself.",
    )
    api_token: SecretStr | None = Field(
        json_schema_extra=needed_by(Process.MCP),
        default=None,
        description="Token of `damascus mcp` for that API.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _decode(cls, value: Any, info: ValidationInfo) -> Any:
        return decoded(value, cls.model_fields[str(info.field_name)])

    @field_validator("sandbox", mode="before")
    @classmethod
    def _no_auto(cls, value: Any) -> Any:
        if value not in ("bubblewrap", "plain"):
            raise ValueError(
                "it is bubblewrap (also where it is not set; nothing is run where that does not "
                "work) or plain (agents and tests may then do what the worker's user may)"
            )
        return value

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._sources = Sources.read(
            values.get("_env_file"),
            {name: value for name, value in values.items() if not name.startswith("_")},
        )

    def section(self, entry: str, model: type[SectionT]) -> SectionT:
        """The settings that a forge or builder declares. Raises ConfigurationError."""
        return self._sources.section(entry, model)

    def origin(self, name: str) -> str:
        """Where the value of the field `name` (also of a section) comes from."""
        return self._sources.origin(name)

    @property
    def sources(self) -> Sources:
        """What was said where."""
        return self._sources

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
        try:
            shared = {name: told["settings"][name] for name in SHARED}
        except (KeyError, TypeError):
            raise self._unreadable() from None
        theirs = _checked(_env_file=None, **shared)
        update = {n: getattr(theirs, n) for n in SHARED if n not in self.model_fields_set}
        return self.model_copy(update=update)

    def shown_by_up(self) -> list[dict[str, Any]]:
        """The settings that a running `damascus up` uses, as they may be shown; none if none runs.

        Raises ConfigurationError.
        """
        told = self._embedded() if self.database_url is None else None
        try:
            return list(told["shown"]) if told is not None else []
        except (KeyError, TypeError):
            raise self._unreadable() from None

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
    """Read the settings. Raises ConfigurationError with one sentence.

    `_env_file` is the file to read in place of the home directory's `.env`, None for no file.
    """
    of_home = env_file(overrides.get("home"))
    sources = Sources.read(overrides.setdefault("_env_file", of_home), {})
    if sources.file == of_home and "home" not in overrides:
        _check_home(sources, of_home)
    files = {
        name: found
        for name, info in Settings.model_fields.items()
        if is_secret(info) and (found := sources.secret(PREFIX + name.upper())) is not None
    }
    return _checked(**{**files, **overrides})


def _check_home(sources: Sources, file: Path) -> None:
    """Raise ConfigurationError when the `.env` of the home directory names another one."""
    said = sources.dotenv.get(f"{PREFIX}HOME")
    if said and not sources.environment.get(f"{PREFIX}HOME") and Path(said) != file.parent:
        raise ConfigurationError(
            f"{file} says DAMASCUS_HOME={said}, but it is read because the home directory is "
            f"{file.parent}: say DAMASCUS_HOME in the environment, and move the file there"
        )


def _checked(**values: Any) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        raise explained(error) from None
