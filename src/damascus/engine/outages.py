"""Whose fault it is that a phase could not be run to its end: the item's, or everybody's."""

from __future__ import annotations

from damascus.domain.conditions import forge_subject, settings_subject
from damascus.domain.work import PhaseContext
from damascus.errors import (
    ConfigurationError,
    ForgeUnreachableError,
    LLMSettingsError,
    LLMUnreachableError,
)
from damascus.errors.outages import ConditionKind, Outage


def outage_of(error: Exception, context: PhaseContext) -> Outage | None:
    """What `error` says of something that others need as well; None where it is the item's own."""
    if isinstance(error, (LLMUnreachableError, LLMSettingsError)):
        return error.outage
    project = context.project
    if isinstance(error, ForgeUnreachableError):
        return Outage(
            ConditionKind.FORGE,
            forge_subject(project.repo),
            certain=error.certain,
            retry_after=error.retry_after,
        )
    if isinstance(error, ConfigurationError):
        subject = settings_subject(context.claim.phase.value, project.name)
        return Outage(ConditionKind.SETTINGS, subject, to_do=str(error))
    return None
