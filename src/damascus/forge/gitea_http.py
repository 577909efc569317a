"""One HTTP request to the forge at a time: bounded, never redirected, its faults told apart.

What an answer means is for `gitea.py`; here it is only settled whether there was one at all.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from damascus.errors import ConfigurationError, ForgeAuthError, ForgeError, ForgeUnreachableError

from .gitea_url import clean_base_url

_BODY_CAP = 20_000_000  # bytes; the largest page of a listing is a few hundred thousand
_PAGE_SIZE = 50  # the forge's own default maximum: asking for more gets no more
_MAX_PAGES = 200
_LONGEST_PAUSE = 30.0  # seconds; a longer Retry-After is not waited for in full
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_SILENT = frozenset(
    {_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND}
)  # may come without any body from the API itself
_TOO_MANY = 429
_SERVER_FAULT = 500
_AWAY = frozenset({_TOO_MANY, 502, 503, 504})  # Gitea answers 500 for a commit that is not there
_REDIRECTS = range(300, 400)

Params = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said: the status, the JSON (None when empty), and its message, cleaned."""

    status: int
    data: Any
    message: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of statuses that mean yes


class _NoAnswerError(Exception):
    """The request failed in a way that may pass; `after` is the pause the forge asked for.

    `certain` is False where the forge may fail at this very request alone.
    """

    def __init__(self, reason: str, after: float | None = None, *, certain: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.certain = certain


class GiteaHTTP:
    """Speaks to `<base_url>/api/v1` with a token. Safe to use from several threads.

    `timeout` is in seconds, for connecting and for each read; a whole answer may take four times
    that. `sleep` and `jitter` (a number from 0 to 1) are replaced by tests.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigurationError("The token of the forge is empty or holds strange characters.")
        self.base_url = clean_base_url(base_url)
        self._token = token
        self._deadline = timeout * 4
        self._attempts = attempts
        self._sleep = sleep
        self._jitter = jitter
        self._client = httpx.Client(
            base_url=f"{self.base_url}/api/v1",
            headers={"Authorization": f"token {token}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout),
            follow_redirects=False,  # a redirect could carry the token to another host
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def client(self) -> httpx.Client:
        """The connections themselves, which send the token: for answers that are no JSON."""
        return self._client

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Ask once, or a bounded number of times if asking twice does what asking once does.

        Raises ForgeUnreachableError (no answer, 429, 5xx, or no JSON: the request may or may not
        have been carried out), ForgeAuthError (401, 403) and ForgeError (a redirect). Any other
        status is returned.
        """
        attempts = self._attempts if repeatable else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._once(method, path, params, body)
            except _NoAnswerError as fault:
                if attempt == attempts:
                    raise ForgeUnreachableError(
                        f"The forge {fault}.", retry_after=fault.after, certain=fault.certain
                    ) from None
                self.pause(attempt, fault.after)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def pages(self, path: str, params: Params | None = None) -> Iterator[Mapping[str, Any]]:
        """Each object of a listing, page after page; every object has an `id`.

        Some listings know no pages and answer the same again: the end is a page without news.
        """
        seen: set[str] = set()
        for page in range(1, _MAX_PAGES + 1):
            query = {**(params or {}), "page": page, "limit": _PAGE_SIZE}
            answer = self.ask("GET", path, params=query, repeatable=True)
            if not answer.ok:
                raise ForgeError(refusal("list what was asked for", answer), status=answer.status)
            if not isinstance(answer.data, list):
                raise ForgeUnreachableError("The forge answered a listing with something else.")
            rows = [as_object(row) for row in cast("list[Any]", answer.data)]
            news = [row for row in rows if str(row.get("id")) not in seen]
            if not news:
                return
            seen.update(str(row.get("id")) for row in news)
            yield from news
        raise ForgeError(f"The forge lists more than {_MAX_PAGES} pages; close what is old.")

    def pause(self, attempt: int, after: float | None = None) -> None:
        """Sleep before trying again: what the forge asked for, or longer each time with jitter."""
        wait = min(2.0 ** (attempt - 1), 8.0) * (0.5 + self._jitter() / 2)
        self._sleep(min(max(wait, after or 0.0), _LONGEST_PAUSE))

    def _once(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        try:
            with self._client.stream(method, path, params=params, json=body) as response:
                content = self._read(response)
        except httpx.TimeoutException:
            raise _NoAnswerError("did not answer in time") from None
        except (httpx.TransportError, httpx.DecodingError) as fault:
            # Without the cause: an httpx error carries the request, and so the token.
            detail = self._clean(f"{type(fault).__name__}: {fault}")
            raise _NoAnswerError(f"cannot be reached ({detail})", certain=True) from None
        status = response.status_code
        if status == _TOO_MANY or status >= _SERVER_FAULT:
            certain = status in _AWAY
            raise _NoAnswerError(f"answered {status}", _retry_after(response), certain=certain)
        if status in _REDIRECTS:
            raise self._redirected(response)
        try:
            data: Any = json.loads(content) if content.strip() else None
        except (ValueError, RecursionError):
            raise _NoAnswerError(f"answered {status} with a body that is not JSON") from None
        if data is None and status not in _SILENT and method == "GET":
            raise _NoAnswerError(f"answered {status} with an empty body")
        return self._settle(status, data)

    def _settle(self, status: int, data: Any) -> Answer:
        answer = Answer(status, data, self._clean(str(as_object(data).get("message") or "")))
        if status == _UNAUTHORIZED:
            raise ForgeAuthError(refusal("accept the token", answer), status=status)
        if status == _FORBIDDEN:
            raise ForgeAuthError(refusal("allow this with the token", answer), status=status)
        return answer

    def _read(self, response: httpx.Response) -> bytes:
        # The timeout holds for each read; a body that drips must not hold a worker for ever.
        latest = time.monotonic() + self._deadline
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _BODY_CAP:
                raise _NoAnswerError(f"answered with more than {_BODY_CAP} bytes")
            if time.monotonic() > latest:
                raise _NoAnswerError("did not finish its answer in time")
        return bytes(content)

    def _redirected(self, response: httpx.Response) -> Exception:
        try:
            target = response.url.join(response.headers.get("location", ""))
            same = target.host == response.url.host
            where = self._clean(f"{target.scheme}://{target.netloc.decode()}{target.path}")
        except (httpx.InvalidURL, ValueError):
            same, where = False, "an address that cannot be read"
        if same:
            return ForgeError(
                f"The forge has moved what was asked for to {where}; redirects are not followed."
                " If the repository was renamed, give the project its new URL.",
                status=response.status_code,
            )
        return _NoAnswerError(
            f"redirects to {where}; the token is not sent to another host, so check the address"
        )

    def _clean(self, text: str) -> str:
        """Foreign text as part of a sentence: one line, short, and without the token."""
        line = "".join(c if c.isprintable() else " " for c in text.replace(self._token, "***"))
        return " ".join(line.split())[:300]


def as_object(data: Any) -> Mapping[str, Any]:
    """A JSON object as a mapping; anything else is an empty one."""
    return cast("Mapping[str, Any]", data) if isinstance(data, dict) else {}


def refusal(what: str, answer: Answer) -> str:
    """The sentence for an answer that said no."""
    said = f": {answer.message}" if answer.message else ""
    return f"The forge would not {what} ({answer.status}{said})."


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds the forge asks to wait; it may give a number or a date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), _LONGEST_PAUSE)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
