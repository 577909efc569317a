"""The command line: thin doors that parse, call the store or the cycle, and print.

`main` is the entry point. Everything that takes time to import is imported inside the command that
needs it, so that `damascus --help` answers in a blink.
"""

from damascus.cli.errors import main

__all__ = ["main"]
