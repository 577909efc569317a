"""The seams: where Damascus leaves its own transaction. Each is a few verbs.

Phases see these Protocols and nothing behind them; `wiring.py` knows the concrete classes.
A path given to a port is absolute. Errors are named in `damascus.errors`.
"""

from __future__ import annotations

from damascus.ports.agents import LLM, Builder, BuildOutcome, BuildRequest, Completion, Wiki
from damascus.ports.forges import Diff, Forge, PullRequest
from damascus.ports.repositories import Entry, Git, Remote, Workspace
from damascus.ports.running import Baselines, Limits, PhaseRun, Progress, Tools
from damascus.ports.sandboxes import ClaimGuard, Command, Finished, Sandbox

__all__ = [
    "LLM",
    "Baselines",
    "BuildOutcome",
    "BuildRequest",
    "Builder",
    "ClaimGuard",
    "Command",
    "Completion",
    "Diff",
    "Entry",
    "Finished",
    "Forge",
    "Git",
    "Limits",
    "PhaseRun",
    "Progress",
    "PullRequest",
    "Remote",
    "Sandbox",
    "Tools",
    "Wiki",
    "Workspace",
]
