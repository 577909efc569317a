"""Refuses to build a wheel that lacks the web page, and writes the commit into it.

The commit is what REVISION says (a build of the image has no repository), else what git says.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PAGE = Path("src/damascus/api/static/index.html")


class PageHook(BuildHookInterface[Any]):
    """Looks for the built page before a wheel is made; an editable install does without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise FileNotFoundError where the page was not built."""
        if version != "editable" and self.target_name == "wheel" and (commit := self._commit()):
            self._written.parent.mkdir(parents=True, exist_ok=True)
            self._written.write_text(f"{commit}\n", "ascii")
            build_data["force_include"][str(self._written)] = "damascus/revision.txt"
        if version != "editable" and not Path(self.root, _PAGE).is_file():
            raise FileNotFoundError(
                f"{_PAGE} is not there: the wheel would lack the page. `make dist` builds both."
            )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatch's
        """Leave nothing beside the wheel."""
        self._written.unlink(missing_ok=True)

    @property
    def _written(self) -> Path:
        return Path(self.directory, "revision.txt")

    def _commit(self) -> str:
        """The commit that is built; empty where nobody knows."""
        told = os.environ.get("REVISION", "unknown")
        if told != "unknown":
            return told
        if not Path(self.root, ".git").exists():
            return ""
        done = subprocess.run(
            ["git", "-C", self.root, "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()
