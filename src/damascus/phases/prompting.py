"""Prompts: templates shipped beside this file, and untrusted data put into them with a border.

A template is Markdown with `{{name}}` where a value goes. Values are put in once: what a value
holds is never read as a template.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources

from damascus.domain.findings import Finding
from damascus.domain.policy import CONVENTIONS_CAP
from damascus.domain.work import Answer, PhaseContext, Project
from damascus.ports import Tools
from damascus.text.sanitize import clean, fenced, head, tail

_PLACE = re.compile(r"\{\{([a-z_]+)\}\}")
_FINDINGS_SHOWN = 5  # what went wrong before that is rarely what goes wrong now
_FINDING_CAP = 8_000
_ANSWER_CAP = 8_000


def template(name: str) -> str:
    """Return the text of `prompts/<name>.md`."""
    return (resources.files("damascus.phases") / "prompts" / f"{name}.md").read_text("utf-8")


def render(name: str, values: Mapping[str, str]) -> str:
    """Return the template `name` with its places filled. A place without a value is a KeyError."""
    return _PLACE.sub(lambda place: values[place.group(1)], template(name))


def data(kind: str, text: str) -> str:
    """Return `text` between two lines that mark it as data and that it cannot forge.

    The mark is a hash of the text itself: to close the border early, a text would have to hold
    its own hash.
    """
    text = clean(text).strip() or "(empty)"
    mark = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"<data kind={kind!r} mark={mark!r}>\n{text}\n</data mark={mark!r}>"


def answers_text(answers: Iterable[Answer]) -> str:
    """Return what people answered, oldest first, as data for a prompt."""
    shown = [
        data("answer", f"Q: {head(a.question, _ANSWER_CAP)}\nA: {head(a.answer, _ANSWER_CAP)}")
        for a in answers
    ]
    return "\n\n".join(shown) or "Nobody was asked anything yet."


def conventions_text(context: PhaseContext, tools: Tools) -> str:
    """Return what the project's owner set down, then what the repository says, capped."""
    directory = context.project.directory
    said = tools.wiki.conventions(tools.workspace, directory=directory)
    found = (context.project.conventions, said)
    text = "\n\n".join(part.strip() for part in found if part.strip())
    return head(text, CONVENTIONS_CAP) or "(none are known)"


def place_text(project: Project) -> str:
    """Where in the checkout an agent works, as the end of a sentence about its directory."""
    if not project.directory:
        return "its top"
    return (
        f"`{project.directory}` in it. That directory is your project; what lies around it is "
        "there to be read. The test command starts in it, and files are named below by their paths "
        "from the top of the checkout"
    )


def outside_text(project: Project) -> str:
    """The rule on files outside of the project's directory; empty where it is all there is."""
    if not project.directory:
        return ""
    rule = f"- Change nothing outside `{project.directory}`: it fails the work as a whole."
    if project.outside_paths:
        listed = ", ".join(f"`{glob}`" for glob in project.outside_paths)
        rule += f" These paths, from the top of the repository, may change where needed: {listed}."
    return f"{rule}\n"


def findings_text(findings: Iterable[Finding]) -> str:
    """Return the latest findings, newest last, as data for a prompt."""
    latest = list(findings)[-_FINDINGS_SHOWN:]
    shown = [data("finding", _finding_text(finding)) for finding in latest]
    return "\n\n".join(shown) or "Nothing went wrong before: this is the first attempt."


def _finding_text(finding: Finding) -> str:
    details = finding.details
    lines = [f"{finding.phase} said {finding.verdict}: {finding.summary}"]
    lines += [f"- {reason}" for reason in details.get("reasons", ())]
    lines += [f"- {path}" for path in details.get("paths", ())]
    if reason := details.get("reason"):
        lines.append(reason)
    if command := details.get("command"):
        lines.append(f"The command was {command}, exit status {details.get('exit_code')}.")
    if output := details.get("output_tail"):
        lines += ["The end of its output:", tail(output, _FINDING_CAP)]
    return head("\n".join(lines), 2 * _FINDING_CAP)


_SERVICES = (
    "The tests run beside these services, each a port and the line that starts it, or "
    "an image. They do not run for you: start those that you need in the background."
)


def services_text(commands: Sequence[str]) -> str:
    """What an agent is told of the services of the tests; empty where there are none."""
    if not commands:
        return ""
    lines = fenced("\n".join(commands), "text")
    return f"\n\n{_SERVICES}\n\n{lines}\n"
