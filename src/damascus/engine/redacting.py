"""Secrets taken out of what a phase says, before anything is made of it."""

from __future__ import annotations

import dataclasses

from damascus.domain.work import PhaseResult
from damascus.text.redaction import Redactor


def redact_result(redactor: Redactor, result: PhaseResult) -> PhaseResult:
    """Return a phase's result as it may be stored, told to a person and given to the next phase."""
    return dataclasses.replace(
        result,
        summary=redactor.redact(result.summary),
        details=redactor.redact_json(result.details),
        questions=tuple(redactor.redact(question) for question in result.questions),
        spec=None if result.spec is None else redactor.redact(result.spec),
    )
