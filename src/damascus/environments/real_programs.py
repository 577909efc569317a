"""Programs behind the stand-ins of version managers, as a PATH that works without their homes.

`~/.cargo/bin/cargo` and `~/.pyenv/shims/python3` look for what they stand for below HOME. Set-up,
tests and agents have a HOME of their own, so they get the directories of the real programs first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_ASKED = (
    ("rustup", ("which", "cargo")),
    ("pyenv", ("which", "python3")),
    ("rbenv", ("which", "ruby")),
    ("nodenv", ("which", "node")),
    ("volta", ("which", "node")),
    ("mise", ("bin-paths",)),
)
_SECONDS = 10.0


def real_path(path: str, environ: Mapping[str, str]) -> str:
    """`path` with the directories of real programs right before those of their stand-ins.

    What stands before the stand-ins, such as a virtual environment, stays before them.
    """
    places = path.split(os.pathsep)
    for manager, words in _ASKED:
        program = shutil.which(manager, path=path)
        if program is None:
            continue
        own = str(Path(program).parent)
        first = next(
            number
            for number, place in enumerate(places)
            if place == own or (manager in place and Path(place).name == "shims")
        )
        found = dict.fromkeys(_told([program, *words], path, environ))
        places[first:first] = [one for one in found if one not in places]
    return os.pathsep.join(places)


def _told(argv: Sequence[str], path: str, environ: Mapping[str, str]) -> Iterator[str]:
    """The directories of the paths that a version manager prints; none where it fails."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd="/",  # not where a repository could choose the version
            env={**environ, "PATH": path},
            timeout=_SECONDS,
            check=False,
            text=True,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return
    for line in done.stdout.split() if done.returncode == 0 else ():
        place = Path(line)
        if place.is_absolute() and place.exists():
            yield str(place if place.is_dir() else place.parent)
