"""`/healthz` and `/readyz`: what machines ask, without a token."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from damascus.api.auth import Route
from damascus.api.schemas.session import Health, Ready
from damascus.backlog.caller import SERVER
from damascus.errors import DamascusError, UnreachableError
from damascus.worker.doorbell import answers

if TYPE_CHECKING:
    from damascus.api.context import Api

log = logging.getLogger(__name__)


def probes(api: Api) -> APIRouter:
    """What needs no token."""
    router = APIRouter(route_class=Route, tags=["health"])

    @router.get("/healthz", operation_id="healthz", response_model=Health)
    async def healthz() -> Any:
        """This process lives, whatever becomes of the rest."""
        return {"ok": True}

    @router.get(
        "/readyz",
        operation_id="readyz",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "Something does not answer"}},
    )
    def readyz(response: Response) -> Any:
        """The database answers and holds the schema; the broker answers, where there is one."""
        checks = {"database": "ok", "schema": "ok", "broker": "unused"}
        try:
            if not api.store.stats.ready():
                checks["schema"] = "wrong"
            else:
                api.check_schema()
        except UnreachableError as error:
            log.warning("not ready: %s", error)
            checks["database"] = "down"
        except DamascusError as error:
            log.warning("not ready: %s", error)
            checks["schema"] = "wrong"
        if api.settings.redis_url is not None:
            checks["broker"] = "ok" if answers(api.settings) else "down"
        ok = all(state in ("ok", "unused") for state in checks.values())
        response.status_code = 200 if ok else 503
        return {"ok": ok, "checks": checks, "conditions": _conditions(api) if ok else []}

    return router


def _conditions(api: Api) -> list[str]:
    """The kinds of what is wrong for everybody, each once: names are for those with a token.

    They do not make this process unready: it is what tells people of them.
    """
    try:
        found = api.backlog.conditions(SERVER)
    except DamascusError as error:
        log.warning("nobody knows of conditions: %s", error)
        return []
    return list(dict.fromkeys(one["kind"] for one in found))
