"""What a coding agent wrote while it worked, as a person reads it.

Claude Code writes a JSON object a line (its `stream-json`); every other line stands as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

_RESULT_CAP = 4000  # characters shown of what a tool answered
_INPUT_CAP = 300  # and of what it was asked
_TELLING = ("command", "file_path", "path", "pattern", "description", "prompt")  # of a tool's input


def readable(line: str) -> str | None:
    """One line of a log without its end, as text of one line or several; None to leave it out.

    Never raises: an agent may write anything.
    """
    if not line.startswith('{"'):
        return line
    try:
        told: Any = json.loads(line)
    except (ValueError, RecursionError):
        return line
    known = _object(told)
    if not isinstance(known.get("type"), str):
        return line
    lines = list(_lines(known))
    return "\n".join(lines) if lines else None


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    match told["type"]:
        case "system" if told.get("subtype") == "init":
            yield f"-- the agent begins, with the model {told.get('model')}"
        case "assistant" | "user":
            yield from _content(_object(told.get("message")).get("content"))
        case "result":
            usd = told.get("total_cost_usd")
            cost = f", ${usd:.4f} by its own count" if isinstance(usd, float) else ""
            yield f"-- the agent ended: {told.get('subtype')}, {told.get('num_turns')} turns{cost}"
            if told.get("is_error"):
                yield str(told.get("result"))[:_RESULT_CAP]
        case _:
            pass


def _content(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    if not isinstance(content, list):
        return
    for part in cast("list[Any]", content):
        block = _object(part)
        match block.get("type"):
            case "text":
                yield str(block.get("text"))
            case "tool_use":
                yield _use(block)
            case "tool_result":
                yield from _indented(_text(block.get("content")))
            case _:
                pass


def _object(value: Any) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _use(block: Mapping[str, Any]) -> str:
    asked = _object(block.get("input"))
    if isinstance(asked.get("command"), str):
        return f"$ {asked['command']}"
    about = next((str(asked[name]) for name in _TELLING if name in asked), "")
    return f"> {block.get('name')} {about[:_INPUT_CAP]}".rstrip()


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = cast("list[Any]", content)
    return "\n".join(str(_object(part).get("text", "")) for part in parts)


def _indented(text: str) -> Iterator[str]:
    more = len(text) - _RESULT_CAP
    for line in text[:_RESULT_CAP].splitlines():
        yield f"  {line}"
    if more > 0:
        yield f"  (and {more} characters more)"
