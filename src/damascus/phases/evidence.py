"""Untrusted text made safe to show: to a person, to a forge, to a model.

What stories, models, repositories and test commands say may hold control characters, Markdown
that closes a fence, or a gigabyte. Everything shown goes through here.
"""

from __future__ import annotations

import re

# Colours and cursor moves (CSI), window titles and links (OSC … BEL or ST), other escapes.
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
# Control characters but tab and newline, lone surrogates (neither JSON nor PostgreSQL takes them,
# nor NUL), and the marks that reorder or hide text for a human reader.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
_BACKTICKS = re.compile(r"`+")


def clean(text: str) -> str:
    """Return `text` with line feeds only, without escapes and unseen characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("", _ANSI.sub("", text))


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


def one_line(text: str, cap: int) -> str:
    """Return cleaned `text` as one line of at most `cap` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= cap else f"{line[: cap - 1]}…"


def fenced(text: str, language: str = "text") -> str:
    """Return `text` as a Markdown code block that nothing inside it can close.

    Inside a code block a forge neither mentions people, closes issues, loads images nor renders
    HTML.
    """
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
