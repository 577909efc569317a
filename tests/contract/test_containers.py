"""The container files fit together: overlays name services that exist, scripts what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted((ROOT / "docker").glob("*.compose.yml"))


class ComposeLoader(yaml.SafeLoader):
    """YAML with the tags of Docker Compose."""


ComposeLoader.add_constructor("!reset", lambda _loader, _node: None)
ComposeLoader.add_multi_constructor(
    "!override",
    lambda loader, _suffix, node: (
        loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.MappingNode)
        else loader.construct_sequence(node, deep=True)
    ),
)


def load(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text("utf-8"), ComposeLoader)  # noqa: S506 - a safe loader


STACK = load(ROOT / "docker-compose.yml")


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_changes_services_that_exist_and_waits_for_such(overlay: Path) -> None:
    laid = load(overlay)["services"]
    known = set(STACK["services"]) | {"model"}
    assert set(laid) <= known
    removed = {name for name, service in laid.items() if service is None}
    for name, service in laid.items():
        for other in (service or {}).get("depends_on") or {}:
            assert other in known - removed, (name, other)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_the_secrets_of_an_overlay_are_declared_where_they_are_used(overlay: Path) -> None:
    laid = load(overlay)
    used = {one for s in laid["services"].values() for one in (s or {}).get("secrets", ())}
    assert used == set(laid.get("secrets", {}))


def test_every_service_bounds_its_memory_log_and_privileges() -> None:
    for name in ("db", "redis", "init", "orchestrator", "scheduler", "sidecar-status", "api"):
        service = STACK["services"][name]
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_an_image_of_ones_own_is_never_the_name_that_is_built() -> None:
    built = [s["image"] for s in STACK["services"].values() if "build" in s]
    assert built == ["${DAMASCUS_BUILT_IMAGE:-damascus:local}"]


def test_every_variable_of_the_stack_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    stack = (ROOT / "docker-compose.yml").read_text("utf-8")
    named = set(re.findall(r"\$\{(DAMASCUS_\w+)", stack))
    assert {one for one in named if not re.search(rf"^(# )?{one}=", example, re.MULTILINE)} == set()


def test_the_workflow_pins_its_actions_and_may_only_read() -> None:
    text = (ROOT / ".gitea/workflows/ci.yml").read_text("utf-8")
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert all(
        re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use) for use in re.findall(r"uses: (\S+)", text)
    )


def test_the_units_run_as_a_user_of_their_own_with_time_to_stop() -> None:
    units = sorted((ROOT / "deploy").glob("*.service"))
    assert [unit.stem for unit in units] == ["damascus-scheduler", "damascus-worker", "damascus"]
    for unit in units:
        text = unit.read_text("utf-8")
        assert "User=damascus\n" in text
        assert "TimeoutStopSec=90\n" in text
