"""A test command that a spec proposes: run on the base, then put to a person once.

What a command does is found out by running it: one that starts no test is refused, whatever its
options are called, and the next attempt at the spec is told. Only a command that ran tests (or one
in a repository that has no tests yet) is worth a person's time.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

from damascus.domain.evidence import Kind, Outcome, TestReport
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.evidence import files
from damascus.evidence.runners import Ambient
from damascus.phases import environment_faults, proof
from damascus.phases.pull_request_text import command_line
from damascus.phases.reported_tests import run_reporting
from damascus.phases.test_run import MergedTree, TestRun, check_out, how_it_ended
from damascus.ports import Tools
from damascus.text.sanitize import one_line, tail

_FILES = 20_000
_TAIL_CAP = 3_000
_SHOWN = 5

Argv = tuple[str, ...]


def story_sha(story: str) -> str:
    """The digest by which a spec that waits knows the story it was written for."""
    return hashlib.sha256(story.encode()).hexdigest()


def kept_spec(context: PhaseContext) -> tuple[str, Argv] | None:
    """The spec and the command of an earlier run that waited for consent; None to write a new one.

    A refused command needs a new spec, and so does a story that has changed meanwhile.
    """
    item, findings = context.item, context.item.findings
    last = findings[-1].details.get("proposed_for") if findings else None
    if last is None or item.spec is None or item.test_command is None:
        return None
    refused = item.test_command in context.commands.refused and context.commands.named is None
    return None if refused or last != story_sha(item.story) else (item.spec, item.test_command)


def consider(
    context: PhaseContext, tools: Tools, *, spec: str, argv: Argv, passed: PhaseResult
) -> PhaseResult:
    """Decide what becomes of a good spec whose test command nobody has consented to.

    `passed` is the result of a spec that may go on. Verdicts: `pass` when a person has named the
    command and it ran tests; `spec_ambiguous` when a person is asked; `spec_wrong` when the command
    cannot be run, starts no test or was refused before, or when the environment needs a person.

    Raises:
        ClaimLostError: when the claim was lost meanwhile.
        SandboxError: when this machine cannot run anything at all.
    """
    answers = context.commands
    named = answers.named
    if named is None and argv in answers.refused:
        return _wrong(f"A person has refused the test command {command_line(argv)!r}.", "")
    tried = named or argv
    tree = check_out(
        tools, tools.workspace.home / "base", ref=context.project.base_branch
    )  # beside what is kept of an attempt
    if tried in answers.asked:  # what it does is told there already
        return _ask(context, tree, spec, tried, f"Another spec proposes `{command_line(tried)}`.")
    context = _with_command(context, tried)
    tests = run_reporting(context, tools, tree)
    if tests.run is None and not _not_startable(tests):
        return _environment(context, tests, spec, argv)
    report = tests.report
    if tests.judge is not None and report is not None:
        proof.remember(context, tools, tree, tests.judge, report)
    if named is not None and report is not None and report.executed:
        tools.progress.pin_test_command(named, named_by=answers.named_by)
        return dataclasses.replace(passed, test_command=named)
    directory = context.project.directory
    tracked = tools.git.files(tree.workspace, limit=_FILES, below=directory)
    fresh = not any(files.is_test(path) for path in tracked)
    if named is None:
        why = _why_not(context, tests, argv, fresh=fresh)
        if why is not None:
            return _wrong(why, tests.output)
    asked = _question(context, tools, tree, tests, fresh=fresh)
    return _ask(context, tree, spec, tried, asked)


def _with_command(context: PhaseContext, argv: Argv) -> PhaseContext:
    item = dataclasses.replace(context.item, test_command=argv)
    return dataclasses.replace(context, item=item)


def _not_startable(tests: TestRun) -> bool:
    return tests.refusal is not None and tests.refusal.verdict is Verdict.SPEC_WRONG


def _environment(context: PhaseContext, tests: TestRun, spec: str, argv: Argv) -> PhaseResult:
    """The set-up command fails on the base: no spec can help, so a person is told at once.

    The spec is kept: when the item is retried its command is tried again, and no model is paid.
    """
    return PhaseResult(
        Verdict.SPEC_WRONG,
        f"{tests.sentence} So {command_line(argv)!r} could not be tried on the base: "
        f"{environment_faults.advice(tests.argv)}, then retry.",
        {
            "class": "environment",
            "command": command_line(tests.argv),
            "output_tail": tail(tests.output, _TAIL_CAP),
            "proposed_for": story_sha(context.item.story),
        },
        needs_person=True,
        spec=spec,
        test_command=argv,
    )


def _why_not(context: PhaseContext, tests: TestRun, argv: Argv, *, fresh: bool) -> str | None:
    """Why a command is not worth asking about, as a sentence; None when it is."""
    line, report = command_line(argv), tests.report
    if tests.run is None:
        return tests.sentence
    finished = tests.run.finished
    ended = how_it_ended(finished, context.project.test_timeout_seconds)
    if report is not None and report.executed:
        return None
    known = tests.judge is not None and not isinstance(tests.judge.runner, Ambient)
    quiet = finished.exit_code == 0 and finished.stopped is None
    if fresh and (known or not quiet):
        return None  # nothing can be found out before there is a test
    if not known and quiet and not fresh and context.project.test_evidence == Kind.EXIT_STATUS:
        return None  # the project believes an exit status, and a person sees it first
    what = "ran no test" if report is not None else "reported no test"
    return (
        f"The test command {line!r} {what} on the base ({ended}): name a command that runs the "
        "project's tests by a runner that reports them."
    )


def _wrong(reason: str, output: str) -> PhaseResult:
    return PhaseResult(
        Verdict.SPEC_WRONG,
        f"The spec cannot be used: {reason}",
        {"reasons": [reason], "output_tail": tail(output, _TAIL_CAP)},
    )


def _ask(context: PhaseContext, tree: MergedTree, spec: str, argv: Argv, asked: str) -> PhaseResult:
    line = command_line(argv)
    return PhaseResult(
        Verdict.SPEC_AMBIGUOUS,
        f"May `{one_line(line, 200)}` be the test command of project {context.project.name}?",
        {
            "asked": asked,
            "proposed_for": story_sha(context.item.story),
            "command": line,
            "base_sha": tree.base_sha,
        },
        asks_about_command=True,
        spec=spec,
        test_command=argv,
        base_sha=tree.base_sha,
    )


def _question(
    context: PhaseContext, tools: Tools, tree: MergedTree, tests: TestRun, *, fresh: bool
) -> str:
    """What a person reads before the answer: who proposes, what it did, what answers do."""
    name, line = context.project.name, command_line(tests.argv)
    lines = [
        f"You named `{line}`. Nothing has used it yet."
        if context.commands.named is not None
        else f"The spec of {name}/{context.item.key} proposes `{line}`. Until you answer, nothing "
        "is built with it, and every item that proposes it waits for this one answer.",
        "",
        f"On the base {tree.base_sha[:12]}, in {tools.sandbox.name}: {what_ran(context, tests)}",
        *([_NO_TESTS] if fresh and not _executed(tests.report) else []),
        "",
        "Answers:",
        f"- yes: `{line}` becomes the test command of project {name}, for all its stories.",
        "- no: it is not used, and the specs that proposed it are written again.",
        "- another command, such as `pytest -q`: it is run on the base, and used instead.",
    ]
    if tests.refusal is not None and tests.output.strip():
        lines += ["", "The end of the output:", "", tail(tests.output, _TAIL_CAP)]
    return "\n".join(lines)


_NO_TESTS = (
    "The base has no tests yet. The work that is merged first must bring at least one that this "
    "command reports."
)


def what_ran(context: PhaseContext, tests: TestRun) -> str:
    """One sentence of what a command did, by the names it reported."""
    run = tests.run
    if run is None:
        return tests.sentence
    ended = how_it_ended(run.finished, context.project.test_timeout_seconds)
    took = f"{run.finished.seconds:.1f} s"
    if run.report is None:
        return f"no test was reported by name; it {ended} after {took}."
    return f"{counted(run.report)} ({run.report.runner}, {took}); it {ended}."


def counted(report: TestReport) -> str:
    """The figures of a report, with the first tests that failed."""
    counts = report.counts
    said = f"{len(report.tests)} test{'' if len(report.tests) == 1 else 's'}"
    if report.tests:
        parts = [f"{counts[one]} {one.value}" for one in Outcome if counts[one]]
        said += f": {', '.join(parts)}"
    failed = sorted(report.named(Outcome.FAILED))
    if failed:
        more = f" and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        said += f" [{', '.join(one_line(name, 80) for name in failed[:_SHOWN])}{more}]"
    return said


def _executed(report: TestReport | None) -> int:
    return report.executed if report is not None else 0


def refused_text(refused: Sequence[Argv]) -> str:
    """What a prompt says of the commands that people refused; empty when there are none."""
    if not refused:
        return ""
    shown = ", ".join(f"`{command_line(argv)}`" for argv in refused)
    return f" People have refused these; name none of them: {shown}."
