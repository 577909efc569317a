"""What Damascus writes on a forge: branch names, titles, bodies, comments.

Stories, specs and output stand in code blocks, so that nothing in them mentions people, closes
issues, loads images or renders as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

from damascus.domain.story import slugify
from damascus.domain.work import PhaseContext, WorkItem
from damascus.text.sanitize import fenced, head, one_line, tail

_SLUG_CAP = 40
_TITLE_CAP = 120
_TEXT_CAP = 20_000
_OUTPUT_CAP = 6_000
_UNCAGED = " (**no sandbox**: the agent and the tests may do whatever the worker's user may)"


def branch_name(item: WorkItem) -> str:
    """Return the one branch of an item: `damascus-<id>-<slug>`, without a slash.

    A branch once pushed stays the branch, whatever becomes of the title.
    """
    if item.branch:
        return item.branch
    slug = slugify(item.key, limit=_SLUG_CAP) or slugify(item.title, limit=_SLUG_CAP) or "story"
    return f"damascus-{item.id}-{slug}"


def title(item: WorkItem) -> str:
    """Return the title of the pull request.

    It begins with a word of ours: Gitea takes a title that begins with `WIP:` or `[WIP]` for a
    draft and refuses to merge it.
    """
    return one_line(f"Story {item.key}: {item.title}", _TITLE_CAP)


def commit_message(item: WorkItem, *, attempt: int) -> str:
    """Return the message of the commit that carries an agent's work."""
    return f"{title(item)}\n\nBuilt by Damascus, item {item.id}, attempt {attempt}.\n"


def body(context: PhaseContext, *, builder: str, spent: str, sandbox: str) -> str:
    """Return the body of the pull request: the story, the spec, the run.

    `sandbox` is the name of the one in force.
    """
    item = context.item
    intro = (
        "Opened by Damascus. It is merged when the test command passes on the merged tree; "
        "close it to keep it from being merged."
    )
    story = f"### Story\n\n{fenced(head(item.story, _TEXT_CAP))}"
    spec = f"### Specification\n\n{fenced(head(item.spec or '', _TEXT_CAP), 'markdown')}"
    run = (
        "### Run\n\n"
        f"- item: {item.id} (`{_code(item.key)}`)\n"
        f"- attempt: {context.claim.attempts} of {context.claim.budget_cycles}\n"
        f"- builder: `{_code(builder)}`\n"
        f"{_directory(context)}"
        f"- sandbox: `{_code(sandbox)}`{_UNCAGED if sandbox == 'plain' else ''}\n"
        f"- spent so far: {spent}"
    )
    return f"{intro}\n\n{story}\n\n{spec}\n\n{run}"


def _directory(context: PhaseContext) -> str:
    directory = context.project.directory
    return f"- directory: `{_code(directory)}`\n" if directory else ""


def push_comment(*, sha: str, attempt: int) -> tuple[str, str]:
    """Return marker and body of the comment about a later attempt."""
    marker = f"<!-- damascus:pushed {sha} -->"
    return marker, f"{marker}\nAttempt {attempt} pushed {sha}."


def test_comment(
    *,
    colour: str,
    head_sha: str,
    base_sha: str,
    argv: Sequence[str],
    sentence: str,
    output: str,
    evidence: Sequence[str],
) -> tuple[str, str]:
    """Return marker and body of the comment about one test run; one per colour and commits.

    `colour` is green, red, flaky or pre-existing. `evidence` are its lines.
    """
    marker = f"<!-- damascus:review {colour} {head_sha} {base_sha} -->"
    lines = [
        marker,
        f"**Tests {colour}**: {head_sha} merged onto {base_sha}: {sentence}",
        fenced(command_line(argv)),
    ]
    if evidence:
        lines.append(fenced("\n".join(evidence)))
    if colour != "green":
        lines.append(fenced(tail(output, _OUTPUT_CAP)))
    return marker, "\n\n".join(lines)


def command_line(argv: Sequence[str]) -> str:
    """Return a command as one line for people."""
    return one_line(" ".join(argv), 500)


def _code(text: str) -> str:
    return one_line(text.replace("`", "'"), 100)
