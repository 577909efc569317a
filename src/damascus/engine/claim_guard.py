"""Forge and git behind the claim: what changes something outside is refused once the claim is lost.

The database refuses a stale worker by its epoch; a forge knows nothing of epochs. So the last look
at the claim is taken here, right before each call that changes something. (What is frozen between
this look and the call itself is stopped by the lease of the push and the tested head of the merge.)
"""

from __future__ import annotations

from typing import Any

from damascus.errors import ClaimLostError
from damascus.ports import ClaimGuard, Forge, Git

_FORGE = frozenset({"ensure_pull", "comment", "set_status", "merge", "delete_branch"})
_GIT = frozenset({"push"})


class _Guarded:
    """Passes every verb on; those in `verbs` only while the claim holds."""

    def __init__(self, inner: object, guard: ClaimGuard, verbs: frozenset[str]) -> None:
        self._inner = inner
        self._guard = guard
        self._verbs = verbs

    def __getattr__(self, name: str) -> Any:
        if name in self._verbs and self._guard.lost():
            raise ClaimLostError(f"The claim was lost: {name.replace('_', ' ')} is left undone.")
        return getattr(self._inner, name)


def guarded_forge(forge: Forge, guard: ClaimGuard) -> Forge:
    """`forge`, whose changing verbs raise ClaimLostError when the claim is lost."""
    wrapped: Any = _Guarded(forge, guard, _FORGE)
    return wrapped


def guarded_git(git: Git, guard: ClaimGuard) -> Git:
    """`git`, whose push raises ClaimLostError when the claim is lost."""
    wrapped: Any = _Guarded(git, guard, _GIT)
    return wrapped
