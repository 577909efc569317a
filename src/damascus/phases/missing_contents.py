"""Work that names contents which cannot be fetched: submodules, files of Git LFS."""

from __future__ import annotations

from collections.abc import Iterable

from damascus.domain.work import PhaseResult, Verdict
from damascus.ports import Missing
from damascus.text.sanitize import one_line

_SHOWN = 50


def refusal(missing: Iterable[Missing]) -> PhaseResult | None:
    """Return the verdict on work that names such contents; None when only the base does."""
    new = [one for one in missing if one.new]
    if not new:
        return None
    reasons = [f"{one_line(one.path, 300)}: {one_line(one.why, 500)}" for one in new[:_SHOWN]]
    return PhaseResult(
        Verdict.FAIL,
        f"The work names contents that cannot be fetched: {one_line('; '.join(reasons), 500)}. "
        "Leave submodules as they are on the base, and write files themselves, never pointers.",
        {"paths": [one.path for one in new[:_SHOWN]], "reasons": reasons},
    )
