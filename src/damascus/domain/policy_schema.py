"""The policy's fields as fields of pydantic models: what HTTP and MCP take and show.

    body = create_model("PolicyGiven", __base__=Given, **policy_schema.accepted())

A door that takes changes tells "not said" from "taken back" by `model_fields_set`: null unsets.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from damascus.domain import policy
from damascus.domain.policy import Kind, PolicyField, PolicyValueError

_MONEY_SCHEMA = {"type": "string", "pattern": r"^\d{1,8}(\.\d{1,4})?$", "examples": ["12.50"]}


def accepted(fields: Iterable[PolicyField] | None = None) -> dict[str, Any]:
    """What a request may say of each field, as arguments of pydantic's `create_model`."""
    chosen = policy.FIELDS if fields is None else fields
    return {
        one.name: (_accepted_type(one) | None, Field(default=None, description=one.described))
        for one in chosen
    }


def shown(fields: Iterable[PolicyField] | None = None) -> dict[str, Any]:
    """How each field is told in a response: null where it is not set."""
    chosen = policy.FIELDS if fields is None else fields
    return {
        one.name: (_plain_type(one) | None, Field(default=None, description=one.described))
        for one in chosen
    }


def _plain_type(one: PolicyField) -> Any:
    match one.kind:
        case Kind.TEXT | Kind.CHOICE | Kind.DIRECTORY | Kind.IMAGE:
            return str
        case Kind.INTEGER:
            return int
        case Kind.FLAG:
            return bool
        case Kind.MONEY:
            return Annotated[Decimal, WithJsonSchema(dict(_MONEY_SCHEMA), mode="serialization")]
        case _:  # a command, and every kind of list
            return list[str]


def _accepted_type(one: PolicyField) -> Any:
    def check(value: Any) -> Any:
        try:
            return one.parse(value)
        except PolicyValueError as error:
            raise ValueError(error.problem) from None

    extra: dict[str, Any] = {}
    match one.kind:
        case Kind.TEXT:
            bounds = Field(min_length=1, max_length=one.most, json_schema_extra=extra)
        case Kind.CHOICE if one.choices:
            extra["enum"] = list(one.choices)
            bounds = Field(json_schema_extra=extra)
        case Kind.CHOICE | Kind.FLAG | Kind.IMAGE:
            bounds = Field()
        case Kind.INTEGER:
            bounds = Field(ge=one.least, le=one.most)
        case Kind.MONEY:
            schema = WithJsonSchema(dict(_MONEY_SCHEMA), mode="validation")
            return Annotated[
                Decimal, Field(ge=one.least, le=one.most), AfterValidator(check), schema
            ]
        case _:  # a command, and every kind of list
            bounds = Field(min_length=1)
    strict = Field(strict=one.kind in {Kind.FLAG, Kind.INTEGER})
    return Annotated[_plain_type(one), strict, bounds, AfterValidator(check)]
