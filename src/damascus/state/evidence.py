"""What merges stand on, as it is read, and the test reports of base commits."""

from __future__ import annotations

import json
from datetime import timedelta

from damascus.domain.evidence import TestReport
from damascus.state.db import Database, Row

# What a document may lack: one that a migration made holds little more than its sentence.
_SHORT: Row = {
    "runner": "",
    "command": None,
    "environment": {},
    "tree_sha": "",
    "mutation": None,
    "counts": {"before": None, "after": None},
}
_WHOLE: Row = {
    **_SHORT,
    "tests": [],
    "tests_left_out": 0,
    "added": [],
    "red_first": [],
    "gone": [],
    "tripwire": None,
    "sabotage": None,
    "warnings": [],
    "report_digest": "",
    "seconds": {},
}


class EvidenceRecords:
    """What was gathered before each merge. It is written by the claim, see `Claims.evidence`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of_item(self, item_id: int, *, whole: bool = False) -> Row | None:
        """The evidence of the item's merge, or the newest there is; None when there is none.

        The fields of `Evidence.json()`, with its run and whether it is of the merge. Lists of
        names, which can be long, are there with `whole` only.
        """
        row = self._db.row("evidence.of_item", {"item": item_id, "whole": whole})
        if row is None:
            return None
        document: Row = row.pop("document")
        return {**(_WHOLE if whole else _SHORT), **document, **row}


class BaselineReports:
    """The port `Baselines` over the database: a base is tested once, whichever machine asks.

    A report that was not asked for in `age` is forgotten.
    """

    def __init__(self, db: Database, *, age: timedelta) -> None:
        self._db = db
        self._age = age

    def get(self, key: str) -> TestReport | None:
        """The report kept under `key`. Raises DatabaseUnreachableError."""
        row = self._db.row("evidence.baseline", {"key": key})
        return None if row is None else TestReport.from_json(row["report"])

    def put(self, key: str, report: TestReport) -> None:
        """Keep a report. Raises DatabaseUnreachableError.

        One whose names hold what looks like a secret cannot be kept as it is, and a report with
        other names would lose tests: it is not kept, so that the base is tested again.
        """
        text = json.dumps(report.json())
        if self._db.redacting.text(text) != text:
            return
        self._db.run("evidence.forget_baselines", {"age": self._age})
        self._db.run("evidence.keep_baseline", {"key": key, "report": text})
