"""The gate before spec and build: a project's base must have been green once.

The first claim of a project tries it for all, while the other items wait. Where it is not green the
claim is given back unspent, and the project waits for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from damascus.domain.base_checks import BaseFound, BaseState
from damascus.domain.work import Claim, PhaseContext
from damascus.errors import ClaimLostError, DatabaseUnreachableError, ProjectWaitsError
from damascus.phases.base_check import is_due, try_base
from damascus.ports import Tools, Workspace

log = logging.getLogger(__name__)


class KnownBases(Protocol):
    """What is kept of bases; `state.bases.Bases`."""

    def begin(self, claim: Claim, project_id: int) -> BaseState: ...

    def end(self, claim: Claim, project_id: int, name: str, found: BaseFound) -> bool: ...

    def abandon(self, claim: Claim, project_id: int) -> None: ...


class BaseGate:
    """Lets a phase begin where the base is good; safe to call from several threads.

    `remove` removes a directory tree, `ring` wakes other workers, `redact` takes secrets out of
    what is stored.
    """

    def __init__(
        self,
        bases: KnownBases,
        *,
        remove: Callable[[Path], object],
        ring: Callable[[], None] = lambda: None,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._bases = bases
        self._remove = remove
        self._ring = ring
        self._redact = redact

    def pass_or_wait(self, context: PhaseContext, tools: Tools) -> None:
        """Return where the phase may begin. Raises ProjectWaitsError where it may not.

        What `try_base` raises is raised as well, and the next claim tries it again.
        """
        if not is_due(context):
            return
        claim, project = context.claim, context.project
        known = self._bases.begin(claim, project.id)
        if known.is_settled:
            return
        if known is not BaseState.UNPROVEN:
            raise ProjectWaitsError(project.name, _WHY[known])
        try:
            found = self._tried(context, tools)
            kept = self._bases.end(claim, project.id, project.name, found)
        except BaseException:
            with suppress(DatabaseUnreachableError):  # else it is swept with the claim
                self._bases.abandon(claim, project.id)
            raise
        self._ring()
        log.info("project %s: %s", project.name, found.sentence)
        if not kept:
            raise ProjectWaitsError(project.name, "its commands have changed meanwhile")
        if not found.green:
            raise ProjectWaitsError(project.name, found.sentence)

    def _tried(self, context: PhaseContext, tools: Tools) -> BaseFound:
        workspace = Workspace(tools.workspace.root / "base-check")
        try:
            found = try_base(context, tools, workspace)
        finally:
            self._remove(workspace.root)
        if tools.guard.lost():
            raise ClaimLostError("The claim was lost while the base was tried.")
        return BaseFound(
            found.green,
            self._redact(found.sentence),
            found.base_sha,
            body=self._redact(found.body),
        )


_WHY = {
    BaseState.CHECKING: "another claim tries its base",
    BaseState.WAITS: "its base is not green",
}
