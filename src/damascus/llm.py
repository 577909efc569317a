"""LiteLLM behind `LLM`.

litellm is imported by `litellm_import`: the import takes 5 to 8 seconds and 160 MB.
Its defaults are not ours: it waits 6000 seconds, fetches its price list from the network at
import, prints advice to stdout, reads `.env` files, and lets a provider's message repeat the key.
"""

from __future__ import annotations

import random
import re
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from damascus import litellm_import
from damascus.domain.conditions import model_subject
from damascus.domain.model_faults import Refusal, model_outage, refusal_of, retry_after
from damascus.domain.request_forms import RequestForms, other_form
from damascus.domain.work import Cost
from damascus.errors import (
    ClaimLostError,
    DamascusError,
    LLMRefusedError,
    LLMSettingsError,
    LLMUnreachableError,
    causes,
)
from damascus.errors.outages import ConditionKind, Outage
from damascus.ports import ClaimGuard, Completion, Ledger

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
_NO_KEY = "AuthenticationError"
_TELLING = _WRONG_REQUEST | {_TOO_LONG, _REFUSED, _NO_KEY}
# Names in the chain of an error that show that nothing was charged: the provider refused, or the
# request never reached it.
_FREE = frozenset({"HTTPStatusError", "ConnectError", "ConnectTimeout"})
_TRIED_AGAIN = frozenset({408, 409, 429, *range(500, 600)})
_FORMS: Final = RequestForms()  # of this process: what one claim has learnt, the next one knows
_CHARACTERS_PER_TOKEN = 3  # fewer than in any language that is written in letters


@dataclass(frozen=True, slots=True)
class LiteLLM:
    """A model reached through LiteLLM: a provider directly, or a LiteLLM proxy.

    `model` is LiteLLM's name of it (`anthropic/…`, `openai/…` with `api_base` for a proxy).
    `timeout` is in seconds, for all of at most `1 + retries` tries together and the waits in
    between; `spare` are those that the import of LiteLLM may take before. Safe to share by threads.
    """

    model: str
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    retries: int = 2
    guard: ClaimGuard | None = None
    spare: float = 60.0

    def complete(self, *, system: str, prompt: str, max_tokens: int, ledger: Ledger) -> Completion:
        """Ask once. Each request stands in `ledger` before it is sent.

        Raises:
            LLMUnreachableError: for anything that may pass: no answer, an empty or garbled one, a
                rate limit, an exhausted account, a refused key. Its `cost` says what it cost, its
                `outage` what it means for others.
            DatabaseUnreachableError: when nothing can be written down; nothing was sent.
            ClaimLostError: at once, when `guard` says that the phase must stop.
            LLMSettingsError: when the provider does not know the model or the request.
            LLMRefusedError: when this prompt is too long for the model, or refused for its content.
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
            # Neither LiteLLM nor its client repeats anything: each request has a row of its own.
            "max_retries": 0,
        }
        try:
            response = self._bounded(request, ledger)
        except DamascusError:
            raise
        except Exception as error:  # noqa: BLE001 - litellm raises what its many providers raise
            fault = self._fault(error)
        else:
            return self._read(response)
        # Outside of the handler and without a cause: its message may hold the key.
        raise fault

    def _bounded(self, request: dict[str, Any], ledger: Ledger) -> Any:
        """Call LiteLLM in a thread of its own, given up when the time for all tries is over.

        The timeout of the HTTP client counts from byte to byte: a server that sends one byte
        a minute would hold the phase for ever. What is answered after that is still written down.
        """
        box: dict[str, Any] = {}
        imported, ended, given_up = threading.Event(), threading.Event(), threading.Event()

        def call() -> None:
            try:
                litellm = litellm_import.load()
                imported.set()
                box["response"] = self._try(litellm, request, ledger, given_up)
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                box["error"] = error
            finally:
                imported.set()
                ended.set()

        threading.Thread(target=call, name="litellm", daemon=True).start()

        def stop() -> None:
            imported.set()
            ended.set()

        undo = self.guard.on_lost(stop) if self.guard else None
        try:
            imported.wait(self.spare)
            ended.wait(self.timeout)
        finally:
            given_up.set()
            if undo:
                undo()
        if not box and self.guard and self.guard.lost():
            raise ClaimLostError("The claim was lost while the model was asked.")
        if not box:
            raise LLMUnreachableError(
                f"The model {self.model} did not finish its answer within {self.timeout:g} seconds "
                "(DAMASCUS_LLM_TIMEOUT_SECONDS).",
                outage=self._doubtful(),
            )
        if "error" in box:
            raise box["error"]
        return box["response"]

    def _try(
        self, litellm: Any, request: dict[str, Any], ledger: Ledger, given_up: threading.Event
    ) -> Any:
        """Send the request, again after a fault that may pass, while there is time.

        A parameter that the model does not know is said otherwise or left out, and asked again.
        """
        until = time.monotonic() + self.timeout
        at_most = _at_most(litellm, request)
        subject = model_subject(self.model, self.api_base)
        form = _FORMS.apply(subject, request)
        left, refused = self.retries, set[str]()
        while True:
            call = ledger.call(self.model, at_most=at_most)
            if given_up.is_set():
                call.settle(Cost.free(self.model))
                raise LLMUnreachableError("Nobody waits for an answer any more.")
            try:
                remaining = max(until - time.monotonic(), 0.001)
                response = litellm.completion(**form, timeout=remaining)
            except Exception as error:
                if _is_free(error):
                    call.settle(Cost.free(self.model))
                other = _asked_for(form, error, refused)
                if other is not None and time.monotonic() < until:
                    refused |= form.keys() - other.keys()
                    form = other
                    continue
                pause = 0.5 * 2 ** (self.retries - left) * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
                may_pass = getattr(error, "status_code", None) in _TRIED_AGAIN
                in_time = time.monotonic() + pause < until
                if not left or not may_pass or not in_time or given_up.wait(pause):
                    raise
                left -= 1
                continue
            call.settle(self._cost(response))
            _FORMS.learn(subject, request, form)
            return response

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
                outage=self._doubtful(),
            ) from None
        if not isinstance(text, str) or (not text.strip() and not truncated):
            raise LLMUnreachableError(
                f"The model {self.model} gave an empty answer ({choice.finish_reason}).",
                cost=cost,
                outage=self._doubtful(),
            )
        return Completion(text[:ANSWER_CAP], cost, truncated or len(text) > ANSWER_CAP)

    def _cost(self, response: Any) -> Cost:
        usage = getattr(response, "usage", None)
        detail = getattr(usage, "prompt_tokens_details", None)
        return Cost(
            self.model,
            _count(getattr(usage, "prompt_tokens", None)),
            _count(getattr(usage, "completion_tokens", None)),
            _usd(response),
            cache_read_tokens=_count(getattr(detail, "cached_tokens", None)),
            cache_write_tokens=_count(getattr(usage, "cache_creation_input_tokens", None)),
        )

    def _fault(self, raised: Exception) -> DamascusError:
        error = _named(raised)
        name = type(error).__name__
        said = self._without_key(str(error))
        refusal = refusal_of(said, name=name)
        if refusal is Refusal.TOO_LONG:
            return LLMRefusedError(
                f"The story and its context are too long for the model {self.model}; shorten the "
                f"story, or configure a model that reads more. It said: {said}"
            )
        if refusal is Refusal.CONTENT:
            return LLMRefusedError(
                f"The provider of {self.model} refuses this story for its content: {said}"
            )
        outage = model_outage(
            model_subject(self.model, self.api_base),
            name=name,
            status=_status(error),
            said=said,
            retry_after=retry_after(_headers(error)),
        )
        if name in _WRONG_REQUEST:
            # Of a request that nobody explains, the next item tells whether it is the model's.
            return LLMSettingsError(
                f"The model {self.model} at {self._where()} does not take the request; check the "
                f"model's name and the address. It said: {said}",
                outage=outage or self._doubtful(),
            )
        if name == _NO_KEY:
            said = f"refuses the key; set a valid one. It said: {said}"
            return LLMUnreachableError(f"The provider of {self.model} {said}", outage=outage)
        return LLMUnreachableError(
            f"The model {self.model} at {self._where()} does not answer ({name}): {said}",
            outage=outage,
        )

    def _doubtful(self) -> Outage:
        """A fault that may be this request's own."""
        subject = model_subject(self.model, self.api_base)
        return Outage(ConditionKind.MODEL, subject, certain=False)

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
    return next((link for link in causes.chain(error) if type(link).__name__ in _TELLING), error)


def _is_free(error: BaseException) -> bool:
    """Tell whether a call that failed surely cost nothing; an answer that broke off may have."""
    names = {type(link).__name__ for link in causes.chain(error)}
    return bool(names & (_FREE | _WRONG_REQUEST))


def _asked_for(form: dict[str, Any], error: Exception, refused: set[str]) -> dict[str, Any] | None:
    """The request in the form that a refusal asks for; None where it asks for none."""
    named = _named(error)
    if type(named).__name__ not in _WRONG_REQUEST:
        return None
    return other_form(form, str(named), refused)


def _at_most(litellm: Any, request: dict[str, Any]) -> Decimal | None:
    """What a request may cost by LiteLLM's price list; None for a model that it does not know."""
    characters = sum(len(message["content"]) for message in request["messages"])
    try:
        read, written = litellm.cost_per_token(
            model=request["model"],
            prompt_tokens=characters // _CHARACTERS_PER_TOKEN + 1,
            completion_tokens=request["max_tokens"],
        )
        return round(Decimal(str(read + written)), 6) or None
    except Exception:  # noqa: BLE001 - an unknown model raises what LiteLLM likes
        return None


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _headers(error: BaseException) -> dict[str, str]:
    """The headers of a provider's refusal, as far as LiteLLM keeps them."""
    response: Any = getattr(error, "response", None)
    for found in (
        getattr(response, "headers", None),
        getattr(error, "litellm_response_headers", None),
    ):
        if found:
            return {str(name): str(value) for name, value in dict(found).items()}
    return {}


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
