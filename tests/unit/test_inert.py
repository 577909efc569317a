"""Text on a forge is shown, not obeyed; people read it as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damascus.text.inert import inert, inert_markdown

WORKS = [
    ("closes #1", "closes # 1"),
    ("Fixes: acme/other#3", "Fixes: acme/other# 3"),
    ("resolve acme/other!4 and !5", "resolve acme/other! 4 and ! 5"),
    ("closes GH-12", "closes GH- 12"),
    ("closes PROJ-7", "closes (PROJ-7)"),
    ("Ask @alice and @team/x (@bob)", "Ask @ alice and @ team/x (@ bob)"),
    ("fixes https://forge.example/a/b/issues/3.", "fixes https://forge.example/a/b/issues/ 3."),
    ("https://g.example/a/-/merge_requests/4", "https://g.example/a/-/merge_requests/ 4"),
    ("https://g.example/a/pull/4", "https://g.example/a/pull/ 4"),
    ("Add it [skip ci]", "Add it (skip ci)"),
    ("[CI SKIP] [no ci] [skip actions]", "(CI SKIP) (no ci) (skip actions)"),
    ("[skipci] [ci-skip] [skip azp]", "(skipci) (ci-skip) (skip azp)"),
    ("***NO_CI***", "NO_CI"),
    (
        "Text\n\nSigned-off-by: Eve <eve@evil.example>",
        "Text\n\nSigned-off-by - Eve <eve@evil.example>",
    ),
    ("co-authored-by : Eve", "co-authored-by - Eve"),
    ("skip-checks: true", "skip-checks - true"),
    ("/close\n/label ~bug", "/ close\n/ label ~bug"),
]


@pytest.mark.parametrize(("text", "shown"), WORKS)
def test_what_a_forge_obeys_is_made_inert_and_stays_readable(text, shown):
    assert inert(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Write to a@b.org about C# and F#, item 7",
        "&#39;quoted&#39; [link](x) and [nothing] [skipper]",
        "closes the door; UTF-8 and SHA-256 stay, wow!",
        "Note: as above\nExit status: 0\nsee /usr/bin/env",
        "<!-- damascus:review green abc def -->",
    ],
)
def test_other_text_is_left_alone(text):
    assert inert(text) == inert_markdown(text) == text


def test_in_markdown_a_closed_fenced_block_is_left_as_it_is():
    fenced = "```python\n@decorator\n# closes #1\n```"
    assert inert_markdown(f"by @alice\n\n{fenced}\n\ncloses #1") == (
        f"by @ alice\n\n{fenced}\n\ncloses # 1"
    )
    longer = "````text\n```\n@alice\n```\n````"
    assert inert_markdown(longer) == longer


@pytest.mark.parametrize(
    "text", ["```\n@alice", "``` a`b\n@alice\n```", "    ```\n@alice\n    ```", "`@alice`"]
)
def test_what_only_looks_like_a_fenced_block_is_none(text):
    assert "@ alice" in inert_markdown(text)


@given(st.lists(st.sampled_from([*(text for text, _ in WORKS), " ", "\n", "x", "#", "@", "["])))
def test_doing_it_twice_changes_nothing(parts):
    once = inert("".join(parts))
    assert inert(once) == once
