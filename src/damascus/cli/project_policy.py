"""The options of `project add` and `project change` for the policy, made from its declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from damascus.cli.console import say
from damascus.cli.options import usd
from damascus.domain import policy
from damascus.domain.policy import LISTS, Kind, PolicyField
from damascus.domain.story import check_text
from damascus.errors import UsageError


def with_policy_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, whose `**policy` becomes one option for each field of the policy."""
    own = dict(inspect.signature(command).parameters)
    hints = get_type_hints(command, include_extras=True)
    last = own.pop("policy")
    parameters = [one.replace(annotation=hints[one.name]) for one in own.values()]
    made = [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(one)
        )
        for one in policy.FIELDS
    ]
    assert last.kind is inspect.Parameter.VAR_KEYWORD, "it ends with **policy"  # noqa: S101 - ours
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    whole: Any = command
    whole.__signature__ = inspect.Signature([*keywords, *made])
    whole.__annotations__ = {one.name: one.annotation for one in (*keywords, *made)}
    return command


def given(options: Mapping[str, Any]) -> dict[str, object]:
    """What the options say, by the names of the policy's fields; a file's text for its name.

    Raises UsageError for a file that cannot be used, and PolicyValueError for a coding agent that
    does not exist.
    """
    said = {name: _read(name, value) for name, value in options.items() if value is not None}
    from damascus.builders import BUILDERS  # noqa: PLC0415 - `--help` does not pay for it

    policy.changes(said, choices={"builders": BUILDERS.names()})  # before anything is opened
    return said


def fields_of_options(options: Sequence[str]) -> list[str]:
    """The names of the fields that --unset takes back. Raises UsageError."""
    return [_field_of_option(option).name for option in options]


def tell_missing(programs: Sequence[str]) -> None:
    """Say which programs of the commands are not on the PATH here."""
    for program in programs:
        say(
            f"note: {program!r} is not on the PATH here; workers need it on theirs, or in "
            "DAMASCUS_AGENT_PATH"
        )


def _annotation(one: PolicyField) -> Any:
    """The option of one field, as typer reads it."""
    name = f"--{one.option}"
    help_ = one.described + (" Repeat for more." if one.kind in LISTS else "")
    match one.kind:
        case Kind.FLAG:
            return Annotated[bool | None, typer.Option(f"{name}/--no-{one.option}", help=help_)]
        case Kind.INTEGER:
            bounds: dict[str, Any] = {"min": one.least, "max": one.most}
            return Annotated[
                int | None, typer.Option(name, metavar=one.metavar, help=help_, **bounds)
            ]
        case Kind.TEXT:
            return Annotated[Path | None, typer.Option(name, metavar=one.metavar, help=help_)]
        case Kind.MONEY:
            return Annotated[Any, typer.Option(name, parser=usd, metavar=one.metavar, help=help_)]
        case Kind.CHOICE | Kind.COMMAND | Kind.DIRECTORY | Kind.IMAGE:
            return Annotated[str | None, typer.Option(name, metavar=one.metavar, help=help_)]
        case _:  # every kind of list
            return Annotated[list[str] | None, typer.Option(name, metavar=one.metavar, help=help_)]


def _field_of_option(option: str) -> PolicyField:
    plain = option.removeprefix("--")
    for one in policy.FIELDS:
        if one.option == plain and one.may_be_unset:
            return one
    known = ", ".join(one.option for one in policy.FIELDS if one.may_be_unset)
    raise UsageError(f"--unset {option[:40]!r} names no option: use one of {known}")


def _read(name: str, value: object) -> object:
    """The value of an option; the text of the file it names, where it is one."""
    one = policy.named(name)
    if one.kind is not Kind.TEXT or not isinstance(value, Path):
        return value
    option = f"--{one.option} {value}"
    cap = 4 * (one.most or 0)  # bytes: the longest character of UTF-8 has four
    try:
        with value.open("rb") as file:
            raw = file.read(cap + 1)
    except OSError as error:
        raise UsageError(f"{option} cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise UsageError(f"{option} is empty")
    if len(raw) > cap:
        raise UsageError(f"{option} has more than {one.most:,} characters, which is the most")
    return check_text(raw, name=option, limit=cap)
