"""The scripted model over real sockets, in both protocols."""

from __future__ import annotations

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from damascus.demo.model_script import (
    Act,
    Call,
    Cut,
    Done,
    Garbage,
    Hang,
    Refuse,
    Run,
    Say,
    faults_first,
    shell_writes,
    steps,
)
from damascus.demo.model_server import ModelServer
from support.patience import patience

CLAUDE_TOOLS = [{"name": "Write"}, {"name": "Read"}, {"name": "Bash"}]
MINI_TOOLS = [{"type": "function", "function": {"name": "bash"}}]
WHERE = "# Environment\n - Primary working directory: /w/checkout\n - Platform: linux"


def openai(server, messages=(), *, tools=None, **more):
    said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    body = {"model": "demo", "messages": [*said, *messages], **({"tools": tools} if tools else {})}
    return post(f"{server.openai_base}/chat/completions", {**body, **more})


def anthropic(server, messages=(), *, tools=CLAUDE_TOOLS, **more):
    said = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    system = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": WHERE}]
    body = {"model": "demo", "system": system, "messages": [*said, *messages], "tools": tools}
    return post(f"{server.anthropic_base}/v1/messages?beta=true", {**body, **more})


def post(url, body):
    with httpx.Client(trust_env=False, timeout=patience(20)) as client:
        return client.post(url, json=body)


def streamed(response):
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if "data: " in line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_text_comes_in_the_shape_of_each_protocol():
    with ModelServer(lambda _: Say("Good day")) as server:
        answer = openai(server).json()
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Good day"}
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["usage"]["total_tokens"] > answer["usage"]["completion_tokens"] > 0
        answer = anthropic(server).json()
        assert answer["content"] == [{"type": "text", "text": "Good day"}]
        assert answer["stop_reason"] == "end_turn"
        assert answer["usage"]["output_tokens"] > 0


def test_a_stream_carries_the_same_as_a_plain_answer():
    long = "ä " * 5000
    with ModelServer(lambda _: Call("Bash", {"command": "ls"}, long)) as server:
        chunks = streamed(openai(server, tools=MINI_TOOLS, stream=True))
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
        assert "".join(delta.get("content") or "" for delta in deltas) == long
        calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
        assert json.loads(calls[0]["function"]["arguments"]) == {"command": "ls"}
        assert chunks[-1]["usage"]["completion_tokens"] > 0
        events = streamed(anthropic(server, stream=True))
    assert [event["type"] for event in events][:2] == ["message_start", "content_block_start"]
    assert events[-1]["type"] == "message_stop"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in deltas) == long
    assert json.loads(deltas[-1]["partial_json"]) == {"command": "ls"}


def test_the_same_script_becomes_each_agents_own_tool_calls():
    script = steps(Act({"a/b.txt": "hi\n"}), Run("make test"), Done("Finished."))
    spoken = {"role": "assistant", "content": "…"}
    with ModelServer(script) as server:
        write = anthropic(server).json()["content"][-1]
        assert write["name"] == "Write"
        assert write["input"] == {"file_path": "/w/checkout/a/b.txt", "content": "hi\n"}
        run = anthropic(server, [spoken]).json()["content"][-1]
        assert (run["name"], run["input"]) == ("Bash", {"command": "make test"})
        done = anthropic(server, [spoken, spoken]).json()
        assert done["content"] == [{"type": "text", "text": "Finished."}]

        def command(*before):
            answer = openai(server, before, tools=MINI_TOOLS).json()
            call = answer["choices"][0]["message"]["tool_calls"][0]["function"]
            assert call["name"] == "bash"
            return json.loads(call["arguments"])["command"]

        assert "cat <<'EOF' > a/b.txt\nhi\nEOF" in command()
        assert command(spoken) == "make test"
        assert command(spoken, spoken) == "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
        assert openai(server).json()["choices"][0]["message"]["content"] == "Writing the files."


def test_what_is_asked_is_parsed_and_kept_in_order():
    with ModelServer(lambda _: Say("ok")) as server:
        openai(server)
        anthropic(server, [{"role": "assistant", "content": "a"}])
        first, second = server.asks
    assert (first.protocol, first.model, first.system, first.turns) == (
        "openai",
        "demo",
        "Be brief.",
        0,
    )
    assert (second.protocol, second.turns, second.cwd) == ("anthropic", 1, "/w/checkout")
    assert second.tools == {"Write", "Read", "Bash"}
    assert "Hello" in first.text
    assert first.cwd is None
    assert [first.number, second.number] == [1, 2]


def test_files_written_by_the_shell_are_exact(tmp_path):
    files = {
        "plain.txt": "one\ntwo\n",
        "no newline": "it's $HOME `id` \\ \t\"",
        "empty": "",
        "deep/er/'q'.sh": "cat <<'EOF'\nEOF\nEOF1\n$x\n",
        "-dash": "ü\n\n",
    }
    subprocess.run(["sh", "-c", shell_writes(files)], cwd=tmp_path, check=True)
    written = {
        str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()
    }
    assert written == files


@pytest.mark.parametrize("ask", [openai, anthropic])
def test_a_refusal_has_the_status_the_headers_and_the_shape_of_an_error(ask):
    with ModelServer(lambda _: Refuse(429, "slow down", {"Retry-After": "7"})) as server:
        answer = ask(server, stream=True)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"]["message"] == "slow down"


@pytest.mark.parametrize("ask", [openai, anthropic])
@pytest.mark.parametrize("stream", [True, False])
def test_half_an_answer_breaks_off(ask, stream):
    with ModelServer(lambda _: Cut(Say("x" * 50_000))) as server:
        if stream:
            said = ask(server, stream=True).text
            assert "x" * 4096 in said
            assert "[DONE]" not in said
            assert "message_stop" not in said
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                ask(server)


def test_ten_megabytes_and_garbage_arrive_whole():
    with ModelServer(faults_first([Garbage(b"\xff\x00{")], lambda _: Say("x" * 10**7))) as server:
        garbage = openai(server)
        assert (garbage.status_code, garbage.content) == (200, b"\xff\x00{")
        assert len(openai(server).json()["choices"][0]["message"]["content"]) == 10**7


def test_a_script_that_raises_is_an_error_that_says_so():
    with ModelServer(lambda _: 1 / 0) as server:
        answer = openai(server)
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.json()["error"]["message"]


def test_other_paths_and_bodies_are_answered_as_an_api_would():
    with ModelServer(lambda _: Say("ok")) as server:
        assert post(f"{server.url}/v1/responses", {}).status_code == 404
        assert post(f"{server.url}/v1/messages", [1]).status_code == 400
        counted = post(f"{server.url}/v1/messages/count_tokens", {"messages": []}).json()
        assert counted["input_tokens"] > 0
        with httpx.Client(trust_env=False) as client:
            assert client.head(server.url).status_code == 200
            assert client.get(f"{server.url}/v1/models").json()["data"] == []
            nonsense = client.post(f"{server.url}/v1/chat/completions", content=b"{")
            assert nonsense.status_code == 400
        assert server.asks == ()


def test_many_conversations_at_once_are_each_answered_and_counted_once():
    script = faults_first([Refuse(503)] * 5, steps(Say("first"), Say("second")))
    with ModelServer(script) as server, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: openai(server), range(60)))
        assert len(server.asks) == 60
        assert sorted(ask.number for ask in server.asks) == list(range(1, 61))
    assert sorted(answer.status_code for answer in answers) == [200] * 55 + [503] * 5


def test_leaving_drops_what_hangs_and_leaves_no_thread():
    before = set(threading.enumerate())
    asked = threading.Event()
    broken = []

    def hang(_):
        asked.set()
        return Hang()

    with ModelServer(hang) as server:

        def wait():
            with pytest.raises(httpx.HTTPError):
                openai(server)
            broken.append(True)

        client = threading.Thread(target=wait)
        client.start()
        assert asked.wait(patience(20))
    client.join(patience(20))
    assert broken == [True]
    assert set(threading.enumerate()) <= before
    with pytest.raises(httpx.ConnectError):
        openai(server)
