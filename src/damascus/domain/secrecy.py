"""What must never be written down, found by value and by form, and taken out.

By value: the secrets of this installation, as they are and as programs usually write them (in a
URL, in JSON, in base64 or hexadecimal). By form: what looks like somebody's token or private key.
What somebody disguises on purpose in another way is not found: that is why an agent is given
nothing but a token of its own, limited in money and time.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, unquote, urlsplit

from damascus.domain.work import PhaseResult

HIDDEN: Final = "(hidden)"
SHORTEST: Final = 8  # characters: what is shorter is rather a word than a secret
LONGEST_WORD: Final = 15  # letters only, and no more than this: a word, such as a default password
_FORMS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|xox[abprs]-[\w-]{10,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
_HEADER: Final = re.compile(
    r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+)"
    r"[^\s\"',;]{8,}"
)


class Secrecy:
    """Takes secrets out of text. `values` are what is secret; of addresses it is the password."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = {part for value in values for part in _parts(value) if _is_secret(part)}
        self.values: tuple[str, ...] = tuple(sorted(known, key=lambda v: (-len(v), v)))
        written = {way for value in self.values for way in _ways(value)}
        self.needles: tuple[str, ...] = tuple(sorted(written, key=lambda n: (-len(n), n)))

    def hide_values(self, text: str) -> str:
        """Return `text` without the known secrets."""
        for needle in self.needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        return text

    def hide(self, text: str) -> str:
        """Return `text` without the known secrets and without what looks like one."""
        text = _FORMS.sub(HIDDEN, self.hide_values(text))
        return _HEADER.sub(rf"\g<1>{HIDDEN}", text)

    def hide_in(self, value: Any) -> Any:
        """Return a JSON value with every text in it, names too, as `hide` leaves it."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            pairs = cast("Mapping[Any, Any]", value).items()
            return {self.hide_in(name): self.hide_in(one) for name, one in pairs}
        if isinstance(value, (list, tuple)):
            return [self.hide_in(one) for one in cast("Iterable[Any]", value)]
        return value

    def result(self, result: PhaseResult) -> PhaseResult:
        """Return a phase's result as it may be stored.

        The spec is the work's own material: an example in it stays, a known secret does not.
        """
        return dataclasses.replace(
            result,
            summary=self.hide(result.summary),
            details=self.hide_in(result.details),
            questions=tuple(self.hide(question) for question in result.questions),
            spec=None if result.spec is None else self.hide_values(result.spec),
        )


def _parts(value: str) -> Iterator[str]:
    """Yield what is secret in a value: of an address its password, and with it the whole."""
    if "://" not in value:
        yield value
        return
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    if password:
        yield from (value, password, unquote(password))


def _is_secret(value: str) -> bool:
    return len(value) >= SHORTEST and not (value.isalpha() and len(value) <= LONGEST_WORD)


def _ways(value: str) -> Iterator[str]:
    """Yield how programs write a value down."""
    raw = value.encode("utf-8", "surrogateescape")
    yield from (value, quote(value, safe=""), json.dumps(value)[1:-1], raw.hex())
    for shift in range(3):  # base64 depends on where in its input the value begins
        coded = base64.b64encode(b"\0" * shift + raw).decode()
        first, last = (0, 2, 3)[shift], len(raw) + shift
        inner = coded[first : last // 3 * 4]
        if len(inner) >= SHORTEST + 4:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
