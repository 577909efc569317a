"""The spec phase: a story becomes a spec that can be built and tested, or a question.

One model call; nothing leaves the machine but that call. Whatever the model answers, the verdict
comes from reading the answer strictly, never from what the answer says about itself. A test command
that nobody has consented to is tried on the base, and waits for a person (`proposal.py`).
"""

from __future__ import annotations

import dataclasses
import posixpath
import shlex
import shutil
from collections.abc import Sequence

from damascus.crashpoints import Boundary, crashpoint
from damascus.domain import consent
from damascus.domain.work import PhaseContext, PhaseResult, Project, Verdict
from damascus.errors import ConfigurationError
from damascus.phases import (
    budget,
    project_directory,
    prompting,
    proposal,
    spec_document,
    test_command,
)
from damascus.ports import Completion, Tools
from damascus.text.sanitize import head

_LEAST_TOKENS = 4_000  # six sections of a small story do not fit into less
_STORY_CAP = 270_000  # more than a story that can be accepted: none is cut silently
_README_CAP = 8_000
_FILES_SHOWN = 400
_READMES = ("README.md", "README.rst", "README.txt", "README", "readme.md")


def run_spec(context: PhaseContext, tools: Tools) -> PhaseResult:
    """Write the spec of an item, or take up one that waited for consent to its test command.

    Verdicts: `pass` with `spec` and `test_command`; `spec_ambiguous` with `questions`, or with the
    question about the test command; `spec_wrong` with `details["reasons"]`, or for a person when
    the test command could not be tried; `over_budget` when there is no money left.

    Raises:
        DamascusError: for faults of the provider, the forge and the machine.
    """
    kept = proposal.kept_spec(context)
    if kept is not None:
        tools.progress.known(log_path=str(tools.workspace.log))
        return _consented(context, tools, kept)
    if context.remaining_usd == 0:
        return budget.out_of_money(context)
    _check_start(context.project, tools.path)
    tools.builder(context.project.builder or "")  # it raises where no agent could build the spec
    tools.progress.known(log_path=str(tools.workspace.log))
    remote = tools.forge.remote()
    base_sha = tools.git.clone(remote, tools.workspace, ref=context.project.base_branch)
    tools.progress.known(base_sha=base_sha)
    crashpoint(Boundary.MODEL_BEFORE)
    answer = tools.llm().complete(
        system=prompting.template("spec_system"),
        prompt=_prompt(context, tools),
        max_tokens=max(_LEAST_TOKENS, tools.limits.spec_max_tokens),
        ledger=tools.progress,
    )
    return _judge(answer, context, tools)


def _check_start(project: Project, path: str) -> None:
    """Raise ConfigurationError, before anything is paid, when the pinned test command cannot start.

    What the checkout, the set-up or an image may bring along is left to the review.
    """
    if project.test_command is None or project.setup_commands or project.image:
        return
    program = project.test_command[0]
    in_checkout = "/" in program and not program.startswith("/")
    if not in_checkout and shutil.which(program, path=path) is None:
        raise ConfigurationError(
            f"the test command of project {project.name} cannot start: there is no program "
            f"{program!r} on the PATH of tests ({path}); set DAMASCUS_AGENT_PATH where Damascus is "
            f"started, or say `damascus project change {project.name} --test-command …`"
        )


def _consented(
    context: PhaseContext, tools: Tools, kept: tuple[str, tuple[str, ...]]
) -> PhaseResult:
    """Go on with a spec that waited: its command is settled now, or is tried and asked about."""
    spec, proposed = kept
    argv = context.project.test_command or proposed
    passed = PhaseResult(
        Verdict.PASS,
        "The spec that waited for its test command goes on.",
        spec=spec,
        test_command=argv,
    )
    return _with_consent(context, tools, passed, proposed)


def _with_consent(
    context: PhaseContext, tools: Tools, passed: PhaseResult, proposed: tuple[str, ...]
) -> PhaseResult:
    """Let a good spec go on, if its test command needs no consent or has it.

    The spec names the command that will be run, whichever it proposed.
    """
    spec = passed.spec or ""
    result = passed
    if consent.asks(context.project):
        result = proposal.consider(context, tools, spec=spec, argv=proposed, passed=passed)
    argv = result.test_command
    if result.verdict is Verdict.PASS and argv is not None and argv != proposed:
        text = spec_document.with_test_command(spec, shlex.join(argv))
        return dataclasses.replace(result, spec=text)
    return result


def _judge(answer: Completion, context: PhaseContext, tools: Tools) -> PhaseResult:
    project = context.project
    if answer.truncated:
        return _wrong(["The answer was cut off at the token limit; write a shorter spec."], answer)
    try:
        document = spec_document.parse(answer.text)
    except spec_document.SpecWrongError as error:
        return _wrong(error.reasons, answer)
    if isinstance(document, spec_document.OpenQuestions):
        count = len(document.questions)
        return PhaseResult(
            Verdict.SPEC_AMBIGUOUS,
            f"The story leaves {count} {'question' if count == 1 else 'questions'} open.",
            {"questions": list(document.questions)},
            questions=document.questions,
        )
    argv = project.test_command
    if argv is None:  # a pinned one is not the spec's business
        try:
            argv = test_command.parse(document.test_line, project.test_programs)
        except test_command.RefusedCommandError as error:
            return _wrong(error.reasons, answer)
    passed = PhaseResult(
        Verdict.PASS,
        f"The spec has {document.criteria} acceptance criteria.",
        {"criteria": document.criteria},
        spec=document.text,
        test_command=argv,
    )
    return _with_consent(context, tools, passed, argv)


def _wrong(reasons: Sequence[str], answer: Completion) -> PhaseResult:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return PhaseResult(
        Verdict.SPEC_WRONG,
        f"The spec cannot be used: {reasons[0]}{more}",
        {"reasons": list(reasons), "answer_head": head(answer.text, 2_000)},
    )


def _prompt(context: PhaseContext, tools: Tools) -> str:
    item, project, git, workspace = context.item, context.project, tools.git, tools.workspace
    own = (posixpath.join(project.directory, name) for name in _READMES)
    readmes = (git.read(workspace, name, cap=_README_CAP) for name in (*own, *_READMES))
    files = project_directory.files(git, workspace, project, limit=_FILES_SHOWN)
    listing = "\n".join(files)
    if len(files) == _FILES_SHOWN:
        listing += f"\n[… only the first {_FILES_SHOWN} are listed]"
    return prompting.render(
        "spec",
        {
            "title": prompting.data("title", item.title),
            "story": prompting.data("story", head(item.story, _STORY_CAP)),
            "answers": prompting.answers_text(context.answers),
            "findings": prompting.findings_text(item.findings),
            "readme": prompting.data("readme", next((t for t in readmes if t), "(no README)")),
            "files": prompting.data("files", listing),
            "place": _place(project),
            "start": f"`{project.directory}`" if project.directory else "the top of the repository",
            "conventions": prompting.data(
                "conventions", prompting.conventions_text(context, tools)
            ),
            "test_policy": _test_policy(project) + proposal.refused_text(context.commands.refused),
        },
    )


def _place(project: Project) -> str:
    """What the model is told of a project that is a part of the repository."""
    if not project.directory:
        return ""
    leave = ""
    if project.outside_paths:
        listed = ", ".join(f"`{glob}`" for glob in project.outside_paths)
        leave = f", but for {listed}, which may change with it"
    return (
        f"\nThe project is the directory `{project.directory}` of this repository: what the story "
        f"asks for is done in there, and nothing outside of it is changed{leave}. Name every file "
        "by its path from the top of the repository.\n"
    )


def _test_policy(project: Project) -> str:
    if project.test_command is not None:
        pinned = shlex.join(project.test_command)
        return (
            f"This project pins its test command: `{pinned}`. It is what will be run, whatever you "
            "write; repeat it word for word under `## Test Command`, and plan tests it collects."
        )
    programs = project.test_programs or test_command.DEFAULT_TEST_PROGRAMS
    return (
        "This project runs only test commands whose first word is one of: "
        f"{', '.join(f'`{name}`' for name in programs)}."
    )
