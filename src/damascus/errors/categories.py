"""The categories of errors: each has an exit code. Doors that know no better word a category."""

from __future__ import annotations


class DamascusError(Exception):
    """Something went wrong that Damascus knows by name."""

    exit_code: int = 1


class UsageError(DamascusError):
    """What was given cannot be used; nothing was changed."""

    exit_code = 2


class ConfigurationError(DamascusError):
    """A setting is missing or wrong."""

    exit_code = 3


class SchemaError(ConfigurationError):
    """The database server is too old, or holds another version of the schema."""


class NotFoundError(DamascusError):
    """Nothing has that name or number."""

    exit_code = 4


class ConflictError(DamascusError):
    """The state of things forbids it; nothing was changed."""

    exit_code = 5


class UnreachableError(DamascusError):
    """A dependency does not answer. Trying again later may help."""

    exit_code = 6


def category(error: DamascusError) -> type[DamascusError]:
    """The category that an error belongs to, which is built from a sentence."""
    return next(kind for kind in type(error).__mro__ if kind.__module__ == __name__)
