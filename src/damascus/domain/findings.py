"""What went wrong with an item before: typed here, stored as JSON in `work_items.findings`.

`Details` names every key that a phase may add to its verdict; `Finding` is such a verdict as the
next attempt reads it. This module knows no other, so that the item itself can carry findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict, cast

KEPT: Final = 6  # of the latest; each carries at most a tail of output

Details = TypedDict(
    "Details",
    {
        # for the next attempt and for people
        "reason": str,  # one sentence
        "reasons": Sequence[str],
        "paths": Sequence[str],
        "command": str,
        "exit_code": int | None,
        "timed_out": bool,
        "output_tail": str,
        "answer_head": str,  # the beginning of a model's answer
        "agent_said": str,  # its last message
        "questions": Sequence[str],
        "criteria": int,
        "asked": str,  # the text of a question about a test command
        "proposed_for": str,  # the SHA-256 of the story whose spec waits for its test command
        "spent_usd": str,
        "budget_usd": str,
        # what the verdict is about
        "head_sha": str,
        "base_sha": str | None,
        "merge_sha": str | None,
        "pr_number": int,
        # what later verdicts look up
        "class": str,  # of an error its class; of red tests `flaky` or `pre-existing`
        "tests": Sequence[str],  # the failed ones
        "pre_existing": Sequence[str],  # those that were red on the base already
        "closed_by_person": bool,  # the pull request `pr_number`
        "tampering": bool,  # the work weakens its own tests
        "no_evidence": bool,  # the run was green, and is not believed
        "evidence": Mapping[str, Any],  # of a merge: see domain/evidence.py
        "ask": bool,  # the project has a person decide about it
        "accepted": bool,  # what the person said to it: set by the answer, not by a phase
        "accepts": str,  # the hash of the protected part of the work that a yes is good for
        "kept_sha": str,  # the commit of the work that waits for the yes
        "kept_on": str,  # the commit its branch was at on the forge, empty for none
        "retry_at": str,  # the phase in which a retry of the blocked item goes on
        "remember": bool,  # kept as a finding although the verdict is `error`
    },
    total=False,
)
"""JSON values only."""

_HEADER: Final = ("phase", "verdict", "summary")


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict that an item had, and what the phase said with it.

    `phase` and `verdict` are values of `Phase` and `Verdict`; `summary` is one sentence.
    """

    phase: str
    verdict: str
    summary: str
    details: Details = field(default_factory=Details)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Finding:
        """Read a stored finding, whether its details are laid flat or nested under `details`."""
        flat = {key: value for key, value in stored.items() if key not in (*_HEADER, "details")}
        nested: Any = stored.get("details")
        if isinstance(nested, Mapping):
            flat |= cast("Mapping[str, Any]", nested)
        header = (str(stored.get(key) or "") for key in _HEADER)
        return cls(*header, details=cast("Details", cast("object", flat)))

    def to_json(self) -> dict[str, Any]:
        """The form in which it is stored: the details laid flat."""
        return {
            "phase": self.phase,
            "verdict": self.verdict,
            "summary": self.summary,
            **self.details,
        }

    @property
    def accepted(self) -> bool:
        """Whether a person was asked and let it through: only a person sends such an item on."""
        return bool(self.details.get("ask")) and self.details.get("accepted", True)

    def is_about(self, head_sha: str) -> bool:
        """Tell whether it speaks of this very commit."""
        return self.details.get("head_sha") == head_sha

    @property
    def closed_pull_request(self) -> int | None:
        """The number of the pull request that a person closed without a merge, if it says so."""
        return self.details.get("pr_number") if self.details.get("closed_by_person") else None
