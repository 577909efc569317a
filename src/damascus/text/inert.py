"""Text that a forge is to show and not to obey: no mention, no reference, no directive in it works.

A story, a spec or an agent may write `closes #1`, `@alice` or `[skip ci]`, and what Damascus sends
to a forge is sent with its rights. A blank is put where the forge's own patterns want none, so that
people read and copy the text as it was: `# 1`, `@ alice`, `acme/other! 4`, `issues/ 1`. Directives
in square brackets get round ones, a trailer loses its colon. Doing it twice changes nothing.
"""

from __future__ import annotations

import re
from typing import Final

_CLOSING: Final = (
    r"clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?"
    r"|reopen(?:s|ed|ing)?"
)
_CI: Final = (
    r"ci|cd|ci/cd|actions?|pipelines?|workflows?|builds?|deploy\w*|checks?|tests?|travis|appveyor"
    r"|azurepipelines|azp|netlify|vercel|circleci|circle|buildkite|drone|woodpecker|github|gitlab"
)
_RULES: Final = tuple(
    (re.compile(pattern, flags), to)
    for pattern, flags, to in (
        # people and teams; an address such as a@b.org has a word before it
        (r"(?<!\w)@(?=\w)", 0, "@ "),
        # issues and pull requests, here and in other repositories: #1, acme/other#3, !4, GH-5
        (r"(?<!&)#(?=\d)", 0, "# "),
        (r"!(?=\d)", 0, "! "),
        (r"(?<![A-Z0-9])GH-(?=\d)", re.IGNORECASE, "GH- "),
        # the same as addresses, and keys of other trackers behind a closing word
        (r"(?<=/)(issues|pulls?|merge_requests|work_items)/(?=\d)", re.IGNORECASE, r"\1/ "),
        (rf"({_CLOSING})(:?\s+)((?-i:[A-Z][A-Z0-9_]*-\d+))", re.IGNORECASE, r"\1\2(\3)"),
        # what keeps a runner from running, wherever it stands in a message
        (
            rf"\[(\s*(?:(?:skip|no)[\s_-]*(?:{_CI})|(?:{_CI})[\s_-]*skip)\s*)\]",
            re.IGNORECASE,
            r"(\1)",
        ),
        (r"\*{3}(NO_CI)\*{3}", re.IGNORECASE, r"\1"),
        # trailers that say who answers for a commit, or steer a forge
        (
            r"^([ \t>]*(?:[\w-]+-by|cc|change-id|skip-checks|(?:issue|pr|merge)-\w+))[ \t]*:",
            re.IGNORECASE | re.MULTILINE,
            r"\1 -",
        ),
        # commands to the forge or a bot, on a line of their own: /close, /merge
        (r"^([ \t]*)/(?=[a-z_-]+(?:[ \t]|$))", re.IGNORECASE | re.MULTILINE, r"\1/ "),
    )
)
_ROUNDS: Final = 8  # what one rule leaves may be another's: a bracket put before an `@`
_FENCE: Final = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)")


def inert(text: str) -> str:
    """Return plain text, such as a title or a commit message, without anything a forge obeys."""
    for _ in range(_ROUNDS):
        before = text
        for pattern, to in _RULES:
            text = pattern.sub(to, text)
        if text == before:
            break
    return text


def inert_markdown(text: str) -> str:
    """Like `inert`, for a body or a comment: what stands in fenced blocks is left as it is.

    A forge shows a fenced block and obeys nothing in it. A block must be closed to count as one.
    """
    done: list[str] = []
    prose: list[str] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        end = _end_of_block(lines, at)
        if end is None:
            prose.append(lines[at])
            at += 1
            continue
        done += [inert("\n".join(prose))] if prose else []
        done += lines[at : end + 1]
        prose = []
        at = end + 1
    done += [inert("\n".join(prose))] if prose else []
    return "\n".join(done)


def _end_of_block(lines: list[str], at: int) -> int | None:
    """The line that closes the fenced block that begins at `at`, None where none does."""
    opened = _FENCE.fullmatch(lines[at])
    if opened is None:
        return None
    fence = opened["fence"]
    if fence[0] == "`" and "`" in opened["info"]:
        return None
    for number in range(at + 1, len(lines)):
        closing = _FENCE.fullmatch(lines[number])
        if closing and closing["fence"].startswith(fence) and not closing["info"].strip():
            return number
    return None
