"""What a program says of itself, for checks."""

from __future__ import annotations

import shutil
import subprocess
import tempfile

from damascus.errors import ConfigurationError

_TRY_SECONDS = 30.0  # Node starts slowly on a busy machine


def needed(program: str, path: str, *, what: str, setting: str) -> str:
    """`program`, if it can be started: `what` it is and its `setting` are for the sentence.

    Raises ConfigurationError.
    """
    if shutil.which(program, path=path) is None:
        raise ConfigurationError(
            f"{what} cannot be started: there is no program {program!r} on the PATH of agents "
            f"({path}); install it, set {setting}, or choose another builder"
        )
    return program


def version_of(program: str, path: str) -> str | None:
    """The first line of `program --version`; None when it is not there or does not say."""
    found = shutil.which(program, path=path)
    if found is None:
        return None
    with tempfile.TemporaryDirectory(prefix="damascus-doctor-") as home:
        try:
            done = subprocess.run(
                [found, "--version"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                cwd=home,
                env={"PATH": path, "HOME": home, "LANG": "C.UTF-8", "DISABLE_AUTOUPDATER": "1"},
                timeout=_TRY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return lines[0].strip()[:200] if done.returncode == 0 and lines else None
