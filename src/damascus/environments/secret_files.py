"""The values of secret variables: one file each, on the worker alone.

The policy holds the names only. `<directory>/<project>/<NAME>` holds the value; one newline at its
end is not part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from damascus.errors import ConfigurationError

CAP: Final = 64 * 1024  # bytes of one value: a key or a certificate, not a file of data


def read_secrets(directory: Path, project: str, names: Sequence[str]) -> dict[str, str]:
    """The values of a project's secret variables, by name.

    Raises ConfigurationError, which says where the file belongs, for one that is missing, empty,
    too long or no text.
    """
    return {name: _read(directory / project / name, project, name) for name in names}


def all_values(directory: Path) -> list[str]:
    """Every value that can be read there, for a redactor: nothing is raised."""
    found: list[str] = []
    with suppress(OSError):
        for path in sorted(directory.glob("*/*")):
            with suppress(OSError, UnicodeDecodeError):
                found.append(_text(path))
    return [value for value in found if value]


def _read(path: Path, project: str, name: str) -> str:
    wanted = f"the secret variable {name} of project {project}"
    try:
        value = _text(path)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{wanted} has no value here: put it into the file {path}, readable by the worker alone"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{wanted} cannot be read from {path}: {why}") from None
    if not value or "\0" in value or len(value) >= CAP:
        raise ConfigurationError(
            f"{wanted} is empty, longer than {CAP // 1024} KiB, or holds a NUL byte: mend {path}"
        )
    return value


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(CAP)
    return data.decode().removesuffix("\n").removesuffix("\r")
