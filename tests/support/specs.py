"""A spec as a model should write it."""

GOOD_SPEC = """## Goal

Users can log in.

## Context

`app.py` has no login.

## Acceptance Criteria

- AC-1: Given a user, when she logs in, then she sees her name.
- AC-2: Given a wrong password, when she logs in, then she sees an error.

## Implementation Plan

1. Change `app.py`.

## TDD Plan

1. `tests/test_login.py::test_login` proves AC-1.

## Test Command

```sh
pytest -q
```
"""
