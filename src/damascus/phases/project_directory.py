"""The directory of a checkout that is the project: whether it is there, and what lies in it."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Sequence
from pathlib import Path

from damascus.domain.work import Project, Verdict
from damascus.phases.test_run import MergedTree, TestRun, refused_run
from damascus.ports import Git, Workspace


def refusal(project: Project, tree: MergedTree) -> TestRun | None:
    """What is wrong where the tree has no such directory, so that no command can start there."""
    if is_there(tree.workspace.checkout, project.directory):
        return None
    sentence = f"There is no directory {project.directory} in which the project's commands start."
    refused = refused_run(Verdict.FAIL, tree, (project.directory,), sentence, None)
    return dataclasses.replace(refused, not_begun="directory")


def is_there(checkout: Path, directory: str) -> bool:
    """Tell whether a checkout has a directory, and no link on the way that may lead elsewhere."""
    place = checkout
    for part in directory.split("/") if directory else ():
        place /= part
        try:
            mode = place.lstat().st_mode
        except OSError:
            return False
        if not stat.S_ISDIR(mode):
            return False
    return True


def files(git: Git, workspace: Workspace, project: Project, *, limit: int) -> Sequence[str]:
    """Paths of the checked-out commit, at most `limit`: those of the project's directory first."""
    whole = git.files(workspace, limit=limit)
    if not project.directory:
        return whole
    own = git.files(workspace, limit=limit, below=project.directory)
    return list(dict.fromkeys((*own, *whole)))[:limit]


def make(checkout: Path, directory: str) -> None:
    """Make the directory where a commit has no file in it; what stands in its place is left."""
    place = checkout
    for part in directory.split("/") if directory else ():
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            return
        place.mkdir(exist_ok=True)
