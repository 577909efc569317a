"""A project's policy: every field declared once, here.

A field's name, type, bounds, default, help text and command-line option come from its line in
`Policy`. The options of `project add` and `project change`, the schemas of the HTTP API and of the
MCP tools, `project show`, the documentation and what is kept in the database are derived from it
(`FIELDS`). So a new field is one new line, and no other file changes until a phase reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from damascus.domain import networks
from damascus.domain.policy_values import LISTS, Kind, normalise
from damascus.errors import UsageError

__all__ = ["FIELDS", "LISTS", "Changes", "Kind", "Policy", "PolicyField", "PolicyValueError"]

CONVENTIONS_CAP = 12_000  # characters: as much as a prompt takes, see phases/prompting.py


@dataclass(frozen=True, slots=True)
class PolicyField:
    """One field of the policy, as every door shows it.

    `name` is how it is kept and how the API and MCP call it; `option` is the command line's name,
    without dashes. `least` and `most` bound numbers (their value) and texts (their characters).
    `choices` are the values a choice may have; `from_registry` names the registry that knows them
    when they are not known here. `column` says that `projects` has a column of that name; all
    others are keys of its `policy`. `default` is what holds where the field is not set; None means
    that the installation's setting holds, or nothing at all.
    """

    name: str
    kind: Kind
    help: str
    option: str
    metavar: str
    default: object
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    from_registry: str | None = None
    column: bool = False
    may_be_unset: bool = True

    @property
    def label(self) -> str:
        """The name in words, for people."""
        return self.name.replace("_", " ")

    @property
    def described(self) -> str:
        """The help text, with what holds where the field is not set."""
        if self.default in (None, (), "", False):
            return self.help
        if self.default is True:
            return f"{self.help} On by default."
        return f"{self.help} Default: {self.default}."

    def parse(self, value: object, *, choices: Sequence[str] = ()) -> Any:
        """`value` as it is kept: what came from a command line or out of JSON, checked.

        A command may come as one line or as its words; money as text, a number or a Decimal.
        `choices` are those of the registry. Raises PolicyValueError.
        """
        try:
            return normalise(
                value,
                self.kind,
                least=self.least,
                most=self.most,
                choices=tuple(choices) or self.choices,
            )
        except ValueError as error:
            raise PolicyValueError(self, str(error)) from None

    def load(self, stored: object) -> Any:
        """What is kept, as the value of the field in `Policy`."""
        if stored is None:
            return self.default
        if self.kind is Kind.NETWORK:
            stored = networks.in_words(stored)
        if self.kind is Kind.MONEY:
            return Decimal(str(stored))
        if self.kind in {Kind.COMMAND, *LISTS} and isinstance(stored, list | tuple):
            return tuple(str(word) for word in stored)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
        return stored


class PolicyValueError(UsageError):
    """A value that a field of the policy cannot have. `problem` follows the field's name."""

    def __init__(self, policy_field: PolicyField, problem: str) -> None:
        super().__init__(f"{policy_field.name} {problem}")
        self.field = policy_field
        self.problem = problem


class PolicyFieldUnknownError(UsageError):
    """The policy has no field of that name. `known` are the names it has."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"the policy has no field {name[:40]!r}: it has {', '.join(known)}",
        )
        self.name = name
        self.known = tuple(known)


class PolicyFieldTwiceError(UsageError):
    """A field is given a value and unset at once."""

    def __init__(self, policy_field: PolicyField) -> None:
        super().__init__(f"{policy_field.label} is given and taken back at once")
        self.field = policy_field


def declare(
    kind: Kind,
    text: str,
    *,
    default: object = None,
    option: str | None = None,
    metavar: str = "",
    least: int | None = None,
    most: int | None = None,
    choices: tuple[str, ...] = (),
    from_registry: str | None = None,
    column: bool = False,
    may_be_unset: bool = True,
) -> Any:
    """A field of `Policy`; see `PolicyField` for the words. The option is the name by default."""
    told: dict[str, Any] = {
        "kind": kind,
        "help": text,
        "option": option,
        "metavar": metavar or "|".join(choices),
        "least": least,
        "most": most,
        "choices": choices,
        "from_registry": from_registry,
        "column": column,
        "may_be_unset": may_be_unset,
    }
    return field(default=default, metadata={"policy": told})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a project's owner may say about it, with what holds where nothing is said.

    The commands are argvs that no shell ever sees. A `test_command` wins over every spec's own.
    Caps and budgets are per project; `None` means the installation's default.
    """

    builder: str | None = declare(
        Kind.CHOICE,
        "Coding agent to use here.",
        metavar="NAME",
        from_registry="builders",
    )
    directory: str = declare(
        Kind.DIRECTORY,
        "The part of the repository that is the project, such as packages/api: its commands and "
        "agents start there, and it alone may change (docs/monorepos.md).",
        default="",
        metavar="PATH",
    )
    outside_paths: tuple[str, ...] = declare(
        Kind.GLOBS,
        "Path outside the directory that may change too, such as /pnpm-lock.yaml; written like a "
        "line of .gitignore, from the top of the repository.",
        default=(),
        option="allow-outside",
        metavar="GLOB",
    )
    test_command: tuple[str, ...] | None = declare(
        Kind.COMMAND,
        "Wins over the command of every spec, such as 'pytest -q'. No shell runs it.",
        metavar="COMMAND",
    )
    test_command_policy: str = declare(
        Kind.CHOICE,
        "Whether a spec's own command needs a person's consent: ask once, or trust the spec. It "
        "matters where the project has no test command.",
        default="ask",
        choices=("ask", "trust-spec"),
    )
    test_programs: tuple[str, ...] = declare(
        Kind.WORDS,
        "First word a spec's test command may have, in place of the usual ones.",
        default=(),
        option="allow-program",
        metavar="NAME",
    )
    image: str | None = declare(
        Kind.IMAGE,
        "Image in a container of which set-up, agents and tests run, by rootless Podman or Docker "
        "(docs/sandbox.md).",
        metavar="IMAGE",
    )
    setup_commands: tuple[str, ...] = declare(
        Kind.SCRIPTS,
        "Makes what a fresh checkout lacks: `sh -euc` runs it in the checkout, before agents and "
        "tests (docs/environments.md).",
        default=(),
        option="setup-command",
        metavar="COMMAND",
    )
    setup_timeout_seconds: int = declare(
        Kind.INTEGER,
        "Seconds each set-up command may take.",
        default=1800,
        option="setup-timeout",
        metavar="SECONDS",
        least=1,
        most=86_400,
    )
    registry_hosts: tuple[str, ...] = declare(
        Kind.HOSTS,
        "Host that set-up commands may reach besides the package registries of the repository's "
        "lock files and tools; .example.com stands for all below.",
        default=(),
        option="registry-host",
        metavar="HOST[:PORT]",
    )
    variables: tuple[str, ...] = declare(
        Kind.VARIABLES,
        "Environment variable of set-up and tests. PATH takes the place of the workers' own.",
        default=(),
        option="env",
        metavar="NAME=VALUE",
    )
    secret_variables: tuple[str, ...] = declare(
        Kind.NAMES,
        "Environment variable of set-up and tests whose value is read on the worker, from the "
        "file <DAMASCUS_HOME>/secrets/<project>/<NAME>. Agents never get it.",
        default=(),
        option="secret-env",
        metavar="NAME",
    )
    variables_for_agents: bool = declare(
        Kind.FLAG, "Give the variables to agents too.", default=False, option="env-for-agent"
    )
    service_commands: tuple[str, ...] = declare(
        Kind.SERVICES,
        "Program that runs beside the tests, with the port at which it answers, such as "
        "'6379: redis-server --port 6379': `sh -euc` starts it before each run of them.",
        default=(),
        option="service-command",
        metavar="PORT:COMMAND",
    )
    services: tuple[str, ...] = declare(
        Kind.IMAGES,
        "Image that runs in a container beside the tests, with its variables, such as 'postgres:16 "
        "POSTGRES_DB=app'; they find it by DAMASCUS_SERVICE_POSTGRES_HOST and _PORT.",
        default=(),
        option="service",
        metavar="IMAGE",
    )
    service_timeout_seconds: int = declare(
        Kind.INTEGER,
        "Seconds the services have until they are up; they count as time of the tests.",
        default=60,
        option="service-timeout",
        metavar="SECONDS",
        least=1,
        most=86_400,
    )
    test_timeout_seconds: int = declare(
        Kind.INTEGER,
        "Seconds the tests may take.",
        default=900,
        option="test-timeout",
        metavar="SECONDS",
        least=1,
        most=86_400,
    )
    test_report: tuple[str, ...] = declare(
        Kind.WORDS,
        "JUnit XML files that the test command writes, for a runner nobody knows.",
        default=(),
        metavar="GLOB",
    )
    test_evidence: str = declare(
        Kind.CHOICE,
        "What must show that the tests ran: the command's exit status, or a report by name that "
        "could have said no (docs/evidence.md).",
        default="report",
        choices=("exit-status", "report"),
    )
    mutation_seconds: int = declare(
        Kind.INTEGER,
        "Seconds for mutations of the changed lines, five runs at most; 0 turns them off. They "
        "need evidence by report.",
        default=120,
        metavar="SECONDS",
        least=0,
        most=86_400,
    )
    mutation_floor: int | None = declare(
        Kind.INTEGER,
        "Per cent of the mutants that the tests must kill.",
        metavar="PERCENT",
        least=0,
        most=100,
    )
    test_network: tuple[str, ...] = declare(
        Kind.NETWORK,
        "What tests reach: none, all (the whole network), or hosts, at public addresses; "
        ".example.com stands for all below.",
        default=(),
        metavar="none|all|HOST[:PORT]",
    )
    agent_hosts: tuple[str, ...] = declare(
        Kind.HOSTS,
        "Host that agents reach besides their model's, at public addresses; .example.com stands "
        "for all below.",
        default=(),
        option="agent-host",
        metavar="HOST[:PORT]",
    )
    protected_paths: tuple[str, ...] = declare(
        Kind.GLOBS,
        "Paths that agents must not change, besides those protected by default; written like a "
        "line of .gitignore.",
        default=(),
        option="protect",
        metavar="GLOB",
    )
    default_protection: bool = declare(
        Kind.FLAG,
        "Protect what steers builds, agents and the machines of people (docs/judging.md).",
        default=True,
    )
    protected_policy: str = declare(
        Kind.CHOICE,
        "What a change to such a path does: fail, or ask a person.",
        default="fail",
        choices=("fail", "ask"),
    )
    merge_style: str = declare(
        Kind.CHOICE, "How the forge merges.", default="merge", choices=("merge", "squash")
    )
    conventions: str = declare(
        Kind.TEXT,
        "Markdown every implementer must follow, at most 12,000 characters. The text is copied: "
        "give it again when it has changed.",
        default="",
        metavar="FILE",
        most=CONVENTIONS_CAP,
    )
    max_concurrency: int | None = declare(
        Kind.INTEGER, "Items at once.", metavar="N", least=1, most=1000, column=True
    )
    budget_cycles: int | None = declare(
        Kind.INTEGER,
        "Attempts before an item blocks.",
        metavar="N",
        least=1,
        most=100,
        column=True,
    )
    budget_usd: Decimal | None = declare(
        Kind.MONEY,
        "US dollars an item may cost.",
        metavar="USD",
        least=0,
        most=99_999_999,  # numeric(12, 4) holds less than one more
        column=True,
    )
    allow_unmeasured: bool = declare(
        Kind.FLAG,
        "Let agents build whose cost nobody can measure, though there is a budget in dollars.",
        default=False,
        option="allow-unmeasured",
    )
    budget_usd_day: Decimal | None = declare(
        Kind.MONEY,
        "US dollars the project may cost in a UTC day.",
        metavar="USD",
        least=0,
        most=99_999_999,
    )
    budget_usd_month: Decimal | None = declare(
        Kind.MONEY,
        "US dollars the project may cost in a UTC month.",
        metavar="USD",
        least=0,
        most=99_999_999,
    )


def fields_of(policy: type[Policy]) -> tuple[PolicyField, ...]:
    """The fields that a policy class declares, in its order."""
    found: list[PolicyField] = []
    for one in fields(policy):
        told: Any = one.metadata["policy"]
        option = told["option"] or one.name.replace("_", "-")
        whole: dict[str, Any] = {**told, "name": one.name, "option": option, "default": one.default}
        found.append(PolicyField(**whole))
    return tuple(found)


FIELDS = fields_of(Policy)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is said about a policy, checked and as it is kept.

    `policy` holds the keys of the policy itself, `columns` those that `projects` has a column for;
    `unset` names what is taken back, of either.
    """

    policy: Mapping[str, Any]
    columns: Mapping[str, Any]
    unset: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.policy or self.columns or self.unset)


def changes(
    given: Mapping[str, object],
    *,
    unset: Iterable[str] = (),
    choices: Mapping[str, Sequence[str]] | None = None,
) -> Changes:
    """Check what is said about a policy: values by the names of their fields, and names to unset.

    A value of None says nothing; so does an empty list of words. `choices` are those of each
    registry, by the registry's name. Raises PolicyValueError, PolicyFieldUnknownError,
    PolicyFieldTwiceError.
    """
    kept: dict[str, Any] = {}
    for name, value in given.items():
        one = named(name)
        if value is None or (one.kind in LISTS and value in ([], ())):
            continue
        kept[name] = one.parse(value, choices=(choices or {}).get(one.from_registry or "", ()))
    gone = tuple(dict.fromkeys(named(name).name for name in unset))
    for name in gone:
        if name in kept:
            raise PolicyFieldTwiceError(named(name))
        if not named(name).may_be_unset:
            raise PolicyValueError(named(name), "cannot be unset: give it another value")
    return Changes(
        policy={key: _as_json(value) for key, value in kept.items() if not named(key).column},
        columns={key: value for key, value in kept.items() if named(key).column},
        unset=gone,
    )


def _as_json(value: Any) -> Any:
    """Money as a decimal string, which is what it is in JSON everywhere."""
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def named(name: str) -> PolicyField:
    """The field with that name. Raises PolicyFieldUnknownError."""
    for one in FIELDS:
        if one.name == name:
            return one
    raise PolicyFieldUnknownError(name, [one.name for one in FIELDS])


def as_kept(policy: Mapping[str, Any]) -> dict[str, Any]:
    """What was kept, in the form in which it is kept now."""
    network = {one.name for one in FIELDS if one.kind is Kind.NETWORK}
    return {
        name: networks.in_words(value) if name in network else value
        for name, value in policy.items()
    }


def loaded(policy: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all fields, from what is kept: the arguments of a `Policy`."""
    return {one.name: one.load((columns if one.column else policy).get(one.name)) for one in FIELDS}
