"""The command line: each command parses its words, calls the backlog once, and prints.

`main` is the entry point. Everything that takes time to import is imported inside the command that
needs it, so that `damascus --help` answers in a blink.
"""

from damascus.cli.entry import main

__all__ = ["main"]
