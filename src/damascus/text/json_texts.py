"""The texts inside a JSON value, names included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text in `value`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in cast("Mapping[Any, Any]", value).items():
            yield from texts_of(name)
            yield from texts_of(one)
    elif isinstance(value, (list, tuple)):
        for one in cast("Iterable[Any]", value):
            yield from texts_of(one)


def with_each_text(value: Any, act: Callable[[str], str]) -> Any:
    """Return `value` with what `act` makes of each text in it; tuples become lists."""
    if isinstance(value, str):
        return act(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {with_each_text(name, act): with_each_text(one, act) for name, one in pairs}
    if isinstance(value, (list, tuple)):
        return [with_each_text(one, act) for one in cast("Iterable[Any]", value)]
    return value
