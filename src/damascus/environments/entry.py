"""One kept environment: a directory that is written once and read from then on.

environment.json    what it was made of, and what lies where
home                HOME as the set-up left it
0, 1, …             new directories of the checkout, in the order of `directories`
files               new files in directories that the tree has itself
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

DOCUMENT: Final = "environment.json"
HOME: Final = "home"
FILES: Final = "files"
# Directories of packages, and of tools that build anew what has changed when tests are run.
_FETCHED: Final = frozenset({
    *("node_modules", "bower_components", "jspm_packages", ".venv", "venv", "env", "virtualenv"),
    *(".tox", ".nox", ".eggs", ".pdm-build", "__pypackages__", "vendor", ".bundle", "Pods"),
    *(".yarn", ".pnpm-store", ".npm", ".cargo", ".m2", ".gradle", "target", "_build", "deps"),
})  # fmt: skip
_DESCRIBED: Final = (".egg-info", ".dist-info")


@dataclass(frozen=True, slots=True)
class Entry:
    """What `environment.json` says. `made_at` is since the epoch; `seconds` is what it took.

    `work_tree` is the only tree that it is for, "" where it is for all with its key.
    """

    key: str
    project: str
    commands: Sequence[str]
    made_from: str
    made_at: float
    seconds: float
    files_kept: int
    bytes_kept: int
    directories: Sequence[str]
    files: Sequence[str]
    left_out: Sequence[str] = field(default=())
    work_tree: str = ""

    @property
    def built(self) -> bool:
        """Whether there is more than packages: something that was made of the tree's own files."""
        new = [PurePosixPath(path) for path in self.directories]
        if any(one.name not in _FETCHED and one.suffix not in _DESCRIBED for one in new):
            return True
        files = [PurePosixPath(path) for path in self.files]
        return not all(one.name.startswith(".") or one.parent.suffix in _DESCRIBED for one in files)

    def write(self, place: Path) -> None:
        """Write it into the directory of the environment."""
        (place / DOCUMENT).write_text(json.dumps(asdict(self), indent=1), "utf-8")


def read_entry(place: Path) -> Entry | None:
    """What lies in `place`; None where there is no whole environment."""
    try:
        document: dict[str, Any] = json.loads((place / DOCUMENT).read_text("utf-8"))
        return Entry(**document)
    except (OSError, ValueError, TypeError):
        return None
