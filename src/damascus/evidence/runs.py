"""The runs of one candidate: the tree laid out, the runner started, its report read."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from damascus.domain.directories import from_inside
from damascus.domain.evidence import TestReport
from damascus.evidence import import_roots
from damascus.evidence.candidate import Bench, Candidate, Run
from damascus.evidence.imports import read_imports
from damascus.evidence.reports.files import below
from damascus.evidence.runners import HOOKS, Narrows, Place, Runner, Start
from damascus.evidence.trees import PreparedTree
from damascus.ports import INSIDE_CHECKOUT

_IMPORTS = "imports.jsonl"


@dataclass
class Runs:
    """Runs the tests of a candidate, each time on the tree laid out anew.

    `scratch` is an empty directory for reports. `python_path` are the directories of the checkout
    that stand first on Python's path. `prepared` are directories that are laid into the checkout
    for each run, by their paths there, with where they are kept. `seconds` says how long the runs
    of each name took, `warnings` are sentences for people, `imported` the files of Python's modules
    in the last run.
    """

    bench: Bench
    runner: Runner
    tree: PreparedTree
    candidate: Candidate
    scratch: Path
    python_path: Sequence[str] = ()
    prepared: Mapping[str, Path] = field(default_factory=dict[str, Path])
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    warnings: list[str] = field(default_factory=list[str])
    imported: Mapping[str, str] = field(default_factory=dict[str, str])
    _runs: int = 0

    def run(
        self,
        name: str,
        changes: Mapping[str, str | None] | None = None,
        *,
        keep_going: bool = False,
        argv: Sequence[str] | None = None,
        observe: bool = False,
        copied: Collection[str] = (),
    ) -> Run:
        """Run the command on the tree with `changes`.

        `observe` has Python's processes tell what they import, for `imported`. Of the `prepared`
        directories those in `copied` lie in the checkout itself, so that `changes` reach them.
        """
        self._runs += 1
        report = self.scratch / str(self._runs)  # no spaces: it goes into NODE_OPTIONS
        report.mkdir()
        place = Place(
            self.tree.checkout,
            report,
            self.scratch / f"{self._runs}.out",
            keep_going,
            self.candidate.directory,
        )
        self.tree.lay_out(changes, {path: self.prepared[path] for path in copied})
        self._remove_reports()
        start = self.runner.start(argv or self.candidate.command, place)
        if self.python_path or observe:
            start = self._with_imports(start, place, observe=observe)
        began = time.monotonic()
        finished = self.bench.run(start, report=report, output=place.output)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        imported = read_imports(report / _IMPORTS)
        self.imported = {name: self._on_this_machine(file) for name, file in imported.items()}
        return Run(finished, self.runner.read(place))

    def python_roots(self) -> list[str]:
        """The directories of the checkout from which Python imports its packages."""
        candidate = self.candidate
        return import_roots.python_roots(candidate.tracked, self.tree.text, candidate.directory)

    def _on_this_machine(self, file: str) -> str:
        """A file of a run, by its path outside the sandbox where it lies in the checkout."""
        if not file.startswith(f"{INSIDE_CHECKOUT}/"):
            return file
        return str(self.tree.checkout.resolve() / below(file, self.tree.checkout))

    def shown(self, file: str) -> str:
        """A file of a run for people: as it is called in the checkout, where it lies in it."""
        return file.removeprefix(f"{self.tree.checkout.resolve()}/")

    def _with_imports(self, start: Start, place: Place, *, observe: bool) -> Start:
        """The same start, with the checkout first on Python's path, but for our own hook."""
        hooked = observe or "PYTHONPATH" in start.env
        roots = [os.path.normpath(self.tree.checkout / root) for root in self.python_path]
        env = {
            **start.env,
            "PYTHONPATH": os.pathsep.join([*([str(HOOKS)] if hooked else []), *roots]),
        }
        if observe:
            env["DAMASCUS_IMPORTS"] = str(place.report / _IMPORTS)
        return dataclasses.replace(start, env=env, readable=(*start.readable, HOOKS))

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
        runner, candidate = self.runner, self.candidate
        if not paths or not isinstance(runner, Narrows):
            return None
        # Where tests are known by something else, such as Go's packages, that is named as it is.
        files = {*candidate.tracked, *(change.path for change in candidate.changes)}
        named = [from_inside(candidate.directory, one) if one in files else one for one in paths]
        return runner.narrow(candidate.command, sorted(named))

    def only(self, names: Collection[str], report: TestReport) -> Sequence[str] | None:
        """The command for the files of some tests alone, None where that is not possible."""
        paths = {report.tests[name].path for name in names}
        known = [path for path in paths if path]
        return self.narrowed(known) if len(known) == len(paths) else None
