"""A lasting trouble is said once, however it shows itself."""

from __future__ import annotations

import logging

import pytest

from damascus.logs.throttled import ThrottledLog

log = logging.getLogger("test.seldom")


def test_a_trouble_with_two_faces_is_said_once_for_each(caplog: pytest.LogCaptureFixture) -> None:
    trouble = ThrottledLog(log)
    for _ in range(5):
        trouble.warn("refused")
        trouble.warn("reset")
    assert [record.getMessage() for record in caplog.records] == ["refused", "reset"]


def test_it_is_said_again_after_a_while_and_after_it_was_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    always, seldom = ThrottledLog(log, every=0.0), ThrottledLog(log)
    always.warn("away")
    always.warn("away")
    assert len(caplog.records) == 2
    seldom.over("back")
    assert len(caplog.records) == 2, "there was no trouble"
    for _ in range(2):
        seldom.warn("away")
        seldom.over("back")
    assert len(caplog.records) == 6
