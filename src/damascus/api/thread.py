"""The API and its page beside `damascus up` and the demonstration: a thread, and a link to sign in.

The link carries a token of its own in its fragment, which browsers do not send to servers. It is
kept in the home directory, for its owner only, so that a restart signs nobody out.
"""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from damascus.api import page
from damascus.api.serve import address, listen, serve
from damascus.config import Settings
from damascus.errors import ConflictError, DamascusError, NotFoundError
from damascus.state.tokens import SCOPES, Tokens
from damascus.wiring import App

LINK = "page.link"  # in the home directory
NAME = "damascus-up"  # of the token
_MARK = "#/?token="
_PATIENCE = 15.0  # seconds for answers that are under way when everything stops


@dataclass(frozen=True, slots=True)
class Page:
    """Where the page is: its address, and the one that signs in."""

    url: str
    link: str
    file: Path

    def told(self, *, terminal: bool) -> str:
        """A line for a person; the token is shown on a terminal only, logs are read by others."""
        if terminal:
            return f"The page: {self.link}"
        return f"The page: {self.url}/ (the link that signs you in is in {self.file})"

    def open(self) -> bool:
        """Open it in the person's browser; False where there is none to be seen."""
        seen = sys.platform == "darwin" or any(
            os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        return seen and webbrowser.open(self.link)


@contextmanager
def beside(settings: Settings, *, say: Callable[[str], None]) -> Generator[Page | None]:
    """Serve while the block runs; None, with the reason said, when it cannot be.

    The port is DAMASCUS_API_PORT; when that was not set and the usual one is taken, a free one.
    """
    stop = threading.Event()
    # A pool of its own: whoever looks must not keep the work from its connections.
    with App(settings) as app:
        try:
            chosen = settings.api_port
            try:
                listening = listen(settings.api_host, chosen)
            except ConflictError:
                if "api_port" in settings.model_fields_set:
                    raise
                listening = listen(settings.api_host, 0)
        except DamascusError as error:
            say(f"! no page and no HTTP API: {error}")
            yield None
            return
        with listening:
            url = _reachable(address(listening))
            file = settings.home / LINK
            link = f"{url}/{_MARK}{_token(Tokens(app.db), file)}"
            _write(file, link)
            if not (page.directory() / "index.html").is_file():
                say("! the page was not built here; everything else is served")
            server = threading.Thread(
                target=serve, args=(app, listening), kwargs={"stop": stop}, name="api"
            )
            server.start()
            try:
                yield Page(url, link, file)
            finally:
                stop.set()
                server.join(_PATIENCE)


def _reachable(url: str) -> str:
    """The address for somebody on this machine: "everywhere" is no place to go to."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _token(tokens: Tokens, file: Path) -> str:
    """The token of the link that was kept, or a new one when it is lost or was revoked."""
    with suppress(OSError, UnicodeDecodeError):
        token = urlsplit(file.read_text("utf-8").strip()).fragment.rpartition("token=")[2]
        if token and tokens.holder(token):
            return token
    with suppress(NotFoundError):
        tokens.revoke(NAME, actor=NAME)
    return tokens.create(NAME, scopes=SCOPES, actor=NAME)[0]


def _write(file: Path, link: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(link + "\n", "utf-8")
    fresh.replace(file)
