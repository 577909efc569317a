"""What is done in each live phase: `run(context, tools) -> PhaseResult`, without a database.

A phase returns a verdict about the item. A fault of the provider, the forge or the machine is an
error of `damascus.errors` that propagates; the cycle turns it into the verdict `error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from damascus.domain.work import Phase
from damascus.phases import build, review, spec
from damascus.ports import PhaseRun

PHASES: Mapping[Phase, PhaseRun] = MappingProxyType(
    {Phase.SPEC: spec.run, Phase.BUILD: build.run, Phase.REVIEW: review.run}
)
