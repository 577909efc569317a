"""The requests a scripted model gets, and the replies it can give.

A script is a function from one parsed request to one reply. It says what to do (write these files,
finish); `moves` turns that into the tool calls of whichever agent is asking, so that the same
script plays to Claude Code and to mini-swe-agent. A script that looks only at its argument may
serve many conversations at once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath
from typing import Any, TypeAlias

WORKING_DIRECTORY = re.compile(
    r"^\W*(?:Primary )?working directory: *(/.*?) *$", re.IGNORECASE | re.MULTILINE
)
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"  # how mini-swe-agent is told to stop


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the model, whichever protocol it came by ("openai" or "anthropic").

    `system` is all system text; `messages` are the others as they came on the wire; `turns` counts
    the assistant's messages among them; `tools` are the names of the tools offered; `parameters`
    names all that the request says. `number` counts the requests of this server from 1.
    """

    protocol: str
    model: str
    system: str
    messages: tuple[Mapping[str, Any], ...]
    turns: int
    tools: frozenset[str]
    stream: bool
    number: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    parameters: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """All text the model was shown, system text first."""
        return "\n".join([self.system, *(text_of(m.get("content")) for m in self.messages)])

    @property
    def cwd(self) -> str | None:
        """The directory the agent says it works in, where it says so (Claude Code does)."""
        found = WORKING_DIRECTORY.search(self.text)
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Say:
    """Plain text, and the end of the turn."""

    text: str


@dataclass(frozen=True, slots=True)
class Act:
    """Write files (paths relative to the checkout, whole contents)."""

    files: Mapping[str, str]
    text: str = "Writing the files."


@dataclass(frozen=True, slots=True)
class Run:
    """Run one shell command with whatever tool the agent has for it."""

    command: str
    text: str = "Running a command."


@dataclass(frozen=True, slots=True)
class Done:
    """Say that the work is finished, in the form this agent expects."""

    text: str = "Done."


@dataclass(frozen=True, slots=True)
class Call:
    """Call one tool by its name, without translation for the agent."""

    tool: str
    arguments: Mapping[str, Any]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with an HTTP error in the protocol's own shape."""

    status: int
    message: str = "scripted refusal"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Hang:
    """Accept the request and say nothing for `seconds`, or until the server closes."""

    seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Cut:
    """Send the first half of a reply, then drop the connection."""

    reply: Say | Act | Run | Done | Call


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer 200 with bytes that are no answer."""

    body: bytes = b"<html>not a model</html>"


Turn: TypeAlias = Say | Act | Run | Done | Call
Reply: TypeAlias = Turn | Refuse | Hang | Cut | Garbage
Script: TypeAlias = Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool and its arguments, ready for the wire."""

    name: str
    arguments: Mapping[str, Any]


def steps(*replies: Reply) -> Script:
    """Script a conversation: the n-th reply answers the n-th turn; the last one repeats."""
    return lambda ask: replies[min(ask.turns, len(replies) - 1)]


def faults_first(faults: Sequence[Reply], then: Script) -> Script:
    """Answer the first requests with `faults`, in order and once each, then go on with `then`."""
    numbers = count()

    def script(ask: Ask) -> Reply:
        number = next(numbers)
        return faults[number] if number < len(faults) else then(ask)

    return script


def moves(reply: Turn, ask: Ask) -> tuple[str, tuple[ToolCall, ...]]:
    """Translate a reply into text and the tool calls that the asking agent understands.

    An agent without tools (a plain completion) gets the text alone.
    """
    shell = next((tool for tool in ("Bash", "bash") if tool in ask.tools), None)
    match reply:
        case Act(files, text) if "Write" in ask.tools:
            return text, tuple(call for item in files.items() for call in _overwrite(*item, ask))
        case Act(files, text) if shell:
            return text, (ToolCall(shell, {"command": shell_writes(files)}),)
        case Run(command, text) if shell:
            return text, (ToolCall(shell, {"command": command}),)
        case Done(text) if shell == "bash":
            return text, (ToolCall(shell, {"command": SUBMIT}),)
        case Call(tool, arguments, text):
            return text, (ToolCall(tool, arguments),)
        case Say(text) | Act(_, text) | Run(_, text) | Done(text):
            return text, ()


def _overwrite(path: str, content: str, ask: Ask) -> tuple[ToolCall, ToolCall]:
    """Read then write one file: Claude Code refuses to overwrite a file it has not read."""
    absolute = str(PurePosixPath(ask.cwd or "/") / path)
    write = ToolCall("Write", {"file_path": absolute, "content": content})
    return ToolCall("Read", {"file_path": absolute}), write


def shell_writes(files: Mapping[str, str]) -> str:
    """One shell script that writes `files` exactly, with here-documents where they end in a line.

    Linux takes at most 128 KiB in one argument, so the contents together must stay below that.
    """
    lines = ["set -e"]
    for path, content in files.items():
        target = shlex.quote(path)
        lines.append(f"mkdir -p -- {shlex.quote(str(PurePosixPath(path).parent))}")
        if content.endswith("\n"):
            mark = next(m for n in count() if (m := f"EOF{n or ''}") not in content.split("\n"))
            lines.append(f"cat <<'{mark}' > {target}\n{content}{mark}")
        else:
            lines.append(f"printf %s {shlex.quote(content)} > {target}")
    return "\n".join(lines)


def text_of(content: object) -> str:
    """Flatten the content of a message of either protocol to the text in it."""
    match content:
        case str():
            return content
        case list():
            blocks: list[object] = content  # pyright: ignore[reportUnknownVariableType] - JSON
            return "\n".join(text_of(block) for block in blocks)
        case {"text": str() as text}:
            return text
        case {"content": inner}:  # pyright: ignore[reportUnknownVariableType] - JSON
            return text_of(inner)  # pyright: ignore[reportUnknownArgumentType] - JSON
        case _:
            return ""
