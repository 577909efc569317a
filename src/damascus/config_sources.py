"""Where settings come from, and the settings that forges and builders declare for themselves.

A forge or a builder declares its settings as a `Section`; the field `token` of the entry `gitea`
is `DAMASCUS_GITEA_TOKEN`. Sections are read from the same places as the settings of Damascus.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from damascus.env_file import read_env_file
from damascus.errors import ConfigurationError

PREFIX = "DAMASCUS_"
_LOOK_BYTES = 1 << 16
SectionT = TypeVar("SectionT", bound="Section")


class Process(StrEnum):
    """The programs of Damascus that have settings."""

    INIT = "init"
    WORKER = "worker"
    SCHEDULER = "scheduler"
    SIDECAR = "sidecar"
    API = "api"
    CLI = "cli"
    MCP = "mcp"


def needed_by(*processes: Process) -> dict[str, Any]:
    """Which processes need a setting, as the `json_schema_extra` of its field."""
    return {"needed_by": [process.value for process in processes]}


class Section(BaseModel):
    """Base of the settings of one forge or builder. Every field needs a default."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _decode(cls, value: Any, info: ValidationInfo) -> Any:
        return decoded(value, cls.model_fields[str(info.field_name)])


def http_address(value: str) -> str:
    """An http(s) URL without a user, without a slash at its end. Raises ValueError."""
    if not value.startswith(("http://", "https://")):
        raise ValueError("it must begin with http:// or https://")
    if "@" in value.split("/", 3)[2]:
        raise ValueError("it must not hold a user or password: those have settings of their own")
    return value.rstrip("/")


def _beginning(*words: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(words):
            raise ValueError(f"it must begin with {' or '.join(words[:2])}")
        return value

    return AfterValidator(check)


HttpAddress = Annotated[str, AfterValidator(http_address)]
PostgresAddress = Annotated[SecretStr, _beginning("postgresql://", "postgres://")]
RedisAddress = Annotated[SecretStr, _beginning("redis://", "rediss://", "unix://")]


def decoded(value: Any, info: FieldInfo) -> Any:
    """The value of an environment variable: a list is written as JSON. Raises ValueError."""
    if not isinstance(value, str) or get_origin(info.annotation) not in (tuple, list):
        return value
    try:
        found: object = json.loads(value)
    except ValueError as error:
        raise ValueError(f'it is not a JSON list such as ["a", "b"]: {error}') from None
    if not isinstance(found, list):
        raise ValueError('it must be a JSON list such as ["a", "b"]')  # noqa: TRY004 - a person's
    return found  # pyright: ignore[reportUnknownVariableType] - pydantic looks at what is in it


def is_secret(info: FieldInfo) -> bool:
    """Tell whether a setting is a secret, which may also come from a file and is never shown."""
    return "SecretStr" in str(info.annotation)


@dataclass(frozen=True, slots=True)
class Sources:
    """What was said where: by the program, in the environment, in the `.env` file.

    `given` is by field (`gitea_token`), the others by variable (`DAMASCUS_GITEA_TOKEN`); an empty
    variable says nothing. `file` is the `.env` file that was looked at, if any.
    """

    file: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    dotenv: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def read(cls, dotenv: str | Path | None, given: Mapping[str, Any]) -> Sources:
        """Look at the environment and at the file `dotenv`, None for no file.

        Raises ConfigurationError when the file is there and cannot be read as it was meant.
        """
        written: Mapping[str, str | None] = {}
        if dotenv is not None:
            written = read_env_file(Path(dotenv), prefix=PREFIX)
        return cls(
            None if dotenv is None else Path(dotenv),
            given=dict(given),
            environment=_ours(os.environ),
            dotenv=_ours(written),
        )

    def variable(self, name: str) -> str | None:
        """The value of a variable: the environment's before the file's."""
        return self.environment.get(name) or self.dotenv.get(name)

    def secret(self, name: str) -> str | None:
        """The secret in the file that the variable NAME_FILE names; its first line counts.

        Raises ConfigurationError when both are set, or the file cannot be read.
        """
        variable = f"{name}_FILE"
        path = self.variable(variable)
        if not path:
            return None
        if self.variable(name):
            raise ConfigurationError(f"set either {variable} or {name}, not both")
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigurationError(
                f"{variable} names {path}, which cannot be read: {reason}"
            ) from None
        if not lines or not lines[0].strip():
            raise ConfigurationError(f"{variable} names {path}, which is empty")
        return lines[0].strip()

    def said(self) -> Iterator[tuple[str, str]]:
        """Every variable of ours that says something, and where it does."""
        for name in sorted(self.environment):
            yield name, "in the environment"
        for name in sorted(self.dotenv.keys() - self.environment.keys()):
            yield name, f"in {self.file}"

    def origin(self, field_name: str) -> str:
        """Where the value of a field comes from, in a word or two."""
        name = PREFIX + field_name.upper()
        if self.variable(f"{name}_FILE"):
            return "file"
        if self.given.get(field_name) is not None:
            return "command line"
        if name in self.environment:
            return "environment"
        if name in self.dotenv:
            return ".env"
        return "default"

    def section(self, entry: str, model: type[SectionT]) -> SectionT:
        """The settings that the entry called `entry` declares. Raises ConfigurationError."""
        values: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            own = f"{entry.replace('-', '_')}_{name}"
            value = self.given.get(own)
            if value is None and own not in self.given:
                value = self.variable(PREFIX + own.upper())
                if value is None and is_secret(info):
                    value = self.secret(PREFIX + own.upper())
            if value is not None:
                values[name] = value
        try:
            return model(**values)
        except ValidationError as error:
            raise explained(error, f"{entry.replace('-', '_')}_") from None


def explained(error: ValidationError, before: str = "") -> ConfigurationError:
    """One sentence for the first of the values that are wrong; `before` begins their fields."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = PREFIX + (before + str(first["loc"][0])).upper() if first["loc"] else "a setting"
    more = error.error_count() - 1
    return ConfigurationError(
        f"{name} is wrong: {first['msg'].removeprefix('Value error, ')}"
        + (f" (and {more} more)" if more else "")
    )


def secrets_of(settings: BaseModel) -> tuple[str, ...]:
    """Every secret value that a model holds."""
    values: list[object] = [getattr(settings, name) for name in type(settings).model_fields]
    return tuple(one.get_secret_value() for one in values if isinstance(one, SecretStr))


def _ours(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Our variables that say something. Names are not case-sensitive, as in pydantic-settings."""
    return {
        name.upper(): value
        for name, value in variables.items()
        if value and name.upper().startswith(PREFIX)
    }


def env_file(home: Path | str | None = None) -> Path:
    """The `.env` that is read where none is named: that of the home directory.

    `home` is what the program was given; else DAMASCUS_HOME says where that is.
    """
    said = home or _ours(os.environ).get(f"{PREFIX}HOME")
    return (Path(said) if said else default_home()) / ".env"


def passed_over(read: Path | None) -> str | None:
    """One sentence about a `.env` of the current directory that holds settings and is not read.

    Whoever can merge into a checkout could otherwise say where its operator's tokens are sent.
    `read` is the file that was read.
    """
    here = Path.cwd() / ".env"
    try:
        if not here.is_file() or (read is not None and read.exists() and here.samefile(read)):
            return None
        with here.open("rb") as file:
            if PREFIX.encode() not in file.read(_LOOK_BYTES):
                return None
    except OSError:
        return None
    return (
        f"{here} is not read: settings come from the environment and from {read}; move it there, "
        "or name it: damascus --env-file .env …"
    )


def default_home() -> Path:
    """Where data of this user is kept, by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "damascus"
