"""The two wire protocols of the scripted model: parse what comes in, render what goes out.

OpenAI chat completions and Anthropic messages, each plain and as server-sent events. Token counts
are a quarter of the characters: enough for an agent's bookkeeping, and the same every time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from damascus.demo.model_script import Ask, ToolCall, text_of

JSON: TypeAlias = dict[str, Any]
CHUNK = 4096  # characters of text in one streamed event


def parse(
    protocol: str, body: Mapping[str, Any], *, number: int, headers: Mapping[str, str]
) -> Ask:
    """Read a request of either protocol."""
    everything: Sequence[JSON] = body.get("messages") or ()
    systems = [body.get("system"), *(m.get("content") for m in everything if _is_system(m))]
    messages = tuple(m for m in everything if not _is_system(m))
    return Ask(
        protocol=protocol,
        model=str(body.get("model", "")),
        system="\n".join(filter(None, map(text_of, systems))),
        messages=messages,
        turns=sum(m.get("role") == "assistant" for m in messages),
        tools=frozenset(_tool_name(tool) for tool in body.get("tools") or ()),
        stream=bool(body.get("stream")),
        number=number,
        headers=headers,
        parameters=frozenset(body),
    )


def _is_system(message: Mapping[str, Any]) -> bool:
    return message.get("role") in ("system", "developer")


def _tool_name(tool: Mapping[str, Any]) -> str:
    return str(tool.get("name") or tool.get("function", {}).get("name", ""))


def usage(ask: Ask, text: str, calls: Sequence[ToolCall]) -> tuple[int, int]:
    """Tokens in and out of one exchange."""
    written = len(text) + sum(len(json.dumps(dict(call.arguments))) for call in calls)
    return len(ask.text) // 4 + 1, written // 4 + 1


def error(protocol: str, status: int, message: str) -> JSON:
    """Shape the body of an HTTP error."""
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    detail = {"type": kinds.get(status, "api_error"), "message": message}
    if protocol == "anthropic":
        return {"type": "error", "error": detail}
    return {"error": {**detail, "param": None, "code": str(status)}}


def render(ask: Ask, text: str, calls: Sequence[ToolCall]) -> JSON:
    """Shape the whole of an answer that is not streamed."""
    return (_anthropic if ask.protocol == "anthropic" else _openai)(ask, text, calls)


def events(ask: Ask, text: str, calls: Sequence[ToolCall]) -> Iterator[bytes]:
    """Stream an answer, one server-sent event at a time."""
    streamed = _anthropic_events if ask.protocol == "anthropic" else _openai_events
    return streamed(ask, text, calls)


def _openai(ask: Ask, text: str, calls: Sequence[ToolCall]) -> JSON:
    message: JSON = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = _openai_calls(ask, calls)
    choice = {"index": 0, "message": message, "finish_reason": _openai_stop(calls)}
    head = _openai_head(ask, "chat.completion")
    return {**head, "choices": [choice], "usage": _openai_usage(ask, text, calls)}


def _openai_events(ask: Ask, text: str, calls: Sequence[ToolCall]) -> Iterator[bytes]:
    head = _openai_head(ask, "chat.completion.chunk")

    def chunk(delta: JSON, stop: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": stop}
        return _sse({**head, "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    yield from (chunk({"content": part}) for part in _parts(text))
    for index, call in enumerate(_openai_calls(ask, calls)):
        yield chunk({"tool_calls": [{"index": index, **call}]})
    yield chunk({}, _openai_stop(calls))
    yield _sse({**head, "choices": [], "usage": _openai_usage(ask, text, calls)})
    yield b"data: [DONE]\n\n"


def _openai_head(ask: Ask, kind: str) -> JSON:
    return {"id": f"chatcmpl-{ask.number}", "object": kind, "created": 0, "model": ask.model}


def _openai_stop(calls: Sequence[ToolCall]) -> str:
    return "tool_calls" if calls else "stop"


def _openai_calls(ask: Ask, calls: Sequence[ToolCall]) -> list[JSON]:
    return [
        {
            "id": f"call_{ask.number}_{index}",
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(dict(call.arguments))},
        }
        for index, call in enumerate(calls)
    ]


def _openai_usage(ask: Ask, text: str, calls: Sequence[ToolCall]) -> JSON:
    read, written = usage(ask, text, calls)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _anthropic(ask: Ask, text: str, calls: Sequence[ToolCall]) -> JSON:
    read, written = usage(ask, text, calls)
    content: list[JSON] = [{"type": "text", "text": text}] if text else []
    content += [{**_tool_use(ask, i, call), "input": call.arguments} for i, call in _each(calls)]
    return {
        **_anthropic_head(ask),
        "content": content,
        "stop_reason": _anthropic_stop(calls),
        "usage": {"input_tokens": read, "output_tokens": written},
    }


def _anthropic_events(ask: Ask, text: str, calls: Sequence[ToolCall]) -> Iterator[bytes]:
    read, written = usage(ask, text, calls)
    start: JSON = {**_anthropic_head(ask), "content": [], "stop_reason": None}
    start["usage"] = {"input_tokens": read, "output_tokens": 1}
    yield _named("message_start", message=start)
    index = 0
    if text:
        yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for part in _parts(text):
            delta = {"type": "text_delta", "text": part}
            yield _named("content_block_delta", index=0, delta=delta)
        yield _named("content_block_stop", index=0)
        index = 1
    for number, call in _each(calls):
        place = index + number
        block: JSON = {**_tool_use(ask, number, call), "input": {}}
        yield _named("content_block_start", index=place, content_block=block)
        delta = {"type": "input_json_delta", "partial_json": json.dumps(dict(call.arguments))}
        yield _named("content_block_delta", index=place, delta=delta)
        yield _named("content_block_stop", index=place)
    stop = {"stop_reason": _anthropic_stop(calls), "stop_sequence": None}
    yield _named("message_delta", delta=stop, usage={"output_tokens": written})
    yield _named("message_stop")


def _anthropic_head(ask: Ask) -> JSON:
    message: JSON = {"id": f"msg_{ask.number}", "type": "message", "role": "assistant"}
    return {**message, "model": ask.model, "stop_sequence": None}


def _anthropic_stop(calls: Sequence[ToolCall]) -> str:
    return "tool_use" if calls else "end_turn"


def _tool_use(ask: Ask, index: int, call: ToolCall) -> JSON:
    return {"type": "tool_use", "id": f"toolu_{ask.number}_{index}", "name": call.name}


def _each(calls: Sequence[ToolCall]) -> Iterator[tuple[int, ToolCall]]:
    return enumerate(calls)


def _parts(text: str) -> Iterator[str]:
    return (text[at : at + CHUNK] for at in range(0, len(text), CHUNK))


def _sse(data: JSON) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _named(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\n".encode() + _sse({"type": kind, **data})
