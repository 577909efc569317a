"""The cases of the store: facts as attributes, a neutral sentence, one category each."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from damascus import errors
from damascus.errors import store

CASES = [
    case
    for _, case in inspect.getmembers(store, inspect.isclass)
    if issubclass(case, errors.DamascusError) and case.__module__ == store.__name__
]
FACTS: dict[str, Any] = {
    "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    "items": (errors.ItemRef(7, "shop", "totals"),),
    "known": ("shop", "bank"),
    "choices": ("retry", "cancel"),
}


def example(case: type[Any]) -> Any:
    fields = dataclasses.fields(case)
    return case(*(FACTS.get(field.name, 7 if "int" in field.type else "shop") for field in fields))


@pytest.mark.parametrize("case", CASES)
def test_a_case_says_a_sentence_that_belongs_to_no_door(case):
    sentence = str(example(case))
    assert sentence
    assert "`damascus" not in sentence
    assert not re.search(r"(^|\s)--\w", sentence)


@pytest.mark.parametrize("case", CASES)
def test_a_case_survives_a_process_boundary_with_its_facts(case):
    error = example(case)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own
    assert (type(again), again.__dict__, str(again)) == (case, error.__dict__, str(error))


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_the_exit_code_of_its_category(case):
    category = errors.category(example(case))
    assert category in (errors.NotFoundError, errors.ConflictError, errors.UsageError)
    assert case.exit_code == category.exit_code
    assert str(category("a sentence")) == "a sentence"


def test_every_case_can_be_imported_from_the_package():
    assert {case.__name__ for case in CASES} <= set(errors.__all__)
