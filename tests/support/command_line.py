"""The command line run in this process, with an environment of its own: `cli("items")`."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from damascus.cli import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def has_traceback(err: str) -> bool:
    """Tell whether Damascus itself has said a traceback.

    What it shows of a program's output has Damascus's name before each line; in a log line a
    traceback stands behind other words.
    """
    return re.search(r"^(?!damascus: Traceback).*Traceback", err, re.MULTILINE) is not None


class CommandLine:
    """Calls `main` in `place`, an empty directory; settings are what `set` was told."""

    def __init__(
        self, place: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.place = place
        self._patch = patch
        self._capture = capture
        patch.chdir(place)
        self.set(home=str(place / "home"))

    def set(self, **settings: str | None) -> None:
        for name, value in settings.items():
            variable = f"DAMASCUS_{name.upper()}"
            if value is None:
                self._patch.delenv(variable, raising=False)
            else:
                self._patch.setenv(variable, value)

    def __call__(self, *words: object, stdin: bytes | None = b"", code: int | None = None) -> Said:
        level = logging.getLogger("damascus").level
        given = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
        self._patch.setattr(sys, "stdin", given)
        self._capture.readouterr()
        try:
            ended = main([str(word) for word in words])
        finally:
            logging.getLogger("damascus").setLevel(level)
        said = Said(ended, *self._capture.readouterr())
        assert not has_traceback(said.err), said.err
        assert code is None or said.code == code, said
        return said
