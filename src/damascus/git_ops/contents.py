"""What a checkout holds beside the files of its own commit: submodules, and files of Git LFS."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from damascus.git_ops.large_files import LargeFiles
from damascus.git_ops.mirrors import Mirrors
from damascus.git_ops.process import GitProcess
from damascus.git_ops.submodules import Submodules
from damascus.ports import Missing, Remote, Workspace

log = logging.getLogger(__name__)
_LOGGED = 20


class Contents:
    """Brings contents into checkouts, from `mirrors`; see `Submodules` and `LargeFiles`."""

    def __init__(
        self,
        process: GitProcess,
        mirrors: Mirrors,
        *,
        submodule_directories: Sequence[Path],
        large_files_bytes: float,
    ) -> None:
        self._process = process
        self.large_files = LargeFiles(process, mirrors, most_bytes=large_files_bytes)
        self.submodules = Submodules(
            process, mirrors, self.large_files, directories=submodule_directories
        )

    def bring(
        self, workspace: Workspace, remote: Remote, *, trusted: Sequence[str]
    ) -> Sequence[Missing]:
        """Bring all that can be; returns what is missing, and logs the beginning of it.

        Raises ForgeUnreachableError, and GitError for a fault of this machine.
        """
        missing = self.submodules.bring(workspace, remote, trusted=trusted)
        git = partial(self._process.run, workspace=workspace)
        absent = self.large_files.bring(workspace.checkout, "", remote, git, index=True)
        missing += [replace(one, new=self._is_new(workspace, one.path, trusted)) for one in absent]
        for one in missing[:_LOGGED]:
            log.warning("%s is missing in a checkout: %s", one.path, one.why)
        return missing

    def _is_new(self, workspace: Workspace, path: str, trusted: Sequence[str]) -> bool:
        """Tell whether no trusted commit has the file as it is committed."""
        if not self._process.cleans:
            return False
        tips = ["HEAD", *trusted]
        git = partial(self._process.run, "rev-parse", "--verify", "--quiet", workspace=workspace)
        here, *there = [git(f"{tip}:{path}").text for tip in tips]
        return here not in there
