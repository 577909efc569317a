"""Finds out, by trying, which sandbox works on this machine."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from damascus.errors import ConfigurationError, SandboxError
from damascus.ports import Command
from damascus.sandbox.bubblewrap import Bubblewrap
from damascus.sandbox.plain import Plain
from damascus.sandbox.run import Bounds
from damascus.sandbox.toolchain import toolchain
from damascus.text.redaction import Redactor


def detect(
    prefer: str = "auto",
    *,
    path: str | None = None,
    readable: Sequence[Path] = (),
    bounds: Bounds | None = None,
    redactor: Redactor | None = None,
) -> Bubblewrap | Plain:
    """Return the sandbox to use: "auto" takes bubblewrap where it works, else plain.

    `path` is the PATH whose programs agents and tests run (default: this process's own);
    `readable` are more directories they may read; `redactor` takes secrets out of all output.
    Raises SandboxError when "bubblewrap" is asked for and does not work, ConfigurationError for an
    unknown name.
    """
    if prefer == "plain":
        return Plain(bounds=bounds, reason="as configured", redactor=redactor)
    if prefer not in {"auto", "bubblewrap"}:
        raise ConfigurationError(
            f"There is no sandbox {prefer!r}: choose auto, bubblewrap or plain."
        )
    found, reason = _bubblewrap(
        os.environ.get("PATH", "") if path is None else path, readable, bounds, redactor
    )
    if found is not None:
        return found
    if prefer == "bubblewrap":
        raise SandboxError(f"The sandbox bubblewrap was asked for, but does not work: {reason}.")
    said = f"bubblewrap does not work here: {reason}"
    return Plain(bounds=bounds, reason=said, redactor=redactor)


def _bubblewrap(
    path: str, readable: Sequence[Path], bounds: Bounds | None, redactor: Redactor | None
) -> tuple[Bubblewrap | None, str]:
    """Try both kinds; returns the one that works, else None and the reason."""
    if not sys.platform.startswith("linux"):
        return None, "it needs Linux"
    program = shutil.which("bwrap")
    if program is None:
        return None, "the program bwrap is not installed"
    shown = (*toolchain(path), *readable)
    reason = ""
    for private_proc in (True, False):
        sandbox = Bubblewrap(
            readable=shown,
            private_proc=private_proc,
            bounds=bounds,
            redactor=redactor,
            program=program,
        )
        said = _try(sandbox)
        if not said:
            return sandbox, ""
        reason = reason or said
    return None, reason


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
            return str(error)
    if finished.exit_code != 0:
        return finished.output.strip() or f"a trial ended with exit code {finished.exit_code}"
    return ""
