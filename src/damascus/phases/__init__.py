"""The three live phases, each a function `(context, tools) -> PhaseResult` without a database.

A phase returns a verdict about the item. A fault of the provider, the forge or the machine is an
error of `damascus.errors` that propagates; the engine turns it into the verdict `error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from damascus.domain.work import Phase
from damascus.phases.build import run_build
from damascus.phases.review import run_review
from damascus.phases.spec import run_spec
from damascus.ports import PhaseRun

PHASES: Mapping[Phase, PhaseRun] = MappingProxyType(
    {Phase.SPEC: run_spec, Phase.BUILD: run_build, Phase.REVIEW: run_review}
)
