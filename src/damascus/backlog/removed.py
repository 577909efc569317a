"""Every act tells how many secrets were taken out of what its caller gave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

from damascus.backlog.outcomes import Told
from damascus.text.removed import counting_removed

P = ParamSpec("P")
T = TypeVar("T", bound=Told)


def tells_removed(verb: Callable[P, T]) -> Callable[P, T]:
    """The verb, whose outcome has `secrets_removed`: those that its statements held."""

    @wraps(verb)
    def counted(*args: P.args, **kwargs: P.kwargs) -> T:
        with counting_removed() as removed:
            done = verb(*args, **kwargs)
        return replace(done, secrets_removed=max(len(removed), done.secrets_removed))

    return counted
