"""Reading a spec: six sections in one order, or a list of questions instead.

What is tolerated, because models do it and nothing is lost by it: CRLF, unseen characters,
talk before the first `##` heading, a whole answer wrapped in a ```` ```markdown ```` fence,
headings in another case or with closing `#`. What is not: a section missing, empty, twice, in
another order, or one that nobody asked for. A heading inside a code fence is text, not a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from damascus.text.sanitize import clean, one_line

SECTIONS = (
    "Goal",
    "Context",
    "Acceptance Criteria",
    "Implementation Plan",
    "TDD Plan",
    "Test Command",
)
QUESTIONS = "Open Questions"

_HEADING = re.compile(r" {0,3}##(?!#)[ \t]+(.*?)[ \t]*#*[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*(.*?)[ \t]*")
_WRAPPER = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*(?:markdown|md)[ \t]*", re.IGNORECASE)
_CRITERION = re.compile(
    r"\s*(?:[-*+]\s+)?(?:\[[ xX]\]\s+)?(?:\d+[.)]\s+)?(?:#{3,6}\s+)?[*_`]*AC-(\d+)\b(.*)"
)
_ENTRY = re.compile(r" {0,3}(?:[-*+]|\d+[.)]|[Qq]\d+[.:)])\s+(.*)")
_QUESTIONS_CAP = 10
_QUESTION_CAP = 2_000


class SpecWrongError(ValueError):
    """An answer that is neither a spec nor a question. `reasons` are sentences."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class SpecDocument:
    """A spec in its normal form, and the line of its test command."""

    text: str
    test_line: str
    criteria: int


@dataclass(frozen=True, slots=True)
class OpenQuestions:
    """What must be asked before a spec can be written."""

    questions: tuple[str, ...]


def parse(answer: str) -> SpecDocument | OpenQuestions:
    """Read a model's answer.

    Raises:
        SpecWrongError: with every reason at once.
    """
    sections, open_fence = _sections(_unwrapped(clean(answer).split("\n")))
    names = [name for name, _ in sections]
    if names == [QUESTIONS]:
        return _questions(sections[0][1])
    reasons = _about_sections(names)
    if open_fence:
        reasons.append(
            "A code fence is never closed, which hides everything after it; close each fence."
        )
    body = dict(reversed(sections))  # the first of a double counts
    reasons += [
        f"The section '## {name}' is empty."
        for name in SECTIONS
        if name in body and not "".join(body[name]).strip()
    ]
    criteria, wrong = _criteria(body.get("Acceptance Criteria", []))
    reasons += wrong
    line, wrong = _test_line(body.get("Test Command", []))
    reasons += wrong
    if reasons:
        raise SpecWrongError(reasons)
    text = "\n\n".join(f"## {name}\n\n{_text(body[name])}" for name in SECTIONS)
    return SpecDocument(text=text + "\n", test_line=line, criteria=criteria)


def with_test_command(text: str, line: str) -> str:
    """A spec in its normal form with `line` as its test command."""
    before, _, _ = text.rpartition("## Test Command\n")
    return f"{before}## Test Command\n\n```sh\n{line}\n```\n"


def _text(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _unwrapped(lines: list[str]) -> list[str]:
    """Take the ```` ```markdown ```` fence off a whole answer.

    Inside it, the fences of the spec itself come in pairs: an odd one is the wrapper's own end.
    """
    for place, line in enumerate(lines):
        if _HEADING.fullmatch(line):
            break
        if _WRAPPER.fullmatch(line):
            inner = lines[place + 1 :]
            fences = [n for n, text in enumerate(inner) if _FENCE.fullmatch(text)]
            return inner[: fences[-1]] if len(fences) % 2 else inner
    return lines


def _marked(lines: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each line with the fence it stands in (the fence lines included), or None."""
    fence: str | None = None
    for line in lines:
        if fence is None:
            mark = _FENCE.fullmatch(line)
            if mark and not (mark[1][0] == "`" and "`" in mark[2]):
                fence = mark[1]
            yield line, fence
            continue
        yield line, fence
        if _closes(line, fence):
            fence = None


def _sections(lines: Sequence[str]) -> tuple[list[tuple[str, list[str]]], bool]:
    known = {name.casefold(): name for name in (*SECTIONS, QUESTIONS)}
    found: list[tuple[str, list[str]]] = []
    *marked, (_, left_open) = _marked([*lines, ""])
    for line, fence in marked:
        heading = None if fence else _HEADING.fullmatch(line)
        if heading:
            name = " ".join(heading[1].strip("*_: ").split())
            found.append((known.get(name.casefold(), name), []))
        elif found:
            found[-1][1].append(line)
    return found, left_open is not None


def _about_sections(names: Sequence[str]) -> list[str]:
    if not names:
        return [
            "The answer has no '##' section; write the six sections, or only '## Open Questions'."
        ]
    reasons = [f"The section '## {name}' is missing." for name in SECTIONS if name not in names]
    doubles = sorted({name for name in names if names.count(name) > 1})
    reasons += [
        f"The section '## {one_line(name, 80)}' is there more than once." for name in doubles
    ]
    for name in dict.fromkeys(names):
        if name == QUESTIONS:
            reasons.append(
                "'## Open Questions' stands beside other sections; write either a spec without "
                "open questions, or the questions alone."
            )
        elif name not in SECTIONS:
            reasons.append(
                f"The section '## {one_line(name, 80)}' is not one of the six; use '###' "
                "for headings inside a section."
            )
    if not reasons and tuple(names) != SECTIONS:
        reasons.append(f"The sections are not in the order {', '.join(SECTIONS)}.")
    return reasons


def _criteria(lines: Sequence[str]) -> tuple[int, list[str]]:
    found = [
        criterion
        for line, fence in _marked(lines)
        if fence is None and (criterion := _CRITERION.fullmatch(line))
    ]
    if not found:
        return 0, ["No criterion begins with 'AC-1'; number them AC-1, AC-2, …, one a line."]
    reasons: list[str] = []
    numbers = [int(criterion[1]) for criterion in found]
    if numbers != list(range(1, len(numbers) + 1)):
        told = ", ".join(f"AC-{number}" for number in numbers)
        reasons.append(f"The criteria are numbered {told}; number them AC-1, AC-2, … in order.")
    reasons += [
        f"AC-{criterion[1]} says nothing; write the criterion on the same line."
        for criterion in found
        if not re.search(r"\w", criterion[2])
    ]
    return len(found), reasons


def _test_line(lines: Sequence[str]) -> tuple[str, list[str]]:
    blocks: list[list[str]] = []
    inside = False
    for line, fence in _marked(lines):
        if fence and not inside:
            blocks.append([])
        elif fence and not _closes(line, fence) and line.strip():
            blocks[-1].append(line.strip())
        inside = fence is not None and not (inside and _closes(line, fence))
    if len(blocks) != 1:
        return "", [
            f"The test command must stand in one code fence of its own; there are {len(blocks)}."
        ]
    if len(blocks[0]) != 1:
        return "", [
            f"The code fence of the test command must hold one line; it holds {len(blocks[0])}."
        ]
    return blocks[0][0].removeprefix("$ "), []


def _closes(line: str, fence: str) -> bool:
    mark = _FENCE.fullmatch(line)
    return bool(mark and not mark[2] and mark[1][0] == fence[0] and len(mark[1]) >= len(fence))


def _questions(lines: Sequence[str]) -> OpenQuestions:
    """Take each entry of the list with the lines that continue it; without a list, the text."""
    entries: list[str] = []
    for line in lines:
        if entry := _ENTRY.fullmatch(line):
            entries.append(entry[1])
        elif entries:
            entries[-1] += f"\n{line}"
    whole = "\n".join(lines).strip()
    asked = [q for entry in entries or [whole] if (q := one_line(entry, _QUESTION_CAP))]
    if not any(re.search(r"\w", question) for question in asked):
        raise SpecWrongError(["'## Open Questions' asks nothing; ask, or write the spec."])
    if [q.strip("*_. ").casefold() for q in asked] in (["none"], ["n/a"], ["no open questions"]):
        raise SpecWrongError(["There is no open question, so the spec should have been written."])
    return OpenQuestions(tuple(asked[:_QUESTIONS_CAP]))
