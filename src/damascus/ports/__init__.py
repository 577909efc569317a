"""The seams: where Damascus leaves its own transaction. Each is a few verbs.

Phases see these Protocols and nothing behind them; `wiring.py` knows the concrete classes.
A path given to a port is absolute. Errors are named in `damascus.errors`.
"""

from __future__ import annotations

from damascus.ports.agents import LLM, Builder, BuildOutcome, BuildRequest, Completion, Wiki
from damascus.ports.environments import Environments, PreparedEnvironment, Recipe
from damascus.ports.forges import Diff, Forge, PullRequest
from damascus.ports.ledgers import Ledger, NoLedger, OpenCall
from damascus.ports.repositories import Entry, Git, Missing, Remote, Workspace
from damascus.ports.running import Baselines, Limits, PhaseRun, Progress, Tools
from damascus.ports.sandboxes import (
    INSIDE_CHECKOUT,
    INSIDE_HOME,
    ClaimGuard,
    Command,
    Finished,
    Forward,
    Layer,
    Sandbox,
    ServiceFault,
)

__all__ = [
    "INSIDE_CHECKOUT",
    "INSIDE_HOME",
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
    "Environments",
    "Finished",
    "Forge",
    "Forward",
    "Git",
    "Layer",
    "Ledger",
    "Limits",
    "Missing",
    "NoLedger",
    "OpenCall",
    "PhaseRun",
    "PreparedEnvironment",
    "Progress",
    "PullRequest",
    "Recipe",
    "Remote",
    "Sandbox",
    "ServiceFault",
    "Tools",
    "Wiki",
    "Workspace",
]
