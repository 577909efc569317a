"""Makes the sandbox that was asked for; whether bubblewrap works here is tried."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from damascus.errors import ConfigurationError, NoSandboxError, SandboxError
from damascus.ports import Command
from damascus.sandbox.advice import advice, install_command
from damascus.sandbox.bubblewrap import Bubblewrap
from damascus.sandbox.plain import Plain
from damascus.sandbox.run import Bounds
from damascus.sandbox.toolchain import toolchain
from damascus.sandbox.upstream import upstream
from damascus.text.redaction import Redactor

_OR_PLAIN: Final = (
    "or say DAMASCUS_SANDBOX=plain: agents and tests may then do whatever this user may"
)
# What has worked once in this process is not tried again: program and view to private_proc.
_works: dict[tuple[str, tuple[Path, ...]], bool] = {}
_trying = threading.Lock()


def detect(
    prefer: str = "bubblewrap",
    *,
    path: str | None = None,
    readable: Sequence[Path] = (),
    bounds: Bounds | None = None,
    redactor: Redactor | None = None,
) -> Bubblewrap | Plain:
    """Return the sandbox called `prefer`: bubblewrap or plain. Nothing stands in for another.

    `path` is the PATH whose programs agents and tests run (default: this process's own);
    `readable` are more directories they may read; `redactor` takes secrets out of all output.
    Raises NoSandboxError, with what to do, when bubblewrap does not work; ConfigurationError for an
    unknown name, and for a proxy of this process that nothing can go through.
    """
    upstream(os.environ)
    if prefer == "plain":
        return Plain(bounds=bounds, reason="as configured", redactor=redactor)
    if prefer != "bubblewrap":
        raise ConfigurationError(f"There is no sandbox {prefer!r}: choose bubblewrap or plain.")
    if not sys.platform.startswith("linux"):
        raise NoSandboxError(
            f"no sandbox, no work: bubblewrap needs Linux; run it there, {_OR_PLAIN}"
        )
    program = shutil.which("bwrap")
    if program is None:
        raise NoSandboxError(
            f"no sandbox, no work: the program bwrap is not installed: {install_command()}; "
            f"{_OR_PLAIN}"
        )
    shown = (*toolchain(os.environ.get("PATH", "") if path is None else path), *readable)
    return Bubblewrap(
        readable=shown,
        private_proc=_private_proc(program, shown),
        bounds=bounds,
        redactor=redactor,
        program=program,
    )


def forget_trials() -> None:
    """Try again whether bubblewrap works: it may have stopped, or begun, to."""
    with _trying:
        _works.clear()


def _private_proc(program: str, shown: tuple[Path, ...]) -> bool:
    """Try both kinds of /proc; tells which works. Raises NoSandboxError when none does."""
    with _trying:
        if (program, shown) in _works:
            return _works[program, shown]
        reason = ""
        for private_proc in (True, False):
            said = _try(Bubblewrap(readable=shown, private_proc=private_proc, program=program))
            if not said:
                _works[program, shown] = private_proc
                return private_proc
            reason = reason or said
    raise NoSandboxError(
        f"no sandbox, no work: bubblewrap does not work here ({reason}): {advice()}; {_OR_PLAIN}"
    )


def _try(sandbox: Bubblewrap) -> str:
    """Run the smallest command there is; returns what went wrong, or nothing."""
    with tempfile.TemporaryDirectory(prefix="damascus-doctor-") as directory:
        place = Path(directory).resolve()
        command = Command(
            argv=("sh", "-c", "true"),
            cwd=place,
            env={"PATH": "/usr/bin:/bin"},
            writable=(place,),
            timeout=20.0,
            grace=1.0,
        )
        try:
            finished = sandbox.run(command)
        except SandboxError as error:
            own = re.search(r"bwrap: [^\n]*?(?=\. Install it|\n|$)", str(error))
            return own[0] if own else str(error).rstrip(".")
    if finished.exit_code != 0:
        said = " ".join(finished.output.split())
        return said or f"a trial ended with exit code {finished.exit_code}"
    return ""
