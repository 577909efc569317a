"""The one cleaner of text that was written by others: stories, models, repositories, commands.

Such text may hold control characters, Markdown that closes a fence, or a gigabyte. Cleaned text can
be stored by PostgreSQL, written as JSON and printed on a terminal.
"""

from __future__ import annotations

import re
from typing import Final

# Whole escape sequences, so that their letters go with them: CSI, OSC and the other strings, and
# two-character escapes; in the seven-bit form and as the single C1 characters. A string that does
# not end on its line is none: nothing may hide what follows it.
ESCAPES: Final = (
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# Control characters but tab and line feed; lone surrogates (neither JSON nor PostgreSQL takes
# them, nor NUL); marks that reorder a line, hide in it, or smuggle text into it (tag characters).
INVISIBLE: Final = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_ESCAPES = re.compile(ESCAPES)
_INVISIBLE = re.compile(INVISIBLE)
_BACKTICKS = re.compile(r"`+")


def clean(text: str) -> str:
    """Return `text` with line feeds only, without escape sequences and invisible characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\x85", "\n")
    return _INVISIBLE.sub("", _ESCAPES.sub("", text))


def head(text: str, cap: int) -> str:
    """Return the first `cap` characters of cleaned `text`, and a line that says what is missing."""
    text = clean(text)
    if len(text) <= cap:
        return text
    return f"{text[:cap]}\n[… {len(text) - cap} more characters left out]"


def tail(text: str, cap: int) -> str:
    """Return the last `cap` characters of cleaned `text`, and a line that says what is missing."""
    text = clean(text)
    if len(text) <= cap:
        return text
    return f"[… {len(text) - cap} characters left out]\n{text[-cap:]}"


def one_line(text: str, cap: int | None = None) -> str:
    """Return cleaned `text` as one line; of more than `cap` characters the beginning and `…`."""
    line = " ".join(clean(text).split())
    return line if cap is None or len(line) <= cap else f"{line[: cap - 1]}…"


def last_line(text: str, cap: int) -> str:
    """Return cleaned `text` as one line; of more than `cap` characters `…` and the end."""
    line = " ".join(clean(text).split())
    return line if len(line) <= cap else f"…{line[len(line) - cap + 1 :]}"


def fenced(text: str, language: str = "text") -> str:
    """Return `text` as a Markdown code block that nothing inside it can close.

    Inside a code block a forge neither mentions people, closes issues, loads images nor renders
    HTML.
    """
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
