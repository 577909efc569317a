import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from decimal import Decimal

import pytest

from damascus.demo.model_script import Cut, Garbage, Hang, Refuse, Say
from damascus.demo.model_server import ModelServer
from damascus.domain.work import Claim, Phase
from damascus.engine.heartbeat import RunningClaim
from damascus.errors import (
    ClaimLostError,
    ConfigurationError,
    LLMUnreachableError,
    UsageError,
)
from damascus.llm import ANSWER_CAP, LiteLLM
from damascus.ports import NoLedger

KEY = "canary-4f1d-key"


@pytest.fixture(autouse=True)
def _no_real_keys_and_no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.upper().endswith(("_API_KEY", "_PROXY")):
            monkeypatch.delenv(name)


def ask(reply, *, model="openai/demo", **settings):
    script = reply if callable(reply) else lambda _: reply
    with ModelServer(script) as server:
        settings = {"timeout": 30.0, "retries": 0, **settings}
        llm = LiteLLM(model, server.openai_base, KEY, **settings)
        try:
            return llm.complete(
                system="Be brief.", prompt="Hello?", max_tokens=99, ledger=NoLedger()
            ), server.asks
        except Exception as error:
            error.asks = server.asks
            raise


def answer(text, *, finish="stop", **more):
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
    }
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
    return Garbage(json.dumps({**body, "choices": [choice], **more}).encode())


def test_an_answer_comes_with_its_tokens_and_without_a_price_for_an_unknown_model():
    completion, asks = ask(answer("Hello."))
    assert completion.text == "Hello."
    assert completion.truncated is False
    assert (completion.cost.model, completion.cost.usd) == ("openai/demo", None)
    assert (completion.cost.input_tokens, completion.cost.output_tokens) == (1000, 100)
    assert asks[0].system == "Be brief."
    assert asks[0].messages[0]["content"] == "Hello?"


def test_the_scripted_model_of_the_demonstration_is_understood():
    completion, _ = ask(Say("Hello from the script."))
    assert completion.text == "Hello from the script."


def test_a_model_with_a_list_price_has_a_cost_in_dollars():
    completion, _ = ask(answer("Hello."), model="openai/gpt-4o-mini")
    assert completion.cost.usd == Decimal("0.00021")


def test_a_free_model_is_an_unmeasured_one():
    completion, _ = ask(answer("x", usage={"prompt_tokens": 0, "completion_tokens": 0}))
    assert completion.cost.usd is None


def test_an_answer_cut_at_the_limit_is_marked():
    completion, _ = ask(answer("Hel", finish="length"))
    assert completion.truncated is True


def test_a_limit_spent_on_thinking_is_a_truncated_answer_not_an_empty_one():
    completion, _ = ask(answer("", finish="length"))
    assert (completion.text, completion.truncated) == ("", True)


def test_an_endless_answer_is_cut():
    completion, _ = ask(answer("x" * (ANSWER_CAP + 5)))
    assert (len(completion.text), completion.truncated) == (ANSWER_CAP, True)


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_an_empty_answer_is_a_fault_that_knows_its_cost(text):
    with pytest.raises(LLMUnreachableError, match="empty answer") as caught:
        ask(answer(text))
    assert caught.value.cost.output_tokens == 100


@pytest.mark.parametrize(
    "reply",
    [
        Refuse(500),
        Refuse(503),
        Refuse(429, "slow down"),
        Refuse(402, "no credit"),
        Garbage(),
        Garbage(b'{"id": "x", "choi'),
        Garbage(b'{"id": "x", "choices": []}'),
        Garbage(b"[]"),
        Cut(Say("Hello.")),
    ],
)
def test_what_may_pass_is_unreachable(reply):
    with pytest.raises(LLMUnreachableError):
        ask(reply)


def test_a_model_that_never_answers_is_given_up():
    with pytest.raises(LLMUnreachableError):
        ask(Hang(), timeout=0.3)


def test_nobody_there_is_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        llm = LiteLLM("openai/demo", base, KEY, timeout=2, retries=0)
        with pytest.raises(LLMUnreachableError, match="does not answer"):
            llm.complete(system="s", prompt="p", max_tokens=9, ledger=NoLedger())


def test_a_refused_key_is_said_without_the_key():
    with pytest.raises(LLMUnreachableError, match="refuses the key") as caught:
        ask(Refuse(401, f"Incorrect API key provided: {KEY}, Bearer abc, sk-1234567890"))
    assert KEY not in str(caught.value)
    assert "sk-1234567890" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in repr(LiteLLM("m", None, KEY))


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_request_the_provider_does_not_take_is_a_wrong_setting(status):
    with pytest.raises(ConfigurationError, match="openai/demo"):
        ask(Refuse(status, "no such model"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no such model", ConfigurationError),
        ("This model's maximum context length is 8192 tokens.", UsageError),
    ],
)
def test_what_fails_on_the_way_does_not_hide_what_the_provider_said(monkeypatch, text, kind):
    ask(Say("warm"))
    litellm = sys.modules["litellm"]
    said = litellm.BadRequestError(text, model="m", llm_provider="openai")

    def refuse(**_):
        raise RuntimeError("the log is full") from said

    monkeypatch.setattr(litellm, "completion", refuse)
    with pytest.raises(kind, match=text):
        ask(Say("x"))


def test_a_model_nobody_has_heard_of_is_a_wrong_setting():
    with pytest.raises(ConfigurationError, match="nonsense"):
        ask(Say("x"), model="nonsense")


def test_a_story_too_long_for_the_model_is_the_storys_fault():
    said = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
    with pytest.raises(UsageError, match="too long"):
        ask(Refuse(400, said))


def test_a_parameter_the_model_does_not_know_is_said_otherwise_and_remembered():
    def script(seen):
        if "max_tokens" in seen.parameters:
            return Refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        return Say("Hello.")

    with ModelServer(script) as server:
        for _ in range(2):  # each claim has an object of its own
            llm = LiteLLM("openai/demo", server.openai_base, KEY, timeout=30.0, retries=0)
            answered = llm.complete(system="s", prompt="p", max_tokens=9, ledger=NoLedger())
            assert answered.text == "Hello."
        asked = [one.parameters & {"max_tokens", "max_completion_tokens"} for one in server.asks]
    assert asked == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


def test_a_provider_that_takes_no_form_is_asked_once_for_each_and_refuses():
    said = "Unsupported: 'max_tokens', 'max_completion_tokens'"
    with pytest.raises(ConfigurationError, match="does not take the request") as caught:
        ask(Refuse(400, said))
    limits = [one.parameters & {"max_tokens", "max_completion_tokens"} for one in caught.value.asks]
    assert limits == [{"max_tokens"}, {"max_completion_tokens"}, set()]


def test_a_fault_is_tried_again_as_often_as_told():
    replies = [Refuse(500), Refuse(503), Say("At last.")]
    completion, asks = ask(lambda _: replies.pop(0), retries=2)
    assert completion.text == "At last."
    assert len(asks) == 3
    with pytest.raises(LLMUnreachableError) as caught:
        ask(Refuse(500), retries=1)
    assert len(caught.value.asks) == 2


def test_an_answer_that_drips_for_ever_is_given_up():
    ask(Say("warm"))  # the import must not count
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                    while not closing.wait(0.05):
                        connection.sendall(b" ")

        server = threading.Thread(target=drip)
        server.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        llm = LiteLLM("openai/demo", base, KEY, timeout=0.5, retries=0, spare=0.2)
        try:
            with pytest.raises(LLMUnreachableError, match="did not finish"):
                llm.complete(system="s", prompt="p", max_tokens=9, ledger=NoLedger())
        finally:
            closing.set()
            server.join()
        for thread in threading.enumerate():
            if thread.name == "litellm":
                thread.join()


def test_litellm_is_not_imported_with_the_module():
    code = "import damascus.llm, sys; sys.exit('litellm' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_call_ends_at_once_when_the_claim_is_lost():
    with ModelServer(lambda _: Hang()) as server:
        guard = RunningClaim(Claim(1, 1, "w", Phase.SPEC, 1, 3, 0))
        model = LiteLLM("openai/demo", server.openai_base, "sk-x", guard=guard)
        breaking = threading.Timer(0.2, guard.stop, ["lost"])
        breaking.start()
        with pytest.raises(ClaimLostError):
            model.complete(system="s", prompt="p", max_tokens=10, ledger=NoLedger())
        breaking.join()
