"""What every agent gets from us: an environment from an allow-list, and a few small files.

The worker's own variables (database, forge token, master keys) never reach an agent: the
environment is built up from nothing, not filtered down.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from damascus.domain.variables import with_home
from damascus.errors import ConfigurationError
from damascus.ports import Sandbox, Workspace

IMAGES = "container"  # the sandbox that has programs of its own
TEMPORARY = "tmp"  # below HOME: what an agent leaves behind goes when the attempt goes


def prepare(workspace: Workspace, path: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Make HOME and its temporary directory; returns the whole environment for an agent.

    `path` becomes PATH; `extra` is added last and may replace anything but HOME. Git asks no
    questions and can commit, for agents that do.
    """
    temporary = workspace.home / TEMPORARY
    temporary.mkdir(parents=True, exist_ok=True)
    own = {
        "PATH": path,
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "CI": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Damascus",
        "GIT_AUTHOR_EMAIL": "damascus@localhost",
        "GIT_COMMITTER_NAME": "Damascus",
        "GIT_COMMITTER_EMAIL": "damascus@localhost",
        **extra,
    }
    return with_home(str(workspace.home), own)


def locate(executable: str, path: str, sandbox: Sandbox) -> tuple[Path, tuple[Path, ...]]:
    """Find a program on `path`; returns it, and what a sandbox must show besides that PATH.

    A program given by a path of its own, outside every directory of PATH, is run as its real file
    and shown alone: what else it needs must be on the PATH. A container's image may bring what is
    not here. Raises ConfigurationError when it is not there or not executable.
    """
    found = shutil.which(executable, path=path)
    if found is None and sandbox.name == IMAGES:
        return Path(executable), ()
    if found is None:
        raise ConfigurationError(
            f"The coding agent {executable!r} was not found: install it, or correct its setting "
            f"or the agents' PATH ({path})."
        )
    program = Path(found).absolute()
    if str(program.parent) in path.split(os.pathsep):
        return program, ()
    return program.resolve(), (program.resolve(),)


def egress(base_url: str) -> tuple[tuple[str, int], ...]:
    """Return the one place an agent needs: the host and port of the model's `base_url`."""
    split = urlsplit(base_url)
    port = split.port or (443 if split.scheme == "https" else 80)
    return ((split.hostname or "localhost", port),)


def write_private(path: Path, text: str) -> Path:
    """Write a file that only this user can read, in place of whatever has that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
