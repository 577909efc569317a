"""Python assertions in disguise: a sound one and a broken one that look alike until they are run.

Work that hides a failure knows it by its text or its values (`5 != 4`). So `assert x == 4` is
written with a computed number in place of the 4, and without its values in the message; a broken
one differs in what is computed alone.
"""

from __future__ import annotations

import ast
import re
import secrets
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def disguised(statement: ast.stmt, line: bytes, token: str, *, fails: bool) -> str | None:
    """An equality with a constant, as another line of code that fails or does what it did.

    `line` is the line that holds the statement. None for what is no such assertion, alone on one
    line.
    """
    if statement.lineno != statement.end_lineno:
        return None
    rest = line[statement.end_col_offset or 0 :].strip()
    found = _equality(statement)
    if found is None or (rest and not rest.startswith(b"#")):
        return None
    value, constant, call = found
    given = line[value.col_offset : value.end_col_offset].decode()
    expected = _computed(constant, token if fails else None)
    if call is None:
        return f"_{token} = [({given})] == [{expected}]; assert _{token}"
    named = line[call.col_offset : call.end_col_offset].decode()
    hidden = f'type("{token}", (list,), {{"__repr__": lambda _: "{token}"}})'
    return f"_{token} = {hidden}; {named}(_{token}([({given})]), _{token}([{expected}]))"


def _equality(statement: ast.stmt) -> tuple[ast.expr, int | str, ast.expr | None] | None:
    """What is compared, with which constant, and the assertion that is called, if one is."""
    match statement:
        case ast.Assert(
            test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[ast.Constant(value=value)]),
            msg=None,
        ):
            call = None
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id="self"), attr="assertEqual") as call,
                args=[left, ast.Constant(value=value)],
                keywords=[],
            )
        ) if not isinstance(left, ast.Starred):
            pass
        case _:
            return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, str) and _SURROGATE.search(value):
        return None
    return left, value, call


def _computed(value: int | str, word: str | None) -> str:
    """Code that computes a constant; another one where there is a word."""
    if isinstance(value, int):
        mask = secrets.randbelow(1 << 24) + (1 << 24)
        other = value + (1 + secrets.randbelow(9_000) if word else 0)
        return f"({other ^ mask} ^ {mask})"
    return f'bytes.fromhex("{(word or value).encode().hex()}").decode()'
