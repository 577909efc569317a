"""Forms of one request: what a model does not know of it is said otherwise, or left out.

Models that speak one protocol do not know the same parameters: where one wants `max_tokens`, the
next wants `max_completion_tokens`. The provider's refusal names the parameter.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from typing import Any, Final

Request = Mapping[str, Any]

_LIMITS: Final = ("max_tokens", "max_completion_tokens")
# What a request can do without. The limit of the answer is renamed first, and left out last.
_DISPENSABLE: Final = (*_LIMITS, "temperature", "top_p", "response_format", "seed", "stop")
_NOT_KNOWN: Final = re.compile(
    r"unsupported|not supported|(?:does|do) not support|doesn't support|unknown|unrecogni[sz]ed"
    r"|unexpected|extra inputs|not permitted|not allowed|is deprecated|no longer supported",
    re.IGNORECASE,
)


def other_form(
    request: Request, said: str, refused_before: Collection[str] = ()
) -> dict[str, Any] | None:
    """The request in the form that a provider asks for; None where its refusal asks for none.

    `said` are the words with which it refused `request`, `refused_before` the parameters that it
    refused in an earlier form: nothing goes by such a name again.
    """
    if not _NOT_KNOWN.search(said):
        return None
    refused = _named_first(request, said)
    if refused is None:
        return None
    form = {name: value for name, value in request.items() if name != refused}
    other = next((name for name in _LIMITS if name != refused), "")
    if refused in _LIMITS and other not in refused_before and re.search(rf"\b{other}\b", said):
        form[other] = request[refused]
    return form


def _named_first(request: Request, said: str) -> str | None:
    """The parameter of the request that `said` names first: what comes later is advice."""
    found = {
        name: place.start()
        for name in _DISPENSABLE
        if name in request and (place := re.search(rf"\b{name}\b", said))
    }
    return min(found, key=lambda name: found[name], default=None)


class RequestForms:
    """Which form each model takes, as far as it is known; safe to share by threads.

    Forms are kept as the name that each parameter goes by, "" for one that is left out.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def apply(self, model: str, request: Request) -> dict[str, Any]:
        """The request in the form that is known of `model`."""
        with self._lock:
            names = dict(self._known.get(model, {}))
        form = {names.get(name, name): value for name, value in request.items()}
        form.pop("", None)
        return form

    def learn(self, model: str, request: Request, form: Request) -> None:
        """Remember that `model` has taken `form` for what is `request` otherwise."""
        gone = [name for name in request if name not in form]
        fresh = [name for name in form if name not in request]
        names = {name: fresh[0] if fresh and name in _LIMITS else "" for name in gone}
        with self._lock:
            self._known.setdefault(model, {}).update(names)
