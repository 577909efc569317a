"""The test reports of base commits, kept as files so that a base is tested once by a machine."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from damascus.domain.evidence import TestReport

_SUFFIX: Final = ".json"


class BaselineFiles:
    """The port `Baselines` over a directory; a report that was not asked for in `days` goes."""

    def __init__(self, root: Path, *, days: float) -> None:
        self._root = root
        self._seconds = days * 86_400

    def get(self, key: str) -> TestReport | None:
        """The report kept under `key`; None when there is none, or it cannot be read."""
        path = self._path(key)
        try:
            found = TestReport.from_json(json.loads(path.read_text("utf-8")))
            path.touch()
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def put(self, key: str, report: TestReport) -> None:
        """Keep a report, as a whole or not at all; a full disk only means testing again."""
        with contextlib.suppress(OSError):
            self._root.mkdir(parents=True, exist_ok=True)
            self._forget_old()
            with tempfile.NamedTemporaryFile(
                "w", dir=self._root, encoding="utf-8", delete=False
            ) as file:
                json.dump(report.json(), file)
            os.replace(file.name, self._path(key))  # noqa: PTH105 - as atomic as it gets

    def _path(self, key: str) -> Path:
        return self._root / f"{key}{_SUFFIX}"

    def _forget_old(self) -> None:
        before = time.time() - self._seconds
        for path in self._root.iterdir():
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
