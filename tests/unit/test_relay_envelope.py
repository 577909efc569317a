from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from damascus.domain.work import Event
from damascus.relay.relay import LONGEST_BACKOFF, backoff, cloud_event


def event(**more: object) -> Event:
    fields = {
        "id": 7,
        "event_id": "0190b6e8-0000-4000-8000-000000000007",
        "seq": 3,
        "type": "work.merged",
        "item_id": 5,
        "project_id": 1,
        "actor": "worker-1",
        "data": {"merge_sha": "c" * 40, "attempts": 1},
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "project": "alpha",
        "key": "story",
    }
    return Event(**{**fields, **more})  # type: ignore[arg-type]


def test_an_event_is_a_whole_cloud_event() -> None:
    envelope = cloud_event(event(), source="damascus")
    assert json.loads(json.dumps(envelope)) == {
        "specversion": "1.0",
        "id": "0190b6e8-0000-4000-8000-000000000007",
        "source": "damascus",
        "type": "work.merged",
        "subject": "alpha/story",
        "time": "2026-01-02T03:04:05+00:00",
        "datacontenttype": "application/json",
        "data": {
            "seq": 3,
            "project": "alpha",
            "item_id": 5,
            "item": "story",
            "actor": "worker-1",
            "details": {"merge_sha": "c" * 40, "attempts": 1},
        },
    }


def test_an_event_of_a_project_has_the_project_as_its_subject() -> None:
    assert cloud_event(event(key=None, item_id=None), source="x")["subject"] == "alpha"


def test_an_event_of_nothing_has_no_subject() -> None:
    assert "subject" not in cloud_event(event(key=None, project=None), source="x")


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 2), (3, 8), (500, LONGEST_BACKOFF)])
def test_a_sink_is_left_alone_for_longer_the_more_often_it_failed(
    failures: int, seconds: float
) -> None:
    assert backoff(failures) == seconds
