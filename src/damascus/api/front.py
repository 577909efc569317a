"""`/healthz`, `/readyz`, `/v1/stats`, and `/v1/session`: signing in to the page."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from damascus.api.auth import COOKIE, ReadRoute, Route, credentials, holder_of
from damascus.api.fields import NO_NUL, Given, Storable
from damascus.api.schemas import Health, Ready, Session
from damascus.api.schemas_of_stats import Stats
from damascus.errors import DamascusError
from damascus.state.tokens import SCOPES
from damascus.worker.doorbell import answers

if TYPE_CHECKING:
    from damascus.api.app import Api

log = logging.getLogger(__name__)

_SIGNED_IN = timedelta(days=7)


class SignIn(Given):
    """A token, to sign in with."""

    token: Annotated[str, Storable] = Field(
        min_length=1,
        max_length=128,
        examples=["dam_…"],
        json_schema_extra={"writeOnly": True, **NO_NUL},
    )


def probes(api: Api) -> APIRouter:
    """What machines ask, without a token."""
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
            if not api.views.ready():
                checks["schema"] = "wrong"
            else:
                api.check_schema()
        except DamascusError as error:
            log.warning("not ready: %s", error)
            database_down = error.exit_code == 6  # noqa: PLR2004 - a dependency is unreachable
            checks["database" if database_down else "schema"] = "down" if database_down else "wrong"
        if api.settings.redis_url is not None:
            checks["broker"] = "ok" if answers(api.settings) else "down"
        ok = all(state in ("ok", "unused") for state in checks.values())
        response.status_code = 200 if ok else 503
        return {"ok": ok, "checks": checks}

    return router


def reading(api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1", route_class=ReadRoute)

    @router.get("/stats", operation_id="get_stats", response_model=Stats, tags=["stats"])
    def get_stats() -> Response:
        """The dashboard: who does what, what waits, what was merged, what it cost."""
        return Response(api.board.written(), media_type="application/json")

    @router.get("/session", operation_id="get_session", response_model=Session, tags=["session"])
    def get_session(request: Request) -> Any:
        """Who is asking, and what they may do."""
        holder = holder_of(request)
        scopes = [scope for scope in SCOPES if scope in holder.scopes]
        return {"name": holder.name, "scopes": scopes, "expires_at": None}

    return router


def signing(api: Api) -> APIRouter:
    """Signing in and out: the token comes in the body, or the cookie is the right."""
    router = APIRouter(prefix="/v1/session", route_class=Route, tags=["session"])

    @router.post("", operation_id="sign_in", response_model=Session)
    async def sign_in(body: SignIn, request: Request, response: Response) -> Any:
        """Sign in to the page: sets a cookie that this site alone gets, and no script can read."""
        holder = await api.guard.guess(request, body.token)
        secret, until = await api.in_thread(api.tokens.sign_in, holder, life=_SIGNED_IN)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(_SIGNED_IN.total_seconds()),
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        scopes = [scope for scope in SCOPES if scope in holder.scopes]
        return {"name": holder.name, "scopes": scopes, "expires_at": until}

    @router.delete("", operation_id="sign_out", status_code=204, response_class=Response)
    async def sign_out(request: Request) -> Response:
        """Sign out: the cookie is worth nothing from now on."""
        kind, secret = credentials(request)
        if kind == "cookie" and secret:
            api.guard.forget(kind, secret)
            await api.in_thread(api.tokens.sign_out, secret)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return router
