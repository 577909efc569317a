"""What Damascus is installed from: its own wheel or a clone, never a package index.

Nothing is published under its distribution name, and a package index has a project of another
owner that is called `damascus`. So advice about installing names the wheel or the clone.
"""

from __future__ import annotations

from typing import Final

DISTRIBUTION: Final = "damascus-orchestrator"
_WHEEL: Final = "damascus_orchestrator-*.whl"


def install_extra(extra: str) -> str:
    """How to install an optional part, as the end of a sentence: `extra` is its name."""
    return (
        f"install it from a clone (pip install '.[{extra}]') or from the wheel of `make dist` "
        f"(pip install '{_WHEEL}[{extra}]' with the file's whole name)"
    )
