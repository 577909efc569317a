"""Any headless coding agent, by configuration: an argv and the names of a few variables.

Templates that are known to work without a person (check them against the version you install):

    codex      ["codex", "exec", "-C", "{directory}", "-s", "workspace-write", "--ephemeral",
                "--ignore-user-config", "--ignore-rules", "-"]          variables: OPENAI_API_KEY
    gemini     ["gemini", "--approval-mode", "yolo", "--skip-trust", "-o", "json"]
                                                                        variables: GEMINI_API_KEY
    opencode   ["opencode", "run", "--dir", "{directory}", "--auto", "--format", "json",
                "-m", "provider/model", "Do what the attached file says.", "-f", "{prompt_file}"]
    aider      ["aider", "--message-file", "{prompt_file}", "--yes-always", "--no-check-update",
                "--model", "provider/model"]

The prompt is also on the agent's standard input. The agent starts in the project's directory of the
checkout and may write only in the checkout and in its private HOME; its commits are neither needed
nor used, its changes are.
Some agents let the repository configure them: use the switches that make them ignore it.

What a run cost is read where the template says: an agent, or a line of shell around it, writes a
JSON object to `{usage_file}` or as the last line of its output, with any of `model`,
`input_tokens`, `output_tokens`, `cache_read_tokens`, `cache_write_tokens` and `usd` (the names that
providers use are known too, also below `usage`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from damascus.builders import command_usage, environment, outcomes
from damascus.builders.command_usage import KeySpend, Usage
from damascus.builders.reach import Reach
from damascus.domain.conditions import model_subject
from damascus.domain.work import Cost
from damascus.errors import ConfigurationError
from damascus.errors.outages import ConditionKind, Outage
from damascus.ports import BuildOutcome, BuildRequest, ClaimGuard, Command, Finished, Sandbox

PLACEHOLDERS = (
    "prompt_file",
    "checkout",
    "directory",
    "home",
    "session",
    "seconds",
    "turns",
    "usd",
    "usage_file",
)
SHORTEST_SECRET = 8  # characters; shorter values are switches like "1"
TEMPORARY_FAILURE = 75  # EX_TEMPFAIL of sysexits.h


class CommandAgent:
    """Runs `argv` in the checkout; exit status 0 is success, 75 is a provider's fault.

    Placeholders in the argv: `{prompt_file}` `{checkout}` `{directory}` (where it starts: the part
    of the checkout that is the project) `{home}` are absolute paths, `{session}` is a name,
    `{seconds}` and `{turns}` whole numbers, `{usd}` the most it may spend ("" for no limit). `env`
    is added to the allow-listed environment; its values are hidden in what the outcome says, except
    those shorter than 8 characters. `reach` is what it may reach, by default `base_url` alone. What
    it costs is not known.
    "usage_file",
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        path: str,
        env: Mapping[str, str] | None = None,
        base_url: str | None = None,
        reach: Reach | None = None,
        output_cap: int = 1_000_000,
        name: str = "command",
        usage: Usage = Usage.NONE,
        key_spend: KeySpend | None = None,
    ) -> None:
        self.name = name
        self._usage = usage
        self._key_spend = key_spend
        self._argv = tuple(argv)
        self.model = model_subject(f"the agent {name}", base_url)
        self._path = path
        self._env = dict(env or {})
        self._reach = reach or Reach(environment.egress(base_url) if base_url else ())
        self._output_cap = output_cap
        if not self._argv:
            raise ConfigurationError(
                "No command is set for the coding agent: give its argv as a JSON list."
            )
        for argument in self._argv:
            for unknown in set(re.findall(r"\{(\w+)\}", argument)) - set(PLACEHOLDERS):
                raise ConfigurationError(
                    f"The coding agent's argument {argument!r} holds {{{unknown}}}, which is not "
                    f"known: use {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}."
                )

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        """Run the agent to its end. Raises SandboxError, ConfigurationError."""
        workspace = request.workspace
        env = environment.prepare(workspace, self._path, {**request.env, **self._env})
        argv = self._filled(request)
        program, shown = environment.locate(argv[0], self._path, sandbox)
        # Below HOME: the agent must be able to read the file by its name inside the sandbox.
        prompt = environment.write_private(workspace.home / "prompt.md", request.prompt)
        before = self._key_spend.now() if self._key_spend else None
        finished = sandbox.run(
            Command(
                argv=(str(program), *argv[1:]),
                cwd=request.cwd,
                env=env,
                writable=(workspace.checkout, workspace.home),
                readable=(*shown, *request.readable),
                layers=request.layers,
                shown=request.shown,
                own_program=True,
                timeout=request.seconds,
                **self._reach.for_command(),
                output_cap=self._output_cap,
                stdin=prompt,
                log=workspace.log,
            ),
            guard,
        )
        outcome = judge(finished, said=outcomes.tail(finished.output), model=self.model)
        cost = self._cost(finished, request, before)
        outcome = replace(outcome, cost=cost)
        return outcomes.presentable(outcome, self._env.values())

    def _cost(
        self, finished: Finished, request: BuildRequest, before: Decimal | None
    ) -> Cost | None:
        if self._key_spend is not None:
            return self._key_spend.since(before, self.name)
        if self._usage is Usage.LAST_LINE:
            return command_usage.from_last_line(finished.output, self.name)
        return command_usage.from_file(request.workspace.home, self.name)

    def _filled(self, request: BuildRequest) -> list[str]:
        workspace = request.workspace
        values = {
            "prompt_file": workspace.home / "prompt.md",
            "checkout": workspace.checkout,
            "directory": request.cwd,
            "home": workspace.home,
            "usage_file": workspace.home / command_usage.USAGE_FILE,
            "session": request.session,
            "seconds": int(request.seconds),
            "turns": request.turns,
            "usd": "" if request.usd is None else request.usd,
        }
        # Only the known names: braces of other kinds, as in JSON, stay as they are.
        pattern = re.compile(r"\{(" + "|".join(values) + r")\}")
        return [pattern.sub(lambda found: str(values[found[1]]), part) for part in self._argv]


def judge(finished: Finished, *, said: str, model: str = "command") -> BuildOutcome:
    """Read an exit status. `said` is the end of the output, for people.

    `model` is how conditions name what the agent asks.
    """
    match finished:
        case Finished(stopped="claim_lost"):
            return BuildOutcome(
                ok=False, reason="The claim was lost while the agent ran.", fault=True, text=said
            )
        case Finished(stopped="timeout"):
            return BuildOutcome(ok=False, reason="The agent ran out of time.", text=said)
        case Finished(exit_code=0):
            return BuildOutcome(ok=True, reason="The agent finished.", text=said)
        case Finished(exit_code=code) if code == TEMPORARY_FAILURE:
            reason = "The agent reported a temporary failure (exit status 75)."
            outage = Outage(ConditionKind.MODEL, model, certain=False)
            return BuildOutcome(ok=False, reason=reason, fault=True, text=said, outage=outage)
        case Finished() if (ended := outcomes.killed(finished, "The agent")) is not None:
            kind, reason = ended
            return BuildOutcome(ok=False, reason=reason, fault=kind == "fault", text=said)
        case Finished(exit_code=code):
            reason = f"The agent ended with exit status {code}."
            return BuildOutcome(ok=False, reason=reason, text=said)
