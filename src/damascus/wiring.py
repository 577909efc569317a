"""Settings in, a working Damascus out: the one file that puts the parts together.

Forges and builders it knows by their registries only.

Everything is made when it is first needed, so a door that only reads pays for nothing else.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from damascus import extensions
from damascus.builders import BUILDERS
from damascus.config import Settings
from damascus.domain import variables
from damascus.domain.conditions import (
    ConditionKind,
    forge_subject,
    model_subject,
    settings_subject,
)
from damascus.domain.refs import branch_ref
from damascus.domain.work import Phase
from damascus.environments import secret_files
from damascus.environments.certificates import bundles, certificate_variables
from damascus.environments.real_programs import real_path
from damascus.errors import ConfigurationError
from damascus.forge.outgoing import outgoing
from damascus.logs.redacting import redact_logs
from damascus.registry import BuilderContext
from damascus.state.budgets import Caps
from damascus.state.db import Database
from damascus.state.store import Store
from damascus.text.redaction import Redactor

if TYPE_CHECKING:
    from damascus.attempts.archive import Archive
    from damascus.attempts.cleaner import Cleaner
    from damascus.attempts.directories import RunDirectories
    from damascus.cycle import Cycle
    from damascus.domain.work import PhaseContext, Project
    from damascus.engine.breaker import Need
    from damascus.engine.heartbeat import Heartbeat, RunningClaim
    from damascus.engine.ledger import CallLedger
    from damascus.engine.machine import Machine
    from damascus.engine.progress import ClaimProgress
    from damascus.environments.store import EnvironmentStore
    from damascus.git_ops import GitBinary
    from damascus.ports import LLM, Builder, ClaimGuard, Environments, Forge, Sandbox, Tools
    from damascus.sandbox.containers.host import ContainerHost
    from damascus.sandbox.containers.sandbox import Container
    from damascus.state.outbox import Outbox

_BASELINE_AGE = timedelta(days=30)  # as long as a base branch may rest


class App:
    """One process's Damascus. Use it as a context manager; everything is made on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._to_close: list[Callable[[], None]] = []
        self._forges: dict[tuple[str, str], Forge] = {}
        extensions.check(settings)
        secrets = (*extensions.secrets(settings), *secret_files.all_values(self._secrets))
        self.redactor = Redactor(secrets)
        redact_logs(self.redactor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and threads."""
        self._forges.clear()
        while self._to_close:
            self._to_close.pop()()

    # -- the store -----------------------------------------------------------------------------

    @property
    def stale(self) -> timedelta:
        """The stale window."""
        return timedelta(seconds=self.settings.stale_seconds)

    @cached_property
    def db(self) -> Database:
        """The pool. Raises ConfigurationError when no database is configured."""
        database = Database(
            self.settings.database(),
            size=min(self.settings.max_concurrency, 8) + 2,
            redactor=self.redactor,
        )
        self._to_close.append(database.close)
        return database

    @cached_property
    def store(self) -> Store:
        """The store, noun by noun."""
        return Store(
            self.db,
            stale=self.stale,
            default_cycles=self.settings.budget_cycles,
            default_usd=self.settings.budget_usd,
            caps=self._caps,
        )

    @property
    def _caps(self) -> Caps:
        return Caps(self.settings.budget_usd_day, self.settings.budget_usd_month)

    @cached_property
    def outbox(self) -> Outbox:
        """The events."""
        return self.store.outbox

    # -- the cycle -----------------------------------------------------------------------------

    def cycle(self, ring: Callable[[], None] = lambda: None) -> Cycle:
        """The cycle of this process; `ring` wakes other workers and must neither wait nor raise."""
        from damascus.attempts.directories import remove  # noqa: PLC0415 - the same
        from damascus.cycle import Cycle  # noqa: PLC0415 - readers do not pay for it
        from damascus.engine.attempts import Attempts  # noqa: PLC0415 - the same
        from damascus.engine.base_gate import BaseGate  # noqa: PLC0415 - the same
        from damascus.engine.breaker import PhaseBreaker  # noqa: PLC0415 - the same
        from damascus.engine.redacting import redact_result  # noqa: PLC0415 - the same
        from damascus.phases import PHASES  # noqa: PLC0415 - the same
        from damascus.state.claims import Claims  # noqa: PLC0415 - the same

        claims = Claims(
            self.db,
            worker=self.settings.worker_name,
            cap=self.settings.max_concurrency,
            stale=self.stale,
            uncaged="plain" if self.settings.sandbox == "plain" else None,
            caps=self._caps,
            probe_seconds=self.settings.probe_seconds,
        )
        breaker = PhaseBreaker(claims.breaker, self._needs)
        base_gate = BaseGate(
            self.store.bases, remove=remove, ring=ring, redact=self.redactor.redact
        )

        def may_begin(context: PhaseContext, tools: Tools) -> None:
            breaker.pass_or_wait(context, tools)
            base_gate.pass_or_wait(context, tools)

        attempts = Attempts(
            PHASES,
            self._tools,
            clean=self._clean,
            forge_refused=lambda context, why: self.store.projects.forge_refused(
                context.project, self.redactor.redact(why)
            ),
            sandbox_failed=self.doubt_sandbox,
            redact=partial(redact_result, self.redactor),
            may_begin=may_begin,
            machine=self.machine,
        )
        return Cycle(
            claims,
            self._heartbeat,
            attempts,
            self.ledger,
            ring=ring,
            max_errors=self.settings.max_errors,
            breaker=breaker,
        )

    def _needs(self, context: PhaseContext) -> set[Need]:
        """What a phase needs of what others use as well."""
        project, settings, phase = context.project, self.settings, context.claim.phase
        needs = {
            (ConditionKind.FORGE, forge_subject(project.repo)),
            (ConditionKind.SETTINGS, settings_subject(phase.value, project.name)),
        }
        if phase is Phase.SPEC and settings.llm_model:
            subject = model_subject(settings.llm_model, settings.llm_api_base)
            needs.add((ConditionKind.MODEL, subject))
        if phase is Phase.BUILD:
            with suppress(ConfigurationError):  # the phase says the same, and better
                builder = self._builder(project.builder or "", project)
                needs.add((ConditionKind.MODEL, getattr(builder, "model", builder.name)))
        return needs

    @cached_property
    def ledger(self) -> CallLedger:
        """What is written of each call of a model or an agent, before and after it."""
        from damascus.engine.ledger import CallLedger  # noqa: PLC0415 - only workers spend
        from damascus.state.calls import Calls  # noqa: PLC0415 - the same

        return CallLedger(Calls(self.db), self.settings.home.resolve() / "ledger")

    @cached_property
    def _heartbeat(self) -> Heartbeat:
        """The heartbeat, on a connection of its own: a busy pool must not starve it."""
        from damascus.engine.heartbeat import Heartbeat  # noqa: PLC0415 - only workers have one
        from damascus.state.claims import Claims  # noqa: PLC0415 - the same

        own = Database(self.settings.database(), size=1, redactor=self.redactor)
        stale = self.settings.stale_seconds
        renewing = Claims(own, worker=self.settings.worker_name, cap=1, stale=self.stale)
        # Often enough that a cancelled item's agent stops soon, and a few lost beats do no harm.
        heartbeat = Heartbeat(renewing.renew, interval=min(5.0, stale / 6), stale=stale)
        self._to_close += [own.close, heartbeat.close]
        return heartbeat

    def _tools(self, context: PhaseContext, progress: ClaimProgress, guard: RunningClaim) -> Tools:
        from damascus.engine.claim_guard import guarded_forge, guarded_git  # noqa: PLC0415 - as below
        from damascus.ports import Limits, Tools  # noqa: PLC0415 - only workers need them
        from damascus.state.evidence import BaselineReports  # noqa: PLC0415 - the same
        from damascus.wiki import RepositoryWiki  # noqa: PLC0415 - the same

        settings = self.settings
        self._cleaner.clean_left_behind()
        workspace = self._run_directories.make(
            context.item.id, context.claim.epoch, project=context.project.name
        )
        git = self._git
        return Tools(
            llm=lambda: self._llm(guard),
            builder=lambda name: self._builder(name, context.project),
            forge=guarded_forge(self.forge(context.project.forge, context.project.repo), guard),
            git=guarded_git(git, guard),
            wiki=RepositoryWiki(git),
            progress=progress,
            guard=guard,
            workspace=workspace,
            limits=Limits(
                spec_max_tokens=settings.spec_max_tokens,
                build_seconds=settings.build_timeout_minutes * 60,
                build_turns=settings.build_turns,
                output_cap=settings.output_cap_bytes,
            ),
            baselines=BaselineReports(self.db, age=_BASELINE_AGE),
            **self._where_it_runs(context.project),
            secrets=self.redactor.needles,
            kept_work=lambda sha: self.archive.bring(
                workspace, project=context.project.name, item_id=context.item.id, sha=sha
            ),
        )

    def environments_for(self, sandbox: Sandbox) -> Environments | None:
        """What set-up commands made; None in a sandbox that cannot show it at the same path."""
        from damascus.sandbox.containers.sandbox import Container  # noqa: PLC0415 - only workers need it

        if isinstance(sandbox, Container):
            image = sandbox.image
            return self._environments(lambda _: self.container_host.overlay_problem(image))
        return self.environment_store if sandbox.name == "bubblewrap" else None

    @cached_property
    def environment_store(self) -> EnvironmentStore:
        """The environments that are kept on this machine."""
        from damascus.sandbox.overlay_trial import overlay_problem  # noqa: PLC0415 - only workers need it

        return self._environments(overlay_problem)

    def _environments(self, overlay_problem: Callable[[Path], str]) -> EnvironmentStore:
        from damascus.environments.store import (  # noqa: PLC0415 - only workers need it
            EnvironmentStore,
        )

        return EnvironmentStore(
            (self.settings.home / "environments").resolve(),
            overlay_problem=overlay_problem,
            days=self.settings.keep_environments_days,
        )

    @contextmanager
    def trial_tools(self, project: Project) -> Generator[Tools]:
        """What a command is tried with outside of any claim; its directory goes afterwards."""
        from damascus.phases.trial import Unclaimed  # noqa: PLC0415 - only who tries needs them
        from damascus.ports import Limits, Tools  # noqa: PLC0415 - the same
        from damascus.state.evidence import BaselineReports  # noqa: PLC0415 - the same
        from damascus.wiki import RepositoryWiki  # noqa: PLC0415 - the same

        unclaimed = Unclaimed()
        number = time.time_ns()
        workspace = self._run_directories.make(0, number)  # no item has the number 0
        try:
            yield Tools(
                llm=lambda: self._llm(unclaimed),
                builder=lambda name: self._builder(name, project),
                forge=self.forge(project.forge, project.repo),
                git=self._git,
                wiki=RepositoryWiki(self._git),
                progress=unclaimed,
                guard=unclaimed,
                workspace=workspace,
                limits=Limits(output_cap=self.settings.output_cap_bytes),
                baselines=BaselineReports(self.db, age=_BASELINE_AGE),
                **self._where_it_runs(project),
                secrets=self.redactor.needles,
            )
        finally:
            self._run_directories.discard(0, number)

    def _clean(self, context: PhaseContext) -> None:
        self._cleaner.clean(context.project.name, context.item.id, context.claim.epoch)
        self._git.prune_mirrors(days=self.settings.keep_environments_days)

    @cached_property
    def _cleaner(self) -> Cleaner:
        from damascus.attempts.cleaner import Cleaner  # noqa: PLC0415 - only workers need it

        return Cleaner(self._run_directories, self.archive, self.environment_store)

    @cached_property
    def archive(self) -> Archive:
        """What attempts left, kept for a while."""
        from damascus.attempts.archive import Archive  # noqa: PLC0415 - only workers and `show` need it

        root = (self.settings.home / "kept").resolve()
        settings = self.settings
        return Archive(root, days=settings.keep_work_days, most_bytes=settings.keep_work_gb * 1e9)

    @cached_property
    def _run_directories(self) -> RunDirectories:
        from damascus.attempts.directories import RunDirectories  # noqa: PLC0415 - only workers have them

        root = (self.settings.home / "attempts").resolve()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"DAMASCUS_HOME is {self.settings.home}, where nothing can be written: "
                f"{error.strerror}"
            ) from None
        return RunDirectories(
            root, keep=self.settings.keep_attempts, days=self.settings.keep_work_days
        )

    # -- adapters ------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The PATH of agents and test commands, with real programs before their stand-ins."""
        return self._path

    @cached_property
    def _path(self) -> str:
        said = self.settings.agent_path or os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return real_path(said, os.environ)

    @property
    def _secrets(self) -> Path:
        return self.settings.secrets_dir or self.settings.home / "secrets"

    def project_environment(
        self, project: Project, container: Container | None = None
    ) -> dict[str, Any]:
        """The PATH and the variables of a project's commands, as `Tools` takes them.

        `container` is the sandbox of a project with an image, whose programs they run. Raises
        ConfigurationError where a secret variable has no value here.
        """
        from damascus.sandbox import toolchain  # noqa: PLC0415 - only workers need it

        given = variables.parsed(project.variables)
        secrets = secret_files.read_secrets(self._secrets, project.name, project.secret_variables)
        self.redactor.learn(secrets.values())
        certificates = certificate_variables(os.environ)
        path = given.get("PATH") or (container.path if container else self.path)
        for_agents = given if project.variables_for_agents else dict[str, str]()
        shown = () if container or path == self.path else toolchain(path)
        return {
            "path": path,
            "readable": (*bundles(certificates), *shown),
            "variables": {**certificates, **given, **secrets},
            "agent_variables": {**for_agents, "PATH": path} if container else for_agents,
        }

    def _where_it_runs(self, project: Project) -> dict[str, Any]:
        """The sandbox of a project's commands and what belongs to it, as `Tools` takes them.

        Raises NoSandboxError, and what `project_environment` raises.
        """
        container = self.container_host.sandbox(project.image) if project.image else None
        sandbox = container or self.sandbox
        return {
            "sandbox": self._with_services(sandbox) if project.services else sandbox,
            "environments": self.environments_for(sandbox),
            "image": container.digest if container else "",
            "agent_program": self.agent_of_image(project) if container else "",
            **self.project_environment(project, container),
        }

    def agent_of_image(self, project: Project) -> str:
        """The agent's program that a project's image must bring, "" where the worker shows one."""
        from damascus.sandbox.containers.sandbox import runs_in_any_image  # noqa: PLC0415 - only workers need it

        entry = BUILDERS.get(project.builder or self.settings.builder)
        program = entry.program(self.settings.section(entry.name, entry.settings))
        found = shutil.which(program, path=self.path) if program else None
        if found is None:
            return program
        return "" if runs_in_any_image(Path(found)) else Path(found).name

    def _with_services(self, sandbox: Sandbox) -> Sandbox:
        from damascus.sandbox.containers.service_host import (  # noqa: PLC0415 - only workers need it
            WithServiceContainers,
        )

        return WithServiceContainers(sandbox, self.container_host)

    @cached_property
    def container_host(self) -> ContainerHost:
        """The engine that makes the containers of projects' images."""
        from damascus.sandbox.containers.host import ContainerHost  # noqa: PLC0415 - only workers need it

        return ContainerHost(
            self.settings.container_engine,
            home=self.settings.home.resolve(),
            redactor=self.redactor,
        )

    @cached_property
    def sandbox(self) -> Sandbox:
        """The sandbox in force. Raises NoSandboxError when the one asked for does not work."""
        from damascus.sandbox import detect  # noqa: PLC0415 - it tries, which takes a moment

        with self._lock:
            return detect(self.settings.sandbox, path=self.path, redactor=self.redactor)

    def require_sandbox(self) -> None:
        """Raise NoSandboxError where the sandbox asked for does not work: nothing is run then."""
        _ = self.sandbox

    @cached_property
    def machine(self) -> Machine:
        """Whether this machine can work."""
        from damascus.engine.machine import Machine  # noqa: PLC0415 - only workers need it

        settings = self.settings
        return Machine(settings.home, self.require_sandbox, rest=settings.probe_seconds)

    def doubt_sandbox(self) -> None:
        """Have the sandbox tried again before the next claim: it may have stopped working."""
        from damascus.sandbox import forget_trials  # noqa: PLC0415 - as above

        with self._lock:
            self.__dict__.pop("sandbox", None)
            self.__dict__.pop("container_host", None)
            forget_trials()

    @cached_property
    def _git(self) -> GitBinary:
        from damascus.git_ops import GitBinary  # noqa: PLC0415 - only workers need it

        mirrors = (self.settings.home / "mirrors").resolve()
        return GitBinary(
            redactor=self.redactor,
            mirrors=mirrors,
            submodule_directories=self.settings.submodule_directories,
            large_files_bytes=self.settings.large_files_gb * 1e9,
        )

    def forge(self, kind: str, repo: str) -> Forge:
        """The forge of a repository, one for all who ask. Raises ConfigurationError, UsageError."""
        with self._lock:
            known = self._forges.get((kind, repo))
            if known is None:  # one each: their connections are kept, and closed in the end
                entry = extensions.forge_entry(kind)
                opened = entry.open(repo, self.settings.section(kind, entry.settings))
                self._to_close.append(opened.close)
                known = self._forges[kind, repo] = outgoing(opened, self.redactor)
            return known

    def locate_repository(self, repo: str, forge: str | None = None) -> tuple[str, str]:
        """The forge of a repository and the repository as it is kept; see `extensions.locate`."""
        return extensions.locate(repo, forge)

    def builder_names(self) -> tuple[str, ...]:
        """The coding agents that a project can name."""
        return BUILDERS.names()

    def check_project(
        self, *, forge: str, repo: str, base_branch: str, directory: str = ""
    ) -> None:
        """Ask the forge whether a repository can be used; raises a sentence when it cannot."""
        branch_ref(base_branch)
        self.forge(forge, repo).check(base_branch, directory=directory)

    def warm_up(self) -> None:
        """Begin what takes seconds and the first phase will need. Returns at once."""
        if self.settings.llm_model:
            from damascus import litellm_import  # noqa: PLC0415 - only workers ask models

            litellm_import.preload()

    def _llm(self, guard: ClaimGuard) -> LLM:
        from damascus.llm import LiteLLM  # noqa: PLC0415 - only the spec phase needs it

        settings = self.settings
        if not settings.llm_model:
            raise ConfigurationError(
                "no model writes specs: set DAMASCUS_LLM_MODEL to a LiteLLM model name, such as "
                "anthropic/claude-sonnet-4-5, and DAMASCUS_LLM_API_KEY to its key"
            )
        return LiteLLM(
            settings.llm_model,
            settings.llm_api_base,
            _open(settings.llm_api_key),
            timeout=settings.llm_timeout_seconds,
            guard=guard,
        )

    def _builder(self, name: str, project: Project) -> Builder:
        from damascus.phases.test_command import (  # noqa: PLC0415 - only workers need them
            DEFAULT_TEST_PROGRAMS,
        )

        entry = BUILDERS.get(name or self.settings.builder)
        context = BuilderContext(
            self.settings,
            path=self.path,
            test_programs=project.test_programs or DEFAULT_TEST_PROGRAMS,
            hosts=project.agent_hosts,
            image=project.image or "",
        )
        section = self.settings.section(entry.name, entry.settings)
        if not (entry.measures(section) or project.allow_unmeasured):
            self._refuse_unmeasured(entry.name, project)
        return entry.make(section, context)

    def _refuse_unmeasured(self, name: str, project: Project) -> None:
        """Raise ConfigurationError where dollars are to be held that nobody would count."""
        settings = self.settings
        held = (
            *(project.budget_usd, project.budget_usd_day, project.budget_usd_month),
            *(settings.budget_usd, settings.budget_usd_day, settings.budget_usd_month),
        )
        if any(budget is not None for budget in held):
            raise ConfigurationError(
                f"project {project.name} has a budget in dollars, and nobody can say what its "
                f"builder {name} costs: set DAMASCUS_COMMAND_USAGE where it is a command, or say "
                f"`damascus project change {project.name} --allow-unmeasured`"
            )


def _open(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
