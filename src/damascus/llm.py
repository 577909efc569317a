"""LiteLLM behind `LLM`.

litellm is imported by `litellm_import`: the import takes 5 to 8 seconds and 160 MB.
Its defaults are not ours: it waits 6000 seconds, fetches its price list from the network at
import, prints advice to stdout, reads `.env` files, and lets a provider's message repeat the key.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from damascus import litellm_import
from damascus.domain.work import Cost
from damascus.errors import (
    ClaimLostError,
    ConfigurationError,
    DamascusError,
    LLMUnreachableError,
    UsageError,
)
from damascus.ports import ClaimGuard, Completion

ANSWER_CAP = 1_000_000  # characters; no spec is longer, and what is would only fill the memory
_SAID_CAP = 300
_KEYS = re.compile(r"\b(?:sk|pk|key)-[\w-]{6,}|Bearer\s+\S+", re.IGNORECASE)

_TOO_LONG = "ContextWindowExceededError"
_REFUSED = "ContentPolicyViolationError"
_WRONG_REQUEST = frozenset(
    {
        "BadRequestError",
        "NotFoundError",
        "UnprocessableEntityError",
        "UnsupportedParamsError",
        "InvalidRequestError",
        "LiteLLMUnknownProvider",
    }
)
# In the words of the providers, for what LiteLLM does not tell apart.
_LENGTH = re.compile(r"context (?:length|window)|prompt is too long|too many tokens", re.IGNORECASE)
_NO_KEY = "AuthenticationError"
_TELLING = _WRONG_REQUEST | {_TOO_LONG, _REFUSED, _NO_KEY}
_CHAIN = 10  # how far back an error is followed


@dataclass(frozen=True, slots=True)
class LiteLLM:
    """A model reached through LiteLLM: a provider directly, or a LiteLLM proxy.

    `model` is LiteLLM's name of it (`anthropic/…`, `openai/…` with `api_base` for a proxy).
    `timeout` is in seconds, for each of at most `1 + retries` tries; `spare` are the seconds all of
    them together get for the import and for waiting in between. Safe to call from threads.
    """

    model: str
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    retries: int = 2
    guard: ClaimGuard | None = None
    spare: float = 60.0

    def complete(self, *, system: str, prompt: str, max_tokens: int) -> Completion:
        """Ask once.

        Raises:
            LLMUnreachableError: for anything that may pass: no answer, an empty or garbled one, a
                rate limit, an exhausted account, a refused key. Its `cost` says what it cost.
            ClaimLostError: at once, when `guard` says that the phase must stop.
            ConfigurationError: when the provider does not know the model or the request.
            UsageError: when this prompt is too long for the model, or refused for its content.
        """
        request: dict[str, Any] = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ],
            "max_tokens": max_tokens,
            "api_base": self.api_base,
            "api_key": self.api_key,
            "timeout": self.timeout,
            # not LiteLLM's own num_retries, which multiplies with the client's: 2 made 5 requests
            "max_retries": self.retries,
        }
        try:
            response = self._bounded(request)
        except DamascusError:
            raise
        except Exception as error:  # noqa: BLE001 - litellm raises what its many providers raise
            fault = self._fault(error)
        else:
            return self._read(response)
        # Outside of the handler and without a cause: its message may hold the key.
        raise fault

    def _bounded(self, request: dict[str, Any]) -> Any:
        """Call LiteLLM in a thread of its own, given up when the time for all tries is over.

        The timeout of the HTTP client counts from byte to byte: a server that sends one byte
        a minute would hold the phase for ever.
        """
        box: dict[str, Any] = {}
        ended = threading.Event()

        def call() -> None:
            try:
                box["response"] = litellm_import.load().completion(**request)
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                box["error"] = error
            finally:
                ended.set()

        threading.Thread(target=call, name="litellm", daemon=True).start()
        whole = self.timeout * (1 + self.retries) + self.spare
        undo = self.guard.on_lost(ended.set) if self.guard else None
        try:
            ended.wait(whole)
        finally:
            if undo:
                undo()
        if not box and self.guard and self.guard.lost():
            raise ClaimLostError("The claim was lost while the model was asked.")
        if not box:
            raise LLMUnreachableError(
                f"The model {self.model} did not finish its answer within {whole:.0f} seconds."
            )
        if "error" in box:
            raise box["error"]
        return box["response"]

    def _read(self, response: Any) -> Completion:
        cost = self._cost(response)
        try:
            choice = response.choices[0]
            text = choice.message.content or ""
            truncated = choice.finish_reason == "length"
        except (AttributeError, IndexError, TypeError):
            raise LLMUnreachableError(
                f"The model {self.model} answered without any choice; is {self._where()} "
                "an OpenAI-compatible endpoint?",
                cost=cost,
            ) from None
        if not isinstance(text, str) or (not text.strip() and not truncated):
            raise LLMUnreachableError(
                f"The model {self.model} gave an empty answer ({choice.finish_reason}).", cost=cost
            )
        return Completion(text[:ANSWER_CAP], cost, truncated or len(text) > ANSWER_CAP)

    def _cost(self, response: Any) -> Cost:
        usage = getattr(response, "usage", None)
        return Cost(
            self.model,
            _count(getattr(usage, "prompt_tokens", None)),
            _count(getattr(usage, "completion_tokens", None)),
            _usd(response),
        )

    def _fault(self, raised: Exception) -> DamascusError:
        error = _named(raised)
        name = type(error).__name__
        said = self._without_key(str(error))
        if name == _TOO_LONG or (name in _WRONG_REQUEST and _LENGTH.search(said)):
            return UsageError(
                f"The story and its context are too long for the model {self.model}; shorten the "
                f"story, or configure a model that reads more. It said: {said}"
            )
        if name == _REFUSED:
            return UsageError(
                f"The provider of {self.model} refuses this story for its content: {said}"
            )
        if name in _WRONG_REQUEST:
            return ConfigurationError(
                f"The model {self.model} at {self._where()} does not take the request; check the "
                f"model's name and the address. It said: {said}"
            )
        if name == _NO_KEY:
            return LLMUnreachableError(
                f"The provider of {self.model} refuses the key; set a valid one. It said: {said}"
            )
        return LLMUnreachableError(
            f"The model {self.model} at {self._where()} does not answer ({name}): {said}"
        )

    def _where(self) -> str:
        return self.api_base or "the provider's own address"

    def _without_key(self, text: str) -> str:
        if self.api_key:
            text = text.replace(self.api_key, "***")
        text = " ".join(_KEYS.sub("***", text).split())
        return text if len(text) <= _SAID_CAP else f"{text[: _SAID_CAP - 1]}…"


def _named(error: BaseException) -> BaseException:
    """The error, or the one it came of that says what was wrong.

    LiteLLM does much between a provider's refusal and its own exception: whatever fails on that way
    must not turn a wrong setting into one that may pass.
    """
    link: BaseException | None = error
    for _ in range(_CHAIN):
        if link is None:
            break
        if type(link).__name__ in _TELLING:
            return link
        link = link.__cause__ or link.__context__
    return error


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _usd(response: Any) -> Decimal | None:
    """Return what a proxy says the call cost, else LiteLLM's own price; None when nobody knows.

    A price of zero is what an unlisted model has: it is not a measurement.
    """
    hidden: Any = getattr(response, "_hidden_params", None) or {}
    headers: Any = hidden.get("additional_headers") or {}
    for value in (headers.get("llm_provider-x-litellm-response-cost"), hidden.get("response_cost")):
        try:
            usd = Decimal(str(value))
        except InvalidOperation:
            continue
        if usd.is_finite() and usd > 0:
            return round(usd, 9)  # the tail of a binary fraction is not money
    return None
