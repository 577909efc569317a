"""Headless coding agents behind the `Builder` port: those there are, by name.

No agent is imported here: `mini_runner` starts as a program of its own and must start fast.
"""

from typing import Any

from damascus.registry import BuilderEntry, Registry

BUILDERS: Registry[BuilderEntry[Any]] = Registry(
    "builder",
    group="damascus.builders",
    builtin={
        "claude": "damascus.builders.claude_entry:ENTRY",
        "mini": "damascus.builders.mini_entry:ENTRY",
        "command": "damascus.builders.command_entry:ENTRY",
    },
)
