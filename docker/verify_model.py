"""The scripted model of `scripts/verify.sh`: writes specs, then plays the agent's part.

Runs inside the image, on every interface of its container, until it is told to stop.
"""

# ruff: noqa: INP001 - mounted into a container and run as a file

from __future__ import annotations

import signal
import threading
from types import FrameType

from damascus.demo.model_script import Act, Ask, Done, Hang, Reply, Run, Say, steps
from damascus.demo.model_server import ModelServer

PORT = 8100

SPEC = """\
## Goal

{goal}

## Context

`greeting.py` has `hello`; `test_greeting.py` tests it with unittest.

## Acceptance Criteria

- AC-1: `{name}("Ada")` returns `{answer}`
- AC-2: `hello` is unchanged.

## Implementation Plan

Add `{name}(name)` in `{name}.py`.

## TDD Plan

Test it in `test_{name}.py`, then write it.

## Test Command

```
python -m unittest
```
"""

CODE = """\
def {name}(name: str) -> str:
    return f"{{name}}, {word}."
"""

TEST = """\
import unittest

from {name} import {name}


class Greeting(unittest.TestCase):
    def test_{name}(self):
        self.assertEqual({name}("Ada"), "Ada, {word}.")
"""

# The second story is the one whose first attempt hears nothing from the model, until it is stopped.
NAMES = {"whisper": "hush", "farewell": "goodbye"}
SLOW = "whisper"
silences = iter([Hang()])


def script(ask: Ask) -> Reply:
    """Whoever offers tools is the agent; whoever offers none wants a spec."""
    name = next(name for name in NAMES if name in ask.text or name == "farewell")
    word = NAMES[name]
    if not ask.tools:
        return Say(SPEC.format(goal=f"A {name}.", name=name, answer=f"Ada, {word}."))
    if name == SLOW and (silence := next(silences, None)):
        return silence
    files = {
        f"{name}.py": CODE.format(name=name, word=word),
        f"test_{name}.py": TEST.format(name=name, word=word),
    }
    return steps(Act(files), Run("git status --short"), Done(f"{name} is there."))(ask)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = threading.Event()

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    with ModelServer(script, host="0.0.0.0", port=PORT) as server:  # noqa: S104 - its own container
        stop.wait()
        print(f"{len(server.asks)} requests answered", flush=True)  # noqa: T201 - for the log


if __name__ == "__main__":
    main()
