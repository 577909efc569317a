"""One tool, such that whatever goes wrong in it is one sentence for the one who called it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from damascus.errors import DamascusError
from damascus.mcp_server.errors import worded
from damascus.text.sanitize import clean

log = logging.getLogger(__name__)

_SHOWN = 5  # of what was wrong with one call
_LONGEST = 1000  # characters of a sentence
FAILED = "this did not work: the log of the server tells why"


READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
ADDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
MOVES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
ENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)


class PlainTool(Tool):
    """A tool of the SDK that takes no argument it does not know and tells errors in a sentence."""

    @classmethod
    def of(cls, act: Callable[..., Any], *, title: str, annotations: ToolAnnotations) -> Tool:
        """The tool that calls `act`; its docstring and its fields describe it."""
        made = cls.from_function(act, title=title, annotations=annotations)
        made.parameters["additionalProperties"] = False
        return made

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> Any:
        """Run it. Raises ToolError with the sentence alone."""
        known = self.fn_metadata.arg_model.model_fields
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            raise ToolError(
                clean(f"{self.name} has no argument {unknown[0][:80]!r}: it takes ")
                + (", ".join(known) or "none")
            )
        try:
            given = self.fn_metadata.validate_arguments(arguments)
        except ValidationError as error:
            raise ToolError(wrong(error)) from None
        aside = {} if self.context_kwarg is None else {self.context_kwarg: context}
        try:
            done = await self.fn_metadata.call_fn(self.fn, self.is_async, given, aside)
            return self.fn_metadata.convert_result(done) if convert_result else done
        except DamascusError as error:
            raise ToolError(worded(error)) from None
        except Exception as error:
            log.exception("the tool %s failed", self.name)
            raise ToolError(FAILED) from error


def wrong(error: ValidationError) -> str:
    """What was wrong with the arguments, without the values: they may be long, or secret."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [
        f"{'.'.join(str(part) for part in one['loc'])}: {one['msg'].removeprefix('Value error, ')}"
        for one in found[:_SHOWN]
    ]
    more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
    return clean("; ".join(parts))[:_LONGEST] + more
