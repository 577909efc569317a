"""Ends attempts on this machine: their work is kept where that can be done, their directories go.

To keep work may fail: a full disk, a tree that git cannot take. The directory goes all the same,
and the log of the run says what was not kept.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from damascus.attempts.archive import Archive
from damascus.attempts.directories import RunDirectories
from damascus.environments.store import EnvironmentStore
from damascus.errors import DamascusError

log = logging.getLogger(__name__)
PRUNE_EVERY: Final = 600.0  # seconds, unless something was kept


class Cleaner:
    """Cleans the run directories of this machine; nothing it does raises."""

    def __init__(
        self, directories: RunDirectories, archive: Archive, environments: EnvironmentStore
    ) -> None:
        self._directories = directories
        self._archive = archive
        self._environments = environments
        self._pruned_at: float | None = None

    def clean(self, project: str, item_id: int, epoch: int) -> None:
        """End an attempt of this process, and those whose workers died."""
        self._clean(project, item_id, epoch, mine=True)
        self.clean_left_behind()

    def clean_left_behind(self) -> None:
        """End the attempts whose workers died, and remove what is old or too much."""
        for run in self._directories.left_behind():
            self._clean(run.project, run.item_id, run.epoch, mine=False)
        self._directories.prune()
        if self._pruned_at is not None and time.monotonic() < self._pruned_at + PRUNE_EVERY:
            return
        self._pruned_at = time.monotonic()
        self._environments.prune()
        try:
            self._archive.prune()
        except (OSError, DamascusError) as error:
            log.warning("old work of attempts is left where it is: %s", error)

    def _clean(self, project: str, item_id: int, epoch: int, *, mine: bool) -> None:
        with self._directories.owned(item_id, epoch, mine=mine) as ours:
            if not ours:
                return
            if project:
                self._keep(project, item_id, epoch)
            self._directories.empty(item_id, epoch)

    def _keep(self, project: str, item_id: int, epoch: int) -> None:
        workspace = self._directories.of(item_id, epoch)
        try:
            if self._archive.keep(workspace, project=project, item_id=item_id, epoch=epoch):
                self._pruned_at = None
        except (OSError, DamascusError) as error:
            why = str(error)
        except Exception as error:
            log.exception("a bug in keeping the work of item %d", item_id)
            why = f"{type(error).__name__}: {error}"
        else:
            return
        sentence = f"what attempt {epoch} of item {item_id} left could not be kept: {why}"
        log.warning("%s", sentence)
        self._directories.note(item_id, epoch, sentence)
