"""The OpenAPI document that clients are made from is the one the API serves."""

from __future__ import annotations

import json
from pathlib import Path

from damascus.api.app import build
from damascus.api.context import Api
from damascus.config import Settings
from damascus.wiring import App

ROOT = Path(__file__).parents[2]


def document():
    return build(Api(App(Settings.model_construct()))).openapi()


def operations():
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_in_the_repository_is_current():
    current = json.loads((ROOT / "ui/openapi.json").read_text("utf-8"))
    assert current == document(), "run: python -m damascus.api.openapi > ui/openapi.json"


def test_every_operation_has_a_name_a_summary_and_words():
    for name, operation in operations():
        assert operation["operationId"].isidentifier(), name
        assert operation["summary"], name
        assert operation["description"], name


def test_every_operation_under_v1_but_signing_in_and_out_needs_a_token():
    open_ones = {name for name, operation in operations() if "security" not in operation}
    assert {name for name in open_ones if "/v1/" in name} == {
        "POST /v1/session",
        "DELETE /v1/session",
    }


def test_every_failure_is_a_problem_document():
    for name, operation in operations():
        for status, response in operation["responses"].items():
            if int(status) >= 400 and name != "GET /readyz":
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDocument"}, name
