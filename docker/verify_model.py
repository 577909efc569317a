"""The scripted model of `scripts/verify.sh`: writes one spec, then plays the agent's part in it.

Runs inside the image, on every interface of its container, until it is told to stop.
"""

# ruff: noqa: INP001 - mounted into a container and run as a file

from __future__ import annotations

import signal
import threading
from types import FrameType

from damascus.demo.model_script import Act, Ask, Done, Reply, Run, Say, steps
from damascus.demo.model_server import ModelServer

PORT = 8100

SPEC = """\
## Goal

Greet people, and say goodbye to them.

## Context

`greeting.py` has `hello`; `test_greeting.py` tests it with unittest.

## Acceptance Criteria

- AC-1: `farewell("Ada")` returns `Goodbye, Ada.`
- AC-2: `hello` is unchanged.

## Implementation Plan

Add `farewell(name)` to `greeting.py`.

## TDD Plan

Add a test of `farewell` to `test_greeting.py`, then the function.

## Test Command

```
python -m unittest
```
"""

FILES = {
    "greeting.py": '''\
"""What is said at the door."""


def hello(name: str) -> str:
    return f"Hello, {name}."


def farewell(name: str) -> str:
    return f"Goodbye, {name}."
''',
    "test_greeting.py": """\
import unittest

from greeting import farewell, hello


class Greeting(unittest.TestCase):
    def test_hello(self):
        self.assertEqual(hello("Ada"), "Hello, Ada.")

    def test_farewell(self):
        self.assertEqual(farewell("Ada"), "Goodbye, Ada.")
""",
}

agent = steps(Act(FILES), Run("git status --short"), Done("farewell is there, and tested."))


def script(ask: Ask) -> Reply:
    """Whoever offers tools is the agent; whoever offers none wants a spec."""
    return agent(ask) if ask.tools else Say(SPEC)


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
