"""Headless coding agents behind the `Builder` port, one module each.

Nothing is imported here: `mini_runner` starts as a program of its own and must start fast.
"""

NAMES = ("claude", "mini", "command")
