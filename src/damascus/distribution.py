"""What Damascus is installed from: its own wheel or a clone, never a package index.

Nothing is published under its distribution name, and a package index has a project of another
owner that is called `damascus`. So advice about installing names the wheel or the clone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

DISTRIBUTION: Final = "damascus-orchestrator"
_WHEEL: Final = "damascus_orchestrator-*.whl"


def install_extra(extra: str) -> str:
    """How to install an optional part, as the end of a sentence: `extra` is its name."""
    return (
        f"install it from a clone (pip install '.[{extra}]') or from the wheel of `make dist` "
        f"(pip install '{_WHEEL}[{extra}]' with the file's whole name)"
    )


@cache
def revision() -> str:
    """The commit this program was built from, or whose clone it runs in; empty if nobody knows.

    A wheel has it in a file, which `hatch_build.py` writes.
    """
    here = Path(__file__).parent
    try:
        return (here / "revision.txt").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return _of_clone(here.parents[1] / ".git")


def _of_clone(git: Path) -> str:
    """The commit that is checked out, read as git keeps it: no program is run for it."""
    try:
        if git.is_file():  # a further working tree of a repository
            git = git.parent / git.read_text("utf-8").partition("gitdir:")[2].strip()
        common = git / "commondir"
        shared = git / common.read_text("utf-8").strip() if common.is_file() else git
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (shared / name).is_file():
            return (shared / name).read_text("utf-8").strip()
        lines = (shared / "packed-refs").read_text("utf-8").splitlines()
        return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")
    except (OSError, UnicodeDecodeError):
        return ""
