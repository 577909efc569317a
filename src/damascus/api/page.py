"""The web page at `/`, from the files that were built into the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_FOR_EVER = "public, max-age=31536000, immutable"
_ROOT_FILES = ("favicon.ico", "favicon.svg", "robots.txt")
_NOT_BUILT = """The web page is not part of this installation; everything else of the API is here.

To have the page, build it in a checkout of Damascus with `make ui` (needs Node 20.19 or later) and
start the API again, or use the container image, which comes with it.
The document of the API is at /openapi.json, and what it serves is below /v1.
"""


class _Assets(StaticFiles):
    """Files whose names hold a hash of what is in them: kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file. Raises HTTPException 404, 405."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _FOR_EVER
        return response


def directory() -> Path:
    """Where the built page lies."""
    return Path(str(files("damascus.api").joinpath("static")))


def routes(static: Path) -> list[Route | Mount]:
    """The addresses of the page in `static`; when it was not built, `/` says so (404)."""
    index = static / "index.html"
    if not index.is_file():
        return [Route("/", _not_built), Route("/index.html", _not_built)]

    async def page(_: Request) -> Response:
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    def one(name: str) -> Route:
        async def file(_: Request) -> Response:
            return FileResponse(static / name, headers={"Cache-Control": "max-age=86400"})

        return Route(f"/{name}", file)

    found: list[Route | Mount] = [Route("/", page), Route("/index.html", page)]
    found += [one(name) for name in _ROOT_FILES if (static / name).is_file()]
    if (static / "assets").is_dir():
        found.append(Mount("/assets", _Assets(directory=static / "assets")))
    return found


async def _not_built(_: Request) -> Response:
    return PlainTextResponse(_NOT_BUILT, status_code=404)
