"""Refuses to build a wheel that lacks the web page, which git does not keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PAGE = Path("src/damascus/api/static/index.html")


class PageHook(BuildHookInterface[Any]):
    """Looks for the built page before a wheel is made; an editable install does without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's
        """Raise FileNotFoundError where the page was not built."""
        if version != "editable" and not Path(self.root, _PAGE).is_file():
            raise FileNotFoundError(
                f"{_PAGE} is not there: the wheel would lack the page. `make dist` builds both."
            )
