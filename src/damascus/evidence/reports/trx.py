"""TRX, the XML that `dotnet test` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from damascus.domain.evidence import Outcome, TestCase
from damascus.evidence.reports.files import read_capped

_HOW = {"Passed": Outcome.PASSED, "NotExecuted": Outcome.SKIPPED}


def read(files: Sequence[Path]) -> tuple[list[TestCase], bytes] | None:
    """The results of all `files` and what was read; None when one is no whole TRX."""
    cases: list[TestCase] = []
    raw = b""
    for file in files:
        data = read_capped(file)
        if data is None:
            return None
        try:
            root = ET.fromstring(data)  # noqa: S314 - expat 2.4.1 and later bounds what entities grow to
        except ET.ParseError:
            return None
        raw += data
        for node in root.iter():
            if node.tag.endswith("}UnitTestResult"):
                name = node.get("testName") or ""
                title = name.partition("(")[0].rpartition(".")[2]
                outcome = _HOW.get(node.get("outcome") or "", Outcome.FAILED)
                cases.append(TestCase(name, outcome, title, None))
    return cases, raw
