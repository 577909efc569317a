"""What a test needs to run a coding agent: a workspace, a request, a guard that holds."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from damascus.ports import BuildRequest, Workspace

PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


class HoldingFence:
    def lost(self):
        return False

    def on_lost(self, _callback):
        return lambda: None


def workspace(root: Path, files=None) -> Workspace:
    made = Workspace(root)
    made.checkout.mkdir(parents=True)
    made.home.mkdir()
    for name, content in (files or {"old.txt": "old\n"}).items():
        path = made.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return made


def request(place: Workspace, prompt="Do it.", *, seconds=120.0, turns=10, usd="5", session="7-1"):
    limit = None if usd is None else Decimal(usd)
    return BuildRequest(prompt, place, seconds, turns, limit, session)


def tree(place: Workspace) -> dict[str, str]:
    return {
        str(path.relative_to(place.checkout)): path.read_text()
        for path in sorted(place.checkout.rglob("*"))
        if path.is_file()
    }
