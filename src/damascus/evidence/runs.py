"""The runs of one candidate: the tree laid out, the runner started, its report read."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from damascus.domain.evidence import TestReport
from damascus.evidence.candidate import Bench, Candidate, Run
from damascus.evidence.runners import Narrows, Place, Runner
from damascus.evidence.trees import PreparedTree


@dataclass
class Runs:
    """Runs the tests of a candidate, each time on the tree laid out anew.

    `scratch` is an empty directory for reports. `seconds` says how long the runs of each name took,
    `warnings` are sentences for people.
    """

    bench: Bench
    runner: Runner
    tree: PreparedTree
    candidate: Candidate
    scratch: Path
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    warnings: list[str] = field(default_factory=list[str])
    _runs: int = 0

    def run(
        self,
        name: str,
        changes: Mapping[str, str | None] | None = None,
        *,
        keep_going: bool = False,
        argv: Sequence[str] | None = None,
    ) -> Run:
        """Run the command on the tree with `changes`."""
        self._runs += 1
        report = self.scratch / str(self._runs)  # no spaces: it goes into NODE_OPTIONS
        report.mkdir()
        place = Place(self.tree.checkout, report, self.scratch / f"{self._runs}.out", keep_going)
        self.tree.lay_out(changes)
        self._remove_reports()
        start = self.runner.start(argv or self.candidate.command, place)
        began = time.monotonic()
        finished = self.bench.run(start, report=report, output=place.output)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        return Run(finished, self.runner.read(place))

    def _remove_reports(self) -> None:
        for pattern in self.runner.removes:
            for path in self.tree.checkout.glob(pattern):
                if path.is_file() or path.is_symlink():
                    path.unlink()

    def texts(self) -> dict[str, str]:
        """The plain text files of the merged tree, but for very large ones."""
        found = {path: self.tree.text(path) for path in self.candidate.tracked}
        return {path: text for path, text in found.items() if text is not None}

    def narrowed(self, paths: Collection[str]) -> Sequence[str] | None:
        """The command for some test files alone, None where the runner takes none."""
        runner = self.runner
        if not paths or not isinstance(runner, Narrows):
            return None
        return runner.narrow(self.candidate.command, sorted(paths))

    def only(self, names: Collection[str], report: TestReport) -> Sequence[str] | None:
        """The command for the files of some tests alone, None where that is not possible."""
        paths = {report.tests[name].path for name in names}
        known = [path for path in paths if path]
        return self.narrowed(known) if len(known) == len(paths) else None
