"""Reading files that a test run left: plain ones only, never through a link, capped."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from damascus.domain.directories import from_top
from damascus.ports import INSIDE_CHECKOUT
from damascus.text.plain_files import read_plain

REPORT_CAP: Final = 64 * 2**20  # bytes of one report
_FILES_CAP: Final = 20_000


@dataclass(frozen=True, slots=True)
class Where:
    """Where tests ran: in `directory` of `checkout`, "" for its top."""

    checkout: Path
    directory: str = ""

    def located(self, told: str) -> str:
        """A path as a report tells it, from the top of the checkout where it lies in there.

        Runners name files from where they were started, or from what they take for the top of the
        project, which may lie above.
        """
        path = below(told, self.checkout)
        if not told or path != told or posixpath.isabs(told):
            return path
        here = from_top(self.directory, path)
        if not (self.checkout / here).is_file() and (self.checkout / path).is_file():
            return path
        return here


def read_capped(path: Path, cap: int = REPORT_CAP) -> bytes | None:
    """The bytes of a plain file; None if it is absent, a link, something else, or over `cap`."""
    try:
        data = read_plain(path, cap=cap + 1)
    except OSError:
        return None
    return None if data is None or len(data) > cap else data


def matching(checkout: Path, patterns: Iterable[str]) -> list[Path]:
    """The plain files below `checkout` that match one of the glob patterns, sorted."""
    found: set[Path] = set()
    for pattern in patterns:
        for path in checkout.glob(pattern):
            if path.is_file() and not path.is_symlink() and _inside(path, checkout):
                found.add(path)
            if len(found) > _FILES_CAP:
                return []
    return sorted(found)


def below(path: str, checkout: Path) -> str:
    """A path as a report tells it, from the top of the checkout where it lies in there."""
    for top in (INSIDE_CHECKOUT, checkout, checkout.resolve()):
        if path.startswith(f"{top}/"):
            return path[len(f"{top}/") :]
    return path


def _inside(path: Path, checkout: Path) -> bool:
    return path.resolve().is_relative_to(checkout.resolve())
