"""Finds out, by trying, whether layers can be laid over directories of a disk."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from damascus.ports import Layer
from damascus.sandbox import overlay

SECONDS: Final = 20.0
_WRITE: Final = "import sys, pathlib; pathlib.Path(sys.argv[1], 'made').mkdir()"


def overlay_problem(directory: Path) -> str:
    """Why layers cannot be laid in a directory, as the end of a sentence; "" when they can."""
    try:
        with tempfile.TemporaryDirectory(prefix=".overlay-", dir=directory) as name:
            lower, upper, work, target = (Path(name, word) for word in ("l", "u", "w", "t"))
            for place in (lower, upper, work, target):
                place.mkdir()
            write = (sys.executable, "-I", "-S", "-c", _WRITE, str(target))
            done = subprocess.run(
                overlay.wrap([Layer(lower, upper, work, target)], write),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            if done.returncode == 0 and not (upper / "made").is_dir():
                return "a trial wrote nothing to its upper directory"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"
    if done.returncode:
        return done.stderr.strip()[-300:] or f"a trial ended with status {done.returncode}"
    return ""
