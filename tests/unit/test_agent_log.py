"""The log of a coding agent, as a person reads it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from damascus.domain.agent_log import readable

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "message", "content", "input", "text", "command", "name"]),
            inner,
        )
    ),
    max_leaves=12,
)


def said(**told):
    return readable(json.dumps(told))


def block(kind, **more):
    return said(type="assistant", message={"content": [{"type": kind, **more}]})


def test_a_line_that_is_none_of_its_objects_stands_as_it_is():
    for line in ("", "collected 14 items", '{"a": 1', '{"a": 1}', '{"type": 7}', "[]"):
        assert readable(line) == line


def test_what_the_agent_says_and_does_is_told():
    assert said(type="system", subtype="init", model="m-1").endswith("with the model m-1")
    assert block("text", text="I look first.") == "I look first."
    assert block("tool_use", name="Bash", input={"command": "ls -l"}) == "$ ls -l"
    assert block("tool_use", name="Edit", input={"file_path": "a.py"}) == "> Edit a.py"
    assert block("tool_use", name="TodoWrite", input={}) == "> TodoWrite"


def test_what_a_tool_answers_is_indented_and_cut():
    long = "x" * 5000
    for content in (long, [{"type": "text", "text": long}]):
        told = block("tool_result", content=content)
        assert told.startswith("  xxx")
        assert told.endswith("(and 1000 characters more)")
    assert block("tool_result", content="one\ntwo") == "  one\n  two"


def test_the_end_says_how_it_was_and_why_it_failed():
    ended = {"type": "result", "subtype": "success", "num_turns": 3, "total_cost_usd": 0.5}
    assert said(**ended) == "-- the agent ended: success, 3 turns, $0.5000 by its own count"
    assert said(**ended, is_error=True, result="no credit").endswith("\nno credit")


def test_what_means_nothing_to_a_person_is_left_out():
    assert said(type="system", subtype="hook") is None
    assert said(type="stream_event", event={}) is None
    assert block("thinking", thinking="…") is None


@given(st.dictionaries(st.sampled_from(["message", "subtype", "result", "is_error"]), ANYTHING))
def test_an_agent_may_write_anything(fields):
    for kind in ("assistant", "user", "result", "system", "other"):
        found = readable(json.dumps({"type": kind, **fields}))
        assert found is None or isinstance(found, str)
