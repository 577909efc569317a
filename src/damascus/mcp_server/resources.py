"""What agents can read as a whole, and the prompt that helps them to write a story."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import Field

from damascus.domain.story import SLUG
from damascus.errors import DamascusError, NotFoundError
from damascus.mcp_server import shapes
from damascus.mcp_server.errors import worded
from damascus.mcp_server.session import SessionOf, ToolContext

_IDEA = 20_000  # characters


def add_resources(server: MCPServer[Any], session_of: SessionOf) -> None:
    """Items and specs, whole."""

    async def page(ctx: ToolContext, item_id: str) -> Any:
        if not (item_id.isascii() and item_id.isdigit() and 0 < int(item_id[:20]) < 2**63):
            raise ResourceNotFoundError("an item has a number, such as damascus://items/7")
        try:
            session = session_of(ctx)
            return await session.do(session.backlog.item, int(item_id))
        except NotFoundError as error:
            raise ResourceNotFoundError(worded(error)) from None
        except DamascusError as error:
            raise ResourceError(worded(error)) from None

    @server.resource(
        "damascus://items/{item_id}",
        name="item",
        title="An item",
        description="One item with its whole story and spec, as JSON.",
        mime_type="application/json",
    )
    async def item(ctx: ToolContext, item_id: str) -> str:
        found = shapes.detail_of(await page(ctx, item_id), text=shapes.WHOLE)
        return found.model_dump_json(indent=2)

    @server.resource(
        "damascus://items/{item_id}/spec",
        name="spec",
        title="A spec",
        description="The specification of one item, as Markdown.",
        mime_type="text/markdown",
    )
    async def spec(ctx: ToolContext, item_id: str) -> str:
        text = (await page(ctx, item_id))["item"]["spec"]
        if text is None:
            raise ResourceNotFoundError(f"item {item_id} has no spec yet")
        return str(text)

    del item, spec  # the server holds them


def add_prompts(server: MCPServer[Any]) -> None:
    """What helps to write a story."""
    template = files("damascus.mcp_server").joinpath("write_story.md").read_text("utf-8")

    @server.prompt(title="Write a story that Damascus can build")
    def write_story(
        idea: Annotated[str, Field(description="What you want, in a few words.")] = "",
        project: Annotated[str, Field(description="The project it is for, if you know it.")] = "",
    ) -> str:
        """Help to write a story that can be built without asking back."""
        named = f"`{project}`" if SLUG.match(project) else "that I name (`stats` lists them)"
        said = shapes.cut(idea, _IDEA).replace("</idea>", "").strip() or "(ask me for it)"
        return template.replace("{{project}}", named).replace("{{idea}}", said)

    del write_story  # the server holds it
