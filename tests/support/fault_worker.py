"""A worker process for the fault tests: everything real but the model's client, which is light.

    python -m support.fault_worker HISTORY [SECONDS [1]]

Ticks until every item rests, or for SECONDS (with 1 behind it: always that long), or until TERM.
Settings come from the environment. HISTORY gets one JSON line for every cycle. (LiteLLM takes
seconds to import: its own tests use it.)
"""

import json
import os
import signal
import ssl
import sys
import time
from decimal import Decimal
from pathlib import Path

import httpx

from damascus.config import load
from damascus.domain.conditions import model_subject
from damascus.domain.model_faults import model_outage, retry_after
from damascus.domain.work import LIVE, Cost
from damascus.errors import DamascusError, LLMUnreachableError
from damascus.ports import Completion
from damascus.wiring import App
from support.patience import patience

# Nothing is encrypted here: to load the certificates of the world takes 20 ms a request.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PRICE = Decimal("0.01")


class LightModel:
    """The port `LLM` over the OpenAI protocol."""

    def __init__(self, base):
        self._base = base
        self._url = f"{base}/chat/completions"

    def complete(self, *, system, prompt, max_tokens, ledger):
        call = ledger.call("scripted")
        body = {
            "model": "scripted",
            "max_tokens": max_tokens,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ],
        }
        try:
            answer = httpx.post(
                self._url,
                json=body,
                timeout=patience(20),
                trust_env=False,
                verify=_NO_CERTIFICATES,
            )
            said = answer.raise_for_status().json()
        except httpx.HTTPStatusError as error:
            outage = model_outage(
                model_subject("openai/scripted", self._base),
                status=error.response.status_code,
                said=error.response.text,
                retry_after=retry_after(error.response.headers),
            )
            raise LLMUnreachableError(f"the scripted model: {error}", outage=outage) from error
        except (httpx.HTTPError, ValueError) as error:
            outage = model_outage(
                model_subject("openai/scripted", self._base), name=type(error).__name__
            )
            raise LLMUnreachableError(
                f"the scripted model does not answer: {error}", outage=outage
            ) from error
        cost = Cost("scripted", input_tokens=1, output_tokens=1, usd=PRICE)
        call.settle(cost)
        return Completion(said["choices"][0]["message"]["content"], cost)


class LightApp(App):
    """The real wiring with the light client."""

    def _llm(self, *_):
        return LightModel(self.settings.llm_api_base)


class Recorder:
    """Appends to the history; one write per line, so that processes may share the file."""

    def __init__(self, path):
        self._path = path

    def write(self, **line):
        data = (json.dumps({**line, "at": time.time()}, default=str) + "\n").encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)


def all_rest(app):
    """Whether nothing is left that a worker could ever claim by itself."""
    return not any(row["items"] for row in app.store.stats.queue() if row["phase"] in LIVE)


def work(app, history, *, seconds, stopping=lambda: False, forever=False):
    """Tick until all rest (or for ever) or the time is over; True when all rest."""
    cycle = app.cycle()
    until = time.monotonic() + seconds
    while time.monotonic() < until and not stopping():
        try:
            tick = cycle.tick()
            if tick.outcome == "idle":
                if not forever and all_rest(app):
                    return True
                time.sleep(0.05)
                continue
        except DamascusError as error:
            history.write(worker=app.settings.worker_name, trouble=str(error)[:300])
            time.sleep(0.1)
            continue
        history.write(
            worker=app.settings.worker_name,
            outcome=tick.outcome,
            item=tick.claim.item_id,
            epoch=tick.claim.epoch,
            verdict=tick.verdict,
            effective=tick.effective,
            to=tick.to,
            summary=tick.summary,
        )
    return False


def main(history, seconds="60", forever="0"):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    with LightApp(load(_env_file=None)) as app:
        done = work(
            app,
            Recorder(Path(history)),
            seconds=float(seconds),
            stopping=lambda: bool(stop),
            forever=forever == "1",
        )
    return 0 if done else 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
