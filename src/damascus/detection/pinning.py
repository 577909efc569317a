"""A proposal as what is pinned: fields of the project's policy, and the programs they start."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from damascus.detection.repository import Proposal

_BUILT_IN = frozenset({"cd", "export", "set", "true", "test", "[", "for", "if", "umask"})


def as_policy(proposal: Proposal) -> dict[str, Any]:
    """The fields of the policy that make a proposal the project's own."""
    fields: dict[str, Any] = {"test_command": list(proposal.argv)}
    if proposal.setup:
        fields["setup_commands"] = list(proposal.setup)
    return fields


def programs(lines: Sequence[str], argv: Sequence[str]) -> tuple[str, ...]:
    """The programs that must be on the PATH for `lines` of shell and then `argv` to begin.

    What lies in the checkout or in HOME is made by the set-up itself.
    """
    found = [*(_first_word(line) for line in lines), *argv[:1]]
    looked_up = [word for word in found if word and "/" not in word and word not in _BUILT_IN]
    return tuple(dict.fromkeys(looked_up))


def _first_word(line: str) -> str:
    try:
        words = shlex.split(line)
    except ValueError:
        return ""
    return next((word for word in words if not re.match(r"[A-Za-z_]\w*=", word)), "")
