"""Setting a tree up: the project's own commands make what a fresh checkout lacks.

They reach package registries and nothing else: those that the base's lock files name, that its
tools use by default, and that the project's owner names. The work's own files are not asked: work
that brings a new host with it would choose where a set-up sends its secrets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

from damascus.domain.directories import concerns
from damascus.domain.evidence import Kind
from damascus.domain.networks import HTTPS, is_whole, places
from damascus.domain.work import PhaseContext, Verdict
from damascus.package_registries import answered, asked_of, hosts_in, hosts_of, is_read
from damascus.phases import project_directory
from damascus.phases.test_run import (
    CANNOT_RUN,
    NOT_THERE,
    MergedTree,
    TestRun,
    how_it_ended,
    project_environment,
    refused_run,
    run_or_none,
    shown_to,
)
from damascus.ports import Command, PreparedEnvironment, Recipe, Tools, Workspace

_FILES = 20_000
_FILE_CAP = 5_000_000  # characters of a lock file
_MOST_FILES = 200  # lock files and manifests that are read
_ASKING = 60.0  # seconds a tool has to say which registry it uses
_Places: TypeAlias = Sequence[tuple[str, int]]


def prepare(context: PhaseContext, tools: Tools, tree: MergedTree) -> MergedTree | TestRun:
    """The tree with what the project's set-up makes for it; or what was wrong with the set-up.

    Where environments are kept it is found or made beside the tree, and laid over it by each
    command; else the set-up runs in the tree. Raises ClaimLostError, SandboxError, OSError.
    """
    if (missing := project_directory.refusal(context.project, tree)) is not None:
        return missing
    if not context.project.setup_commands:
        return tree
    made = environment_for(context, tools, tree)
    if made is None:
        return set_up(context, tools, tree, tree.workspace) or tree
    if isinstance(made, TestRun):
        return made
    made.enter(tree.workspace)
    return dataclasses.replace(tree, environment=made)


def environment_for(
    context: PhaseContext, tools: Tools, tree: MergedTree
) -> PreparedEnvironment | TestRun | None:
    """The kept environment of a tree, or what was wrong with its set-up; None: none is kept here.

    Raises what `prepare` raises.
    """
    project = context.project
    if tools.environments is None or not project.setup_commands:
        return None
    recipe = Recipe(
        project=project.name,
        commands=project.setup_commands,
        variables=(*project.variables, *project.secret_variables),
        path="" if tools.image else tools.path,
        sandbox=f"{tools.sandbox.name} {tools.image}".strip(),
        made_from=tree.head_sha,
        work_tree="" if tree.head_sha == tree.base_sha else tools.git.tree_sha(tree.workspace),
        # A set-up may build what the tests run. Where no report shows that they run this tree's own
        # code, what was built of the base would pass for it.
        anew=project.test_evidence == Kind.EXIT_STATUS,
        directory=project.directory,
        secrets={name: tools.variables.get(name, "") for name in project.secret_variables},
    )
    return tools.environments.prepare(
        recipe,
        tree.workspace,
        lambda place: set_up(context, tools, tree, place),
        lost=tools.guard.lost,
    )


def set_up(
    context: PhaseContext, tools: Tools, tree: MergedTree, workspace: Workspace
) -> TestRun | None:
    """Run the project's set-up commands, in their order: what was wrong with one, or None.

    Each is a line that `sh -euc` runs in the project's directory of the checkout of `workspace`,
    which holds the tree. Raises
    ClaimLostError, SandboxError.
    """
    project = context.project
    egress, hosts = _registries(context, tools, tree) if project.setup_commands else ((), ())
    for line in project.setup_commands:
        command = _command(tools, workspace, ("sh", "-euc", line), directory=project.directory)
        finished = run_or_none(
            tools,
            dataclasses.replace(
                command,
                timeout=float(project.setup_timeout_seconds),
                network=is_whole(project.test_network),
                egress=egress,
                hosts=hosts,
                shown=shown_to(workspace) if tools.environments is not None else {},
                log=tools.workspace.log,
            ),
        )
        if finished is None or finished.exit_code in CANNOT_RUN:
            sentence = f"The project's set-up command {line!r} cannot be run: {NOT_THERE}."
        elif finished.exit_code or finished.stopped:
            ended = how_it_ended(finished, project.setup_timeout_seconds)
            sentence = f"The project's set-up command {line!r} {ended}."
        else:
            continue
        if finished is not None and finished.refused:
            sentence += f" {_refused(finished.refused)}"
        refused = refused_run(Verdict.FAIL, tree, (line,), sentence, finished)
        return dataclasses.replace(refused, not_begun="setup")
    return None


def _command(
    tools: Tools, workspace: Workspace, argv: Sequence[str], *, directory: str = ""
) -> Command:
    return Command(
        argv=tuple(argv),
        cwd=workspace.checkout / directory,
        env=project_environment(tools, workspace),
        writable=(workspace.checkout, workspace.home),
        readable=tools.readable,
        output_cap=tools.limits.output_cap,
    )


def _registries(context: PhaseContext, tools: Tools, tree: MergedTree) -> tuple[_Places, _Places]:
    """The places that packages come from, as (host, port): wherever they are, and public ones.

    What the owner or a tool of the machine names may lie in a private network. A file of the
    repository, which agents write, opens no way to this machine and its networks.
    """
    project = context.project
    if is_whole(project.test_network):
        return (), ()  # it has the whole network anyway
    paths = [
        path
        for path in project_directory.files(tools.git, tree.workspace, project, limit=_FILES)
        if concerns(project.directory, path)
    ]
    read = {
        path: tools.git.read(tree.workspace, path, cap=_FILE_CAP, at=tree.base_sha) or ""
        for path in [path for path in paths if is_read(path)][:_MOST_FILES]
    }
    hosts = hosts_of(tools.variables.values()) | {*project.registry_hosts}
    asking = Workspace(tree.workspace.root / "asking")  # nothing of the work's to listen to
    for directory in (asking.checkout, asking.home):
        directory.mkdir(parents=True, exist_ok=True)
    for question in asked_of(paths, project.setup_commands):
        command = dataclasses.replace(_command(tools, asking, question.argv), timeout=_ASKING)
        finished = run_or_none(tools, command)
        if finished is not None and finished.exit_code == 0:
            hosts |= answered(question, finished.output)
    return places(sorted(hosts)), places(sorted(hosts_in(read) - hosts))


def _refused(places: Sequence[str]) -> str:
    hosts = [place.removesuffix(f":{HTTPS}") for place in places]
    options = " ".join(f"--registry-host {host}" for host in hosts)
    return (
        f"It wanted to reach {', '.join(hosts)}, which is no public package registry of the base:"
        f" allow it with {options}, if it is one."
    )
