"""Names that people give: they are shown everywhere, and stand in branches and addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from damascus.errors import UsageError


@dataclass(eq=False)
class NameHoldsSecretError(UsageError):
    """A name holds a secret of this installation, or looks like a token. `what` it names."""

    what: str

    def __str__(self) -> str:
        return f"{self.what} holds a secret, and a name is shown everywhere: give another one"


def check_shown(name: str, redact: Callable[[str], str], *, what: str) -> None:
    """Raise NameHoldsSecretError where `redact` takes something out of `name`."""
    if redact(name) != name:
        raise NameHoldsSecretError(what)
