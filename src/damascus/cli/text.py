"""Text from outside (titles, stories, model output, logs) made safe for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from damascus.text.sanitize import clean

__all__ = [
    "budget",
    "budget_name",
    "clean",
    "duration",
    "moment",
    "money",
    "one_line",
    "width",
]

_WIDE = frozenset("WF")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def one_line(text: str) -> str:
    """The same on one line, runs of white space as one space."""
    return " ".join(clean(text).split())


def width(text: str) -> int:
    """How many columns of a terminal a line takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in _WIDE)
        for sign in text
    )


def duration(seconds: float | None) -> str:
    """A span of time for people: `12 s`, `3 min`, `2 h 05 min`, `4 d 3 h`; `-` for None."""
    if seconds is None:
        return "-"
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def money(usd: Decimal | None, *, estimated: bool = False) -> str:
    """US dollars for people; `-` where nothing was measured, `~` before an estimate."""
    if usd is None:
        return "-"
    return f"{'~' if estimated else ''}${usd:,.4f}"


def moment(time: datetime | None) -> str:
    """A point in time for people, in their own time zone; `-` for None."""
    return "-" if time is None else f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def budget(window: Mapping[str, Any]) -> str:
    """A budget by day or month, and what is spent and reserved of it."""
    reserved = f", {money(window['reserved_usd'])} reserved" if window["reserved_usd"] else ""
    return (
        f"{money(window['spent_usd'])} of {money(window['budget_usd'])} spent{reserved}; "
        f"turns at {window['turns_at']:%Y-%m-%d %H:%M} UTC"
    )


def budget_name(window: Mapping[str, Any]) -> str:
    """Whose budget it is, and by what."""
    return f"budget {window['project'] or 'of all'}, {window['budget']}"
