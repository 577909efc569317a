r"""The one redactor: takes secrets out of text before it is stored, logged, told or shown.

By value: the secrets of this installation, as they are and as programs usually write them (in a
URL, in JSON, in base64, in hexadecimal). By shape: what looks like somebody's token or private key.
Both in the text as it is and as its readers will see it (`views`), so that an escape sequence or a
`\u0070` in the middle hides nothing.

There is one threshold (`is_secret`) and one mask (`MASK`). What somebody disguises on purpose in
another way is not found: that is why an agent is given nothing but a token of its own, limited in
money and time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from damascus.text import encoded, private_keys, shapes
from damascus.text.json_texts import with_each_text
from damascus.text.literals import holds
from damascus.text.mask import MASK, Span, masked, united
from damascus.text.streams import StreamRedactor
from damascus.text.views import views

__all__ = ["MASK", "SHORTEST", "Redacted", "Redactor", "is_secret"]

SHORTEST: Final = 8  # characters: what is shorter is rather a word than a secret
_SHORT: Final = 100  # characters: the names and words of JSON come again and again
_ROUNDS: Final = 8  # each makes the text shorter, or ends it: a bound for what nobody thought of
LONGEST_WORD: Final = 15  # letters only, and no more than this: a word, such as a default password


def is_secret(value: str) -> bool:
    """Tell whether a value is searched for: long enough, and no plain word."""
    word = value.isalpha() and len(value) <= LONGEST_WORD
    return len(value) >= SHORTEST and not word and value not in MASK


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without secrets, and the different ones that were taken out, as they were written."""

    text: str
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


class Redactor:
    """Takes secrets out of text. `values` are what is secret; of addresses it is the password.

    Redacting twice changes nothing. The time grows with the length of the text.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self.values: tuple[str, ...] = ()
        self._wanted: tuple[str, ...] = ()
        self._short = lru_cache(maxsize=4096)(self.redact)
        self.learn(values)

    def learn(self, values: Iterable[str]) -> None:
        """Know more secrets from now on. Streams that have begun hold back no more than before."""
        parts = {part for value in values for part in _parts(value) if is_secret(part)}
        known = parts.union(self.values)
        if len(known) == len(self.values):
            return
        # A view undoes what URLs and JSON do to a text: only what it cannot undo is looked for.
        self._wanted = tuple(sorted({way for value in known for way in _kept_ways(value)}))
        self.values = tuple(sorted(known, key=lambda v: (-len(v), v)))
        self.__dict__.pop("_sought", None)
        self._short = lru_cache(maxsize=4096)(self.redact)

    @property
    def longest(self) -> int:
        """Characters of the longest way to write a value."""
        return max((len(way) for way in self._wanted), default=0)

    @property
    def needles(self) -> tuple[str, ...]:
        """Every way to write a known secret, for a search through bytes; the longest first."""
        ways = {way for value in self.values for way in (*_kept_ways(value), *_other_ways(value))}
        return tuple(sorted(ways, key=lambda way: (-len(way), way)))

    @property
    def many_lined(self) -> tuple[str, ...]:
        """The values that go over more than one line."""
        return tuple(value for value in self.values if "\n" in value)

    @cached_property
    def _sought(self) -> tuple[bytes, ...]:
        return tuple(way.encode("utf-8", "surrogateescape") for way in self.needles)

    def known_in(self, data: bytes) -> bool:
        """Tell whether a known secret stands in `data`; ten times faster than `redact`."""
        return any(way in data for way in self._sought)

    def redact(self, text: str) -> str:
        """Return `text` with each secret in it replaced by the mask."""
        return self.count(text).text

    def count(self, text: str) -> Redacted:
        """Like `redact`, and what was taken out."""
        secrets: set[str] = set()
        for _ in range(_ROUNDS):
            if len(text) < SHORTEST or not (found := self.spans(text)[0]):
                break
            secrets.update(text[start:end] for start, end in found)
            # Once more: what stands beside a mask may be a secret that the letters there concealed.
            text = masked(text, found)
        return Redacted(text, frozenset(secrets))

    def redact_json(self, value: Any) -> Any:
        """Return a JSON value with every text in it, names too, as `redact` leaves it."""
        return with_each_text(value, self._redact_again)

    def _redact_again(self, text: str) -> str:
        return self._short(text) if len(text) <= _SHORT else self.redact(text)

    def stream(self) -> StreamRedactor:
        """A redactor for text that arrives in pieces."""
        return StreamRedactor(self)

    def spans(self, text: str, *, in_key: bool = False) -> tuple[list[Span], bool]:
        """Where the secrets are, apart and in order; and whether the text ends in a private key.

        `in_key` says that a private key began before this text.
        """
        found: list[Span] = []
        ends_in_key = False
        for view in views(text):
            places = [*self._values_in(view.text), *shapes.spans(view.text)]
            places += encoded.spans(view.text)
            keys, inside = private_keys.spans(view.text, inside=in_key)
            ends_in_key = ends_in_key or inside
            found += (view.span(start, end) for start, end in (*places, *keys) if end > start)
        return united(found), ends_in_key

    def _values_in(self, text: str) -> Iterator[Span]:
        for wanted in self._wanted:
            if not holds(text, wanted):
                continue
            at = text.find(wanted)
            while at >= 0:
                yield at, at + len(wanted)
                at = text.find(wanted, at + len(wanted))


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


def _kept_ways(value: str) -> Iterator[str]:
    """Yield how programs write a value down in a way that no view undoes."""
    raw = value.encode("utf-8", "surrogateescape")
    yield from (value, raw.hex(), raw.hex().upper())
    if " " in value:
        yield quote_plus(value)
    for part in encoded.base64_ways(raw):
        if len(part) >= SHORTEST + 4:
            yield from (part, part.replace("+", "-").replace("/", "_"))


def _other_ways(value: str) -> Iterator[str]:
    """Yield the ways that a view undoes."""
    yield from (quote(value, safe=""), quote(value), json.dumps(value)[1:-1])
    yield json.dumps(value, ensure_ascii=False)[1:-1]
