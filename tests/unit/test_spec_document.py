import pytest

from damascus.phases.spec_document import OpenQuestions, SpecDocument, SpecWrongError, parse
from support.specs import GOOD_SPEC as GOOD


def reasons(text):
    with pytest.raises(SpecWrongError) as caught:
        parse(text)
    return "\n".join(caught.value.reasons)


def test_a_good_spec_is_read_with_its_criteria_and_its_test_line():
    spec = parse(GOOD)
    assert isinstance(spec, SpecDocument)
    assert (spec.text, spec.test_line, spec.criteria) == (GOOD, "pytest -q", 2)


def test_reading_a_normal_form_again_changes_nothing():
    once = parse("Sure!\r\n\r\n" + GOOD.replace("\n", "\r\n"))
    assert parse(once.text) == once


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: s.replace("\n", "\r\n"),
        lambda s: "Here is the specification you asked for.\n\n# Login\n\n" + s,
        lambda s: f"```markdown\n{s}```\n",
        lambda s: f"Sure:\n\n````md\n{s}````\n\nLet me know!",
        lambda s: s.replace("## Acceptance Criteria", "##  acceptance criteria ##"),
        lambda s: s.replace("## Goal", "## **Goal**"),
        lambda s: "\ufeff" + s,
        lambda s: s.replace("```sh", "~~~").replace("```", "~~~"),
        lambda s: s.replace("```sh\npytest", "```\n\n$ pytest"),
    ],
)
def test_what_models_do_without_harm_is_tolerated(wrap):
    assert parse(wrap(GOOD)).test_line == "pytest -q"
    assert parse(wrap(GOOD)).text.startswith("## Goal\n\nUsers can log in.\n\n## Context")


@pytest.mark.parametrize(
    "section",
    ["Goal", "Context", "Acceptance Criteria", "Implementation Plan", "TDD Plan", "Test Command"],
)
def test_each_section_is_missed_by_name(section):
    assert f"'## {section}' is missing" in reasons(GOOD.replace(f"## {section}\n", "\n"))


def test_an_empty_section_is_named():
    assert "'## Context' is empty" in reasons(GOOD.replace("`app.py` has no login.", " \n"))


def test_a_section_that_is_there_twice_is_named():
    assert "more than once" in reasons(GOOD + "\n## Goal\n\nAnother.\n")


def test_a_section_nobody_asked_for_is_named():
    assert "'## Risks' is not one of the six" in reasons(GOOD + "\n## Risks\n\nNone.\n")


def test_sections_in_another_order_are_refused():
    swapped = GOOD.replace("## Goal", "## X").replace("## Context", "## Goal")
    assert "order" in reasons(swapped.replace("## X", "## Context"))


def test_a_heading_inside_a_fence_is_not_a_section():
    text = GOOD.replace("`app.py` has no login.", "~~~md\n## Goal\n## Risks\n~~~")
    assert "## Risks" in parse(text).text


def test_a_heading_only_inside_a_fence_does_not_count_as_present():
    assert "'## Context' is missing" in reasons(
        GOOD.replace("## Context\n", "```\n## Context\n```\n")
    )


def test_a_backtick_line_inside_a_longer_fence_does_not_close_it():
    text = GOOD.replace("`app.py` has no login.", "````\n```\n## Risks\n````")
    assert isinstance(parse(text), SpecDocument)


def test_a_fence_left_open_is_said():
    assert "never closed" in reasons(GOOD.removesuffix("```\n"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("It works.", "No criterion begins with 'AC-1'"),
        ("- AC-1: a\n- AC-3: b", "AC-1, AC-3"),
        ("- AC-2: a\n- AC-1: b", "AC-2, AC-1"),
        ("- AC-0: a", "AC-0"),
        ("- AC-1: a\n- AC-1: b", "AC-1, AC-1"),
        ("- AC-1:\n- AC-2: b", "AC-1 says nothing"),
        ("```\nAC-1: a\n```", "No criterion"),
    ],
)
def test_criteria_are_numbered_without_gaps_and_say_something(lines, said):
    start, end = GOOD.index("- AC-1"), GOOD.index("\n## Implementation")
    assert said in reasons(GOOD[:start] + lines + "\n" + GOOD[end:])


@pytest.mark.parametrize(
    "style", ["AC-1: a\nAC-2: b", "1. **AC-1** a\n2. **AC-2** b", "### AC-1: a\n\n### AC-2: b"]
)
def test_criteria_may_be_lists_headings_or_lines(style):
    start, end = GOOD.index("- AC-1"), GOOD.index("\n## Implementation")
    assert parse(GOOD[:start] + style + "\n" + GOOD[end:]).criteria == 2


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("pytest -q", "there are 0"),
        ("```sh\npytest -q\nnpm test\n```", "it holds 2"),
        ("```sh\n```", "it holds 0"),
        ("```sh\npytest\n```\n\n```sh\nnpm test\n```", "there are 2"),
    ],
)
def test_the_test_command_is_one_line_in_one_fence(block, said):
    assert said in reasons(GOOD.replace("```sh\npytest -q\n```", block))


def test_all_reasons_are_told_at_once():
    told = reasons("## Goal\n\nx\n\n## Risks\n\ny\n")
    assert told.count("is missing") == 5
    assert "Risks" in told
    assert "AC-1" in told


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "\x00\ud800", "#" * 10_000])
def test_garbage_is_refused_with_a_reason(text):
    assert "no '##' section" in reasons(text)


def test_open_questions_are_taken_from_the_list_with_their_continuations():
    asked = parse(
        "I need to know:\n\n## Open Questions\n\n1. Which colour?\n   Red or blue.\n\n2. Why?\n"
    )
    assert asked == OpenQuestions(("Which colour? Red or blue.", "Why?"))


def test_open_questions_without_a_list_are_one_question():
    assert parse("## Open Questions\n\nWhich\ncolour?\n") == OpenQuestions(("Which colour?",))


@pytest.mark.parametrize("text", ["", "- \n", "- None.", "None"])
def test_open_questions_that_ask_nothing_are_refused(text):
    reasons(f"## Open Questions\n\n{text}\n")


def test_a_spec_with_open_questions_is_neither():
    assert "beside other sections" in reasons(GOOD + "\n## Open Questions\n\n- Why?\n")


def test_questions_without_end_are_cut():
    many = "## Open Questions\n\n" + "\n".join(f"{n}. {'x' * 5000}?" for n in range(50))
    asked = parse(many).questions
    assert len(asked) == 10
    assert all(len(question) <= 2000 for question in asked)


def test_control_characters_do_not_reach_the_spec():
    text = parse(GOOD.replace("Users", "Us\x00ers\x1b[31m\u202e \ud800")).text
    assert "Users " in text
    text.encode()
