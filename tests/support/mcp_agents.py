"""An agent at each of the MCP server's doors."""

from __future__ import annotations

import pytest

from support.mcp_world import DOORS, Agent, World


@pytest.fixture(params=DOORS)
def agent(request: pytest.FixtureRequest, mcp_world: World) -> Agent:
    return mcp_world.agent(request.param)


@pytest.fixture
def project(mcp_world: World) -> str:
    return mcp_world.project()
