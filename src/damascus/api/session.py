"""`/v1/session`: who is asking; signing in to the page, and out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from damascus.api.auth import COOKIE, ReadRoute, Route, caller_of, credentials
from damascus.api.schemas.requests import SignInRequest
from damascus.api.schemas.session import Session
from damascus.state.tokens import SCOPES

if TYPE_CHECKING:
    from damascus.api.context import Api

_SIGNED_IN = timedelta(days=7)


def reading(_api: Api) -> APIRouter:
    """What needs the scope `read`."""
    router = APIRouter(prefix="/v1/session", route_class=ReadRoute, tags=["session"])

    @router.get("", operation_id="get_session", response_model=Session)
    def get_session(request: Request) -> Any:
        """Who is asking, and what they may do."""
        caller = caller_of(request)
        scopes = [scope for scope in SCOPES if scope in caller.scopes]
        name = caller.actor.partition(":")[2]
        return {"name": name, "scopes": scopes, "expires_at": None}

    return router


def signing(api: Api) -> APIRouter:
    """Signing in and out: the token comes in the body, or the cookie is the right."""
    router = APIRouter(prefix="/v1/session", route_class=Route, tags=["session"])

    @router.post("", operation_id="sign_in", response_model=Session)
    async def sign_in(body: SignInRequest, request: Request, response: Response) -> Any:
        """Sign in to the page: sets a cookie that this site alone gets, and no script can read."""
        holder = await api.auth.guess(request, body.token)
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
            api.auth.forget(kind, secret)
            await api.in_thread(api.tokens.sign_out, secret)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    return router
