"""Text from outside, made safe; tables and documents, whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from damascus.cli import output
from damascus.cli.text import clean, duration, moment, money, one_line, width
from damascus.domain.json_forms import plain
from damascus.domain.work import Phase


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain äöü 漢字 🙂", "plain äöü 漢字 🙂"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1;2|payload\x1b\\x", "x"),
        ("\x9b31mred", "red"),
        ("\x1bc\x1b(Breset", "reset"),
        ("a\x08\x7f\x00b\x0e", "ab"),
        ("over\rwritten", "over\nwritten"),
        ("line\r\nline\u2028line", "line\nline\nline"),
        ("admin\u202egnp.exe", "admingnp.exe"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b", ""),
        ("unfinished \x1b[3", "unfinished 3"),
        ("unfinished \x1b]0;title\nmore", "unfinished 0;title\nmore"),
    ],
)
def test_escape_sequences_and_control_characters_go_and_text_stays(given, shown):
    assert clean(given) == shown
    assert "\x1b" not in one_line(given)


def test_one_line_is_one_line():
    assert one_line(" a\n\n b\t c\x1b[1m ") == "a b c"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3660, "1 h 01 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_spans_of_time_are_told_in_two_units_at_most(seconds, shown):
    assert duration(seconds) == shown


def test_money_that_nobody_measured_is_not_zero():
    assert money(None) == "-"
    assert money(Decimal("1234.5")) == "$1,234.5000"
    assert money(Decimal("0.25"), estimated=True) == "~$0.2500"
    assert moment(None) == "-"


def test_a_document_says_times_in_utc_money_as_text_and_tokens_as_numbers():
    noon = datetime(2031, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    assert plain(
        {
            "at": noon,
            "usd": Decimal("0.000100"),
            "input_tokens": Decimal(7),
            "phase": Phase.SPEC,
            "since": timedelta(minutes=2),
            "path": Path("/x"),
            "rows": ({"ok": None},),
        }
    ) == {
        "at": "2031-05-04T10:00:00Z",
        "usd": "0.000100",
        "input_tokens": 7,
        "phase": "spec",
        "since": 120.0,
        "path": "/x",
        "rows": [{"ok": None}],
    }
    stored = {"usd": 1.5, "budget_usd": 2, "not_before": "2031-05-04T10:00:00+00:00"}
    assert plain({"data": stored}) == {
        "data": {"usd": "1.5", "budget_usd": "2", "not_before": "2031-05-04T10:00:00Z"}
    }
    with pytest.raises(TypeError, match="object has no place"):
        plain(object())


def test_a_document_never_moves_a_terminal(capsys):
    text = "\x1b[2J \x9b2J \u202e äö \x7f"
    output.emit({"title": text})
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x9b\u202e\x7f")
    assert "äö" in out
    assert json.loads(out) == {"title": text}


def test_a_table_that_is_not_for_a_terminal_is_plain_and_whole(capsys):
    long = "x" * 500
    output.table(("N", "TITLE"), [(1, long), (22, "漢字 [bold]b[/bold]"), (3, None)], right={0})
    assert capsys.readouterr().out.splitlines() == [
        " N  TITLE",
        f" 1  {long}",
        "22  漢字 [bold]b[/bold]",
        " 3  -",
    ]
    assert width("漢字") == 4
    assert width("e\u0301") == 1


def test_on_a_terminal_what_is_too_wide_is_folded_and_nothing_is_lost(capsys, monkeypatch):
    monkeypatch.setattr(output, "terminal_width", lambda: 40)
    title = "".join(chr(ord("a") + n % 26) for n in range(90))
    output.table(("N", "TITLE"), [(1, title), (2, "[red]x[/red]")], right={0})
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 40
    letters = "".join(line[3:].strip() for line in out.splitlines()[2:])
    assert letters.startswith(title)
    assert "[red]x[/red]" in out


def test_on_a_very_narrow_terminal_each_row_becomes_lines(capsys, monkeypatch):
    monkeypatch.setattr(output, "terminal_width", lambda: 20)
    output.table(("ITEM", "STORY", "TITLE"), [(1, "alpha/story-one", "Do the thing at once")])
    assert capsys.readouterr().out.splitlines() == [
        "ITEM   1",
        "STORY  alpha/story-one",
        "TITLE  Do the thing at once",
    ]


def test_a_moment_is_shown_in_the_zone_of_the_machine():
    assert moment(datetime(2031, 5, 4, tzinfo=UTC)).startswith("2031-05-0")
